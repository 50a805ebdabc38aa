//! From a request's headers to a [`Principal`].

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, OriginalUri};
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderMap, Method};
use ipnet::IpNet;
use secrecy::SecretString;

use super::error::{AuthError, SignatureReason};
use super::guard::{Guard, Place};
use super::keys::ServiceKey;
use super::principal::{How, Issuer, Principal};
use super::roles::{Role, Roles};
use super::rsa::PublicKey;
use super::service_keys::ServiceKeys;
use super::signature::authorization::is_signature;
use super::signature::{self, AccessKey, Form, RequestParts, SignedRequest};
use super::token_keys::{TokenKeys, TokenVerifier};
use crate::clock::Clock;
use crate::models::ids::TenantId;
use crate::service::RequestInfo;

/// The header that carries an access token, as EdgeGallery's clients send it.
pub const ACCESS_TOKEN: &str = "access_token";

/// A signature by a key that is not one of the suite's services': for whoever keeps the tenants' keys to judge. It holds
/// no secret and no part of the request but what was signed.
#[derive(Clone, Debug)]
pub struct SignatureQuestion {
    /// Whose key it is said to be.
    pub access_key: AccessKey,
    /// The request's method: replays are not asked for with GET.
    pub method: Method,
    /// The texts of which one must have been signed.
    pub strings_to_sign: Vec<String>,
    /// The signature.
    pub signature: [u8; 32],
    /// The request's date, near enough to ours.
    pub signed_at: DateTime<Utc>,
    /// Where the request came from.
    pub source: Option<IpAddr>,
    /// The ids under which logs tell of the request.
    pub request: Option<RequestInfo>,
}

/// Whose key an accepted signature is of.
#[derive(Clone, Debug)]
pub struct KeyHolder {
    /// The key's tenant.
    pub tenant: TenantId,
    /// What the key may do. SERVICE is taken out: only the services' own keys carry it.
    pub roles: Roles,
    /// The key's name.
    pub name: String,
    /// When the key ends; `None`: not by itself.
    pub expires: Option<DateTime<Utc>>,
}

/// Judges signatures by tenants' keys: everything but form and skew, which is replay, lock-out, expiry, allowed sources.
pub type CredentialVerifier =
    Arc<dyn Fn(SignatureQuestion) -> BoxFuture<'static, Result<KeyHolder, AuthError>> + Send + Sync>;

/// What an [`Authenticator`] is made of.
#[derive(Clone, Default)]
pub struct AuthSettings {
    /// Where "now" comes from.
    pub clock: Clock,
    /// Whose access tokens are accepted.
    pub tokens: TokenKeys,
    /// The suite's services by name, and their keys.
    pub services: Vec<(String, ServiceKey)>,
    /// Replay and lock-out for the services' keys, in this service's own database. Without it no signature is accepted.
    pub guard: Option<Guard>,
    /// Who judges signatures by other keys; without, there are no other keys.
    pub credentials: Option<CredentialVerifier>,
    /// Whether ROLE_MECM_ADMIN may act in every tenant.
    pub admin_everywhere: bool,
    /// Refuses `UNSIGNED-PAYLOAD` on package upload and k8sconfig too; elsewhere it always is.
    pub refuse_unsigned_payload: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl fmt::Debug for AuthSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.services.iter().map(|(name, _)| name).collect();
        f.debug_struct("AuthSettings")
            .field("tokens", &self.tokens)
            .field("services", &names)
            .finish_non_exhaustive()
    }
}

/// Says who makes a request. Cheap to clone; clones share keys, and remembered tokens.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    clock: Clock,
    tokens: TokenVerifier,
    services: ServiceKeys,
    guard: Option<Guard>,
    credentials: Option<CredentialVerifier>,
    admin_everywhere: bool,
    refuse_unsigned_payload: bool,
    trusted_proxies: Vec<IpNet>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

/// What a request brings to show who makes it.
#[derive(Debug)]
pub enum Presented {
    /// `access_token: …` or `Authorization: Bearer …`.
    Token(SecretString),
    /// `Authorization: SDK-HMAC-SHA256 …`, read and near enough in time, not verified.
    Signed(SignedRequest),
}

impl Authenticator {
    /// An authenticator. Fetches nothing until a token comes that no given key fits.
    pub fn new(settings: AuthSettings) -> Self {
        Self(Arc::new(Inner {
            tokens: TokenVerifier::new(settings.tokens, settings.clock.clone()),
            clock: settings.clock,
            services: ServiceKeys::new(settings.services),
            guard: settings.guard,
            credentials: settings.credentials,
            admin_everywhere: settings.admin_everywhere,
            refuse_unsigned_payload: settings.refuse_unsigned_payload,
            trusted_proxies: settings.trusted_proxies,
        }))
    }

    /// From now on, accepts tokens of these keys of an issuer and of none of its others, for a service that makes tokens itself.
    pub fn set_token_keys(&self, issuer: Issuer, keys: Vec<PublicKey>) {
        self.0.tokens.set_given(issuer, keys);
    }

    pub(super) fn admin_everywhere(&self) -> bool {
        self.0.admin_everywhere
    }

    pub(super) fn refuses_unsigned_payload(&self) -> bool {
        self.0.refuse_unsigned_payload
    }

    /// Finds token or signature. A token counts before a signature; an empty header is none.
    ///
    /// # Errors
    /// [`AuthError::Missing`], [`AuthError::MalformedToken`], and what an unreadable signature or a skewed date gives.
    pub fn presented(&self, parts: &Parts) -> Result<Presented, AuthError> {
        let text = |name: &str| {
            parts
                .headers
                .get(name)
                .filter(|value| !value.as_bytes().trim_ascii().is_empty())
        };
        if let Some(token) = text(ACCESS_TOKEN) {
            let token = token.to_str().map_err(|_| AuthError::MalformedToken)?;
            return Ok(Presented::Token(SecretString::from(token.trim())));
        }
        if let Some(signed) = self.signed(parts)? {
            return Ok(Presented::Signed(signed));
        }
        let authorization = text(AUTHORIZATION.as_str()).ok_or(AuthError::Missing)?;
        let Ok(authorization) = authorization.to_str() else {
            return Err(AuthError::Missing);
        };
        match authorization.trim().split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") && !token.trim().is_empty() => {
                Ok(Presented::Token(SecretString::from(token.trim())))
            }
            _ => Err(AuthError::Missing),
        }
    }

    /// The signature, where `Authorization` says that there is one, whatever else the request brings.
    ///
    /// # Errors
    /// What an unreadable signature or a skewed date gives.
    pub(super) fn signed(&self, parts: &Parts) -> Result<Option<SignedRequest>, AuthError> {
        let authorization = parts.headers.get(AUTHORIZATION).map(|value| value.to_str());
        let Some(Ok(authorization)) = authorization else {
            return Ok(None);
        };
        if !is_signature(authorization) {
            return Ok(None);
        }
        let now = self.0.clock.now();
        with_request_parts(parts, |request| signature::read(request, now))
            .map(Some)
            .map_err(|refusal| AuthError::refused(refusal, now))
    }

    /// The owner of a token.
    ///
    /// # Errors
    /// 400 for no JWT in form, 401 for any other that is not accepted, 502 while keys could never be fetched.
    pub async fn by_token(&self, token: SecretString, parts: &Parts) -> Result<Principal, AuthError> {
        let verified = self.0.tokens.verify(&token).await?;
        let (issuer, claims) = &*verified;
        Ok(Principal {
            tenant: claims.user_id.parse().ok(),
            home: Some(claims.user_id.clone()),
            roles: Roles::of_token(claims.authorities.iter().map(String::as_str)),
            subject: claims.user_name.clone(),
            how: How::Token {
                raw: token,
                expires: claims.expires,
                issuer: *issuer,
                by_operator: claims.by_operator,
            },
            source: self.source(parts),
        })
    }

    /// The holder of the key that a request is signed with, when the signature fits one of the body hashes.
    ///
    /// # Errors
    /// The refusals of a signature; nothing in status or text tells which it was.
    pub async fn by_signature(
        &self,
        signed: &SignedRequest,
        parts: &Parts,
        body_hashes: &[&str],
    ) -> Result<Principal, AuthError> {
        let now = self.0.clock.now();
        let strings = with_request_parts(parts, |request| {
            signed
                .strings_to_sign(request, body_hashes, &Form::ALL)
                .map_err(|refusal| AuthError::refused(refusal, now))
        })?;
        let source = self.source(parts);
        let question = SignatureQuestion {
            access_key: signed.access_key().clone(),
            method: parts.method.clone(),
            strings_to_sign: strings,
            signature: signed.authorization.signature,
            signed_at: signed.time(),
            source,
            request: parts.extensions.get::<RequestInfo>().cloned(),
        };
        let access_key = question.access_key.clone();
        let judged = self.judge(question).await.inspect_err(|error| {
            let source = source.map(|source| source.to_string());
            tracing::info!(%access_key, source, %error, "a signed request is refused");
        })?;
        Ok(Principal { source, ..judged })
    }

    /// Whose signature it is: a service's is judged here, any other by whoever keeps the tenants' keys.
    async fn judge(&self, question: SignatureQuestion) -> Result<Principal, AuthError> {
        let inner = &*self.0;
        let access_key = question.access_key.clone();
        if let (false, Some(ask)) = (inner.services.has(&access_key), &inner.credentials) {
            let holder = ask(question).await?;
            let roles = holder.roles.iter().filter(|role| *role != Role::Service);
            return Ok(Principal {
                tenant: Some(holder.tenant),
                home: Some(holder.tenant.to_string()),
                roles: roles.collect(),
                subject: holder.name,
                how: How::Signed {
                    access_key,
                    expires: holder.expires,
                },
                source: None,
            });
        }
        let Some(guard) = &inner.guard else {
            return Err(SignatureReason::UnknownKey.into());
        };
        let place = Place::new(&access_key, question.source);
        let standing = guard.admitted(&place).await?;
        let judged = inner
            .services
            .verify(&access_key, &question.strings_to_sign, &question.signature);
        let name = match judged {
            Ok(name) => name.to_owned(),
            Err(refused) => {
                guard.failed(&place).await?;
                return Err(refused);
            }
        };
        if question.method != Method::GET {
            guard
                .first_time(&access_key, &question.signature, question.signed_at)
                .await?;
        }
        guard.succeeded(&place, standing).await?;
        Ok(Principal {
            tenant: None,
            home: None,
            roles: [Role::Service].into_iter().collect(),
            subject: name,
            how: How::Signed {
                access_key,
                expires: None,
            },
            source: None,
        })
    }

    /// The peer's address, or what trusted proxies say: of `X-Forwarded-For` the last address that is no trusted proxy.
    fn source(&self, parts: &Parts) -> Option<IpAddr> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip().to_canonical())?;
        let trusted = |address: &IpAddr| self.0.trusted_proxies.iter().any(|net| net.contains(address));
        if !trusted(&peer) {
            return Some(peer);
        }
        let mut nearest = peer;
        for entry in forwarded_for(&parts.headers).into_iter().rev() {
            let Ok(address) = entry.parse::<IpAddr>() else {
                break;
            };
            nearest = address.to_canonical();
            if !trusted(&nearest) {
                break;
            }
        }
        Some(nearest)
    }
}

fn forwarded_for(headers: &HeaderMap) -> Vec<&str> {
    let values = headers
        .get_all("x-forwarded-for")
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).collect()
}

/// The parts of a request as they were on the wire; `:authority` stands in for a missing `host`.
fn with_request_parts<T>(parts: &Parts, run: impl FnOnce(&RequestParts<'_>) -> T) -> T {
    let uri = parts
        .extensions
        .get::<OriginalUri>()
        .map_or(&parts.uri, |original| &original.0);
    let mut headers: Vec<(&str, &[u8])> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    if !parts.headers.contains_key(HOST)
        && let Some(authority) = uri.authority()
    {
        headers.push((HOST.as_str(), authority.as_str().as_bytes()));
    }
    run(&RequestParts {
        method: parts.method.as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        headers: &headers,
    })
}
