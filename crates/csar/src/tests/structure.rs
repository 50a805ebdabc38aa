//! The archive as such: its end, its directory, its records.

use std::io::{self, Read, Seek, SeekFrom};

use crate::testing::*;
use crate::{CsarError, Policy, check};

#[test]
fn a_good_package_is_taken_without_a_word() {
    let package = taken(&Zip::new(good()));
    assert_eq!(package.root, "app/");
    assert_eq!(package.descriptor_path, DESCRIPTOR);
    assert_eq!(package.warnings, Vec::<String>::new());
    assert_eq!(package.entries.len(), 6);
    assert_eq!(package.images, ["repo/a:1.0", "repo/b:2.0"]);
}

#[test]
fn what_is_no_zip_is_refused() {
    for bytes in [
        &b""[..],
        b"PK",
        b"a text that is long enough to hold an end record",
    ] {
        let error = check_bytes(bytes.to_vec(), &Policy::default()).unwrap_err();
        assert!(matches!(error, CsarError::NotZip { .. }), "{error}");
    }
}

#[test]
fn a_package_cut_anywhere_is_refused() {
    let whole = Zip::new(good()).bytes();
    for len in 0..whole.len() {
        assert!(
            check_bytes(whole[..len].to_vec(), &Policy::default()).is_err(),
            "taken with {len} of {} bytes",
            whole.len()
        );
    }
}

#[test]
fn bytes_around_the_records_are_refused() {
    let good = Zip::new(good());
    let before = Zip {
        before: b"#!/bin/sh\n".to_vec(),
        ..good.clone()
    };
    assert_eq!(
        refused(&before),
        "entry \"app/\" has 10 bytes before it that belong to no entry"
    );
    let between = Zip {
        between: vec![0; 7],
        ..good.clone()
    };
    assert!(refused(&between).contains("bytes that belong to no entry follow it"));
    let after = Zip {
        after: b"x".to_vec(),
        ..good.clone()
    };
    assert!(refused(&after).contains("bytes after its end record"));
    let mut files = good.files;
    files[2] = files[2].clone().gap(3);
    assert_eq!(
        refused(&Zip::new(files)),
        format!("entry \"{DESCRIPTOR}\" is broken: bytes that belong to no entry follow it")
    );
}

#[test]
fn bytes_put_before_an_archive_are_refused_though_its_places_no_longer_fit() {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend(Zip::new(good()).bytes());
    let error = check_bytes(bytes, &Policy::default()).unwrap_err();
    assert!(matches!(error, CsarError::NotZip { .. }), "{error}");
}

#[test]
fn a_comment_is_fine_unless_it_hides_a_second_end() {
    let comment = |comment: Vec<u8>| Zip {
        comment,
        ..Zip::new(good())
    };
    assert!(taken(&comment(b"made by hand".to_vec())).warnings.is_empty());
    let mut second = b"PK\x05\x06".to_vec();
    second.extend([0; 18]);
    assert!(refused(&comment(second)).contains("two end records"));
}

#[test]
fn a_broken_directory_is_refused() {
    let patched = |end| Zip {
        end: Some(end),
        ..Zip::new(good())
    };
    let more_entries = patched(|end| {
        end[8] += 1;
        end[10] += 1;
    });
    assert!(refused(&more_entries).contains("number of entries"));
    let fewer_entries = patched(|end| {
        end[8] -= 1;
        end[10] -= 1;
    });
    assert!(refused(&fewer_entries).contains("number of entries"));
    let other_place = patched(|end| end[16] ^= 1);
    assert!(refused(&other_place).contains("central directory is not where"));
    let other_size = patched(|end| end[12] ^= 1);
    assert!(refused(&other_size).contains("central directory is not where"));
    let disks = patched(|end| end[4] = 1);
    assert!(refused(&disks).contains("several disks"));
    let record = with(File::new("app/x", "x").central(|record| record[0] = b'X'));
    assert!(refused(&record).contains("central directory is broken"));
    let disk = with(File::new("app/x", "x").central(|record| record[34] = 3));
    assert_eq!(
        refused(&disk),
        "entry \"app/x\" is broken: it lies on another disk"
    );
}

#[test]
fn more_entries_than_allowed_are_refused_and_as_many_as_allowed_are_not() {
    let many = |count: usize| {
        let mut files = good();
        for at in files.len()..count {
            files.push(File::new(format!("app/{at}"), "").stored());
        }
        Zip::new(files)
    };
    assert_eq!(taken(&many(1024)).entries.len(), 1024);
    assert_eq!(
        refused(&many(1025)),
        "the package has 1025 entries, at most 1024 are allowed"
    );
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let shared = with(File::new("app/x", "x").central(|record| set32(record, 42, 0)));
    assert!(refused(&shared).contains("overlaps the record that follows it"));
    // One entry's data reaches over the next record.
    let mut files = good();
    files[2] = files[2].clone().stored().local(|local| set32(local, 18, 4000));
    files[2] = files[2].clone().central(|record| {
        set32(record, 20, 4000);
        set32(record, 24, 4000);
    });
    assert_eq!(
        refused(&Zip::new(files)),
        format!("entry \"{DESCRIPTOR}\" overlaps the record that follows it")
    );
    let beyond = File::new("app/x", "x").central(|record| set32(record, 42, 0x7FFF_0000));
    assert!(refused(&Zip::new(vec![beyond])).contains("overlaps"));
}

#[test]
fn a_local_header_that_says_something_else_is_refused() {
    let x = || File::new("app/x", "some text");
    let why = |file| refused(&with(file));
    assert!(why(x().local(|local| local[0] = 0)).contains("no local header"));
    assert!(why(x().local(|local| local[34] = b'y')).contains("another name"));
    assert!(why(x().local(|local| local[8] = 0)).contains("another compression method"));
    assert!(why(x().local(|local| local[14] ^= 1)).contains("another checksum"));
    assert!(why(x().local(|local| local[22] ^= 1)).contains("other sizes"));
    assert!(why(x().stored().central(|record| record[20] += 1)).contains("has two sizes"));
}

#[test]
fn every_form_of_data_descriptor_is_read_and_a_wrong_one_refused() {
    for follows in [Follows::Signed, Follows::Unsigned, Follows::Wide] {
        for at in [2, 5] {
            let mut files = good();
            files[at] = files[at].clone().follows(follows);
            assert!(taken(&Zip::new(files)).warnings.is_empty());
        }
    }
    let wrong = with(File::new("app/x", "x").follows(Follows::Wrong));
    assert!(refused(&wrong).contains("its data descriptor is not what the directory says"));
    let missing = with(File::new("app/x", "x").flags(8));
    assert!(refused(&missing).contains("its data descriptor is missing"));
}

#[test]
fn zip64_is_read() {
    let zip = Zip {
        zip64: true,
        end: Some(|end| end[8..20].fill(0xFF)),
        ..Zip::new(good())
    };
    assert!(taken(&zip).warnings.is_empty());
    let mut values = 1u64.to_le_bytes().to_vec();
    values.extend(1u64.to_le_bytes());
    let entry = File::new("app/x", "x")
        .stored()
        .extra(field(1, &values), field(1, &values))
        .local(|local| local[18..26].fill(0xFF))
        .central(|record| record[20..28].fill(0xFF));
    assert_eq!(taken(&with(entry)).entries.last().unwrap().size, 1);
}

#[test]
fn zip64_fields_that_disagree_are_refused() {
    let zip = |end64, locator| Zip {
        zip64: true,
        end64,
        locator,
        ..Zip::new(good())
    };
    let disagrees = |zip: Zip, why: &str| {
        let text = refused(&zip);
        assert!(text.contains(why), "{text}");
    };
    disagrees(zip(Some(|end| end[40] ^= 1), None), "ZIP64 end record disagrees");
    disagrees(zip(Some(|end| end[48] ^= 1), None), "ZIP64 end record disagrees");
    disagrees(
        zip(Some(|end| end[4] += 1), None),
        "ZIP64 end record is not where",
    );
    disagrees(zip(Some(|end| end[16] = 1), None), "several disks");
    disagrees(zip(None, Some(|at| at[15] = 0xFF)), "points nowhere");

    let why = |file: File| refused(&with(file));
    let two = |a: u64, b: u64| field(1, &[a.to_le_bytes(), b.to_le_bytes()].concat());
    let text = why(File::new("app/x", "x").stored().extra(Vec::new(), two(2, 1)));
    assert!(
        text.contains("ZIP64 field and its sizes do not fit together"),
        "{text}"
    );
    let text = why(File::new("app/x", "x").central(|record| record[24..28].fill(0xFF)));
    assert!(text.contains("ZIP64 field"), "{text}");
    let text = why(File::new("app/x", "x")
        .stored()
        .extra(Vec::new(), [two(1, 1), two(1, 1)].concat()));
    assert!(text.contains("one extra field is there twice"), "{text}");
    let cut = vec![1, 0, 200, 0, 1];
    let text = why(File::new("app/x", "x").extra(Vec::new(), cut));
    assert!(text.contains("an extra field is cut short"), "{text}");
}

/// A disk that fails.
struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

impl Seek for Failing {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(1000)
    }
}

#[test]
fn a_failing_disk_is_not_the_packages_fault() {
    let error = check(Failing, &Policy::default()).unwrap_err();
    assert!(!error.is_refusal());
    assert_eq!(error.to_string(), "the package could not be read");
}
