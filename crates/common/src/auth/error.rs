//! Why a request was not let in: what the caller is told, and what only the log is told.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;

use super::jwt::TokenError;
use super::signature::{DATE_FORMAT, Refusal};
use crate::db::DbError;
use crate::service::ApiError;

/// A refused log-in. `Display` is for the log; [`AuthError::message`] is what the caller reads, and never says which part
/// was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Neither token nor signature.
    #[error("no access token and no signature")]
    Missing,
    /// A token that is no JWT in form. Not a 401: EdgeGallery's portal sends `access_token: [object Object]` on its first
    /// call and throws its user out at a 401.
    #[error("the access token is no JWT in form")]
    MalformedToken,
    /// Any other token that is not accepted.
    #[error("access token refused: {0}")]
    InvalidToken(TokenError),
    /// The path's tenant is not the caller's.
    #[error("the path's tenant is not the caller's")]
    IllegalTenant,
    /// The role is too low.
    #[error("the caller's roles do not allow this")]
    Forbidden,
    /// The path's tenant is no tenant id, and the caller may be in any.
    #[error("the path's tenant is not a tenant id")]
    MalformedTenant,
    /// A signature that is not accepted, whatever the reason.
    #[error("signature refused: {0}")]
    InvalidSignature(SignatureReason),
    /// The date of a signed request is too far from ours.
    #[error("signature refused: the request's date is more than 15 minutes from ours")]
    Skewed {
        /// Our time.
        now: DateTime<Utc>,
    },
    /// Too many failures of this key from this source.
    #[error("the key is locked for this source")]
    Locked,
    /// Whom we had to ask is down or answers badly.
    #[error("{0}")]
    PeerDown(String),
    /// Whom we had to ask is too slow.
    #[error("{0}")]
    PeerSlow(String),
    /// The database that must be asked does not answer as it should.
    #[error("whether the signature may be accepted is not known")]
    Database(#[from] DatabaseFault),
}

/// A fault of the database, told to all whose question was in the same statement.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseFault(pub Arc<DbError>);

impl PartialEq for DatabaseFault {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for DatabaseFault {}

impl From<Arc<DbError>> for AuthError {
    fn from(error: Arc<DbError>) -> Self {
        Self::Database(DatabaseFault(error))
    }
}

impl From<DbError> for AuthError {
    fn from(error: DbError) -> Self {
        Arc::new(error).into()
    }
}

/// Why a signature was refused, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureReason {
    /// The request is not signed as it should be, or the signature does not fit.
    #[error("{0}")]
    Refused(Refusal),
    /// There is no such key.
    #[error("the access key is not known")]
    UnknownKey,
    /// The key is switched off.
    #[error("the key is disabled")]
    Disabled,
    /// The key has ended.
    #[error("the key has expired")]
    Expired,
    /// The key may not be used from there.
    #[error("the source is not among the key's allowed sources")]
    Source,
    /// Inventory refused it, and its log says why.
    #[error("Inventory refused it; its log says why")]
    AtInventory,
    /// The same signature was accepted before.
    #[error("the request was sent before")]
    Replay,
    /// Its date is near enough for the service that asks, and too old here.
    #[error("the request's date is more than 15 minutes ago here; do the services' clocks agree?")]
    Old,
    /// `UNSIGNED-PAYLOAD` where it is not accepted.
    #[error("the signature does not cover the body")]
    UnsignedPayload,
    /// Neither a hash header nor a body small enough to hash before the handler runs.
    #[error("the body is too large to be hashed and no x-sdk-content-sha256 is signed")]
    UnhashedBody,
    /// A signature is the only way in here.
    #[error("the request is not signed")]
    NotSigned,
}

impl AuthError {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing
            | Self::InvalidToken(_)
            | Self::IllegalTenant
            | Self::InvalidSignature(_)
            | Self::Skewed { .. } => StatusCode::UNAUTHORIZED,
            Self::MalformedToken | Self::MalformedTenant => StatusCode::BAD_REQUEST,
            Self::Forbidden | Self::Locked => StatusCode::FORBIDDEN,
            Self::PeerDown(_) => StatusCode::BAD_GATEWAY,
            Self::PeerSlow(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the caller reads.
    pub fn message(&self) -> &str {
        match self {
            Self::Missing => "Access token is empty",
            Self::MalformedToken => "malformed access token",
            Self::InvalidToken(_) => "Invalid access token",
            Self::IllegalTenant => "Illegal tenant ID",
            Self::Forbidden => "Forbidden",
            Self::MalformedTenant => "input validation failed",
            Self::InvalidSignature(_) => "Invalid access or signature.",
            Self::Skewed { .. } => "request time too skewed",
            Self::Locked => "Access is locked.",
            Self::PeerDown(what) | Self::PeerSlow(what) => what,
            Self::Database(_) => "Service Unavailable",
        }
    }

    /// The details beside the message.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Forbidden => vec!["User is not authorized to perform this operation".to_owned()],
            Self::MalformedTenant => vec![
                "URL parameter validation failed".to_owned(),
                "tenant_id".to_owned(),
            ],
            Self::Skewed { now } => {
                vec![
                    self.message().to_owned(),
                    format!("server time: {}", now.format(DATE_FORMAT)),
                ]
            }
            _ => vec![self.message().to_owned()],
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "no_credentials",
            Self::MalformedToken => "malformed_token",
            Self::InvalidToken(_) => "invalid_token",
            Self::IllegalTenant => "illegal_tenant",
            Self::Forbidden => "forbidden",
            Self::MalformedTenant => "invalid_input",
            Self::InvalidSignature(_) => "invalid_signature",
            Self::Skewed { .. } => "time_skewed",
            Self::Locked => "key_locked",
            Self::PeerDown(_) => "bad_gateway",
            Self::PeerSlow(_) => "gateway_timeout",
            Self::Database(_) => "unavailable",
        }
    }
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Malformed => Self::MalformedToken,
            other => Self::InvalidToken(other),
        }
    }
}

impl From<SignatureReason> for AuthError {
    fn from(reason: SignatureReason) -> Self {
        Self::InvalidSignature(reason)
    }
}

impl AuthError {
    /// A refusal of the pure signature rules.
    pub fn refused(refusal: Refusal, now: DateTime<Utc>) -> Self {
        match refusal {
            Refusal::Skewed => Self::Skewed { now },
            other => Self::InvalidSignature(SignatureReason::Refused(other)),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        if let AuthError::Database(DatabaseFault(fault)) = error {
            return Self::from(fault);
        }
        Self::new(error.status(), error.code(), error.message())
            .details(error.details())
            .cause(error)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    #[test]
    fn every_refusal_reads_as_the_interface_has_it() {
        let now = Utc.with_ymd_and_hms(2026, 11, 23, 6, 41, 0).unwrap();
        let token = |error| AuthError::from(error);
        let signature = |reason| AuthError::from(reason);
        for (error, status, message, details) in [
            (
                AuthError::Missing,
                401,
                "Access token is empty",
                vec!["Access token is empty"],
            ),
            (
                token(TokenError::Malformed),
                400,
                "malformed access token",
                vec!["malformed access token"],
            ),
            (
                token(TokenError::Expired),
                401,
                "Invalid access token",
                vec!["Invalid access token"],
            ),
            (
                token(TokenError::Signature),
                401,
                "Invalid access token",
                vec!["Invalid access token"],
            ),
            (
                token(TokenError::NoUser),
                401,
                "Invalid access token",
                vec!["Invalid access token"],
            ),
            (
                AuthError::IllegalTenant,
                401,
                "Illegal tenant ID",
                vec!["Illegal tenant ID"],
            ),
            (
                AuthError::Forbidden,
                403,
                "Forbidden",
                vec!["User is not authorized to perform this operation"],
            ),
            (
                AuthError::MalformedTenant,
                400,
                "input validation failed",
                vec!["URL parameter validation failed", "tenant_id"],
            ),
            (
                signature(SignatureReason::UnknownKey),
                401,
                "Invalid access or signature.",
                vec!["Invalid access or signature."],
            ),
            (
                AuthError::refused(Refusal::Mismatch, now),
                401,
                "Invalid access or signature.",
                vec!["Invalid access or signature."],
            ),
            (
                AuthError::refused(Refusal::Skewed, now),
                401,
                "request time too skewed",
                vec!["request time too skewed", "server time: 20261123T064100Z"],
            ),
            (
                AuthError::Locked,
                403,
                "Access is locked.",
                vec!["Access is locked."],
            ),
            (AuthError::PeerDown("x".into()), 502, "x", vec!["x"]),
            (AuthError::PeerSlow("x".into()), 504, "x", vec!["x"]),
        ] {
            let reason = error.to_string();
            let api = ApiError::from(error);
            assert_eq!(
                (api.status.as_u16(), api.message.as_str()),
                (status, message),
                "{reason}"
            );
            assert_eq!(api.details, details, "{reason}");
            assert_eq!(
                api.cause.unwrap().to_string(),
                reason,
                "the log is told the reason"
            );
        }
    }
}
