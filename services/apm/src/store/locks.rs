//! Locks that last as long as the transaction: among all processes on PostgreSQL. On SQLite a writing transaction is the
//! only one anyway.

use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::TenantId;

use crate::blobs::Digest;

/// Advisory locks of two keys: what kind of thing, and which.
pub(crate) const LOCK: &str = "SELECT pg_advisory_xact_lock($1, $2)";

/// "apmb", "apmt" and "apmT" in ASCII: apart from whatever else uses advisory locks in this database.
const BLOB: i32 = 0x6170_6d62;
const TENANT: i32 = 0x6170_6d74;
const TENANTS: i32 = 0x6170_6d54;

/// Keeps others from putting or removing the file of this digest. Two digests that share a lock only wait for each
/// other.
pub(crate) async fn blob(tx: &mut Tx, digest: &Digest) -> Result<(), DbError> {
    let key = u32::from_str_radix(&digest.as_str()[..8], 16).unwrap_or_default();
    lock(tx, BLOB, key).await
}

/// Keeps others from adding packages for this tenant, so that a quota holds. Take it before [`blob`].
pub(crate) async fn tenant(tx: &mut Tx, tenant: TenantId) -> Result<(), DbError> {
    let (key, ..) = tenant.0.as_fields();
    lock(tx, TENANT, key).await
}

/// Keeps other tenants from adding their first package, so that the number of tenants holds. Take it after [`tenant`] and
/// before [`blob`].
pub(crate) async fn tenants(tx: &mut Tx) -> Result<(), DbError> {
    lock(tx, TENANTS, 0).await
}

async fn lock(tx: &mut Tx, kind: i32, key: u32) -> Result<(), DbError> {
    if let Tx::Postgres(tx) = tx {
        sqlx::query(LOCK)
            .bind(kind)
            .bind(key.cast_signed())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
