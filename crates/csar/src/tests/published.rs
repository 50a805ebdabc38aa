//! Published packages, where they are at hand: `MECM_FIXTURES`, else `../shared/fixtures/csar` beside the project.

use std::fs::File;
use std::path::PathBuf;

use crate::{ManifestVerification, Package, Policy, check};

fn open(name: &str) -> Option<File> {
    let beside = || {
        PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/fixtures/csar"
        ))
    };
    let path = std::env::var_os("MECM_FIXTURES")
        .map_or_else(beside, PathBuf::from)
        .join(name);
    let file = File::open(&path).ok();
    if file.is_none() {
        println!(
            "skipped: there is no {}; set MECM_FIXTURES to its folder",
            path.display()
        );
    }
    file
}

fn read(name: &str) -> Option<Package> {
    open(name).map(|file| check(file, &Policy::default()).unwrap())
}

fn refused_when_strict(name: &str) -> bool {
    let strict = Policy {
        manifest_verification: ManifestVerification::Strict,
        ..Policy::default()
    };
    open(name).is_none_or(|file| check(file, &strict).is_err())
}

#[test]
fn packages_with_rules_and_placeholder_hashes() {
    for (name, required) in [
        ("apprules.csar", "face-recognize"),
        ("positioning_with_mepagent_new.csar", "test"),
        ("sampleapp.csar", "test"),
    ] {
        let Some(package) = read(name) else { continue };
        assert!(
            package
                .descriptor_path
                .ends_with("/APPD/Definition/MainServiceTemplate.yaml")
        );
        assert_eq!(
            package.images,
            [
                "swr.ap-southeast-1.myhuaweicloud.com/edgegallery/mep-agent:1.0",
                "swr.ap-southeast-1.myhuaweicloud.com/edgegallery/positioning_service:1.0"
            ],
            "{name}"
        );
        let info = &package.descriptor;
        assert_eq!(info.provider.as_deref(), Some("EdgeGallery"));
        assert_eq!(info.name.as_deref(), Some("MEC"));
        assert_eq!(info.version.as_deref(), Some("v1.0.0"));
        assert_eq!(info.services_required[0].ser_name.as_deref(), Some(required));
        assert_eq!(info.services_required[0].version.as_deref(), Some("1.0"));
        assert_eq!(
            info.services_produced[0].ser_name.as_deref(),
            Some("positioning-service")
        );

        let rules = info.rules.as_ref().unwrap();
        let count = |name: &str| rules[name].as_array().unwrap().len();
        assert_eq!((count("appTrafficRule"), count("appDNSRule")), (1, 1));
        assert_eq!(rules["appName"], "positioning-service");
        let rule = &rules["appTrafficRule"][0];
        assert_eq!(rule["dstInterface"][0]["interfaceType"], "TUNNEL");
        assert_eq!(rule["trafficFilter"][0]["dstTunnelAddress"][0], "10.10.10.10");
        assert_eq!(rule["trafficFilter"][0]["srcPort"][0], "8080");
        assert!(
            package
                .descriptor
                .hardware
                .iter()
                .any(|one| one.value.as_deref() == Some("GPU"))
        );

        // Both files the manifest lists carry a placeholder.
        assert_eq!(package.warnings.len(), 2, "{name}: {:?}", package.warnings);
        assert!(package.warnings.iter().all(|text| {
            text.contains("has the SHA-256")
                && text.contains(
                    "the manifest says \"c21317143c6c2618e61afc8e1e599b32a470705cdcc979c9c9b69f5f00017930\"",
                )
        }));
        assert!(refused_when_strict(name));
    }
}

#[test]
fn a_package_that_depends_on_another_and_has_no_hashes() {
    let Some(package) = read("dependencies.csar") else {
        return;
    };
    assert_eq!(package.root, "csar_template/");
    assert_eq!(
        package.descriptor_path,
        "csar_template/Definitions/MainServiceTemplate.yaml"
    );
    let [dependency] = &package.descriptor.dependencies[..] else {
        panic!("{:?}", package.descriptor.dependencies)
    };
    assert_eq!(dependency.name.as_deref(), Some("test-gw"));
    assert_eq!(dependency.app_id.as_deref(), Some("abc123"));
    assert_eq!(dependency.package_id.as_deref(), Some("abc123"));
    assert!(package.images.is_empty());
    assert_eq!(package.warnings, Vec::<String>::new());
    assert!(!refused_when_strict("dependencies.csar"));
}

#[test]
fn a_package_of_the_older_layout_lists_a_file_it_does_not_hold() {
    let Some(package) = read("older-layout.csar") else {
        return;
    };
    assert!(package.images.is_empty());
    assert_eq!(package.descriptor.rules, None);
    let manifest = package.manifest.unwrap();
    assert_eq!(manifest.product_name.as_deref(), Some("zoneminder"));
    assert_eq!(manifest.provider.as_deref(), Some("Huawei"));
    let missing =
        "manifest: \"Artifacts/Deployment/Charts/zoneminder.tgz\" is listed and is not in the package";
    assert!(!package.warnings.is_empty());
    assert!(
        package.warnings.iter().all(|text| text == missing),
        "{:?}",
        package.warnings
    );
    assert!(refused_when_strict("older-layout.csar"));
}
