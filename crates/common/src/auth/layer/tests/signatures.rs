//! Signed requests: keys, replays, bodies.

use super::*;

#[tokio::test]
async fn a_fellow_service_is_let_in_by_its_signature_in_any_tenant() {
    let served = served(|_| {}).await;
    for (tenant, method) in [(TENANT, Method::GET), (OTHER, Method::POST)] {
        let ok = answer(200, &format!("appo in {tenant} sent 0"), &[]);
        let ask = things(method, tenant)
            .with("x-request-id", "r.1")
            .signed(&served, EMPTY_BODY_SHA256);
        assert_eq!(served.send(ask).await, ok);
    }
    let mut query = things(Method::GET, TENANT);
    query.path.push_str("?b=2&a=x+y");
    let query = query.signed(&served, EMPTY_BODY_SHA256);
    assert_eq!(served.send(query).await.0, 200);
}

#[tokio::test]
async fn signatures_are_turned_away_as_the_table_says() {
    let served = served(|_| {}).await;
    let refused = plain(401, "Invalid access or signature.");
    let get = || things(Method::GET, TENANT);
    assert_eq!(
        served
            .send(get().with("authorization", "SDK-HMAC-SHA256 nonsense"))
            .await,
        refused
    );
    let no_host = Ask {
        headers: Vec::new(),
        ..get()
    }
    .signed(&served, EMPTY_BODY_SHA256);
    assert_eq!(served.send(no_host).await, refused);
    let mut moved = get().signed(&served, EMPTY_BODY_SHA256);
    moved.path = moved.path.replace(TENANT, OTHER);
    assert_eq!(served.send(moved).await, refused);

    let stranger = ServiceKey::generate();
    let unknown = get().signature(&served, &stranger, EMPTY_BODY_SHA256);
    let unknown = get()
        .with("x-sdk-date", unknown.date)
        .with("authorization", unknown.authorization);
    assert_eq!(served.send(unknown).await, refused);

    for late in [true, false] {
        let ask = get().signed(&served, EMPTY_BODY_SHA256);
        if late {
            served.clock.advance(Duration::from_secs(901));
            let (status, message, details) = served.send(ask).await;
            assert_eq!((status, message.as_str()), (401, "request time too skewed"));
            assert!(details[1].starts_with("server time: 2026"), "{details:?}");
        } else {
            served.clock.advance(Duration::from_secs(900));
            assert_eq!(served.send(ask).await.0, 200);
        }
    }
}

#[tokio::test]
async fn a_request_that_changes_something_is_accepted_once() {
    let served = served(|_| {}).await;
    let post = things(Method::POST, TENANT).with("x-request-id", "r.1");
    let signed = post.signature(&served, &served.key, EMPTY_BODY_SHA256);
    let again = || {
        let signed = signed.clone();
        let post = things(Method::POST, TENANT).with("x-request-id", "r.1");
        post.with("x-sdk-date", signed.date)
            .with("authorization", signed.authorization)
    };
    assert_eq!(served.send(again()).await.0, 200);
    assert_eq!(
        served.send(again()).await,
        plain(401, "Invalid access or signature.")
    );
    let other = things(Method::POST, TENANT)
        .with("x-request-id", "r.2")
        .signed(&served, EMPTY_BODY_SHA256);
    assert_eq!(
        served.send(other).await.0,
        200,
        "another request id is another request"
    );
    for _ in 0..2 {
        assert_eq!(
            served
                .send(things(Method::GET, TENANT).signed(&served, EMPTY_BODY_SHA256))
                .await
                .0,
            200
        );
    }
}

#[tokio::test]
async fn guesses_lock_a_key_that_exists_and_one_that_does_not_alike() {
    for known in [true, false] {
        let served = served(|_| {}).await;
        let mut guesser = ServiceKey::generate();
        if known {
            guesser.access_key = served.key.access_key.clone();
        }
        let guess = |key: &ServiceKey| {
            let ask = things(Method::GET, TENANT);
            let signed = ask.signature(&served, key, EMPTY_BODY_SHA256);
            ask.with("x-sdk-date", signed.date)
                .with("authorization", signed.authorization)
        };
        // What is not counted: dates that are off, and what cannot be read.
        let early = guess(&guesser);
        served.clock.advance(Duration::from_secs(901));
        assert_eq!(served.send(early).await.1, "request time too skewed");
        let unreadable = things(Method::GET, TENANT).with(
            "authorization",
            format!("SDK-HMAC-SHA256 Access={}, nonsense", guesser.access_key),
        );
        assert_eq!(served.send(unreadable).await.0, 401);
        for _ in 0..3 {
            assert_eq!(
                served.send(guess(&guesser)).await,
                plain(401, "Invalid access or signature."),
                "{known}"
            );
        }
        assert_eq!(
            served.send(guess(&guesser)).await,
            plain(403, "Access is locked."),
            "{known}"
        );
        let good = things(Method::GET, TENANT).signed(&served, EMPTY_BODY_SHA256);
        let good = served.send(good).await;
        if known {
            assert_eq!(good, plain(403, "Access is locked."), "good signatures too");
            served.clock.advance(Duration::from_secs(900));
            let again = things(Method::GET, TENANT).signed(&served, EMPTY_BODY_SHA256);
            assert_eq!(served.send(again).await.0, 200);
        } else {
            assert_eq!(good.0, 200);
        }
    }
}

#[tokio::test]
async fn the_body_counts_as_the_table_says() {
    let served = served(|_| {}).await;
    let refused = plain(401, "Invalid access or signature.");
    let post = |id: &str| things(Method::POST, TENANT).with("x-request-id", id);
    let stated = |id: &str, value: &str| post(id).with("x-sdk-content-sha256", value);
    let hash = hash_body(b"hello");

    // No header: hashed before the handler runs, up to the limit (100 here).
    assert_eq!(
        served
            .send(post("1").signed(&served, &hash).body("hello"))
            .await
            .0,
        200
    );
    assert_eq!(
        served.send(post("2").signed(&served, &hash).body("hullo")).await,
        refused
    );
    let long: &'static str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    assert_eq!(long.len(), 101);
    assert_eq!(
        served
            .send(post("3").signed(&served, &hash_body(long.as_bytes())).body(long))
            .await,
        refused
    );
    let mut endless = post("4").signed(&served, &hash);
    endless.body = Body::from_stream(futures::stream::repeat(Ok::<_, std::convert::Infallible>(
        Bytes::from("x"),
    )));
    assert_eq!(served.send(endless).await, refused);

    // A hash: checked while it streams.
    let ask = stated("5", &hash).signed(&served, &hash).body("hello");
    assert_eq!(served.send(ask).await.0, 200);
    let long_hash = hash_body(long.as_bytes());
    let ask = stated("6", &long_hash).signed(&served, &long_hash).body(long);
    assert_eq!(
        served.send(ask).await.0,
        200,
        "no limit of ours on what the handler reads itself"
    );
    let mut ask = ask_upload()
        .with("x-sdk-content-sha256", hash.clone())
        .signed(&served, &hash);
    ask.body = Body::from_stream(futures::stream::iter(
        ["hel", "lo"].map(|part| Ok::<_, std::convert::Infallible>(Bytes::from(part))),
    ));
    assert_eq!(served.send(ask).await, answer(200, "kept 3", &[]));
    let mut ask = ask_upload()
        .with("x-request-id", "7")
        .with("x-sdk-content-sha256", hash.clone())
        .signed(&served, &hash);
    ask.body = Body::from_stream(futures::stream::iter(
        ["hel", "p!"].map(|part| Ok::<_, std::convert::Infallible>(Bytes::from(part))),
    ));
    assert_eq!(
        served.send(ask).await,
        answer(
            400,
            "malformed request body",
            &["the body is not the one that was signed"]
        )
    );
    let ask = stated("8", &hash)
        .signed(&served, &hash_body(b"other"))
        .body("hello");
    assert_eq!(served.send(ask).await, refused);

    // Nothing: by the hash of nothing, and by the stated value.
    for (id, value, signed_as, status) in [
        ("9", "UNSIGNED-PAYLOAD", EMPTY_BODY_SHA256, 200),
        ("10", "UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD", 200),
        ("11", EMPTY_BODY_SHA256, EMPTY_BODY_SHA256, 200),
        ("12", &hash, &hash, 400),
        ("13", &hash, EMPTY_BODY_SHA256, 400),
        ("14", "UNSIGNED-PAYLOAD", &hash, 401),
    ] {
        assert_eq!(
            served.send(stated(id, value).signed(&served, signed_as)).await.0,
            status,
            "{id}"
        );
    }

    // Not covered: only where forms are uploaded.
    let unsigned = |ask: Ask| {
        ask.with("x-sdk-content-sha256", UNSIGNED_PAYLOAD)
            .signed(&served, UNSIGNED_PAYLOAD)
    };
    assert_eq!(served.send(unsigned(post("15")).body("hello")).await, refused);
    assert_eq!(
        served.send(unsigned(ask_upload()).body("hello")).await,
        answer(200, "kept 5", &[])
    );
    let ask = stated("16", "nonsense").signed(&served, "nonsense").body("hello");
    assert_eq!(served.send(ask).await, refused);
}

fn ask_upload() -> Ask {
    ask(Method::POST, &format!("/x/v1/tenants/{TENANT}/packages/upload"))
}

#[tokio::test]
async fn unsigned_payloads_can_be_switched_off() {
    let served = served(|settings| settings.refuse_unsigned_payload = true).await;
    let ask = ask_upload()
        .with("x-sdk-content-sha256", UNSIGNED_PAYLOAD)
        .signed(&served, UNSIGNED_PAYLOAD);
    assert_eq!(
        served.send(ask.body("hello")).await,
        plain(401, "Invalid access or signature.")
    );
}

#[tokio::test]
async fn other_keys_are_judged_by_whoever_keeps_them() {
    let keeper = ServiceKey::generate();
    let holder = keeper.clone();
    let asked: Arc<Mutex<Vec<SignatureQuestion>>> = Arc::default();
    let heard = Arc::clone(&asked);
    let served = served(|settings| {
        settings.credentials = Some(Arc::new(move |question: SignatureQuestion| {
            heard.lock().unwrap().push(question.clone());
            let fits = fits(&holder.secret_key, &question.strings_to_sign, &question.signature);
            Box::pin(async move {
                if !fits {
                    return Err(AuthError::Locked);
                }
                let roles: Roles = [Role::Guest, Role::Service].into_iter().collect();
                Ok(KeyHolder {
                    tenant: TENANT.parse().unwrap(),
                    roles,
                    name: "atp".to_owned(),
                    expires: None,
                })
            })
        }));
    })
    .await;
    let signed = |ask: Ask, key: &ServiceKey| {
        let signed = ask.signature(&served, key, EMPTY_BODY_SHA256);
        ask.with("x-sdk-date", signed.date)
            .with("authorization", signed.authorization)
    };
    let ok = answer(200, &format!("atp in {TENANT} sent 0"), &[]);
    assert_eq!(
        served.send(signed(things(Method::GET, TENANT), &keeper)).await,
        ok
    );
    assert_eq!(
        served.send(signed(things(Method::POST, TENANT), &keeper)).await,
        forbidden()
    );
    assert_eq!(
        served.send(signed(things(Method::GET, OTHER), &keeper)).await,
        plain(401, "Illegal tenant ID")
    );
    let wrong = ServiceKey {
        access_key: AccessKey::generate(),
        ..keeper.clone()
    };
    let wrong = ServiceKey {
        secret_key: ServiceKey::generate().secret_key,
        ..wrong
    };
    assert_eq!(
        served.send(signed(things(Method::GET, TENANT), &wrong)).await,
        plain(403, "Access is locked.")
    );
    let asked_before = asked.lock().unwrap().len();
    assert_eq!(
        served
            .send(signed(things(Method::GET, TENANT), &served.key.clone()))
            .await
            .0,
        200
    );
    assert_eq!(
        asked.lock().unwrap().len(),
        asked_before,
        "services' own keys are judged here"
    );
    let question = asked.lock().unwrap().remove(0);
    assert_eq!(question.access_key, keeper.access_key);
    assert_eq!(question.source.unwrap().to_string(), "10.0.0.9");
    assert_eq!(
        (question.method, question.strings_to_sign.len()),
        (Method::GET, 1)
    );
}
