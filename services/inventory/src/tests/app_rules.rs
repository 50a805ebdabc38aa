//! App rules of an application instance: one document.

use futures::future::join_all;
use http::Method;
use mecm_common::validate::{Pattern, must_match};
use serde_json::{Value, json};

use super::{Bench, OTHER, TENANT};

const PATH: &str = "/app_instances/5c1c2b7e-6a0b-4c5f-9a0e-3f6f8f1f0a11/appd_configuration";

/// A set with everything in it, as the portal sends it.
fn set() -> Value {
    json!({
        "appName": "zoneapp", "appSupportMp1": true,
        "appTrafficRule": [{
            "trafficRuleId": "TrafficRule1", "filterType": "FLOW", "priority": 0, "action": "DROP",
            "trafficFilter": [{
                "srcAddress": ["192.168.1.1/28", "", "192.168.1.1/28"], "dstAddress": [], "srcPort": [8080], "dstPort": null,
                "protocol": ["ANY"], "tag": [], "srcTunnelAddress": [""], "dstTunnelAddress": [], "srcTunnelPort": [],
                "dstTunnelPort": [], "qCI": 1, "dscp": "0", "tC": 7
            }],
            "dstInterface": [{
                "interfaceType": "MAC", "srcMacAddress": "", "dstMacAddress": "02-00-00-00-00-00",
                "dstIpAddress": "192.0.2.0",
                "tunnelInfo": {"tunnelType": "GTP_U", "tunnelDstAddress": "", "tunnelSrcAddress": "192.0.2.1", "tunnelSpecificData": ""}
            }]
        }],
        "appDNSRule": [{
            "dnsRuleId": "dnsRule1", "domainName": "www.example.com", "ipAddressType": "IP_V4", "ipAddress": "192.0.2.0",
            "ttl": "85000"
        }]
    })
}

/// [`set`] as it is answered.
fn answered() -> Value {
    let mut set = set();
    let filter = &mut set["appTrafficRule"][0]["trafficFilter"][0];
    filter["srcAddress"] = json!(["192.168.1.1/28"]);
    filter["srcPort"] = json!(["8080"]);
    filter["dstPort"] = json!([]);
    filter["srcTunnelAddress"] = json!([]);
    for (spellings, value) in [(["qCI", "qci"], 1), (["dSCP", "dscp"], 0), (["tC", "tc"], 7)] {
        for spelling in spellings {
            filter[spelling] = value.into();
        }
    }
    set["appDNSRule"][0]["ttl"] = 85_000.into();
    set
}

#[tokio::test]
async fn a_set_is_added_read_replaced_and_deleted_as_one() {
    for bench in Bench::all().await {
        bench.get(PATH).await.is_not_found();
        bench.put(PATH, &set()).await.is_not_found();
        bench.delete(PATH).await.is_not_found();

        bench.post(PATH, &set()).await.is_done("Saved");
        bench.post(PATH, &set()).await.is_illegal("Record already exist");
        let read = bench.get(PATH).await;
        assert_eq!((read.status, read.body), (200, answered()));
        // What is answered can be sent back.
        bench.put(PATH, &answered()).await.is_done("Updated");
        assert_eq!(bench.get(PATH).await.body, answered());

        bench
            .put(PATH, &json!({"appName": "zoneapp"}))
            .await
            .is_done("Updated");
        let empty =
            json!({"appName": "zoneapp", "appSupportMp1": null, "appTrafficRule": [], "appDNSRule": []});
        assert_eq!(bench.get(PATH).await.body, empty);

        bench.delete(PATH).await.is_done("Deleted");
        bench.get(PATH).await.is_not_found();
        bench.post(PATH, &set()).await.is_done("Saved");
    }
}

#[tokio::test]
async fn a_priority_that_is_not_sent_comes_back_null() {
    for bench in Bench::all().await {
        let mut set = set();
        set["appTrafficRule"][0]
            .as_object_mut()
            .unwrap()
            .remove("priority");
        bench.post(PATH, &set).await.is_done("Saved");
        let read = bench.get(PATH).await;
        assert_eq!(read.body["appTrafficRule"][0].get("priority"), Some(&Value::Null));
    }
}

#[tokio::test]
async fn tenants_and_instances_have_their_own_rules() {
    let (upper, another) = (
        PATH.replace("5c1c2b7e", "5C1C2B7E"),
        PATH.replace("5c1c2b7e", "6c1c2b7e"),
    );
    for bench in Bench::all().await {
        bench.post(PATH, &set()).await.is_done("Saved");
        assert_eq!(bench.get(&upper).await.status, 200);
        bench.get(&another).await.is_not_found();
        // The same rule ids in another instance, and in another tenant.
        bench.post(&another, &set()).await.is_done("Saved");
        bench.ask_in(OTHER, Method::GET, PATH, "").await.is_not_found();
        bench.ask_in(OTHER, Method::DELETE, PATH, "").await.is_not_found();
        let own = json!({"appName": "other"}).to_string();
        bench.ask_in(OTHER, Method::PUT, PATH, &own).await.is_not_found();
        bench
            .ask_in(OTHER, Method::POST, PATH, &own)
            .await
            .is_done("Saved");
        assert_eq!(bench.get(PATH).await.body["appName"], "zoneapp");
        bench
            .ask_in(OTHER, Method::DELETE, PATH, "")
            .await
            .is_done("Deleted");
        assert_eq!(bench.get(PATH).await.status, 200);
    }
}

#[tokio::test]
async fn an_instance_that_is_none_is_named() {
    for bench in Bench::all().await {
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
            let answer = bench
                .ask(method, "/app_instances/5c1c2b7e/appd_configuration", "{")
                .await;
            answer.is_invalid(&["URL parameter validation failed", "app_instance_id"]);
        }
    }
}

#[tokio::test]
async fn every_constraint_has_its_text() {
    type Change = fn(&mut Value);
    let ip = must_match(Pattern::IpOrCidr);
    let port = must_match(Pattern::Port);
    let cases: &[(Change, &[&str])] = &[
        (
            |set| set["appName"] = Value::Null,
            &["Application name is mandatory"],
        ),
        (
            |set| set["appName"] = "".into(),
            &["Application name is mandatory"],
        ),
        (
            |set| set["appName"] = "a".repeat(129).into(),
            &["size must be between 0 and 128"],
        ),
        (
            |set| set["appName"] = "zone.app".into(),
            &[
                "App name is invalid. It must start and end with alpha numeric character and special characters allowed are hyphen and underscore.",
            ],
        ),
        (
            |set| set["appTrafficRule"] = numbered(set["appTrafficRule"][0].clone(), "trafficRuleId", 17),
            &["size must be between 0 and 16"],
        ),
        (
            |set| set["appDNSRule"] = numbered(set["appDNSRule"][0].clone(), "dnsRuleId", 33),
            &["size must be between 0 and 32"],
        ),
        (
            |set| set["appTrafficRule"] = json!([{}]),
            &[
                "Traffic rule id is mandatory",
                "Filter type is mandatory",
                "Action is mandatory",
            ],
        ),
        (
            |set| {
                set["appTrafficRule"] = json!([{"trafficRuleId": "x".repeat(129), "filterType": "PACKETS", "action": "x".repeat(25)}]);
            },
            &[
                "size must be between 0 and 128",
                "size must be between 0 and 6",
                "size must be between 0 and 24",
            ],
        ),
        (
            |set| set["appTrafficRule"][0]["trafficFilter"] = vec![json!({}); 17].into(),
            &["size must be between 0 and 16"],
        ),
        (
            |set| {
                set["appTrafficRule"][0]["dstInterface"] =
                    vec![json!({"dstIpAddress": "192.0.2.0"}); 3].into()
            },
            &["size must be between 0 and 2"],
        ),
        (
            |set| {
                let filter = &mut set["appTrafficRule"][0]["trafficFilter"][0];
                for list in ["srcAddress", "dstAddress", "srcTunnelAddress", "dstTunnelAddress"] {
                    filter[list] = json!(["192.168.1.1/33"]);
                }
            },
            &[&ip, &ip, &ip, &ip],
        ),
        (
            |set| {
                let filter = &mut set["appTrafficRule"][0]["trafficFilter"][0];
                for list in ["srcPort", "dstPort", "srcTunnelPort", "dstTunnelPort"] {
                    filter[list] = json!(["080"]);
                }
            },
            &[&port, &port, &port, &port],
        ),
        (
            |set| {
                let filter = &mut set["appTrafficRule"][0]["trafficFilter"][0];
                filter["srcAddress"] = (0..17).map(|n| format!("10.0.0.{n}")).collect::<Vec<_>>().into();
                filter["dstPort"] = (1..18).collect::<Vec<_>>().into();
                filter["protocol"] = (0..65).collect::<Vec<_>>().into();
                filter["tag"] = (0..17).collect::<Vec<_>>().into();
            },
            &[
                "size must be between 0 and 16",
                "size must be between 0 and 16",
                "size must be between 0 and 64",
                "size must be between 0 and 16",
            ],
        ),
        (
            |set| {
                set["appTrafficRule"][0]["dstInterface"] = json!([{
                    "interfaceType": "x".repeat(65), "srcMacAddress": "02-00", "dstMacAddress": "02-00-00-00-00-00-00"}]);
            },
            &[
                "size must be between 0 and 64",
                "Source MAC address is invalid",
                "size must be between 0 and 17",
                "Destination MAC address is invalid",
                "Destination ip address is mandatory",
            ],
        ),
        (
            |set| set["appTrafficRule"][0]["dstInterface"][0]["dstIpAddress"] = "".into(),
            &[
                "Destination ip address is mandatory",
                "Destination ip address is invalid",
            ],
        ),
        (
            |set| set["appTrafficRule"][0]["dstInterface"][0]["dstIpAddress"] = "192.168.100.100/32".into(),
            &["size must be between 0 and 15"],
        ),
        (
            |set| {
                set["appTrafficRule"][0]["dstInterface"][0]["tunnelInfo"] = json!({
                    "tunnelType": "x".repeat(65), "tunnelDstAddress": "x", "tunnelSrcAddress": "192.0.2.1/33",
                    "tunnelSpecificData": "x".repeat(257)});
            },
            &[
                "size must be between 0 and 64",
                "Destination tunnel address is invalid",
                "Source tunnel address is invalid",
                "size must be between 0 and 256",
            ],
        ),
        (
            |set| set["appDNSRule"] = json!([{}]),
            &[
                "DNS rule id is mandatory",
                "Domain name is mandatory",
                "ip address is mandatory",
                "IP address is mandatory",
            ],
        ),
        (
            |set| {
                set["appDNSRule"] = json!([{"dnsRuleId": "x".repeat(129), "domainName": "x".repeat(257),
                    "ipAddressType": "IP_V4_OR_6", "ipAddress": ""}]);
            },
            &[
                "size must be between 0 and 128",
                "size must be between 0 and 256",
                "size must be between 0 and 8",
                "IP address is mandatory",
                "IP address is invalid",
            ],
        ),
    ];
    for bench in Bench::all().await {
        bench.post(PATH, &set()).await.is_done("Saved");
        for (change, texts) in cases {
            let mut broken = set();
            change(&mut broken);
            bench.post(PATH, &broken).await.is_invalid(texts);
            bench.put(PATH, &broken).await.is_invalid(texts);
        }
        assert_eq!(bench.get(PATH).await.body, answered(), "nothing of it was kept");
    }
}

/// So many of a rule, each with an id of its own.
fn numbered(rule: Value, id: &str, many: usize) -> Value {
    (0..many)
        .map(|number| {
            let mut rule = rule.clone();
            rule[id] = number.to_string().into();
            rule
        })
        .collect::<Vec<_>>()
        .into()
}

#[tokio::test]
async fn sets_as_large_as_they_may_be_are_kept() {
    let mut large = set();
    large["appTrafficRule"] = numbered(large["appTrafficRule"][0].clone(), "trafficRuleId", 16);
    large["appDNSRule"] = numbered(large["appDNSRule"][0].clone(), "dnsRuleId", 32);
    let filter = &mut large["appTrafficRule"][0]["trafficFilter"][0];
    // Equal items are one before they are counted.
    filter["srcPort"] = [(1..17).collect::<Vec<_>>(), (1..17).collect()].concat().into();
    for bench in Bench::all().await {
        bench.post(PATH, &large).await.is_done("Saved");
        let read = bench.get(PATH).await.body;
        let ports = &read["appTrafficRule"][0]["trafficFilter"][0]["srcPort"];
        let counts =
            [&read["appTrafficRule"], &read["appDNSRule"], ports].map(|list| list.as_array().unwrap().len());
        assert_eq!(counts, [16, 32, 16]);
    }
}

#[tokio::test]
async fn a_rule_id_stands_once() {
    for bench in Bench::all().await {
        bench.post(PATH, &set()).await.is_done("Saved");
        for list in ["appTrafficRule", "appDNSRule"] {
            let mut twice = set();
            twice[list] = vec![twice[list][0].clone(); 2].into();
            bench.post(PATH, &twice).await.is_illegal("rule id is not unique");
            bench.put(PATH, &twice).await.is_illegal("rule id is not unique");
        }
    }
}

#[tokio::test]
async fn what_is_no_rule_set_says_so() {
    for bench in Bench::all().await {
        for body in [
            "",
            "[]",
            "{",
            r#"{"appName":"a","appTrafficRule":7}"#,
            r#"{"appName":"a","appSupportMp1":"perhaps"}"#,
            r#"{"appName":"a","appDNSRule":[{"ttl":"soon"}]}"#,
            r#"{"appName":"a\u0000"}"#,
        ] {
            let answer = bench.ask(Method::POST, PATH, body).await;
            let (status, message, details) = answer.error();
            assert_eq!((status, message), (400, "malformed request body"), "{body}");
            assert_eq!(details.len(), 1, "{body}");
        }
        bench.get(PATH).await.is_not_found();
    }
}

#[tokio::test]
async fn of_many_that_add_at_once_one_does() {
    for bench in Bench::all().await {
        let body = set();
        let answers = join_all((0..12).map(|_| bench.post(PATH, &body))).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1);
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            refused.is_illegal("Record already exist");
        }
    }
}

#[tokio::test]
async fn a_tenant_has_so_many_sets_and_no_more() {
    let benches = Bench::all_with(|config| config.limits.app_instances = 2).await;
    for bench in benches {
        let path =
            |n: usize| format!("/app_instances/5c1c2b7e-6a0b-4c5f-9a0e-00000000000{n}/appd_configuration");
        let (body, paths) = (set(), [1, 2, 3, 4].map(path));
        let answers = join_all(paths.iter().map(|path| bench.post(path, &body))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 2);
        for full in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(
                full.error(),
                (409, "Max record limit exceeded", vec!["app rules: 2"])
            );
        }
        let other = bench.ask_in(OTHER, Method::POST, PATH, &body.to_string()).await;
        other.is_done("Saved");
    }
}

#[tokio::test]
async fn a_tenant_whose_rules_are_all_it_has_still_counts() {
    let benches = Bench::all_with(|config| config.limits.tenants = 1).await;
    for bench in benches {
        bench.post(PATH, &set()).await.is_done("Saved");
        let body = set().to_string();
        let refused = bench.ask_in(OTHER, Method::POST, PATH, &body).await;
        assert_eq!(
            refused.error(),
            (409, "Max record limit exceeded", vec!["tenants: 1"])
        );
        bench
            .ask_in(TENANT, Method::DELETE, PATH, "")
            .await
            .is_done("Deleted");
        bench
            .ask_in(OTHER, Method::POST, PATH, &body)
            .await
            .is_done("Saved");
    }
}
