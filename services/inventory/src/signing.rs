//! The access tokens that this service makes, and the keys by which they are known.
//!
//! A JWT (RFC 7519) signed RS256 with the claims of the platform's user management, so that every service and every LCM
//! controller reads it alike. Which keys are in use is in the database: each process says again and again which it signs with
//! and which comes next, and accepts and publishes what any of them said. So a key is known before it signs, and counts after it
//! was replaced for as long as its tokens may live.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mecm_common::auth::jwt::{NewToken, mint};
use mecm_common::auth::rsa::{PublicKey, SigningKey, TokenKey};
use mecm_common::auth::{Authenticator, Issuer, Role, Roles};
use mecm_common::clock::Clock;
use mecm_common::db::{Db, DbError};
use mecm_common::models::ids::TenantId;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::token_keys;

/// A key counts so long after it was last said to be in use: an hour, which is the longest life of a token made here, and
/// another for a process that cannot say so for a while.
const COUNTS_AFTER: TimeDelta = TimeDelta::hours(2);
/// How often each process says which key it signs with, and asks what others said.
const EVERY: Duration = Duration::from_secs(30);

/// The key that signs now, and all that count. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Signing {
    key: Arc<SigningKey>,
    /// The one that signs next, where that is known.
    next: Option<PublicKey>,
    db: Db,
    /// Beside the own one.
    others: Arc<RwLock<Vec<PublicKey>>>,
}

impl Signing {
    /// Has `auth` accept the tokens of all keys that are in use, and goes on doing so until `stop`.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) async fn begin(
        key: SigningKey,
        next: Option<PublicKey>,
        db: &Db,
        auth: &Authenticator,
        clock: &Clock,
        stop: &CancellationToken,
    ) -> Result<Self, DbError> {
        let signing = Self {
            key: Arc::new(key),
            next,
            db: db.clone(),
            others: Arc::default(),
        };
        signing.agree(auth, clock.now()).await?;
        let (own, auth, clock, stop) = (signing.clone(), auth.clone(), clock.clone(), stop.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(EVERY) => {}
                }
                if let Err(error) = own.agree(&auth, clock.now()).await {
                    tracing::warn!(%error, "which keys of access tokens are in use could not be asked; the known ones stay");
                }
            }
        });
        Ok(signing)
    }

    /// Says which keys this process uses, and takes over what all of them said.
    pub(crate) async fn agree(&self, auth: &Authenticator, now: DateTime<Utc>) -> Result<(), DbError> {
        let own = self.key.public();
        let mut tx = self.db.begin_write().await?;
        for key in std::iter::once(own).chain(&self.next) {
            token_keys::in_use(&mut tx, &key.to_pem(), now).await?;
        }
        token_keys::forget(&mut tx, now - COUNTS_AFTER).await?;
        tx.commit().await?;
        let pems = token_keys::used_after(&mut self.db.read().await?, now - COUNTS_AFTER).await?;
        let others: Vec<PublicKey> = pems
            .iter()
            .filter_map(|pem| PublicKey::from_pem(pem).ok())
            .filter(|key| key != own)
            .collect();
        let all = std::iter::once(own.clone()).chain(others.iter().cloned());
        auth.set_token_keys(Issuer::Inventory, all.collect());
        *self.others.write().unwrap_or_else(PoisonError::into_inner) = others;
        Ok(())
    }

    /// What the other services verify tokens with.
    pub(crate) fn published(&self) -> TokenKey {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        TokenKey::of(self.key.public(), &others)
    }

    /// Makes a token. It has no `iat` and no `nbf`: v1.0's controllers compare those without leeway.
    pub(crate) fn token(
        &self,
        tenant: TenantId,
        user_name: &str,
        roles: Roles,
        expires: DateTime<Utc>,
    ) -> SecretString {
        let authorities: Vec<&str> = roles.iter().map(Role::as_str).collect();
        let claims = NewToken {
            user_id: &tenant.to_string(),
            user_name,
            authorities: &authorities,
            expires,
            jti: &Uuid::new_v4().to_string(),
        };
        mint(&self.key, &claims)
    }
}
