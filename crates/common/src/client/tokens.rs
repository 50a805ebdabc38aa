//! Which token goes along to an edge: the caller's while it can serve there, else one that Inventory makes.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::context::CallContext;
use super::service::{PeerError, ServicePeer};
use crate::auth::{Principal, Role};
use crate::clock::Clock;
use crate::models::ids::TenantId;

/// A token with less than this left is not sent along: the peer compares without leeway, and calls take time.
const SPARE: TimeDelta = TimeDelta::seconds(60);
/// Made tokens remembered at most.
const REMEMBERED: u64 = 10_000;

/// The caller's own token, kept for the calls made on its behalf. Does not print.
#[derive(Clone, Debug)]
pub struct OwnToken {
    /// The token.
    pub raw: SecretString,
    /// When it ends; `None`: never.
    pub expires: Option<DateTime<Utc>>,
    /// Whose it is: v1.0's controllers want the tenant of their path.
    pub tenant: Option<TenantId>,
    /// Whether it carries a role with which v1.0's controllers let read.
    pub reads: bool,
    /// Whether it carries the one with which they let write.
    pub writes: bool,
}

impl OwnToken {
    /// The token that a caller came with, if it came with one.
    pub fn of(principal: &Principal) -> Option<Self> {
        let (raw, expires) = principal.token()?;
        Some(Self {
            raw: raw.clone(),
            expires,
            tenant: principal.home.as_deref().and_then(|home| home.parse().ok()),
            reads: principal.roles.has(Role::Tenant) || principal.roles.has(Role::Guest),
            writes: principal.roles.has(Role::Tenant),
        })
    }

    /// Whether it can serve at an edge now, for a call in this tenant.
    pub fn can_serve(&self, now: DateTime<Utc>, tenant: TenantId, writes: bool) -> bool {
        self.tenant == Some(tenant)
            && if writes { self.writes } else { self.reads }
            && self.expires.is_none_or(|expires| expires - now > SPARE)
    }
}

/// Makes and remembers tokens for edges. Cheap to clone; clones share what is remembered.
#[derive(Clone, Debug)]
pub struct EdgeTokens {
    inventory: ServicePeer,
    clock: Clock,
    made: Cache<Wanted, Made>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    tenant: TenantId,
    user: String,
    role: Role,
}

#[derive(Clone, Debug)]
struct Made {
    token: SecretString,
    until: DateTime<Utc>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    tenant_id: TenantId,
    user_name: &'a str,
    roles: [&'a str; 1],
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: u32,
}

impl EdgeTokens {
    /// Tokens are asked of this Inventory.
    pub fn new(inventory: ServicePeer, clock: Clock) -> Self {
        let made = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(Duration::from_secs(600))
            .build();
        Self {
            inventory,
            clock,
            made,
        }
    }

    /// A token for a call to an edge: `own` while it can serve, else one made for the tenant and the user's name, with the
    /// least role that does: TENANT for writes, GUEST for reads.
    ///
    /// # Errors
    /// [`PeerError`] when Inventory does not make one.
    pub async fn for_edge(
        &self,
        context: &CallContext,
        tenant: TenantId,
        user: &str,
        own: Option<&OwnToken>,
        writes: bool,
    ) -> Result<SecretString, PeerError> {
        let now = self.clock.now();
        if let Some(own) = own.filter(|own| own.can_serve(now, tenant, writes)) {
            return Ok(own.raw.clone());
        }
        let role = if writes { Role::Tenant } else { Role::Guest };
        let wanted = Wanted {
            tenant,
            user: user.to_owned(),
            role,
        };
        if self.made.get(&wanted).await.is_some_and(|made| made.until <= now) {
            self.made.invalidate(&wanted).await;
        }
        // Boxed: one is made every few minutes, and each job would carry the room.
        let made = Box::pin(
            self.made
                .try_get_with(wanted, self.make(context, tenant, user, role)),
        )
        .await
        .map_err(|error: Arc<PeerError>| (*error).clone())?;
        Ok(made.token)
    }

    async fn make(
        &self,
        context: &CallContext,
        tenant: TenantId,
        user: &str,
        role: Role,
    ) -> Result<Made, PeerError> {
        let asked = Request {
            tenant_id: tenant,
            user_name: user,
            roles: [role.as_str()],
        };
        let asked_at = self.clock.now();
        let answer = self
            .inventory
            .send(context, Method::POST, "/inventory/v1/tokens", &asked)
            .await?;
        let answer: Answer = self.inventory.read(&answer)?;
        if answer.access_token.expose_secret().is_empty() {
            return Err(PeerError::Nonsense {
                peer: self.inventory.name(),
                why: "the token is empty".to_owned(),
            });
        }
        Ok(Made {
            token: answer.access_token,
            until: asked_at + TimeDelta::seconds(answer.expires_in.into()) - SPARE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_serves_in_its_own_tenant_for_what_its_roles_allow_while_it_lives() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let [home, other] = [1, 2].map(|number| TenantId(uuid::Uuid::from_u128(number)));
        let token = |reads, writes, minutes| OwnToken {
            raw: "a.b.c".into(),
            expires: Some(now + TimeDelta::minutes(minutes)),
            tenant: Some(home),
            reads,
            writes,
        };
        assert!(token(true, true, 5).can_serve(now, home, true));
        assert!(token(true, false, 5).can_serve(now, home, false));
        // A guest's write, an admin's only role, another tenant, an end that is near.
        assert!(!token(true, false, 5).can_serve(now, home, true));
        assert!(!token(false, false, 5).can_serve(now, home, false));
        assert!(!token(true, true, 5).can_serve(now, other, false));
        assert!(!token(true, true, 1).can_serve(now, home, true));
    }
}
