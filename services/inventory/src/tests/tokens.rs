//! The tokens that the service makes: who gets which, and that they are good everywhere.

use std::slice;
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use http::{Method, Request};
use mecm_common::auth::jwt::Unverified;
use mecm_common::auth::rsa::{PublicKey, SigningKey, TokenKey};
use mecm_common::auth::{AuthSettings, Authenticator, Role};
use mecm_common::clock::Clock;
use mecm_common::db::testing::TestDb;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Answer, Bench, CUSTOMER, OTHER, SERVICE, SIGNING, TENANT};
use crate::migrations;
use crate::signing::Signing;

const TOKEN: &str = "/inventory/v1/token";
const TOKENS: &str = "/inventory/v1/tokens";

impl Bench {
    async fn published(&self) -> TokenKey {
        let request = Request::get("/inventory/v1/token_key")
            .body(Body::empty())
            .unwrap();
        let answer = self.send(request).await;
        assert_eq!(answer.status, 200);
        serde_json::from_value(answer.body).unwrap()
    }

    /// A request that shows a token.
    async fn with_token(&self, token: &str, method: Method, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("access_token", token)
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// What a token says, when it is signed with the key that is told.
    async fn claims(&self, made: &Answer) -> (String, Value) {
        assert_eq!(made.status, 200, "{}", made.body);
        assert_eq!(made.body["token_type"], "Bearer");
        assert_eq!(made.headers["cache-control"], "no-store");
        let token = made.body["access_token"].as_str().unwrap().to_owned();
        let keys = self.published().await.keys().unwrap();
        assert_eq!(keys, [SIGNING.public().clone()]);
        assert!(Unverified::parse(&token).unwrap().is_signed_by(&keys[0]));
        let claims = token.split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        (token, serde_json::from_slice(&claims).unwrap())
    }
}

fn hosts(tenant: &str) -> String {
    format!("/inventory/v1/tenants/{tenant}/mechosts")
}

#[tokio::test]
async fn a_key_gets_a_token_of_its_tenant_and_its_roles_for_an_hour() {
    for bench in Bench::all().await {
        // A body that is none of this call's is ignored.
        for body in ["", "{}"] {
            let made = bench.ask_signed(&CUSTOMER, Method::POST, TOKEN, body).await;
            let (token, claims) = bench.claims(&made).await;
            assert_eq!(made.body["expires_in"], 3600);
            let exp = bench.clock.now().timestamp() + 3600;
            let members = json!({"userId": TENANT, "user_name": "scripts", "authorities": ["ROLE_MECM_GUEST"], "exp": exp,
                "jti": claims["jti"]});
            assert_eq!(claims, members, "and neither iat nor nbf");
            let read = bench.with_token(&token, Method::GET, &hosts(TENANT), "").await;
            read.is_not_found();
            let written = bench.with_token(&token, Method::DELETE, &hosts(TENANT), "").await;
            assert_eq!(written.status, 403);
            let elsewhere = bench.with_token(&token, Method::GET, &hosts(OTHER), "").await;
            assert_eq!(elsewhere.status, 401);
        }
    }
}

#[tokio::test]
async fn a_token_ends_with_its_hour() {
    for bench in Bench::all().await {
        let made = bench.ask_signed(&CUSTOMER, Method::POST, TOKEN, "").await;
        let (token, _) = bench.claims(&made).await;
        bench.clock.advance(Duration::from_secs(3600 + 59));
        bench
            .with_token(&token, Method::GET, &hosts(TENANT), "")
            .await
            .is_not_found();
        bench.clock.advance(Duration::from_secs(1));
        let late = bench.with_token(&token, Method::GET, &hosts(TENANT), "").await;
        let (status, message, _) = late.error();
        assert_eq!((status, message), (401, "Invalid access token"));
    }
}

#[tokio::test]
async fn a_service_gets_a_token_for_whom_it_acts_for_ten_minutes() {
    for bench in Bench::all().await {
        for (role, status) in [("ROLE_MECM_TENANT", 404), ("ROLE_MECM_GUEST", 403)] {
            let wanted = json!({"tenantId": OTHER, "userName": "张三 <z@example.com>", "roles": [role, role], "extra": 1});
            let made = bench
                .ask_signed(&SERVICE, Method::POST, TOKENS, &wanted.to_string())
                .await;
            let (token, claims) = bench.claims(&made).await;
            assert_eq!(made.body["expires_in"], 600);
            let exp = bench.clock.now().timestamp() + 600;
            let members = json!({"userId": OTHER, "user_name": "张三 <z@example.com>", "authorities": [role], "exp": exp,
                "jti": claims["jti"]});
            assert_eq!(claims, members);
            let written = bench.with_token(&token, Method::DELETE, &hosts(OTHER), "").await;
            assert_eq!(written.status, status, "{role}");
        }
    }
}

#[tokio::test]
async fn two_tokens_are_never_the_same() {
    for bench in Bench::all().await {
        let first = bench.ask_signed(&CUSTOMER, Method::POST, TOKEN, "").await;
        let second = bench.ask_signed(&CUSTOMER, Method::POST, TOKEN, "").await;
        let (first, second) = (bench.claims(&first).await, bench.claims(&second).await);
        assert_ne!(first.1["jti"], second.1["jti"]);
        assert_ne!(first.0, second.0);
    }
}

#[tokio::test]
async fn what_a_service_may_not_want_says_so() {
    let cases: [(Value, &[&str]); 7] = [
        (
            json!({}),
            &["tenant ID is empty", "user name is empty", "roles is empty"],
        ),
        (
            json!({"tenantId": "", "userName": "", "roles": null}),
            &[
                "tenant ID is empty",
                "tenant ID is invalid",
                "user name is empty",
                "roles is empty",
            ],
        ),
        (
            json!({"tenantId": TENANT.to_uppercase(), "userName": "u", "roles": ["ROLE_MECM_GUEST"]}),
            &["tenant ID is invalid"],
        ),
        (
            json!({"tenantId": TENANT, "userName": "u".repeat(257), "roles": ["ROLE_MECM_GUEST"]}),
            &["user name length exceeds max size"],
        ),
        (
            json!({"tenantId": TENANT, "userName": "u", "roles": ["ROLE_MECM_TENANT", "ROLE_MECM_ADMIN"]}),
            &["role is invalid. It must be ROLE_MECM_TENANT or ROLE_MECM_GUEST"],
        ),
        (
            json!({"tenantId": TENANT, "userName": "u", "roles": ["ROLE_MECM_SERVICE"]}),
            &["role is invalid. It must be ROLE_MECM_TENANT or ROLE_MECM_GUEST"],
        ),
        (
            json!({"tenantId": TENANT, "userName": "u", "roles": vec!["x"; 1000]}),
            &["role is invalid. It must be ROLE_MECM_TENANT or ROLE_MECM_GUEST"],
        ),
    ];
    for bench in Bench::all().await {
        for (wanted, texts) in &cases {
            let answer = bench
                .ask_signed(&SERVICE, Method::POST, TOKENS, &wanted.to_string())
                .await;
            answer.is_invalid(texts);
        }
    }
}

#[tokio::test]
async fn nobody_else_gets_one() {
    let wanted = json!({"tenantId": TENANT, "userName": "u", "roles": ["ROLE_MECM_TENANT"]}).to_string();
    let forbidden = (
        403,
        "Forbidden",
        vec!["User is not authorized to perform this operation"],
    );
    for bench in Bench::all().await {
        for (path, body) in [(TOKEN, ""), (TOKENS, wanted.as_str()), (TOKENS, "{")] {
            let none = Request::post(path).body(Body::from(body.to_owned())).unwrap();
            assert_eq!(
                bench.send(none).await.error(),
                (401, "Access token is empty", vec!["Access token is empty"])
            );
            let stranger = mecm_common::auth::keys::ServiceKey::generate();
            let answer = bench.ask_signed(&stranger, Method::POST, path, body).await;
            assert_eq!(answer.error().0, 401);
            for role in ["ROLE_MECM_TENANT", "ROLE_MECM_ADMIN", "ROLE_MECM_SERVICE"] {
                let token = bench.token(TENANT, role);
                let answer = bench.with_token(&token, Method::POST, path, body).await;
                if path == TOKEN {
                    let (status, message, _) = answer.error();
                    assert_eq!((status, message), (401, "Invalid access or signature."), "{role}");
                } else {
                    assert_eq!(answer.error(), forbidden, "{role}");
                }
            }
        }
        // A tenant's key makes no tokens for others; a service's own has no tenant.
        let answer = bench.ask_signed(&CUSTOMER, Method::POST, TOKENS, &wanted).await;
        assert_eq!(answer.error(), forbidden);
        let answer = bench.ask_signed(&SERVICE, Method::POST, TOKEN, "").await;
        assert_eq!(answer.error(), forbidden);
    }
}

#[tokio::test]
async fn the_key_is_told_to_anybody_and_in_the_form_of_the_auth_server() {
    for bench in Bench::all().await {
        let request = Request::get("/inventory/v1/token_key")
            .body(Body::empty())
            .unwrap();
        let body = bench.send(request).await.body;
        assert_eq!(body["alg"], "SHA256withRSA");
        assert_eq!(body["value"], SIGNING.public().to_pem());
        assert_eq!(body["previous"], json!([]));
    }
}

/// A process that signs with a key, and accepts tokens.
struct Signer {
    signing: Signing,
    auth: Authenticator,
    clock: Clock,
}

impl Signer {
    async fn start(db: &TestDb, key: &SigningKey, next: Option<&SigningKey>, clock: &Clock) -> Self {
        let auth = Authenticator::new(AuthSettings {
            clock: clock.clone(),
            ..AuthSettings::default()
        });
        let key = SigningKey::from_pem(&key.to_pem()).unwrap();
        let next = next.map(|key| key.public().clone());
        let signing = Signing::begin(key, next, &db.db, &auth, clock, &Default::default())
            .await
            .unwrap();
        Self {
            signing,
            auth,
            clock: clock.clone(),
        }
    }

    /// What each process does all the time.
    async fn agree(&self) {
        self.signing.agree(&self.auth, self.clock.now()).await.unwrap();
    }

    fn told(&self) -> Vec<PublicKey> {
        self.signing.published().keys().unwrap()
    }

    fn token(&self) -> SecretString {
        let roles = [Role::Tenant].into_iter().collect();
        let expires = self.clock.now() + chrono::TimeDelta::hours(1);
        self.signing.token(TENANT.parse().unwrap(), "u", roles, expires)
    }

    async fn accepts(&self, token: &SecretString) -> bool {
        let (parts, ()) = Request::new(()).into_parts();
        self.auth.by_token(token.clone(), &parts).await.is_ok()
    }
}

fn standing() -> Clock {
    Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap())
}

#[tokio::test]
async fn a_key_that_was_replaced_counts_until_its_tokens_have_ended() {
    let (first, second) = (&*SIGNING, SigningKey::generate());
    let (old, new) = (first.public().clone(), second.public().clone());
    let hour = Duration::from_secs(3600);
    for db in TestDb::all(&migrations()).await {
        let clock = standing();
        let one = Signer::start(&db, first, None, &clock).await;
        assert_eq!(one.told(), slice::from_ref(&old));
        clock.advance(hour);
        // The same key again is no other one, and has been in use until now.
        let again = Signer::start(&db, first, None, &clock).await;
        assert_eq!(again.told(), slice::from_ref(&old));
        let token = again.token();

        let two = Signer::start(&db, &second, None, &clock).await;
        assert_eq!(two.told(), [new.clone(), old.clone()]);
        clock.advance(hour - Duration::from_secs(1));
        two.agree().await;
        assert!(two.accepts(&token).await);
        clock.advance(hour + Duration::from_secs(1));
        two.agree().await;
        assert_eq!(two.told(), slice::from_ref(&new));
        assert!(!two.accepts(&one.token()).await, "it counts no more");
        // One that goes back to it has the other beside it.
        let back = Signer::start(&db, first, None, &clock).await;
        assert_eq!(back.told(), [old.clone(), new.clone()]);
    }
}

#[tokio::test]
async fn processes_that_sign_with_different_keys_accept_each_others_tokens() {
    let second = SigningKey::generate();
    for db in TestDb::all(&migrations()).await {
        let clock = standing();
        // The next key is told to all before any process signs with it.
        let one = Signer::start(&db, &SIGNING, None, &clock).await;
        let two = Signer::start(&db, &SIGNING, Some(&second), &clock).await;
        one.agree().await;
        assert_eq!(one.told(), [SIGNING.public().clone(), second.public().clone()]);
        // One after the other is started anew with it, which takes as long as it takes.
        drop(two);
        let two = Signer::start(&db, &second, None, &clock).await;
        for _ in 0..5 {
            let (of_one, of_two) = (one.token(), two.token());
            for process in [&one, &two] {
                assert!(process.accepts(&of_one).await && process.accepts(&of_two).await);
            }
            clock.advance(Duration::from_secs(3600));
            one.agree().await;
            two.agree().await;
        }
    }
}
