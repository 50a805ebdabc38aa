//! Names and kinds of entries.

use crate::testing::*;

fn why(name: impl AsRef<[u8]>) -> String {
    refused(&with(File::new(name, "x")))
}

#[test]
fn names_that_lead_elsewhere_are_refused_by_name() {
    assert_eq!(why("/etc/passwd"), "entry \"/etc/passwd\" has an absolute path");
    for name in ["../x", "app/../../x", "app/..", ".."] {
        assert_eq!(
            why(name),
            format!("entry \"{name}\" climbs out of the package with \"..\"")
        );
    }
    for name in ["C:/x", "c:x", "./c:/x"] {
        assert_eq!(
            why(name),
            format!("entry \"{name}\" has a drive letter in its name")
        );
    }
    assert_eq!(why("app\\x"), "entry \"app\\x\" has a backslash in its name");
    assert_eq!(
        why("app/x\0.txt"),
        "entry \"app/x\\u{0}.txt\" has a NUL character in its name"
    );
    assert!(why("").contains("has no name"));
    assert!(why(".").contains("has no name"));
    let long = format!("app/{}", "x".repeat(4093));
    assert!(why(&long).contains("has a name of 4097 bytes, at most 4096 are allowed"));
}

#[test]
fn ordinary_odd_names_are_taken() {
    for name in [
        "app/health check.yaml",
        "app/a..b",
        "app/...",
        "app/视频",
        "app/.gitkeep",
    ] {
        assert_eq!(
            taken(&with(File::new(name, "x"))).entries.last().unwrap().name,
            name
        );
    }
    // Code page 437, where nothing says UTF-8.
    let package = taken(&with(File::new(b"app/caf\x82", "x")));
    assert_eq!(package.entries.last().unwrap().name, "app/café");
    let said = with(File::new(b"app/caf\x82", "x").flags(1 << 11));
    assert!(refused(&said).contains("said to be UTF-8 and is not"));
}

#[test]
fn a_second_name_in_the_extra_fields_is_refused() {
    let mut crc = flate2::Crc::new();
    crc.update(b"app/x");
    let second = [&[1][..], &crc.sum().to_le_bytes(), b"app/y"].concat();
    let second = field(0x7075, &second);
    let central = with(File::new("app/x", "x").extra(Vec::new(), second.clone()));
    assert!(refused(&central).contains("a second, different name"));
    let local = with(File::new("app/x", "x").extra(second, Vec::new()));
    assert!(refused(&local).contains("a second, different name"));
}

#[test]
fn two_files_of_one_name_are_refused_and_folders_may_repeat() {
    assert_eq!(why(CHART), format!("entry \"{CHART}\" is there twice"));
    assert!(why("app//Artifacts/./Deployment/Charts/app.tgz").ends_with("is there twice"));
    assert_eq!(
        taken(&with(File::new("app/APPD/", "").stored())).warnings.len(),
        0
    );
    assert!(why(format!("{CHART}/x")).ends_with("is a file and a folder at once"));
    assert!(why("app/APPD").ends_with("is a file and a folder at once"));
    assert_eq!(
        why("app/full/"),
        "entry \"app/full/\" is a folder and has content"
    );
}

#[test]
fn links_and_special_entries_are_refused() {
    let kind = |attributes| refused(&with(File::new("app/x", "x").attributes(attributes)));
    for attributes in [0o120_777 << 16, 0x400] {
        assert_eq!(kind(attributes), "entry \"app/x\" is a symbolic link");
    }
    for mode in [0o010_000, 0o020_000, 0o060_000, 0o140_000] {
        assert!(kind(mode << 16).ends_with("is a special entry, neither a file nor a folder"));
    }
    assert!(kind(0x8).ends_with("is a special entry, neither a file nor a folder"));
    assert!(
        taken(&with(File::new("app/x", "x").attributes(0o100_644 << 16)))
            .warnings
            .is_empty()
    );
    // The older field in which some tools keep the mode.
    let asi = field(
        0x756E,
        &[&[0; 4][..], &0o120_777u16.to_le_bytes(), &[0; 8]].concat(),
    );
    for (local, central) in [(asi.clone(), Vec::new()), (Vec::new(), asi)] {
        let link = with(File::new("app/x", "x").extra(local, central));
        assert_eq!(refused(&link), "entry \"app/x\" is a symbolic link");
    }
}

#[test]
fn encrypted_entries_are_refused() {
    for flag in [1, 1 << 6, 1 << 13] {
        let encrypted = with(File::new("app/x", "x").flags(flag));
        assert_eq!(refused(&encrypted), "entry \"app/x\" is encrypted");
    }
    let mut aes = File::new("app/x", "x");
    aes.method = 99;
    assert_eq!(refused(&with(aes)), "entry \"app/x\" is encrypted");
    let hidden = with(File::new("app/x", "x").local(|local| local[6] = 1));
    assert_eq!(refused(&hidden), "entry \"app/x\" is encrypted");
}
