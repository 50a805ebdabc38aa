//! Axum middleware: nobody reaches a handler unasked. In this order: 401, 403, 400 for the path's tenant.
//!
//! Put on routes with `route_layer`, so that unknown paths stay 404:
//! `router.route_layer(axum::middleware::from_fn_with_state(authenticator, layer::require))`.

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use http::request::Parts;
use http_body::Body as _;

use super::authenticator::{Authenticator, Presented};
use super::error::{AuthError, SignatureReason};
use super::principal::Principal;
use super::roles::decide;
use super::signature::{ContentHash, EMPTY_BODY_SHA256, SignedRequest, UNSIGNED_PAYLOAD, hash_body};
use super::signed_body::BodyCheck;
use crate::service::body::BodyError;
use crate::service::room::{NotRead, Rooms};
use crate::service::{ApiError, Limits};

/// The path parameter that names the tenant, on every route that has one.
const TENANT_PARAMETER: &str = "tenant_id";

/// The caller, for handlers behind one of this module's layers.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal
            .map(Self)
            .ok_or_else(|| ApiError::internal("the route has no authentication layer"))
    }
}

/// For routes of a tenant (`…/tenants/{tenant_id}/…`): who calls, and may they do this in that tenant. Afterwards
/// [`Principal::tenant`] is the path's.
///
/// # Errors
/// Everything of [`AuthError`], as the interface words it.
pub async fn require(
    State(auth): State<Authenticator>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let mut known = identify(&auth, request).await?;
    let tenant = path_tenant(&mut known.parts).await?;
    let principal = &mut known.principal;
    let own = principal.home.as_deref();
    let tenant = decide(
        own,
        principal.roles,
        &known.parts.method,
        &tenant,
        auth.admin_everywhere(),
    )?;
    principal.tenant = Some(tenant);
    known.pass_on(next).await
}

/// For routes that the suite's own services alone may call.
///
/// # Errors
/// As [`require`]; 403 for everybody else.
pub async fn require_service(
    State(auth): State<Authenticator>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let known = identify(&auth, request).await?;
    if !known.principal.is_service() {
        return Err(AuthError::Forbidden.into());
    }
    known.pass_on(next).await
}

/// For routes that are called by signature only (`POST /inventory/v1/token`).
///
/// # Errors
/// As [`require`]; 401 for a token.
pub async fn require_signature(
    State(auth): State<Authenticator>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    // The signature counts even where a token stands beside it.
    if let Some(signed) = auth.signed(&parts)? {
        return by_signature(&auth, parts, body, &signed)
            .await?
            .pass_on(next)
            .await;
    }
    identify(&auth, Request::from_parts(parts, body)).await?;
    Err(AuthError::from(SignatureReason::NotSigned).into())
}

/// A request whose caller is known.
struct Known {
    parts: Parts,
    body: Body,
    principal: Principal,
    check: BodyCheck,
    /// A 400 that waits until it is clear that the caller may be told: an empty body that should not be empty.
    broken: Option<BodyError>,
}

impl Known {
    async fn pass_on(self, next: Next) -> Result<Response, ApiError> {
        if let Some(broken) = self.broken {
            return Err(broken.to_api_error());
        }
        let Self {
            mut parts,
            body,
            principal,
            check,
            ..
        } = self;
        parts.extensions.insert(principal);
        parts.extensions.insert(check);
        Ok(next.run(Request::from_parts(parts, body)).await)
    }
}

async fn identify(auth: &Authenticator, request: Request) -> Result<Known, ApiError> {
    let (parts, body) = request.into_parts();
    match auth.presented(&parts)? {
        Presented::Token(token) => {
            let principal = auth.by_token(token, &parts).await?;
            Ok(Known {
                parts,
                body,
                principal,
                check: BodyCheck::default(),
                broken: None,
            })
        }
        Presented::Signed(signed) => by_signature(auth, parts, body, &signed).await,
    }
}

/// What counts for the body of a signed request: see the variants of [`ContentHash`].
async fn by_signature(
    auth: &Authenticator,
    parts: Parts,
    body: Body,
    signed: &SignedRequest,
) -> Result<Known, ApiError> {
    let stated = &signed.content_hash;
    let (mut check, mut broken) = (BodyCheck::default(), None);
    if body.is_end_stream() || body.size_hint().exact() == Some(0) {
        let principal = auth
            .by_signature(signed, &parts, &stated.for_empty_body())
            .await?;
        if matches!(stated, ContentHash::Hash { digest, .. } if hex::encode(digest) != EMPTY_BODY_SHA256) {
            broken = Some(BodyError::NotAsSigned);
        }
        return Ok(Known {
            parts,
            body,
            principal,
            check,
            broken,
        });
    }
    let (principal, body) = match stated {
        ContentHash::Hash { text, digest } => {
            let principal = auth.by_signature(signed, &parts, &[text]).await?;
            let (body, wrapped) = BodyCheck::wrap(body, *digest);
            check = wrapped;
            (principal, body)
        }
        ContentHash::Unsigned if !auth.refuses_unsigned_payload() && may_be_unsigned(&parts) => (
            auth.by_signature(signed, &parts, &[UNSIGNED_PAYLOAD]).await?,
            body,
        ),
        ContentHash::Unsigned | ContentHash::Other(_) => {
            return Err(AuthError::from(SignatureReason::UnsignedPayload).into());
        }
        ContentHash::NotSent => {
            let limit = parts
                .extensions
                .get::<Limits>()
                .copied()
                .unwrap_or_default()
                .json_body;
            let read = Rooms::of(&parts).strangers.read(body, limit).await;
            let bytes = read.map_err(|why| match why {
                NotRead::TooLarge => AuthError::from(SignatureReason::UnhashedBody).into(),
                NotRead::Error(error) => error,
            })?;
            let principal = auth.by_signature(signed, &parts, &[&hash_body(&bytes)]).await?;
            (principal, Body::from(bytes))
        }
    };
    Ok(Known {
        parts,
        body,
        principal,
        check,
        broken,
    })
}

/// Package upload and k8sconfig: multipart forms, which official SDKs do not hash.
fn may_be_unsigned(parts: &Parts) -> bool {
    let path = parts.uri.path().trim_end_matches('/');
    parts.method == Method::POST && (path.ends_with("/packages/upload") || path.ends_with("/k8sconfig"))
}

/// The tenant as it stands in the path, where that is as it would be decoded.
fn undecoded_tenant(parts: &Parts) -> Option<String> {
    let route = parts.extensions.get::<MatchedPath>()?.as_str();
    let at = route.split('/').position(|segment| segment == "{tenant_id}")?;
    let tenant = parts.uri.path().split('/').nth(at)?;
    (!tenant.contains('%')).then(|| tenant.to_owned())
}

/// The tenant as the handlers will see it: decoded by the router, not by us.
async fn path_tenant(parts: &mut Parts) -> Result<String, ApiError> {
    let Ok(parameters) = RawPathParams::from_request_parts(parts, &()).await else {
        // Some parameter is no text when decoded. It may be another than the tenant, whose caller is told which.
        return Ok(undecoded_tenant(parts).unwrap_or_default());
    };
    let tenant = parameters
        .iter()
        .find(|(name, _)| *name == TENANT_PARAMETER)
        .map(|(_, value)| value.to_owned());
    tenant.ok_or_else(|| ApiError::internal("the route's path has no parameter tenant_id"))
}

#[cfg(test)]
mod tests;
