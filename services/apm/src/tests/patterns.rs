//! What the patterns of the interface take comes back as it was sent, on either database; what they do not is refused, and
//! leaves nothing.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config as Runs, TestRunner};
use serde_json::json;
use tokio::runtime::Runtime;

use super::*;

/// Tries this many samples on each database.
const SAMPLES: u32 = 48;

/// As `appPkgName` must be, up to the longest.
const NAME: &str = r"[0-9\p{L}]|[0-9\p{L}][0-9\p{L}_\-.]{0,253}[0-9\p{L}]";
const ID: &str = "[0-9a-f]{32}";
const OCTET: &str = "[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]";

/// Runs `check` with samples on every database there is here. Nothing listens where Inventory and app stores would be.
fn on_each_sample<S: Strategy>(samples: &S, check: impl AsyncFn(&Rig, S::Value)) {
    let runtime = Runtime::new().unwrap();
    for test in runtime.block_on(TestDb::all(&crate::migrations())) {
        let rig = runtime.block_on(Rig::start(test, |_| {}));
        let runs = Runs {
            cases: SAMPLES,
            failure_persistence: None,
            ..Runs::default()
        };
        let tried = TestRunner::new(runs).run(samples, |sample| {
            runtime.block_on(check(&rig, sample));
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{error}"));
        rig.stop.cancel();
        runtime.block_on(rig.app.engine.stopped());
    }
}

/// Any text of so many characters that a database can keep.
fn text(length: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    let kept = any::<char>().prop_filter("U+0000 cannot be kept", |c| *c != '\0');
    prop::collection::vec(kept, length).prop_map(String::from_iter)
}

fn host_ip() -> impl Strategy<Value = String> {
    let octet = || proptest::string::string_regex(OCTET).unwrap();
    (octet(), octet(), octet(), octet()).prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}"))
}

/// A name with one character that none may have, or may not have there.
fn no_name() -> impl Strategy<Value = String> {
    let forbidden = "[ \t\n!#$%&'()*+,/:;<=>?@\\[\\]^`{|}~\u{a0}\u{2028}\u{660}\u{ff3f}\u{1f600}]";
    prop_oneof![
        (NAME, forbidden, any::<Index>()).prop_map(|(name, wrong, at)| {
            let mut all: Vec<char> = name.chars().take(250).collect();
            all.insert(at.index(all.len() + 1), wrong.chars().next().unwrap());
            String::from_iter(all)
        }),
        (r"[_\-.]", r"[0-9\p{L}_\-.]{0,20}").prop_map(|(first, rest)| first + &rest),
        (r"[0-9\p{L}_\-.]{0,20}", r"[_\-.]").prop_map(|(rest, last)| rest + &last),
    ]
}

fn no_id() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-f]{1,31}",
        "[0-9a-f]{33,64}",
        "[0-9a-f]{0,31}[A-Fg-z-][0-9a-f]{0,31}",
        "[0-9a-f]{31}[٠-٩é\n ]",
    ]
}

fn no_ip() -> impl Strategy<Value = String> {
    prop_oneof![
        (host_ip(), r"[.0a-z /:\-\n]").prop_map(|(ip, wrong)| wrong + &ip),
        (host_ip(), r"[.a-z /:\-\n]").prop_map(|(ip, wrong)| ip + &wrong),
        (256_u32..1_000, 0_u8..10).prop_map(|(wrong, last)| format!("10.{wrong}.0.{last}")),
        r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}",
        r"[0-9](\.[0-9]){4,6}",
    ]
}

impl Rig {
    async fn forget(&self, id: &str) {
        let gone = self.ask(Method::DELETE, &format!("/packages/{id}"), &[]).await;
        assert_eq!(gone.status, 200);
    }
}

fn announced(id: &str, name: &str, ip: &str) -> Value {
    json!({"appPkgId": id, "appPkgName": name, "appPkgVersion": "1", "appPkgPath": "http://127.0.0.1:9/p",
        "appId": "9f1d13fe8cf247bcbe0e95d4b1a0ad19", "mecHostInfo": [{"hostIp": ip}]})
}

#[test]
fn what_is_onboarded_by_url_comes_back_as_it_was_said() {
    let samples = (
        ID,
        ID,
        NAME,
        text(1..=255),
        text(0..=1024),
        text(0..=255),
        host_ip(),
    );
    on_each_sample(
        &samples,
        async |rig, (id, app, name, version, words, affinity, ip)| {
            let mut body = announced(&id, &name, &ip);
            body["appId"] = app.as_str().into();
            body["appPkgVersion"] = version.as_str().into();
            body["appProvider"] = words.as_str().into();
            body["appPkgDesc"] = words.as_str().into();
            body["appPkgAffinity"] = affinity.as_str().into();
            let answer = rig.onboard(&body).await;
            assert_eq!((answer.status, answer.json()), (202, json!({"packageId": id})));
            let one = rig.get(&format!("/packages/{id}")).await.json();
            for member in [
                "appPkgId",
                "appId",
                "appPkgName",
                "appPkgVersion",
                "appPkgPath",
                "appProvider",
                "appPkgDesc",
                "appPkgAffinity",
            ] {
                assert_eq!(one[member], body[member], "{member}");
            }
            assert_eq!(one["mecHostInfo"][0]["hostIp"], ip);
            let list = rig.get("/packages").await.json();
            assert_eq!(list[0]["appPkgName"], name, "{list}");
            rig.forget(&id).await;
        },
    );
}

#[test]
fn what_a_pattern_does_not_take_is_refused_in_a_body() {
    const NAME_TEXT: &str = "appPkgName is invalid. It must start with alpha numeric characters and special characters allowed \
                             are hyphen and underscore.";
    const ID_TEXT: &str =
        "appPkgId is invalid. It must be smaller case letters or numbers with length of 32 characters.";
    const IP_TEXT: &str = "host ip address is invalid";
    let good = ("30000000000040008000000000000001", "zone", "10.0.0.2");
    let samples = prop_oneof![
        no_name().prop_map(move |name| (announced(good.0, &name, good.2), NAME_TEXT)),
        no_id().prop_map(move |id| (announced(&id, good.1, good.2), ID_TEXT)),
        no_ip().prop_map(move |ip| (announced(good.0, good.1, &ip), IP_TEXT)),
    ];
    on_each_sample(&samples, async |rig, (body, text)| {
        let answer = rig.onboard(&body).await;
        let details = answer.json()["details"].clone();
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            details.as_array().unwrap().contains(&text.into()),
            "{body}: {details}"
        );
        assert_eq!(rig.get("/packages").await.json(), json!([]));
    });
}

#[test]
fn what_a_pattern_does_not_take_is_refused_in_a_path() {
    on_each_sample(&(no_id(), no_ip()), async |rig, (id, ip)| {
        let encoded = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let good = "30000000000040008000000000000001";
        for (path, parameter) in [
            (format!("/packages/{}", encoded(&id)), "app_package_id"),
            (format!("/packages/{good}/hosts/{}", encoded(&ip)), "host_ip"),
        ] {
            let answer = rig.ask(Method::DELETE, &path, &[]).await;
            let told = (answer.status, answer.json()["details"].clone());
            assert_eq!(
                told,
                (400, json!(["URL parameter validation failed", parameter])),
                "{id:?} {ip:?}"
            );
        }
    });
}

#[test]
fn what_is_uploaded_comes_back_as_it_was_said() {
    let names = prop_oneof![Just(String::new()), NAME];
    let samples = (
        names,
        text(0..=255),
        prop::collection::vec(host_ip(), 1..6),
        " {0,2}",
    );
    let file = package("zone");
    on_each_sample(&samples, async |rig, (name, version, ips, blank)| {
        let form = Form::default()
            .file("sample.csar", &file)
            .text("appPackageName", &name)
            .text("appPackageVersion", &version)
            .text("hostList", &ips.join(&format!("{blank},{blank}")));
        let answer = rig.upload(&form).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let id = answer.json()["appPackageId"].as_str().unwrap().to_owned();
        let one = rig.get(&format!("/packages/{id}")).await.json();
        assert_eq!(
            (&one["appPkgName"], &one["appPkgVersion"]),
            (&json!(name), &json!(version))
        );
        let mut once: Vec<&String> = Vec::new();
        for ip in &ips {
            if !once.contains(&ip) {
                once.push(ip);
            }
        }
        let hosts = one["mecHostInfo"].as_array().unwrap().iter();
        assert!(hosts.map(|host| &host["hostIp"]).eq(once), "{one}");
        rig.forget(&id).await;
    });
}

#[test]
fn what_a_pattern_does_not_take_is_refused_in_an_upload() {
    let good = || {
        Form::default()
            .file("sample.csar", &package("zone"))
            .text("appPackageVersion", "1")
    };
    let samples = prop_oneof![
        no_name().prop_map(|name| (name, "10.0.0.2".to_owned())),
        no_ip()
            .prop_filter("blanks around are fine", |ip| ip.trim() == ip)
            .prop_map(|ip| ("zone".to_owned(), format!("10.0.0.2,{ip}"))),
    ];
    on_each_sample(&samples, async |rig, (name, hosts)| {
        let form = good().text("appPackageName", &name).text("hostList", &hosts);
        assert_eq!(rig.upload(&form).await.status, 400, "{name:?} {hosts:?}");
        rig.assert_nothing(&name).await;
    });
}
