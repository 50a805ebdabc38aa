//! The door of a service: nobody reaches a handler unasked. In this order: 401, 403, 400 for the path's tenant.
//!
//! Put on routes with `route_layer`, so that unknown paths stay 404: `router.route_layer(Door::of_tenants(&authenticator))`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use http::Method;
use http::request::Parts;
use http_body::Body as _;
use tower::{Layer, Service};

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

/// Whom a route is for.
#[derive(Clone, Copy, Debug)]
enum For {
    Tenants,
    Services,
    Signers,
}

/// The layer that lets through whom a route is for, with the caller for [`Caller`]. Written by hand, as
/// [`Observe`](crate::service::layers::Observe) is and for its reason.
#[derive(Clone, Debug)]
pub struct Door {
    auth: Authenticator,
    whom: For,
}

impl Door {
    /// For routes of a tenant (`…/tenants/{tenant_id}/…`): who calls, and may they do this in that tenant. Afterwards
    /// [`Principal::tenant`] is the path's. Refuses with everything of [`AuthError`], as the interface words it.
    pub fn of_tenants(auth: &Authenticator) -> Self {
        Self::new(auth, For::Tenants)
    }

    /// For routes that the suite's own services alone may call; 403 for everybody else.
    pub fn of_services(auth: &Authenticator) -> Self {
        Self::new(auth, For::Services)
    }

    /// For routes that are called by signature only (`POST /inventory/v1/token`); 401 for a token.
    pub fn of_signers(auth: &Authenticator) -> Self {
        Self::new(auth, For::Signers)
    }

    fn new(auth: &Authenticator, whom: For) -> Self {
        Self {
            auth: auth.clone(),
            whom,
        }
    }

    /// The request as its handler gets it.
    async fn admit(&self, request: Request) -> Result<Request, ApiError> {
        let auth = &self.auth;
        let known = match self.whom {
            For::Tenants => in_tenant(auth, identify(auth, request).await?).await?,
            For::Services => {
                let known = identify(auth, request).await?;
                if !known.principal.is_service() {
                    return Err(AuthError::Forbidden.into());
                }
                known
            }
            For::Signers => Box::pin(by_signature_only(auth, request)).await?,
        };
        known.into_request()
    }
}

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        let door = self.clone();
        Guarded { inner, door }
    }
}

/// A route behind a [`Door`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    door: Door,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let next = self.inner.clone();
        // The one that said it is ready is the one to call.
        let mut inner = std::mem::replace(&mut self.inner, next);
        let door = self.door.clone();
        Box::pin(async move {
            match door.admit(request).await {
                Ok(request) => inner.call(request).await,
                Err(refused) => Ok(refused.into_response()),
            }
        })
    }
}

/// Whether they may do this in the tenant of the path, which is theirs afterwards.
async fn in_tenant(auth: &Authenticator, mut known: Known) -> Result<Known, ApiError> {
    let tenant = path_tenant(&mut known.parts).await?;
    let principal = &mut known.principal;
    let tenant = decide(
        principal.home.as_deref(),
        principal.roles,
        &known.parts.method,
        &tenant,
        auth.admin_everywhere(),
    )?;
    principal.tenant = Some(tenant);
    Ok(known)
}

async fn by_signature_only(auth: &Authenticator, request: Request) -> Result<Known, ApiError> {
    let (parts, body) = request.into_parts();
    // The signature counts even where a token stands beside it.
    if let Some(signed) = auth.signed(&parts)? {
        return by_signature(auth, parts, body, &signed).await;
    }
    identify(auth, Request::from_parts(parts, body)).await?;
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
    fn into_request(self) -> Result<Request, ApiError> {
        if let Some(broken) = self.broken {
            return Err(broken.to_api_error());
        }
        let mut request = Request::from_parts(self.parts, self.body);
        request.extensions_mut().insert(self.principal);
        request.extensions_mut().insert(self.check);
        Ok(request)
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
        // Apart, so that a request with a token does not carry the room that a signature takes.
        Presented::Signed(signed) => Box::pin(by_signature(auth, parts, body, &signed)).await,
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
