//! The screen on which an instance's rules are set: two tabs, each with a state of its own.

use super::*;
use crate::rig::Rig;

impl Field<'_> {
    /// Sends a change as a tab does, looks at its task at once, and reads the table again when it is done.
    async fn change(&self, rig: &Rig, path: &str, method: Method, body: &Value) -> Came {
        let came = self.send(method, "appo", path, body).await;
        assert_eq!(came.status, 202, "{}", came.body);
        let task = came.body["response"]["apprule_task_id"].as_str().unwrap();
        let task = format!("/apprule_task_infos/{task}");
        let told = self.get("appo", &task).await;
        assert_ne!(told.body["response"]["configResult"], "FAILURE", "{}", told.body);
        rig.settled().await;
        let told = self.get("appo", &task).await;
        assert_eq!(told.body["response"]["configResult"], "SUCCESS", "{}", told.body);
        self.get("inventory", path).await
    }
}

/// The lists of a filter, each of which the table joins.
const LISTS: [&str; 10] = [
    "srcAddress",
    "srcPort",
    "dstAddress",
    "dstPort",
    "protocol",
    "srcTunnelAddress",
    "dstTunnelAddress",
    "srcTunnelPort",
    "dstTunnelPort",
    "tag",
];

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_added_edited_and_deleted() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        let hosts = rig.edges(1, 1).await;
        let package = rig.upload(sample::build().unwrap()).await;
        let ids = rig.create(&package, "zoneapp", &hosts).await;
        rig.settled().await;
        rig.batch("instantiate", &ids).await;
        rig.settled().await;
        let path = format!("/app_instances/{}/appd_configuration", ids[0]);
        // The sample has rules of its own or none: the tab finds out which.
        let first = portal.get("inventory", &path).await;
        let method = if first.status == 200 { Method::PUT } else { Method::POST };
        let mut dns = json!({"appDNSRule": [{"dnsRuleId": "DNS1", "domainName": "domainname", "ipAddressType": "IP_V4",
            "ipAddress": "192.5.14.68", "ttl": "85000"}], "appName": "zoneapp", "appSupportMp1": true});
        let kept = portal.change(rig, &path, method, &dns).await;
        let added = is_array(&kept.body["appDNSRule"]).iter().find(|rule| rule["dnsRuleId"] == "DNS1");
        assert_eq!(added.unwrap()["ttl"], 85_000);

        // The other tab did not see that one: POST again, and only its own rule.
        let traffic = json!({"appTrafficRule": [{"trafficRuleId": "TR1", "action": "DROP", "filterType": "FLOW", "priority": 1,
            "trafficFilter": [{"srcAddress": ["192.168.1.1/32"], "srcPort": ["8080"], "dstAddress": ["192.168.1.2/32"],
                "dstPort": ["8080"], "protocol": ["ANY"], "qCI": "3", "dSCP": "0", "tC": "0", "tag": ["tag"],
                "srcTunnelAddress": ["1.1.1.1"], "srcTunnelPort": ["8080"], "dstTunnelAddress": [""], "dstTunnelPort": [""]}],
            "dstInterface": [{"interfaceType": "TUNNEL", "tunnelInfo": {"tunnelType": "GRE", "tunnelDstAddress": "3.3.3.3",
                "tunnelSrcAddress": "", "tunnelSpecificData": "any"}, "srcMacAddress": "02-00-00-00-00-00",
                "dstMacAddress": "02-00-00-00-00-00", "dstIpAddress": "5.5.5.5"}]}], "appName": "zoneapp", "appSupportMp1": true});
        let kept = portal.change(rig, &path, Method::POST, &traffic).await;
        let rules = is_array(&kept.body["appTrafficRule"]);
        let rule = rules.iter().find(|rule| rule["trafficRuleId"] == "TR1").unwrap();
        let filter = &is_array(&rule["trafficFilter"])[0];
        for list in LISTS {
            assert!(filter[list].is_array(), "{list}: {filter}");
        }
        assert_eq!((&filter["qCI"], &filter["dstTunnelPort"]), (&json!(3), &json!([])));
        assert!(rule["dstInterface"].is_array());
        assert!(is_array(&kept.body["appDNSRule"]).iter().any(|rule| rule["dnsRuleId"] == "DNS1"), "{}", kept.body);

        dns["appDNSRule"][0]["ttl"] = 100.into();
        dns["appDNSRule"][0]["domainName"] = "other".into();
        let kept = portal.change(rig, &path, Method::PUT, &dns).await;
        assert!(is_array(&kept.body["appDNSRule"]).iter().any(|rule| rule["domainName"] == "other"));

        let ids_of = |list: &Value, id: &str| -> Vec<Value> {
            is_array(list).iter().map(|rule| rule[id].clone()).collect()
        };
        let all = json!({"appTrafficRule": ids_of(&kept.body["appTrafficRule"], "trafficRuleId"),
            "appDNSRule": ids_of(&kept.body["appDNSRule"], "dnsRuleId")});
        let empty = portal.change(rig, &path, Method::DELETE, &all).await;
        assert_eq!(empty.status, 200, "a 404 would leave the rows on the screen");
        assert_eq!((&empty.body["appTrafficRule"], &empty.body["appDNSRule"]), (&json!([]), &json!([])));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rule_is_posted_where_there_is_none_and_the_edit_form_sends_empty_texts_for_empty_lists() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        let hosts = rig.edges(1, 1).await;
        let package = rig.upload(sample::build().unwrap()).await;
        let ids = rig.create(&package, "zoneapp", &hosts).await;
        rig.settled().await;
        let path = format!("/app_instances/{}/appd_configuration", ids[0]);
        // Each tab asks, and goes on with POST where it is answered an error.
        for _ in 0..2 {
            assert_eq!(portal.get("inventory", &path).await.status, 404);
        }
        let mut set = json!({"appTrafficRule": [{"trafficRuleId": "TR1", "action": "DROP", "filterType": "FLOW", "priority": 1,
            "trafficFilter": [{"srcAddress": ["192.168.1.1/32"], "srcPort": ["8080"], "dstAddress": ["192.168.1.2/32"],
                "dstPort": ["8080"], "protocol": ["ANY"], "qCI": "7", "dSCP": "0", "tC": "0", "tag": ["tag"],
                "srcTunnelAddress": ["1.1.1.1"], "srcTunnelPort": ["8080"], "dstTunnelAddress": ["2.2.2.2"],
                "dstTunnelPort": ["8080"]}],
            "dstInterface": [{"interfaceType": "TUNNEL", "tunnelInfo": {"tunnelType": "GRE", "tunnelDstAddress": "3.3.3.3",
                "tunnelSrcAddress": "4.4.4.4", "tunnelSpecificData": "any"}, "srcMacAddress": "02-00-00-00-00-00",
                "dstMacAddress": "02-00-00-00-00-00", "dstIpAddress": "5.5.5.5"}]}], "appName": "zoneapp", "appSupportMp1": true});
        let kept = portal.change(rig, &path, Method::POST, &set).await;
        assert_eq!((kept.status, &kept.body["appName"]), (200, &json!("zoneapp")));
        assert_eq!(kept.body["appDNSRule"], json!([]), "an array, though none was sent");
        let rule = &is_array(&kept.body["appTrafficRule"])[0];
        let filter = &rule["trafficFilter"][0];
        let sent = set["appTrafficRule"][0]["trafficFilter"][0].clone();
        for list in LISTS {
            assert_eq!(filter[list], sent[list], "{list}");
        }
        assert_eq!((&filter["qCI"], &filter["dSCP"], &filter["tC"]), (&json!(7), &json!(0), &json!(0)));
        assert_eq!(rule["dstInterface"][0]["tunnelInfo"]["tunnelDstAddress"], "3.3.3.3");

        // The edit form: what is empty is split into one empty text.
        for list in LISTS {
            set["appTrafficRule"][0]["trafficFilter"][0][list] = json!([""]);
        }
        set["appTrafficRule"][0]["action"] = "PASSTHROUGH".into();
        let kept = portal.change(rig, &path, Method::PUT, &set).await;
        let rules = is_array(&kept.body["appTrafficRule"]);
        assert_eq!((rules.len(), &rules[0]["action"]), (1, &json!("PASSTHROUGH")));
        for list in LISTS {
            let joined = is_array(&rules[0]["trafficFilter"][0][list]).iter().map(|item| item.as_str().unwrap());
            assert_eq!(joined.collect::<Vec<_>>().join(","), "", "{list}: nothing stands in the table");
        }

        let dns = json!({"appDNSRule": [{"dnsRuleId": "DNS1", "domainName": "domainname", "ipAddressType": "IP_V4",
            "ipAddress": "192.5.14.68", "ttl": "85000"}], "appName": "zoneapp", "appSupportMp1": true});
        portal.change(rig, &path, Method::POST, &dns).await;
        let one = json!({"appTrafficRule": [], "appDNSRule": ["DNS1"]});
        let kept = portal.change(rig, &path, Method::DELETE, &one).await;
        assert_eq!((&kept.body["appDNSRule"], is_array(&kept.body["appTrafficRule"]).len()), (&json!([]), 1));
        let last = json!({"appTrafficRule": ["TR1"], "appDNSRule": []});
        let kept = portal.change(rig, &path, Method::DELETE, &last).await;
        assert_eq!((kept.status, &kept.body["appTrafficRule"]), (200, &json!([])));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_an_edge_refuses_is_told_of_by_its_task() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        let hosts = rig.edges(1, 1).await;
        let package = rig.upload(sample::build().unwrap()).await;
        let ids = rig.create(&package, "zoneapp", &hosts).await;
        rig.settled().await;
        let path = format!("/app_instances/{}/appd_configuration", ids[0]);
        // Offered on the screen, spelt so; a rule manager of v1.0 takes two of the five actions.
        let rule = json!({"appTrafficRule": [{"trafficRuleId": "TR1", "action": "SUPLICATED_DECAPSULATED",
            "filterType": "FLOW", "priority": 1, "trafficFilter": [{"srcAddress": ["192.168.1.1/32"]}],
            "dstInterface": []}], "appName": "zoneapp", "appSupportMp1": true});
        let came = portal.send(Method::POST, "appo", &path, &rule).await;
        assert_eq!(came.status, 202, "{}", came.body);
        let task = came.body["response"]["apprule_task_id"].as_str().unwrap();
        rig.settled().await;
        let told = portal.get("appo", &format!("/apprule_task_infos/{task}")).await;
        assert_eq!(told.body["response"]["configResult"], "FAILURE", "{}", told.body);
        assert_eq!(
            portal.get("inventory", &path).await.status,
            404,
            "the table stays empty"
        );
    })
    .await;
}
