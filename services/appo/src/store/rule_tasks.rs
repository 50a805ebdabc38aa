//! Tasks that change an instance's rules.

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::{AppInstanceId, TaskId, TenantId};
use mecm_common::{execute, fetch_optional};

use super::app_instances::cut;

/// A task as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct RuleTask {
    pub(crate) instance: AppInstanceId,
    pub(crate) manager_task: Option<String>,
    pub(crate) result: String,
    pub(crate) detailed: String,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Success,
    Failure,
}

const INSERT: &str = "INSERT INTO rule_tasks (id, tenant, instance, result, detailed, created)
    VALUES ($1, $2, $3, 'PROCESSING', '', $4)
    ON CONFLICT (id) DO UPDATE SET result = 'PROCESSING', detailed = '', manager_task = NULL, ended = NULL,
    created = excluded.created";
const GET: &str =
    "SELECT instance, manager_task, result, detailed FROM rule_tasks WHERE tenant = $1 AND id = $2";
const END: &str =
    "UPDATE rule_tasks SET result = $2, detailed = $3, manager_task = COALESCE($4, manager_task), ended = $5
    WHERE id = $1 AND ended IS NULL";
const SWEEP: &str = "DELETE FROM rule_tasks WHERE ended IS NOT NULL AND created < $1 AND ended < $1";
const DROP_OLDEST: &str = "DELETE FROM rule_tasks WHERE ended IS NOT NULL AND tenant = $1 AND seq < (
    SELECT MIN(seq) FROM (SELECT seq FROM rule_tasks WHERE tenant = $1 ORDER BY seq DESC LIMIT $2) AS newest)";

/// The most tasks kept of one tenant; the oldest finished ones go first.
const KEPT: i64 = 10_000;

/// Adds a task under way. The task of a descriptor's own rules is begun anew with each instantiate.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: TaskId,
    tenant: TenantId,
    instance: AppInstanceId,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    execute!(&mut *tx, INSERT, id, tenant, instance, now);
    execute!(&mut *tx, DROP_OLDEST, tenant, KEPT);
    Ok(())
}

/// One task.
pub(crate) async fn get(tx: &mut Tx, tenant: TenantId, id: TaskId) -> Result<Option<RuleTask>, DbError> {
    Ok(fetch_optional!(tx, GET, tenant, id))
}

/// Ends a task; one that has ended stays as it is.
pub(crate) async fn end(
    tx: &mut Tx,
    id: TaskId,
    ended: Ended,
    detailed: &str,
    manager_task: Option<&str>,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    let result = match ended {
        Ended::Success => "SUCCESS",
        Ended::Failure => "FAILURE",
    };
    Ok(execute!(tx, END, id, result, cut(detailed), manager_task, now))
}

/// Deletes tasks that had ended before `before`.
pub(crate) async fn sweep(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, SWEEP, before))
}

#[cfg(test)]
pub(crate) const STATEMENTS: [&str; 5] = [INSERT, GET, END, SWEEP, DROP_OLDEST];
