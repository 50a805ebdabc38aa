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

/// Fetches a peer's public keys. The error is [`AuthError::PeerDown`] or [`AuthError::PeerSlow`]: which peer and what happened.
pub type KeySource = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<PublicKey>, AuthError>> + Send + Sync>;

/// Keys that were fetched are not fetched again sooner than this when a signature fails (EdgeGallery's user management
/// makes a new pair at each start when none is configured).
const REFETCH_AFTER: TimeDelta = TimeDelta::seconds(60);
/// Keys that were fetched are fetched again after this, whether a signature fails or not.
const OLD_AFTER: TimeDelta = TimeDelta::minutes(5);
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

    /// Replaces the given keys of an issuer. What one verified that is gone now is forgotten.
    pub(super) fn set_given(&self, issuer: Issuer, keys: Vec<PublicKey>) {
        let mut given = self
            .given
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let gone = given
            .iter()
            .any(|(whose, key)| *whose == issuer && !keys.contains(key));
        given.retain(|(whose, _)| *whose != issuer);
        given.extend(keys.into_iter().map(|key| (issuer, key)));
        drop(given);
        if gone {
            self.verified.invalidate_all();
        }
    }

    /// The token's claims and whose it is.
    pub(super) async fn verify(&self, token: &SecretString) -> Result<Arc<(Issuer, Claims)>, AuthError> {
        self.look_again().await;
        let token = token.expose_secret();
        let name: [u8; 32] = Sha256::digest(token).into();
        let known = match self.verified.get(&name) {
            Some(known) => known,
            None => {
                let parts = Unverified::parse(token)?;
                metrics::counter!("mecm_token_signatures_checked_total").increment(1);
                // Apart, as in `look_again`: it is rare, and each request would carry its room.
                let issuer = Box::pin(self.issuer(&parts)).await?;
                let known = Arc::new((issuer, parts.claims()?));
                known.1.check_times(&self.rules, self.clock.now())?;
                self.verified.insert(name, Arc::clone(&known));
                known
            }
        };
        known.1.check_times(&self.rules, self.clock.now())?;
        Ok(known)
    }

    /// Fetches keys that were fetched long ago: one that its owner has withdrawn must not count for ever.
    async fn look_again(&self) {
        for source in &self.fetched {
            if source.is_old(self.clock.now()) && Box::pin(source.refresh(self.clock.now())).await == Ok(true)
            {
                self.verified.invalidate_all();
            }
        }
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
            (None, Some(why)) => Err(why),
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
    /// Whether it was asked long ago, and nobody asks it right now.
    fn is_old(&self, now: DateTime<Utc>) -> bool {
        self.asked
            .try_lock()
            .is_ok_and(|asked| asked.is_some_and(|last| now - last >= OLD_AFTER))
    }

    /// Asks the source, unless it was asked a moment ago. `true` when its keys are other ones now.
    ///
    /// The error says why it could not be asked, and comes only while it never could be: then nobody knows whether a
    /// token is good, and "invalid" would log its owner out.
    async fn refresh(&self, now: DateTime<Utc>) -> Result<bool, AuthError> {
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
                Err(AuthError::PeerDown(
                    "the key of access tokens could not be fetched yet".to_owned(),
                ))
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
                    %why,
                    "the key of access tokens could not be fetched again; the known one stays"
                );
                Ok(false)
            }
            Err(why) => {
                tracing::warn!(%why, "the key of access tokens could not be fetched");
                Err(why)
            }
        }
    }
}

#[cfg(test)]
mod tests;
