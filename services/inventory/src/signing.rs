//! The access tokens that this service makes, and the keys by which they are known.
//!
//! A JWT (RFC 7519) signed RS256 with the claims of the platform's user management, so that every service and every LCM
//! controller reads it alike. When the key was replaced, the one before is told beside it for as long as its tokens may
//! live: which keys there were is in the database, so that it holds over restarts.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use mecm_common::auth::jwt::{NewToken, mint};
use mecm_common::auth::rsa::{PublicKey, SigningKey, TokenKey};
use mecm_common::auth::{Authenticator, Issuer, Role, Roles};
use mecm_common::db::{Db, DbError};
use mecm_common::models::ids::TenantId;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::token_keys;

/// A key that was replaced counts so long: an hour, which is the longest life of a token, and another for processes that
/// still sign with it until they are started anew.
const PREVIOUS_COUNTS: TimeDelta = TimeDelta::hours(2);

/// The key that signs now, and those that did. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Signing {
    key: Arc<SigningKey>,
    /// With the time until which each counts.
    previous: Arc<[(PublicKey, DateTime<Utc>)]>,
}

impl Signing {
    /// Takes note of the key, and has `auth` accept its tokens and those of the keys before it while they may live.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) async fn begin(
        key: SigningKey,
        db: &Db,
        auth: &Authenticator,
        now: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> Result<Self, DbError> {
        let mut tx = db.begin_write().await?;
        token_keys::use_from(&mut tx, &key.public().to_pem(), now).await?;
        let mut previous = Vec::new();
        for (pem, retired) in token_keys::retired(&mut tx).await? {
            let until = retired + PREVIOUS_COUNTS;
            match PublicKey::from_pem(&pem) {
                Ok(key) if until > now => previous.push((key, until)),
                _ => token_keys::forget(&mut tx, &pem).await?,
            }
        }
        tx.commit().await?;
        auth.accept_token_keys(Issuer::Inventory, &[key.public().clone()]);
        for (key, until) in &previous {
            auth.accept_token_keys(Issuer::Inventory, std::slice::from_ref(key));
            let (auth, key, stop) = (auth.clone(), key.clone(), stop.clone());
            let left = (*until - now).to_std().unwrap_or_default();
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(left) => auth.refuse_token_key(&key),
                }
            });
        }
        Ok(Self {
            key: Arc::new(key),
            previous: previous.into(),
        })
    }

    /// What the other services verify tokens with.
    pub(crate) fn published(&self, now: DateTime<Utc>) -> TokenKey {
        let previous: Vec<PublicKey> = self
            .previous
            .iter()
            .filter(|(_, until)| *until > now)
            .map(|(key, _)| key.clone())
            .collect();
        TokenKey::of(self.key.public(), &previous)
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
