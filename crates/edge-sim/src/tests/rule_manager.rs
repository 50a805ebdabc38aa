//! The app rule manager.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Answer, call};
use super::deployments::until;
use super::{INSTANCE, OTHER, TENANT, World, token, token_of};

async fn rules(world: &World, method: &str, instance: &str, body: &str, token: &str) -> Answer {
    let path = format!("/apprulemgr/v1/tenants/{TENANT}/app_instances/{instance}/appd_configuration");
    call(
        world.rules(),
        method,
        &path,
        &[("access_token", token)],
        body.as_bytes(),
    )
    .await
    .unwrap()
}

fn set(name: &str, domain: &str) -> String {
    json!({
        "appName": name,
        "appSupportMp1": true,
        "appTrafficRule": [{"trafficRuleId": "TR1", "filterType": "FLOW", "priority": 1, "action": "DROP",
            "trafficFilter": [{"srcAddress": ["10.0.0.2/32"], "srcPort": ["8080"], "qCI": 1}]}],
        "appDNSRule": [{"dnsRuleId": "DNS1", "domainName": domain, "ipAddressType": "IP_V4",
            "ipAddress": "10.0.0.2", "ttl": 85_000}],
    })
    .to_string()
}

fn failure(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!(body["configResult"], "FAILURE");
    for name in ["taskId", "appInstanceId", "configPhase"] {
        assert!(body[name].is_string(), "{name} in {body}");
    }
    (answer.status, body["detailed"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn rules_are_added_changed_read_and_removed() {
    let world = World::start().await;
    let token = token();
    let call = async |method: &'static str, instance: &'static str, body: String| {
        rules(&world, method, instance, &body, &token).await
    };
    let unknown = (404, "app instance not found".to_owned());
    assert_eq!(failure(&call("GET", INSTANCE, String::new()).await), unknown);
    assert_eq!(
        failure(&call("PUT", INSTANCE, set("zoneapp", "one")).await),
        unknown
    );
    let added = call("POST", INSTANCE, set("zoneapp", "one")).await;
    assert_eq!(added.status, 200);
    assert_eq!(added.header("content-type"), Some("text/plain; charset=utf-8"));
    let body = added.json();
    assert_eq!(
        (&body["configResult"], &body["appInstanceId"]),
        (&json!("SUCCESS"), &json!(INSTANCE))
    );
    assert!(!body["taskId"].as_str().unwrap().is_empty());

    let read = call("GET", INSTANCE, String::new()).await.json();
    assert_eq!(read["appTrafficRule"][0]["trafficRuleId"], "TR1");
    assert_eq!(read["appDnsRule"][0]["ttl"], 85_000);
    assert_eq!(read["appName"], "zoneapp");
    assert_eq!(
        world.edge.rule_ids(INSTANCE),
        Some((vec!["TR1".to_owned()], vec!["DNS1".to_owned()]))
    );

    let bad = |text: &str| (400, text.to_owned());
    assert_eq!(
        failure(&call("POST", INSTANCE, set("zoneapp", "one")).await),
        bad("duplicate app instance")
    );
    assert_eq!(
        failure(&call("POST", OTHER, set("zoneapp", "two")).await),
        bad("duplicate app name")
    );
    assert_eq!(
        failure(&call("POST", OTHER, set("other", "one")).await),
        bad("duplicate dns entry")
    );
    let same = failure(&call("PUT", INSTANCE, set("zoneapp", "one")).await);
    assert_eq!(same, (404, "no modification data found in the input".to_owned()));
    assert_eq!(call("PUT", INSTANCE, set("zoneapp", "two")).await.status, 200);
    assert_eq!(call("DELETE", INSTANCE, String::new()).await.status, 200);
    assert_eq!(failure(&call("DELETE", INSTANCE, String::new()).await), unknown);
    assert!(world.sim.totals().is_empty());
    assert_eq!(world.edge.counts().rule_changes, 3);
}

#[tokio::test]
async fn bad_bodies_tokens_and_ids_are_refused() {
    let world = World::start().await;
    let mut large: Value = serde_json::from_str(&set("zoneapp", "one")).unwrap();
    large["appTrafficRule"][0]["trafficFilter"][0]["protocol"] = json!(["x".repeat(4_096)]);
    let answer = rules(&world, "POST", INSTANCE, &large.to_string(), &token()).await;
    assert_eq!(failure(&answer), (400, "request body too large".to_owned()));
    let answer = rules(&world, "POST", INSTANCE, "{", &token()).await;
    assert_eq!(
        failure(&answer),
        (400, "failed to unmarshal app rule model".to_owned())
    );
    let answer = rules(
        &world,
        "POST",
        INSTANCE,
        &set("no good name".repeat(20).as_str(), "d"),
        &token(),
    )
    .await;
    assert!(failure(&answer).1.contains("'max' tag"));

    let guest = token_of(TENANT, "ROLE_MECM_GUEST");
    let answer = rules(&world, "POST", INSTANCE, &set("zoneapp", "d"), &guest).await;
    assert_eq!(failure(&answer), (403, "forbidden".to_owned()));
    let answer = rules(&world, "GET", INSTANCE, "", &guest).await;
    assert_eq!(answer.status, 404, "a guest may look");
    let answer = rules(&world, "GET", INSTANCE, "", "x.y.z").await;
    assert_eq!(failure(&answer), (401, "authorization failed".to_owned()));
    let answer = rules(&world, "GET", "no-uuid", "", &token()).await;
    assert_eq!(failure(&answer), (400, "app instance id is invalid".to_owned()));
}

#[tokio::test]
async fn one_change_at_a_time() {
    let world = World::start().await;
    world
        .edge
        .behave(|edge| edge.rule_time = Duration::from_millis(200));
    let (to, own) = (world.rules(), token());
    let path = format!("/apprulemgr/v1/tenants/{TENANT}/app_instances/{INSTANCE}/appd_configuration");
    let first = {
        let (path, own) = (path.clone(), own.clone());
        tokio::spawn(async move {
            call(
                to,
                "POST",
                &path,
                &[("access_token", &own)],
                set("zoneapp", "d").as_bytes(),
            )
            .await
            .unwrap()
        })
    };
    until("the change is under way", || {
        !world.edge.edge.state().rules_busy.is_empty()
    })
    .await;
    let second = rules(&world, "POST", INSTANCE, &set("zoneapp", "d"), &own).await;
    assert_eq!(
        failure(&second),
        (403, "app instance has other operation in progress".to_owned())
    );
    assert_eq!(first.await.unwrap().status, 200);
}

#[tokio::test]
async fn with_a_v1_platform_every_change_fails() {
    let world = World::start().await;
    world.edge.behave(|edge| edge.rule_configuration = false);
    for (method, body) in [
        ("POST", set("zoneapp", "d")),
        ("PUT", set("zoneapp", "d")),
        ("DELETE", String::new()),
    ] {
        assert_eq!(
            failure(&rules(&world, method, INSTANCE, &body, &token()).await).0,
            500
        );
    }
    assert!(world.sim.totals().is_empty());
}
