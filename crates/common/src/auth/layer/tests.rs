//! Every row of the interface's tables, through a real router.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use http::StatusCode;
use http_body_util::BodyExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tower::ServiceExt as _;

use super::super::authenticator::{AuthSettings, KeyHolder, SignatureQuestion};
use super::super::guard::Guard;
use super::super::jwt::{NewToken, mint};
use super::super::keys::ServiceKey;
use super::super::principal::Issuer;
use super::super::roles::{Role, Roles};
use super::super::rsa::tests::{KEY, OTHER_KEY};
use super::super::signature::{AccessKey, RequestParts, Signed, fits, sign};
use super::super::token_keys::TokenKeys;
use super::*;
use crate::clock::Clock;
use crate::db::testing::TestDb;

mod signatures;
mod tokens;

const TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
const OTHER: &str = "39937079-99fe-4cd8-881f-04ca8c4fe09d";

/// A service behind the layers, its clock and the key of a fellow service.
struct Served {
    router: Router,
    clock: Clock,
    key: ServiceKey,
    _database: TestDb,
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

async fn served(change: impl FnOnce(&mut AuthSettings)) -> Served {
    let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    let key = ServiceKey::generate();
    let given = vec![(Issuer::AuthServer, KEY.public().clone())];
    let database = super::super::guard::tests::database("sqlite").await;
    let mut settings = AuthSettings {
        guard: Some(Guard::new(&database.db, &clock)),
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
        .route_layer(Door::of_tenants(&auth));
    let services = Router::new()
        .route("/x/v1/tokens", post(tell))
        .route_layer(Door::of_services(&auth));
    let signed = Router::new()
        .route("/x/v1/token", post(tell))
        .route_layer(Door::of_signers(&auth));
    let limits = Limits {
        json_body: 100,
        ..Limits::default()
    };
    let router = tenants.merge(services).merge(signed).layer(Extension(limits));
    Served {
        router,
        clock,
        key,
        _database: database,
    }
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
