//! App stores: `/appstores`.

use axum::Json;
use axum::extract::State;
use mecm_common::models::app_store::AppStore;
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::service::{ApiError, ApiResult, Body, Url};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Done, agreed, full, hold, key};
use crate::App;
use crate::store::app_stores as store;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list, delete_all))
        .routes(routes!(replace, get, delete))
}

/// Adds an app store.
#[utoipa::path(
    post, path = "/inventory/v1/tenants/{tenant_id}/appstores", tag = "app stores", params(("tenant_id" = String, Path, description = "The tenant")), request_body = AppStore,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or there is one of that IP", body = ErrorBody),
        (status = 401, description = "Not logged in, or another tenant", body = ErrorBody),
        (status = 403, description = "The role is too low", body = ErrorBody),
        (status = 409, description = "The tenant has as many as it may have", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is no JSON", body = ErrorBody),
    )
)]
async fn add(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Body(new): Body<AppStore>,
) -> ApiResult<Json<Done>> {
    let ip = key(new.appstore_ip.as_deref())?;
    let mut tx = hold(&app, tenant).await?;
    if !store::insert(&mut tx, tenant, ip, &new).await? {
        return Err(ApiError::already_exists());
    }
    let most = app.config.limits.records;
    if store::count(&mut tx, tenant).await? > most {
        return Err(full("app stores", most));
    }
    tx.commit().await?;
    Ok(Done::saved())
}

/// Replaces an app store: what is absent becomes null.
#[utoipa::path(
    put, path = "/inventory/v1/tenants/{tenant_id}/appstores/{appstore_ip}", tag = "app stores", params(("tenant_id" = String, Path, description = "The tenant"), ("appstore_ip" = String, Path, description = "Its IPv4 address")), request_body = AppStore,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or their IPs differ", body = ErrorBody),
        (status = 401, description = "Not logged in, or another tenant", body = ErrorBody),
        (status = 403, description = "The role is too low", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is no JSON", body = ErrorBody),
    )
)]
async fn replace(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
    Body(new): Body<AppStore>,
) -> ApiResult<Json<Done>> {
    agreed(
        ip,
        new.appstore_ip.as_deref(),
        "appstore IP in body and url is different",
    )?;
    let mut tx = app.db.begin_write().await?;
    if !store::update(&mut tx, tenant, ip, &new).await? {
        return Err(ApiError::not_found());
    }
    tx.commit().await?;
    Ok(Done::updated())
}

/// All app stores of the tenant, oldest first.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/appstores", tag = "app stores", params(("tenant_id" = String, Path, description = "The tenant")),
    responses(
        (status = 200, description = "At least one", body = Vec<AppStore>),
        (status = 400, description = "The tenant or the IP is none", body = ErrorBody),
        (status = 401, description = "Not logged in, or another tenant", body = ErrorBody),
        (status = 403, description = "The role is too low", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn list(State(app): State<App>, Url((tenant,)): Url<(TenantId,)>) -> ApiResult<Json<Vec<AppStore>>> {
    let mut tx = app.db.begin_read().await?;
    let all = store::list(&mut tx, tenant).await?;
    if all.is_empty() {
        return Err(ApiError::not_found());
    }
    Ok(Json(all))
}

/// One app store.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/appstores/{appstore_ip}", tag = "app stores", params(("tenant_id" = String, Path, description = "The tenant"), ("appstore_ip" = String, Path, description = "Its IPv4 address")),
    responses(
        (status = 200, description = "It", body = AppStore),
        (status = 400, description = "The tenant or the IP is none", body = ErrorBody),
        (status = 401, description = "Not logged in, or another tenant", body = ErrorBody),
        (status = 403, description = "The role is too low", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn get(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
) -> ApiResult<Json<AppStore>> {
    let mut tx = app.db.begin_read().await?;
    let one = store::get(&mut tx, tenant, ip).await?;
    one.map(Json).ok_or_else(ApiError::not_found)
}

/// Deletes an app store.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/appstores/{appstore_ip}", tag = "app stores", params(("tenant_id" = String, Path, description = "The tenant"), ("appstore_ip" = String, Path, description = "Its IPv4 address")),
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "The tenant or the IP is none", body = ErrorBody),
        (status = 401, description = "Not logged in, or another tenant", body = ErrorBody),
        (status = 403, description = "The role is too low", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn delete(State(app): State<App>, Url((tenant, ip)): Url<(TenantId, HostIp)>) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    if !store::delete(&mut tx, tenant, ip).await? {
        return Err(ApiError::not_found());
    }
    tx.commit().await?;
    Ok(Done::deleted())
}

/// Deletes all app stores of the tenant.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/appstores", tag = "app stores", params(("tenant_id" = String, Path, description = "The tenant")),
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "The tenant or the IP is none", body = ErrorBody),
        (status = 401, description = "Not logged in, or another tenant", body = ErrorBody),
        (status = 403, description = "The role is too low", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn delete_all(State(app): State<App>, Url((tenant,)): Url<(TenantId,)>) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    if store::delete_all(&mut tx, tenant).await? == 0 {
        return Err(ApiError::not_found());
    }
    tx.commit().await?;
    Ok(Done::deleted())
}
