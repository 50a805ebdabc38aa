//! What a host's LCM controller tells of it: load and platform capabilities. Passed on as text.

use axum::extract::State;
use axum::{Extension, Json};
use mecm_common::auth::Caller;
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::client::{Answer as EdgeAnswer, CallContext};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::service::{ApiError, ApiResult, RequestInfo, Url};
use mecm_common::validate::Pattern;

use super::Answer;
use crate::core::{App, Core};
use crate::edge::platform;

/// An id of a platform capability: app name pattern, at most 64 characters.
#[derive(Debug)]
pub(crate) struct CapabilityId(String);

impl std::str::FromStr for CapabilityId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let fits = !text.is_empty() && text.chars().count() <= 64 && Pattern::AppName.matches(text);
        fits.then(|| Self(text.to_owned())).ok_or(())
    }
}

/// The controller of a host; 404 when Inventory does not know the one or the other.
pub(super) async fn controller_of(
    core: &Core,
    context: &CallContext,
    tenant: TenantId,
    host: HostIp,
) -> Result<EdgeAddress, ApiError> {
    let host = core
        .inventory
        .host(context, tenant, host)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let ip = host
        .applcm_ip
        .filter(|ip| !ip.is_empty())
        .ok_or_else(ApiError::not_found)?;
    core.inventory
        .controller(context, tenant, &ip)
        .await?
        .ok_or_else(ApiError::not_found)
}

/// A controller's answer as text, as it came.
pub(super) fn body_text(answer: &EdgeAnswer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// Load of a host: CPU, memory, disk.
#[utoipa::path(
    get, path = "/appo/v1/tenants/{tenant_id}/hosts/{host_ip}/kpi", tag = "hosts",
    responses(
        (status = 200, description = "The controller's text, as a string", body = Answer<String>),
        (status = 404, description = "Host or controller is not known", body = ErrorBody),
        (status = 502, description = "The controller refuses or cannot be reached", body = ErrorBody),
        (status = 504, description = "The controller is too slow", body = ErrorBody),
    )
)]
pub(super) async fn kpi(
    State(app): State<App>,
    Url((tenant, host)): Url<(TenantId, HostIp)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
) -> ApiResult<Json<Answer<String>>> {
    let (core, context) = (&app.core, CallContext::from(&info));
    let at = controller_of(core, &context, tenant, host).await?;
    let token = core.token_of(&context, tenant, &caller).await?;
    let answer = core.edge.kpi(&context, &at, tenant, host, &token).await?;
    Ok(Json(Answer {
        response: body_text(&answer),
    }))
}

/// What the platform of a host offers.
#[utoipa::path(
    get, path = "/appo/v1/tenants/{tenant_id}/hosts/{host_ip}/mep_capabilities", tag = "hosts",
    responses(
        (status = 200, description = "The controller's text, as a string", body = Answer<String>),
        (status = 404, description = "Host or controller is not known", body = ErrorBody),
        (status = 502, description = "The controller refuses or cannot be reached", body = ErrorBody),
        (status = 504, description = "The controller is too slow", body = ErrorBody),
    )
)]
pub(super) async fn mep_capabilities(
    State(app): State<App>,
    Url((tenant, host)): Url<(TenantId, HostIp)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
) -> ApiResult<Json<Answer<String>>> {
    let (core, context) = (&app.core, CallContext::from(&info));
    let answer = capabilities(core, &context, (tenant, host), None, &caller).await?;
    // Inventory keeps what was seen last; nobody waits for that.
    if let Some(offered) = platform::software(&answer) {
        let inventory = core.inventory.clone();
        tokio::spawn(async move {
            if let Err(error) = inventory
                .put_software(&context, tenant, host, &platform::to_keep(&offered))
                .await
            {
                tracing::info!(%host, %error, "Inventory was not told of the platform's software");
            }
        });
    }
    Ok(Json(Answer {
        response: body_text(&answer),
    }))
}

/// One thing that the platform of a host offers.
#[utoipa::path(
    get, path = "/appo/v1/tenants/{tenant_id}/hosts/{host_ip}/mep_capabilities/{capability_id}", tag = "hosts",
    responses(
        (status = 200, description = "The controller's text, as a string", body = Answer<String>),
        (status = 404, description = "Host or controller is not known", body = ErrorBody),
        (status = 502, description = "The controller refuses or cannot be reached", body = ErrorBody),
        (status = 504, description = "The controller is too slow", body = ErrorBody),
    )
)]
pub(super) async fn mep_capability(
    State(app): State<App>,
    Url((tenant, host, id)): Url<(TenantId, HostIp, CapabilityId)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
) -> ApiResult<Json<Answer<String>>> {
    let (core, context) = (&app.core, CallContext::from(&info));
    let answer = capabilities(core, &context, (tenant, host), Some(&id.0), &caller).await?;
    Ok(Json(Answer {
        response: body_text(&answer),
    }))
}

async fn capabilities(
    core: &Core,
    context: &CallContext,
    (tenant, host): (TenantId, HostIp),
    id: Option<&str>,
    caller: &mecm_common::auth::Principal,
) -> Result<EdgeAnswer, ApiError> {
    let at = controller_of(core, context, tenant, host).await?;
    let token = core.token_of(context, tenant, caller).await?;
    Ok(core
        .edge
        .mep_capabilities(context, &at, tenant, host, id, &token)
        .await?)
}
