//! What was done with a tenant's keys, and which log-ins were refused. The newest of each are kept, for some time.

use chrono::{DateTime, TimeDelta, Utc};
use mecm_common::db::{DbError, Read, Tx};
use mecm_common::models::credential::AuditRecord;
use mecm_common::models::ids::TenantId;
use mecm_common::service::wire_time;
use mecm_common::{execute, fetch_all};

/// Changes of a tenant that are kept, and refusals: each has its own, so that a stranger who is refused again and again does not
/// push out what was done.
pub(crate) const KEPT: i64 = 1_000;
/// And so long.
const AGE: TimeDelta = TimeDelta::days(90);
/// Refusals that are alike are one record for so long.
const ALIKE: TimeDelta = TimeDelta::minutes(1);

const CHANGED: &str = "INSERT INTO audit (tenant, refusal, number, at, who, what, access_key, source, times)
    SELECT $1, false, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, 1
    FROM audit WHERE tenant = $1 AND NOT refusal";
const FORGET_CHANGES: &str = "DELETE FROM audit WHERE tenant = $1 AND NOT refusal
    AND number <= (SELECT max(number) FROM audit WHERE tenant = $1 AND NOT refusal) - $2";
/// Of the three for a refusal each finds nothing to do where there is no such key: whether there is one must not be seen from
/// how long it takes.
const REFUSED_AGAIN: &str = "UPDATE audit SET times = times + 1 WHERE seq = (SELECT max(seq) FROM audit
    WHERE tenant = (SELECT tenant FROM credentials WHERE access_key = $1) AND refusal AND access_key = $1 AND what = $2
    AND coalesce(source, '') = $3 AND at > $4)";
const REFUSED: &str = "INSERT INTO audit (tenant, refusal, number, at, who, what, access_key, source, times)
    SELECT c.tenant, true, (SELECT coalesce(max(number), 0) + 1 FROM audit WHERE tenant = c.tenant AND refusal), $5, c.name,
    CAST($2 AS text), c.access_key, nullif(CAST($3 AS text), ''), 1
    FROM credentials c WHERE c.access_key = $1 AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.tenant = c.tenant AND a.refusal
        AND a.access_key = $1 AND a.what = $2 AND coalesce(a.source, '') = $3 AND a.at > $4)";
const FORGET_REFUSALS: &str =
    "DELETE FROM audit WHERE tenant = (SELECT tenant FROM credentials WHERE access_key = $1)
    AND refusal AND number <= (SELECT max(number) FROM audit
        WHERE tenant = (SELECT tenant FROM credentials WHERE access_key = $1) AND refusal) - $2";
const FORGET_OLD: &str = "DELETE FROM audit WHERE at < $1";
const LIST: &str =
    "SELECT at, who, what, access_key, source, times FROM audit WHERE tenant = $1 ORDER BY at, seq";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    CHANGED,
    FORGET_CHANGES,
    REFUSED_AGAIN,
    REFUSED,
    FORGET_REFUSALS,
    FORGET_OLD,
    LIST,
];

/// What somebody did with a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) who: &'a str,
    pub(crate) what: &'static str,
    pub(crate) access_key: &'a str,
    pub(crate) source: Option<&'a str>,
}

/// Records a change, in the transaction that makes it.
pub(crate) async fn changed(tx: &mut Tx, change: Change<'_>, now: DateTime<Utc>) -> Result<(), DbError> {
    let Change {
        tenant,
        who,
        what,
        access_key,
        source,
    } = change;
    execute!(tx, CHANGED, tenant, now, who, what, access_key, source);
    execute!(tx, FORGET_CHANGES, tenant, KEPT);
    execute!(tx, FORGET_OLD, now - AGE);
    Ok(())
}

/// Records a refused log-in, where there is such a key.
pub(crate) async fn refused(
    tx: &mut Tx,
    access_key: &str,
    what: &str,
    source: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let since = now - ALIKE;
    execute!(tx, REFUSED_AGAIN, access_key, what, source, since);
    execute!(tx, REFUSED, access_key, what, source, since, now);
    execute!(tx, FORGET_REFUSALS, access_key, KEPT);
    execute!(tx, FORGET_OLD, now - AGE);
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    at: DateTime<Utc>,
    who: String,
    what: String,
    access_key: String,
    source: Option<String>,
    times: i64,
}

/// All that is kept of a tenant, oldest first.
pub(crate) async fn list(read: &mut Read, tenant: TenantId) -> Result<Vec<AuditRecord>, DbError> {
    let rows: Vec<Row> = fetch_all!(read, LIST, tenant);
    let record = |row: Row| AuditRecord {
        time: wire_time(row.at),
        who: row.who,
        what: row.what,
        access_key: row.access_key,
        source: row.source,
        times: row.times,
    };
    Ok(rows.into_iter().map(record).collect())
}
