//! Tenants' access keys: `/credentials`, and what was done with them: `/audit`.

use axum::Json;
use axum::extract::{FromRequest as _, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http::StatusCode;
use http_body::Body as _;
use mecm_common::auth::signature::{AccessKey, SecretKey};
use mecm_common::auth::{AuthError, Caller, Principal};
use mecm_common::db::Tx;
use mecm_common::models::credential::{
    AuditRecord, Credential, CredentialStatus, MadeCredential, NewCredential, Rotation,
};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::TenantId;
use mecm_common::service::{ApiError, ApiResult, Body, Url, wire_time};
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::tokens::NOT_CACHED;
use super::{Done, counted};
use crate::App;
use crate::store::audit;
use crate::store::credentials::{self as store, Row};
use crate::store::holdings::{self, Kind};

/// Characters of a name that an audit record keeps.
const WHO_CHARS: usize = 256;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(get, set_status, delete))
        .routes(routes!(rotate))
        .routes(routes!(audited))
        .route_layer(from_fn(managers_only))
}

/// A key cannot make keys, nor can a token made from one.
async fn managers_only(Caller(caller): Caller, request: Request, next: Next) -> Result<Response, ApiError> {
    if caller.may_manage_keys() {
        Ok(next.run(request).await)
    } else {
        Err(AuthError::Forbidden.into())
    }
}

/// Makes an access key. Its secret key is in this answer and in no other.
#[utoipa::path(
    post, path = "/inventory/v1/tenants/{tenant_id}/credentials", tag = "credentials", request_body = NewCredential,
    responses(
        (status = 201, description = "It, with its secret key", body = MadeCredential),
        (status = 409, description = "The tenant has as many as it may have", body = ErrorBody),
    )
)]
async fn add(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Caller(caller): Caller,
    Body(new): Body<NewCredential>,
) -> ApiResult<impl IntoResponse> {
    let now = app.clock.now();
    let expires = new.expires();
    if expires.is_some_and(|expires| expires <= now) {
        return Err(ApiError::invalid(vec!["expires time is in the past".to_owned()]));
    }
    let (access_key, secret) = (AccessKey::generate().to_string(), SecretKey::generate());
    let sealed = app.credentials.seal(&access_key, &secret)?;
    let name = new.name.clone().unwrap_or_default();
    let mut row = Row::new(access_key, tenant, name, new.roles(), now, sealed);
    row.expires = expires;
    row.allowed_sources.0 = new.sources();
    let mut tx = app.db.begin_write().await?;
    store::insert(&mut tx, &row).await?;
    changed(&app, &mut tx, &caller, tenant, "created", &row.access_key).await?;
    counted(&app, &mut tx, tenant, Kind::Credentials).await?;
    tx.commit().await?;
    tracing::info!(%tenant, access_key = row.access_key, "made an access key");
    Ok((StatusCode::CREATED, NOT_CACHED, Json(made(row, &secret))))
}

/// All access keys of the tenant, oldest first.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/credentials", tag = "credentials",
    responses((status = 200, description = "They, without their secrets; `[]` when there is none", body = Vec<Credential>))
)]
async fn list(State(app): State<App>, Url((tenant,)): Url<(TenantId,)>) -> ApiResult<Json<Vec<Credential>>> {
    let all = store::list(&mut app.db.read().await?, tenant).await?;
    Ok(Json(all.into_iter().map(Credential::from).collect()))
}

/// One access key.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/credentials/{ak}", tag = "credentials",
    responses(
        (status = 200, description = "It, without its secret", body = Credential),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn get(
    State(app): State<App>,
    Url((tenant, access_key)): Url<(TenantId, AccessKey)>,
) -> ApiResult<Json<Credential>> {
    let mut tx = app.db.begin_read().await?;
    let row = store::get(&mut tx, tenant, access_key.as_str()).await?;
    Ok(Json(row.ok_or_else(ApiError::not_found)?.into()))
}

/// Switches an access key off or on.
#[utoipa::path(
    put, path = "/inventory/v1/tenants/{tenant_id}/credentials/{ak}", tag = "credentials", request_body = CredentialStatus,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn set_status(
    State(app): State<App>,
    Url((tenant, access_key)): Url<(TenantId, AccessKey)>,
    Caller(caller): Caller,
    Body(wanted): Body<CredentialStatus>,
) -> ApiResult<Json<Done>> {
    let access_key = access_key.as_str();
    let mut tx = app.db.begin_write().await?;
    if !store::set_active(&mut tx, tenant, access_key, wanted.active()).await? {
        return Err(ApiError::not_found());
    }
    let what = if wanted.active() { "enabled" } else { "disabled" };
    changed(&app, &mut tx, &caller, tenant, what, access_key).await?;
    tx.commit().await?;
    Ok(Done::updated())
}

/// Gives an access key another secret key. The one before works on for a day, or as long as the body says.
#[utoipa::path(
    post, path = "/inventory/v1/tenants/{tenant_id}/credentials/{ak}/rotate", tag = "credentials",
    request_body = Option<Rotation>,
    responses(
        (status = 200, description = "It, with its new secret key", body = MadeCredential),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn rotate(
    State(app): State<App>,
    Url((tenant, access_key)): Url<(TenantId, AccessKey)>,
    Caller(caller): Caller,
    request: Request,
) -> ApiResult<impl IntoResponse> {
    let empty = request.body().is_end_stream() || request.body().size_hint().exact() == Some(0);
    let wanted = if empty {
        Rotation::default()
    } else {
        Body::<Rotation>::from_request(request, &()).await?.0
    };
    let access_key = access_key.as_str();
    let secret = SecretKey::generate();
    let sealed = app.credentials.seal(access_key, &secret)?;
    let old_until = Some(wanted.grace())
        .filter(|seconds| *seconds > 0)
        .map(|seconds| app.clock.now() + TimeDelta::seconds(seconds));
    let mut tx = app.db.begin_write().await?;
    if !store::rotate(&mut tx, tenant, access_key, &sealed, old_until).await? {
        return Err(ApiError::not_found());
    }
    let row = store::get(&mut tx, tenant, access_key).await?;
    changed(&app, &mut tx, &caller, tenant, "rotated", access_key).await?;
    tx.commit().await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    Ok((NOT_CACHED, Json(made(row, &secret))))
}

/// Deletes an access key. From now on its signatures are refused; tokens made from it live on until they end.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/credentials/{ak}", tag = "credentials",
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn delete(
    State(app): State<App>,
    Url((tenant, access_key)): Url<(TenantId, AccessKey)>,
    Caller(caller): Caller,
) -> ApiResult<Json<Done>> {
    let access_key = access_key.as_str();
    let mut tx = app.db.begin_write().await?;
    if !store::delete(&mut tx, tenant, access_key).await? {
        return Err(ApiError::not_found());
    }
    changed(&app, &mut tx, &caller, tenant, "deleted", access_key).await?;
    holdings::remove(&mut tx, tenant, Kind::Credentials, 1).await?;
    tx.commit().await?;
    Ok(Done::deleted())
}

/// What was done with the tenant's access keys, and which log-ins with them were refused, oldest first: the last thousand of
/// each, for ninety days.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/audit", tag = "credentials",
    responses((status = 200, description = "The records; `[]` when there is none", body = Vec<AuditRecord>))
)]
async fn audited(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
) -> ApiResult<Json<Vec<AuditRecord>>> {
    Ok(Json(audit::list(&mut app.db.read().await?, tenant).await?))
}

/// Leaves a record of a change, in its transaction.
async fn changed(
    app: &App,
    tx: &mut Tx,
    caller: &Principal,
    tenant: TenantId,
    what: &'static str,
    access_key: &str,
) -> ApiResult<()> {
    // Somebody else's text: PostgreSQL keeps no U+0000, and nobody needs a book.
    let who: String = caller
        .subject
        .chars()
        .filter(|c| !c.is_control())
        .take(WHO_CHARS)
        .collect();
    let source = caller.source.map(|source| source.to_string());
    let change = audit::Change {
        tenant,
        who: &who,
        what,
        access_key,
        source: source.as_deref(),
    };
    Ok(audit::changed(tx, change, app.clock.now()).await?)
}

fn made(row: Row, secret: &SecretKey) -> MadeCredential {
    MadeCredential {
        status: row.status(),
        access_key: row.access_key,
        secret_key: SecretString::from(secret.expose()),
        name: row.name,
        roles: row.roles.0,
        created_time: wire_time(row.created),
        expires_time: row.expires.map(wire_time),
    }
}
