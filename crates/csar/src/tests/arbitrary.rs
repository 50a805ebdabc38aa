//! Whatever the bytes are, an answer comes, at a bounded cost.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use proptest::prelude::*;

use crate::testing::*;
use crate::{Package, Policy, check};

/// Counts what is read, the measure of the work a package causes.
struct Counting {
    inner: Cursor<Vec<u8>>,
    read: u64,
}

impl Read for &mut Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.read += got as u64;
        Ok(got)
    }
}

impl Seek for &mut Counting {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Checks the bytes; holds the check to reading no more than a few times what there is, and its answer to what it may keep.
fn judge(bytes: Vec<u8>) -> Option<Package> {
    let len = bytes.len() as u64;
    let mut file = Counting {
        inner: Cursor::new(bytes),
        read: 0,
    };
    let outcome = check(&mut file, &Policy::default());
    assert!(
        file.read <= 8 * len + (64 << 10),
        "{} bytes were read of {len}",
        file.read
    );
    match outcome {
        Ok(package) => {
            assert!(package.entries.len() <= 1024 && package.warnings.len() <= 202);
            Some(package)
        }
        Err(error) => {
            let text = error.to_string();
            assert!(
                error.is_refusal(),
                "a whole file in memory cannot fail: {error:?}"
            );
            assert!(text.len() < 4096 && !text.contains(char::is_control), "{text:?}");
            None
        }
    }
}

#[test]
fn each_byte_of_a_good_package_may_be_any_of_these() {
    let good = Zip::new(good()).bytes();
    for at in 0..good.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            judge(bytes);
        }
    }
}

#[test]
fn packages_that_claim_too_much_take_no_memory() {
    let claims: [fn(&mut Vec<u8>); 3] = [
        |record| set32(record, 24, u32::MAX - 1),
        |record| set32(record, 20, u32::MAX - 1),
        |record| record[28..32].fill(0xFF),
    ];
    for claim in claims {
        assert!(judge(with(File::new("app/x", "x").central(claim)).bytes()).is_none());
    }
    let bombs = Zip::new(vec![File::new(DESCRIPTOR, vec![b' '; 64 << 20])]);
    assert!(judge(bombs.bytes()).is_none());
    // What the whole process ever held, the archives made here included; told by Linux alone.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        println!("skipped: this system does not say how much memory was used");
        return;
    };
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 1 << 20, "the tests took {peak} KiB");
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        judge(bytes);
    }

    #[test]
    fn arbitrary_bytes_before_a_sound_end_are_judged(
        mut bytes in prop::collection::vec(any::<u8>(), 0..512),
        entries in 0u16..8,
        size in 0u32..512,
    ) {
        let offset = u32::try_from(bytes.len()).unwrap().saturating_sub(size);
        let size = u32::try_from(bytes.len()).unwrap() - offset;
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend(entries.to_le_bytes());
        bytes.extend(entries.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        bytes.extend([0, 0]);
        judge(bytes);
    }

    #[test]
    fn a_good_package_with_several_bytes_changed_is_judged(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = Zip::new(good()).bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        judge(bytes);
    }

    #[test]
    fn an_arbitrary_descriptor_is_judged(yaml in "[ \t\na-c:\\[\\]{},&*<!|>'\"#?-]{0,200}") {
        judge(with_content(DESCRIPTOR, yaml).bytes());
    }

    #[test]
    fn any_name_of_an_upload_is_judged(name in any::<String>()) {
        if let Ok(name) = crate::file_name(&name) {
            prop_assert!(name.to_lowercase().ends_with(".csar"));
            prop_assert!(!name.contains(['/', '\\']) && !name.contains(char::is_whitespace));
            prop_assert_eq!(crate::file_name(&name), Ok(name.clone()));
        }
    }
}
