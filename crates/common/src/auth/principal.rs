//! Who makes a request.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::roles::{Role, Roles};
use super::signature::AccessKey;
use crate::models::ids::TenantId;

/// The caller of a request, for the handlers.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The tenant in which the request acts: the path's, once [`super::layer::Door`] has checked it. `None` on routes
    /// that name no tenant.
    pub tenant: Option<TenantId>,
    /// The caller's own tenant, as its token or key has it; `None` for a service.
    pub home: Option<String>,
    /// What it may do.
    pub roles: Roles,
    /// Its name: the token's `user_name`, or the key's.
    pub subject: String,
    /// How it showed who it is.
    pub how: How,
    /// Where the request came from: the peer, or what trusted proxies say.
    pub source: Option<IpAddr>,
}

/// How a caller showed who it is.
#[derive(Clone, Debug)]
pub enum How {
    /// By an access token.
    Token {
        /// The token itself, to be passed on to peers that want one. Never logged.
        raw: SecretString,
        /// When it ends.
        expires: Option<DateTime<Utc>>,
        /// Whose signature it carries.
        issuer: Issuer,
        /// Whether an operator made it with the key itself (`mecm token`).
        by_operator: bool,
    },
    /// By a signature.
    Signed {
        /// Of this key.
        access_key: AccessKey,
        /// When the key ends; `None`: not by itself.
        expires: Option<DateTime<Utc>>,
    },
}

/// Whose key a token is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// The platform's user management: a person logged in.
    AuthServer,
    /// Inventory's own key: a token made from an AK/SK, or for a service.
    Inventory,
}

impl Principal {
    /// Whether this is one of the suite's own services.
    pub fn is_service(&self) -> bool {
        self.roles.has(Role::Service)
    }

    /// Whether it may manage its tenant's access keys: by an access token of role TENANT or ADMIN that was not made from a
    /// key itself, nor for a service.
    pub fn may_manage_keys(&self) -> bool {
        let by_token = match &self.how {
            How::Token {
                issuer, by_operator, ..
            } => *issuer == Issuer::AuthServer || *by_operator,
            How::Signed { .. } => false,
        };
        by_token && (self.roles.has(Role::Tenant) || self.roles.has(Role::Admin))
    }

    /// The caller's token and its end, when it came with one.
    pub fn token(&self) -> Option<(&SecretString, Option<DateTime<Utc>>)> {
        match &self.how {
            How::Token { raw, expires, .. } => Some((raw, *expires)),
            How::Signed { .. } => None,
        }
    }
}
