//! Batches: one row per batch call; what became of it is counted from its jobs.

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Tx};
use mecm_common::execute;
use mecm_common::models::ids::{BatchId, TenantId};

const INSERT: &str =
    "INSERT INTO batches (id, tenant, kind, asked, taken, created) VALUES ($1, $2, $3, $4, $5, $6)";
const SWEEP: &str = "DELETE FROM batches WHERE created < $1
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.batch = batches.id)";

/// Adds a batch of `asked` items of which `taken` were accepted.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: BatchId,
    tenant: TenantId,
    kind: &str,
    (asked, taken): (usize, usize),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    execute!(tx, INSERT, id, tenant, kind, count(asked), count(taken), now);
    Ok(())
}

/// Deletes batches made before `before` of which no job is kept any more.
pub(crate) async fn sweep(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, SWEEP, before))
}

#[cfg(test)]
pub(crate) const STATEMENTS: [&str; 2] = [INSERT, SWEEP];
