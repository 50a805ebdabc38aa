//! One application instance: create, instantiate, workload status, terminate.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use mecm_common::auth::Caller;
use mecm_common::models::app_instance::{Create, OperationalStatus};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{AppInstanceId, HostIp, TenantId};
use mecm_common::service::query::Force;
use mecm_common::service::{ApiError, ApiResult, Body, RequestInfo, Url};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ACCEPTED, Answer, hosts};
use crate::accept::{self, Asker, no_record};
use crate::core::App;
use crate::edge::Target;
use crate::plan::Refusal;
use crate::store::app_instances;

/// The id of a new instance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewInstance {
    /// The instance, Creating.
    #[schema(value_type = String)]
    app_instance_id: AppInstanceId,
}

/// Creates an instance of a package on one host.
#[utoipa::path(
    post, path = "/appo/v1/tenants/{tenant_id}/app_instances", tag = "app instances",
    request_body = Create,
    responses(
        (status = 202, description = "The create goes on in the background", body = Answer<NewInstance>),
        (status = 409, description = "The tenant has as many instances as it may", body = ErrorBody),
        (status = 412, description = "The name is in use on the host", body = ErrorBody),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
    Body(body): Body<Create>,
) -> ApiResult<(StatusCode, Json<Answer<NewInstance>>)> {
    let host: HostIp = body
        .mec_host
        .as_deref()
        .unwrap_or_default()
        .parse()
        .map_err(|_| ApiError::invalid(vec!["MEC host IP is invalid".to_owned()]))?;
    let asker = Asker {
        tenant,
        caller: &caller,
        info: &info,
    };
    let app_instance_id = accept::create(&app, asker, &body.common, &[host])
        .await?
        .single()?;
    let response = NewInstance { app_instance_id };
    Ok((StatusCode::ACCEPTED, Json(Answer { response })))
}

/// Instantiates an instance.
#[utoipa::path(
    post, path = "/appo/v1/tenants/{tenant_id}/app_instances/{app_instance_id}", tag = "app instances",
    responses(
        (status = 202, description = "The instantiate goes on in the background", body = Answer<String>),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 412, description = "Its state does not allow it, or its name is in use", body = ErrorBody),
    )
)]
pub(super) async fn instantiate(
    State(app): State<App>,
    Url((tenant, id)): Url<(TenantId, AppInstanceId)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
) -> ApiResult<(StatusCode, Json<Answer<&'static str>>)> {
    let asker = Asker {
        tenant,
        caller: &caller,
        info: &info,
    };
    accept::instantiate(&app, asker, &[id]).await?.single()?;
    Ok((StatusCode::ACCEPTED, Json(Answer { response: ACCEPTED })))
}

/// Terminates an instance.
#[utoipa::path(
    delete, path = "/appo/v1/tenants/{tenant_id}/app_instances/{app_instance_id}", tag = "app instances",
    params(
        ("force" = Option<bool>, Query, description = "Also where the controller is gone for good: the workload may then run on unseen"),
    ),
    responses(
        (status = 202, description = "The terminate goes on in the background", body = Answer<String>),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 412, description = "Others on its host need it", body = ErrorBody),
    )
)]
pub(super) async fn terminate(
    State(app): State<App>,
    Url((tenant, id)): Url<(TenantId, AppInstanceId)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
    Force(force): Force,
) -> ApiResult<(StatusCode, Json<Answer<&'static str>>)> {
    let asker = Asker {
        tenant,
        caller: &caller,
        info: &info,
    };
    accept::terminate(&app, asker, &[id], force).await?.single()?;
    Ok((StatusCode::ACCEPTED, Json(Answer { response: ACCEPTED })))
}

/// The workload's status, as its LCM controller tells it.
#[utoipa::path(
    get, path = "/appo/v1/tenants/{tenant_id}/app_instances/{app_instance_id}", tag = "app instances",
    responses(
        (status = 200, description = "The controller's text, as a string", body = Answer<String>),
        (status = 404, description = "There is no such instance, or the controller has nothing to tell yet", body = ErrorBody),
        (status = 412, description = "It is not Instantiated", body = ErrorBody),
        (status = 502, description = "The controller refuses or cannot be reached", body = ErrorBody),
        (status = 504, description = "The controller is too slow", body = ErrorBody),
    )
)]
pub(super) async fn workload_status(
    State(app): State<App>,
    Url((tenant, id)): Url<(TenantId, AppInstanceId)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
) -> ApiResult<Json<Answer<String>>> {
    let core = &app.core;
    let mut tx = core.db.begin_read().await?;
    let instance = app_instances::get(&mut tx, tenant, id).await?;
    drop(tx);
    let instance = instance.ok_or_else(|| ApiError::no_such_element(no_record(id)))?;
    let status = instance.status()?;
    if status != OperationalStatus::Instantiated {
        return Err(ApiError::precondition(Refusal::Status(status).message()));
    }
    let context = (&info).into();
    let at = hosts::controller_of(core, &context, tenant, instance.host).await?;
    let token = core.token_of(&context, tenant, &caller).await?;
    let target = Target {
        tenant,
        instance: id,
        token: &token,
    };
    let answer = core.edge.workload(&context, &at, target).await?;
    Ok(Json(Answer {
        response: hosts::body_text(&answer),
    }))
}
