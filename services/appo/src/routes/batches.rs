//! Many instances in one call. Items are answered in the order of the request; each succeeds or fails by itself.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use mecm_common::auth::Caller;
use mecm_common::models::app_instance::{BatchCreate, BatchIds, BatchItem};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::TenantId;
use mecm_common::service::query::Force;
use mecm_common::service::{ApiError, ApiResult, Body, RequestInfo, Url};

use super::Answer;
use crate::accept::{self, Accepted, Asker, Item};
use crate::core::App;

/// The answer to a batch; the header names it.
fn answer(accepted: &Accepted) -> Response {
    let response: Vec<BatchItem> = accepted.items.iter().map(Item::to_wire).collect();
    let batch = AppendHeaders([("x-batch-id", accepted.batch.to_string())]);
    (StatusCode::ACCEPTED, batch, Json(Answer { response })).into_response()
}

/// Texts that were validated, as ids.
fn parsed<T: std::str::FromStr>(texts: Option<&Vec<String>>) -> Result<Vec<T>, ApiError> {
    let texts = texts.map_or(&[][..], Vec::as_slice);
    texts
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| ApiError::malformed("an item is not what it should be"))
}

/// Creates an instance of a package on each of many hosts.
#[utoipa::path(
    post, path = "/appo/v1/tenants/{tenant_id}/app_instances/batch_create", tag = "batches",
    request_body = BatchCreate,
    responses(
        (status = 202, description = "One item per host, in the order of the request", body = Answer<Vec<BatchItem>>,
            headers(("x-batch-id" = String, description = "The batch"))),
        (status = 409, description = "The tenant would have more instances than it may", body = ErrorBody),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
    Body(body): Body<BatchCreate>,
) -> ApiResult<Response> {
    let hosts = parsed(body.mec_host.as_ref())?;
    let asker = Asker {
        tenant,
        caller: &caller,
        info: &info,
    };
    let accepted = accept::create(&app, asker, &body.common, &hosts).await?;
    Ok(answer(&accepted))
}

/// Instantiates many instances.
#[utoipa::path(
    post, path = "/appo/v1/tenants/{tenant_id}/app_instances/batch_instantiate", tag = "batches",
    request_body = BatchIds,
    responses(
        (status = 202, description = "One item per id, in the order of the request", body = Answer<Vec<BatchItem>>,
            headers(("x-batch-id" = String, description = "The batch"))),
    )
)]
pub(super) async fn instantiate(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
    Body(body): Body<BatchIds>,
) -> ApiResult<Response> {
    let ids = parsed(body.app_instance_ids.as_ref())?;
    let asker = Asker {
        tenant,
        caller: &caller,
        info: &info,
    };
    Ok(answer(&accept::instantiate(&app, asker, &ids).await?))
}

/// Terminates many instances: the portal's way.
#[utoipa::path(
    post, path = "/appo/v1/tenants/{tenant_id}/app_instances/batch_terminate", tag = "batches",
    params(
        ("force" = Option<bool>, Query, description = "Also where the controller is gone for good: the workload may then run on unseen"),
    ),
    request_body = BatchIds,
    responses(
        (status = 202, description = "One item per id, in the order of the request", body = Answer<Vec<BatchItem>>,
            headers(("x-batch-id" = String, description = "The batch"))),
    )
)]
pub(super) async fn terminate(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
    Force(force): Force,
    Body(body): Body<BatchIds>,
) -> ApiResult<Response> {
    let ids = parsed(body.app_instance_ids.as_ref())?;
    let asker = Asker {
        tenant,
        caller: &caller,
        info: &info,
    };
    Ok(answer(&accept::terminate(&app, asker, &ids, force).await?))
}

/// Terminates many instances: the release document's way.
#[utoipa::path(
    delete, path = "/appo/v1/tenants/{tenant_id}/app_instances/batch_terminate", tag = "batches",
    params(
        ("force" = Option<bool>, Query, description = "Also where the controller is gone for good: the workload may then run on unseen"),
    ),
    request_body = BatchIds,
    responses(
        (status = 202, description = "One item per id, in the order of the request", body = Answer<Vec<BatchItem>>,
            headers(("x-batch-id" = String, description = "The batch"))),
    )
)]
pub(super) async fn terminate_by_delete(
    state: State<App>,
    url: Url<(TenantId,)>,
    caller: Caller,
    info: Extension<RequestInfo>,
    force: Force,
    body: Body<BatchIds>,
) -> ApiResult<Response> {
    terminate(state, url, caller, info, force, body).await
}
