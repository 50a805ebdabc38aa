//! Every route of the document is tried by everybody who may not call it.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::{Bench, OTHER, TENANT};

/// Every method of every path of a tenant, with its parameters filled in.
async fn routes(bench: &Bench) -> Vec<(Method, String)> {
    let request = Request::get("/inventory/v1/openapi.json").body(Body::empty());
    let document = bench.send(request.unwrap()).await.body;
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if !path.contains("{tenant_id}") {
            continue;
        }
        let filled = path
            .split('/')
            .map(|part| match part {
                "{tenant_id}" => TENANT,
                "{capability_type}" => "GPU",
                "{ak}" => "QUtBS0FLQUtBS0FLQUs=",
                "{app_id}" | "{app_instance_id}" => "5c1c2b7e-6a0b-4c5f-9a0e-3f6f8f1f0a11",
                part if part.ends_with("_ip}") => "10.0.0.1",
                part if part.starts_with('{') => panic!("no sample of the parameter {part}: add one here"),
                part => part,
            })
            .collect::<Vec<_>>()
            .join("/");
        for method in methods.as_object().unwrap().keys() {
            if let Ok(method) = method.to_uppercase().parse() {
                all.push((method, filled.clone()));
            }
        }
    }
    all
}

/// Another tenant's token that says it is this tenant's.
fn forged(bench: &Bench) -> String {
    let mine = bench.token(TENANT, "ROLE_MECM_TENANT");
    let other = bench.token(OTHER, "ROLE_MECM_TENANT");
    let (claims, _) = mine.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    format!("{claims}.{signature}")
}

#[tokio::test]
async fn nobody_gets_past_who_may_not_call() {
    for bench in Bench::all().await {
        let routes = routes(&bench).await;
        assert!(routes.len() >= 26, "{routes:?}");
        for (method, path) in routes {
            let reads = method == Method::GET;
            let keys = path.contains("/credentials") || path.ends_with("/audit");
            let tenant = "ROLE_MECM_TENANT";
            let cases = [
                (None, 401, "Access token is empty"),
                (Some("[object Object]".to_owned()), 400, "malformed access token"),
                (Some(forged(&bench)), 401, "Invalid access token"),
                (Some(bench.token(OTHER, tenant)), 401, "Illegal tenant ID"),
                (
                    Some(bench.token(OTHER, "ROLE_MECM_ADMIN")),
                    401,
                    "Illegal tenant ID",
                ),
                (
                    Some(bench.token(TENANT, "ROLE_APPSTORE_TENANT")),
                    403,
                    "Forbidden",
                ),
                (Some(bench.token(TENANT, "ROLE_MECM_SERVICE")), 403, "Forbidden"),
                (Some(bench.token(TENANT, "ROLE_MECM_GUEST")), 403, "Forbidden"),
            ];
            for (token, status, message) in cases {
                let guest_reads = reads && !keys && token == Some(bench.token(TENANT, "ROLE_MECM_GUEST"));
                let mut request = Request::builder().method(method.clone()).uri(&path);
                if let Some(token) = token {
                    request = request.header("access_token", token);
                }
                let answer = bench.send(request.body(Body::empty()).unwrap()).await;
                if guest_reads {
                    assert!(!matches!(answer.status, 401 | 403), "{method} {path}: {answer:?}");
                } else {
                    let (got, text, _) = answer.error();
                    assert_eq!((got, text), (status, message), "{method} {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_parameter_that_is_no_text_is_named_and_logs_nobody_out() {
    for bench in Bench::all().await {
        for (path, name) in [
            ("/mechosts/%FF", "mechost_ip"),
            ("/mechosts/10.0.0.1/apps/%FF", "app_id"),
            (
                "/mechosts/10.0.0.1/capabilities/%FF/applications",
                "capability_type",
            ),
        ] {
            let answer = bench.get(path).await;
            let details = vec!["URL parameter validation failed", name];
            assert_eq!(
                answer.error(),
                (400, "input validation failed", details),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_a_million_constraints_is_answered_shortly() {
    for bench in Bench::all().await {
        let many = vec![json!({}); 600_000];
        let path = "/app_instances/71ea862b-5806-4196-bce3-434bf9c95b18/appd_configuration";
        let answer = bench
            .post(path, &json!({"appName": "a", "appTrafficRule": many}))
            .await;
        let (status, _, details) = answer.error();
        assert_eq!((status, details[0]), (400, "size must be between 0 and 16"));
        assert_eq!(
            details.len(),
            1 + 16 * 3,
            "of the items only the first are looked at"
        );
    }
}

#[tokio::test]
async fn health_readiness_and_the_document_are_open() {
    for bench in Bench::all().await {
        for path in ["health", "ready", "openapi.json"] {
            let request = Request::get(format!("/inventory/v1/{path}"))
                .body(Body::empty())
                .unwrap();
            assert_eq!(bench.send(request).await.status, 200, "{path}");
        }
    }
}
