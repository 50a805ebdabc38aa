//! Making, showing, switching off, rotating and deleting keys, and the record of it.

use chrono::TimeDelta;
use mecm_common::auth::jwt::{BY_OPERATOR, NewToken, mint};
use mecm_common::auth::sealed::SealingKey;
use mecm_common::service::wire_time;
use secrecy::ExposeSecret as _;

use super::super::{CUSTOMER, OTHER, SERVICE, SIGNING};
use super::*;

#[tokio::test]
async fn a_key_is_made_once_shown_and_then_told_without_its_secret() {
    for bench in Bench::all().await {
        let wanted = json!({"name": "atp", "roles": ["ROLE_MECM_GUEST"], "expiresTime": "2027-01-01T00:00:00",
            "allowedSources": ["192.0.2.7/24"]});
        let (made, key) = bench.key(&wanted).await;
        let access_key = key.access_key.as_str();
        let now = wire_time(bench.clock.now());
        let shown = json!({"accessKey": access_key, "secretKey": key.secret_key.expose(), "name": "atp",
            "roles": ["ROLE_MECM_GUEST"], "status": "ACTIVE", "createdTime": now, "expiresTime": "2027-01-01T00:00:00.000"});
        assert_eq!(made, shown);
        assert_eq!((access_key.len(), key.secret_key.expose().len()), (20, 64));

        let told = json!({"accessKey": access_key, "name": "atp", "roles": ["ROLE_MECM_GUEST"], "status": "ACTIVE",
            "allowedSources": ["192.0.2.0/24"], "createdTime": now, "expiresTime": "2027-01-01T00:00:00.000",
            "lastUsedTime": null, "lastUsedSource": null});
        assert_eq!(bench.get(&format!("{KEYS}/{access_key}")).await.body, told);
        let all = bench.get(KEYS).await;
        assert_eq!(all.each("accessKey"), [CUSTOMER.access_key.as_str(), access_key]);
        assert_eq!(all.body[1], told);
        // Another tenant has none, and knows of none.
        assert_eq!(bench.ask_in(OTHER, Method::GET, KEYS, "").await.body, json!([]));
        let one = format!("{KEYS}/{access_key}");
        for (method, path, body) in [
            (Method::GET, one.clone(), ""),
            (Method::PUT, one.clone(), r#"{"status":"DISABLED"}"#),
            (Method::POST, format!("{one}/rotate"), ""),
            (Method::DELETE, one.clone(), ""),
        ] {
            bench.ask_in(OTHER, method, &path, body).await.is_not_found();
        }
        assert_eq!(
            bench.ask_in(OTHER, Method::GET, "/audit", "").await.body,
            json!([])
        );
    }
}

#[tokio::test]
async fn what_a_key_may_not_be_says_so() {
    for bench in Bench::all().await {
        bench
            .post(KEYS, &json!({}))
            .await
            .is_invalid(&["credential name is empty"]);
        bench
            .post(KEYS, &json!({"name": "a", "roles": ["ROLE_MECM_ADMIN"]}))
            .await
            .is_invalid(&["role is invalid. It must be ROLE_MECM_TENANT or ROLE_MECM_GUEST"]);
        bench
            .post(KEYS, &json!({"name": "a", "expiresTime": "2026-01-01T00:00:00"}))
            .await
            .is_invalid(&["expires time is in the past"]);
        let one = format!("{KEYS}/{}", CUSTOMER.access_key);
        bench
            .put(&one, &json!({"status": "active"}))
            .await
            .is_invalid(&["status is invalid. It must be ACTIVE or DISABLED"]);
        bench
            .post(&format!("{one}/rotate"), &json!({"graceSeconds": -1}))
            .await
            .is_invalid(&["grace seconds is invalid. It must be from 0 to 604800"]);
    }
    for bench in Bench::all_with(|config| config.limits.records = 2).await {
        bench.key(&json!({"name": "a"})).await;
        let (_, second) = bench.key(&json!({"name": "b"})).await;
        let full = bench.post(KEYS, &json!({"name": "c"})).await;
        assert_eq!(
            full.error(),
            (409, "Max record limit exceeded", vec!["access keys: 2"])
        );
        bench
            .delete(&format!("{KEYS}/{}", second.access_key))
            .await
            .is_done("Deleted");
        bench.key(&json!({"name": "c"})).await;
    }
}

#[tokio::test]
async fn a_key_cannot_make_keys_nor_can_a_token_made_from_one_or_a_service() {
    for bench in Bench::all().await {
        let path = format!("/inventory/v1/tenants/{TENANT}{KEYS}");
        let body = json!({"name": "more"}).to_string();
        let forbidden = (
            403,
            "Forbidden",
            vec!["User is not authorized to perform this operation"],
        );
        let writer = bench.writer().await;
        for key in [&writer, &SERVICE] {
            for method in [Method::GET, Method::POST] {
                let answer = bench.ask_signed(key, method, &path, &body).await;
                assert_eq!(answer.error(), forbidden);
            }
        }
        let made = bench
            .ask_signed(&writer, Method::POST, "/inventory/v1/token", "")
            .await;
        let wanted = json!({"tenantId": TENANT, "userName": "u", "roles": ["ROLE_MECM_TENANT"]}).to_string();
        let for_a_service = bench
            .ask_signed(&SERVICE, Method::POST, "/inventory/v1/tokens", &wanted)
            .await;
        let by_operator = |id: &str| {
            let claims = NewToken {
                user_id: TENANT,
                user_name: "operator",
                authorities: &["ROLE_MECM_TENANT"],
                expires: bench.clock.now() + TimeDelta::hours(1),
                jti: id,
            };
            mint(&SIGNING, &claims).expose_secret().to_owned()
        };
        let text = |answer: &Answer| answer.body["access_token"].as_str().unwrap().to_owned();
        for (token, status) in [
            (text(&made), 403),
            (text(&for_a_service), 403),
            (by_operator("1"), 403),
            (by_operator(&format!("{BY_OPERATOR}1")), 201),
            (bench.token(TENANT, "ROLE_MECM_ADMIN"), 201),
            (bench.token(TENANT, "ROLE_MECM_GUEST"), 403),
        ] {
            let request = Request::post(&path)
                .header("access_token", token)
                .header("content-type", "application/json")
                .body(Body::from(body.clone()));
            assert_eq!(bench.send(request.unwrap()).await.status, status);
        }
    }
}

#[tokio::test]
async fn every_change_is_on_record_with_who_and_from_where() {
    for bench in Bench::all().await {
        let (_, key) = bench.key(&json!({"name": "atp"})).await;
        let one = format!("{KEYS}/{}", key.access_key);
        bench
            .put(&one, &json!({"status": "DISABLED"}))
            .await
            .is_done("Updated");
        bench
            .put(&one, &json!({"status": "ACTIVE"}))
            .await
            .is_done("Updated");
        let rotated = bench.post(&format!("{one}/rotate"), &json!({})).await;
        assert_eq!(rotated.status, 200);
        assert_ne!(rotated.body["secretKey"], key.secret_key.expose());
        // Whatever a token calls its owner.
        let claims = NewToken {
            user_id: TENANT,
            user_name: &format!("mallory\0{}", "x".repeat(2_000)),
            authorities: &["ROLE_MECM_TENANT"],
            expires: bench.clock.now() + TimeDelta::hours(1),
            jti: "1",
        };
        let request = Request::delete(format!("/inventory/v1/tenants/{TENANT}{one}"))
            .header("access_token", mint(&super::super::KEY, &claims).expose_secret())
            .body(Body::empty());
        bench
            .send(from(request.unwrap(), "192.0.2.9"))
            .await
            .is_done("Deleted");
        bench.get(&one).await.is_not_found();
        let records = bench.get("/audit").await;
        assert_eq!(
            records.each("what"),
            ["created", "disabled", "enabled", "rotated", "deleted"]
        );
        let access_key = key.access_key.as_str();
        assert_eq!(
            records.body[0],
            json!({"time": wire_time(bench.clock.now()), "who": "somebody", "what": "created", "accessKey": access_key,
                "source": null, "times": 1})
        );
        let last = &records.body[4];
        assert_eq!(last["source"], "192.0.2.9");
        assert_eq!(last["who"], format!("mallory{}", "x".repeat(249)));
    }
}

#[tokio::test]
async fn the_record_is_bounded_and_ages() {
    for bench in Bench::all().await {
        let one = format!("{KEYS}/{}", CUSTOMER.access_key);
        bench
            .clock
            .advance(std::time::Duration::from_secs(91 * 24 * 3600));
        bench
            .put(&one, &json!({"status": "ACTIVE"}))
            .await
            .is_done("Updated");
        bench
            .clock
            .advance(std::time::Duration::from_secs(90 * 24 * 3600));
        bench
            .put(&one, &json!({"status": "ACTIVE"}))
            .await
            .is_done("Updated");
        assert_eq!(bench.recorded().await.len(), 2);
        bench.clock.advance(std::time::Duration::from_secs(1));
        bench
            .put(&one, &json!({"status": "DISABLED"}))
            .await
            .is_done("Updated");
        assert_eq!(bench.recorded().await, ["enabled", "disabled"]);
        // Signatures that are refused push out each other, and no change.
        let mut tx = bench.db.db.begin_write().await.unwrap();
        for number in 0..crate::store::audit::KEPT + 5 {
            let (key, what) = (CUSTOMER.access_key.as_str(), format!("refused {number}"));
            crate::store::audit::refused(&mut tx, key, &what, "", bench.clock.now())
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let records = bench.recorded().await;
        assert_eq!(records.len(), 1_002);
        assert_eq!(records[..3], ["enabled", "disabled", "refused 5"]);
    }
}

#[tokio::test]
async fn the_master_key_is_replaced_while_keys_are_used_and_made() {
    for bench in Bench::all().await {
        let mut keys = Vec::new();
        for _ in 0..3 {
            keys.push(bench.writer().await);
        }
        let rotated = format!("{KEYS}/{}/rotate", keys[0].access_key);
        keys.push(pair(&bench.post(&rotated, &json!({})).await.body));
        let (path, another) = (hosts(), bench.another().await);
        let reseal = || bench.ask_signed(&SERVICE, Method::POST, "/inventory/v1/credentials/reseal", "");
        assert_eq!(reseal().await.body, json!({"resealed": 0}));
        // At once: signatures at two processes, new keys, and secrets that are sealed anew.
        bench.master.lock().unwrap().insert(0, SealingKey::generate());
        let mut made = Vec::new();
        let using = async {
            for round in 0..10 {
                for key in &keys {
                    let id = uuid::Uuid::new_v4().to_string();
                    let request = bench.signed(key, Method::POST, &path, "{}", &id);
                    let answer = if round % 2 == 0 {
                        bench.send(request).await
                    } else {
                        Bench::send_to(&another, request).await
                    };
                    assert_eq!(answer.status, 400, "{}", answer.body);
                }
            }
        };
        let making = async {
            for _ in 0..10 {
                made.push(bench.writer().await);
            }
        };
        let ((), (), resealed) = tokio::join!(using, making, reseal());
        assert_eq!(resealed.status, 200, "{}", resealed.body);
        // Once more for keys that were made meanwhile; then the old master key opens nothing any more.
        assert_eq!(reseal().await.status, 200);
        bench.master.lock().unwrap().truncate(1);
        for router in [&bench.router, &another, &bench.another().await] {
            for key in keys.iter().chain(&made) {
                let id = uuid::Uuid::new_v4().to_string();
                let request = bench.signed(key, Method::GET, &path, "", &id);
                let_in(&Bench::send_to(router, request).await);
            }
        }
        assert_eq!(reseal().await.body, json!({"resealed": 0}));
    }
}
