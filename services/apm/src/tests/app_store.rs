//! Stand-ins for an app store and for Inventory, in one: what is fetched and asked for is kept to be looked at.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::{Value, json};

/// What the store answers at a path.
#[derive(Clone, Debug)]
pub(crate) enum Serves {
    /// The file.
    File(Vec<u8>),
    /// This status and nothing else, so many times; then the file.
    Status(u16, usize, Vec<u8>),
    /// Leads there.
    Redirect(String),
    /// The first bytes, and then nothing until the reader gives up.
    Stalls(Vec<u8>),
    /// The first bytes of more.
    Breaks(Vec<u8>),
}

#[derive(Default)]
struct Inner {
    serves: HashMap<String, Serves>,
    stores: Value,
    down: bool,
    /// Path and token of each request for a file.
    asked: Vec<(String, Option<String>)>,
    tokens: Vec<Value>,
}

#[derive(Clone)]
pub(crate) struct AppStore {
    inner: Arc<Mutex<Inner>>,
    pub(crate) address: SocketAddr,
}

impl AppStore {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = Self {
            inner: Arc::default(),
            address: listener.local_addr().unwrap(),
        };
        let router = Router::new().fallback(answer).with_state(store.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        store
    }

    /// Its address as it is listed.
    pub(crate) fn listed(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn serve(&self, path: &str, serves: Serves) {
        self.inner.lock().unwrap().serves.insert(path.to_owned(), serves);
    }

    /// What Inventory has registered.
    pub(crate) fn register(&self, stores: Value) {
        self.inner.lock().unwrap().stores = stores;
    }

    /// Inventory answers 503 from now on, or no longer.
    pub(crate) fn inventory_is_down(&self, down: bool) {
        self.inner.lock().unwrap().down = down;
    }

    pub(crate) fn asked(&self) -> Vec<(String, Option<String>)> {
        self.inner.lock().unwrap().asked.clone()
    }

    /// The tokens that Inventory was asked to make.
    pub(crate) fn tokens(&self) -> Vec<Value> {
        self.inner.lock().unwrap().tokens.clone()
    }
}

async fn answer(State(store): State<AppStore>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = store.inner.lock().unwrap();
    let path = uri.path().to_owned();
    if path.starts_with("/inventory/") && inner.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if path.ends_with("/appstores") {
        return match &inner.stores {
            Value::Null => (
                StatusCode::NOT_FOUND,
                axum::Json(json!({"details": ["Record not found"]})),
            )
                .into_response(),
            stores => axum::Json(stores.clone()).into_response(),
        };
    }
    if path == "/inventory/v1/tokens" {
        inner.tokens.push(serde_json::from_slice(&body).unwrap());
        let made = json!({"access_token": "made-by-inventory", "token_type": "Bearer", "expires_in": 600});
        return axum::Json(made).into_response();
    }
    let token = headers.get("access_token");
    let token = token.map(|token| token.to_str().unwrap().to_owned());
    inner.asked.push((path.clone(), token));
    let serves = inner.serves.get_mut(&path);
    match serves {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Serves::File(file)) => file.clone().into_response(),
        Some(Serves::Status(status, times, file)) => {
            if *times == 0 {
                return file.clone().into_response();
            }
            *times -= 1;
            StatusCode::from_u16(*status).unwrap().into_response()
        }
        Some(Serves::Redirect(to)) => (StatusCode::FOUND, [(header::LOCATION, to.clone())]).into_response(),
        Some(Serves::Stalls(first)) => {
            let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(first.clone()))]);
            Body::from_stream(first.chain(futures::stream::pending())).into_response()
        }
        Some(Serves::Breaks(first)) => {
            let broken = Err(std::io::Error::other("on purpose"));
            let all = futures::stream::iter([Ok(Bytes::from(first.clone())), broken]);
            Body::from_stream(all).into_response()
        }
    }
}
