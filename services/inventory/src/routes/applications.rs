//! The applications on a host: `/mechosts/{mechost_ip}/apps`. The orchestrator keeps them as they are.

use axum::Json;
use axum::extract::State;
use mecm_common::models::application::Application;
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{AppInstanceId, HostIp, TenantId};
use mecm_common::service::{ApiError, ApiResult, Body, Url};
use sqlx::types::Json as JsonColumn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Done, counted};
use crate::App;
use crate::store::applications::{self as store, StoredApplication};
use crate::store::holdings::{self, Kind};
use crate::store::hosts;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(replace, get, delete))
}

/// Adds an application to a host. Its id is one of a kind in the tenant.
#[utoipa::path(
    post, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/apps", tag = "applications",
    request_body = Application,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or there is one of that id, here or on another host", body = ErrorBody),
        (status = 404, description = "There is no such host", body = ErrorBody),
        (status = 409, description = "The tenant has as many as it may have", body = ErrorBody),
    )
)]
async fn add(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
    Body(new): Body<Application>,
) -> ApiResult<Json<Done>> {
    let new = stored(new)?;
    let mut tx = app.db.begin_write().await?;
    let host = hosts::hold(&mut tx, tenant, ip)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if !store::insert(&mut tx, tenant, host, &new).await? {
        return Err(ApiError::already_exists());
    }
    counted(&app, &mut tx, tenant, Kind::Applications).await?;
    tx.commit().await?;
    Ok(Done::saved())
}

/// Replaces name, package and status of an application, and the capabilities when the list is not empty.
#[utoipa::path(
    put, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/apps/{app_id}", tag = "applications",
    request_body = Application,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or their ids differ", body = ErrorBody),
        (status = 404, description = "There is no such host, or no such application on it", body = ErrorBody),
    )
)]
async fn replace(
    State(app): State<App>,
    Url((tenant, ip, id)): Url<(TenantId, HostIp, AppInstanceId)>,
    Body(new): Body<Application>,
) -> ApiResult<Json<Done>> {
    let new = stored(new)?;
    if new.id != id {
        return Err(ApiError::illegal("application ID in body and url is different"));
    }
    let mut tx = app.db.begin_write().await?;
    let host = hosts::hold(&mut tx, tenant, ip)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if !store::update(&mut tx, tenant, host, &new).await? {
        return Err(ApiError::not_found());
    }
    tx.commit().await?;
    Ok(Done::updated())
}

/// All applications on a host, oldest first.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/apps", tag = "applications",
    responses(
        (status = 200, description = "At least one", body = Vec<Application>),
        (status = 404, description = "There is no such host, or nothing on it", body = ErrorBody),
    )
)]
async fn list(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
) -> ApiResult<Json<Vec<Application>>> {
    let mut read = app.db.read().await?;
    let all = store::list(&mut read, tenant, ip).await?;
    some(all).map(Json)
}

/// One application on a host.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/apps/{app_id}", tag = "applications",
    responses(
        (status = 200, description = "It", body = Application),
        (status = 404, description = "There is no such host, or no such application on it", body = ErrorBody),
    )
)]
async fn get(
    State(app): State<App>,
    Url((tenant, ip, id)): Url<(TenantId, HostIp, AppInstanceId)>,
) -> ApiResult<Json<Application>> {
    let mut read = app.db.read().await?;
    let one = store::get(&mut read, tenant, ip, id).await?;
    one.map(|one| Json(one.into())).ok_or_else(ApiError::not_found)
}

/// Deletes an application from a host. One that is not there is deleted already: terminating twice is no error.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/apps/{app_id}", tag = "applications",
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "There is no such host", body = ErrorBody),
    )
)]
async fn delete(
    State(app): State<App>,
    Url((tenant, ip, id)): Url<(TenantId, HostIp, AppInstanceId)>,
) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    let host = hosts::hold(&mut tx, tenant, ip)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if store::delete(&mut tx, tenant, host, id).await? {
        holdings::remove(&mut tx, tenant, Kind::Applications, 1).await?;
    }
    tx.commit().await?;
    Ok(Done::deleted())
}

/// A list of nothing is 404.
pub(super) fn some(all: Vec<StoredApplication>) -> ApiResult<Vec<Application>> {
    if all.is_empty() {
        return Err(ApiError::not_found());
    }
    Ok(all.into_iter().map(Into::into).collect())
}

/// A body that was validated, as it is stored.
pub(crate) fn stored(new: Application) -> ApiResult<StoredApplication> {
    let incomplete = || ApiError::internal("a validated application lacks a required member");
    Ok(StoredApplication {
        id: new
            .app_instance_id
            .and_then(|id| id.parse().ok())
            .ok_or_else(incomplete)?,
        name: new.app_name.ok_or_else(incomplete)?,
        package: new
            .package_id
            .and_then(|id| id.parse().ok())
            .ok_or_else(incomplete)?,
        capabilities: JsonColumn(new.capabilities),
        status: new.status.ok_or_else(incomplete)?,
    })
}
