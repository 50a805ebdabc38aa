//! The SQL of the engine: enqueue, claim, renew, record. Everything a running job writes is conditional on its lease.

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::TenantId;
use mecm_common::{execute, fetch_all, fetch_one, fetch_optional};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::job::{Job, JobState, NewJob};

#[derive(sqlx::FromRow)]
struct Claimed {
    id: Uuid,
    seq: i64,
    tenant: Uuid,
    kind: String,
    subject: String,
    batch: Option<Uuid>,
    step: String,
    attempt: i32,
    stop: bool,
    input: Json<Value>,
    memo: Json<Value>,
    secret: Option<Vec<u8>>,
    request_id: String,
    traceparent: Option<String>,
    created: DateTime<Utc>,
    started: Option<DateTime<Utc>>,
    step_since: DateTime<Utc>,
    lane: Option<String>,
}

pub(crate) const FAIR_BASE: &str = "SELECT COALESCE(MAX(base), 0) FROM (
    SELECT MAX(fair) AS base FROM jobs WHERE ended IS NULL AND tenant = $1
    UNION ALL SELECT MIN(fair) FROM jobs WHERE ended IS NULL AND (state <> 'waiting' OR lane IS NOT NULL)) AS tags";

pub(crate) const INSERT: &str =
    "INSERT INTO jobs (id, tenant, kind, step, subject, batch, fair, state, stop, attempt,
    step_since, run_at, input, memo, warnings, secret, request_id, traceparent, created)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, 0, $9, $9, $10, $11, $12, $13, $14, $15, $9)";

/// Rows per statement of the bulk insert: 14 binds each, 65,535 at most.
const BULK: usize = 1_000;

/// Writes jobs in the caller's transaction. They run once it is committed; call
/// [`Engine::wake`](crate::Engine::wake) then.
///
/// On PostgreSQL the caller holds a lock on what `subject` names, so that jobs of one subject commit in order.
pub async fn enqueue(tx: &mut Tx, jobs: &[NewJob], now: DateTime<Utc>) -> Result<(), DbError> {
    let Some(first) = jobs.first() else { return Ok(()) };
    let (base,): (i64,) = fetch_one!(tx, FAIR_BASE, first.tenant);
    match tx {
        Tx::Postgres(tx) => {
            for (chunk_number, chunk) in jobs.chunks(BULK).enumerate() {
                let mut insert = sqlx::QueryBuilder::<sqlx::Postgres>::new(
                    "INSERT INTO jobs (id, tenant, kind, step, subject, batch, fair, state, stop, attempt, step_since,
                     run_at, input, memo, warnings, secret, request_id, traceparent, created) ",
                );
                insert.push_values(chunk.iter().enumerate(), |mut row, (n, job)| {
                    row.push_bind(job.id)
                        .push_bind(job.tenant)
                        .push_bind(job.kind)
                        .push_bind(job.step)
                        .push_bind(&job.subject)
                        .push_bind(job.batch)
                        .push_bind(base + 1 + (chunk_number * BULK + n) as i64)
                        .push("'queued', false, 0")
                        .push_bind(now)
                        .push_bind(now)
                        .push_bind(Json(&job.input))
                        .push("'{}'::jsonb, '[]'::jsonb")
                        .push_bind(&job.secret)
                        .push_bind(&job.request_id)
                        .push_bind(&job.traceparent)
                        .push_bind(now);
                });
                insert.build().execute(&mut **tx).await?;
            }
        }
        sqlite => {
            for (n, job) in jobs.iter().enumerate() {
                execute!(
                    &mut *sqlite,
                    INSERT,
                    job.id,
                    job.tenant,
                    job.kind,
                    job.step,
                    &job.subject,
                    job.batch,
                    base + 1 + n as i64,
                    false,
                    now,
                    Json(&job.input),
                    Json(serde_json::json!({})),
                    Json(Vec::<String>::new()),
                    &job.secret,
                    &job.request_id,
                    &job.traceparent,
                );
            }
        }
    }
    Ok(())
}

pub(crate) const CLAIM_POSTGRES: &str = "UPDATE jobs SET state = 'running', lease = $1, owner = $2,
    lease_until = clock_timestamp() + $3 * interval '1 second', attempt = attempt + 1,
    step_since = CASE WHEN started IS NULL THEN $4 ELSE step_since END, started = COALESCE(started, $4)
    WHERE seq IN (SELECT seq FROM jobs AS due
        WHERE ended IS NULL
        AND ((state <> 'running' AND run_at <= $4) OR (state = 'running' AND lease_until < clock_timestamp() AND owner <> $2))
        AND ($5::uuid IS NULL OR tenant <> $5)
        AND NOT EXISTS (SELECT 1 FROM jobs AS older
            WHERE older.subject = due.subject AND older.ended IS NULL AND older.seq < due.seq)
        ORDER BY fair, seq LIMIT $6 FOR UPDATE SKIP LOCKED)
    RETURNING id, seq, tenant, kind, subject, batch, step, attempt, stop, input, memo, secret, request_id, traceparent,
    created, started, step_since, lane";

pub(crate) const CLAIM_SQLITE: &str = "UPDATE jobs SET state = 'running', lease = $1, owner = $2,
    lease_until = $3, attempt = attempt + 1,
    step_since = CASE WHEN started IS NULL THEN $4 ELSE step_since END, started = COALESCE(started, $4)
    WHERE seq IN (SELECT seq FROM jobs AS due
        WHERE ended IS NULL AND state <> 'running' AND run_at <= $4
        AND ($5 IS NULL OR tenant <> $5)
        AND NOT EXISTS (SELECT 1 FROM jobs AS older
            WHERE older.subject = due.subject AND older.ended IS NULL AND older.seq < due.seq)
        ORDER BY fair, seq LIMIT $6)
    RETURNING id, seq, tenant, kind, subject, batch, step, attempt, stop, input, memo, secret, request_id, traceparent,
    created, started, step_since, lane";

/// Leases at most `most` due jobs, fairest first, leaving out one tenant that has its share already. Leases of others
/// that have run out are taken over; our own are not: where their task lives on, the step would run twice at once
/// ([`give_back_orphans`] is for the rest). SQLite has one process.
pub(crate) async fn claim(
    tx: &mut Tx,
    owner: &str,
    lease_seconds: i64,
    now: DateTime<Utc>,
    without: Option<TenantId>,
    most: i64,
) -> Result<Vec<Job>, DbError> {
    let lease = Uuid::new_v4();
    let without = without.map(|tenant| tenant.0);
    let rows: Vec<Claimed> = match tx {
        Tx::Postgres(tx) => {
            sqlx::query_as(CLAIM_POSTGRES)
                .bind(lease)
                .bind(owner)
                .bind(lease_seconds as f64)
                .bind(now)
                .bind(without)
                .bind(most)
                .fetch_all(&mut **tx)
                .await?
        }
        Tx::Sqlite(tx) => {
            sqlx::query_as(CLAIM_SQLITE)
                .bind(lease)
                .bind(owner)
                .bind(now + chrono::TimeDelta::seconds(lease_seconds))
                .bind(now)
                .bind(without)
                .bind(most)
                .fetch_all(&mut **tx)
                .await?
        }
    };
    let mut jobs: Vec<Job> = rows
        .into_iter()
        .map(|row| Job {
            id: row.id,
            seq: row.seq,
            tenant: TenantId(row.tenant),
            kind: row.kind,
            subject: row.subject,
            batch: row.batch,
            step: row.step,
            attempt: row.attempt,
            fresh: false,
            stop: row.stop,
            input: row.input.0,
            memo: row.memo.0,
            secret: row.secret,
            request_id: row.request_id,
            traceparent: row.traceparent,
            created: row.created,
            started: row.started.unwrap_or(now),
            step_since: row.step_since,
            lane: row.lane,
            lease,
        })
        .collect();
    jobs.sort_by_key(|job| job.seq);
    Ok(jobs)
}

pub(crate) const RENEW_POSTGRES: &str =
    "UPDATE jobs SET lease_until = clock_timestamp() + $2 * interval '1 second'
    WHERE owner = $1 AND state = 'running' AND ended IS NULL
    AND id IN (SELECT jsonb_array_elements_text($3)::uuid)";
pub(crate) const RENEW_SQLITE: &str =
    "UPDATE jobs SET lease_until = $2 WHERE owner = $1 AND state = 'running' AND ended IS NULL
    AND id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($3))";

/// Renews the leases of the jobs that this process works on. A lease that another has taken over has that one as its
/// owner.
pub(crate) async fn renew(
    tx: &mut Tx,
    owner: &str,
    living: &[Uuid],
    lease_seconds: i64,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    let living = Json(living);
    match tx {
        tx @ Tx::Postgres(_) => Ok(execute!(tx, RENEW_POSTGRES, owner, lease_seconds as f64, living)),
        tx => Ok(execute!(
            tx,
            RENEW_SQLITE,
            owner,
            now + chrono::TimeDelta::seconds(lease_seconds),
            living
        )),
    }
}

pub(crate) const HELD: &str =
    "SELECT COUNT(*) FROM jobs WHERE owner = $1 AND state = 'running' AND ended IS NULL";
pub(crate) const ORPHANS_POSTGRES: &str =
    "UPDATE jobs SET state = 'waiting', lease = NULL, lease_until = NULL,
    owner = NULL, run_at = $2 WHERE owner = $1 AND state = 'running' AND ended IS NULL
    AND lease_until < clock_timestamp() AND id NOT IN (SELECT jsonb_array_elements_text($3)::uuid)";
pub(crate) const ORPHANS_SQLITE: &str = "UPDATE jobs SET state = 'waiting', lease = NULL, lease_until = NULL,
    owner = NULL, run_at = $2 WHERE owner = $1 AND state = 'running' AND ended IS NULL
    AND lease_until < $2 AND id NOT IN (SELECT unhex(replace(value, '-', '')) FROM json_each($3))";

/// How many leases this process has, by the database.
pub(crate) async fn held(tx: &mut Tx, owner: &str) -> Result<i64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, HELD, owner);
    Ok(count)
}

/// Gives up the leases of this process on which nobody here works: the answer to their claim was lost, or their outcome
/// could not be recorded. Only when they have run out, since a job may have been claimed a moment ago.
pub(crate) async fn give_back_orphans(
    tx: &mut Tx,
    owner: &str,
    living: &[Uuid],
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    let sql = tx.pick(ORPHANS_POSTGRES, ORPHANS_SQLITE);
    Ok(execute!(tx, sql, owner, now, Json(living)))
}

pub(crate) const GIVE_BACK: &str =
    "UPDATE jobs SET state = 'waiting', lease = NULL, lease_until = NULL, owner = NULL,
    run_at = $2 WHERE owner = $1 AND state = 'running' AND ended IS NULL";

/// Gives up all leases of `owner`: at a stop, and at a start for what a crash left.
pub(crate) async fn give_back(tx: &mut Tx, owner: &str, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, GIVE_BACK, owner, now))
}

/// Where a recorded step leaves its job.
pub(crate) struct Recorded<'a> {
    pub(crate) step: &'a str,
    pub(crate) state: JobState,
    pub(crate) attempt: i32,
    pub(crate) step_since: DateTime<Utc>,
    pub(crate) run_at: DateTime<Utc>,
    pub(crate) lane: Option<&'a str>,
    pub(crate) memo: &'a Value,
    pub(crate) reason: Option<&'a str>,
}

pub(crate) const RECORD: &str = "UPDATE jobs SET step = $3, state = $4, attempt = $5, run_at = $6, memo = $7, reason = $8,
    lane = $9, step_since = $10, lease = NULL, lease_until = NULL, owner = NULL WHERE id = $1 AND lease = $2 RETURNING stop";
pub(crate) const RECORD_RUNNING: &str =
    "UPDATE jobs SET step = $3, attempt = $4, memo = $5, step_since = $6, lane = NULL
    WHERE id = $1 AND lease = $2 RETURNING stop";
pub(crate) const RECORD_END: &str =
    "UPDATE jobs SET step = $3, state = $4, memo = $5, reason = $6, ended = $7, lease = NULL,
    lease_until = NULL, owner = NULL, lane = NULL, secret = NULL WHERE id = $1 AND lease = $2 RETURNING stop";

pub(crate) const LOCK_POSTGRES: &str =
    "SELECT seq FROM jobs WHERE id IN (SELECT jsonb_array_elements_text($1)::uuid) ORDER BY seq FOR UPDATE";

/// Keeps these jobs from changing, in the order in which [`lock_open`](crate::lock_open) takes them.
pub(crate) async fn lock(tx: &mut Tx, jobs: &[Uuid]) -> Result<(), DbError> {
    if matches!(tx, Tx::Postgres(_)) {
        let _locked: Vec<(i64,)> = fetch_all!(tx, LOCK_POSTGRES, Json(jobs));
    }
    Ok(())
}

/// Writes where a job stands now, if the lease is still its lease. Gives whether it was asked to stop, or `None` when
/// the lease is lost: then nothing was written.
pub(crate) async fn record(
    tx: &mut Tx,
    job: &Job,
    to: &Recorded<'_>,
    now: DateTime<Utc>,
) -> Result<Option<bool>, DbError> {
    let memo = Json(to.memo);
    let row: Option<(bool,)> = match to.state {
        JobState::Running => {
            fetch_optional!(
                tx,
                RECORD_RUNNING,
                job.id,
                job.lease,
                to.step,
                to.attempt,
                memo,
                to.step_since
            )
        }
        JobState::Queued | JobState::Waiting => fetch_optional!(
            tx,
            RECORD,
            job.id,
            job.lease,
            to.step,
            to.state.as_str(),
            to.attempt,
            to.run_at,
            memo,
            to.reason,
            to.lane,
            to.step_since
        ),
        ended => fetch_optional!(
            tx,
            RECORD_END,
            job.id,
            job.lease,
            to.step,
            ended.as_str(),
            memo,
            to.reason,
            now
        ),
    };
    Ok(row.map(|(stop,)| stop))
}

pub(crate) const ADD_STEP: &str = "INSERT INTO job_steps (job, step, attempts, started, ended, outcome)
    VALUES ($1, $2, $3, $4, $5, $6)";

/// Adds an ended step to the job's history.
pub(crate) async fn add_step(
    tx: &mut Tx,
    job: &Job,
    started: DateTime<Utc>,
    now: DateTime<Utc>,
    outcome: &str,
) -> Result<(), DbError> {
    execute!(
        tx,
        ADD_STEP,
        job.id,
        &job.step,
        job.attempt,
        started,
        now,
        outcome
    );
    Ok(())
}

pub(crate) const READ_WARNINGS: &str = "SELECT warnings FROM jobs WHERE id = $1";
pub(crate) const WRITE_WARNINGS: &str = "UPDATE jobs SET warnings = $2 WHERE id = $1";

/// Adds warnings to a job, each text once.
pub(crate) async fn add_warnings(tx: &mut Tx, job: Uuid, warnings: &[String]) -> Result<(), DbError> {
    if warnings.is_empty() {
        return Ok(());
    }
    let (Json(mut all),): (Json<Vec<String>>,) = fetch_one!(tx, READ_WARNINGS, job);
    for warning in warnings {
        if !all.contains(warning) {
            all.push(warning.clone());
        }
    }
    execute!(tx, WRITE_WARNINGS, job, Json(all));
    Ok(())
}

pub(crate) const BUSY: &str =
    "SELECT COUNT(*) FROM jobs WHERE ended IS NULL AND (state = 'running' OR (run_at <= $1
    AND NOT EXISTS (SELECT 1 FROM jobs AS older
        WHERE older.subject = jobs.subject AND older.ended IS NULL AND older.seq < jobs.seq)))";

/// How many jobs are leased, or due with nothing of their subject before them.
pub(crate) async fn busy(tx: &mut Tx, now: DateTime<Utc>) -> Result<i64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, BUSY, now);
    Ok(count)
}
