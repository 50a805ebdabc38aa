//! What can be read of jobs, and the two things that others may do to them: stop and wake.

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Tx};
use mecm_common::{execute, fetch_all};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::job::JobState;

/// A job that has not ended, as far as its subject's reader needs it.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct OpenJob {
    pub id: Uuid,
    pub kind: String,
    pub subject: String,
    pub step: String,
    pub state: String,
    pub attempt: i32,
    pub step_since: DateTime<Utc>,
}

/// A job that was ended before it began.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct NeverBegun {
    pub id: Uuid,
    pub kind: String,
    pub input: Json<Value>,
}

/// A job as its history shows it.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct JobRow {
    pub id: Uuid,
    pub seq: i64,
    pub kind: String,
    pub subject: String,
    pub step: String,
    pub state: String,
    pub stop: bool,
    pub attempt: i32,
    pub step_since: DateTime<Utc>,
    pub input: Json<Value>,
    pub memo: Json<Value>,
    pub warnings: Json<Vec<String>>,
    pub reason: Option<String>,
    pub created: DateTime<Utc>,
    pub started: Option<DateTime<Utc>>,
    pub ended: Option<DateTime<Utc>>,
}

impl JobRow {
    /// Where it stands.
    pub fn state(&self) -> Result<JobState, DbError> {
        JobState::parse(&self.state)
    }
}

/// A step that has ended.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct StepRow {
    pub step: String,
    pub attempts: i32,
    pub started: DateTime<Utc>,
    pub ended: DateTime<Utc>,
    pub outcome: String,
}

pub(crate) const COLUMNS_OPEN: &str =
    "SELECT id, kind, subject, step, state, attempt, step_since FROM jobs WHERE subject = $1 AND ended IS NULL
    ORDER BY seq";
pub(crate) const COLUMNS_ALL: &str =
    "SELECT id, seq, kind, subject, step, state, stop, attempt, step_since, input, memo, warnings, reason,
    created, started, ended FROM jobs WHERE subject = $1 ORDER BY seq";
pub(crate) const OPEN_POSTGRES: &str = "SELECT id, kind, subject, step, state, attempt, step_since FROM jobs
    WHERE ended IS NULL AND subject IN (SELECT jsonb_array_elements_text($1)) ORDER BY seq";
pub(crate) const OPEN_SQLITE: &str = "SELECT id, kind, subject, step, state, attempt, step_since FROM jobs
    WHERE ended IS NULL AND subject IN (SELECT value FROM json_each($1)) ORDER BY seq";
pub(crate) const LOCK_POSTGRES: &str = "SELECT seq FROM jobs
    WHERE ended IS NULL AND subject IN (SELECT jsonb_array_elements_text($1)) ORDER BY seq FOR UPDATE";

/// The jobs of a subject that have not ended, oldest first.
pub async fn open_of_subject(tx: &mut Tx, subject: &str) -> Result<Vec<OpenJob>, DbError> {
    Ok(fetch_all!(tx, COLUMNS_OPEN, subject))
}

/// The jobs of these subjects that have not ended, oldest first.
pub async fn open_of_subjects(tx: &mut Tx, subjects: &[String]) -> Result<Vec<OpenJob>, DbError> {
    let sql = tx.pick(OPEN_POSTGRES, OPEN_SQLITE);
    Ok(fetch_all!(tx, sql, Json(subjects)))
}

/// Keeps the jobs of these subjects from being recorded until the transaction ends. Whoever changes both jobs and what
/// they work on takes the jobs first, as the engine does: two at once then cannot wait for each other.
pub async fn lock_open(tx: &mut Tx, subjects: &[String]) -> Result<(), DbError> {
    if matches!(tx, Tx::Postgres(_)) {
        let _locked: Vec<(i64,)> = fetch_all!(tx, LOCK_POSTGRES, Json(subjects));
    }
    Ok(())
}

/// All jobs of a subject that are still kept, oldest first.
pub async fn of_subject(tx: &mut Tx, subject: &str) -> Result<Vec<JobRow>, DbError> {
    Ok(fetch_all!(tx, COLUMNS_ALL, subject))
}

pub(crate) const END_QUEUED: &str =
    "UPDATE jobs SET state = 'cancelled', reason = $2, ended = $3, secret = NULL
    WHERE subject = $1 AND state = 'queued' AND ended IS NULL
    RETURNING id, kind, input";
pub(crate) const STOP_BEGUN: &str = "UPDATE jobs SET stop = $2,
    run_at = CASE WHEN state = 'waiting' AND run_at > $3 THEN $3 ELSE run_at END
    WHERE subject = $1 AND ended IS NULL";

/// Stops everything of a subject: what never began is ended as cancelled and given back; what has begun is asked to stop
/// and does so at its next step boundary. Returns the cancelled ones and how many were asked.
pub async fn stop_subject(
    tx: &mut Tx,
    subject: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(Vec<NeverBegun>, u64), DbError> {
    let ended: Vec<NeverBegun> = fetch_all!(tx, END_QUEUED, subject, reason, now);
    let asked = execute!(tx, STOP_BEGUN, subject, true, now);
    Ok((ended, asked))
}

pub(crate) const WAKE_SUBJECT: &str =
    "UPDATE jobs SET run_at = $2 WHERE subject = $1 AND ended IS NULL AND state = 'waiting'
    AND run_at > $2";

/// Makes what waits on a subject due now.
pub async fn wake_subject(tx: &mut Tx, subject: &str, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, WAKE_SUBJECT, subject, now))
}

pub(crate) const SWEEP: &str =
    "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE ended IS NOT NULL AND ended < $1 LIMIT $2)";

/// Deletes at most `most` jobs that ended before `before`, with their steps.
pub async fn sweep(tx: &mut Tx, before: DateTime<Utc>, most: i64) -> Result<u64, DbError> {
    Ok(execute!(tx, SWEEP, before, most))
}
