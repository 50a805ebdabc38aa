use serde_json::{Value, json};

use super::constraints::APP_NAME;
use super::*;
use crate::validate::Violations;

fn good() -> Value {
    json!({"appName": "zoneapp", "appSupportMp1": true,
        "appTrafficRule": [{"trafficRuleId": "t1", "filterType": "FLOW", "priority": 1, "action": "DROP",
            "trafficFilter": [{"srcAddress": ["10.0.0.0/8", "", "10.0.0.0/8"], "srcPort": [8080], "qci": 5}],
            "dstInterface": {"dstIpAddress": "10.0.0.1", "srcMacAddress": "", "tunnelInfo": {"tunnelDstAddress": ""}}}],
        "appDNSRule": [{"dnsRuleId": "d1", "domainName": "a.b", "ipAddressType": "IP_V4", "ipAddress": "10.0.0.1", "ttl": "30"}]})
}

fn read(json: Value) -> AppRuleConfig {
    serde_json::from_value(json).unwrap()
}

fn broken(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut json = good();
    change(&mut json);
    Violations::of(&read(json))
}

#[test]
fn what_clients_write_is_read_and_comes_back_whole() {
    let set = read(good());
    assert!(Violations::of(&set).is_empty());
    let filter = &set.app_traffic_rule[0].traffic_filter[0];
    assert_eq!(
        (filter.src_address.as_slice(), filter.src_port.as_slice()),
        (&["10.0.0.0/8".to_owned()][..], &["8080".to_owned()][..])
    );
    let out = serde_json::to_value(&set).unwrap();
    let filter = &out["appTrafficRule"][0]["trafficFilter"][0];
    assert_eq!(
        (&filter["qCI"], &filter["qci"], &filter["tag"]),
        (&json!(5), &json!(5), &json!([]))
    );
    assert_eq!(read(out), set);
}

#[test]
fn the_first_spelling_wins_where_both_stand() {
    let filter: TrafficFilter = serde_json::from_value(json!({"qCI": 1, "qci": 2, "dscp": 3})).unwrap();
    assert_eq!(
        (filter.qci, filter.qci_again, filter.dscp),
        (Some(1), Some(1), Some(3))
    );
}

#[test]
fn every_constraint_has_its_text() {
    type Change = fn(&mut Value);
    let long = "x".repeat(300);
    let rows: [(Change, &str); 14] = [
        (
            |set| set["appName"] = Value::Null,
            "Application name is mandatory",
        ),
        (|set| set["appName"] = "-".into(), APP_NAME.pattern.unwrap().1),
        (
            |set| set["appTrafficRule"][0]["trafficRuleId"] = "".into(),
            "Traffic rule id is mandatory",
        ),
        (
            |set| set["appTrafficRule"][0]["filterType"] = "SEVENCH".into(),
            "size must be between 0 and 6",
        ),
        (
            |set| set["appTrafficRule"][0]["action"] = Value::Null,
            "Action is mandatory",
        ),
        (
            |set| set["appTrafficRule"][0]["trafficFilter"][0]["srcAddress"] = json!(["10.0.0.256"]),
            "must match \"^(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])(\\/([0-9]|[1-2][0-9]|3[0-2]))?$\"",
        ),
        (
            |set| set["appTrafficRule"][0]["trafficFilter"][0]["dstPort"] = json!([0]),
            "must match \"^([1-9]|[1-9]\\d{1,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])$\"",
        ),
        (
            |set| set["appTrafficRule"][0]["dstInterface"]["srcMacAddress"] = "x".into(),
            "Source MAC address is invalid",
        ),
        (
            |set| set["appTrafficRule"][0]["dstInterface"]["dstIpAddress"] = Value::Null,
            "Destination ip address is mandatory",
        ),
        (
            |set| set["appTrafficRule"][0]["dstInterface"]["tunnelInfo"]["tunnelSrcAddress"] = "x".into(),
            "Source tunnel address is invalid",
        ),
        (
            |set| set["appDNSRule"][0]["dnsRuleId"] = Value::Null,
            "DNS rule id is mandatory",
        ),
        (
            |set| set["appDNSRule"][0]["ipAddressType"] = Value::Null,
            "ip address is mandatory",
        ),
        (
            |set| set["appDNSRule"][0]["ipAddress"] = Value::Null,
            "IP address is mandatory",
        ),
        (
            |set| set["appDNSRule"][0]["domainName"] = "x".repeat(257).into(),
            "size must be between 0 and 256",
        ),
    ];
    for (change, text) in rows {
        assert_eq!(broken(change), [text]);
    }
    let many = |set: &mut Value| set["appTrafficRule"] = vec![set["appTrafficRule"][0].clone(); 17].into();
    assert_eq!(broken(many), ["size must be between 0 and 16"]);
    let delete: AppRuleDelete =
        serde_json::from_value(json!({"appTrafficRule": [long], "appDNSRule": vec!["a"; 33]})).unwrap();
    assert_eq!(
        Violations::of(&delete),
        ["size must be between 0 and 128", "size must be between 0 and 32"]
    );
}

#[test]
fn an_id_that_stands_twice_is_seen() {
    let mut json = good();
    assert!(read(json.clone()).ids_are_unique());
    let rule = json["appDNSRule"][0].clone();
    json["appDNSRule"] = vec![rule; 2].into();
    assert!(!read(json).ids_are_unique());
}
