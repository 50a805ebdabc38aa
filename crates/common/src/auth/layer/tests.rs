//! Every row of the interface's tables, through a real router.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use tower::ServiceExt as _;

use super::super::authenticator::{AuthSettings, KeyHolder, SignatureQuestion};
use super::super::jwt::{NewToken, mint};
use super::super::keys::ServiceKey;
use super::super::principal::Issuer;
use super::super::roles::{Role, Roles};
use super::super::rsa::tests::{KEY, OTHER_KEY};
use super::super::signature::{AccessKey, RequestParts, Signed, fits, sign};
use super::super::token_keys::TokenKeys;
use super::*;
use crate::clock::Clock;

const TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
const OTHER: &str = "39937079-99fe-4cd8-881f-04ca8c4fe09d";

/// A service behind the layers, its clock and the key of a fellow service.
struct Served {
    router: Router,
    clock: Clock,
    key: ServiceKey,
}

/// What came back: status, message, details; a success has its body as message.
type Answer = (u16, String, Vec<String>);

fn answer(status: u16, message: &str, details: &[&str]) -> Answer {
    (
        status,
        message.to_owned(),
        details.iter().map(|text| (*text).to_owned()).collect(),
    )
}

fn plain(status: u16, message: &str) -> Answer {
    answer(status, message, &[message])
}

fn forbidden() -> Answer {
    answer(
        403,
        "Forbidden",
        &["User is not authorized to perform this operation"],
    )
}

fn served(change: impl FnOnce(&mut AuthSettings)) -> Served {
    let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    let key = ServiceKey::generate();
    let given = vec![(Issuer::AuthServer, KEY.public().clone())];
    let mut settings = AuthSettings {
        clock: clock.clone(),
        tokens: TokenKeys {
            given,
            ..TokenKeys::default()
        },
        services: vec![("appo".to_owned(), key.clone())],
        ..AuthSettings::default()
    };
    change(&mut settings);
    let auth = Authenticator::new(settings);
    let tell = |Caller(who): Caller, body: Bytes| async move {
        let tenant = who.tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
        format!("{} in {tenant} sent {}", who.subject, body.len())
    };
    let upload = |check: BodyCheck, body: Body| async move {
        // Like a multipart parser: sees its final boundary and reads no further.
        let mut body = body;
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        drop(body);
        check.finish().await.map(|()| format!("kept {}", first.len()))
    };
    let who = |Caller(who): Caller| async move { format!("{:?}", who.source) };
    let tenants = Router::new()
        .route("/x/v1/tenants/{tenant_id}/things", get(tell).post(tell).put(tell))
        .route("/x/v1/tenants/{tenant_id}/packages/upload", post(upload))
        .route("/x/v1/tenants/{tenant_id}/who", get(who))
        .route_layer(from_fn_with_state(auth.clone(), require));
    let services = Router::new()
        .route("/x/v1/tokens", post(tell))
        .route_layer(from_fn_with_state(auth.clone(), require_service));
    let signed = Router::new()
        .route("/x/v1/token", post(tell))
        .route_layer(from_fn_with_state(auth, require_signature));
    let limits = Limits {
        json_body: 100,
        ..Limits::default()
    };
    let router = tenants.merge(services).merge(signed).layer(Extension(limits));
    Served { router, clock, key }
}

/// A request to be sent, plain.
struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

fn ask(method: Method, path: &str) -> Ask {
    Ask {
        method,
        path: path.to_owned(),
        headers: vec![("host", "127.0.0.1".to_owned())],
        body: Body::empty(),
    }
}

fn things(method: Method, tenant: &str) -> Ask {
    ask(method, &format!("/x/v1/tenants/{tenant}/things"))
}

impl Ask {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn token(self, token: &SecretString) -> Self {
        self.with("access_token", token.expose_secret())
    }

    fn body(mut self, body: &'static str) -> Self {
        self.body = Body::from(body);
        self
    }

    fn signature(&self, served: &Served, key: &ServiceKey, body_hash: &str) -> Signed {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let parts = RequestParts {
            method: self.method.as_str(),
            path,
            query,
            headers: &headers,
        };
        sign(
            &key.access_key,
            &key.secret_key,
            &parts,
            body_hash,
            served.clock.now(),
        )
    }

    /// Signed with the fellow service's key, for a body of this hash.
    fn signed(self, served: &Served, body_hash: &str) -> Self {
        let signed = self.signature(served, &served.key, body_hash);
        self.with("x-sdk-date", signed.date)
            .with("authorization", signed.authorization)
    }
}

impl Served {
    async fn send(&self, ask: Ask) -> Answer {
        let mut request = http::Request::builder().method(ask.method).uri(ask.path);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(ask.body).unwrap();
        let peer = SocketAddr::from(([10, 0, 0, 9], 4000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        match response.extensions().get::<ApiError>() {
            Some(error) => (status, error.message.clone(), error.details.clone()),
            None => {
                let body = response.into_body().collect().await.unwrap().to_bytes();
                (status, String::from_utf8(body.to_vec()).unwrap(), Vec::new())
            }
        }
    }

    fn token(&self, user_id: &str, roles: &[&str]) -> SecretString {
        let expires = self.clock.now() + TimeDelta::seconds(600);
        mint(
            &KEY,
            &NewToken {
                user_id,
                user_name: "ann",
                authorities: roles,
                expires,
                jti: "j",
            },
        )
    }
}

const TENANT_ROLE: &[&str] = &["ROLE_MECM_TENANT"];
const GUEST_ROLE: &[&str] = &["ROLE_MECM_GUEST"];

#[tokio::test]
async fn tokens_are_let_in_and_turned_away_as_the_table_says() {
    let served = served(|_| {});
    let good = served.token(TENANT, TENANT_ROLE);
    let ok = answer(200, &format!("ann in {TENANT} sent 0"), &[]);
    assert_eq!(served.send(things(Method::GET, TENANT).token(&good)).await, ok);
    let bearer = format!("Bearer {}", good.expose_secret());
    assert_eq!(
        served
            .send(things(Method::POST, TENANT).with("authorization", bearer))
            .await,
        ok
    );

    let empty = plain(401, "Access token is empty");
    assert_eq!(served.send(things(Method::GET, TENANT)).await, empty);
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("access_token", ""))
            .await,
        empty
    );
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("authorization", "Basic dTpw"))
            .await,
        empty
    );
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("authorization", "Bearer "))
            .await,
        empty
    );

    let malformed = plain(400, "malformed access token");
    let portal = things(Method::GET, "null").with("access_token", "[object Object]");
    assert_eq!(served.send(portal).await, malformed);
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("access_token", "ä.b.c"))
            .await,
        malformed
    );

    let invalid = plain(401, "Invalid access token");
    let claims = NewToken {
        user_id: TENANT,
        user_name: "ann",
        authorities: TENANT_ROLE,
        expires: served.clock.now() + TimeDelta::seconds(600),
        jti: "j",
    };
    let foreign = mint(&OTHER_KEY, &claims);
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&foreign)).await,
        invalid
    );
    let nobody = mint(
        &KEY,
        &NewToken {
            user_id: "",
            ..claims
        },
    );
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&nobody)).await,
        invalid
    );
    let unsigned = "eyJhbGciOiJub25lIn0.eyJ1c2VySWQiOiJ0In0.";
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("access_token", unsigned))
            .await,
        invalid
    );

    assert_eq!(
        served.send(things(Method::GET, OTHER).token(&good)).await,
        plain(401, "Illegal tenant ID")
    );
    let guest = served.token(TENANT, GUEST_ROLE);
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&guest)).await.0,
        200
    );
    assert_eq!(
        served.send(things(Method::POST, TENANT).token(&guest)).await,
        forbidden()
    );
    assert_eq!(
        served.send(things(Method::POST, OTHER).token(&guest)).await,
        plain(401, "Illegal tenant ID")
    );
    let pretender = served.token(TENANT, &["ROLE_MECM_SERVICE"]);
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&pretender)).await,
        forbidden()
    );

    served.clock.advance(Duration::from_secs(660));
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&good)).await,
        invalid
    );
}

#[tokio::test]
async fn the_tenant_is_read_as_the_handler_reads_it() {
    let served = served(|settings| settings.admin_everywhere = true);
    let good = served.token(TENANT, TENANT_ROLE);
    let escaped = TENANT.replacen('1', "%31", 1);
    let ok = answer(200, &format!("ann in {TENANT} sent 0"), &[]);
    assert_eq!(served.send(things(Method::GET, &escaped).token(&good)).await, ok);
    let admin = served.token(OTHER, &["ROLE_MECM_ADMIN"]);
    assert_eq!(served.send(things(Method::PUT, TENANT).token(&admin)).await, ok);
    let parameter = answer(
        400,
        "input validation failed",
        &["URL parameter validation failed", "tenant_id"],
    );
    for tenant in ["null", "%ff", &TENANT.to_uppercase()] {
        assert_eq!(
            served.send(things(Method::PUT, tenant).token(&admin)).await,
            parameter,
            "{tenant}"
        );
        let signed = things(Method::GET, tenant).signed(&served, EMPTY_BODY_SHA256);
        assert_eq!(served.send(signed).await, parameter, "{tenant}");
        assert_eq!(
            served.send(things(Method::GET, tenant).token(&good)).await.0,
            401,
            "{tenant}"
        );
    }
}

#[tokio::test]
async fn a_fellow_service_is_let_in_by_its_signature_in_any_tenant() {
    let served = served(|_| {});
    for (tenant, method) in [(TENANT, Method::GET), (OTHER, Method::POST)] {
        let ok = answer(200, &format!("appo in {tenant} sent 0"), &[]);
        let ask = things(method, tenant)
            .with("x-request-id", "r.1")
            .signed(&served, EMPTY_BODY_SHA256);
        assert_eq!(served.send(ask).await, ok);
    }
    let mut query = things(Method::GET, TENANT);
    query.path.push_str("?b=2&a=x+y");
    let query = query.signed(&served, EMPTY_BODY_SHA256);
    assert_eq!(served.send(query).await.0, 200);
}

#[tokio::test]
async fn signatures_are_turned_away_as_the_table_says() {
    let served = served(|_| {});
    let refused = plain(401, "Invalid access or signature.");
    let get = || things(Method::GET, TENANT);
    assert_eq!(
        served
            .send(get().with("authorization", "SDK-HMAC-SHA256 nonsense"))
            .await,
        refused
    );
    let no_host = Ask {
        headers: Vec::new(),
        ..get()
    }
    .signed(&served, EMPTY_BODY_SHA256);
    assert_eq!(served.send(no_host).await, refused);
    let mut moved = get().signed(&served, EMPTY_BODY_SHA256);
    moved.path = moved.path.replace(TENANT, OTHER);
    assert_eq!(served.send(moved).await, refused);

    let stranger = ServiceKey::generate();
    let unknown = get().signature(&served, &stranger, EMPTY_BODY_SHA256);
    let unknown = get()
        .with("x-sdk-date", unknown.date)
        .with("authorization", unknown.authorization);
    assert_eq!(served.send(unknown).await, refused);

    for late in [true, false] {
        let ask = get().signed(&served, EMPTY_BODY_SHA256);
        if late {
            served.clock.advance(Duration::from_secs(901));
            let (status, message, details) = served.send(ask).await;
            assert_eq!((status, message.as_str()), (401, "request time too skewed"));
            assert!(details[1].starts_with("server time: 2026"), "{details:?}");
        } else {
            served.clock.advance(Duration::from_secs(900));
            assert_eq!(served.send(ask).await.0, 200);
        }
    }
}

#[tokio::test]
async fn a_request_that_changes_something_is_accepted_once() {
    let served = served(|_| {});
    let post = things(Method::POST, TENANT).with("x-request-id", "r.1");
    let signed = post.signature(&served, &served.key, EMPTY_BODY_SHA256);
    let again = || {
        let signed = signed.clone();
        let post = things(Method::POST, TENANT).with("x-request-id", "r.1");
        post.with("x-sdk-date", signed.date)
            .with("authorization", signed.authorization)
    };
    assert_eq!(served.send(again()).await.0, 200);
    assert_eq!(
        served.send(again()).await,
        plain(401, "Invalid access or signature.")
    );
    let other = things(Method::POST, TENANT)
        .with("x-request-id", "r.2")
        .signed(&served, EMPTY_BODY_SHA256);
    assert_eq!(
        served.send(other).await.0,
        200,
        "another request id is another request"
    );
    for _ in 0..2 {
        assert_eq!(
            served
                .send(things(Method::GET, TENANT).signed(&served, EMPTY_BODY_SHA256))
                .await
                .0,
            200
        );
    }
}

#[tokio::test]
async fn the_body_counts_as_the_table_says() {
    let served = served(|_| {});
    let refused = plain(401, "Invalid access or signature.");
    let post = |id: &str| things(Method::POST, TENANT).with("x-request-id", id);
    let stated = |id: &str, value: &str| post(id).with("x-sdk-content-sha256", value);
    let hash = hash_body(b"hello");

    // No header: hashed before the handler runs, up to the limit (100 here).
    assert_eq!(
        served
            .send(post("1").signed(&served, &hash).body("hello"))
            .await
            .0,
        200
    );
    assert_eq!(
        served.send(post("2").signed(&served, &hash).body("hullo")).await,
        refused
    );
    let long: &'static str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    assert_eq!(long.len(), 101);
    assert_eq!(
        served
            .send(post("3").signed(&served, &hash_body(long.as_bytes())).body(long))
            .await,
        refused
    );
    let mut endless = post("4").signed(&served, &hash);
    endless.body = Body::from_stream(futures::stream::repeat(Ok::<_, std::convert::Infallible>(
        Bytes::from("x"),
    )));
    assert_eq!(served.send(endless).await, refused);

    // A hash: checked while it streams.
    let ask = stated("5", &hash).signed(&served, &hash).body("hello");
    assert_eq!(served.send(ask).await.0, 200);
    let long_hash = hash_body(long.as_bytes());
    let ask = stated("6", &long_hash).signed(&served, &long_hash).body(long);
    assert_eq!(
        served.send(ask).await.0,
        200,
        "no limit of ours on what the handler reads itself"
    );
    let mut ask = ask_upload()
        .with("x-sdk-content-sha256", hash.clone())
        .signed(&served, &hash);
    ask.body = Body::from_stream(futures::stream::iter(
        ["hel", "lo"].map(|part| Ok::<_, std::convert::Infallible>(Bytes::from(part))),
    ));
    assert_eq!(served.send(ask).await, answer(200, "kept 3", &[]));
    let mut ask = ask_upload()
        .with("x-request-id", "7")
        .with("x-sdk-content-sha256", hash.clone())
        .signed(&served, &hash);
    ask.body = Body::from_stream(futures::stream::iter(
        ["hel", "p!"].map(|part| Ok::<_, std::convert::Infallible>(Bytes::from(part))),
    ));
    assert_eq!(
        served.send(ask).await,
        answer(
            400,
            "malformed request body",
            &["the body is not the one that was signed"]
        )
    );
    let ask = stated("8", &hash)
        .signed(&served, &hash_body(b"other"))
        .body("hello");
    assert_eq!(served.send(ask).await, refused);

    // Nothing: by the hash of nothing, and by the stated value.
    for (id, value, signed_as, status) in [
        ("9", "UNSIGNED-PAYLOAD", EMPTY_BODY_SHA256, 200),
        ("10", "UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD", 200),
        ("11", EMPTY_BODY_SHA256, EMPTY_BODY_SHA256, 200),
        ("12", &hash, &hash, 400),
        ("13", &hash, EMPTY_BODY_SHA256, 400),
        ("14", "UNSIGNED-PAYLOAD", &hash, 401),
    ] {
        assert_eq!(
            served.send(stated(id, value).signed(&served, signed_as)).await.0,
            status,
            "{id}"
        );
    }

    // Not covered: only where forms are uploaded.
    let unsigned = |ask: Ask| {
        ask.with("x-sdk-content-sha256", UNSIGNED_PAYLOAD)
            .signed(&served, UNSIGNED_PAYLOAD)
    };
    assert_eq!(served.send(unsigned(post("15")).body("hello")).await, refused);
    assert_eq!(
        served.send(unsigned(ask_upload()).body("hello")).await,
        answer(200, "kept 5", &[])
    );
    let ask = stated("16", "nonsense").signed(&served, "nonsense").body("hello");
    assert_eq!(served.send(ask).await, refused);
}

fn ask_upload() -> Ask {
    ask(Method::POST, &format!("/x/v1/tenants/{TENANT}/packages/upload"))
}

#[tokio::test]
async fn unsigned_payloads_can_be_switched_off() {
    let served = served(|settings| settings.refuse_unsigned_payload = true);
    let ask = ask_upload()
        .with("x-sdk-content-sha256", UNSIGNED_PAYLOAD)
        .signed(&served, UNSIGNED_PAYLOAD);
    assert_eq!(
        served.send(ask.body("hello")).await,
        plain(401, "Invalid access or signature.")
    );
}

#[tokio::test]
async fn some_routes_are_for_services_and_some_for_signatures_alone() {
    let served = served(|_| {});
    let token = served.token(TENANT, TENANT_ROLE);
    let tokens = || ask(Method::POST, "/x/v1/tokens");
    assert_eq!(
        served.send(tokens().signed(&served, EMPTY_BODY_SHA256)).await.0,
        200
    );
    assert_eq!(served.send(tokens().token(&token)).await, forbidden());
    assert_eq!(served.send(tokens()).await, plain(401, "Access token is empty"));
    let by_key = || ask(Method::POST, "/x/v1/token");
    assert_eq!(
        served.send(by_key().signed(&served, EMPTY_BODY_SHA256)).await.0,
        200
    );
    assert_eq!(
        served.send(by_key().token(&token)).await,
        plain(401, "Invalid access or signature.")
    );
    assert_eq!(served.send(by_key()).await, plain(401, "Access token is empty"));
}

#[tokio::test]
async fn other_keys_are_judged_by_whoever_keeps_them() {
    let keeper = ServiceKey::generate();
    let holder = keeper.clone();
    let asked: Arc<Mutex<Vec<SignatureQuestion>>> = Arc::default();
    let heard = Arc::clone(&asked);
    let served = served(|settings| {
        settings.credentials = Some(Arc::new(move |question: SignatureQuestion| {
            heard.lock().unwrap().push(question.clone());
            let fits = fits(&holder.secret_key, &question.strings_to_sign, &question.signature);
            Box::pin(async move {
                if !fits {
                    return Err(AuthError::Locked);
                }
                let roles: Roles = [Role::Guest, Role::Service].into_iter().collect();
                Ok(KeyHolder {
                    tenant: TENANT.parse().unwrap(),
                    roles,
                    name: "atp".to_owned(),
                })
            })
        }));
    });
    let signed = |ask: Ask, key: &ServiceKey| {
        let signed = ask.signature(&served, key, EMPTY_BODY_SHA256);
        ask.with("x-sdk-date", signed.date)
            .with("authorization", signed.authorization)
    };
    let ok = answer(200, &format!("atp in {TENANT} sent 0"), &[]);
    assert_eq!(
        served.send(signed(things(Method::GET, TENANT), &keeper)).await,
        ok
    );
    assert_eq!(
        served.send(signed(things(Method::POST, TENANT), &keeper)).await,
        forbidden()
    );
    assert_eq!(
        served.send(signed(things(Method::GET, OTHER), &keeper)).await,
        plain(401, "Illegal tenant ID")
    );
    let wrong = ServiceKey {
        access_key: AccessKey::generate(),
        ..keeper.clone()
    };
    let wrong = ServiceKey {
        secret_key: ServiceKey::generate().secret_key,
        ..wrong
    };
    assert_eq!(
        served.send(signed(things(Method::GET, TENANT), &wrong)).await,
        plain(403, "Access is locked.")
    );
    let asked_before = asked.lock().unwrap().len();
    assert_eq!(
        served
            .send(signed(things(Method::GET, TENANT), &served.key.clone()))
            .await
            .0,
        200
    );
    assert_eq!(
        asked.lock().unwrap().len(),
        asked_before,
        "services' own keys are judged here"
    );
    let question = asked.lock().unwrap().remove(0);
    assert_eq!(question.access_key, keeper.access_key);
    assert_eq!(question.source.unwrap().to_string(), "10.0.0.9");
    assert_eq!(
        (question.method, question.strings_to_sign.len()),
        (Method::GET, 1)
    );
}

#[tokio::test]
async fn the_source_is_the_peer_unless_a_trusted_proxy_says_otherwise() {
    let who = |served: &Served| {
        let ask = ask(Method::GET, &format!("/x/v1/tenants/{TENANT}/who"));
        ask.token(&served.token(TENANT, TENANT_ROLE))
    };
    let untrusting = served(|_| {});
    let forged = who(&untrusting).with("x-forwarded-for", "1.2.3.4");
    assert_eq!(untrusting.send(forged).await.1, "Some(10.0.0.9)");
    let trusting = served(|settings| settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]);
    for (said, source) in [
        (None, "10.0.0.9"),
        (Some("192.0.2.7"), "192.0.2.7"),
        (Some("1.2.3.4, 192.0.2.7, 10.0.0.8"), "192.0.2.7"),
        (Some("10.0.0.7"), "10.0.0.7"),
        (Some("nonsense"), "10.0.0.9"),
    ] {
        let mut ask = who(&trusting);
        if let Some(said) = said {
            ask = ask.with("x-forwarded-for", said);
        }
        assert_eq!(trusting.send(ask).await.1, format!("Some({source})"), "{said:?}");
    }
}

#[tokio::test]
async fn unknown_paths_stay_unknown_and_forgotten_layers_let_nobody_in() {
    let served = served(|_| {});
    assert_eq!(served.send(ask(Method::GET, "/x/v1/nothing")).await.0, 404);
    let open = Router::new().route("/", get(|Caller(who): Caller| async move { who.subject }));
    let response = open.oneshot(http::Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
