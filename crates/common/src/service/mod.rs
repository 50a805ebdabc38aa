//! From a route table to a running HTTP service.
//!
//! [`Service`] takes a service's routes (registered through utoipa-axum, so that the OpenAPI document and the router
//! are one list), adds health, readiness, metrics and the document, wraps all in [`layers`], and [`serve`]s it.

pub mod body;
pub mod document;
mod error;
mod extract;
pub mod form;
pub mod layers;
pub mod query;
pub mod room;
mod server;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use error::{ApiError, ApiResult};
pub use extract::{Body, Url, broken_body, unsupported_media_type};
pub use layers::{RequestInfo, wire_time};
pub use server::{Bound, Listener, ServeError, bind, serve};

use crate::clock::Clock;
use crate::validate::BATCH;

/// Bounds on what a request may bring.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest JSON body, in bytes.
    pub json_body: usize,
    /// All bodies that are in memory at once, in bytes.
    pub bodies: usize,
    /// How many seconds a request may take to be read (an upload: may stand still).
    pub read_seconds: u64,
    /// How many items a batch may have.
    pub batch: usize,
    /// The largest request header, in bytes.
    pub header: usize,
}

impl From<&crate::config::Limits> for Limits {
    fn from(configured: &crate::config::Limits) -> Self {
        Self {
            json_body: configured.json_body,
            bodies: configured.bodies,
            read_seconds: configured.read_seconds,
            batch: configured.batch,
            header: configured.header,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_body: 2 * 1024 * 1024,
            bodies: 64 * 1024 * 1024,
            read_seconds: 30,
            batch: BATCH,
            header: 16 * 1024,
        }
    }
}

/// Tells whether something the service cannot work without is there; the error says why not.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A service about to be served.
pub struct Service {
    /// `inventory`, `apm` or `appo`.
    pub name: &'static str,
    /// What people call it: `Inventory`.
    pub title: &'static str,
    /// What all paths begin with: `/inventory/v1`.
    pub base: &'static str,
    /// All routes, with full paths and their state, and the document they make.
    pub routes: OpenApiRouter,
    /// What [`Service::base`]`/ready` asks.
    pub checks: Vec<(&'static str, Check)>,
    /// Bounds on requests.
    pub limits: Limits,
    /// Who may call from a browser.
    pub allowed_origin: HeaderValue,
    /// Stamps error bodies.
    pub clock: Clock,
    /// Whether errors carry the member `response`.
    pub errors_with_response: bool,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// The state of one dependency, or of all.
#[derive(serde::Serialize)]
struct Ready {
    status: &'static str,
    checks: BTreeMap<&'static str, CheckState>,
}

#[derive(serde::Serialize)]
struct CheckState {
    status: &'static str,
    reason: Option<String>,
}

impl Service {
    /// The finished router.
    pub fn into_router(self) -> Router {
        let (router, document) = self.routes.split_for_parts();
        // Few ask for it, and a start waits for nothing: it is finished for the first who does.
        let document = Arc::new(LazyLock::new(move || {
            document::finished(document, self.title, self.base)
        }));
        let checks = Arc::new(self.checks);
        let observing = Arc::new(layers::Observing {
            service: self.name,
            allowed_origin: self.allowed_origin,
            limits: self.limits,
            rooms: room::Rooms::new(self.limits.bodies),
            clock: self.clock,
            errors_with_response: self.errors_with_response,
        });
        let open = Router::new()
            .route(&format!("{}/health", self.base), get(|| async { "ok" }))
            .route(&format!("{}/ready", self.base), get(ready))
            .route(
                &format!("{}/openapi.json", self.base),
                get(move || async move {
                    let document: Bytes = (**document).clone();
                    ([(http::header::CONTENT_TYPE, "application/json")], document)
                }),
            )
            .route("/metrics", get(|| async { crate::telemetry::render_metrics() }))
            .layer(Extension(checks));
        // Not `/docs/` itself: a trailing slash is taken off before a route is looked up, and the page's files are relative.
        let index = format!("{}/docs/ui/index.html", self.base);
        let open = open.route(
            &format!("{}/docs", self.base),
            get(move || async move { Redirect::to(&index) }),
        );
        let page = SwaggerUi::new(format!("{}/docs/ui", self.base))
            .config(Config::new([format!("{}/openapi.json", self.base)]).validator_url("none"));
        router
            .merge(open)
            .merge(page)
            .fallback(layers::no_such_path)
            .method_not_allowed_fallback(layers::no_such_method)
            .layer(layers::Observe(observing))
    }
}

/// How long what is asked for readiness may take: an orchestrator's own probe waits a few seconds at most.
const READY_TIME: Duration = Duration::from_secs(2);

async fn ready(Extension(checks): Extension<Arc<Vec<(&'static str, Check)>>>) -> Response {
    ready_within(READY_TIME, &checks).await
}

async fn ready_within(limit: Duration, checks: &[(&'static str, Check)]) -> Response {
    let states = checks.iter().map(|(name, check)| async move {
        let outcome = tokio::time::timeout(limit, check())
            .await
            .unwrap_or_else(|_| Err(format!("no answer in {limit:?}")));
        let state = CheckState {
            status: if outcome.is_ok() { "up" } else { "down" },
            reason: outcome.err(),
        };
        (*name, state)
    });
    let states: BTreeMap<_, _> = futures::future::join_all(states).await.into_iter().collect();
    let up = states.values().all(|state| state.status == "up");
    let status = if up {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Ready {
            status: if up { "up" } else { "down" },
            checks: states,
        }),
    )
        .into_response()
}

#[cfg(test)]
mod tests;
