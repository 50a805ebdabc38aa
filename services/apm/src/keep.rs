//! A received file becomes a package: put in its place and written down, all or nothing. A package goes with its file when
//! no other package has the same.

use std::io;
use std::time::Duration;

use mecm_common::db::{Db, DbError, Tx};
use mecm_common::models::ids::{HostIp, PackageId, TenantId};
use mecm_common::models::package::DistributionStatus;
use mecm_common::service::ApiError;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Stock;
use crate::blobs::{Blobs, Digest, Received};
use crate::onboarding;
use crate::store::packages::{CheckedFile, FileOf, NewPackage};
use crate::store::{hosts, locks, packages};

/// How often the store is looked through for files that no package refers to.
const SWEEP: Duration = Duration::from_secs(3_600);

/// Keeps a checked package: the file gets into place within the transaction that writes it down, under the lock that keeps
/// it from being removed. Without images to be pulled it is distributed at once. Goes on to its end when the caller goes away.
///
/// # Errors
/// 409 over a quota, 507 on a full disk; nothing is kept then.
pub(crate) async fn keep(
    stock: &Stock,
    package: NewPackage,
    file: CheckedFile,
    received: Received,
    hosts: Vec<HostIp>,
) -> Result<(), ApiError> {
    let stock = stock.clone();
    to_the_end(async move {
        // Few at once: each holds a connection while it waits for the tenant's lock and for the disk.
        let _place = stock.keeping.acquire().await;
        let mut tx = stock.db.begin_write().await?;
        locks::tenant(&mut tx, package.tenant).await?;
        quota(&stock, &mut tx, package.tenant).await?;
        locks::blob(&mut tx, &received.digest).await?;
        let seq = packages::insert(&mut tx, &package, Some(&file), stock.clock.now()).await?;
        hosts::add(&mut tx, seq, &hosts, DistributionStatus::Distributed, Some("")).await?;
        put(&stock, tx, received).await
    })
    .await
}

/// Gives an announced package its file, fetched from `path` and checked, and ends the way of its hosts; all or nothing, as
/// [`keep`]. `false`: the package is gone, has a file, or comes from elsewhere by now.
///
/// # Errors
/// 507 on a full disk; nothing is kept then.
pub(crate) async fn arrive(
    stock: &Stock,
    seq: i64,
    path: &str,
    file: CheckedFile,
    received: Received,
) -> Result<bool, ApiError> {
    let (stock, path) = (stock.clone(), path.to_owned());
    to_the_end(async move {
        let _place = stock.keeping.acquire().await;
        let mut tx = stock.db.begin_write().await?;
        locks::blob(&mut tx, &file.digest).await?;
        if !packages::set_file(&mut tx, seq, &path, &file).await? {
            return Ok(false);
        }
        hosts::end(&mut tx, seq, DistributionStatus::Distributed, "").await?;
        put(&stock, tx, received).await?;
        Ok(true)
    })
    .await
}

/// Puts a file in its place and commits what refers to it. The caller holds [`locks::blob`].
async fn put(stock: &Stock, tx: Tx, received: Received) -> Result<(), ApiError> {
    let digest = received.digest.clone();
    if let Err(error) = stock.blobs.put(received).await {
        drop(tx.rollback().await);
        // It may be in its place already.
        forget_file(stock, &digest).await;
        return Err(ApiError::from_io(error));
    }
    if let Err(error) = tx.commit().await {
        // The file is in its place and may have no row.
        forget_file(stock, &digest).await;
        return Err(error.into());
    }
    Ok(())
}

/// Whether the tenant may have one more package. The caller holds [`locks::tenant`].
pub(crate) async fn quota(stock: &Stock, tx: &mut Tx, tenant: TenantId) -> Result<(), ApiError> {
    let limits = &stock.config.limits;
    let there = packages::count(tx, tenant).await?;
    if there >= limits.records {
        return Err(ApiError::quota(format!("packages: {}", limits.records)));
    }
    if there == 0 {
        locks::tenants(tx).await?;
        if packages::count_tenants(tx).await? >= limits.tenants {
            return Err(ApiError::quota(format!("tenants: {}", limits.tenants)));
        }
    }
    Ok(())
}

/// Whether a package may be for so many hosts.
///
/// # Errors
/// 409 when not.
pub(crate) fn host_quota(stock: &Stock, hosts: usize) -> Result<(), ApiError> {
    let most = stock.config.limits.records;
    if hosts as u64 > most {
        return Err(ApiError::quota(format!("hosts of a package: {most}")));
    }
    Ok(())
}

/// Removes a package, and its file when no other package has the same. `false`: there was none. Goes on to its end when the
/// caller goes away.
///
/// # Errors
/// Those of the database.
pub(crate) async fn remove(stock: &Stock, tenant: TenantId, id: PackageId) -> Result<bool, ApiError> {
    let stock = stock.clone();
    to_the_end(async move {
        let mut tx = stock.db.begin_write().await?;
        // What fetches it stops.
        onboarding::stop(&mut tx, tenant, id, "the package was deleted", stock.clock.now()).await?;
        let Some(file) = packages::delete(&mut tx, tenant, id).await? else {
            return Ok(false);
        };
        tx.commit().await?;
        if let FileOf::Present(digest) = file {
            forget_file(&stock, &digest).await;
        }
        Ok(true)
    })
    .await
}

/// Runs work that must not stop in the middle, between file and row, when the connection of the one who asked for it closes.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let ended = tokio::spawn(work.in_current_span()).await;
    ended.map_err(ApiError::internal)?
}

/// Removes a file to which no row refers. What fails here is made good by the next sweep.
async fn forget_file(stock: &Stock, digest: &Digest) {
    if let Err(error) = remove_unreferred(&stock.db, &stock.blobs, digest).await {
        tracing::warn!(%error, sha256 = digest.as_str(), "a package's file could not be removed; the next sweep will");
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

/// Removes files that a crash left between the file and its row. Takes no lock while there are none.
pub(crate) async fn sweep(db: &Db, blobs: &Blobs) -> Result<(), SweepError> {
    let files = blobs.all().await?;
    let mut tx = db.begin_read().await?;
    let referred = packages::digests(&mut tx).await?;
    drop(tx);
    for digest in files.iter().filter(|file| !referred.contains(file.as_str())) {
        if remove_unreferred(db, blobs, digest).await? {
            tracing::info!(
                sha256 = digest.as_str(),
                "a file that no package refers to is removed"
            );
        }
    }
    Ok(())
}

/// Sweeps now and then: processes that share the store live for months, and each may die at any moment.
pub(crate) async fn sweep_until(db: Db, blobs: Blobs, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        if let Err(error) = sweep(&db, &blobs).await {
            tracing::warn!(%error, "the package store could not be swept");
        }
    }
}
