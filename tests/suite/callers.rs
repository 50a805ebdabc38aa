//! Every route of every service, as the documents list them, tried by everybody who may not.

use chrono::TimeDelta;
use mecm::suite;
use mecm_common::auth::Role;
use mecm_common::auth::jwt::{NewToken, mint};
use mecm_common::auth::rsa::SigningKey;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::models::ids::TenantId;
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use super::documents::{BY_SIGNATURE, Ids, OPEN, Served, documents};
use super::rig::{Rig, on_each};

/// All routes: method and path, with parameters filled.
pub(super) async fn routes(rig: &Rig, tenant: TenantId) -> Vec<(Method, String)> {
    routes_to(rig, tenant, &Ids::of_nothing()).await
}

/// [`routes`] to these records.
pub(super) async fn routes_to(rig: &Rig, tenant: TenantId, ids: &Ids) -> Vec<(Method, String)> {
    let mut all = Vec::new();
    for Served { origin, document, .. } in documents(rig).await {
        for (path, methods) in document["paths"].as_object().unwrap() {
            // What anybody may ask is not among them.
            if methods["get"]["security"] == serde_json::json!([]) && !OPEN.contains(&path.as_str()) {
                continue;
            }
            let filled = ids.fill(path, tenant);
            for method in methods.as_object().unwrap().keys() {
                if let Ok(method) = method.to_uppercase().parse() {
                    all.push((method, format!("{origin}{filled}")));
                }
            }
        }
    }
    all
}

async fn ask(client: &Client, method: &Method, url: &str, token: Option<&str>) -> (u16, String) {
    let mut request = client.request(method.clone(), url);
    if let Some(token) = token {
        request = request.header("access_token", token);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap_or_default();
    (status, body["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_who_may_not() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let tenant = rig.api.tenant();
        let minted = |tenant: TenantId, role: Role, minutes: i64| {
            let life = TimeDelta::minutes(minutes);
            suite::token(&rig.place.config, &Clock::System, tenant, "x", &[role], life)
                .unwrap()
                .expose_secret()
                .to_owned()
        };
        let good = minted(tenant, Role::Tenant, 5);
        let mut parts = good.split('.');
        let (_, claims, signature) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        // {"alg":"none","typ":"JWT"}
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
        let altered = format!(
            "{}.{}.{signature}",
            good.split('.').next().unwrap(),
            claims.replacen('e', "f", 1)
        );
        let claims = NewToken {
            user_id: &tenant.to_string(),
            user_name: "x",
            authorities: &[Role::Tenant.as_str()],
            expires: Clock::System.now() + TimeDelta::minutes(5),
            jti: "x",
        };
        let strange = mint(&SigningKey::generate(), &claims).expose_secret().to_owned();
        let refused: Vec<(&str, Option<String>, u16, &str)> = vec![
            ("no token", None, 401, "Access token is empty"),
            (
                "expired",
                Some(minted(tenant, Role::Tenant, -5)),
                401,
                "Invalid access token",
            ),
            ("another key", Some(strange), 401, "Invalid access token"),
            ("alg none", Some(unsigned), 401, "Invalid access token"),
            ("altered", Some(altered), 401, "Invalid access token"),
            (
                "another tenant",
                Some(minted(TenantId(Uuid::new_v4()), Role::Tenant, 5)),
                401,
                "Illegal tenant ID",
            ),
            (
                "no JWT",
                Some("[object Object]".to_owned()),
                400,
                "malformed access token",
            ),
        ];
        let guest = minted(tenant, Role::Guest, 5);
        let all = routes(rig, tenant).await;
        assert!(all.len() >= 50, "{} routes", all.len());
        for (method, url) in &all {
            let path = &url[url.find("/v1/").unwrap()..];
            if OPEN.iter().any(|open| url.ends_with(open)) {
                assert_eq!(ask(&client, method, url, None).await.0, 200, "{method} {url}");
                continue;
            }
            let by_signature = BY_SIGNATURE.iter().any(|signed| url.ends_with(signed));
            for (who, token, status, message) in &refused {
                let came = ask(&client, method, url, token.as_deref()).await;
                if by_signature && *who == "another tenant" {
                    assert!(matches!(came.0, 401 | 403), "{method} {path} {who}: {came:?}");
                } else {
                    assert_eq!(came, (*status, (*message).to_owned()), "{method} {path} {who}");
                }
            }
            if *method != Method::GET {
                let came = ask(&client, method, url, Some(&guest)).await.0;
                assert!(
                    came == 403 || (by_signature && came == 401),
                    "{method} {path} a guest: {came}"
                );
            }
        }
    })
    .await;
}
