//! What is locked, as long as the transaction lasts.

use mecm_common::db::{DbError, Tx, advisory_lock};
use mecm_common::models::ids::TenantId;

use crate::blobs::Digest;

/// "apmb", "apmt" and "apmT" in ASCII: apart from whatever else uses advisory locks in this database.
const BLOB: i32 = 0x6170_6d62;
const TENANT: i32 = 0x6170_6d74;
const TENANTS: i32 = 0x6170_6d54;

/// Keeps others from putting or removing the file of this digest. Two digests that share a lock only wait for each
/// other.
pub(crate) async fn blob(tx: &mut Tx, digest: &Digest) -> Result<(), DbError> {
    let key = u32::from_str_radix(&digest.as_str()[..8], 16).unwrap_or_default();
    advisory_lock(tx, BLOB, key).await
}

/// Keeps others from adding packages for this tenant, so that a quota holds. Take it before [`blob`].
pub(crate) async fn tenant(tx: &mut Tx, tenant: TenantId) -> Result<(), DbError> {
    let (key, ..) = tenant.0.as_fields();
    advisory_lock(tx, TENANT, key).await
}

/// Keeps other tenants from adding their first package, so that the number of tenants holds. Take it after [`tenant`] and
/// before [`blob`].
pub(crate) async fn tenants(tx: &mut Tx) -> Result<(), DbError> {
    advisory_lock(tx, TENANTS, 0).await
}
