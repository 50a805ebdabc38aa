//! App rules: what is set, and what is taken away.

use super::*;
use crate::tests::on_each;

const FIELDS: &[Field] = &[
    field("/appName", 128, "Application name is mandatory", APP_NAME),
    field(
        "/appTrafficRule/0/trafficRuleId",
        128,
        "Traffic rule id is mandatory",
        "",
    ),
    field("/appTrafficRule/0/filterType", 6, "Filter type is mandatory", ""),
    field("/appTrafficRule/0/action", 24, "Action is mandatory", ""),
    field("/appTrafficRule/0/dstInterface/0/interfaceType", 64, "", ""),
    field(
        "/appTrafficRule/0/dstInterface/0/srcMacAddress",
        17,
        "",
        "Source MAC address is invalid",
    ),
    field(
        "/appTrafficRule/0/dstInterface/0/dstMacAddress",
        17,
        "",
        "Destination MAC address is invalid",
    ),
    field(
        "/appTrafficRule/0/dstInterface/0/dstIpAddress",
        15,
        "Destination ip address is mandatory",
        "Destination ip address is invalid",
    ),
    field(
        "/appTrafficRule/0/dstInterface/0/tunnelInfo/tunnelType",
        64,
        "",
        "",
    ),
    field(
        "/appTrafficRule/0/dstInterface/0/tunnelInfo/tunnelDstAddress",
        18,
        "",
        "Destination tunnel address is invalid",
    ),
    field(
        "/appTrafficRule/0/dstInterface/0/tunnelInfo/tunnelSrcAddress",
        18,
        "",
        "Source tunnel address is invalid",
    ),
    field(
        "/appTrafficRule/0/dstInterface/0/tunnelInfo/tunnelSpecificData",
        256,
        "",
        "",
    ),
    field("/appDNSRule/0/dnsRuleId", 128, "DNS rule id is mandatory", ""),
    field("/appDNSRule/0/domainName", 256, "Domain name is mandatory", ""),
    field("/appDNSRule/0/ipAddressType", 8, "ip address is mandatory", ""),
    field(
        "/appDNSRule/0/ipAddress",
        18,
        "IP address is mandatory",
        "IP address is invalid",
    ),
];

const LISTS: &[List] = &[
    List {
        at: "/appTrafficRule",
        max: 16,
        item: |n| json!({"trafficRuleId": format!("t{n}"), "filterType": "FLOW", "action": "DROP"}),
    },
    List {
        at: "/appDNSRule",
        max: 32,
        item: |n| json!({"dnsRuleId": format!("d{n}"), "domainName": "a.b", "ipAddressType": "IP_V4", "ipAddress": "10.0.0.1"}),
    },
    List {
        at: "/appTrafficRule/0/trafficFilter",
        max: 16,
        item: |n| json!({"srcPort": [n + 1]}),
    },
    List {
        at: "/appTrafficRule/0/dstInterface",
        max: 2,
        item: |n| json!({"dstIpAddress": format!("10.0.0.{n}")}),
    },
    List {
        at: "/appTrafficRule/0/trafficFilter/0/protocol",
        max: 64,
        item: |n| json!(format!("P{n}")),
    },
    List {
        at: "/appTrafficRule/0/trafficFilter/0/tag",
        max: 16,
        item: |n| json!(format!("tag {n}")),
    },
];

const ADDRESSES: [&str; 4] = ["srcAddress", "dstAddress", "srcTunnelAddress", "dstTunnelAddress"];
const PORTS: [&str; 4] = ["srcPort", "dstPort", "srcTunnelPort", "dstTunnelPort"];

/// POST and PUT of a set for an instance that is not there: told only when the set breaks nothing.
fn sets() -> [Call; 2] {
    let mut filter = json!({"protocol": ["ANY"], "tag": ["tag"], "qCI": 1, "dSCP": 1, "tC": 1});
    for name in ADDRESSES {
        filter[name] = json!(["192.168.1.1/32"]);
    }
    for name in PORTS {
        filter[name] = json!(["8080"]);
    }
    let mac = "02-00-00-00-00-00";
    let interface = json!({"interfaceType": "TUNNEL", "srcMacAddress": mac, "dstMacAddress": mac, "dstIpAddress": "5.5.5.5",
        "tunnelInfo": {"tunnelType": "GRE", "tunnelDstAddress": "3.3.3.3", "tunnelSrcAddress": "4.4.4.4",
            "tunnelSpecificData": "any"}});
    let traffic = json!({"trafficRuleId": "TR1", "filterType": "FLOW", "priority": 1, "action": "DROP",
        "trafficFilter": [filter], "dstInterface": [interface]});
    let dns = json!({"dnsRuleId": "DNS1", "domainName": "a.b", "ipAddressType": "IP_V4", "ipAddress": "192.5.14.68",
        "ttl": 30});
    let good = json!({"appName": "zoneapp", "appSupportMp1": true, "appTrafficRule": [traffic], "appDNSRule": [dns]});
    [Method::POST, Method::PUT].map(|method| Call {
        method,
        path: format!("/app_instances/{UNKNOWN}/appd_configuration"),
        good: good.clone(),
        taken: 404,
    })
}

fn delete() -> Call {
    Call {
        method: Method::DELETE,
        path: format!("/app_instances/{UNKNOWN}/appd_configuration"),
        good: json!({"appTrafficRule": ["TR1"], "appDNSRule": ["DNS1"]}),
        taken: 404,
    }
}

#[tokio::test]
async fn each_constraint_of_a_rule_set_has_its_text() {
    on_each(|rig| async move {
        for call in sets() {
            each_field(&rig, &call, FIELDS).await;
            each_list(&rig, &call, LISTS).await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_address_and_each_port_of_a_filter_is_looked_at() {
    on_each(|rig| async move {
        for call in sets() {
            for (names, pattern, good, wrong) in [
                (ADDRESSES, IP_OR_CIDR, "10.0.0.0/8", ["10.0.0.256", "10.0.0.0/33"]),
                (PORTS, PORT, "65535", ["0", "65536"]),
            ] {
                for name in names {
                    let at = format!("/appTrafficRule/0/trafficFilter/0/{name}");
                    let [first, second] = wrong;
                    let texts = [pattern.to_owned(), pattern.to_owned()];
                    call.says(&rig, &at, &json!([first, good, second]), &texts).await;
                    let item = |n: usize| {
                        if pattern == PORT {
                            json!(n + 1)
                        } else {
                            json!(format!("10.0.0.{n}"))
                        }
                    };
                    let of = |count: usize| (0..count).map(item).collect::<Vec<_>>();
                    call.says(&rig, &at, &json!(of(17)), &[size(16)]).await;
                    // The portal's form makes an empty text of an empty list.
                    for fits in [
                        json!([""]),
                        json!([of(16), vec![json!("")]].concat()),
                        Value::Null,
                    ] {
                        call.says(&rig, &at, &fits, &[]).await;
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn addresses_end_where_they_end() {
    on_each(|rig| async move {
        let call = &sets()[0];
        let ip = "/appDNSRule/0/ipAddress";
        for good in ["0.0.0.0/0", "255.255.255.255/32", "255.255.255.255"] {
            call.says(&rig, ip, &json!(good), &[]).await;
        }
        for wrong in ["10.0.0.1/33", "10.0.0.1/08", "10.0.0.01", "10.0.0.1/", "fe80::1"] {
            let text = ["IP address is invalid".to_owned()];
            call.says(&rig, ip, &json!(wrong), &text).await;
        }
        let mac = "/appTrafficRule/0/dstInterface/0/srcMacAddress";
        for good in [
            "02:00:00:00:00:0f",
            "02 00 00 00 00 0F",
            "0200.0000.000f",
            "02000000000f",
        ] {
            call.says(&rig, mac, &json!(good), &[]).await;
        }
        for wrong in [
            "02:00-00:00:00:00",
            "02:00:00:00:00",
            "02:00:00:00:00:0g",
            "0200-0000-000f",
        ] {
            let text = ["Source MAC address is invalid".to_owned()];
            call.says(&rig, mac, &json!(wrong), &text).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_has_no_constraint_may_be_anything_that_can_be_read() {
    on_each(|rig| async move {
        for call in sets() {
            for (at, values) in [
                ("/appSupportMp1", vec![Value::Null, json!("true"), json!(false)]),
                (
                    "/appTrafficRule/0/priority",
                    vec![Value::Null, json!("7"), json!(-1), json!(4000)],
                ),
                ("/appDNSRule/0/ttl", vec![Value::Null, json!("85000"), json!(0)]),
                (
                    "/appTrafficRule/0/trafficFilter/0/qCI",
                    vec![Value::Null, json!("0"), json!(999)],
                ),
                (
                    "/appTrafficRule/0/dstInterface/0/tunnelInfo",
                    vec![Value::Null, json!({})],
                ),
                (
                    "/appTrafficRule/0/dstInterface",
                    vec![json!({"dstIpAddress": "10.0.0.1"})],
                ),
            ] {
                for value in values {
                    call.says(&rig, at, &value, &[]).await;
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn all_that_a_rule_set_breaks_is_told_in_the_order_of_its_fields() {
    on_each(|rig| async move {
        let mut filter = json!({"protocol": (0..65).collect::<Vec<_>>(), "tag": (0..17).collect::<Vec<_>>()});
        for name in ADDRESSES.iter().chain(&PORTS) {
            filter[name] = json!(["x"]);
        }
        let set = json!({"appDNSRule": [{"ipAddress": ""}], "appTrafficRule": [
            {"trafficFilter": [filter], "dstInterface": [{"srcMacAddress": "x", "dstMacAddress": "y"}]}]});
        let answer = rig.ask(Method::POST, &sets()[0].path, Some(set)).await;
        let (protocols, tags) = (size(64), size(16));
        let mut texts = vec![
            "Traffic rule id is mandatory",
            "Filter type is mandatory",
            "Action is mandatory",
        ];
        texts.extend([IP_OR_CIDR; 4]);
        texts.extend([PORT; 4]);
        texts.extend([
            protocols.as_str(),
            tags.as_str(),
            "Source MAC address is invalid",
            "Destination MAC address is invalid",
            "Destination ip address is mandatory",
            "DNS rule id is mandatory",
            "Domain name is mandatory",
            "ip address is mandatory",
            "IP address is mandatory",
            "IP address is invalid",
            "Application name is mandatory",
        ]);
        answer.is_invalid("everything", &texts);
    })
    .await;
}

#[tokio::test]
async fn a_rule_id_stands_once_in_a_set() {
    on_each(|rig| async move {
        for call in sets() {
            for at in ["/appTrafficRule", "/appDNSRule"] {
                let rule = call.good.pointer(at).unwrap()[0].clone();
                let answer = call.with(&rig, at, &json!([rule, rule])).await;
                assert_eq!(answer.message(), (400, "Illegal argument"), "{at}");
                assert_eq!(answer.body["details"], json!(["rule id is not unique"]), "{at}");
            }
            // A traffic rule and a DNS rule may have the same.
            call.says(&rig, "/appDNSRule/0/dnsRuleId", &json!("TR1"), &[])
                .await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_constraint_of_a_rule_delete_has_its_text() {
    on_each(|rig| async move {
        let call = delete();
        let item = |n: usize| json!(format!("id {n}"));
        let lists = [("/appTrafficRule", 16), ("/appDNSRule", 32)].map(|(at, max)| List { at, max, item });
        each_list(&rig, &call, &lists).await;
        let (fits, long) = ("文".repeat(128), "文".repeat(129));
        call.says(&rig, "/appTrafficRule", &json!([fits]), &[]).await;
        let texts = [size(128), size(128)];
        call.says(&rig, "/appTrafficRule", &json!([long, fits, long]), &texts)
            .await;
        call.says(&rig, "/appDNSRule", &json!([long]), &[]).await;
        let nothing = rig.ask(Method::DELETE, &call.path, Some(json!({}))).await;
        assert_eq!(nothing.status, 404, "{nothing:?}");
    })
    .await;
}
