//! What is refused at once.

use super::*;

#[tokio::test]
async fn every_broken_constraint_has_its_text_and_leaves_nothing() {
    on_each_with_store(|rig, store| async move {
        let good = body(&store.url("/p"));
        let long = |n: usize| Value::from("x".repeat(n));
        let name = "appPkgName is invalid. It must start with alpha numeric characters and special characters allowed are \
                    hyphen and underscore.";
        let id = "appPkgId is invalid. It must be smaller case letters or numbers with length of 32 characters.";
        let app = "appId is invalid. It must be smaller case letters or numbers with maximum length of 32 characters.";
        for (field, value, text) in [
            ("appPkgId", Value::Null, "appPkgId must not be empty"),
            ("appPkgId", json!("X"), id),
            ("appPkgName", Value::Null, "appPkgName must not be empty"),
            ("appPkgName", long(256), "appPkgName must not exceed more than 255 characters"),
            ("appPkgName", json!("-x"), name),
            ("appPkgVersion", json!(""), "appPkgVersion must not be empty"),
            ("appPkgVersion", long(256), "appPkgName must not exceed more than 255 characters"),
            ("appPkgPath", Value::Null, "App Package Path is null"),
            ("appPkgPath", json!(""), "invalid app package path"),
            ("appPkgPath", json!("store/x"), "invalid app package path"),
            ("appPkgPath", json!("ftp://store/x"), "invalid app package path"),
            ("appPkgPath", json!("file:///etc/passwd"), "invalid app package path"),
            ("appPkgPath", json!("http:x"), "invalid app package path"),
            ("appPkgPath", json!("http://u:p@store/x"), "invalid app package path"),
            ("appPkgPath", json!("http://store/x y"), "invalid app package path"),
            ("appPkgPath", json!("http:\\\\store\\x"), "invalid app package path"),
            ("appProvider", long(1025), "appProvider must not exceed more than 1024 characters"),
            ("appPkgDesc", long(1025), "appPkgDesc must not exceed more than 1024 characters"),
            ("appPkgAffinity", long(256), "appPkgAffinity must not exceed more than 255 characters"),
            ("appIconUrl", json!("icon"), "invalid app icon path"),
            ("createdTime", long(256), "createdTime must not exceed more than 255 characters"),
            ("modifiedTime", long(256), "modifiedTime must not exceed more than 255 characters"),
            ("appId", Value::Null, "appId must not be empty"),
            ("appId", json!("X"), app),
            ("mecHostInfo", json!([]), "mecHost info must not be empty"),
            ("mecHostInfo", Value::Null, "mecHost info must not be empty"),
            ("mecHostInfo", json!([{"hostIp": "10.0.0.300"}]), "host ip address is invalid"),
            ("mecHostInfo", json!([{}]), "hostIp must not be empty"),
            ("mecHostInfo", json!([{"hostIp": "10.0.0.2222222222"}]), "host ip address must not exceed more than 15 characters"),
            ("mecHostInfo", json!([{"hostIp": "10.0.0.2", "status": "x".repeat(256)}]), "status must not exceed more than 255 characters"),
            ("mecHostInfo", json!([{"hostIp": "10.0.0.2", "error": "x".repeat(1025)}]), "error must not exceed more than 1024 characters"),
            ("appPkgId", long(65), "appPkgId must not exceed more than 64 characters"),
            ("appId", long(65), "appId must not exceed more than 64 characters"),
            ("appIconUrl", json!(format!("http://store/{}", "x".repeat(1024))), "appIconUrl must not exceed more than 1024 characters"),
        ] {
            let mut broken = good.clone();
            broken[field] = value.clone();
            assert_eq!(
                rig.onboard(&broken).await.detail(),
                (400, text.to_owned()),
                "{field} {value}"
            );
        }
        let mut longest = good.clone();
        longest["appPkgPath"] = format!("{}/{}", store.url(""), "x".repeat(1024)).into();
        assert_eq!(
            rig.onboard(&longest).await.detail(),
            (
                400,
                "appPkgPath must not exceed more than 1024 characters".to_owned()
            )
        );
        rig.assert_nothing("all were refused").await;
        assert!(store.asked().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_quota_counts_packages_once_and_their_hosts_all() {
    for test in TestDb::all(&crate::migrations()).await {
        let store = AppStore::start().await;
        let listed = store.listed();
        let change = |config: &mut Config| {
            config.apm.app_stores = vec![listed];
            config.limits.records = 2;
        };
        let rig = Rig::beside(&store.url(""), test, change).await;
        store.serve("/p", Serves::File(package("zone")));
        let good = body(&store.url("/p"));
        let of = |last: u8| {
            let mut one = good.clone();
            one["appPkgId"] = format!("300000000000400080000000000000{last:02}").into();
            one
        };
        for (last, expected) in [(1, 202), (2, 202), (3, 409), (1, 202)] {
            assert_eq!(rig.onboard(&of(last)).await.status, expected, "{last}");
        }
        assert_eq!(
            rig.onboard(&of(3)).await.detail(),
            (409, "packages: 2".to_owned())
        );
        let mut more = of(1);
        more["mecHostInfo"] = json!([{"hostIp": "10.0.0.9"}]);
        assert_eq!(
            rig.onboard(&more).await.detail(),
            (409, "hosts of a package: 2".to_owned())
        );
        rig.settled().await;
        assert_eq!(hosts(&rig.one().await).len(), 2);
    }
}
