//! The applications on a host, what of the host they use, and that a host with running ones is not lost by mistake.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{Bench, OTHER, host};

const APPS: &str = "/mechosts/10.0.0.1/apps";

fn id(number: u32) -> String {
    format!("5c1c2b7e-6a0b-4c5f-9a0e-{number:012}")
}

fn one(number: u32) -> String {
    format!("{APPS}/{}", id(number))
}

/// An application, as APPO sends it.
fn application(number: u32) -> Value {
    json!({"appInstanceId": id(number), "appName": format!("应用_{number}"), "packageId": "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90",
        "capabilities": ["GPU"], "status": "Created"})
}

fn with_status(number: u32, status: &str) -> Value {
    let mut application = application(number);
    application["status"] = status.into();
    application
}

impl Bench {
    async fn hosts(&self, ips: &[&str]) {
        for ip in ips {
            self.post("/mechosts", &host(ip)).await.is_done("Saved");
        }
    }
}

#[tokio::test]
async fn an_application_is_added_read_replaced_and_deleted() {
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1"]).await;
        bench.get(APPS).await.is_not_found();
        bench.get(&one(1)).await.is_not_found();
        bench.put(&one(1), &application(1)).await.is_not_found();
        bench.delete(&one(1)).await.is_done("Deleted");

        bench.post(APPS, &application(1)).await.is_done("Saved");
        assert_eq!(bench.get(&one(1)).await.body, application(1));
        let mut changed = json!({"appInstanceId": id(1), "appName": "new", "packageId": "0".repeat(32),
            "capabilities": [], "status": "Instantiated"});
        bench.put(&one(1), &changed).await.is_done("Updated");
        // An empty list leaves the capabilities as they are.
        changed["capabilities"] = json!(["GPU"]);
        assert_eq!(bench.get(&one(1)).await.body, changed);
        changed["capabilities"] = json!(["NPU", "FPGA"]);
        bench.put(&one(1), &changed).await.is_done("Updated");
        assert_eq!(bench.get(&one(1)).await.body, changed);

        bench.delete(&one(1)).await.is_done("Deleted");
        bench.delete(&one(1)).await.is_done("Deleted");
        bench.get(&one(1)).await.is_not_found();
    }
}

#[tokio::test]
async fn applications_are_listed_oldest_first_and_an_update_moves_none() {
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1"]).await;
        for number in [3, 1, 2] {
            bench.post(APPS, &application(number)).await.is_done("Saved");
        }
        bench
            .put(&one(3), &with_status(3, "Terminated"))
            .await
            .is_done("Updated");
        let listed = bench.get(APPS).await;
        assert_eq!(listed.each("appInstanceId"), [id(3), id(1), id(2)]);
    }
}

#[tokio::test]
async fn what_is_not_sent_is_no_capability_and_what_is_sent_twice_is_one() {
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1"]).await;
        let mut without = application(1);
        without.as_object_mut().unwrap().remove("capabilities");
        bench.post(APPS, &without).await.is_done("Saved");
        assert_eq!(bench.get(&one(1)).await.body["capabilities"], json!([]));
        let mut twice = application(2);
        twice["capabilities"] = vec!["GPU"; 20].into();
        twice["appInstanceId"] = id(2).to_uppercase().into();
        bench.post(APPS, &twice).await.is_done("Saved");
        let read = bench.get(&one(2)).await.body;
        assert_eq!(
            (&read["capabilities"], &read["appInstanceId"]),
            (&json!(["GPU"]), &json!(id(2)))
        );
    }
}

#[tokio::test]
async fn an_id_is_one_of_a_kind_in_its_tenant() {
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1", "10.0.0.2"]).await;
        bench.post(APPS, &application(1)).await.is_done("Saved");
        for path in [APPS, "/mechosts/10.0.0.2/apps"] {
            bench
                .post(path, &application(1))
                .await
                .is_illegal("Record already exist");
        }
        let body = host("10.0.0.1").to_string();
        bench
            .ask_in(OTHER, Method::POST, "/mechosts", &body)
            .await
            .is_done("Saved");
        let body = application(1).to_string();
        bench
            .ask_in(OTHER, Method::POST, APPS, &body)
            .await
            .is_done("Saved");
    }
}

#[tokio::test]
async fn tenant_and_host_must_be_the_applications_own() {
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1", "10.0.0.2"]).await;
        bench.post(APPS, &application(1)).await.is_done("Saved");
        let elsewhere = format!("/mechosts/10.0.0.2/apps/{}", id(1));
        bench.get(&elsewhere).await.is_not_found();
        bench.put(&elsewhere, &application(1)).await.is_not_found();
        bench.delete(&elsewhere).await.is_done("Deleted");
        let body = host("10.0.0.1").to_string();
        bench
            .ask_in(OTHER, Method::POST, "/mechosts", &body)
            .await
            .is_done("Saved");
        bench.ask_in(OTHER, Method::GET, &one(1), "").await.is_not_found();
        let body = application(1).to_string();
        bench
            .ask_in(OTHER, Method::PUT, &one(1), &body)
            .await
            .is_not_found();
        bench
            .ask_in(OTHER, Method::DELETE, &one(1), "")
            .await
            .is_done("Deleted");
        assert_eq!(bench.get(&one(1)).await.body, application(1));

        let nowhere = format!("/mechosts/10.0.0.3/apps/{}", id(1));
        bench.get("/mechosts/10.0.0.3/apps").await.is_not_found();
        bench
            .post("/mechosts/10.0.0.3/apps", &application(2))
            .await
            .is_not_found();
        bench.get(&nowhere).await.is_not_found();
        bench.put(&nowhere, &application(1)).await.is_not_found();
        bench.delete(&nowhere).await.is_not_found();
    }
}

#[tokio::test]
async fn each_constraint_has_its_text() {
    let name = "app name is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore";
    let package = "package ID is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore";
    let status = "status is invalid. special characters not allowed";
    let eleven: Vec<String> = (0..11).map(|number| format!("T{number}")).collect();
    let cases: &[(&str, Value, &[&str])] = &[
        ("appInstanceId", Value::Null, &["application ID is empty"]),
        (
            "appInstanceId",
            json!(""),
            &["application ID is empty", "application ID is invalid"],
        ),
        (
            "appInstanceId",
            json!("x".repeat(65)),
            &[
                "application ID length exceeds max size",
                "application ID is invalid",
            ],
        ),
        ("appName", Value::Null, &["app name is empty"]),
        ("appName", json!(""), &["app name is empty"]),
        (
            "appName",
            json!("n".repeat(129)),
            &["app name length exceeds max size"],
        ),
        ("appName", json!("-n"), &[name]),
        ("packageId", Value::Null, &["package id is empty"]),
        ("packageId", json!(""), &["package id is empty", package]),
        ("packageId", json!("A".repeat(32)), &[package]),
        (
            "packageId",
            json!("a".repeat(65)),
            &["package ID length exceeds max size", package],
        ),
        (
            "capabilities",
            json!(eleven),
            &["capabilities exceeds max limit 10"],
        ),
        ("status", Value::Null, &["status is empty"]),
        ("status", json!(""), &["status is empty"]),
        (
            "status",
            json!("s".repeat(129)),
            &["status length exceeds max size"],
        ),
        ("status", json!("Create-failed"), &[status]),
    ];
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1"]).await;
        for (field, value, texts) in cases {
            let mut broken = application(1);
            broken[*field] = value.clone();
            bench.post(APPS, &broken).await.is_invalid(texts);
            bench.put(&one(1), &broken).await.is_invalid(texts);
        }
        let all = [
            "application ID is empty",
            "app name is empty",
            "package id is empty",
            "status is empty",
        ];
        bench.post(APPS, &json!({})).await.is_invalid(&all);
        bench.get(APPS).await.is_not_found();
    }
}

#[tokio::test]
async fn body_and_url_agree_and_a_url_that_names_none_is_named() {
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1"]).await;
        bench.post(APPS, &application(1)).await.is_done("Saved");
        bench
            .put(&one(1), &application(2))
            .await
            .is_illegal("application ID in body and url is different");
        let mut upper = application(1);
        upper["appInstanceId"] = id(1).to_uppercase().into();
        bench.put(&one(1), &upper).await.is_done("Updated");
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = bench.ask(method, &format!("{APPS}/1"), "").await;
            answer.is_invalid(&["URL parameter validation failed", "app_id"]);
        }
    }
}

#[tokio::test]
async fn the_applications_that_use_a_type_of_hardware_are_found_exactly() {
    let using = |hardware: &str| format!("/mechosts/10.0.0.1/capabilities/{hardware}/applications");
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1", "10.0.0.2"]).await;
        bench.get(&using("GPU")).await.is_not_found();
        for number in [2, 1, 3] {
            let mut application = application(number);
            if number == 3 {
                // The host does not offer it, and it is no GPU.
                application["capabilities"] = json!(["GPU2"]);
            }
            bench.post(APPS, &application).await.is_done("Saved");
        }
        let mut elsewhere = application(4);
        elsewhere["capabilities"] = json!(["GPU"]);
        bench
            .post("/mechosts/10.0.0.2/apps", &elsewhere)
            .await
            .is_done("Saved");
        let found = bench.get(&using("GPU")).await;
        assert_eq!(
            (found.status, found.body),
            (200, json!({"apps": [application(2), application(1)]}))
        );
        for none in ["GP", "gpu", "GPU2", "NPU"] {
            bench.get(&using(none)).await.is_not_found();
        }
        let long = "x".repeat(129);
        for broken in ["-GPU", &long] {
            let answer = bench.get(&using(broken)).await;
            answer.is_invalid(&["URL parameter validation failed", "capability_type"]);
        }
    }
}

#[tokio::test]
async fn a_host_with_running_applications_stays_until_it_is_forced() {
    for bench in Bench::all().await {
        for path in ["/mechosts/10.0.0.1", "/mechosts"] {
            bench.hosts(&["10.0.0.1", "10.0.0.2"]).await;
            for number in 1..=12 {
                bench
                    .post(APPS, &with_status(number, "Instantiated"))
                    .await
                    .is_done("Saved");
            }
            let refused = bench.delete(path).await;
            let (status, message, details) = refused.error();
            assert_eq!(
                (status, message, details.len()),
                (412, "mechost has applications", 10)
            );
            assert!(
                details[0].contains(&id(1)) && details[0].contains("应用_1"),
                "{details:?}"
            );
            assert_eq!(
                bench.get("/mechosts").await.each("mechostIp"),
                ["10.0.0.1", "10.0.0.2"]
            );
            assert_eq!(bench.get(APPS).await.body.as_array().unwrap().len(), 12);
            bench
                .delete(&format!("{path}?force=true"))
                .await
                .is_done("Deleted");
            bench.get("/mechosts/10.0.0.1").await.is_not_found();
            bench.ask(Method::DELETE, "/mechosts", "").await;
        }
    }
}

#[tokio::test]
async fn applications_that_do_not_run_go_with_their_host() {
    for bench in Bench::all().await {
        for path in ["/mechosts/10.0.0.1", "/mechosts"] {
            bench.hosts(&["10.0.0.1"]).await;
            for (number, status) in [(1, "Created"), (2, "Terminated"), (3, "Instantiation failed")] {
                bench
                    .post(APPS, &with_status(number, status))
                    .await
                    .is_done("Saved");
            }
            bench.delete(path).await.is_done("Deleted");
            bench.hosts(&["10.0.0.1"]).await;
            bench.get(APPS).await.is_not_found();
            bench.delete("/mechosts").await.is_done("Deleted");
        }
        // One elsewhere keeps no other host.
        bench.hosts(&["10.0.0.1", "10.0.0.2"]).await;
        bench
            .post(APPS, &with_status(1, "Instantiated"))
            .await
            .is_done("Saved");
        bench.delete("/mechosts/10.0.0.2").await.is_done("Deleted");
    }
}

#[tokio::test]
async fn a_replaced_host_keeps_its_applications() {
    for bench in Bench::all().await {
        bench.hosts(&["10.0.0.1"]).await;
        bench.post(APPS, &application(1)).await.is_done("Saved");
        bench
            .put("/mechosts/10.0.0.1", &host("10.0.0.1"))
            .await
            .is_done("Updated");
        assert_eq!(bench.get(APPS).await.each("appInstanceId"), [id(1)]);
    }
}

#[tokio::test]
async fn of_many_that_add_at_once_one_does_and_no_more_than_may_be() {
    for bench in Bench::all_with(|config| config.limits.app_instances = 3).await {
        bench.hosts(&["10.0.0.1", "10.0.0.2"]).await;
        let body = application(1);
        let same = join_all((0..10).map(|_| bench.post(APPS, &body))).await;
        assert_eq!(same.iter().filter(|answer| answer.status == 200).count(), 1);
        let bodies: Vec<_> = (2..10).map(application).collect();
        let more = join_all(
            bodies
                .iter()
                .map(|body| bench.post("/mechosts/10.0.0.2/apps", body)),
        )
        .await;
        assert_eq!(more.iter().filter(|answer| answer.status == 200).count(), 2);
        for full in more.iter().filter(|answer| answer.status != 200) {
            assert_eq!(
                full.error(),
                (409, "Max record limit exceeded", vec!["applications: 3"])
            );
        }
    }
}

#[tokio::test]
async fn a_host_that_is_deleted_while_applications_come_leaves_none_behind() {
    for bench in Bench::all().await {
        for round in 0..5 {
            bench.hosts(&["10.0.0.1"]).await;
            let bodies: Vec<_> = (0..6)
                .map(|number| with_status(round * 10 + number, "Instantiated"))
                .collect();
            let add = join_all(bodies.iter().map(|body| bench.post(APPS, body)));
            let (added, deleted) = tokio::join!(add, bench.delete("/mechosts/10.0.0.1"));
            let there = added.iter().filter(|answer| answer.status == 200).count();
            assert!(
                added.iter().all(|answer| matches!(answer.status, 200 | 404)),
                "{added:?}"
            );
            if deleted.status == 200 {
                assert_eq!(there, 0, "none was there before, and none could come after");
            } else {
                assert_eq!((deleted.status, there), (412, 6));
                bench
                    .delete("/mechosts/10.0.0.1?force=true")
                    .await
                    .is_done("Deleted");
            }
        }
    }
}
