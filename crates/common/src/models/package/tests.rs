use super::*;

/// What the portal sends.
const PORTAL: &str = r#"{"appPkgId":"4d8f28a2c9a64bb6b0ef2f3c7e1b5a90","appId":"2d7a0c5b14f84c6c8f0a9e6b3d1c7f52",
    "appPkgName":"zone-swr-test1","appPkgVersion":"1.0","appPkgDesc":"for testing","appPkgAffinity":"X86",
    "appPkgPath":"https://appstore-be-svc:8099/mec/appstore/v1/apps/a/packages/p/action/download",
    "appIconUrl":"https://appstore-be-svc:8099/mec/appstore/v1/apps/a/icon","appProvider":"Huawei",
    "mecHostInfo":[{"hostIp":"10.0.0.2"}],
    "createdTime":"Mon Nov 23 2026 07:12:03 GMT+0000 (Coordinated Universal Time)","modifiedTime":"any"}"#;

fn broken(change: impl FnOnce(&mut OnboardRequest)) -> Vec<String> {
    let mut request = serde_json::from_str(PORTAL).unwrap();
    change(&mut request);
    Violations::of(&request)
}

#[test]
fn what_the_portal_sends_breaks_nothing() {
    assert!(broken(|_| ()).is_empty());
    assert!(broken(|r| r.app_icon_url = Some(String::new())).is_empty());
    assert!(broken(|r| r.app_pkg_path = None).is_empty(), "answered apart");
}

#[test]
fn each_constraint_has_its_text_in_field_order() {
    assert_eq!(
        broken(|r| *r = OnboardRequest::default()),
        [
            "appPkgId must not be empty",
            "appPkgName must not be empty",
            "appPkgVersion must not be empty",
            "appId must not be empty",
            "mecHost info must not be empty"
        ]
    );
    assert_eq!(
        broken(|r| r.app_pkg_path = Some(String::new())),
        ["invalid app package path"]
    );
    assert_eq!(
        broken(|r| r.app_pkg_path = Some("ftp://host/x".into())),
        ["invalid app package path"]
    );
    assert_eq!(
        broken(|r| r.app_icon_url = Some("icon".into())),
        ["invalid app icon path"]
    );
    assert_eq!(
        broken(|r| r.app_pkg_version = Some("v".repeat(256))),
        ["appPkgName must not exceed more than 255 characters"]
    );
    let host = |ip: &str| OnboardHost {
        host_ip: Some(ip.to_owned()),
        ..OnboardHost::default()
    };
    assert_eq!(
        broken(|r| r.mec_host_info = vec![host("1.2.3.4.5.6.7.8.9"), host("")]),
        [
            "host ip address must not exceed more than 15 characters",
            "host ip address is invalid",
            "hostIp must not be empty",
            "host ip address is invalid"
        ]
    );
}
