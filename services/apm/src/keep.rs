//! A received file becomes a package: checked, put in its place, written down, all or nothing. A package goes with its file
//! when no other package has the same.

use std::io;

use mecm_common::db::{Db, DbError};
use mecm_common::models::ids::{HostIp, PackageId, TenantId};
use mecm_common::models::package::{
    Dependency, DistributionStatus, OperationalInfo, ProducedService, WantedService,
};
use mecm_common::service::ApiError;
use mecm_csar::{CsarError, Package};

use crate::App;
use crate::blobs::{Blobs, Digest, Received};
use crate::store::packages::{CheckedFile, FileOf, NewPackage};
use crate::store::{hosts, locks, packages};

/// Checks a received file, off the threads that serve requests. Gives the file back with what it says about itself.
///
/// # Errors
/// 400 with the reason when it is no valid package.
pub(crate) async fn check(app: &App, received: Received) -> Result<(Received, CheckedFile), ApiError> {
    let policy = app.policy.clone();
    let (received, checked) = tokio::task::spawn_blocking(move || {
        let checked = mecm_csar::check(io::BufReader::new(&received.file), &policy);
        (received, checked)
    })
    .await
    .map_err(ApiError::internal)?;
    let package = checked.map_err(|error| match error {
        CsarError::Io(error) => ApiError::from_io(error),
        refused => ApiError::new(
            http::StatusCode::BAD_REQUEST,
            "invalid_package",
            refused.to_string(),
        ),
    })?;
    let file = CheckedFile {
        digest: received.digest.clone(),
        size: received.size,
        operational_info: operational_info(&package),
        warnings: package.warnings,
    };
    Ok((received, file))
}

/// What a package says about itself, as it is shown.
fn operational_info(package: &Package) -> OperationalInfo {
    let said = &package.descriptor;
    let wanted = |services: &[mecm_csar::Service]| {
        let wanted = services.iter().map(|service| WantedService {
            ser_name: service.ser_name.clone(),
            version: service.version.clone(),
            app_id: service.app_id.clone(),
            package_id: service.package_id.clone(),
        });
        wanted.collect()
    };
    let rules = |name: &str| {
        let rules = said.rules.as_ref().and_then(|rules| rules[name].as_array());
        rules.map_or(0, |rules| rules.len() as u64)
    };
    OperationalInfo {
        provider: said.provider.clone(),
        name: said.name.clone(),
        version: said.version.clone(),
        images: package.images.clone(),
        services_required: wanted(&said.services_required),
        services_optional: wanted(&said.services_optional),
        services_produced: said
            .services_produced
            .iter()
            .map(|service| ProducedService {
                ser_name: service.ser_name.clone(),
                version: service.version.clone(),
            })
            .collect(),
        traffic_rules: rules("appTrafficRule"),
        dns_rules: rules("appDNSRule"),
        dependencies: said
            .dependencies
            .iter()
            .map(|need| Dependency {
                name: need.name.clone(),
                app_id: need.app_id.clone(),
                package_id: need.package_id.clone(),
            })
            .collect(),
    }
}

/// Keeps a checked package: the file gets into place within the transaction that writes it down, under the lock that keeps
/// it from being removed. Without images to be pulled it is distributed at once.
///
/// # Errors
/// 409 over a quota, 507 on a full disk; nothing is kept then.
pub(crate) async fn keep(
    app: &App,
    package: &NewPackage,
    received: Received,
    hosts: &[HostIp],
) -> Result<(), ApiError> {
    let limits = &app.config.limits;
    let digest = received.digest.clone();
    let mut tx = app.db.begin_write().await?;
    locks::tenant(&mut tx, package.tenant).await?;
    let there = packages::count(&mut tx, package.tenant).await?;
    if there >= limits.records {
        return Err(ApiError::quota(format!("packages: {}", limits.records)));
    }
    if there == 0 && packages::count_tenants(&mut tx).await? >= limits.tenants {
        return Err(ApiError::quota(format!("tenants: {}", limits.tenants)));
    }
    locks::blob(&mut tx, &digest).await?;
    let seq = packages::insert(&mut tx, package, app.clock.now()).await?;
    hosts::add(&mut tx, seq, hosts, DistributionStatus::Distributed, Some("")).await?;
    app.blobs.put(received).await.map_err(ApiError::from_io)?;
    if let Err(error) = tx.commit().await {
        // The file is in its place and may have no row.
        forget_file(app, &digest).await;
        return Err(error.into());
    }
    Ok(())
}

/// Removes a package, and its file when no other package has the same. `false`: there was none.
///
/// # Errors
/// Those of the database.
pub(crate) async fn remove(app: &App, tenant: TenantId, id: PackageId) -> Result<bool, ApiError> {
    let mut tx = app.db.begin_write().await?;
    let Some(file) = packages::delete(&mut tx, tenant, id).await? else {
        return Ok(false);
    };
    tx.commit().await?;
    if let FileOf::Present(digest) = file {
        forget_file(app, &digest).await;
    }
    Ok(true)
}

/// Removes a file to which no row refers. What fails here is made good by the sweep at the next start.
async fn forget_file(app: &App, digest: &Digest) {
    if let Err(error) = remove_unreferred(&app.db, &app.blobs, digest).await {
        tracing::warn!(%error, sha256 = digest.as_str(), "a package's file could not be removed; the next start will");
    }
}

/// Why the store could not be swept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

async fn remove_unreferred(db: &Db, blobs: &Blobs, digest: &Digest) -> Result<bool, SweepError> {
    let mut tx = db.begin_write().await?;
    locks::blob(&mut tx, digest).await?;
    if packages::is_referred_to(&mut tx, digest).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    blobs.remove(digest).await?;
    tx.commit().await?;
    Ok(true)
}

/// Removes files that a crash left between the file and its row.
pub(crate) async fn sweep(db: &Db, blobs: &Blobs) -> Result<(), SweepError> {
    for digest in blobs.all().await? {
        if remove_unreferred(db, blobs, &digest).await? {
            tracing::info!(
                sha256 = digest.as_str(),
                "a file that no package refers to is removed"
            );
        }
    }
    Ok(())
}
