//! Tenants' access keys: making and managing them, and what their signatures open.

mod managing;
mod signing;

use axum::body::Body;
use http::{Method, Request};
use mecm_common::auth::keys::ServiceKey;
use serde_json::{Value, json};

use super::{Answer, Bench, TENANT};

/// Under `/tenants/{tenant_id}`.
const KEYS: &str = "/credentials";

impl Bench {
    /// Makes a key; what was answered, and the key.
    async fn key(&self, wanted: &Value) -> (Value, ServiceKey) {
        let made = self.post(KEYS, wanted).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let key = pair(&made.body);
        (made.body, key)
    }

    /// One that may write.
    async fn writer(&self) -> ServiceKey {
        self.key(&json!({"name": "atp"})).await.1
    }

    /// The `what` of all that is on record.
    async fn recorded(&self) -> Vec<String> {
        let records = self.get("/audit").await;
        records.each("what").into_iter().map(str::to_owned).collect()
    }
}

/// The pair in an answer.
fn pair(body: &Value) -> ServiceKey {
    let text = |member: &str| body[member].as_str().unwrap();
    ServiceKey {
        access_key: text("accessKey").parse().unwrap(),
        secret_key: text("secretKey").parse().unwrap(),
    }
}

fn hosts() -> String {
    format!("/inventory/v1/tenants/{TENANT}/mechosts")
}

/// It came through to the handler, which has nothing.
#[track_caller]
fn let_in(answer: &Answer) {
    assert_eq!(answer.status, 404, "{}", answer.body);
}

#[track_caller]
fn refused(answer: &Answer) {
    let text = "Invalid access or signature.";
    assert_eq!(answer.error(), (401, text, vec![text]));
}

#[track_caller]
fn locked(answer: &Answer) {
    let text = "Access is locked.";
    assert_eq!(answer.error(), (403, text, vec![text]));
}

/// As it comes from an address.
fn from(mut request: Request<Body>, source: &str) -> Request<Body> {
    let source: std::net::IpAddr = source.parse().unwrap();
    let peer = std::net::SocketAddr::from((source, 4_000));
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    request
}
