//! What the patterns of the interface take comes back as it was sent, on either database; what they do not is refused with
//! its text, and leaves nothing.

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use serde_json::json;
use tokio::runtime::Runtime;

use super::*;

/// Tries this many samples on each database.
const SAMPLES: u32 = 48;

const NAME: &str = r"[0-9\p{L}]|[0-9\p{L}][0-9\p{L}_\-]{0,126}[0-9\p{L}]";
const CITY: &str = r"[0-9\p{L}]|[0-9\p{L}][0-9\p{L}/ \t\n\x0B\x0C\r]{0,126}[0-9\p{L}]";
const AFFINITY: &str = r"[0-9\p{L}]|[0-9\p{L}][0-9\p{L}_\-,]{0,126}[0-9\p{L}]";
const APP_NAME: &str = r"[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9_\-]{0,126}[a-zA-Z0-9]";
const APP_STATUS: &str = "[a-zA-Z0-9_ ]{1,128}";
const INSTANCE: &str = "[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}";
const PACKAGE: &str = "[0-9a-f]{32}";
const IP: &str =
    r"((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const PORT: &str = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|655[0-2][0-9]|6553[0-5]";
const MAC: &str = "[0-9a-fA-F]{2}(-[0-9a-fA-F]{2}){5}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}|[0-9a-fA-F]{2}( [0-9a-fA-F]{2}){5}\
                   |[0-9a-fA-F]{12}|([0-9a-fA-F]{4}\\.){2}[0-9a-fA-F]{4}";

fn on_each_sample<S: Strategy>(samples: &S, check: impl AsyncFn(&Bench, S::Value)) {
    let runtime = Runtime::new().unwrap();
    for bench in runtime.block_on(Bench::all()) {
        let runs = Runs {
            cases: SAMPLES,
            failure_persistence: None,
            ..Runs::default()
        };
        let tried = TestRunner::new(runs).run(samples, |sample| {
            runtime.block_on(check(&bench, sample));
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{error}"));
    }
}

fn cidr() -> impl Strategy<Value = String> {
    (IP, proptest::option::of(0_u8..=32)).prop_map(|(ip, length)| match length {
        Some(length) => format!("{ip}/{length}"),
        None => ip,
    })
}

#[test]
fn a_host_comes_back_as_it_was_sent() {
    let samples = (IP, NAME, NAME, CITY, AFFINITY, PORT, IP, NAME);
    on_each_sample(
        &samples,
        async |bench, (ip, name, zip, city, affinity, port, controller, model)| {
            let mut sent = host(&ip);
            for (member, value) in [
                ("mechostName", &name),
                ("zipCode", &zip),
                ("city", &city),
                ("affinity", &affinity),
                ("edgerepoPort", &port),
                ("applcmIp", &controller),
            ] {
                sent[member] = value.as_str().into();
            }
            sent["hwcapabilities"] = json!([{"hwType": model, "hwVendor": name, "hwModel": zip}]);
            bench.post("/mechosts", &sent).await.is_done("Saved");
            let kept = bench.get(&format!("/mechosts/{ip}")).await.body;
            for member in [
                "mechostIp",
                "mechostName",
                "zipCode",
                "city",
                "affinity",
                "edgerepoPort",
                "applcmIp",
                "hwcapabilities",
            ] {
                assert_eq!(kept[member], sent[member], "{member}");
            }
            bench.delete(&format!("/mechosts/{ip}")).await.is_done("Deleted");
        },
    );
}

#[test]
fn an_application_comes_back_as_it_was_sent() {
    on_each_sample(
        &(INSTANCE, NAME, PACKAGE, APP_STATUS),
        async |bench, (id, name, package, status)| {
            bench.post("/mechosts", &host("10.0.0.1")).await.is_done("Saved");
            let sent = json!({"appInstanceId": id, "appName": name, "packageId": package, "capabilities": ["GPU"],
                "status": status});
            bench
                .post("/mechosts/10.0.0.1/apps", &sent)
                .await
                .is_done("Saved");
            // Its id may be asked for in either case.
            let path = format!("/mechosts/10.0.0.1/apps/{}", id.to_uppercase());
            assert_eq!(bench.get(&path).await.body, sent);
            bench.delete("/mechosts?force=true").await.is_done("Deleted");
        },
    );
}

#[test]
fn rules_come_back_as_they_were_sent() {
    let samples = (INSTANCE, APP_NAME, cidr(), IP, PORT, MAC, cidr());
    on_each_sample(
        &samples,
        async |bench, (instance, name, source, target, port, mac, resolved)| {
            let sent = json!({"appName": name, "appSupportMp1": true,
                "appTrafficRule": [{"trafficRuleId": "T", "filterType": "FLOW", "priority": 1, "action": "DROP",
                    "trafficFilter": [{"srcAddress": [source], "srcPort": [port], "dstTunnelAddress": [source]}],
                    "dstInterface": [{"interfaceType": "IP", "srcMacAddress": mac, "dstMacAddress": mac,
                        "dstIpAddress": target}]}],
                "appDNSRule": [{"dnsRuleId": "D", "domainName": "x", "ipAddressType": "IP_V4", "ipAddress": resolved,
                    "ttl": 1}]});
            let path = format!("/app_instances/{instance}/appd_configuration");
            bench.post(&path, &sent).await.is_done("Saved");
            let kept = bench.get(&path).await.body;
            assert_eq!(kept["appName"], sent["appName"]);
            assert_eq!(kept["appDNSRule"], sent["appDNSRule"]);
            let (kept, sent) = (&kept["appTrafficRule"][0], &sent["appTrafficRule"][0]);
            for member in ["srcAddress", "srcPort", "dstTunnelAddress"] {
                assert_eq!(kept["trafficFilter"][0][member], sent["trafficFilter"][0][member]);
            }
            for member in ["srcMacAddress", "dstMacAddress", "dstIpAddress"] {
                assert_eq!(kept["dstInterface"][0][member], sent["dstInterface"][0][member]);
            }
            bench.delete(&path).await.is_done("Deleted");
        },
    );
}

/// A value with a character that the pattern of its member does not take anywhere, and the member's text.
fn wrong() -> impl Strategy<Value = (&'static str, String, &'static str)> {
    let with = |good: &'static str, bad: &'static str| (good, bad, 0_usize..8);
    let spoilt = |(good, bad, at): (String, String, usize)| {
        let mut all: Vec<char> = good.chars().take(100).collect();
        all.insert(at.min(all.len()), bad.chars().next().unwrap());
        String::from_iter(all)
    };
    prop_oneof![
        with(NAME, "[!#$/., \n\u{660}\u{ff3f}]").prop_map(move |parts| (
            "mechostName",
            spoilt(parts),
            "mechost name is invalid. It must start and end with alpha numeric characters and special characters allowed \
             are hyphen and underscore"
        )),
        with(CITY, "[!#$_.,\u{a0}\u{2028}-]").prop_map(move |parts| (
            "city",
            spoilt(parts),
            "mechost city is invalid. It must start and end with alpha numeric characters and special characters allowed \
             are forward slash and space"
        )),
        with(AFFINITY, "[!#$/. \n]").prop_map(move |parts| (
            "affinity",
            spoilt(parts),
            "mechost affinity is invalid. It must start and end with alpha numeric characters and special characters allowed \
             are hyphen, underscore and comma"
        )),
        with(IP, "[a-z /:-]").prop_map(move |parts| ("mechostIp", spoilt(parts), "mechost IP is invalid")),
        with(PORT, "[a-z .-]").prop_map(move |parts| ("edgerepoPort", spoilt(parts), "edgerepo port is invalid")),
        (65_536_u32..99_999).prop_map(|port| ("edgerepoPort", port.to_string(), "edgerepo port is invalid")),
        (256_u32..999).prop_map(|octet| ("mechostIp", format!("10.0.0.{octet}"), "mechost IP is invalid")),
        "0[0-9]".prop_map(|octet| ("mechostIp", format!("10.0.{octet}.1"), "mechost IP is invalid")),
    ]
}

#[test]
fn what_a_pattern_does_not_take_is_refused_with_its_text_and_leaves_nothing() {
    on_each_sample(&wrong(), async |bench, (member, value, text)| {
        let mut sent = host("10.0.0.1");
        sent[member] = value.as_str().into();
        let answer = bench.post("/mechosts", &sent).await;
        assert_eq!(answer.status, 400, "{member} {value:?}");
        let details = answer.body["details"].as_array().unwrap();
        assert!(details.contains(&text.into()), "{member} {value:?}: {details:?}");
        assert_eq!(bench.get("/mechosts").await.status, 404);
    });
}
