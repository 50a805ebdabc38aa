//! What only edge hosts have.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Bench, OTHER, host};

#[tokio::test]
async fn a_host_answers_what_it_was_sent_and_what_we_know_of_it() {
    for bench in Bench::all().await {
        bench.post("/mechosts", &host("10.0.0.2")).await.is_done("Saved");
        bench.clock.advance(Duration::from_millis(1_500));
        let mut sent = host("10.0.0.2");
        for member in ["configUploadStatus", "createdTime", "modifiedTime"] {
            sent[member] = json!("made up");
        }
        sent["swcapabilities"] = json!([{"capabilityName": "made up"}]);
        sent["edgerepoName"] = Value::Null;
        bench.put("/mechosts/10.0.0.2", &sent).await.is_done("Updated");
        let expected = json!({
            "mechostIp": "10.0.0.2", "mechostName": "Node1", "zipCode": "", "city": "广东省/深圳市/Clab实验室",
            "address": "4/4.1/114.059448,22.653555", "affinity": "X86", "userName": "", "edgerepoName": null,
            "edgerepoIp": "10.0.0.2", "edgerepoPort": "443", "edgerepoUsername": "", "applcmIp": "10.0.0.9",
            "appRuleIp": "10.0.0.9", "coordinates": "114.059448,22.653555",
            "hwcapabilities": [{"hwType": "GPU", "hwVendor": "nvidia", "hwModel": "V100"}],
            "swcapabilities": [], "configUploadStatus": null,
            "createdTime": "2026-11-18T11:06:40.123", "modifiedTime": "2026-11-18T11:06:41.623"
        });
        assert_eq!(bench.get("/mechosts/10.0.0.2").await.body, expected);
        assert_eq!(bench.get("/mechosts").await.body, json!([expected]));
    }
}

#[tokio::test]
async fn the_lists_of_a_host_are_never_null_and_keep_their_order() {
    for bench in Bench::all().await {
        let mut sent = host("10.0.0.2");
        let two = json!([
            {"hwType": "GPU", "hwVendor": "b", "hwModel": null},
            {"hwType": "GPU", "hwVendor": "a", "hwModel": ""},
        ]);
        sent["hwcapabilities"] = two.clone();
        bench.post("/mechosts", &sent).await.is_done("Saved");
        assert_eq!(bench.get("/mechosts/10.0.0.2").await.body["hwcapabilities"], two);
        for none in [Value::Null, json!([])] {
            sent["hwcapabilities"] = none;
            bench.put("/mechosts/10.0.0.2", &sent).await.is_done("Updated");
            assert_eq!(
                bench.get("/mechosts/10.0.0.2").await.body["hwcapabilities"],
                json!([])
            );
        }
    }
}

#[tokio::test]
async fn a_controller_that_hosts_name_need_not_be_there_and_can_go() {
    for bench in Bench::all().await {
        let controller = json!({"applcmIp": "10.0.0.9", "applcmPort": "30101", "applcmName": "c"});
        bench.post("/mechosts", &host("10.0.0.2")).await.is_done("Saved");
        bench.post("/applcms", &controller).await.is_done("Saved");
        bench.delete("/applcms/10.0.0.9").await.is_done("Deleted");
        assert_eq!(bench.get("/mechosts/10.0.0.2").await.body["applcmIp"], "10.0.0.9");
    }
}

#[tokio::test]
async fn capabilities_are_hardware_as_registered_and_software_as_last_seen() {
    for bench in Bench::all().await {
        let path = "/mechosts/10.0.0.2/capabilities";
        let software = format!("{path}/software");
        bench.get(path).await.is_not_found();
        bench
            .put(&software, &json!({"swcapabilities": []}))
            .await
            .is_not_found();
        let mut bare = host("10.0.0.2");
        bare["hwcapabilities"] = json!([]);
        bench.post("/mechosts", &bare).await.is_done("Saved");
        bench.get(path).await.is_not_found();

        let seen = json!([{"capabilityId": "1", "capabilityName": "location", "version": "1.0", "status": "ACTIVE"}]);
        bench
            .put(&software, &json!({"swcapabilities": seen}))
            .await
            .is_done("Updated");
        let both = bench.get(path).await.body;
        assert_eq!(both, json!({"hwcapabilities": [], "swcapabilities": seen}));
        let theirs = bench.ask_in(OTHER, http::Method::GET, path, "").await;
        theirs.is_not_found();

        // A replaced record keeps its software.
        bench
            .put("/mechosts/10.0.0.2", &host("10.0.0.2"))
            .await
            .is_done("Updated");
        let both = bench.get(path).await.body;
        assert_eq!(both["hwcapabilities"][0]["hwType"], "GPU");
        assert_eq!(both["swcapabilities"], seen);
        bench
            .put(&software, &json!({"swcapabilities": null}))
            .await
            .is_done("Updated");
        assert_eq!(
            bench.get("/mechosts/10.0.0.2").await.body["swcapabilities"],
            json!([])
        );
    }
}
