//! Stand-ins for Inventory and APM: they answer as the interface says and keep what they are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use chrono::TimeDelta;
use http::StatusCode;
use http::header::ETAG;
use mecm_common::auth::jwt::{NewToken, mint};
use mecm_common::auth::rsa::SigningKey;
use mecm_common::clock::Clock;
use mecm_edge_sim::edge_address;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sample;

/// How many hosts there are; those from [`WITHOUT_GPU`] on have no GPU.
pub(crate) const HOSTS: usize = 12;
pub(crate) const WITHOUT_GPU: usize = 10;

/// Both, under one address.
#[derive(Clone)]
pub(crate) struct Peers {
    pub(crate) origin: String,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
pub(crate) struct Held {
    /// Controller and rule manager ports.
    ports: (u16, u16),
    /// Applications by host and id: their status.
    apps: BTreeMap<(String, String), String>,
    rules: BTreeMap<String, Value>,
    /// Packages that tests add, beside the samples.
    packages: BTreeMap<String, Vec<u8>>,
    downloads: usize,
    tokens: usize,
    /// Writes of applications refused from now on.
    down: usize,
    /// Hosts that are not known any more.
    gone: Vec<String>,
    /// What hosts have instead of what all have.
    hosts: BTreeMap<String, Value>,
    /// Software of hosts, as it was told last.
    software: BTreeMap<String, Vec<Value>>,
    /// Reads of rule sets refused from now on.
    rules_refused: Option<u16>,
    /// What has to wait, and how many requests do.
    hold: Option<Hold>,
    waiting: usize,
}

/// Requests that can be made to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Reads of a host.
    Hosts,
    /// New applications.
    Writes,
}

type Held_ = State<Peers>;

impl Peers {
    pub(crate) async fn start(lcm: u16, rules: u16, key: SigningKey, clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peers = Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            held: Arc::new(Mutex::new(Held {
                ports: (lcm, rules),
                ..Held::default()
            })),
        };
        let tokens = {
            let held = peers.held.clone();
            move |Json(body): Json<Value>| async move {
                held.lock().unwrap().tokens += 1;
                let roles: Vec<&str> = body["roles"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                let claims = NewToken {
                    user_id: body["tenantId"].as_str().unwrap(),
                    user_name: body["userName"].as_str().unwrap(),
                    authorities: &roles,
                    expires: clock.now() + TimeDelta::seconds(600),
                    jti: "x",
                };
                let token = mint(&key, &claims);
                Json(
                    json!({"access_token": token.expose_secret(), "token_type": "Bearer", "expires_in": 600}),
                )
            }
        };
        let tenant = "/inventory/v1/tenants/{tenant}";
        let router = Router::new()
            .route(&format!("{tenant}/mechosts/{{ip}}"), get(host))
            .route(&format!("{tenant}/applcms/{{ip}}"), get(controller))
            .route(&format!("{tenant}/apprulemanagers/{{ip}}"), get(rule_manager))
            .route(&format!("{tenant}/mechosts/{{ip}}/apps"), post(add_app))
            .route(
                &format!("{tenant}/mechosts/{{ip}}/apps/{{id}}"),
                put(put_app).delete(delete_app),
            )
            .route(
                &format!("{tenant}/mechosts/{{ip}}/capabilities/software"),
                put(put_software),
            )
            .route(
                &format!("{tenant}/app_instances/{{id}}/appd_configuration"),
                get(rules_of).post(add_rules).put(put_rules).delete(delete_rules),
            )
            .route("/inventory/v1/tokens", post(tokens))
            .route("/apm/v1/tenants/{tenant}/packages/{id}/download", get(download))
            .with_state(peers.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        peers
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    /// Status of each application by host and id.
    pub(crate) fn apps(&self) -> BTreeMap<(String, String), String> {
        self.held().apps.clone()
    }

    pub(crate) fn status_of(&self, host: usize, id: &str) -> Option<String> {
        let key = (edge_address(host).to_string(), id.to_owned());
        self.held().apps.get(&key).cloned()
    }

    pub(crate) fn rule_sets(&self) -> BTreeMap<String, Value> {
        self.held().rules.clone()
    }

    pub(crate) fn set_rules(&self, id: &str, rules: Value) {
        self.held().rules.insert(id.to_owned(), rules);
    }

    pub(crate) fn add_package(&self, id: &str, file: Vec<u8>) {
        self.held().packages.insert(id.to_owned(), file);
    }

    pub(crate) fn forget_package(&self, id: &str) {
        self.held().packages.remove(id);
    }

    /// Controllers have this port from now on; 0: none is known.
    pub(crate) fn move_controllers(&self, port: u16) {
        self.held().ports.0 = port;
    }

    /// Rule managers have this port from now on; 0: none is known.
    pub(crate) fn move_rule_managers(&self, port: u16) {
        self.held().ports.1 = port;
    }

    /// A member of a host's record from now on.
    pub(crate) fn change_host(&self, host: usize, member: &str, value: Value) {
        let ip = edge_address(host).to_string();
        self.held().hosts.entry(ip).or_insert_with(|| json!({}))[member] = value;
    }

    /// The names of a host's software, as it was told last.
    pub(crate) fn software_of(&self, host: usize) -> Vec<String> {
        let told = self.held().software.get(&edge_address(host).to_string()).cloned();
        let names = told.unwrap_or_default().into_iter();
        names
            .map(|one| one["capabilityName"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn downloads(&self) -> usize {
        self.held().downloads
    }

    pub(crate) fn tokens_made(&self) -> usize {
        self.held().tokens
    }

    /// The next so many writes of applications are answered 503.
    pub(crate) fn refuse_writes(&self, times: usize) {
        self.held().down = times;
    }

    /// Such requests wait from now on, or none does any longer.
    pub(crate) fn hold(&self, what: Option<Hold>) {
        self.held().hold = what;
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        self.held().waiting
    }

    async fn held_up(&self, what: Hold) {
        let holds = || self.held().hold == Some(what);
        if !holds() {
            return;
        }
        self.held().waiting += 1;
        while holds() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        self.held().waiting -= 1;
    }

    /// Reads of rule sets are refused with this status from now on, or no longer.
    pub(crate) fn refuse_rules(&self, status: Option<u16>) {
        self.held().rules_refused = status;
    }

    pub(crate) fn forget_host(&self, host: usize) {
        self.held().gone.push(edge_address(host).to_string());
    }
}

fn error(status: StatusCode, message: &str, detail: &str) -> Response {
    let body = json!({"timestamp": "2026-11-23T06:41:00.123", "status": status.as_u16(), "error": "x", "message": message,
        "details": [detail], "path": "/", "requestId": "x", "code": "x"});
    (status, Json(body)).into_response()
}

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "No such element", "Record not found")
}

fn saved() -> Response {
    Json(json!({"response": "Saved"})).into_response()
}

fn index_of(ip: &str) -> Option<usize> {
    (0..HOSTS).find(|index| edge_address(*index).to_string() == ip)
}

async fn host(State(peers): Held_, Path((_, ip)): Path<(String, String)>) -> Response {
    peers.held_up(Hold::Hosts).await;
    let Some(index) = index_of(&ip).filter(|_| !peers.held().gone.contains(&ip)) else {
        return not_found();
    };
    let hardware = if index < WITHOUT_GPU {
        json!([{"hwType": "GPU"}])
    } else {
        json!([])
    };
    let mut record = json!({"mechostIp": ip, "mechostName": format!("edge {index}"), "applcmIp": ip, "appRuleIp": ip,
        "hwcapabilities": hardware, "swcapabilities": []});
    if let Some(Value::Object(changed)) = peers.held().hosts.get(&ip).cloned() {
        record.as_object_mut().unwrap().extend(changed);
    }
    Json(record).into_response()
}

async fn controller(State(peers): Held_, Path((_, ip)): Path<(String, String)>) -> Response {
    let port = peers.held().ports.0.to_string();
    if port == "0" {
        return not_found();
    }
    Json(json!({"applcmIp": ip, "applcmPort": port, "applcmName": "x"})).into_response()
}

async fn rule_manager(State(peers): Held_, Path((_, ip)): Path<(String, String)>) -> Response {
    let port = peers.held().ports.1.to_string();
    if port == "0" {
        return not_found();
    }
    Json(json!({"appRuleIp": ip, "appRulePort": port, "appRuleName": "x"})).into_response()
}

async fn put_software(
    State(peers): Held_,
    Path((_, ip)): Path<(String, String)>,
    Json(mut told): Json<Value>,
) -> Response {
    let Value::Array(all) = told["swcapabilities"].take() else {
        return error(StatusCode::BAD_REQUEST, "malformed request body", "no list");
    };
    if all.len() > 100 {
        let text = "size must be between 0 and 100";
        return error(StatusCode::BAD_REQUEST, "input validation failed", text);
    }
    peers.held().software.insert(ip, all);
    saved()
}

fn refuses(held: &mut Held) -> Option<Response> {
    held.down = held.down.checked_sub(1)?;
    Some(error(
        StatusCode::SERVICE_UNAVAILABLE,
        "Service Unavailable",
        "down",
    ))
}

async fn add_app(
    State(peers): Held_,
    Path((_, ip)): Path<(String, String)>,
    Json(app): Json<Value>,
) -> Response {
    peers.held_up(Hold::Writes).await;
    let mut held = peers.held();
    if let Some(refused) = refuses(&mut held) {
        return refused;
    }
    if held.gone.contains(&ip) {
        return not_found();
    }
    let text = |name: &str| app[name].as_str().unwrap().to_owned();
    let key = (ip, text("appInstanceId"));
    if held.apps.contains_key(&key) {
        return error(
            StatusCode::BAD_REQUEST,
            "Illegal argument",
            "Record already exist",
        );
    }
    held.apps.insert(key, text("status"));
    saved()
}

async fn put_app(
    State(peers): Held_,
    Path((_, ip, id)): Path<(String, String, String)>,
    Json(app): Json<Value>,
) -> Response {
    let mut held = peers.held();
    if let Some(refused) = refuses(&mut held) {
        return refused;
    }
    match held.apps.get_mut(&(ip, id)) {
        None => not_found(),
        Some(status) => {
            app["status"].as_str().unwrap().clone_into(status);
            saved()
        }
    }
}

async fn delete_app(State(peers): Held_, Path((_, ip, id)): Path<(String, String, String)>) -> Response {
    let mut held = peers.held();
    if let Some(refused) = refuses(&mut held) {
        return refused;
    }
    held.apps.remove(&(ip, id));
    saved()
}

async fn rules_of(State(peers): Held_, Path((_, id)): Path<(String, String)>) -> Response {
    if let Some(status) = peers.held().rules_refused {
        let status = StatusCode::from_u16(status).unwrap();
        return error(status, "Illegal argument", "no rules today");
    }
    let rules = peers.held().rules.get(&id).cloned();
    rules.map_or_else(not_found, |rules| Json(rules).into_response())
}

async fn add_rules(
    State(peers): Held_,
    Path((_, id)): Path<(String, String)>,
    Json(set): Json<Value>,
) -> Response {
    let mut held = peers.held();
    if held.rules.contains_key(&id) {
        return error(
            StatusCode::BAD_REQUEST,
            "Illegal argument",
            "Record already exist",
        );
    }
    held.rules.insert(id, set);
    saved()
}

async fn put_rules(
    State(peers): Held_,
    Path((_, id)): Path<(String, String)>,
    Json(set): Json<Value>,
) -> Response {
    match peers.held().rules.get_mut(&id) {
        None => not_found(),
        Some(held) => {
            *held = set;
            saved()
        }
    }
}

async fn delete_rules(State(peers): Held_, Path((_, id)): Path<(String, String)>) -> Response {
    match peers.held().rules.remove(&id) {
        None => not_found(),
        Some(_) => saved(),
    }
}

async fn download(
    State(peers): Held_,
    Path((_, id)): Path<(String, String)>,
    headers: http::HeaderMap,
) -> Response {
    let file = peers
        .held()
        .packages
        .get(&id)
        .cloned()
        .or_else(|| sample::named(&id));
    let Some(file) = file else {
        return not_found();
    };
    let tag = format!("\"{}\"", hex::encode(Sha256::digest(&file)));
    if headers
        .get("if-none-match")
        .is_some_and(|known| known.as_bytes() == tag.as_bytes())
    {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    peers.held().downloads += 1;
    ([(ETAG, tag)], file).into_response()
}
