//! A package: distributed to hosts, and its page with a row for each of them.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::clients::LIMIT;

impl Field<'_> {
    /// The package of an application as its page shows it: the last one that is listed. The page looks again and again, and
    /// shows a spinner as long as one host is Processing.
    async fn page_of(&self, app: &str) -> Value {
        let began = Instant::now();
        loop {
            let listed = self.get("apm", "/packages").await;
            let shown = is_array(&listed.body).iter().rfind(|one| one["appId"] == app);
            let shown = shown.expect("it is listed at once");
            if is_array(&shown["mecHostInfo"])
                .iter()
                .all(|host| host["status"] != "Processing")
            {
                return shown.clone();
            }
            assert!(began.elapsed() < LIMIT, "{shown}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An app store with one package: its port.
async fn app_store(package: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let length = peer.read(&mut asked).await.unwrap();
            let asked = String::from_utf8_lossy(&asked[..length]).to_ascii_lowercase();
            let head = if asked.contains("\r\naccess_token: ") {
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    package.len()
                )
            } else {
                "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n".to_owned()
            };
            peer.write_all(&[head.as_bytes(), &package].concat())
                .await
                .unwrap();
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_distributed_from_an_app_store_and_then_to_more_hosts() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        let hosts = rig.edges(2, 1).await;
        let port = app_store(sample::build().unwrap()).await;
        let store = json!({"appstoreIp": "127.0.0.1", "appstoreName": "store", "appstorePort": port, "producer": "",
            "uri": format!("https://127.0.0.1:{port}"), "userName": ""});
        assert_eq!(portal.send(Method::POST, "inventory", "/appstores", &store).await.status, 200);
        let (app, package) = ("9f1d13fe8cf247bcbe0e95d4b1a0ad19", "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90");
        let at = format!("http://127.0.0.1:{port}/mec/appstore/v1/apps/{app}");
        let mut body = json!({"appPkgId": package, "appId": app, "appPkgName": "zone-swr-test1", "appPkgVersion": "1.0",
            "appPkgDesc": "none", "appPkgAffinity": "X86", "appPkgPath": format!("{at}/packages/{package}/action/download"),
            "appIconUrl": format!("{at}/icon"), "appProvider": "Huawei", "mecHostInfo": [{"hostIp": hosts[0]}],
            "createdTime": "Mon Nov 23 2026 07:12:03 GMT+0000 (Coordinated Universal Time)",
            "modifiedTime": "Mon Nov 23 2026 07:12:03 GMT+0000 (Coordinated Universal Time)"});
        for many in [1, 2] {
            let sent = portal.send(Method::POST, "apm", "/packages", &body).await;
            assert!((200..300).contains(&sent.status), "{}", sent.body);
            let shown = portal.page_of(app).await["mecHostInfo"].clone();
            let green = is_array(&shown).iter().filter(|host| host["status"] == "Distributed");
            assert_eq!(green.count(), many, "{shown}");
            body["mecHostInfo"] = json!([{"hostIp": hosts[1]}]);
        }
        let create = json!({"appId": app, "appPackageId": package, "appName": "zoneapp", "appInstanceDescription": "x",
            "mecHost": hosts[1], "hwCapabilities": []});
        let created = portal.send(Method::POST, "appo", "/app_instances", &create).await;
        let id = created.body["response"]["app_instance_id"].as_str().unwrap().to_owned();
        portal.until(&id, "Created").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packages_page_shows_its_latest_hosts_and_says_why_a_deploy_fails() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        let hosts = rig.edges(2, 1).await;
        let (good, app) = rig.upload(sample::build().unwrap()).await;
        // A later package of the same application, from a store that nobody knows.
        let bad = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90";
        let both: Vec<Value> = hosts.iter().map(|host| json!({ "hostIp": host })).collect();
        let body = json!({"appPkgId": bad, "appId": app, "appPkgName": "zone-swr-test1", "appPkgVersion": "1.0",
            "appPkgDesc": "none", "appPkgAffinity": "X86", "appPkgPath": "https://127.0.0.1:1/download",
            "appIconUrl": "https://127.0.0.1:1/icon", "appProvider": "Huawei", "mecHostInfo": both,
            "createdTime": "Mon Nov 23 2026 07:12:03 GMT+0000 (Coordinated Universal Time)",
            "modifiedTime": "Mon Nov 23 2026 07:12:03 GMT+0000 (Coordinated Universal Time)"});
        let sent = portal.send(Method::POST, "apm", "/packages", &body).await;
        assert!((200..300).contains(&sent.status), "{}", sent.body);
        let shown = portal.page_of(&app).await;
        assert_eq!(shown["appPkgId"], bad, "the last one is shown");
        for text in ["appPkgName", "appPkgVersion", "appPkgAffinity", "appProvider"] {
            assert_eq!(shown[text], body[text], "{text}");
        }
        let rows = is_array(&shown["mecHostInfo"]).iter();
        let rows: Vec<_> = rows.map(|host| (host["hostIp"].clone(), host["status"].clone())).collect();
        let red = json!("Error");
        assert_eq!(rows, [(json!(hosts[0]), red.clone()), (json!(hosts[1]), red)]);
        for _ in 0..2 {
            let path = format!("/packages/{bad}/hosts/{}", hosts[0]);
            let deleted = portal.call(Method::DELETE, "apm", &path, None).await;
            assert_eq!((deleted.status, &deleted.body), (200, &json!("success")), "whether it is there or not");
            assert_eq!(is_array(&portal.page_of(&app).await["mecHostInfo"]).len(), 1);
        }

        // Deployed where there is no such node: it looks once, and shows why.
        let mut create = json!({"appId": app, "appPackageId": good, "appName": "zoneapp", "appInstanceDescription": "x",
            "mecHost": "127.1.9.9", "hwCapabilities": []});
        let created = portal.send(Method::POST, "appo", "/app_instances", &create).await;
        let id = created.body["response"]["app_instance_id"].as_str().unwrap().to_owned();
        let looked = portal.get("appo", &format!("/app_instance_infos/{id}")).await;
        assert_eq!(looked.body["response"]["operationalStatus"], "Create failed", "{}", looked.body);
        assert!(looked.body["response"]["operationInfo"].as_str().is_some_and(|why| why.contains("127.1.9.9")));
        // What it asks when it has lost the id.
        let lost = portal.get("appo", "/app_instance_infos/undefined").await;
        assert_eq!(lost.detail(), (400, "URL parameter validation failed"));
        // What it shows of a refusal is the message alone.
        create["appInstanceDescription"] = "".into();
        let refused = portal.send(Method::POST, "appo", "/app_instances", &create).await;
        assert_eq!((refused.status, &refused.body["message"]), (400, &json!("input validation failed")));
        create["appInstanceDescription"] = "x".into();
        create["mecHost"] = json!(hosts[0]);
        for status in [202, 412] {
            let created = portal.send(Method::POST, "appo", "/app_instances", &create).await;
            assert_eq!(created.status, status, "{}", created.body);
            if let Some(id) = created.body["response"]["app_instance_id"].as_str() {
                portal.until(id, "Created").await;
                assert_eq!(portal.post_nothing("appo", &format!("/app_instances/{id}")).await.status, 202);
                portal.until(id, "Instantiated").await;
            } else {
                assert_eq!(created.body["message"], "cannot re-use app name : zoneapp");
            }
        }
    })
    .await;
}
