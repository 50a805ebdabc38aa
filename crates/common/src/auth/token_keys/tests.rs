use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::jwt::{NewToken, mint};
use super::super::rsa::SigningKey;
use super::super::rsa::tests::{KEY, OTHER_KEY};
use super::*;

const TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";

fn clock() -> Clock {
    Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap())
}

fn token(key: &SigningKey, clock: &Clock, jti: &str) -> SecretString {
    let expires = clock.now() + TimeDelta::seconds(600);
    let authorities = &["ROLE_MECM_TENANT"];
    mint(
        key,
        &NewToken {
            user_id: TENANT,
            user_name: "u",
            authorities,
            expires,
            jti,
        },
    )
}

/// A peer whose answer the test sets, and how often it was asked.
#[derive(Clone)]
struct Peer {
    answer: Arc<RwLock<Result<Vec<PublicKey>, AuthError>>>,
    asked: Arc<AtomicUsize>,
}

impl Peer {
    fn new(answer: Result<Vec<PublicKey>, AuthError>) -> Self {
        Self {
            answer: Arc::new(RwLock::new(answer)),
            asked: Arc::default(),
        }
    }

    fn says(&self, answer: Result<Vec<PublicKey>, AuthError>) {
        *self.answer.write().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn verifier(&self, clock: &Clock) -> TokenVerifier {
        let peer = self.clone();
        let source: KeySource = Arc::new(move || {
            peer.asked.fetch_add(1, Ordering::SeqCst);
            let answer = peer.answer.read().unwrap().clone();
            Box::pin(async move { answer })
        });
        let keys = TokenKeys {
            fetched: vec![(Issuer::AuthServer, source)],
            ..TokenKeys::default()
        };
        TokenVerifier::new(keys, clock.clone())
    }
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_at_most_once_a_minute() {
    let clock = clock();
    let peer = Peer::new(Ok(vec![KEY.public().clone()]));
    let verifier = peer.verifier(&clock);
    for jti in ["1", "2", "1"] {
        assert_eq!(
            verifier.verify(&token(&KEY, &clock, jti)).await.unwrap().0,
            Issuer::AuthServer
        );
    }
    assert_eq!(peer.asked(), 1);
    // The key was rotated, and a minute has not passed.
    peer.says(Ok(vec![OTHER_KEY.public().clone()]));
    let refused = verifier
        .verify(&token(&OTHER_KEY, &clock, "3"))
        .await
        .unwrap_err();
    assert_eq!((refused, peer.asked()), (TokenError::Signature.into(), 1));
    clock.advance(Duration::from_secs(60));
    assert!(verifier.verify(&token(&OTHER_KEY, &clock, "3")).await.is_ok());
    assert_eq!(peer.asked(), 2);
    // What the old key verified is forgotten.
    let refused = verifier.verify(&token(&KEY, &clock, "1")).await.unwrap_err();
    assert_eq!((refused, peer.asked()), (TokenError::Signature.into(), 2));
}

#[tokio::test]
async fn a_key_that_its_owner_has_withdrawn_counts_five_minutes_more_and_no_longer() {
    let clock = clock();
    let peer = Peer::new(Ok(vec![KEY.public().clone(), OTHER_KEY.public().clone()]));
    let verifier = peer.verifier(&clock);
    let token = token(&OTHER_KEY, &clock, "1");
    assert!(verifier.verify(&token).await.is_ok());
    peer.says(Ok(vec![KEY.public().clone()]));
    clock.advance(Duration::from_secs(299));
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(peer.asked(), 1);
    clock.advance(Duration::from_secs(1));
    let refused = verifier.verify(&token).await.unwrap_err();
    assert_eq!((refused, peer.asked()), (TokenError::Signature.into(), 2));
    // While it cannot be asked, what is known stays.
    peer.says(Err(AuthError::PeerDown("down".into())));
    clock.advance(Duration::from_secs(300));
    assert!(
        verifier
            .verify(&super::tests::token(&KEY, &clock, "2"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_peer_that_never_answered_is_a_502_and_one_that_did_is_not() {
    let clock = clock();
    let peer = Peer::new(Err(AuthError::PeerDown("the auth server is down".into())));
    let verifier = peer.verifier(&clock);
    let refused = verifier.verify(&token(&KEY, &clock, "1")).await.unwrap_err();
    assert_eq!(refused, AuthError::PeerDown("the auth server is down".into()));
    assert_eq!(
        verifier
            .verify(&token(&KEY, &clock, "1"))
            .await
            .unwrap_err()
            .status()
            .as_u16(),
        502
    );
    assert_eq!(peer.asked(), 1, "not asked twice in one second");
    peer.says(Err(AuthError::PeerSlow("the auth server is slow".into())));
    clock.advance(Duration::from_secs(1));
    let slow = verifier.verify(&token(&KEY, &clock, "1")).await.unwrap_err();
    assert_eq!(slow.status().as_u16(), 504);
    peer.says(Ok(vec![KEY.public().clone()]));
    clock.advance(Duration::from_secs(1));
    assert!(verifier.verify(&token(&KEY, &clock, "1")).await.is_ok());
    peer.says(Err(AuthError::PeerSlow("the auth server is slow".into())));
    clock.advance(Duration::from_secs(60));
    let refused = verifier
        .verify(&token(&OTHER_KEY, &clock, "1"))
        .await
        .unwrap_err();
    assert_eq!(refused, TokenError::Signature.into());
    assert!(verifier.verify(&token(&KEY, &clock, "2")).await.is_ok());
}

#[tokio::test]
async fn a_token_s_signature_is_checked_once_and_not_with_each_request() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let told = recorder.handle();
    let _counted_here = metrics::set_default_local_recorder(&recorder);
    let checked = || {
        let told = told.render();
        let line = told
            .lines()
            .find_map(|line| line.strip_prefix("mecm_token_signatures_checked_total "));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let clock = clock();
    let keys = TokenKeys {
        given: vec![(Issuer::Inventory, KEY.public().clone())],
        ..TokenKeys::default()
    };
    let verifier = TokenVerifier::new(keys, clock.clone());
    for (jti, so_far) in [("1", 1), ("2", 2), ("1", 2)] {
        let token = token(&KEY, &clock, jti);
        for _ in 0..100 {
            assert!(verifier.verify(&token).await.is_ok());
        }
        assert_eq!(checked(), so_far);
    }
    // What does not hold is not remembered: who guesses cannot fill the memory.
    let strange = token(&OTHER_KEY, &clock, "1");
    for _ in 0..2 {
        assert!(verifier.verify(&strange).await.is_err());
    }
    assert_eq!(checked(), 4);
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let clock = clock();
    let keys = TokenKeys {
        given: vec![(Issuer::Inventory, KEY.public().clone())],
        ..TokenKeys::default()
    };
    let verifier = TokenVerifier::new(keys, clock.clone());
    let token = token(&KEY, &clock, "1");
    assert_eq!(verifier.verify(&token).await.unwrap().0, Issuer::Inventory);
    clock.advance(Duration::from_secs(659));
    assert!(verifier.verify(&token).await.is_ok());
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        verifier.verify(&token).await.unwrap_err(),
        TokenError::Expired.into()
    );
}

#[tokio::test]
async fn hs256_is_refused_unless_its_key_is_configured() {
    // {"alg":"HS256","typ":"JWT"} . {"userId":"t","exp":4102444800}, signed with "shared-key" by hand.
    let hs = SecretString::from(HS_TOKEN);
    let keys = |hmac_key| TokenKeys {
        rules: TokenRules {
            hmac_key,
            ..TokenRules::default()
        },
        ..TokenKeys::default()
    };
    let refused = TokenVerifier::new(keys(None), clock())
        .verify(&hs)
        .await
        .unwrap_err();
    assert_eq!(refused, TokenError::Algorithm.into());
    let wrong = TokenVerifier::new(keys(Some("other".into())), clock())
        .verify(&hs)
        .await
        .unwrap_err();
    assert_eq!(wrong, TokenError::Signature.into());
    let right = TokenVerifier::new(keys(Some("shared-key".into())), clock())
        .verify(&hs)
        .await
        .unwrap();
    assert_eq!(right.1.user_id, "t");
}

const HS_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOiJ0IiwiZXhwIjo0MTAyNDQ0ODAwfQ.NwIeaitIVVfuF4reE-LrtErt3FXcNp-qKcXF8fumoEM";

#[tokio::test]
async fn own_keys_can_be_replaced() {
    let clock = clock();
    let keys = TokenKeys {
        given: vec![(Issuer::Inventory, KEY.public().clone())],
        ..TokenKeys::default()
    };
    let verifier = TokenVerifier::new(keys, clock.clone());
    let token = token(&KEY, &clock, "1");
    assert!(verifier.verify(&token).await.is_ok());
    let both = vec![OTHER_KEY.public().clone(), KEY.public().clone()];
    verifier.set_given(Issuer::Inventory, both);
    assert!(verifier.verify(&token).await.is_ok());
    // Those of others stay as they are.
    verifier.set_given(Issuer::AuthServer, Vec::new());
    assert!(verifier.verify(&token).await.is_ok());
    verifier.set_given(Issuer::Inventory, vec![OTHER_KEY.public().clone()]);
    assert_eq!(
        verifier.verify(&token).await.unwrap_err(),
        TokenError::Signature.into()
    );
}
