//! Onboarding from an app store, by URL: the way of EdgeGallery's portal.

use std::collections::HashSet;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use mecm_common::auth::Caller;
use mecm_common::client::KeptCaller;
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::models::package::{NULL_PATH, OnboardRequest, OnboardedPackage};
use mecm_common::service::{ApiError, ApiResult, Body, RequestInfo, Url};
use mecm_jobs::{NewJob, enqueue};
use serde_json::Value;
use uuid::Uuid;

use crate::App;
use crate::store::packages::{self, NewPackage, Said};
use crate::store::{hosts, locks};
use crate::{keep, onboarding};

/// Takes a package in that an app store has. The answer goes out once that is written down; then the file is fetched with the
/// caller's token, checked and kept, and the hosts become `Distributed`, or `Error` with the reason. Sent again for a package
/// that is there, it replaces what is said of it; hosts that are named begin anew, others stay as they are, and the file is
/// fetched only where it is missing.
#[utoipa::path(
    post, path = "/apm/v1/tenants/{tenant_id}/packages", tag = "packages",
    request_body = OnboardRequest,
    responses(
        (status = 202, description = "Written down; the file is being fetched", body = OnboardedPackage),
        (status = 400, description = "A constraint of a parameter or of the body is broken", body = ErrorBody),
        (status = 409, description = "The tenant has as many packages, or the package as many hosts, as it may", body = ErrorBody),
    )
)]
pub(super) async fn onboard(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    Caller(caller): Caller,
    Extension(info): Extension<RequestInfo>,
    Body(new): Body<OnboardRequest>,
) -> ApiResult<(StatusCode, Json<OnboardedPackage>)> {
    let hosts = named(&new)?;
    let package = announced(tenant, new)?;
    keep::host_quota(&app, hosts.len())?;
    let now = app.clock.now();
    let job = Uuid::new_v4();
    let job = NewJob {
        id: job,
        tenant,
        kind: onboarding::KIND,
        subject: onboarding::subject(tenant, package.id),
        batch: None,
        step: onboarding::FIRST,
        input: Value::Null,
        secret: Some(KeptCaller::of(&caller).seal(&app.sealer, job)),
        request_id: info.request_id,
        traceparent: info.traceparent,
    };
    let _place = app.keeping.acquire().await;
    let mut tx = app.db.begin_write().await?;
    locks::tenant(&mut tx, tenant).await?;
    onboarding::stop(&mut tx, tenant, package.id, "onboarded anew", now).await?;
    let seq = match packages::describe(&mut tx, &package, now).await? {
        Some(seq) => seq,
        None => {
            keep::quota(&app, &mut tx, tenant).await?;
            packages::insert(&mut tx, &package, None, now).await?
        }
    };
    hosts::announce(&mut tx, seq, &hosts).await?;
    let all = hosts::count(&mut tx, seq).await?;
    keep::host_quota(&app, usize::try_from(all).unwrap_or(usize::MAX))?;
    enqueue(&mut tx, &[job], now).await?;
    tx.commit().await?;
    app.engine.wake();
    let told = OnboardedPackage {
        package_id: package.id,
    };
    Ok((StatusCode::ACCEPTED, Json(told)))
}

/// The hosts, each once, in order.
fn named(new: &OnboardRequest) -> ApiResult<Vec<HostIp>> {
    let mut known = HashSet::new();
    let mut all = Vec::new();
    for host in &new.mec_host_info {
        let ip = host.host_ip.as_deref().and_then(|ip| ip.parse().ok());
        let ip: HostIp = ip.ok_or_else(incomplete)?;
        if known.insert(ip) {
            all.push(ip);
        }
    }
    Ok(all)
}

/// A body that was validated, as it is written down.
fn announced(tenant: TenantId, new: OnboardRequest) -> ApiResult<NewPackage> {
    let null_path = || ApiError::new(StatusCode::BAD_REQUEST, "package_path_is_null", NULL_PATH);
    let path = new.app_pkg_path.ok_or_else(null_path)?;
    let id = new.app_pkg_id.and_then(|id| id.parse().ok());
    let app_id = new.app_id.and_then(|id| id.parse().ok());
    Ok(NewPackage {
        tenant,
        id: id.ok_or_else(incomplete)?,
        app_id: app_id.ok_or_else(incomplete)?,
        name: new.app_pkg_name.ok_or_else(incomplete)?,
        version: new.app_pkg_version.ok_or_else(incomplete)?,
        said: Said {
            path: Some(path),
            provider: new.app_provider,
            description: new.app_pkg_desc,
            affinity: new.app_pkg_affinity,
            icon_url: new.app_icon_url,
        },
    })
}

fn incomplete() -> ApiError {
    ApiError::internal("a validated package lacks a required member")
}
