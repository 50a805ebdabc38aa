use axum::body::Body as HttpBody;
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use utoipa_axum::routes;

use super::*;
use crate::models::ids::HostIp;
use crate::models::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations};

#[derive(serde::Deserialize, utoipa::ToSchema)]
struct Thing {
    #[serde(default, deserialize_with = "lenient::text")]
    name: Option<String>,
}

impl Validate for Thing {
    fn validate(&self, violations: &mut Violations) {
        let field = TextField {
            empty: Some("name is empty"),
            max: 8,
            long: "name too long",
            pattern: Some((Pattern::Name, "name is invalid")),
        };
        violations.text(&field, self.name.as_deref());
    }
}

#[utoipa::path(post, path = "/test/v1/things/{ip}", params(("ip" = String, Path)), responses((status = 200)))]
async fn put_thing(Url((ip,)): Url<(HostIp,)>, body: Body<Thing>) -> String {
    format!("{ip} {}", body.name.as_deref().unwrap_or_default())
}

#[utoipa::path(get, path = "/test/v1/pairs/{a}/{b}", params(("a" = String, Path), ("b" = String, Path)), responses((status = 200)))]
async fn pair(Url((a, b)): Url<(HostIp, HostIp)>) -> String {
    format!("{a} {b}")
}

#[utoipa::path(get, path = "/test/v1/panic", responses((status = 200)))]
async fn panics() -> String {
    panic!("on purpose")
}

#[utoipa::path(get, path = "/test/v1/fails", responses((status = 200)))]
async fn fails() -> ApiError {
    ApiError::internal("the secret cause")
}

fn app() -> Router {
    let routes = OpenApiRouter::new()
        .routes(routes!(put_thing))
        .routes(routes!(pair))
        .routes(routes!(panics))
        .routes(routes!(fails));
    let down: Check = Arc::new(|| Box::pin(async { Err("gone".to_owned()) }));
    let service = Service {
        name: "test",
        title: "Test",
        base: "/test/v1",
        routes,
        checks: vec![("database", down)],
        limits: Limits {
            json_body: 64,
            read_seconds: 30,
            ..Limits::default()
        },
        allowed_origin: HeaderValue::from_static("*"),
        clock: Clock::manual(chrono::DateTime::from_timestamp_millis(1_600_500_691_267).unwrap()),
        errors_with_response: false,
    };
    service.into_router()
}

async fn call(method: &str, path: &str, body: &str) -> (http::response::Parts, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json;charset=UTF-8")
        .header("x-request-id", "test-1")
        .body(HttpBody::from(body.to_owned()))
        .unwrap();
    let (parts, body) = app().oneshot(request).await.unwrap().into_parts();
    (
        parts,
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
    )
}

async fn error(method: &str, path: &str, body: &str) -> Value {
    let (parts, text) = call(method, path, body).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["status"], parts.status.as_u16());
    assert_eq!(parts.headers["access-control-allow-origin"], "*");
    assert_eq!(parts.headers["content-type"], "application/json");
    value
}

#[tokio::test]
async fn a_good_request_comes_through_with_its_id_and_cors() {
    let (parts, text) = call("POST", "/test/v1/things/10.0.0.2", r#"{"name":7}"#).await;
    assert_eq!((parts.status.as_u16(), text.as_str()), (200, "10.0.0.2 7"));
    assert_eq!(parts.headers["x-request-id"], "test-1");
    assert!(
        parts.headers["access-control-expose-headers"]
            .to_str()
            .unwrap()
            .contains("X-Batch-Id")
    );
}

#[tokio::test]
async fn each_refusal_has_the_one_shape() {
    let refused = error("POST", "/test/v1/things/10.0.0.2", "{}").await;
    assert_eq!(refused["message"], "input validation failed");
    assert_eq!(refused["details"], serde_json::json!(["name is empty"]));
    assert_eq!(refused["timestamp"], "2020-09-19T07:31:31.267");
    assert_eq!(refused["path"], "/test/v1/things/10.0.0.2");
    assert_eq!(refused["requestId"], "test-1");

    let refused = error("POST", "/test/v1/things/10.0.0.256", "{}").await;
    assert_eq!(
        refused["details"],
        serde_json::json!(["URL parameter validation failed", "ip"])
    );

    let refused = error("GET", "/test/v1/pairs/10.0.0.2/nonsense", "").await;
    assert_eq!(
        refused["details"],
        serde_json::json!(["URL parameter validation failed", "b"])
    );

    let refused = error("POST", "/test/v1/things/10.0.0.2", "{\"name\":").await;
    assert_eq!(refused["message"], "malformed request body");

    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(80));
    let refused = error("POST", "/test/v1/things/10.0.0.2", &long).await;
    assert_eq!(
        (refused["status"].as_u64(), refused["message"].as_str()),
        (Some(413), Some("request content exceeded limit of 64"))
    );

    assert_eq!(error("GET", "/test/v1/nowhere", "").await["message"], "Not Found");
    assert_eq!(
        error("PUT", "/test/v1/things/10.0.0.2", "").await["message"],
        "Method Not Allowed"
    );
}

#[tokio::test]
async fn what_nobody_foresaw_is_a_500_that_tells_nothing() {
    for path in ["/test/v1/fails", "/test/v1/panic"] {
        let refused = error("GET", path, "").await;
        assert_eq!(refused["message"], "Error while processing request", "{path}");
        assert_eq!(
            refused["details"],
            serde_json::json!(["Internal server error while processing request"])
        );
        assert!(!refused.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn another_media_type_is_a_415() {
    let request = Request::post("/test/v1/things/10.0.0.2")
        .header("content-type", "text/plain")
        .body(HttpBody::from("{}"))
        .unwrap();
    assert_eq!(app().oneshot(request).await.unwrap().status(), 415);
}

#[tokio::test]
async fn a_preflight_is_answered_before_anything_else() {
    let request = Request::options("/test/v1/things/anything")
        .header("access-control-request-headers", "access_token,content-type")
        .body(HttpBody::empty())
        .unwrap();
    let response = app().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 202);
    let allowed: Vec<_> = response
        .headers()
        .get_all("access-control-allow-headers")
        .iter()
        .collect();
    assert_eq!(allowed, ["*", "access_token,content-type"]);
}

#[tokio::test]
async fn health_says_ok_and_readiness_says_what_is_missing() {
    let (parts, text) = call("GET", "/test/v1/health", "").await;
    assert_eq!((parts.status.as_u16(), text.as_str()), (200, "ok"));
    let (parts, text) = call("GET", "/test/v1/ready", "").await;
    assert_eq!(parts.status, 503);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        serde_json::json!({"status":"down","checks":{"database":{"status":"down","reason":"gone"}}})
    );
}

#[test]
fn every_kind_of_error_is_rendered_with_at_least_one_detail() {
    let all = [
        ApiError::invalid(vec!["x".into()]),
        ApiError::invalid_parameter("x"),
        ApiError::missing_part("file"),
        ApiError::malformed("x"),
        ApiError::already_exists(),
        ApiError::not_found(),
        ApiError::quota("hosts: 10000"),
        ApiError::precondition("x"),
        ApiError::too_large(1),
        ApiError::bad_gateway("x"),
        ApiError::gateway_timeout("x"),
        ApiError::disk_full("x"),
        ApiError::unavailable("x", "y"),
        ApiError::internal("x"),
    ];
    for error in all {
        assert!(
            !error.details.is_empty() && !error.message.is_empty(),
            "{error:?}"
        );
        assert!(error.status.is_client_error() || error.status.is_server_error());
    }
}

#[tokio::test]
async fn a_trace_goes_along_when_it_is_one() {
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (sent, back) in [
        (good, Some(good)),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", None),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", None),
        ("my trace", None),
    ] {
        let request = Request::get("/test/v1/health").header("traceparent", sent);
        let answer = app()
            .oneshot(request.body(HttpBody::empty()).unwrap())
            .await
            .unwrap();
        let told = answer
            .headers()
            .get("traceparent")
            .map(|value| value.to_str().unwrap());
        assert_eq!(told, back);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn a_dependency_that_says_nothing_is_down() {
    let silent: Check = Arc::new(|| Box::pin(std::future::pending()));
    let answer = ready_within(Duration::from_millis(20), &[("database", silent)]).await;
    assert_eq!(answer.status(), 503);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["checks"]["database"]["reason"], "no answer in 20ms");
}
