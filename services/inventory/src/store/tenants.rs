//! The tenants that have records here.

use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::TenantId;
use mecm_common::{execute, fetch_one};

/// Taken before anything is added: on PostgreSQL the row is locked until the transaction ends, so that two additions of
/// one tenant are counted one after the other. SQLite has one writer anyway.
const HOLD: &str =
    "INSERT INTO tenants (tenant) VALUES ($1) ON CONFLICT (tenant) DO UPDATE SET tenant = excluded.tenant";
/// How many came before: a tenant that is in stays in.
const COUNT_OLDER: &str =
    "SELECT count(*) FROM tenants WHERE seq < (SELECT seq FROM tenants WHERE tenant = $1)";
const FORGET_EMPTY: &str = "DELETE FROM tenants WHERE tenant <> $1
    AND NOT EXISTS (SELECT 1 FROM hosts r WHERE r.tenant = tenants.tenant)
    AND NOT EXISTS (SELECT 1 FROM lcm_controllers r WHERE r.tenant = tenants.tenant)
    AND NOT EXISTS (SELECT 1 FROM rule_managers r WHERE r.tenant = tenants.tenant)
    AND NOT EXISTS (SELECT 1 FROM app_stores r WHERE r.tenant = tenants.tenant)
    AND NOT EXISTS (SELECT 1 FROM app_rules r WHERE r.tenant = tenants.tenant)";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[HOLD, COUNT_OLDER, FORGET_EMPTY];

/// Takes note of a tenant that is about to add a record, and keeps its other additions waiting until the transaction ends.
/// `false`: it would be one more than `most` tenants with records.
pub(crate) async fn hold(tx: &mut Tx, tenant: TenantId, most: u64) -> Result<bool, DbError> {
    execute!(tx, HOLD, tenant);
    if older(tx, tenant).await? < most {
        return Ok(true);
    }
    execute!(tx, FORGET_EMPTY, tenant);
    Ok(older(tx, tenant).await? < most)
}

async fn older(tx: &mut Tx, tenant: TenantId) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, COUNT_OLDER, tenant);
    Ok(count.unsigned_abs())
}
