//! Files that are no package, and disks that are full: refused with the reason, and nothing stays.

use mecm_common::config::{ManifestVerification, Signature};

use super::*;
use crate::blobs::faults::Point;

#[tokio::test]
async fn what_is_no_package_is_refused_with_the_reason() {
    on_each(|rig| async move {
        let good = package("zone");
        let rows: Vec<(&str, Vec<u8>, &str)> = vec![
            ("empty", Vec::new(), "not a sound ZIP archive"),
            (
                "no zip",
                b"#!/bin/sh\necho hello\n".repeat(100),
                "not a sound ZIP archive",
            ),
            (
                "cut short",
                good[..good.len() - 30].to_vec(),
                "not a sound ZIP archive",
            ),
            (
                "no descriptor",
                zipped(&[("top/readme.txt", b"hello")]),
                "MainServiceTemplate.yaml",
            ),
            (
                "climbs out",
                zipped(&[
                    ("APPD/MainServiceTemplate.yaml", b"a: 1"),
                    ("../../etc/passwd", b"x"),
                ]),
                "../../etc/passwd",
            ),
            (
                "no yaml",
                zipped(&[("APPD/MainServiceTemplate.yaml", b"\t{{")]),
                "descriptor",
            ),
        ];
        for (what, file, says) in rows {
            let answer = rig.upload(&Form::of(&file)).await;
            let (status, detail) = answer.detail();
            assert!(
                status == 400 && detail.contains(says),
                "{what}: {status} {detail}"
            );
            assert_eq!(
                answer.json()["message"],
                detail.as_str(),
                "the portal shows the message: {what}"
            );
            rig.assert_nothing(what).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_nothing_is_half_written() {
    for point in [
        Point::Create,
        Point::Write,
        Point::Sync,
        Point::Put,
        Point::Placed,
    ] {
        on_each(|rig| async move {
            rig.app.blobs.fill(point, 0);
            let answer = rig.upload(&Form::of(&package("zone"))).await;
            assert_eq!(answer.json()["message"], "Insufficient Storage", "{point:?}");
            assert_eq!(answer.status, 507);
            rig.assert_nothing("full").await;
        })
        .await;
    }
}

#[tokio::test]
async fn the_policy_is_the_configured_one() {
    let manifest = b"app_product_name: zone\nSource: missing.txt\n";
    let yaml = b"metadata: {template_name: zone}\n";
    let file = zipped(&[
        ("top/APPD/MainServiceTemplate.yaml", yaml),
        ("top/zone.mf", manifest),
    ]);
    for (strict, says) in [
        (true, "the manifest does not agree with the package"),
        (false, "a signed package is required"),
    ] {
        for test in TestDb::all(&crate::migrations()).await {
            let rig = Rig::start(test, |config| {
                if strict {
                    config.apm.manifest_verification = ManifestVerification::Strict;
                } else {
                    config.apm.signature = Signature::Required;
                }
            })
            .await;
            let (status, detail) = rig.upload(&Form::of(&file)).await.detail();
            assert!(status == 400 && detail.starts_with(says), "{status} {detail}");
            rig.assert_nothing(says).await;
        }
    }
    on_each(|rig| {
        let file = file.clone();
        async move {
            let id = rig.uploaded(&file).await;
            let one = rig.get(&format!("/packages/{id}")).await.json();
            let warning = "manifest: \"missing.txt\" is listed and is not in the package";
            assert!(
                one["warnings"].as_array().unwrap().contains(&warning.into()),
                "{one}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_package_that_talks_without_end_is_cut_to_what_a_list_can_bear() {
    on_each(|rig| async move {
        // Texts that do not repeat: what is packed too tightly is refused for that.
        let long: String = (0..32).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
        let name = || uuid::Uuid::new_v4().simple();
        let services: String = (0..3_000)
            .map(|_| format!("{{serName: s-{}{}{long}}}, ", name(), name()))
            .collect();
        let yaml = format!(
            "metadata: {{template_author: {long}}}\ntopology_template: {{node_templates: {{app_configuration: \
             {{properties: {{appServiceRequired: [{services}]}}}}}}}}\n"
        );
        let id = rig.uploaded(&zipped(&[("APPD/MainServiceTemplate.yaml", yaml.as_bytes())])).await;
        let answer = rig.get(&format!("/packages/{id}")).await;
        assert!(answer.body.len() < 100_000, "{} bytes", answer.body.len());
        let info = &answer.json()["operationalInfo"];
        assert_eq!(info["provider"].as_str().unwrap().len(), 255);
        let shown = info["servicesRequired"].as_array().unwrap().len();
        let left_out = format!("operationalInfo leaves out {} images, services or dependencies", 3_000 - shown);
        assert!(answer.json()["warnings"].as_array().unwrap().contains(&left_out.into()));
    })
    .await;
}
