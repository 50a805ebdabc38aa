//! Who gets in, and what nobody learns.

use super::*;

#[tokio::test]
async fn every_route_is_closed_to_those_who_may_not() {
    on_each(|rig| async move {
        let id = rig.uploaded(&package("zone")).await;
        let routes = [
            (Method::POST, "/packages/upload".to_owned()),
            (Method::GET, "/packages".to_owned()),
            (Method::GET, format!("/packages/{id}")),
            (Method::GET, format!("/packages/{id}/download")),
            (Method::DELETE, format!("/packages/{id}")),
            (Method::DELETE, format!("/packages/{id}/hosts/10.0.0.2")),
        ];
        let tokens = [
            (String::new(), 401, "Access token is empty"),
            (
                rig.token(TENANT, "ROLE_MECM_TENANT", -5),
                401,
                "Invalid access token",
            ),
            ("[object Object]".to_owned(), 400, "malformed access token"),
            (rig.token(OTHER, "ROLE_MECM_TENANT", 5), 401, "Illegal tenant ID"),
            (rig.token(TENANT, "ROLE_APPSTORE_TENANT", 5), 403, "Forbidden"),
            (rig.token(TENANT, "ROLE_MECM_GUEST", 5), 403, "Forbidden"),
        ];
        for (method, path) in &routes {
            for (token, status, message) in &tokens {
                let guest_reads = *method == Method::GET && token.as_str() == tokens[5].0;
                let request = Request::builder()
                    .method(method.clone())
                    .uri(format!("/apm/v1/tenants/{TENANT}{path}"))
                    .header("access_token", token)
                    .body(Body::empty())
                    .unwrap();
                let answer = rig.send(request).await;
                if guest_reads {
                    assert_eq!(answer.status, 200, "{method} {path}");
                } else {
                    assert_eq!(answer.status, *status, "{method} {path} {message}");
                    assert_eq!(answer.json()["message"], *message, "{method} {path}");
                }
            }
        }
        // Another tenant, on its own path, finds nothing of it and cannot delete it.
        for (method, path) in &routes[2..] {
            let request = Request::builder()
                .method(method.clone())
                .uri(format!("/apm/v1/tenants/{OTHER}{path}"))
                .header("access_token", rig.token(OTHER, "ROLE_MECM_TENANT", 5))
                .body(Body::empty())
                .unwrap();
            let status = rig.send(request).await.status;
            let expected = if path.ends_with("10.0.0.2") { 200 } else { 404 };
            assert_eq!(status, expected, "{method} {path}");
        }
        let one = rig.get(&format!("/packages/{id}")).await.json();
        assert_eq!(one["mecHostInfo"].as_array().unwrap().len(), 2);
    })
    .await;
}
