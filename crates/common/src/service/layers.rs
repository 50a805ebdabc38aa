//! What every request passes on its way in and out: request id, log line, metrics, CORS, error body.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_TYPE, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::Body as _;
use tower::{Layer, Service};
use tracing::Instrument;

use super::body::{Pace, paced};
use super::room::Rooms;
use super::{ApiError, Limits};
use crate::clock::Clock;
use crate::models::error::ErrorBody;

/// The header that carries the request id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context, passed on as it came.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const EXPOSED: &str = "X-Request-Id, X-Batch-Id, X-Next-Cursor, ETag, Retry-After, Content-Disposition";
const METHODS: &str = "POST, GET, OPTIONS, DELETE, PUT";

/// What a handler passes on to the calls it makes for this request.
#[derive(Clone, Debug, Default)]
pub struct RequestInfo {
    /// The id under which all log lines of this request, here and at the peers, are found.
    pub request_id: String,
    /// The caller's trace context, when it sent one.
    pub traceparent: Option<String>,
}

/// What the layer around all routes needs to know.
#[derive(Clone, Debug)]
pub struct Observing {
    /// The service's name, on log lines and metrics.
    pub service: &'static str,
    /// The origin that browsers may call from; `*` by default, because the portal lives on another port.
    pub allowed_origin: HeaderValue,
    /// Bounds on what a request may bring.
    pub limits: Limits,
    /// Where bodies are while they are read.
    pub rooms: Rooms,
    /// Stamps error bodies.
    pub clock: Clock,
    /// Whether errors carry the member `response` (APPO: the portal shows it).
    pub errors_with_response: bool,
}

/// The one layer around all routes. Written by hand: each layer made of a function copies the whole of what is inside it for
/// each request, and that is what requests to these services cost most.
#[derive(Clone, Debug)]
pub struct Observe(pub Arc<Observing>);

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        let observing = self.0.clone();
        Observed { inner, observing }
    }
}

/// A route as [`Observe`] sees it.
#[derive(Clone, Debug)]
pub struct Observed<S> {
    inner: S,
    observing: Arc<Observing>,
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let (observing, seen) = (self.observing.clone(), Seen::new(&self.observing, &request));
        let mut rest = None;
        let answer = match observing.refused(&request) {
            Some(response) => Err(response),
            None => {
                request.extensions_mut().insert(seen.info.clone());
                request.extensions_mut().insert(observing.limits);
                request.extensions_mut().insert(observing.rooms.clone());
                if !request.body().is_end_stream() {
                    let (parts, body) = request.into_parts();
                    let (body, left) = paced(body, observing.limits.pace(&seen.path));
                    rest = Some(left);
                    request = Request::from_parts(parts, body);
                }
                Ok(self.inner.call(request))
            }
        };
        Box::pin(async move {
            let response = match answer {
                Ok(answer) => caught(answer).instrument(seen.span.clone()).await,
                Err(response) => response,
            };
            // A success has read what it wanted.
            if let Some(rest) = rest.filter(|_| !response.status().is_success()) {
                rest.drain().await;
            }
            Ok(seen.finished(&observing, response))
        })
    }
}

/// The answer, also of a handler that panics; the panic hook has logged why.
async fn caught(answer: impl Future<Output = Result<Response, Infallible>>) -> Response {
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(response)) => response,
        Err(_panic) => panicked(),
    }
}

fn panicked() -> Response {
    ApiError::internal("a handler panicked; the log has its message").into_response()
}

impl Observing {
    /// What is answered without asking a route.
    fn refused(&self, request: &Request) -> Option<Response> {
        if request.method() == Method::OPTIONS {
            return Some(StatusCode::ACCEPTED.into_response());
        }
        let limit = self.limits.header;
        (bytes_of(request.headers()) > limit).then(|| ApiError::header_too_large(limit).into_response())
    }
}

/// What has to be known of a request when its answer is there.
struct Seen {
    started: Instant,
    info: RequestInfo,
    method: Method,
    path: String,
    /// The pattern of its route, for metrics without one label value per record.
    route: Option<MatchedPath>,
    /// The headers that a browser asks whether it may send.
    asked: Option<HeaderValue>,
    span: tracing::Span,
}

impl Seen {
    fn new(observing: &Observing, request: &Request) -> Self {
        let headers = request.headers();
        let info = RequestInfo {
            request_id: request_id(headers),
            traceparent: header(headers, &TRACEPARENT)
                .filter(|text| is_traceparent(text))
                .map(str::to_owned),
        };
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let span = tracing::info_span!("request", service = observing.service, request_id = %info.request_id,
            traceparent = info.traceparent, %method, path = %path);
        Self {
            started: Instant::now(),
            route: request.extensions().get().cloned(),
            asked: headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
            info,
            method,
            path,
            span,
        }
    }

    fn finished(self, observing: &Observing, mut response: Response) -> Response {
        let _in_span = self.span.enter();
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            log(&error);
            response = render(observing, &error, &self.path, &self.info.request_id, response);
        }
        finish(observing, &mut response, &self.info, self.asked.as_ref());
        let status = response.status().as_u16();
        let took = self.started.elapsed();
        tracing::debug!(
            status,
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        measure(observing.service, &self.method, route, status, took);
        response
    }
}

/// As HTTP/1.1 writes them: `name: value` and the end of the line.
fn bytes_of(headers: &HeaderMap) -> usize {
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    headers.iter().map(line).sum()
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The caller's id when it is a sane token, else a fresh one.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |text: &&str| {
        (1..=128).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    match header(headers, &REQUEST_ID).filter(sane) {
        Some(id) => id.to_owned(),
        None => uuid::Uuid::new_v4().to_string(),
    }
}

/// Whether it has the form of W3C Trace Context: version, trace id, parent id and flags, in lower-case hexadecimal digits.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let widths = [2, 32, 16, 2];
    let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    widths
        .iter()
        .all(|width| parts.next().is_some_and(|part| part.len() == *width && hex(part)))
        && parts.next().is_none()
}

fn log(error: &ApiError) {
    let cause = error.cause.as_deref().map(chain).unwrap_or_default();
    let status = error.status.as_u16();
    if error.status.is_server_error() {
        tracing::error!(status, code = error.code, message = %error.message, detail = error.details.first(), details = error.details.len(), cause, "request failed");
    } else {
        tracing::info!(status, code = error.code, message = %error.message, detail = error.details.first(), details = error.details.len(), cause, "request refused");
    }
}

/// An error and all its sources in one text, for the log.
pub fn chain(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn render(observing: &Observing, error: &ApiError, path: &str, request_id: &str, old: Response) -> Response {
    let body = ErrorBody {
        timestamp: wire_time(observing.clock.now()),
        status: error.status.as_u16(),
        error: error.status.canonical_reason().unwrap_or("Error").to_owned(),
        message: error.message.clone(),
        details: error.details.clone(),
        path: path.to_owned(),
        request_id: request_id.to_owned(),
        code: error.code.to_owned(),
        response: observing.errors_with_response.then(|| error.message.clone()),
    };
    let text = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = error.status;
    // What the handler or the router added (`Allow` on a 405, for one) stays.
    *response.headers_mut() = old.headers().clone();
    response.headers_mut().remove(http::header::CONTENT_LENGTH);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = error.retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A time as answers carry it: UTC, milliseconds, no zone.
pub fn wire_time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}

fn finish(observing: &Observing, response: &mut Response, info: &RequestInfo, asked: Option<&HeaderValue>) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, observing.allowed_origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    if let Some(asked) = asked {
        headers.append(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    if observing.allowed_origin != "*" {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    // What an edge said is passed on in places: no browser guesses what else it may be.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&info.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(Ok(trace)) = info.traceparent.as_deref().map(HeaderValue::from_str) {
        headers.insert(TRACEPARENT, trace);
    }
}

/// A method as a label: what a client may invent is no series of its own.
fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "HEAD" => "HEAD",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

fn measure(service: &'static str, method: &Method, route: &str, status: u16, took: Duration) {
    let labels = [
        ("service", service.to_owned()),
        ("method", label(method).to_owned()),
        ("route", route.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("mecm_http_requests_total", &labels).increment(1);
    metrics::histogram!("mecm_http_request_seconds", "service" => service, "route" => route.to_owned())
        .record(took.as_secs_f64());
}

/// No such path.
pub async fn no_such_path() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no_such_path", "Not Found")
}

/// The path is there, the method is not.
pub async fn no_such_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no_such_method",
        "Method Not Allowed",
    )
}

impl Limits {
    /// How fast a request to `path` must come in.
    fn pace(&self, path: &str) -> Pace {
        let time = Duration::from_secs(self.read_seconds);
        if path.trim_end_matches('/').ends_with("/packages/upload") {
            Pace::Progress(time)
        } else {
            Pace::Whole(time)
        }
    }
}
