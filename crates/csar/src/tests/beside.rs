//! The small files beside the descriptor: manifest, `TOSCA.meta`, the list of images; and the top folder.

use crate::testing::*;
use crate::{CsarError, ManifestVerification, Policy, Signature};

fn strict() -> Policy {
    Policy {
        manifest_verification: ManifestVerification::Strict,
        ..Policy::default()
    }
}

fn signed() -> Policy {
    Policy {
        signature: Signature::Required,
        ..Policy::default()
    }
}

#[test]
fn a_hash_that_does_not_agree_is_a_warning_or_refused() {
    let changed = with_content(CHART, "another chart");
    let fault = format!(
        "manifest: \"Artifacts/Deployment/Charts/app.tgz\" has the SHA-256 {}, the manifest says \"{}\"",
        sha256("another chart"),
        sha256("not really a chart")
    );
    assert_eq!(taken(&changed).warnings, [fault.as_str()]);
    assert_eq!(
        refused_by(&changed, &strict()),
        format!("the manifest does not agree with the package: {fault}")
    );
    assert!(check_bytes(Zip::new(good()).bytes(), &strict()).is_ok());
}

#[test]
fn a_listed_file_that_is_not_there_is_a_warning_or_refused() {
    for source in ["Artifacts/missing.txt", "../app/app.mf", "/app.mf"] {
        let zip = with_content(MANIFEST, format!("Source: {source}\n"));
        let fault = format!("manifest: \"{source}\" is listed and is not in the package");
        assert_eq!(taken(&zip).warnings, [fault.as_str()]);
        assert!(refused_by(&zip, &strict()).ends_with(&fault));
    }
}

#[test]
fn what_cannot_be_verified_is_said_and_what_has_no_hash_is_not() {
    let listed = |rest: &str| {
        taken(&with_content(
            MANIFEST,
            format!("Source: {}\n{rest}", &CHART[4..]),
        ))
        .warnings
    };
    assert!(listed("").is_empty());
    let unknown = listed("Algorithm: MD5\nHash: 00\n");
    assert_eq!(unknown.len(), 1);
    assert!(unknown[0].ends_with("was not verified: the algorithm \"MD5\" is not known"));
    let upper = sha256("not really a chart").to_uppercase();
    assert!(listed(&format!("Algorithm: SHA-256\nHash: {upper}\n")).is_empty());
}

#[test]
fn warnings_are_counted_when_there_are_too_many() {
    let manifest: String = (0..1000).map(|at| format!("Source: {at}\n")).collect();
    let warnings = taken(&with_content(MANIFEST, manifest)).warnings;
    assert_eq!(warnings.len(), 101);
    assert_eq!(warnings[100], "and 900 more");
}

#[test]
fn the_manifest_is_found_and_read_in_both_its_forms() {
    let manifest = |name: &str, content: &str| {
        let mut files = without(&[MANIFEST]);
        files.push(File::new(name, content));
        taken(&Zip::new(files)).manifest
    };
    let older = "metadata:\r\n    app_name: gw\r\n    app_provider: Me\r\n    app_archive_version: 1.0\r\n";
    for name in ["app/other.mf", "app/TOSCA-Metadata/x.MF"] {
        let found = manifest(name, older).unwrap();
        assert_eq!(found.entry, name);
        let said = [found.product_name, found.provider, found.version].map(Option::unwrap);
        assert_eq!(said, ["gw", "Me", "1.0"]);
    }
    assert_eq!(manifest("app/Artifacts/x.mf", older), None);
    let two = taken(&with(File::new("app/TOSCA-Metadata/x.mf", older)));
    assert_eq!(two.manifest.unwrap().entry, MANIFEST);
    assert!(two.warnings[0].contains("more than one manifest"));
}

#[test]
fn a_signature_is_a_warning_and_can_be_required() {
    let cms = "app_name: gw\n-----BEGIN CMS-----\nSource: not-a-file\n-----END CMS-----\n";
    let zip = with_content(MANIFEST, cms);
    let package = taken(&zip);
    let manifest = package.manifest.unwrap();
    assert!(manifest.signed && manifest.sources.is_empty());
    assert_eq!(package.warnings.len(), 1);
    assert!(package.warnings[0].contains("the signature was not verified"));

    assert!(refused_by(&zip, &signed()).contains("no trust anchor is configured"));
    assert!(refused_by(&Zip::new(good()), &signed()).contains("is not signed"));
    let none = Zip::new(without(&[MANIFEST]));
    assert!(taken(&none).warnings.is_empty());
    let error = check_bytes(none.bytes(), &signed()).unwrap_err();
    assert!(matches!(error, CsarError::Signature { .. }));
    assert!(error.to_string().contains("has no manifest"));
}

#[test]
fn tosca_meta_may_be_missing_or_wrong() {
    let missing = taken(&Zip::new(without(&[META])));
    assert_eq!(missing.warnings.len(), 1);
    assert!(missing.warnings[0].starts_with("TOSCA-Metadata/TOSCA.meta is missing"));
    let wrong = taken(&with_content(META, "Entry-Definitions: Definitions/other.yaml\n"));
    assert_eq!(
        wrong.warnings,
        [format!(
            "TOSCA.meta names \"Definitions/other.yaml\" as the descriptor; it is \"{DESCRIPTOR}\""
        )]
    );
    let silent = taken(&with_content(META, "CSAR-Version: 1.1\n"));
    assert!(silent.warnings[0].starts_with("TOSCA.meta names no Entry-Definitions"));
}

#[test]
fn the_list_of_images_goes_before_the_descriptors() {
    let package = |content: &str| taken(&with(File::new("app/Image/SwImageDesc.json", content)));
    let listed = package(r#"[{"swImage": "r/x:1", "id": 7}, {"swImage": " r/y:2 "}, {"swImage": "r/x:1"}]"#);
    assert_eq!(listed.images, ["r/x:1", "r/y:2"]);
    for other in ["", "[]", r#"[{"id": 1}]"#] {
        let package = package(other);
        assert_eq!(package.images, ["repo/a:1.0", "repo/b:2.0"]);
        assert!(package.warnings.is_empty());
    }
    let broken = package("{");
    assert_eq!(broken.images, ["repo/a:1.0", "repo/b:2.0"]);
    assert!(broken.warnings[0].contains("is no JSON list"));
}

#[test]
fn the_root_is_the_one_top_folder_or_the_archive() {
    let moved = |to: &str| {
        let mut files: Vec<File> = good();
        files.remove(0);
        for file in &mut files {
            let name = String::from_utf8(file.name.clone()).unwrap();
            file.name = name.replacen("app/", to, 1).into_bytes();
        }
        taken(&Zip::new(files))
    };
    for (to, root) in [("", ""), ("any name/", "any name/"), ("./top/", "top/")] {
        let package = moved(to);
        assert_eq!(package.root, root);
        assert!(package.warnings.is_empty(), "{to}: {:?}", package.warnings);
        assert!(package.manifest.is_some());
    }
    assert_eq!(taken(&with(File::new("__MACOSX/._app", ""))).root, "app/");
}
