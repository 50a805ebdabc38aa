//! What a key's signature opens, and what it does not.

use std::time::Duration;

use mecm_common::db::DbError;
use mecm_common::fetch_all;

use super::super::{CUSTOMER, OTHER, SERVICE};
use super::*;

const VERIFY: &str = "/inventory/v1/credentials/verify";

#[tokio::test]
async fn a_key_acts_in_its_tenant_as_its_roles_allow() {
    for bench in Bench::all().await {
        let writer = bench.writer().await;
        let_in(&bench.ask_signed(&writer, Method::GET, &hosts(), "").await);
        let_in(&bench.ask_signed(&writer, Method::DELETE, &hosts(), "").await);
        let_in(&bench.ask_signed(&CUSTOMER, Method::GET, &hosts(), "").await);
        let written = bench.ask_signed(&CUSTOMER, Method::DELETE, &hosts(), "").await;
        assert_eq!(written.error().1, "Forbidden", "a guest");
        let elsewhere = format!("/inventory/v1/tenants/{OTHER}/mechosts");
        let elsewhere = bench.ask_signed(&writer, Method::GET, &elsewhere, "").await;
        assert_eq!(elsewhere.error().1, "Illegal tenant ID");
        let told = bench.get(&format!("{KEYS}/{}", writer.access_key)).await.body;
        let now = mecm_common::service::wire_time(bench.clock.now());
        assert_eq!(told["lastUsedTime"], now);
    }
}

#[tokio::test]
async fn a_signature_counts_once_at_all_processes_and_after_a_restart() {
    for bench in Bench::all().await {
        let writer = bench.writer().await;
        let again = || bench.signed(&writer, Method::DELETE, &hosts(), "", "once");
        let_in(&bench.send(again()).await);
        refused(&bench.send(again()).await);
        // Another process, and one that starts later.
        refused(&Bench::send_to(&bench.another().await, again()).await);
        let read = || bench.signed(&writer, Method::GET, &hosts(), "", "read");
        for _ in 0..2 {
            let_in(&bench.send(read()).await);
        }
        assert_eq!(
            bench.recorded().await.last().unwrap(),
            "log-in refused: the request was sent before"
        );
    }
}

#[tokio::test]
async fn dates_may_be_a_quarter_of_an_hour_off_on_either_side() {
    for bench in Bench::all().await {
        let writer = bench.writer().await;
        let late = bench.signed(&writer, Method::GET, &hosts(), "", "1");
        let too_late = bench.signed(&writer, Method::GET, &hosts(), "", "2");
        bench.clock.advance(Duration::from_secs(900 - 1));
        let_in(&bench.send(late).await);
        bench.clock.advance(Duration::from_secs(2));
        let answer = bench.send(too_late).await;
        let (status, text, details) = answer.error();
        assert_eq!((status, text), (401, "request time too skewed"));
        assert!(details[1].starts_with("server time: 2026"), "{details:?}");
    }
}

#[tokio::test]
async fn guesses_lock_a_key_for_their_source_alone_and_for_a_quarter_of_an_hour() {
    for bench in Bench::all().await {
        let writer = bench.writer().await;
        let guesser = ServiceKey {
            access_key: writer.access_key.clone(),
            ..ServiceKey::generate()
        };
        let id = || uuid::Uuid::new_v4().to_string();
        let ask = async |key: &ServiceKey, source: &str| {
            let request = bench.signed(key, Method::GET, &hosts(), "", &id());
            bench.send(from(request, source)).await
        };
        for _ in 0..3 {
            refused(&ask(&guesser, "10.6.6.6").await);
        }
        locked(&ask(&guesser, "10.6.6.6").await);
        locked(&ask(&writer, "10.6.6.6").await);
        let another = bench.another().await;
        let request = bench.signed(&writer, Method::GET, &hosts(), "", &id());
        locked(&Bench::send_to(&another, from(request, "10.6.6.6")).await);
        let_in(&ask(&writer, "10.0.0.1").await);
        // A success resets the count.
        for _ in 0..3 {
            refused(&ask(&guesser, "10.0.0.1").await);
            refused(&ask(&guesser, "10.0.0.1").await);
            let_in(&ask(&writer, "10.0.0.1").await);
        }
        bench.clock.advance(Duration::from_secs(900));
        let_in(&ask(&writer, "10.6.6.6").await);

        let records = bench.get("/audit").await;
        let told: Vec<_> = records.body.as_array().unwrap()[1..]
            .iter()
            .map(|record| {
                (
                    record["what"].as_str().unwrap(),
                    record["source"].as_str().unwrap(),
                    record["times"].as_i64(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("log-in refused: the signature does not fit", "10.6.6.6", Some(3)),
                (
                    "log-in refused: the key is locked for this source",
                    "10.6.6.6",
                    Some(3)
                ),
                ("log-in refused: the signature does not fit", "10.0.0.1", Some(6)),
            ]
        );
    }
}

#[tokio::test]
async fn a_key_that_does_not_exist_is_answered_and_locked_as_one_that_does() {
    for bench in Bench::all().await {
        let unknown = ServiceKey::generate();
        let known = ServiceKey {
            access_key: bench.writer().await.access_key,
            ..ServiceKey::generate()
        };
        let mut answers = Vec::new();
        for key in [&unknown, &known] {
            let mut told = Vec::new();
            for method in [
                Method::GET,
                Method::POST,
                Method::GET,
                Method::GET,
                Method::DELETE,
            ] {
                let answer = bench.ask_signed(key, method, &hosts(), "").await;
                let mut body = answer.body.clone();
                body["requestId"] = Value::Null;
                told.push((answer.status, body));
            }
            bench.clock.advance(Duration::from_secs(900));
            let answer = bench.ask_signed(key, Method::GET, &hosts(), "").await;
            told.push((answer.status, Value::from(answer.error().1)));
            answers.push(
                told.into_iter()
                    .map(|(status, mut body)| {
                        if body.is_object() {
                            body["timestamp"] = Value::Null;
                        }
                        (status, body)
                    })
                    .collect::<Vec<_>>(),
            );
        }
        assert_eq!(answers[0], answers[1]);
        let statuses: Vec<u16> = answers[0].iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [401, 401, 401, 403, 403, 401]);
    }
}

#[tokio::test]
async fn a_key_that_is_disabled_expired_elsewhere_rotated_or_deleted_opens_nothing() {
    for bench in Bench::all().await {
        let ask = async |key: &ServiceKey| bench.ask_signed(key, Method::GET, &hosts(), "").await;
        let wanted =
            json!({"name": "a", "allowedSources": ["192.0.2.0/24"], "expiresTime": "2026-12-01T00:00:00"});
        let (_, bound) = bench.key(&wanted).await;
        refused(&ask(&bound).await);
        for (source, status) in [
            ("192.0.3.1", 401),
            ("192.0.2.255", 404),
            ("::ffff:192.0.2.1", 404),
        ] {
            let request = bench.signed(&bound, Method::GET, &hosts(), "", "1");
            assert_eq!(bench.send(from(request, source)).await.status, status, "{source}");
        }
        let writer = bench.writer().await;
        let one = format!("{KEYS}/{}", writer.access_key);
        for (status, known) in [("DISABLED", false), ("ACTIVE", true)] {
            bench
                .put(&one, &json!({ "status": status }))
                .await
                .is_done("Updated");
            let answer = ask(&writer).await;
            if known { let_in(&answer) } else { refused(&answer) }
        }
        // The secret before works on for a day; one before that not, and none where that is wanted.
        let rotate = async |body: Value| pair(&bench.post(&format!("{one}/rotate"), &body).await.body);
        let second = rotate(json!({})).await;
        let_in(&ask(&writer).await);
        let_in(&ask(&second).await);
        bench.clock.advance(Duration::from_secs(24 * 3600));
        refused(&ask(&writer).await);
        let third = rotate(json!({"graceSeconds": 0})).await;
        refused(&ask(&second).await);
        let_in(&ask(&third).await);
        bench.delete(&one).await.is_done("Deleted");
        refused(&ask(&third).await);
        // A month later the first has ended.
        bench.clock.advance(Duration::from_secs(30 * 24 * 3600));
        let request = bench.signed(&bound, Method::GET, &hosts(), "", "2");
        refused(&bench.send(from(request, "192.0.2.1")).await);
        let reasons = bench.recorded().await;
        for reason in [
            "the key is disabled",
            "the key has expired",
            "the source is not among the key's allowed sources",
        ] {
            let reason = format!("log-in refused: {reason}");
            assert!(reasons.contains(&reason), "{reason}: {reasons:?}");
        }
        // None of that counts for the lock.
        let told = bench.get("/audit").await;
        assert!(!told.body.to_string().contains("locked"));
    }
}

#[tokio::test]
async fn a_token_of_a_key_ends_with_it() {
    for bench in Bench::all().await {
        let soon = mecm_common::service::wire_time(bench.clock.now() + chrono::TimeDelta::minutes(10));
        let (_, key) = bench.key(&json!({"name": "a", "expiresTime": soon})).await;
        let made = bench
            .ask_signed(&key, Method::POST, "/inventory/v1/token", "")
            .await;
        assert_eq!((made.status, &made.body["expires_in"]), (200, &json!(600)));
    }
}

#[tokio::test]
async fn services_are_told_whose_a_signature_is_and_nobody_else_is() {
    for bench in Bench::all().await {
        let writer = bench.writer().await;
        let string = |id: &str| format!("SDK-HMAC-SHA256\n20261118T110640Z\n{id}");
        let ask = async |key: &ServiceKey, id: &str| {
            let body = json!({"accessKey": key.access_key, "method": "POST", "stringsToSign": [string(id), string("x")],
                "signature": hmac(key, &string(id)), "source": "10.0.0.1"});
            bench
                .ask_signed(&SERVICE, Method::POST, VERIFY, &body.to_string())
                .await
        };
        let known = ask(&writer, "1").await;
        assert_eq!(known.status, 200);
        assert_eq!(
            known.body,
            json!({"status": 200, "message": null, "tenantId": TENANT, "roles": ["ROLE_MECM_TENANT"], "name": "atp",
                "expiresTime": null})
        );
        let refusal = |status: u16, message: &str| json!({"status": status, "message": message, "tenantId": null, "roles": [], "name": null, "expiresTime": null});
        let invalid = refusal(401, "Invalid access or signature.");
        assert_eq!(ask(&writer, "1").await.body, invalid, "a replay");
        let stranger = ServiceKey::generate();
        for _ in 0..3 {
            let answer = ask(&stranger, "2").await;
            assert_eq!((answer.status, &answer.body), (200, &invalid));
        }
        assert_eq!(ask(&stranger, "3").await.body, refusal(403, "Access is locked."));
        // The lock is that of the source that was told.
        let own = bench.ask_signed(&stranger, Method::GET, &hosts(), "").await;
        refused(&own);

        let token = bench.token(TENANT, "ROLE_MECM_TENANT");
        let request = Request::post(VERIFY)
            .header("access_token", token)
            .body(Body::from("{}"));
        assert_eq!(bench.send(request.unwrap()).await.error().1, "Forbidden");
        assert_eq!(
            bench
                .ask_signed(&writer, Method::POST, VERIFY, "{}")
                .await
                .error()
                .1,
            "Forbidden"
        );
        let nonsense = bench.ask_signed(&SERVICE, Method::POST, VERIFY, "{}").await;
        nonsense.is_invalid(&["the signature to verify cannot be read"]);
    }
}

fn hmac(key: &ServiceKey, string: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.secret_key.expose().as_bytes()).unwrap();
    mac.update(string.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn no_secret_is_in_the_database_in_clear() {
    for bench in Bench::all().await {
        let writer = bench.writer().await;
        let one = format!("{KEYS}/{}/rotate", writer.access_key);
        let second = pair(&bench.post(&one, &json!({})).await.body);
        let_in(&bench.ask_signed(&writer, Method::GET, &hosts(), "").await);
        type Kept = (Vec<u8>, Option<Vec<u8>>, String);
        let rows: Result<Vec<Kept>, DbError> = async {
            let mut read = bench.db.db.read().await?;
            Ok(fetch_all!(
                &mut read,
                "SELECT secret, old_secret, access_key FROM credentials"
            ))
        }
        .await;
        let mut seen = 0;
        for (secret, old, access_key) in rows.unwrap() {
            for kept in [Some(secret), old].into_iter().flatten() {
                seen += 1;
                for key in [&writer, &second, &*CUSTOMER] {
                    let clear = key.secret_key.expose().as_bytes();
                    for piece in clear.windows(8) {
                        assert!(!kept.windows(8).any(|window| window == piece), "{access_key}");
                    }
                }
            }
        }
        assert_eq!(seen, 3);
    }
}
