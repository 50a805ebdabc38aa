//! What the routes of LCM controllers, app rule managers and app stores do, which are alike but for their texts.

use axum::Json;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::service::{ApiError, ApiResult};

use super::{Done, agreed, counted, key};
use crate::App;
use crate::store::holdings;
use crate::store::records::{self as store, Record};

/// Adds one.
pub(super) async fn add<R: Record>(app: &App, tenant: TenantId, new: &R) -> ApiResult<Json<Done>> {
    let ip = key(new.ip())?;
    let mut tx = app.db.begin_write().await?;
    if !store::insert(&mut tx, tenant, ip, new).await? {
        return Err(ApiError::already_exists());
    }
    counted(app, &mut tx, tenant, R::KIND).await?;
    tx.commit().await?;
    Ok(Done::saved())
}

/// Replaces one; `differs` says that body and URL name different ones.
pub(super) async fn replace<R: Record>(
    app: &App,
    tenant: TenantId,
    ip: HostIp,
    new: &R,
    differs: &'static str,
) -> ApiResult<Json<Done>> {
    agreed(ip, new.ip(), differs)?;
    let mut tx = app.db.begin_write().await?;
    if !store::update(&mut tx, tenant, ip, new).await? {
        return Err(ApiError::not_found());
    }
    tx.commit().await?;
    Ok(Done::updated())
}

/// All of the tenant, of which there is at least one.
pub(super) async fn list<R: Record>(app: &App, tenant: TenantId) -> ApiResult<Json<Vec<R>>> {
    let mut read = app.db.read().await?;
    let all = store::list(&mut read, tenant).await?;
    if all.is_empty() {
        return Err(ApiError::not_found());
    }
    Ok(Json(all))
}

/// One.
pub(super) async fn get<R: Record>(app: &App, tenant: TenantId, ip: HostIp) -> ApiResult<Json<R>> {
    let mut read = app.db.read().await?;
    let one = store::get(&mut read, tenant, ip).await?;
    one.map(Json).ok_or_else(ApiError::not_found)
}

/// Deletes one.
pub(super) async fn delete<R: Record>(app: &App, tenant: TenantId, ip: HostIp) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    if !store::delete::<R>(&mut tx, tenant, ip).await? {
        return Err(ApiError::not_found());
    }
    holdings::remove(&mut tx, tenant, R::KIND, 1).await?;
    tx.commit().await?;
    Ok(Done::deleted())
}

/// Deletes all of the tenant.
pub(super) async fn delete_all<R: Record>(app: &App, tenant: TenantId) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    let deleted = store::delete_all::<R>(&mut tx, tenant).await?;
    if deleted == 0 {
        return Err(ApiError::not_found());
    }
    holdings::remove(&mut tx, tenant, R::KIND, deleted).await?;
    tx.commit().await?;
    Ok(Done::deleted())
}
