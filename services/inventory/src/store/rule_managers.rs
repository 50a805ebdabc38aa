//! App rule managers.

use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::models::rule_manager::RuleManager;
use mecm_common::{execute, fetch_all, fetch_one, fetch_optional};

const INSERT: &str =
    "INSERT INTO rule_managers (tenant, ip, name, port, user_name) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant, ip) DO NOTHING";
const UPDATE: &str =
    "UPDATE rule_managers SET name = $3, port = $4, user_name = $5 WHERE tenant = $1 AND ip = $2";
const LIST: &str = "SELECT ip, name, port, user_name FROM rule_managers WHERE tenant = $1 ORDER BY seq";
const GET: &str = "SELECT ip, name, port, user_name FROM rule_managers WHERE tenant = $1 AND ip = $2";
const DELETE: &str = "DELETE FROM rule_managers WHERE tenant = $1 AND ip = $2";
const DELETE_ALL: &str = "DELETE FROM rule_managers WHERE tenant = $1";
const COUNT: &str = "SELECT count(*) FROM rule_managers WHERE tenant = $1";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INSERT, UPDATE, LIST, GET, DELETE, DELETE_ALL, COUNT];

#[derive(sqlx::FromRow)]
struct Row {
    ip: String,
    name: String,
    port: String,
    user_name: Option<String>,
}

impl From<Row> for RuleManager {
    fn from(row: Row) -> Self {
        Self {
            app_rule_ip: Some(row.ip),
            app_rule_name: Some(row.name),
            app_rule_port: Some(row.port),
            user_name: row.user_name,
        }
    }
}

/// Adds one; `false` when the tenant has one of that IP.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    new: &RuleManager,
) -> Result<bool, DbError> {
    let added = execute!(
        tx,
        INSERT,
        tenant,
        ip,
        &new.app_rule_name,
        &new.app_rule_port,
        &new.user_name,
    );
    Ok(added == 1)
}

/// Replaces what one holds; `false` when it is not there.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    new: &RuleManager,
) -> Result<bool, DbError> {
    let changed = execute!(
        tx,
        UPDATE,
        tenant,
        ip,
        &new.app_rule_name,
        &new.app_rule_port,
        &new.user_name,
    );
    Ok(changed == 1)
}

/// All of a tenant, oldest first.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<RuleManager>, DbError> {
    let rows: Vec<Row> = fetch_all!(tx, LIST, tenant);
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One.
pub(crate) async fn get(tx: &mut Tx, tenant: TenantId, ip: HostIp) -> Result<Option<RuleManager>, DbError> {
    let row: Option<Row> = fetch_optional!(tx, GET, tenant, ip);
    Ok(row.map(Into::into))
}

/// Deletes one; `false` when it is not there.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, ip: HostIp) -> Result<bool, DbError> {
    Ok(execute!(tx, DELETE, tenant, ip) == 1)
}

/// Deletes all of a tenant; how many there were.
pub(crate) async fn delete_all(tx: &mut Tx, tenant: TenantId) -> Result<u64, DbError> {
    Ok(execute!(tx, DELETE_ALL, tenant))
}

/// How many a tenant has.
pub(crate) async fn count(tx: &mut Tx, tenant: TenantId) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, COUNT, tenant);
    Ok(count.unsigned_abs())
}
