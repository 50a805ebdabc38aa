//! Onboarding by URL.

mod refused;
mod where_from;

use std::time::Duration;

use serde_json::json;

use super::app_store::{AppStore, Serves};
use super::*;
use crate::keep;
use crate::store::packages;

const ID: &str = "30000000000040008000000000000001";

/// A package manager on each database, with an app store that is on its list.
async fn on_each_with_store<F: Future<Output = ()>>(run: impl Fn(Rig, AppStore) -> F) {
    for test in TestDb::all(&crate::migrations()).await {
        let store = AppStore::start().await;
        let listed = store.listed();
        let change = |config: &mut Config| {
            config.apm.app_stores = vec![listed];
            config.peers.service_seconds = 2;
            config.limits.package = 100_000;
        };
        let rig = Rig::beside(&store.url(""), test, change).await;
        run(rig, store).await;
    }
}

/// As the portal sends it.
fn body(path: &str) -> Value {
    json!({"appPkgId": ID, "appPkgName": "zone", "appPkgVersion": "1.0", "appPkgPath": path, "appProvider": "Huawei",
        "appPkgDesc": "desc", "appPkgAffinity": "X86", "appIconUrl": null,
        "createdTime": "Thu Nov 26 2026 10:00:00 GMT+0800 (中国标准时间)", "modifiedTime": null,
        "appId": "9f1d13fe8cf247bcbe0e95d4b1a0ad19", "mecHostInfo": [{"hostIp": "10.0.0.2"}, {"hostIp": "10.0.0.3"}]})
}

impl Rig {
    /// Onboards, and waits for the end with all that may be tried again.
    async fn onboarded(&self, body: &Value) -> Value {
        let answer = self.onboard(body).await;
        assert_eq!((answer.status, answer.json()), (202, json!({"packageId": ID})));
        self.settled().await
    }

    async fn settled(&self) -> Value {
        for _ in 0..30 {
            self.idle().await;
            self.clock.advance(Duration::from_secs(5));
        }
        self.one().await
    }

    async fn one(&self) -> Value {
        self.get(&format!("/packages/{ID}")).await.json()
    }

    async fn until_asked(&self, store: &AppStore, times: usize) {
        let asked = async {
            while store.asked().len() < times {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LIMIT, asked).await.expect("it is asked for");
    }
}

fn hosts(package: &Value) -> Vec<(&str, &str, &Value)> {
    let all = package["mecHostInfo"].as_array().unwrap().iter();
    all.map(|host| {
        (
            host["hostIp"].as_str().unwrap(),
            host["status"].as_str().unwrap(),
            &host["error"],
        )
    })
    .collect()
}

#[tokio::test]
async fn a_package_is_fetched_with_the_callers_token_checked_and_distributed() {
    on_each_with_store(|rig, store| async move {
        let file = package("zone");
        store.serve("/p/download", Serves::File(file.clone()));
        let began = mecm_common::service::wire_time(rig.clock.now());
        let one = rig.onboarded(&body(&store.url("/p/download"))).await;
        assert_eq!(
            hosts(&one),
            [
                ("10.0.0.2", "Distributed", &json!("")),
                ("10.0.0.3", "Distributed", &json!(""))
            ]
        );
        for (name, value) in [
            ("appPkgName", json!("zone")),
            ("appPkgPath", json!(store.url("/p/download"))),
            ("appProvider", json!("Huawei")),
            ("appPkgDesc", json!("desc")),
            ("appPkgAffinity", json!("X86")),
            ("appIconUrl", Value::Null),
            ("size", json!(file.len())),
            ("createdTime", json!(began)),
        ] {
            assert_eq!(one[name], value, "{name}");
        }
        assert_eq!(one["operationalInfo"]["name"], "zone");
        let got = rig.get(&format!("/packages/{ID}/download")).await;
        assert_eq!(got.body.as_ref(), file.as_slice());
        let token = rig.token(TENANT, "ROLE_MECM_TENANT", 60);
        let [(path, sent)] = &store.asked()[..] else {
            panic!("{:?}", store.asked())
        };
        // The clock has gone on: its claims are the same but for the end.
        let same = |token: &str| token.split('.').next().unwrap().to_owned();
        assert_eq!(path, "/p/download");
        assert_eq!(same(sent.as_deref().unwrap()), same(&token));
        assert!(store.tokens().is_empty());
    })
    .await;
}

#[tokio::test]
async fn before_the_file_is_there_hosts_are_processing_and_there_is_nothing_to_download() {
    on_each_with_store(|rig, store| async move {
        store.serve("/p", Serves::Stalls(vec![0; 10]));
        assert_eq!(rig.onboard(&body(&store.url("/p"))).await.status, 202);
        rig.until_asked(&store, 1).await;
        let one = rig.one().await;
        assert_eq!(
            hosts(&one),
            [
                ("10.0.0.2", "Processing", &Value::Null),
                ("10.0.0.3", "Processing", &Value::Null)
            ]
        );
        assert_eq!(
            (&one["size"], &one["operationalInfo"], &one["warnings"]),
            (&Value::Null, &Value::Null, &json!([]))
        );
        let none = rig.get(&format!("/packages/{ID}/download")).await;
        assert_eq!(none.json()["message"], "No such element");
        assert_eq!(
            none.detail(),
            (404, "csar package file does not exists".to_owned())
        );
        // Whoever is not wanted any more stops, and writes nothing back.
        for host in ["10.0.0.2", "10.0.0.3"] {
            let path = format!("/packages/{ID}/hosts/{host}");
            assert_eq!(rig.ask(Method::DELETE, &path, &[]).await.status, 200);
        }
        rig.idle().await;
        assert_eq!(rig.one().await["mecHostInfo"], json!([]));
        rig.no_file("nobody waits").await;
        assert_eq!(rig.onboard(&body(&store.url("/p"))).await.status, 202);
        rig.until_asked(&store, 2).await;
        let gone = rig.ask(Method::DELETE, &format!("/packages/{ID}"), &[]).await;
        assert_eq!(gone.status, 200);
        rig.idle().await;
        rig.assert_nothing("deleted meanwhile").await;
    })
    .await;
}

#[tokio::test]
async fn again_it_replaces_what_is_said_and_fetches_only_what_is_missing() {
    on_each_with_store(|rig, store| async move {
        store.serve("/p", Serves::File(package("zone")));
        let first = rig.onboarded(&body(&store.url("/p"))).await;
        let mut again = body(&store.url("/other"));
        again["appPkgName"] = "area".into();
        again["appPkgDesc"] = Value::Null;
        again["mecHostInfo"] = json!([{"hostIp": "10.0.0.4", "status": null, "error": null}, {"hostIp": "10.0.0.3"},
            {"hostIp": "10.0.0.4"}]);
        let second = rig.onboarded(&again).await;
        assert_eq!(second["appPkgName"], "area");
        assert_eq!(second["appPkgDesc"], Value::Null);
        assert_eq!(second["createdTime"], first["createdTime"]);
        assert_ne!(second["modifiedTime"], first["modifiedTime"]);
        let all: Vec<_> = hosts(&second).into_iter().map(|(ip, status, _)| (ip, status)).collect();
        assert_eq!(
            all,
            [
                ("10.0.0.2", "Distributed"),
                ("10.0.0.3", "Distributed"),
                ("10.0.0.4", "Distributed")
            ]
        );
        assert_eq!(store.asked().len(), 1, "it is there");
        assert_eq!(rig.get("/packages").await.json().as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_newer_path_wins_over_the_one_that_is_being_fetched() {
    on_each_with_store(|rig, store| async move {
        store.serve("/slow", Serves::Stalls(vec![0; 10]));
        store.serve("/p", Serves::File(package("zone")));
        assert_eq!(rig.onboard(&body(&store.url("/slow"))).await.status, 202);
        rig.until_asked(&store, 1).await;
        let one = rig.onboarded(&body(&store.url("/p"))).await;
        assert_eq!(hosts(&one)[0].1, "Distributed");
        assert_eq!(one["appPkgPath"], store.url("/p"));
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_fetched_from_an_earlier_path_is_not_kept() {
    on_each_with_store(|rig, store| async move {
        store.serve("/p", Serves::Stalls(vec![0; 10]));
        assert_eq!(rig.onboard(&body(&store.url("/p"))).await.status, 202);
        // As a fetch does that comes to its end just when the package is onboarded from elsewhere.
        let mut tx = rig.test.db.begin_read().await.unwrap();
        let source = packages::source(&mut tx, TENANT.parse().unwrap(), ID.parse().unwrap()).await;
        let seq = source.unwrap().unwrap().seq;
        drop(tx);
        for (path, kept) in [("/earlier", false), ("/p", true)] {
            let mut incoming = rig.app.blobs.receive().await.unwrap();
            incoming.write(&package("zone")).await.unwrap();
            let received = incoming.finish().await.unwrap();
            let (received, file) = rig.app.judge.check(received).await.unwrap();
            let arrived = keep::arrive(&rig.app, seq, &store.url(path), file, received).await;
            assert_eq!(arrived.unwrap(), kept, "{path}");
            let status = hosts(&rig.one().await)[0].1.to_owned();
            assert_eq!(status, if kept { "Distributed" } else { "Processing" }, "{path}");
        }
        rig.settled().await;
    })
    .await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_of_each_host_and_the_row_stays() {
    on_each_with_store(|rig, store| async move {
        store.serve("/no-package", Serves::File(b"hello".to_vec()));
        store.serve("/large", Serves::File(vec![0; 100_001]));
        store.serve("/stalls", Serves::Stalls(vec![0; 10]));
        store.serve("/breaks", Serves::Breaks(vec![0; 10]));
        store.serve("/away", Serves::Status(503, 1_000, Vec::new()));
        store.serve("/circle", Serves::Redirect("/circle".to_owned()));
        store.serve("/nowhere", Serves::Redirect("ftp://127.0.0.1/x".to_owned()));
        let at = store.listed();
        for (path, why) in [
            ("/none", format!("{at} answered 404")),
            ("/no-package", "the package is not a sound ZIP archive".to_owned()),
            ("/large", "the package is larger than 100000 bytes".to_owned()),
            ("/stalls", "it says nothing more".to_owned()),
            ("/breaks", at.clone()),
            ("/away", format!("{at} answered 503")),
            (
                "/circle",
                format!("{at} redirects to no address that can be followed"),
            ),
            (
                "/nowhere",
                format!("{at} redirects to no address that can be followed"),
            ),
        ] {
            let one = rig.onboarded(&body(&store.url(path))).await;
            for (_, status, error) in hosts(&one) {
                let error = error.as_str().unwrap();
                assert_eq!(status, "Error", "{path}: {error}");
                assert!(error.contains(&why), "{path}: {error}");
            }
            rig.no_file(path).await;
        }
        // A while later it is there.
        store.serve("/late", Serves::Status(503, 2, package("zone")));
        let one = rig.onboarded(&body(&store.url("/late"))).await;
        assert_eq!(hosts(&one)[0].1, "Distributed");
    })
    .await;
}

#[tokio::test]
async fn what_was_under_way_is_taken_up_again_after_a_restart_and_no_token_lies_about() {
    on_each_with_store(|rig, store| async move {
        store.serve("/p", Serves::Stalls(vec![0; 10]));
        assert_eq!(rig.onboard(&body(&store.url("/p"))).await.status, 202);
        rig.until_asked(&store, 1).await;
        let mut tx = rig.test.db.begin_read().await.unwrap();
        let kept: (Option<Vec<u8>>,) = mecm_common::on_db!(&mut tx, conn =>
            sqlx::query_as("SELECT secret FROM jobs WHERE ended IS NULL").fetch_one(conn).await.unwrap());
        drop(tx);
        let token = rig.token(TENANT, "ROLE_MECM_TENANT", 60);
        let kept = kept.0.unwrap();
        assert!(
            !kept.windows(20).any(|window| window == &token.as_bytes()[..20]),
            "it lies there in clear"
        );
        store.serve("/p", Serves::File(package("zone")));
        let rig = rig.restart().await;
        let one = rig.settled().await;
        assert_eq!(hosts(&one)[0].1, "Distributed");
        assert_eq!(rig.files().1, 0);
    })
    .await;
}
