//! App rules of application instances.

use mecm_common::db::{DbError, Read, Tx};
use mecm_common::models::app_rule::AppRuleConfig;
use mecm_common::models::ids::{AppInstanceId, TenantId};
use mecm_common::{execute, fetch_optional};
use sqlx::types::Json;

const INSERT: &str = "INSERT INTO app_rules (tenant, instance, rules) VALUES ($1, $2, $3)
    ON CONFLICT (tenant, instance) DO NOTHING";
const UPDATE: &str = "UPDATE app_rules SET rules = $3 WHERE tenant = $1 AND instance = $2";
const GET: &str = "SELECT rules FROM app_rules WHERE tenant = $1 AND instance = $2";
const DELETE: &str = "DELETE FROM app_rules WHERE tenant = $1 AND instance = $2";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INSERT, UPDATE, GET, DELETE];

/// Adds the rules of an instance; `false` when it has some.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    instance: AppInstanceId,
    rules: &AppRuleConfig,
) -> Result<bool, DbError> {
    Ok(execute!(tx, INSERT, tenant, instance, Json(rules)) == 1)
}

/// Replaces the rules of an instance; `false` when it has none.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    instance: AppInstanceId,
    rules: &AppRuleConfig,
) -> Result<bool, DbError> {
    Ok(execute!(tx, UPDATE, tenant, instance, Json(rules)) == 1)
}

/// The rules of an instance.
pub(crate) async fn get(
    read: &mut Read,
    tenant: TenantId,
    instance: AppInstanceId,
) -> Result<Option<AppRuleConfig>, DbError> {
    let row: Option<(Json<AppRuleConfig>,)> = fetch_optional!(read, GET, tenant, instance);
    Ok(row.map(|(rules,)| rules.0))
}

/// Deletes the rules of an instance; `false` when it has none.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, instance: AppInstanceId) -> Result<bool, DbError> {
    Ok(execute!(tx, DELETE, tenant, instance) == 1)
}
