//! Edge hosts: `/mechosts`.

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue};
use mecm_common::db::Tx;
use mecm_common::models::error::ErrorBody;
use mecm_common::models::host::{Host, HostInfo};
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::service::query::Force;
use mecm_common::service::{ApiError, ApiResult, Body, Url};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::queries::HostQuery;
use super::{Done, agreed, counted, key};
use crate::App;
use crate::store::applications::{self, Running};
use crate::store::holdings::{self, Kind};
use crate::store::hosts as store;

/// Where the cursor of the next page is answered.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
/// So many of the applications that keep a host from being deleted are named.
const MOST_NAMED: i64 = 10;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list, delete_all))
        .routes(routes!(replace, get, delete))
}

/// Adds an edge host.
#[utoipa::path(
    post, path = "/inventory/v1/tenants/{tenant_id}/mechosts", tag = "edge hosts", request_body = Host,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or there is one of that IP", body = ErrorBody),
        (status = 409, description = "The tenant has as many as it may have", body = ErrorBody),
    )
)]
async fn add(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Body(new): Body<Host>,
) -> ApiResult<Json<Done>> {
    let ip = key(new.mechost_ip.as_deref())?;
    let mut tx = app.db.begin_write().await?;
    if !store::insert(&mut tx, tenant, ip, &new, app.clock.now()).await? {
        return Err(ApiError::already_exists());
    }
    counted(&app, &mut tx, tenant, Kind::Hosts).await?;
    tx.commit().await?;
    Ok(Done::saved())
}

/// Replaces an edge host: what is absent becomes null, a list empty. Its applications, software capabilities and
/// `configUploadStatus` stay.
#[utoipa::path(
    put, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}", tag = "edge hosts", request_body = Host,
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 400, description = "A constraint of a parameter or of the body is broken, or their IPs differ", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn replace(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
    Body(new): Body<Host>,
) -> ApiResult<Json<Done>> {
    agreed(
        ip,
        new.mechost_ip.as_deref(),
        "mechost IP in body and url is different",
    )?;
    let mut tx = app.db.begin_write().await?;
    if !store::update(&mut tx, tenant, ip, &new, app.clock.now()).await? {
        return Err(ApiError::not_found());
    }
    tx.commit().await?;
    Ok(Done::updated())
}

/// The hosts of the tenant that offer all that is asked for, oldest first; without a question, all.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/mechosts", tag = "edge hosts",
    params(
        ("hwCapabilities" = Option<String>, Query, description = "Hardware types, joined by commas: the host offers all"),
        ("swCapabilities" = Option<String>, Query, description = "Names of software capabilities, joined by commas: the host offers all"),
        ("city" = Option<String>, Query, description = "Its city, exactly"),
        ("affinity" = Option<String>, Query, description = "A member of its affinity list"),
        ("limit" = Option<u32>, Query, description = "At most so many; without, all"),
        ("cursor" = Option<String>, Query, description = "X-Next-Cursor of the page before"),
    ),
    responses(
        (status = 200, description = "At least one", body = Vec<HostInfo>, headers(
            ("X-Next-Cursor" = String, description = "With limit, where there are more: the cursor of the next page"))),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn list(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    HostQuery(mut wanted): HostQuery,
) -> ApiResult<(HeaderMap, Json<Vec<HostInfo>>)> {
    let page = wanted.limit;
    // One more than a page holds tells whether there is another.
    wanted.limit = page.map(|limit| limit + 1);
    let mut read = app.db.read().await?;
    let mut found = store::list(&mut read, tenant, &wanted).await?;
    let mut headers = HeaderMap::new();
    if let Some(page) = page.and_then(|page| usize::try_from(page).ok())
        && found.len() > page
    {
        found.truncate(page);
        headers.extend(
            found
                .last()
                .map(|last| (NEXT_CURSOR, HeaderValue::from(last.seq))),
        );
    }
    if found.is_empty() {
        return Err(ApiError::not_found());
    }
    Ok((headers, Json(found.into_iter().map(Into::into).collect())))
}

/// One edge host.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}", tag = "edge hosts",
    responses(
        (status = 200, description = "It", body = HostInfo),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
async fn get(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
) -> ApiResult<Json<HostInfo>> {
    let mut read = app.db.read().await?;
    let one = store::get(&mut read, tenant, ip).await?;
    one.map(|host| Json(host.into())).ok_or_else(ApiError::not_found)
}

/// Deletes an edge host and the records of what is on it. Refused while an application on it is `Instantiated`, unless
/// forced: its record would go, and it would run on.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}", tag = "edge hosts",
    params(
        ("force" = Option<bool>, Query, description = "Delete it although applications run there"),
    ),
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 412, description = "Applications run there", body = ErrorBody),
    )
)]
async fn delete(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
    Force(force): Force,
) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    let host = store::lock(&mut tx, tenant, ip)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if !force {
        refuse_running(applications::running_on(&mut tx, host, MOST_NAMED).await?)?;
    }
    remove(&mut tx, tenant, &[host]).await?;
    tx.commit().await?;
    Ok(Done::deleted())
}

/// Deletes all edge hosts of the tenant and the records of what is on them; refused as for one.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/mechosts", tag = "edge hosts",
    params(
        ("force" = Option<bool>, Query, description = "Delete them although applications run there"),
    ),
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "There is none", body = ErrorBody),
        (status = 412, description = "Applications run there", body = ErrorBody),
    )
)]
async fn delete_all(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Force(force): Force,
) -> ApiResult<Json<Done>> {
    let mut tx = app.db.begin_write().await?;
    // A host that is added meanwhile stays: what is deleted is what was looked at.
    let hosts = store::lock_all(&mut tx, tenant).await?;
    if hosts.is_empty() {
        return Err(ApiError::not_found());
    }
    if !force {
        refuse_running(applications::running(&mut tx, tenant, MOST_NAMED).await?)?;
    }
    remove(&mut tx, tenant, &hosts).await?;
    tx.commit().await?;
    Ok(Done::deleted())
}

/// Deletes hosts that were locked, with what is on them.
async fn remove(tx: &mut Tx, tenant: TenantId, hosts: &[i64]) -> ApiResult<()> {
    let applications = applications::delete_on(tx, hosts).await?;
    let hosts = store::delete(tx, hosts).await?;
    holdings::remove(tx, tenant, Kind::Applications, applications).await?;
    holdings::remove(tx, tenant, Kind::Hosts, hosts).await?;
    Ok(())
}

/// 412 when there is an application that runs: its record would go with the host, and it would run on.
fn refuse_running(running: Vec<Running>) -> ApiResult<()> {
    if running.is_empty() {
        return Ok(());
    }
    let named = running
        .into_iter()
        .map(|app| format!("{} ({}) on {}", app.name, app.id, app.ip));
    Err(ApiError::precondition("mechost has applications").details(named))
}
