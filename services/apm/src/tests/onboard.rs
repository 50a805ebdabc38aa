//! Upload, list, read, download, delete.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

#[tokio::test]
async fn an_upload_is_kept_listed_read_downloaded_and_deleted() {
    on_each(|rig| async move {
        let file = package("zone");
        let answer = rig.upload(&Form::of(&file)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let told = answer.json();
        let id = told["appPackageId"].as_str().unwrap();
        assert_eq!((id.len(), told["appId"].as_str().unwrap().len()), (32, 32));

        let one = rig.get(&format!("/packages/{id}")).await.json();
        let digest = hex::encode(Sha256::digest(&file));
        assert_eq!(one["appPkgName"], "sample");
        assert_eq!(one["appPkgVersion"], "1.0");
        assert_eq!(one["appId"], told["appId"]);
        assert_eq!(one["sha256"], digest.as_str());
        assert_eq!(one["size"], file.len());
        assert_eq!(one["operationalInfo"]["name"], "zone");
        assert_eq!(
            one["mecHostInfo"],
            json!([{"hostIp": "10.0.0.2", "status": "Distributed", "error": ""},
                {"hostIp": "10.0.0.3", "status": "Distributed", "error": ""}])
        );
        assert_eq!(rig.get("/packages").await.json(), json!([one]));

        let got = rig.get(&format!("/packages/{id}/download")).await;
        assert_eq!((got.status, got.body.as_ref()), (200, file.as_slice()));
        assert_eq!(got.header("content-type"), "application/octet-stream");
        assert_eq!(got.header("etag"), format!("\"{digest}\""));
        assert_eq!(got.header("content-length"), file.len().to_string());
        assert_eq!(
            got.header("content-disposition"),
            format!("attachment; filename=\"{id}.csar\"")
        );

        let gone = rig.ask(Method::DELETE, &format!("/packages/{id}"), &[]).await;
        assert_eq!((gone.status, gone.body.as_ref()), (200, &b"success"[..]));
        assert!(gone.header("content-type").starts_with("text/plain"));
        rig.assert_nothing("after the delete").await;
        for path in [format!("/packages/{id}"), format!("/packages/{id}/download")] {
            assert_eq!(
                rig.get(&path).await.detail(),
                (404, "Record not found".into()),
                "{path}"
            );
        }
        let again = rig.ask(Method::DELETE, &format!("/packages/{id}"), &[]).await;
        assert_eq!(again.detail(), (404, "Record not found".into()));
    })
    .await;
}

#[tokio::test]
async fn a_part_of_a_file_is_given_and_one_that_the_caller_has_is_not() {
    on_each(|rig| async move {
        let file = package("zone");
        let id = rig.uploaded(&file).await;
        let path = format!("/packages/{id}/download");
        let part = rig.ask(Method::GET, &path, &[("range", "bytes=10-19")]).await;
        assert_eq!((part.status, part.body.as_ref()), (206, &file[10..20]));
        assert_eq!(
            part.header("content-range"),
            format!("bytes 10-19/{}", file.len())
        );
        let outside = rig.ask(Method::GET, &path, &[("range", "bytes=999999-")]).await;
        assert_eq!(
            (outside.status, outside.header("content-range")),
            (416, format!("bytes */{}", file.len()).as_str())
        );
        let etag = part.header("etag").to_owned();
        let same = rig.ask(Method::GET, &path, &[("if-none-match", &etag)]).await;
        assert_eq!(
            (same.status, same.body.len(), same.header("etag")),
            (304, 0, etag.as_str())
        );
        for (known, status) in [
            (etag.clone(), 206),
            ("\"other\"".to_owned(), 200),
            (format!("W/{etag}"), 200),
            ("*".to_owned(), 200),
            (format!("{etag}, \"other\""), 200),
        ] {
            let headers = [("range", "bytes=10-19"), ("if-range", known.as_str())];
            assert_eq!(
                rig.ask(Method::GET, &path, &headers).await.status,
                status,
                "{known}"
            );
        }
        for known in ["*".to_owned(), format!("\"other\", {etag}"), format!("W/{etag}")] {
            let headers = [("if-none-match", known.as_str())];
            assert_eq!(rig.ask(Method::GET, &path, &headers).await.status, 304, "{known}");
        }
    })
    .await;
}

#[tokio::test]
async fn two_packages_of_the_same_bytes_share_a_file_until_the_last_is_gone() {
    on_each(|rig| async move {
        let file = package("zone");
        let (one, two) = (rig.uploaded(&file).await, rig.uploaded(&file).await);
        assert_ne!(one, two);
        assert_eq!(rig.files().0.len(), 1);
        rig.ask(Method::DELETE, &format!("/packages/{one}"), &[]).await;
        assert_eq!(rig.get(&format!("/packages/{two}/download")).await.body, file);
        rig.ask(Method::DELETE, &format!("/packages/{two}"), &[]).await;
        rig.assert_nothing("after both").await;
    })
    .await;
}

#[tokio::test]
async fn equal_uploads_and_deletes_at_once_leave_every_package_its_file() {
    on_each(|rig| async move {
        let file = package("zone");
        for _ in 0..3 {
            let ids = futures::future::join_all((0..6).map(|_| rig.uploaded(&file))).await;
            let (rig, file) = (&rig, &file);
            let mixed = ids.iter().map(|id| async move {
                rig.ask(Method::DELETE, &format!("/packages/{id}"), &[]).await;
                rig.uploaded(file).await
            });
            for id in futures::future::join_all(mixed).await {
                assert_eq!(rig.get(&format!("/packages/{id}/download")).await.status, 200);
                rig.ask(Method::DELETE, &format!("/packages/{id}"), &[]).await;
            }
            rig.assert_nothing("after all").await;
        }
    })
    .await;
}

#[tokio::test]
async fn lists_are_oldest_first() {
    on_each(|rig| async move {
        let mut ids = Vec::new();
        for number in 0..5 {
            ids.push(rig.uploaded(&package(&format!("app{number}"))).await);
        }
        let list = rig.get("/packages").await.json();
        let listed: Vec<_> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|package| package["appPkgId"].as_str().unwrap())
            .collect();
        assert_eq!(listed, ids);
    })
    .await;
}

#[tokio::test]
async fn the_record_of_a_host_goes_alone_and_what_is_not_there_is_fine() {
    on_each(|rig| async move {
        let id = rig.uploaded(&package("zone")).await;
        for host in ["10.0.0.2", "10.0.0.3", "10.0.0.2", "10.9.9.9"] {
            let path = format!("/packages/{id}/hosts/{host}");
            let gone = rig.ask(Method::DELETE, &path, &[]).await;
            assert_eq!(
                (gone.status, gone.body.as_ref()),
                (200, &b"success"[..]),
                "{host}"
            );
        }
        assert_eq!(
            rig.get(&format!("/packages/{id}")).await.json()["mecHostInfo"],
            json!([])
        );
        let unknown = format!("/packages/{}/hosts/10.0.0.2", "0".repeat(32));
        assert_eq!(rig.ask(Method::DELETE, &unknown, &[]).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn files_that_a_crash_left_are_gone_after_the_next_start() {
    on_each(|rig| async move {
        let id = rig.uploaded(&package("zone")).await;
        let packages = rig.folder.0.join("packages");
        std::fs::write(packages.join("incoming/abandoned"), b"half").unwrap();
        std::fs::write(packages.join("blobs").join("a".repeat(64)), b"no row").unwrap();
        let rig = rig.restart().await;
        assert_eq!((rig.files().0.len(), rig.files().1), (1, 0));
        assert_eq!(rig.get(&format!("/packages/{id}/download")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_tenant_over_its_quota_is_told_so_and_nothing_is_kept() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.limits.records = 1).await;
        let of_one_host = |name: &str| {
            Form::of(&package(name))
                .without("hostList")
                .text("hostList", "10.0.0.2")
        };
        let taken = rig.upload(&of_one_host("one")).await;
        assert_eq!(taken.status, 202, "{taken:?}");
        let (kept, _) = rig.files();
        let refused = rig.upload(&of_one_host("two")).await;
        assert_eq!(refused.json()["message"], "Max record limit exceeded");
        assert_eq!((refused.status, kept.len()), (409, 1));
        rig.files_are(&kept, "over the quota").await;
    }
}
