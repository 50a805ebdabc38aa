//! What some routes ask the database, with nothing around it, for `mecm bench api`: what the layers cost is measured against
//! these. Nothing else calls them.

use mecm_common::db::{Db, DbError};
use mecm_common::models::application::Application;
use mecm_common::models::host::{Capabilities, HostInfo};
use mecm_common::models::ids::{HostIp, TenantId};

use crate::routes::applications::stored;
use crate::store::holdings::{self, Kind};
use crate::store::{applications, capabilities as offered, hosts};

/// As `GET /mechosts/{ip}`.
///
/// # Errors
/// The database's.
pub async fn host(db: &Db, tenant: TenantId, ip: HostIp) -> Result<Option<HostInfo>, DbError> {
    let mut read = db.read().await?;
    Ok(hosts::get(&mut read, tenant, ip).await?.map(HostInfo::from))
}

/// As `GET /mechosts/{ip}/capabilities`.
///
/// # Errors
/// The database's.
pub async fn capabilities(db: &Db, tenant: TenantId, ip: HostIp) -> Result<Option<Capabilities>, DbError> {
    let mut read = db.read().await?;
    offered::get(&mut read, tenant, ip).await
}

/// As `POST /mechosts/{ip}/apps`, with no limit to what a tenant has; `false` where that would refuse.
///
/// # Errors
/// The database's.
pub async fn add_application(
    db: &Db,
    tenant: TenantId,
    ip: HostIp,
    new: Application,
) -> Result<bool, DbError> {
    let Ok(new) = stored(new) else {
        return Ok(false);
    };
    let mut tx = db.begin_write().await?;
    let Some(host) = hosts::hold(&mut tx, tenant, ip).await? else {
        return Ok(false);
    };
    let added = applications::insert(&mut tx, tenant, host, &new).await?;
    holdings::add(&mut tx, tenant, Kind::Applications).await?;
    tx.commit().await?;
    Ok(added)
}
