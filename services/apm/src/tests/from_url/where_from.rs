//! Where a package may come from, and who gets to see a token.

use mecm_common::auth::signature::{RequestParts, hash_body, sign};

use super::*;

#[tokio::test]
async fn a_package_comes_from_listed_and_registered_stores_only() {
    for test in TestDb::all(&crate::migrations()).await {
        let store = AppStore::start().await;
        let rig = Rig::beside(&store.url(""), test, |_| {}).await;
        store.serve("/p", Serves::File(package("zone")));
        let one = rig.onboarded(&body(&store.url("/p"))).await;
        let refused = format!("{} is not among the allowed app stores", store.listed());
        assert_eq!(hosts(&one)[0], ("10.0.0.2", "Error", &json!(refused)));
        assert!(
            store.asked().is_empty() && store.tokens().is_empty(),
            "nobody was asked"
        );

        // By address and port, and by what its interface is said to be.
        let (ip, port) = (store.address.ip().to_string(), store.address.port());
        for registered in [
            json!([{"appstoreIp": ip, "appstorePort": port.to_string(), "uri": "x"}]),
            json!([{"appstoreIp": "10.9.9.9", "appstorePort": "1", "uri": store.url("/api")}]),
        ] {
            store.register(registered);
            let one = rig.onboarded(&body(&store.url("/p"))).await;
            assert_eq!(hosts(&one)[0].1, "Distributed");
            let path = format!("/packages/{ID}");
            assert_eq!(rig.ask(Method::DELETE, &path, &[]).await.status, 200);
        }
        // Another port of it is another.
        store.register(json!([{"appstoreIp": ip, "appstorePort": "1", "uri": "x"}]));
        assert_eq!(hosts(&rig.onboarded(&body(&store.url("/p"))).await)[0].1, "Error");
        // Whether it is registered cannot be told.
        store.inventory_is_down(true);
        let one = rig.onboarded(&body(&store.url("/p"))).await;
        let (_, status, error) = hosts(&one)[0];
        assert_eq!(status, "Error");
        assert!(error.as_str().unwrap().contains("Inventory"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_rules_and_the_token_stays_behind() {
    on_each_with_store(|rig, store| async move {
        let other = AppStore::start().await;
        other.serve("/p", Serves::File(package("zone")));
        store.serve("/within", Serves::Redirect("/moved".to_owned()));
        store.serve("/moved", Serves::File(package("zone")));
        store.serve("/away", Serves::Redirect(other.url("/p")));
        let one = rig.onboarded(&body(&store.url("/within"))).await;
        assert_eq!(hosts(&one)[0].1, "Distributed");
        assert!(
            store.asked().iter().all(|(_, token)| token.is_some()),
            "{:?}",
            store.asked()
        );
        let path = format!("/packages/{ID}");
        assert_eq!(rig.ask(Method::DELETE, &path, &[]).await.status, 200);

        let one = rig.onboarded(&body(&store.url("/away"))).await;
        let refused = format!("{} is not among the allowed app stores", other.listed());
        assert_eq!(hosts(&one)[0].2, &json!(refused));
        assert!(other.asked().is_empty());

        let (ip, port) = (other.address.ip().to_string(), other.address.port());
        store.register(json!([{"appstoreIp": ip, "appstorePort": port.to_string(), "uri": "x"}]));
        let one = rig.onboarded(&body(&store.url("/away"))).await;
        assert_eq!(hosts(&one)[0].1, "Distributed");
        assert_eq!(other.asked(), [("/p".to_owned(), None)]);
    })
    .await;
}

#[tokio::test]
async fn no_spelling_of_an_address_gets_around_the_rules() {
    for test in TestDb::all(&crate::migrations()).await {
        let store = AppStore::start().await;
        let port = store.address.port();
        let listed = ["127.0.0.1", "[::ffff:7f00:1]", "169.254.169.254", "localhost"];
        let change = |config: &mut Config| {
            config.apm.app_stores = listed.iter().map(|host| format!("{host}:{port}")).collect();
            config.egress.allow = vec!["10.0.0.0/8".parse().unwrap(), "169.254.0.0/16".parse().unwrap()];
        };
        let rig = Rig::beside(&store.url(""), test, change).await;
        store.serve("/p", Serves::File(package("zone")));
        for host in [
            "127.0.0.1",
            "0x7f.1",
            "2130706433",
            "[::ffff:127.0.0.1]",
            "169.254.169.254",
            "localhost",
        ] {
            let one = rig.onboarded(&body(&format!("http://{host}:{port}/p"))).await;
            let (_, status, error) = hosts(&one)[0];
            assert_eq!(status, "Error", "{host}");
            assert!(
                error.as_str().unwrap().starts_with("address not allowed"),
                "{host}: {error}"
            );
        }
        assert!(store.asked().is_empty());
    }
}

#[tokio::test]
async fn a_signed_callers_fetch_goes_with_a_token_that_inventory_makes() {
    on_each_with_store(|rig, store| async move {
        store.serve("/p", Serves::File(package("zone")));
        let path = format!("/apm/v1/tenants/{TENANT}/packages");
        let body = body(&store.url("/p")).to_string();
        let headers: [(&str, &[u8]); 1] = [("host", b"apm")];
        let parts = RequestParts {
            method: "POST",
            path: &path,
            query: "",
            headers: &headers,
        };
        let (hash, now) = (hash_body(body.as_bytes()), rig.clock.now());
        let signed = sign(&SERVICE.access_key, &SERVICE.secret_key, &parts, &hash, now);
        let mut request = Request::post(&path)
            .header("host", "apm")
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let answer = rig.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        rig.settled().await;
        assert_eq!(
            store.asked(),
            [("/p".to_owned(), Some("made-by-inventory".to_owned()))]
        );
        assert_eq!(store.tokens()[0]["tenantId"], TENANT);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_cannot_serve_at_a_store_does_not_go_there() {
    on_each_with_store(|rig, store| async move {
        store.serve("/p", Serves::File(package("zone")));
        for (role, minutes) in [("ROLE_MECM_ADMIN", 60), ("ROLE_MECM_TENANT", 1)] {
            let mut body = body(&store.url("/p"));
            body["appPkgId"] = format!("{ID}{minutes:02}")[2..].into();
            let request = Request::post(format!("/apm/v1/tenants/{TENANT}/packages"))
                .header("access_token", rig.token(TENANT, role, minutes))
                .header("content-type", "application/json")
                .body(Body::from(body.to_string()))
                .unwrap();
            assert_eq!(rig.send(request).await.status, 202);
            rig.settled().await;
        }
        let made = ("/p".to_owned(), Some("made-by-inventory".to_owned()));
        assert_eq!(store.asked(), [made.clone(), made]);
    })
    .await;
}
