//! One graph of everything.

use std::collections::HashSet;

use http::Method;
use serde_json::{Value, json};

use super::{Bench, OTHER, host};

/// An application, as APPO sends it.
fn application(id: u32, status: &str) -> Value {
    json!({"appInstanceId": format!("5c1c2b7e-6a0b-4c5f-9a0e-{id:012}"), "appName": format!("app-{id}"),
        "packageId": "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90", "capabilities": ["GPU"], "status": status})
}

#[tokio::test]
async fn nothing_is_an_empty_graph() {
    for bench in Bench::all().await {
        let answer = bench.get("/topology").await;
        assert_eq!(
            (answer.status, answer.body),
            (200, json!({"nodes": [], "edges": []}))
        );
    }
}

#[tokio::test]
async fn everything_is_in_it_and_connected() {
    for bench in Bench::all().await {
        let mut second = host("10.0.0.2");
        second["appRuleIp"] = "".into();
        second["applcmIp"] = "10.0.0.8".into();
        bench.post("/mechosts", &host("10.0.0.1")).await.is_done("Saved");
        bench.post("/mechosts", &second).await.is_done("Saved");
        let controller = json!({"applcmIp": "10.0.0.9", "applcmPort": "1", "applcmName": "lcm"});
        bench.post("/applcms", &controller).await.is_done("Saved");
        let manager = json!({"appRuleIp": "10.0.0.9", "appRulePort": "2", "appRuleName": "rules"});
        bench.post("/apprulemanagers", &manager).await.is_done("Saved");
        let idle = json!({"appRuleIp": "10.0.0.7", "appRulePort": "2", "appRuleName": "idle"});
        bench.post("/apprulemanagers", &idle).await.is_done("Saved");
        let software = json!({"swcapabilities": [
            {"capabilityId": "1", "capabilityName": "location", "version": "1.0", "status": "ACTIVE"}]});
        bench
            .put("/mechosts/10.0.0.1/capabilities/software", &software)
            .await
            .is_done("Updated");
        bench
            .post("/mechosts/10.0.0.1/apps", &application(1, "Instantiated"))
            .await
            .is_done("Saved");

        let answer = bench.get("/topology").await;
        let app = "app:5c1c2b7e-6a0b-4c5f-9a0e-000000000001";
        let gpu = json!([{"hwType": "GPU", "hwVendor": "nvidia", "hwModel": "V100"}]);
        let at = "114.059448,22.653555";
        let peer = |kind: &str, ip: &str, name: Value, status: Value| {
            json!({"id": format!("{kind}:{ip}"), "type": kind, "name": name, "ip": ip, "status": status,
                "coordinates": null, "hwcapabilities": [], "swcapabilities": []})
        };
        let nodes = json!([
            {"id": "mechost:10.0.0.1", "type": "mechost", "name": "Node1", "ip": "10.0.0.1", "status": null, "coordinates": at,
                "hwcapabilities": gpu, "swcapabilities": software["swcapabilities"]},
            {"id": "mechost:10.0.0.2", "type": "mechost", "name": "Node1", "ip": "10.0.0.2", "status": null, "coordinates": at,
                "hwcapabilities": gpu, "swcapabilities": []},
            peer("applcm", "10.0.0.9", json!("lcm"), Value::Null),
            peer("applcm", "10.0.0.8", Value::Null, json!("Unregistered")),
            peer("apprulemanager", "10.0.0.9", json!("rules"), Value::Null),
            peer("apprulemanager", "10.0.0.7", json!("idle"), Value::Null),
            {"id": app, "type": "app", "name": "app-1", "ip": "10.0.0.1", "status": "Instantiated", "coordinates": at,
                "hwcapabilities": [{"hwType": "GPU", "hwVendor": null, "hwModel": null}], "swcapabilities": []},
        ]);
        assert_eq!(answer.body["nodes"], nodes);
        let edges = json!([
            {"source": "mechost:10.0.0.1", "target": "applcm:10.0.0.9", "type": "managed_by"},
            {"source": "mechost:10.0.0.1", "target": "apprulemanager:10.0.0.9", "type": "rules_by"},
            {"source": "mechost:10.0.0.2", "target": "applcm:10.0.0.8", "type": "managed_by"},
            {"source": app, "target": "mechost:10.0.0.1", "type": "runs_on"},
        ]);
        assert_eq!(answer.body["edges"], edges);

        let other = bench.ask_in(OTHER, Method::GET, "/topology", "").await;
        assert_eq!(other.body, json!({"nodes": [], "edges": []}));
    }
}

#[tokio::test]
async fn every_edge_is_between_two_nodes_and_every_id_is_one_of_a_kind() {
    for bench in Bench::all().await {
        for number in 1..=4 {
            let ip = format!("10.0.1.{number}");
            let mut host = host(&ip);
            host["applcmIp"] = format!("10.0.2.{}", number % 2).into();
            // The address of a host, too.
            host["appRuleIp"] = "10.0.1.1".into();
            bench.post("/mechosts", &host).await.is_done("Saved");
            for app in 1..=3 {
                let app = application(number * 10 + app, "Create failed");
                bench
                    .post(&format!("/mechosts/{ip}/apps"), &app)
                    .await
                    .is_done("Saved");
            }
        }
        bench
            .delete("/mechosts/10.0.1.4?force=true")
            .await
            .is_done("Deleted");
        let graph = bench.get("/topology").await.body;
        let nodes = graph["nodes"].as_array().unwrap();
        let ids: HashSet<&str> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
        assert_eq!((nodes.len(), ids.len()), (3 + 2 + 1 + 9, 3 + 2 + 1 + 9));
        let edges = graph["edges"].as_array().unwrap();
        assert_eq!(edges.len(), 3 + 3 + 9);
        for edge in edges {
            for end in ["source", "target"] {
                assert!(ids.contains(edge[end].as_str().unwrap()), "{edge}");
            }
        }
    }
}
