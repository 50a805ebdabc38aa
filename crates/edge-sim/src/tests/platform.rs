//! The platform: keys, tokens, services, heartbeats, and what the controller shows of them.

use std::time::Duration;

use chrono::DateTime;
use mecm_common::auth::signature::{EMPTY_BODY_SHA256, Form, RequestParts, SecretKey, sign_in};
use mecm_common::clock::Clock;
use serde_json::{Value, json};

use super::client::{Answer, call};
use super::{HOST, INSTANCE, OTHER, TENANT, World};
use crate::{Capability, SimConfig};

const TOKEN_PATH: &str = "/mepauth/mepauth/v1/token";

async fn world() -> (World, Clock) {
    let clock = Clock::manual(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let world = World::with(SimConfig {
        clock: clock.clone(),
        ..SimConfig::default()
    })
    .await;
    (world, clock)
}

/// What an instance's agent does for a token; another secret key in place of its own where one is given.
async fn ask_token(
    world: &World,
    clock: &Clock,
    instance: &str,
    other: Option<&SecretKey>,
    form: Form,
) -> Answer {
    let (access, secret) = world.edge.app_key(instance).unwrap();
    let host = world.mep().to_string();
    let parts = RequestParts {
        method: "POST",
        path: TOKEN_PATH,
        query: "",
        headers: &[("host", host.as_bytes()), ("content-type", b"application/json")],
    };
    let signed = sign_in(
        form,
        &access,
        other.unwrap_or(&secret),
        &parts,
        EMPTY_BODY_SHA256,
        clock.now(),
    );
    let headers = [
        ("content-type", "application/json"),
        ("x-sdk-date", &signed.date),
        ("authorization", &signed.authorization),
    ];
    call(world.mep(), "POST", TOKEN_PATH, &headers, b"")
        .await
        .unwrap()
}

async fn bearer(world: &World, clock: &Clock, instance: &str) -> String {
    let answer = ask_token(world, clock, instance, None, Form::MepAuth).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("Bearer"), &json!(3600))
    );
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

async fn registry(world: &World, method: &str, path: &str, bearer: &str, body: &Value) -> Answer {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    call(
        world.mep(),
        method,
        path,
        &[("authorization", bearer)],
        body.as_bytes(),
    )
    .await
    .unwrap()
}

fn services(instance: &str) -> String {
    format!("/mepserver/mec_service_mgmt/v1/applications/{instance}/services")
}

fn service(interval: u64) -> Value {
    json!({"serName": "positioning", "version": "1.0", "state": "ACTIVE", "serializer": "JSON",
        "livenessInterval": interval})
}

async fn seen(world: &World) -> Vec<(String, String)> {
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/hosts/{HOST}/mep_capabilities");
    let all = world.get(&path).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["capabilityName"]), text(&one["status"])))
        .collect()
}

fn is(name: &str, status: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), status.to_owned())]
}

#[tokio::test]
async fn from_instantiate_to_a_capability_with_its_consumers() {
    let (world, clock) = world().await;
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    let own = bearer(&world, &clock, INSTANCE).await;
    let answer = registry(&world, "POST", &services(INSTANCE), &own, &service(5)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let registered = answer.json();
    let beat = registered["_links"]["self"]["liveness"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(answer.header("location").is_some_and(|to| beat.starts_with(to)));
    assert_eq!(seen(&world).await, is("positioning", "ACTIVE"));

    let interval = registry(&world, "GET", &beat, &own, &Value::Null).await.json();
    assert_eq!(
        (&interval["interval"], &interval["timeStamp"]["seconds"]),
        (&json!(60), &json!(1_800_000_000))
    );
    clock.advance(Duration::from_secs(62));
    assert_eq!(seen(&world).await, is("positioning", "ACTIVE"));
    clock.advance(Duration::from_secs(1));
    assert_eq!(seen(&world).await, is("positioning", "SUSPENDED"));
    let revived = registry(&world, "PUT", &beat, &own, &json!({"state": "ACTIVE"})).await;
    assert!(revived.is(204, ""));
    assert_eq!(seen(&world).await, is("positioning", "ACTIVE"));
    let documented = beat.replace("/services/", "/service/");
    assert_eq!(
        registry(&world, "PATCH", &documented, &own, &json!({"state": "ACTIVE"}))
            .await
            .status,
        204
    );
    assert_eq!(
        registry(&world, "PUT", &beat, &own, &json!({"state": "ACTIVE", "x": 1}))
            .await
            .status,
        400
    );

    let subscribe = format!("/mepserver/mec_service_mgmt/v1/applications/{INSTANCE}/subscriptions");
    let wanted = json!({"filteringCriteria": {"serNames": ["positioning"]}});
    assert_eq!(
        registry(&world, "POST", &subscribe, &own, &wanted).await.status,
        201
    );
    let id = registered["serInstanceId"].as_str().unwrap();
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/hosts/{HOST}/mep_capabilities/{id}");
    let capability = world.get(&path).await.json();
    assert_eq!(
        capability["consumers"],
        json!([{"applicationInstanceId": INSTANCE}])
    );
    assert_eq!(id.len(), 32);

    assert_eq!(world.terminate(INSTANCE).await.status, 200);
    assert!(seen(&world).await.is_empty(), "what it registered goes with it");
    assert!(world.sim.totals().is_empty());
}

#[tokio::test]
async fn a_token_wants_the_right_signature_in_the_platforms_form() {
    let (world, clock) = world().await;
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    let token =
        async |other: Option<&SecretKey>, form| ask_token(&world, &clock, INSTANCE, other, form).await;
    let strange = SecretKey::generate();
    for _ in 0..2 {
        let answer = token(Some(&strange), Form::MepAuth).await;
        assert!(answer.is(401, "\"Invalid access or signature.\""), "{answer:?}");
    }
    assert_eq!(
        token(None, Form::MepAuth).await.status,
        200,
        "a success resets the count"
    );
    for _ in 0..3 {
        assert_eq!(token(Some(&strange), Form::MepAuth).await.status, 401);
    }
    assert!(token(None, Form::MepAuth).await.is(403, "\"Access is locked.\""));
    clock.advance(Duration::from_secs(900));
    assert_eq!(token(None, Form::MepAuth).await.status, 200);

    let unsigned = call(world.mep(), "POST", TOKEN_PATH, &[], b"").await.unwrap();
    assert!(unsigned.is(400, "\"Bad request.\""));
    assert_eq!(world.terminate(INSTANCE).await.status, 200);
    assert!(world.edge.app_key(INSTANCE).is_none());
}

#[tokio::test]
async fn one_application_cannot_act_for_another() {
    let (world, clock) = world().await;
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    let own = bearer(&world, &clock, INSTANCE).await;
    let answer = registry(&world, "POST", &services(OTHER), &own, &service(0)).await;
    assert_eq!(
        (answer.status, &answer.json()["title"]),
        (401, &json!("UnAuthorization to access the resource"))
    );
    assert_eq!(
        registry(&world, "GET", &services(INSTANCE), "Bearer x.y.z", &Value::Null)
            .await
            .status,
        401
    );
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(
        registry(&world, "GET", &services(INSTANCE), &own, &Value::Null)
            .await
            .status,
        401,
        "too old"
    );

    let inside = format!("/mep/mec_service_mgmt/v1/applications/{INSTANCE}/services");
    let body = service(0).to_string();
    for (header, status) in [(OTHER, 401), (INSTANCE, 201)] {
        let answer = call(
            world.mep(),
            "POST",
            &inside,
            &[("X-AppinstanceID", header)],
            body.as_bytes(),
        )
        .await
        .unwrap();
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn heartbeats_of_services_that_have_none_or_sleep() {
    let (world, clock) = world().await;
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    let own = bearer(&world, &clock, INSTANCE).await;
    let beats = json!({"state": "ACTIVE"});
    let register = async |body: Value| {
        let answer = registry(&world, "POST", &services(INSTANCE), &own, &body)
            .await
            .json();
        format!(
            "{}/{}",
            services(INSTANCE),
            answer["serInstanceId"].as_str().unwrap()
        )
    };
    let without = register(service(0)).await;
    let beat = async |path: &str| {
        registry(&world, "PUT", &format!("{path}/liveness"), &own, &beats)
            .await
            .status
    };
    assert_eq!(beat(&without).await, 404);
    assert_eq!(beat(&format!("{}/unknown", services(INSTANCE))).await, 404);
    let mut sleeping = service(60);
    sleeping["state"] = json!("INACTIVE");
    let sleeping = register(sleeping).await;
    assert_eq!(beat(&sleeping).await, 409);
    clock.advance(Duration::from_secs(600));
    let states: Vec<_> = seen(&world).await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["ACTIVE", "INACTIVE"], "neither can be suspended");

    for _ in 2..50 {
        register(service(0)).await;
    }
    assert_eq!(
        registry(&world, "POST", &services(INSTANCE), &own, &service(0))
            .await
            .status,
        403
    );
    assert_eq!(
        registry(&world, "DELETE", &without, &own, &Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(
        registry(&world, "GET", &services(INSTANCE), &own, &Value::Null)
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        49
    );
    assert_eq!(
        registry(&world, "PUT", &sleeping, &own, &service(60))
            .await
            .status,
        200
    );
    assert_eq!(beat(&sleeping).await, 204);
}

#[tokio::test]
async fn the_controllers_side_of_mep_auth() {
    let (world, clock) = world().await;
    let path = format!("/mepauth/v1/applications/{INSTANCE}/confs");
    let confs = json!({"authInfo": {"credentials":
        {"accessKeyId": "QUtleGFtcGxlMTIzNDU2", "secretKey": "c2VjcmV0".repeat(8), "appName": "zoneapp"}}});
    let put = |body: String| {
        let (to, path) = (world.mep(), path.clone());
        async move { call(to, "PUT", &path, &[], body.as_bytes()).await.unwrap().status }
    };
    assert_eq!(put("nonsense".to_owned()).await, 200, "whatever happened");
    assert!(world.edge.keys().is_empty());
    assert_eq!(put(confs.to_string()).await, 200);
    assert_eq!(
        ask_token(&world, &clock, INSTANCE, None, Form::MepAuth)
            .await
            .status,
        200
    );
    let gone = call(world.mep(), "DELETE", &path, &[], b"").await.unwrap();
    assert!(gone.is(200, "\"Delete success.\""));
    let gone = call(world.mep(), "DELETE", &path, &[], b"").await.unwrap();
    assert!(gone.is(400, "\"Delete fail.\""));
}

#[tokio::test]
async fn preset_capabilities_stand_beside_the_services() {
    let (world, _) = world().await;
    let mut gpu = Capability::active("GPU");
    gpu.status = "SUSPENDED".to_owned();
    world.edge.set_capabilities(vec![gpu]);
    assert_eq!(seen(&world).await, is("GPU", "SUSPENDED"));
}
