//! What a route asks the database, with nothing around it, for `mecm bench api`: what the layers cost is measured against
//! this. Nothing else calls it.

use mecm_common::db::{Db, DbError};
use mecm_common::models::app_instance::AppInstanceInfo;
use mecm_common::models::ids::TenantId;

/// As `GET /app_instance_infos`.
///
/// # Errors
/// The database's.
pub async fn infos(db: &Db, tenant: TenantId) -> Result<Vec<AppInstanceInfo>, DbError> {
    let mut tx = db.begin_read().await?;
    crate::routes::infos::all_of(&mut tx, tenant, None).await
}
