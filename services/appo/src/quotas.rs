//! How many instances a tenant may have, and how many tenants may have any.

use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::TenantId;
use mecm_common::service::ApiError;

use crate::core::Core;
use crate::store::app_instances;

/// Whether the tenant may have so many more instances: the inner error is the 409 that says which limit is reached.
pub(crate) async fn of(
    core: &Core,
    tx: &mut Tx,
    tenant: TenantId,
    more: usize,
) -> Result<Result<(), ApiError>, DbError> {
    let settings = &core.settings;
    let there = app_instances::count(tx, tenant).await?;
    if there.saturating_add(more as u64) > settings.app_instances {
        let text = format!(
            "at most {} application instances per tenant",
            settings.app_instances
        );
        return Ok(Err(ApiError::quota(text)));
    }
    if there == 0 && more > 0 {
        app_instances::lock_tenants(tx).await?;
        if app_instances::count_tenants(tx).await? >= settings.tenants {
            return Ok(Err(ApiError::quota(format!("tenants: {}", settings.tenants))));
        }
    }
    Ok(Ok(()))
}
