//! The keys that access tokens are verified with: given ones, and ones fetched from the auth server and from Inventory.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::error::AuthError;
use super::jwt::{Algorithm, Claims, TokenError, TokenRules, Unverified};
use super::principal::Issuer;
use super::rsa::PublicKey;
use crate::clock::Clock;

/// Fetches a peer's public keys. The error is one sentence: which peer and what happened.
pub type KeySource = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<PublicKey>, String>> + Send + Sync>;

/// Keys that were fetched are not fetched again sooner than this when a signature fails (EdgeGallery's user management
/// makes a new pair at each start when none is configured).
const REFETCH_AFTER: TimeDelta = TimeDelta::seconds(60);
/// Keys that could never be fetched are asked for again after this.
const RETRY_AFTER: TimeDelta = TimeDelta::seconds(1);
/// Verified tokens remembered at most.
const REMEMBERED: u64 = 10_000;
/// And no longer than this, whatever their `exp`.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

/// Whose tokens are accepted. A list of keys is never empty of meaning: without any, no token is.
#[derive(Clone, Default)]
pub struct TokenKeys {
    /// Keys known from configuration, or this service's own.
    pub given: Vec<(Issuer, PublicKey)>,
    /// Keys to be fetched.
    pub fetched: Vec<(Issuer, KeySource)>,
    /// What is accepted beyond the usual.
    pub rules: TokenRules,
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TokenKeys({} given, {} fetched)",
            self.given.len(),
            self.fetched.len()
        )
    }
}

/// Verifies access tokens. The signature of one token is verified once and its result remembered.
pub(super) struct TokenVerifier {
    given: RwLock<Vec<(Issuer, PublicKey)>>,
    fetched: Vec<Fetched>,
    rules: TokenRules,
    clock: Clock,
    verified: Cache<[u8; 32], Arc<(Issuer, Claims)>>,
}

/// One source and what it gave last.
struct Fetched {
    issuer: Issuer,
    source: KeySource,
    keys: RwLock<Option<Vec<PublicKey>>>,
    /// When it was asked last; held while it is being asked, so that one request asks and the others wait for it.
    asked: tokio::sync::Mutex<Option<DateTime<Utc>>>,
}

impl TokenVerifier {
    pub(super) fn new(keys: TokenKeys, clock: Clock) -> Self {
        let fetched = keys.fetched.into_iter().map(|(issuer, source)| Fetched {
            issuer,
            source,
            keys: RwLock::new(None),
            asked: tokio::sync::Mutex::new(None),
        });
        Self {
            given: RwLock::new(keys.given),
            fetched: fetched.collect(),
            rules: keys.rules,
            clock,
            verified: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBERED_FOR)
                .build(),
        }
    }

    /// Replaces the given keys, for a service whose own keys rotate.
    pub(super) fn replace_given(&self, keys: Vec<(Issuer, PublicKey)>) {
        *self
            .given
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = keys;
        self.verified.invalidate_all();
    }

    /// Adds given keys, each once.
    pub(super) fn add_given(&self, issuer: Issuer, keys: &[PublicKey]) {
        let mut given = self
            .given
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for key in keys {
            if !given.iter().any(|(_, known)| known == key) {
                given.push((issuer, key.clone()));
            }
        }
    }

    /// Takes a given key away, and what it verified.
    pub(super) fn remove_given(&self, key: &PublicKey) {
        self.given
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .retain(|(_, known)| known != key);
        self.verified.invalidate_all();
    }

    /// The token's claims and whose it is.
    pub(super) async fn verify(&self, token: &SecretString) -> Result<Arc<(Issuer, Claims)>, AuthError> {
        let token = token.expose_secret();
        let name: [u8; 32] = Sha256::digest(token).into();
        let known = match self.verified.get(&name) {
            Some(known) => known,
            None => {
                let parts = Unverified::parse(token)?;
                let issuer = self.issuer(&parts).await?;
                let known = Arc::new((issuer, parts.claims()?));
                known.1.check_times(&self.rules, self.clock.now())?;
                self.verified.insert(name, Arc::clone(&known));
                known
            }
        };
        known.1.check_times(&self.rules, self.clock.now())?;
        Ok(known)
    }

    async fn issuer(&self, token: &Unverified<'_>) -> Result<Issuer, AuthError> {
        if token.algorithm()? == Algorithm::Hs256 {
            let key = self.rules.hmac_key.as_ref().ok_or(TokenError::Algorithm)?;
            let fits = token.is_authenticated_by(key);
            return if fits {
                Ok(Issuer::AuthServer)
            } else {
                Err(TokenError::Signature.into())
            };
        }
        if let Some(issuer) = self.signer(token) {
            return Ok(issuer);
        }
        let mut unknown = None;
        for source in &self.fetched {
            match source.refresh(self.clock.now()).await {
                Ok(changed) => {
                    if changed {
                        // A key that is gone must not live on in what it verified.
                        self.verified.invalidate_all();
                    }
                }
                Err(why) => unknown = Some(why),
            }
        }
        match (self.signer(token), unknown) {
            (Some(issuer), _) => Ok(issuer),
            (None, Some(why)) => Err(AuthError::PeerDown(why)),
            (None, None) => Err(TokenError::Signature.into()),
        }
    }

    fn signer(&self, token: &Unverified<'_>) -> Option<Issuer> {
        let given = self
            .given
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let fetched = self.fetched.iter().flat_map(|source| {
            let keys = source
                .keys
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            keys.clone()
                .unwrap_or_default()
                .into_iter()
                .map(|key| (source.issuer, key))
        });
        given
            .into_iter()
            .chain(fetched)
            .find(|(_, key)| token.is_signed_by(key))
            .map(|(issuer, _)| issuer)
    }
}

impl Fetched {
    /// Asks the source, unless it was asked a moment ago. `true` when its keys are other ones now.
    ///
    /// The error says why it could not be asked, and comes only while it never could be: then nobody knows whether a
    /// token is good, and "invalid" would log its owner out.
    async fn refresh(&self, now: DateTime<Utc>) -> Result<bool, String> {
        let mut asked = self.asked.lock().await;
        let known = self
            .keys
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .is_some();
        let pause = if known { REFETCH_AFTER } else { RETRY_AFTER };
        if asked.is_some_and(|last| now - last < pause) {
            return if known {
                Ok(false)
            } else {
                Err("the key of access tokens could not be fetched yet".to_owned())
            };
        }
        let answer = (self.source)().await;
        *asked = Some(now);
        match answer {
            Ok(keys) => {
                let mut held = self
                    .keys
                    .write()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                let changed = held.as_ref() != Some(&keys);
                *held = Some(keys);
                Ok(changed)
            }
            Err(why) if known => {
                tracing::warn!(
                    why,
                    "the key of access tokens could not be fetched again; the known one stays"
                );
                Ok(false)
            }
            Err(why) => {
                tracing::warn!(why, "the key of access tokens could not be fetched");
                Err(why)
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        answer: Arc<RwLock<Result<Vec<PublicKey>, String>>>,
        asked: Arc<AtomicUsize>,
    }

    impl Peer {
        fn new(answer: Result<Vec<PublicKey>, String>) -> Self {
            Self {
                answer: Arc::new(RwLock::new(answer)),
                asked: Arc::default(),
            }
        }

        fn says(&self, answer: Result<Vec<PublicKey>, String>) {
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
    async fn a_key_that_is_added_counts_until_it_is_taken_away() {
        let clock = clock();
        let verifier = TokenVerifier::new(TokenKeys::default(), clock.clone());
        let token = token(&KEY, &clock, "1");
        assert!(verifier.verify(&token).await.is_err());
        verifier.add_given(
            Issuer::Inventory,
            &[KEY.public().clone(), OTHER_KEY.public().clone()],
        );
        assert_eq!(verifier.verify(&token).await.unwrap().0, Issuer::Inventory);
        verifier.remove_given(OTHER_KEY.public());
        assert!(verifier.verify(&token).await.is_ok());
        verifier.remove_given(KEY.public());
        assert_eq!(
            verifier.verify(&token).await.unwrap_err(),
            TokenError::Signature.into()
        );
    }

    #[tokio::test]
    async fn a_peer_that_never_answered_is_a_502_and_one_that_did_is_not() {
        let clock = clock();
        let peer = Peer::new(Err("the auth server is down".into()));
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
        peer.says(Ok(vec![KEY.public().clone()]));
        clock.advance(Duration::from_secs(1));
        assert!(verifier.verify(&token(&KEY, &clock, "1")).await.is_ok());
        peer.says(Err("down again".into()));
        clock.advance(Duration::from_secs(60));
        let refused = verifier
            .verify(&token(&OTHER_KEY, &clock, "1"))
            .await
            .unwrap_err();
        assert_eq!(refused, TokenError::Signature.into());
        assert!(verifier.verify(&token(&KEY, &clock, "2")).await.is_ok());
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
        verifier.replace_given(vec![(Issuer::Inventory, OTHER_KEY.public().clone())]);
        assert_eq!(
            verifier.verify(&token).await.unwrap_err(),
            TokenError::Signature.into()
        );
    }
}
