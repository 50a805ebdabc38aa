//! LCM controllers: `/applcms`.

use axum::Json;
use axum::extract::State;
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::models::lcm_controller::LcmController;
use mecm_common::service::{ApiResult, Body, Url};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Done, records};
use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list, delete_all))
        .routes(routes!(replace, get, delete))
}

/// Adds an LCM controller.
#[utoipa::path(
    post, path = "/inventory/v1/tenants/{tenant_id}/applcms", tag = "LCM controllers", request_body = LcmController,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or there is one of that IP", body = ErrorBody),
        (status = 409, description = "The tenant has as many as it may have", body = ErrorBody),
    )
)]
async fn add(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Body(new): Body<LcmController>,
) -> ApiResult<Json<Done>> {
    records::add(&app, tenant, &new).await
}

/// Replaces an LCM controller: what is absent becomes null.
#[utoipa::path(
    put, path = "/inventory/v1/tenants/{tenant_id}/applcms/{applcm_ip}", tag = "LCM controllers", request_body = LcmController,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or their IPs differ", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn replace(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
    Body(new): Body<LcmController>,
) -> ApiResult<Json<Done>> {
    records::replace(&app, tenant, ip, &new, "applcm IP in body and url is different").await
}

/// All LCM controllers of the tenant, oldest first.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/applcms", tag = "LCM controllers",
    responses(
        (status = 200, description = "At least one", body = Vec<LcmController>),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn list(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
) -> ApiResult<Json<Vec<LcmController>>> {
    records::list(&app, tenant).await
}

/// One LCM controller.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/applcms/{applcm_ip}", tag = "LCM controllers",
    responses(
        (status = 200, description = "It", body = LcmController),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn get(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
) -> ApiResult<Json<LcmController>> {
    records::get(&app, tenant, ip).await
}

/// Deletes an LCM controller; hosts may go on naming it.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/applcms/{applcm_ip}", tag = "LCM controllers",
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn delete(State(app): State<App>, Url((tenant, ip)): Url<(TenantId, HostIp)>) -> ApiResult<Json<Done>> {
    records::delete::<LcmController>(&app, tenant, ip).await
}

/// Deletes all LCM controllers of the tenant.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/applcms", tag = "LCM controllers",
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn delete_all(State(app): State<App>, Url((tenant,)): Url<(TenantId,)>) -> ApiResult<Json<Done>> {
    records::delete_all::<LcmController>(&app, tenant).await
}
