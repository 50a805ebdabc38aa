//! The app rules of an application instance: `/app_instances/{app_instance_id}/appd_configuration`. One document: it is
//! added, replaced, read and deleted as a whole. Whoever keeps rules tells by a 404 whether to add or to replace.

use axum::Json;
use axum::extract::State;
use mecm_common::models::app_rule::{AppRuleConfig, NOT_UNIQUE};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{AppInstanceId, TenantId};
use mecm_common::service::{ApiError, ApiResult, Body, Url};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Done, counted};
use crate::App;
use crate::store::app_rules as store;
use crate::store::holdings::{self, Kind};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add, replace, get, delete))
}

/// Adds the app rules of an application instance.
#[utoipa::path(
    post, path = "/inventory/v1/tenants/{tenant_id}/app_instances/{app_instance_id}/appd_configuration", tag = "app rules",
    request_body = AppRuleConfig,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, a rule id stands twice, or the instance has rules", body = ErrorBody),
        (status = 409, description = "As many instances of the tenant have rules as may", body = ErrorBody),
    )
)]
async fn add(
    State(app): State<App>,
    Url((tenant, instance)): Url<(TenantId, AppInstanceId)>,
    Body(new): Body<AppRuleConfig>,
) -> ApiResult<Json<Done>> {
    unique(&new)?;
    let mut tx = app.db.begin_write().await?;
    if !store::insert(&mut tx, tenant, instance, &new).await? {
        return Err(ApiError::already_exists());
    }
    counted(&app, &mut tx, tenant, Kind::AppRules).await?;
    tx.commit().await?;
    Ok(Done::saved())
}

/// Replaces the app rules of an application instance.
#[utoipa::path(
    put, path = "/inventory/v1/tenants/{tenant_id}/app_instances/{app_instance_id}/appd_configuration", tag = "app rules",
    request_body = AppRuleConfig,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or a rule id stands twice", body = ErrorBody),
        (status = 404, description = "The instance has no rules", body = ErrorBody),
    )
)]
async fn replace(
    State(app): State<App>,
    Url((tenant, instance)): Url<(TenantId, AppInstanceId)>,
    Body(new): Body<AppRuleConfig>,
) -> ApiResult<Json<Done>> {
    unique(&new)?;
    let mut tx = app.db.begin_write().await?;
    if !store::update(&mut tx, tenant, instance, &new).await? {
        return Err(ApiError::not_found());
    }
    tx.commit().await?;
    Ok(Done::updated())
}

/// The app rules of an application instance.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/app_instances/{app_instance_id}/appd_configuration", tag = "app rules",
    responses(
        (status = 200, description = "All of them", body = AppRuleConfig),
        (status = 404, description = "The instance has no rules", body = ErrorBody),
    )
)]
async fn get(
    State(app): State<App>,
    Url((tenant, instance)): Url<(TenantId, AppInstanceId)>,
) -> ApiResult<Json<AppRuleConfig>> {
    let mut read = app.db.read().await?;
    let rules = store::get(&mut read, tenant, instance).await?;
    rules.map(Json).ok_or_else(ApiError::not_found)
}

/// Deletes the app rules of an application instance.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/app_instances/{app_instance_id}/appd_configuration", tag = "app rules",
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "The instance has no rules", body = ErrorBody),
    )
)]
async fn delete(
    State(app): State<App>,
    Url((tenant, instance)): Url<(TenantId, AppInstanceId)>,
) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    if !store::delete(&mut tx, tenant, instance).await? {
        return Err(ApiError::not_found());
    }
    holdings::remove(&mut tx, tenant, Kind::AppRules, 1).await?;
    tx.commit().await?;
    Ok(Done::deleted())
}

/// A rule id stands once in a set.
fn unique(rules: &AppRuleConfig) -> ApiResult<()> {
    if rules.ids_are_unique() {
        Ok(())
    } else {
        Err(ApiError::illegal(NOT_UNIQUE))
    }
}
