//! Files that are no package, and disks that are full: refused with the reason, and nothing stays.

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
    for point in [Point::Write, Point::Sync, Point::Put] {
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
