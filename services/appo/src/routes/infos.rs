//! What instances there are and where they stand.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use mecm_common::db::{DbError, Tx};
use mecm_common::models::app_instance::{AppInstanceInfo, OperationInfo, OperationalStatus};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{AppInstanceId, OperationId, TenantId};
use mecm_common::service::{ApiError, ApiResult, Url, wire_time};
use mecm_jobs::{JobState, OpenJob, open_of_subject, open_of_subjects};
use tokio::time::{Instant, timeout};

use super::Answer;
use crate::accept::no_record;
use crate::core::{App, Core};
use crate::store::app_instances::{self, AppInstance};

/// The spellings of the filter that clients in the field use.
const FILTERS: [&str; 2] = ["appinstanceids", "appInstId"];
/// The most ids of one filter (v1.0: 50).
const FILTERED: usize = 1_000;
/// How long a long poll waits before it looks without having been told (another process may run the create): ever longer.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

type Filter = Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>;

/// The ids that a query names; `None`: there is no filter.
fn filter(query: Filter) -> Result<Option<Vec<AppInstanceId>>, ApiError> {
    let Query(pairs) = query.map_err(|_| ApiError::invalid_parameter(FILTERS[0]))?;
    let mut ids = None;
    for (name, value) in pairs.iter().filter(|(name, _)| FILTERS.contains(&name.as_str())) {
        let ids: &mut Vec<AppInstanceId> = ids.get_or_insert_default();
        for text in value.split(',') {
            let id = text.trim().parse().ok().filter(|_| ids.len() < FILTERED);
            ids.push(id.ok_or_else(|| ApiError::invalid_parameter(name))?);
        }
    }
    Ok(ids)
}

/// An instance as it is answered, with what runs on it or else waits first.
fn to_wire(instance: AppInstance, open: &[OpenJob]) -> Result<AppInstanceInfo, DbError> {
    let begun = |job: &&OpenJob| job.state != JobState::Queued.as_str();
    let shown = open.iter().find(begun).or_else(|| open.first());
    Ok(AppInstanceInfo {
        operational_status: instance.status()?,
        app_instance_id: instance.id,
        app_package_id: instance.package,
        app_name: instance.name,
        app_id: instance.app,
        app_descriptor: instance.description,
        mec_host: instance.host,
        applcm_host: instance.controller_ip.map(|ip| ip.to_string()),
        operation_info: instance.info,
        operation: shown.map(|job| OperationInfo {
            id: OperationId(job.id),
            kind: job.kind.clone(),
            state: job.state.clone(),
            step: job.step.clone(),
            attempt: job.attempt,
            since: wire_time(job.step_since),
        }),
    })
}

pub(crate) async fn all_of(
    tx: &mut Tx,
    tenant: TenantId,
    ids: Option<&[AppInstanceId]>,
) -> Result<Vec<AppInstanceInfo>, DbError> {
    let instances = match ids {
        Some(ids) => app_instances::list_of(tx, tenant, ids).await?,
        None => app_instances::list(tx, tenant).await?,
    };
    let subjects: Vec<String> = instances.iter().map(|instance| instance.id.to_string()).collect();
    let mut open: HashMap<String, Vec<OpenJob>> = HashMap::new();
    for job in open_of_subjects(tx, &subjects).await? {
        open.entry(job.subject.clone()).or_default().push(job);
    }
    instances
        .into_iter()
        .zip(subjects)
        .map(|(instance, subject)| to_wire(instance, open.get(&subject).map_or(&[], Vec::as_slice)))
        .collect()
}

/// All instances of the tenant, or those that the filter names, oldest first.
#[utoipa::path(
    get, path = "/appo/v1/tenants/{tenant_id}/app_instance_infos", tag = "app instances",
    params(
        ("appinstanceids" = Option<String>, Query, description = "Ids, separated by commas or given again and again; at most 1,000"),
        ("appInstId" = Option<String>, Query, description = "The same by its other name"),
    ),
    responses(
        (status = 200, description = "Oldest first", body = Answer<Vec<AppInstanceInfo>>),
        (status = 404, description = "Nothing matches", body = ErrorBody),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    query: Filter,
) -> ApiResult<Json<Answer<Vec<AppInstanceInfo>>>> {
    let ids = filter(query)?;
    let mut tx = app.core.db.begin_read().await?;
    let response = all_of(&mut tx, tenant, ids.as_deref()).await?;
    if response.is_empty() {
        return Err(ApiError::not_found());
    }
    Ok(Json(Answer { response }))
}

/// The same filter as the portal writes it.
#[utoipa::path(
    get, path = "/appo/v1/tenants/{tenant_id}/app_instance_infos/appinstanceids", tag = "app instances",
    params(
        ("appinstanceids" = Option<String>, Query, description = "Ids, separated by commas or given again and again; at most 1,000"),
        ("appInstId" = Option<String>, Query, description = "The same by its other name"),
    ),
    responses(
        (status = 200, description = "Oldest first", body = Answer<Vec<AppInstanceInfo>>),
        (status = 404, description = "Nothing matches", body = ErrorBody),
    )
)]
pub(super) async fn list_as_the_portal_asks(
    state: State<App>,
    url: Url<(TenantId,)>,
    query: Filter,
) -> ApiResult<Json<Answer<Vec<AppInstanceInfo>>>> {
    list(state, url, query).await
}

/// One instance. While it is Creating the answer waits a little for it to leave that state: the portal looks once.
#[utoipa::path(
    get, path = "/appo/v1/tenants/{tenant_id}/app_instance_infos/{app_instance_id}", tag = "app instances",
    responses(
        (status = 200, description = "Where it stands", body = Answer<AppInstanceInfo>),
        (status = 404, description = "There is no such instance", body = ErrorBody),
    )
)]
pub(super) async fn one(
    State(app): State<App>,
    Url((tenant, id)): Url<(TenantId, AppInstanceId)>,
) -> ApiResult<Json<Answer<AppInstanceInfo>>> {
    let core = &app.core;
    let until = Instant::now() + core.settings.long_poll;
    let watch = app.engine.watch(&id.to_string());
    let (mut wait, longest) = LOOKS;
    loop {
        // Before looking, so that what happens in between is not missed.
        let told = watch.next();
        let info = read(core, tenant, id).await?;
        let waits = info.operational_status == OperationalStatus::Creating && Instant::now() < until;
        if !waits || app.engine.is_stopping() {
            return Ok(Json(Answer { response: info }));
        }
        // Either way it looks again.
        drop(timeout(wait, told).await);
        wait = (wait * 2).min(longest);
    }
}

async fn read(core: &Core, tenant: TenantId, id: AppInstanceId) -> Result<AppInstanceInfo, ApiError> {
    let mut tx = core.db.begin_read().await?;
    let instance = app_instances::get(&mut tx, tenant, id).await?;
    let instance = instance.ok_or_else(|| ApiError::no_such_element(no_record(id)))?;
    let open = open_of_subject(&mut tx, &id.to_string()).await?;
    Ok(to_wire(instance, &open)?)
}
