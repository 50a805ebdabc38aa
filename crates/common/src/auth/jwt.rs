//! Access tokens (JWT, RFC 7519): reading, verifying, minting.
//!
//! The header is read by hand: EdgeGallery's script for test tokens puts numbers into `kid`'s company (`iat`, `exp`) and
//! JWT libraries refuse such headers; here its members other than `alg` and `typ` are ignored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use super::rsa::{PublicKey, SigningKey};

/// How far `exp` may lie behind us and `nbf` ahead.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// Longer tokens are not read.
const MAX_CHARS: usize = 16 * 1024;
/// How the `jti` of a token begins that was made by whoever holds Inventory's key, and neither from an access key nor for a
/// service: those may not manage access keys.
pub const BY_OPERATOR: &str = "operator.";
/// What every token of the platform begins with: exactly the header of EdgeGallery's user management.
const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;

/// Why a token is not accepted. The reasons are for the log: the caller is told [`TokenError::Malformed`] or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64url joined by dots.
    #[error("not a JWT in form")]
    Malformed,
    /// The header is no JSON object with `alg`, or its `typ` is not `JWT`, or it names critical extensions.
    #[error("the token's header cannot be used")]
    Header,
    /// `none`, a symmetric algorithm without a configured key, or anything but RS256.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// Signed with none of the known keys.
    #[error("the token's signature fits none of the known keys")]
    Signature,
    /// The claims are no JSON object, or one has the wrong type.
    #[error("the token's claims cannot be read")]
    Claims,
    /// A refresh token (it carries `ati`).
    #[error("a refresh token is no access token")]
    Refresh,
    /// No `userId`.
    #[error("the token has no userId")]
    NoUser,
    /// No `exp`, and such tokens are not accepted.
    #[error("the token has no exp")]
    NoExpiry,
    /// `exp` is more than 60 s ago.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is more than 60 s ahead.
    #[error("the token is not valid yet")]
    NotYet,
}

/// What is accepted beyond the usual.
#[derive(Clone, Debug, Default)]
pub struct TokenRules {
    /// Accepts HS256 tokens of this key too. Only by explicit configuration.
    pub hmac_key: Option<SecretString>,
    /// Accepts tokens that never expire (EdgeGallery's script makes such).
    pub allow_without_exp: bool,
}

/// A token taken apart, not verified.
#[derive(Clone, Copy, Debug)]
pub struct Unverified<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    signed: &'a str,
}

/// How a token says it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// HMAC with SHA-256.
    Hs256,
}

#[derive(Deserialize)]
struct Header {
    alg: Value,
    #[serde(default)]
    typ: Option<Value>,
    #[serde(default)]
    crit: Option<Value>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] when it is not three dot-separated parts of base64url. The signature may be empty, as
    /// that of unsigned tokens is: those are refused later, for their algorithm.
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_CHARS {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let in_form = |part: &str| URL_SAFE_NO_PAD.decode(part).is_ok();
        if header.is_empty() || claims.is_empty() || ![header, claims, signature].into_iter().all(in_form) {
            return Err(TokenError::Malformed);
        }
        Ok(Self {
            header,
            claims,
            signature,
            signed,
        })
    }

    /// The algorithm that the header names, if it is one of the two that can ever be accepted.
    ///
    /// # Errors
    /// [`TokenError::Header`], [`TokenError::Algorithm`].
    pub fn algorithm(&self) -> Result<Algorithm, TokenError> {
        let header: Header = object(&decode(self.header)?).ok_or(TokenError::Header)?;
        let is_jwt = match &header.typ {
            None | Some(Value::Null) => true,
            Some(Value::String(typ)) => typ.eq_ignore_ascii_case("JWT"),
            Some(_) => false,
        };
        if !is_jwt || header.crit.is_some() {
            return Err(TokenError::Header);
        }
        match header.alg.as_str() {
            Some("RS256") => Ok(Algorithm::Rs256),
            Some("HS256") => Ok(Algorithm::Hs256),
            _ => Err(TokenError::Algorithm),
        }
    }

    /// Whether the RS256 signature is of this key.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        decode(self.signature).is_ok_and(|signature| key.verifies(self.signed.as_bytes(), &signature))
    }

    /// Whether the HS256 signature is of this key. In constant time.
    pub fn is_authenticated_by(&self, key: &SecretString) -> bool {
        let Ok(signature) = decode(self.signature) else {
            return false;
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(self.signed.as_bytes());
        mac.verify_slice(&signature).is_ok()
    }

    /// The claims. Only of use when the signature was verified.
    ///
    /// # Errors
    /// [`TokenError::Claims`], [`TokenError::Refresh`], [`TokenError::NoUser`].
    pub fn claims(&self) -> Result<Claims, TokenError> {
        let claims: WireClaims = object(&decode(self.claims)?).ok_or(TokenError::Claims)?;
        claims.checked()
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

/// Reads a JSON object. Of an array serde would make a struct too.
fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[derive(Deserialize)]
struct WireClaims {
    #[serde(rename = "userId", default)]
    user_id: Value,
    #[serde(default)]
    user_name: Value,
    #[serde(rename = "userName", default)]
    user_name_again: Value,
    #[serde(default)]
    authorities: Value,
    #[serde(default)]
    exp: Option<Value>,
    #[serde(default)]
    nbf: Option<Value>,
    #[serde(default)]
    ati: Value,
    #[serde(default)]
    jti: Value,
}

/// What a token says of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `userId`: the tenant, as text; a token's may be anything.
    pub user_id: String,
    /// `user_name`, else `userName`, else the `userId`.
    pub user_name: String,
    /// `authorities`, a list or one comma-separated text.
    pub authorities: Vec<String>,
    /// `exp`; `None` never expires.
    pub expires: Option<DateTime<Utc>>,
    /// `nbf`.
    pub not_before: Option<DateTime<Utc>>,
    /// Whether its `jti` says that an operator made it ([`BY_OPERATOR`]). Means something with Inventory's key alone.
    pub by_operator: bool,
}

impl WireClaims {
    fn checked(self) -> Result<Claims, TokenError> {
        if !self.ati.is_null() {
            return Err(TokenError::Refresh);
        }
        let user_id = text(self.user_id).ok_or(TokenError::NoUser)?;
        let user_name = text(self.user_name).or_else(|| text(self.user_name_again));
        let authorities = match self.authorities {
            Value::Array(roles) => roles.into_iter().filter_map(text).collect(),
            Value::String(roles) => roles.split(',').map(|role| role.trim().to_owned()).collect(),
            _ => Vec::new(),
        };
        Ok(Claims {
            user_name: user_name.unwrap_or_else(|| user_id.clone()),
            user_id,
            authorities,
            expires: time(self.exp)?,
            not_before: time(self.nbf)?,
            by_operator: text(self.jti).is_some_and(|id| id.starts_with(BY_OPERATOR)),
        })
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Whole seconds since 1970. Numbers too great for a date are as good as for ever.
fn time(value: Option<Value>) -> Result<Option<DateTime<Utc>>, TokenError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let seconds = value.as_i64().ok_or(TokenError::Claims)?;
            Ok(Some(DateTime::from_timestamp(seconds, 0).unwrap_or(
                if seconds > 0 {
                    DateTime::<Utc>::MAX_UTC
                } else {
                    DateTime::<Utc>::MIN_UTC
                },
            )))
        }
    }
}

impl Claims {
    /// Checks the times, with [`LEEWAY`].
    ///
    /// # Errors
    /// [`TokenError::NoExpiry`], [`TokenError::Expired`], [`TokenError::NotYet`].
    pub fn check_times(&self, rules: &TokenRules, now: DateTime<Utc>) -> Result<(), TokenError> {
        match self.expires {
            None if !rules.allow_without_exp => return Err(TokenError::NoExpiry),
            Some(expires) if now - LEEWAY >= expires => return Err(TokenError::Expired),
            _ => {}
        }
        match self.not_before {
            Some(start) if now + LEEWAY < start => Err(TokenError::NotYet),
            _ => Ok(()),
        }
    }
}

/// The claims of a token that Inventory makes. No `iat` and no `nbf`: v1.0 controllers compare them without leeway.
#[derive(Clone, Debug, Serialize)]
pub struct NewToken<'a> {
    /// The tenant.
    #[serde(rename = "userId")]
    pub user_id: &'a str,
    /// Who: a key's name, or the name of the user for whom a service acts.
    pub user_name: &'a str,
    /// Roles, `ROLE_MECM_TENANT` and the like.
    pub authorities: &'a [&'a str],
    /// When it ends.
    #[serde(rename = "exp", with = "chrono::serde::ts_seconds")]
    pub expires: DateTime<Utc>,
    /// A name of its own.
    pub jti: &'a str,
}

/// Makes a token: RS256, header exactly `{"alg":"RS256","typ":"JWT"}`.
pub fn mint(key: &SigningKey, claims: &NewToken<'_>) -> SecretString {
    let payload = serde_json::to_vec(claims).expect("texts and a number are JSON");
    let mut token = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(HEADER),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    SecretString::from(token)
}

#[cfg(test)]
mod tests;
