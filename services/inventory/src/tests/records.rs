//! What the four kinds of record have in common.

use http::Method;
use serde_json::{Value, json};

use super::{Bench, OTHER, kinds};

/// Of an answer, what was sent.
fn as_sent(answered: &Value, sent: &Value) -> Value {
    let members = sent
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "edgeName");
    members
        .map(|name| (name.clone(), answered[name].clone()))
        .collect()
}

fn without_edge_name(mut sent: Value) -> Value {
    sent.as_object_mut().unwrap().remove("edgeName");
    sent
}

#[tokio::test]
async fn a_record_is_added_read_replaced_and_deleted() {
    for bench in Bench::all().await {
        for kind in kinds() {
            let one = format!("{}/10.0.0.1", kind.path);
            bench.post(kind.path, &kind.sample).await.is_done("Saved");
            let read = bench.get(&one).await;
            assert_eq!(read.status, 200);
            assert_eq!(
                as_sent(&read.body, &kind.sample),
                without_edge_name(kind.sample.clone())
            );
            bench
                .post(kind.path, &kind.sample)
                .await
                .is_illegal("Record already exist");

            // The portal sends the row as it got it, with edits.
            let mut edited = read.body.clone();
            edited["userName"] = json!("somebody");
            bench.put(&one, &edited).await.is_done("Updated");
            let again = bench.get(&one).await;
            assert_eq!(again.body["userName"], "somebody");
            let members: Vec<_> = again.body.as_object().unwrap().keys().collect();
            assert_eq!(members, read.body.as_object().unwrap().keys().collect::<Vec<_>>());

            bench.delete(&one).await.is_done("Deleted");
            bench.get(&one).await.is_not_found();
        }
    }
}

#[tokio::test]
async fn what_is_absent_in_a_replacement_becomes_null() {
    for bench in Bench::all().await {
        for kind in kinds() {
            let mut record = kind.sample.clone();
            record["userName"] = json!("somebody");
            bench.post(kind.path, &record).await.is_done("Saved");
            record.as_object_mut().unwrap().remove("userName");
            let one = format!("{}/10.0.0.1", kind.path);
            bench.put(&one, &record).await.is_done("Updated");
            assert_eq!(bench.get(&one).await.body["userName"], Value::Null);
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_so_is_a_list_of_nothing() {
    for bench in Bench::all().await {
        for kind in kinds() {
            let one = format!("{}/10.0.0.1", kind.path);
            bench.get(kind.path).await.is_not_found();
            bench.get(&one).await.is_not_found();
            bench.put(&one, &kind.sample).await.is_not_found();
            bench.delete(&one).await.is_not_found();
            bench.delete(kind.path).await.is_not_found();
        }
    }
}

#[tokio::test]
async fn lists_are_oldest_first_and_an_update_moves_nothing() {
    for bench in Bench::all().await {
        for kind in kinds() {
            let order = ["10.0.0.9", "10.0.0.1", "10.0.0.5"];
            for ip in order {
                bench.post(kind.path, &kind.of(ip)).await.is_done("Saved");
            }
            let first = format!("{}/10.0.0.9", kind.path);
            bench.put(&first, &kind.of("10.0.0.9")).await.is_done("Updated");
            assert_eq!(bench.get(kind.path).await.each(kind.ip), order);
            bench.delete(&first).await.is_done("Deleted");
            assert_eq!(bench.get(kind.path).await.each(kind.ip), &order[1..]);
            bench.delete(kind.path).await.is_done("Deleted");
            bench.get(kind.path).await.is_not_found();
        }
    }
}

#[tokio::test]
async fn tenants_see_and_change_their_own_alone() {
    for bench in Bench::all().await {
        for kind in kinds() {
            bench.post(kind.path, &kind.sample).await.is_done("Saved");
            let one = format!("{}/10.0.0.1", kind.path);
            let sample = kind.sample.to_string();
            let theirs = |method, path: String, body: String| {
                let bench = &bench;
                async move { bench.ask_in(OTHER, method, &path, &body).await }
            };
            let list = kind.path.to_owned();
            theirs(Method::GET, list.clone(), String::new())
                .await
                .is_not_found();
            theirs(Method::GET, one.clone(), String::new())
                .await
                .is_not_found();
            theirs(Method::PUT, one.clone(), sample.clone())
                .await
                .is_not_found();
            theirs(Method::DELETE, one.clone(), String::new())
                .await
                .is_not_found();
            theirs(Method::DELETE, list.clone(), String::new())
                .await
                .is_not_found();
            // The same IP is free for another tenant.
            theirs(Method::POST, list.clone(), sample).await.is_done("Saved");
            theirs(Method::DELETE, list, String::new())
                .await
                .is_done("Deleted");
            assert_eq!(bench.get(&one).await.status, 200);
        }
    }
}

#[tokio::test]
async fn the_ips_in_body_and_url_agree() {
    for bench in Bench::all().await {
        for kind in kinds() {
            let other = format!("{}/10.0.0.2", kind.path);
            bench.put(&other, &kind.sample).await.is_illegal(kind.differs);
        }
    }
}

#[tokio::test]
async fn a_url_that_names_no_ip_is_a_broken_parameter() {
    for bench in Bench::all().await {
        for (kind, parameter) in kinds()
            .iter()
            .zip(["applcm_ip", "apprule_ip", "appstore_ip", "mechost_ip"])
        {
            for ip in ["10.0.0", "010.0.0.1", "a", "10.0.0.256", "%00"] {
                let one = format!("{}/{ip}", kind.path);
                let texts = ["URL parameter validation failed", parameter];
                bench.get(&one).await.is_invalid(&texts);
                bench.put(&one, &kind.sample).await.is_invalid(&texts);
                bench.delete(&one).await.is_invalid(&texts);
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_such_json_says_so() {
    for bench in Bench::all().await {
        for kind in kinds() {
            for body in [
                "",
                "{",
                "[]",
                "7",
                r#"{"userName":{}}"#,
                r#"{"userName":"\u0000"}"#,
            ] {
                let answer = bench.ask(Method::POST, kind.path, body).await;
                let (status, message, details) = answer.error();
                assert_eq!(
                    (status, message, details.len()),
                    (400, "malformed request body", 1),
                    "{body}"
                );
            }
        }
    }
}

#[tokio::test]
async fn numbers_are_taken_for_texts_and_unknown_members_ignored() {
    for bench in Bench::all().await {
        let record = json!({"applcmIp": "10.0.0.1", "applcmPort": 30101, "applcmName": 7, "more": [1]});
        bench.post("/applcms", &record).await.is_done("Saved");
        let read = bench.get("/applcms/10.0.0.1").await.body;
        let expected =
            json!({"applcmName": "7", "applcmIp": "10.0.0.1", "applcmPort": "30101", "userName": null});
        assert_eq!(read, expected);
    }
}
