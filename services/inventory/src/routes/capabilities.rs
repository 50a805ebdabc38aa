//! What a host offers, and which applications use it: `/mechosts/{mechost_ip}/capabilities`.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use mecm_common::models::application::Application;
use mecm_common::models::error::ErrorBody;
use mecm_common::models::host::{Capabilities, SoftwareCapabilities};
use mecm_common::models::ids::{HostIp, InvalidId, TenantId};
use mecm_common::service::{ApiError, ApiResult, Body, Url};
use mecm_common::validate::Pattern;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Done;
use super::applications::some;
use crate::App;
use crate::store::{applications, capabilities as store};

/// The longest type that is asked for, in characters.
const MAX_TYPE: usize = 128;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(replace_software))
        .routes(routes!(applications_using))
}

/// What hardware and software a host offers.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/capabilities", tag = "capabilities",
    responses(
        (status = 200, description = "At least one", body = Capabilities),
        (status = 404, description = "There is no such host, or it offers neither", body = ErrorBody),
    )
)]
async fn get(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
) -> ApiResult<Json<Capabilities>> {
    let mut read = app.db.read().await?;
    let offered = store::get(&mut read, tenant, ip).await?;
    offered
        .filter(|offered| !offered.hwcapabilities.is_empty() || !offered.swcapabilities.is_empty())
        .map(Json)
        .ok_or_else(ApiError::not_found)
}

/// Replaces the software capabilities of a host by those last seen on its platform.
#[utoipa::path(
    put, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/capabilities/software", tag = "capabilities",
    request_body = SoftwareCapabilities,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "There is no such host", body = ErrorBody),
    )
)]
async fn replace_software(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
    Body(new): Body<SoftwareCapabilities>,
) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    if !store::set_software(&mut tx, tenant, ip, &new.swcapabilities).await? {
        return Err(ApiError::not_found());
    }
    tx.commit().await?;
    Ok(Done::updated())
}

/// The applications on a host that use a type of its hardware, oldest first.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/capabilities/{capability_type}/applications",
    tag = "capabilities",
    responses(
        (status = 200, description = "At least one", body = Applications),
        (status = 404, description = "There is no such host, it does not offer that, or nothing uses it", body = ErrorBody),
    )
)]
async fn applications_using(
    State(app): State<App>,
    Url((tenant, ip, hardware)): Url<(TenantId, HostIp, CapabilityType)>,
) -> ApiResult<Json<Applications>> {
    let mut read = app.db.read().await?;
    let using = applications::using(&mut read, tenant, ip, &hardware.0).await?;
    Ok(Json(Applications { apps: some(using)? }))
}

/// The applications that use a type of hardware.
#[derive(Debug, Serialize, ToSchema)]
struct Applications {
    /// Oldest first.
    apps: Vec<Application>,
}

/// A type of hardware, from a path.
#[derive(Debug)]
struct CapabilityType(String);

impl FromStr for CapabilityType {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if Pattern::Name.matches(text) && text.chars().count() <= MAX_TYPE {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId("capability type"))
        }
    }
}
