//! Packages: list, read, delete; and the record of one host.

use axum::Json;
use axum::extract::State;
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{HostIp, PackageId, TenantId};
use mecm_common::models::package::AppPackage;
use mecm_common::service::{ApiError, ApiResult, Url};

use crate::App;
use crate::keep;
use crate::store::{hosts, packages};

/// What a deletion is answered with, as plain text.
const SUCCESS: &str = "success";

/// All packages of the tenant, oldest first.
#[utoipa::path(
    get, path = "/apm/v1/tenants/{tenant_id}/packages", tag = "packages",
    responses(
        (status = 200, description = "Oldest first; an empty list when there is none", body = Vec<AppPackage>),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
) -> ApiResult<Json<Vec<AppPackage>>> {
    let mut tx = app.db.begin_read().await?;
    let rows = packages::list(&mut tx, tenant).await?;
    let mut hosts = hosts::of_tenant(&mut tx, tenant).await?;
    let all = rows.into_iter().map(|row| {
        let of_it = hosts.remove(&row.seq).unwrap_or_default();
        row.into_package(of_it)
    });
    Ok(Json(all.collect()))
}

/// One package.
#[utoipa::path(
    get, path = "/apm/v1/tenants/{tenant_id}/packages/{app_package_id}", tag = "packages",
    responses(
        (status = 200, description = "The package", body = AppPackage),
        (status = 404, description = "There is no such package", body = ErrorBody),
    )
)]
pub(super) async fn one(
    State(app): State<App>,
    Url((tenant, id)): Url<(TenantId, PackageId)>,
) -> ApiResult<Json<AppPackage>> {
    let mut tx = app.db.begin_read().await?;
    let row = packages::get(&mut tx, tenant, id).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    let hosts = hosts::of_package(&mut tx, row.seq).await?;
    Ok(Json(row.into_package(hosts)))
}

/// Deletes a package: its rows, and its file when no other package has the same.
#[utoipa::path(
    delete, path = "/apm/v1/tenants/{tenant_id}/packages/{app_package_id}", tag = "packages",
    responses(
        (status = 200, description = "It is gone", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such package", body = ErrorBody),
    )
)]
pub(super) async fn delete(
    State(app): State<App>,
    Url((tenant, id)): Url<(TenantId, PackageId)>,
) -> ApiResult<&'static str> {
    if keep::remove(&app, tenant, id).await? {
        Ok(SUCCESS)
    } else {
        Err(ApiError::not_found())
    }
}

/// Deletes the record of one host; the package stays. Nothing there is fine, as with v1.0.
#[utoipa::path(
    delete, path = "/apm/v1/tenants/{tenant_id}/packages/{app_package_id}/hosts/{host_ip}", tag = "packages",
    responses(
        (status = 200, description = "There is no such record any more", body = String, content_type = "text/plain"),
    )
)]
pub(super) async fn delete_host(
    State(app): State<App>,
    Url((tenant, id, host)): Url<(TenantId, PackageId, HostIp)>,
) -> ApiResult<&'static str> {
    let mut tx = app.db.begin_write().await?;
    hosts::delete(&mut tx, tenant, id, host).await?;
    tx.commit().await?;
    Ok(SUCCESS)
}
