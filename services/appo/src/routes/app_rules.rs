//! App rules of an instance, and the tasks that change them.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use mecm_common::auth::Caller;
use mecm_common::models::app_rule::{AppRuleConfig, AppRuleDelete, NOT_UNIQUE};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{AppInstanceId, TaskId, TenantId};
use mecm_common::service::{ApiError, ApiResult, Body, RequestInfo, Url};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Answer;
use crate::accept::{self, Asker, no_record};
use crate::core::App;
use crate::store::rule_tasks;

/// The id of a new task.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewTask {
    /// The task, PROCESSING.
    #[schema(value_type = String)]
    apprule_task_id: TaskId,
}

/// What became of a change of rules.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskInfo {
    /// The rule manager's own id; null until it has answered.
    task_id: Option<String>,
    /// The instance.
    #[schema(value_type = String)]
    app_instance_id: AppInstanceId,
    /// Why it failed.
    detailed: String,
    /// `PROCESSING`, `SUCCESS` or `FAILURE`.
    config_result: String,
}

async fn change(
    app: &App,
    (tenant, id): (TenantId, AppInstanceId),
    caller: &mecm_common::auth::Principal,
    info: &RequestInfo,
    change: &Value,
) -> ApiResult<(StatusCode, Json<Answer<NewTask>>)> {
    let asker = Asker { tenant, caller, info };
    let apprule_task_id = accept::change_rules(app, asker, id, change).await?;
    let response = NewTask { apprule_task_id };
    Ok((StatusCode::ACCEPTED, Json(Answer { response })))
}

/// A set, as the flow gets it: what the request lacks is left alone.
fn set_of(set: &AppRuleConfig) -> Result<Value, ApiError> {
    if !set.ids_are_unique() {
        return Err(ApiError::illegal(NOT_UNIQUE));
    }
    let set = serde_json::to_value(set).map_err(ApiError::internal)?;
    Ok(json!({ "set": set }))
}

/// Adds rules, or replaces those of the same id.
#[utoipa::path(
    post, path = "/appo/v1/tenants/{tenant_id}/app_instances/{app_instance_id}/appd_configuration", tag = "app rules",
    request_body = AppRuleConfig,
    responses(
        (status = 202, description = "The change goes on in the background", body = Answer<NewTask>),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 412, description = "Its state does not allow it", body = ErrorBody),
    )
)]
pub(super) async fn add(
    State(app): State<App>,
    Url(ids): Url<(TenantId, AppInstanceId)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
    Body(set): Body<AppRuleConfig>,
) -> ApiResult<(StatusCode, Json<Answer<NewTask>>)> {
    change(&app, ids, &caller, &info, &set_of(&set)?).await
}

/// Means the same as POST.
#[utoipa::path(
    put, path = "/appo/v1/tenants/{tenant_id}/app_instances/{app_instance_id}/appd_configuration", tag = "app rules",
    request_body = AppRuleConfig,
    responses(
        (status = 202, description = "The change goes on in the background", body = Answer<NewTask>),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 412, description = "Its state does not allow it", body = ErrorBody),
    )
)]
pub(super) async fn replace(
    state: State<App>,
    ids: Url<(TenantId, AppInstanceId)>,
    caller: Caller,
    info: Extension<RequestInfo>,
    set: Body<AppRuleConfig>,
) -> ApiResult<(StatusCode, Json<Answer<NewTask>>)> {
    add(state, ids, caller, info, set).await
}

/// Takes rules away.
#[utoipa::path(
    delete, path = "/appo/v1/tenants/{tenant_id}/app_instances/{app_instance_id}/appd_configuration", tag = "app rules",
    request_body = AppRuleDelete,
    responses(
        (status = 202, description = "The change goes on in the background", body = Answer<NewTask>),
        (status = 404, description = "There is no such instance", body = ErrorBody),
        (status = 412, description = "Its state does not allow it", body = ErrorBody),
    )
)]
pub(super) async fn remove(
    State(app): State<App>,
    Url(ids): Url<(TenantId, AppInstanceId)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
    Body(rules): Body<AppRuleDelete>,
) -> ApiResult<(StatusCode, Json<Answer<NewTask>>)> {
    let gone = serde_json::to_value(&rules).map_err(ApiError::internal)?;
    change(&app, ids, &caller, &info, &json!({ "delete": gone })).await
}

/// What became of a change of rules. The task of a descriptor's own rules has its instance's id.
#[utoipa::path(
    get, path = "/appo/v1/tenants/{tenant_id}/apprule_task_infos/{apprule_task_id}", tag = "app rules",
    responses(
        (status = 200, description = "How it stands", body = Answer<TaskInfo>),
        (status = 404, description = "There is no such task", body = ErrorBody),
    )
)]
pub(super) async fn task(
    State(app): State<App>,
    Url((tenant, id)): Url<(TenantId, TaskId)>,
) -> ApiResult<Json<Answer<TaskInfo>>> {
    let mut tx = app.core.db.begin_read().await?;
    let task = rule_tasks::get(&mut tx, tenant, id).await?;
    let task = task.ok_or_else(|| ApiError::no_such_element(no_record(id)))?;
    let response = TaskInfo {
        task_id: task.manager_task,
        app_instance_id: task.instance,
        detailed: task.detailed,
        config_result: task.result,
    };
    Ok(Json(Answer { response }))
}
