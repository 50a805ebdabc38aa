//! Tokens, tenants, roles, sources.

use super::*;

#[tokio::test]
async fn tokens_are_let_in_and_turned_away_as_the_table_says() {
    let served = served(|_| {}).await;
    let good = served.token(TENANT, TENANT_ROLE);
    let ok = answer(200, &format!("ann in {TENANT} sent 0"), &[]);
    assert_eq!(served.send(things(Method::GET, TENANT).token(&good)).await, ok);
    let bearer = format!("Bearer {}", good.expose_secret());
    assert_eq!(
        served
            .send(things(Method::POST, TENANT).with("authorization", bearer))
            .await,
        ok
    );

    let empty = plain(401, "Access token is empty");
    assert_eq!(served.send(things(Method::GET, TENANT)).await, empty);
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("access_token", ""))
            .await,
        empty
    );
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("authorization", "Basic dTpw"))
            .await,
        empty
    );
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("authorization", "Bearer "))
            .await,
        empty
    );

    let malformed = plain(400, "malformed access token");
    let portal = things(Method::GET, "null").with("access_token", "[object Object]");
    assert_eq!(served.send(portal).await, malformed);
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("access_token", "ä.b.c"))
            .await,
        malformed
    );

    let invalid = plain(401, "Invalid access token");
    let claims = NewToken {
        user_id: TENANT,
        user_name: "ann",
        authorities: TENANT_ROLE,
        expires: served.clock.now() + TimeDelta::seconds(600),
        jti: "j",
    };
    let foreign = mint(&OTHER_KEY, &claims);
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&foreign)).await,
        invalid
    );
    let nobody = mint(
        &KEY,
        &NewToken {
            user_id: "",
            ..claims
        },
    );
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&nobody)).await,
        invalid
    );
    let unsigned = "eyJhbGciOiJub25lIn0.eyJ1c2VySWQiOiJ0In0.";
    assert_eq!(
        served
            .send(things(Method::GET, TENANT).with("access_token", unsigned))
            .await,
        invalid
    );

    assert_eq!(
        served.send(things(Method::GET, OTHER).token(&good)).await,
        plain(401, "Illegal tenant ID")
    );
    let guest = served.token(TENANT, GUEST_ROLE);
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&guest)).await.0,
        200
    );
    assert_eq!(
        served.send(things(Method::POST, TENANT).token(&guest)).await,
        forbidden()
    );
    assert_eq!(
        served.send(things(Method::POST, OTHER).token(&guest)).await,
        plain(401, "Illegal tenant ID")
    );
    let pretender = served.token(TENANT, &["ROLE_MECM_SERVICE"]);
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&pretender)).await,
        forbidden()
    );

    served.clock.advance(Duration::from_secs(660));
    assert_eq!(
        served.send(things(Method::GET, TENANT).token(&good)).await,
        invalid
    );
}

#[tokio::test]
async fn the_tenant_is_read_as_the_handler_reads_it() {
    let served = served(|settings| settings.admin_everywhere = true).await;
    let good = served.token(TENANT, TENANT_ROLE);
    let escaped = TENANT.replacen('1', "%31", 1);
    let ok = answer(200, &format!("ann in {TENANT} sent 0"), &[]);
    assert_eq!(served.send(things(Method::GET, &escaped).token(&good)).await, ok);
    let admin = served.token(OTHER, &["ROLE_MECM_ADMIN"]);
    assert_eq!(served.send(things(Method::PUT, TENANT).token(&admin)).await, ok);
    let parameter = answer(
        400,
        "input validation failed",
        &["URL parameter validation failed", "tenant_id"],
    );
    for tenant in ["null", "%ff", &TENANT.to_uppercase()] {
        assert_eq!(
            served.send(things(Method::PUT, tenant).token(&admin)).await,
            parameter,
            "{tenant}"
        );
        let signed = things(Method::GET, tenant).signed(&served, EMPTY_BODY_SHA256);
        assert_eq!(served.send(signed).await, parameter, "{tenant}");
        assert_eq!(
            served.send(things(Method::GET, tenant).token(&good)).await.0,
            401,
            "{tenant}"
        );
    }
}

#[tokio::test]
async fn some_routes_are_for_services_and_some_for_signatures_alone() {
    let served = served(|_| {}).await;
    let token = served.token(TENANT, TENANT_ROLE);
    let tokens = || ask(Method::POST, "/x/v1/tokens");
    assert_eq!(
        served.send(tokens().signed(&served, EMPTY_BODY_SHA256)).await.0,
        200
    );
    assert_eq!(served.send(tokens().token(&token)).await, forbidden());
    assert_eq!(served.send(tokens()).await, plain(401, "Access token is empty"));
    let by_key = || ask(Method::POST, "/x/v1/token");
    assert_eq!(
        served.send(by_key().signed(&served, EMPTY_BODY_SHA256)).await.0,
        200
    );
    assert_eq!(
        served.send(by_key().token(&token)).await,
        plain(401, "Invalid access or signature.")
    );
    assert_eq!(served.send(by_key()).await, plain(401, "Access token is empty"));
    let both = by_key()
        .with("x-request-id", "r.2")
        .with("access_token", "[object Object]")
        .signed(&served, EMPTY_BODY_SHA256);
    assert_eq!(served.send(both).await.0, 200, "the signature counts");
}

#[tokio::test]
async fn the_source_is_the_peer_unless_a_trusted_proxy_says_otherwise() {
    let who = |served: &Served| {
        let ask = ask(Method::GET, &format!("/x/v1/tenants/{TENANT}/who"));
        ask.token(&served.token(TENANT, TENANT_ROLE))
    };
    let untrusting = served(|_| {}).await;
    let forged = who(&untrusting).with("x-forwarded-for", "1.2.3.4");
    assert_eq!(untrusting.send(forged).await.1, "Some(10.0.0.9)");
    let trusting = served(|settings| settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    for (said, source) in [
        (None, "10.0.0.9"),
        (Some("192.0.2.7"), "192.0.2.7"),
        (Some("1.2.3.4, 192.0.2.7, 10.0.0.8"), "192.0.2.7"),
        (Some("10.0.0.7"), "10.0.0.7"),
        (Some("nonsense"), "10.0.0.9"),
    ] {
        let mut ask = who(&trusting);
        if let Some(said) = said {
            ask = ask.with("x-forwarded-for", said);
        }
        assert_eq!(trusting.send(ask).await.1, format!("Some({source})"), "{said:?}");
    }
}

#[tokio::test]
async fn unknown_paths_stay_unknown_and_forgotten_layers_let_nobody_in() {
    let served = served(|_| {}).await;
    assert_eq!(served.send(ask(Method::GET, "/x/v1/nothing")).await.0, 404);
    let open = Router::new().route("/", get(|Caller(who): Caller| async move { who.subject }));
    let response = open.oneshot(http::Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
