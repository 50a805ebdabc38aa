//! Outcomes become rows: one task writes for all, as many as there are in one commit. On SQLite a commit is a wait for
//! the disk; a thousand hosts in one batch must not wait for it one after another.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mecm_common::clock::Clock;
use mecm_common::db::{Db, DbError, Tx};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::job::{Job, JobState, Outcome, Step, backoff};
use crate::{store, turns};

/// The most outcomes in one transaction.
const MOST: usize = 128;
/// How long one that waits for its turn waits at most before it looks again; it is woken when its turn comes.
const TURN_FALLBACK: TimeDelta = TimeDelta::seconds(30);

/// A step that has ended, on its way into the database.
pub(crate) struct Record {
    pub(crate) job: Arc<Job>,
    pub(crate) step: Arc<Step>,
    pub(crate) step_started: DateTime<Utc>,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The job goes on in this process, at this step.
    Goes {
        step: &'static str,
        /// Whether it has been asked to stop.
        stop: bool,
        /// Since when this step is the present one.
        since: DateTime<Utc>,
    },
    /// The job waits until then, or has ended (`None`).
    Rests(Option<DateTime<Utc>>),
    /// Another process has the job now: nothing was written.
    LeaseLost,
    /// The database would not take it.
    Failed(DbError),
}

/// Writes outcomes until all senders are gone.
pub(crate) async fn run(db: Db, clock: Clock, mut records: mpsc::Receiver<Record>, wake: Arc<Notify>) {
    let mut batch = Vec::with_capacity(MOST);
    while records.recv_many(&mut batch, MOST).await > 0 {
        write_all(&db, &clock, std::mem::take(&mut batch), &wake).await;
    }
}

async fn write_all(db: &Db, clock: &Clock, batch: Vec<Record>, wake: &Notify) {
    match try_write(db, clock, &batch).await {
        Ok(replies) => {
            for (record, reply) in batch.into_iter().zip(replies) {
                drop(record.reply.send(reply));
            }
        }
        // One that cannot be written must not take the others with it: each alone.
        Err(_) if batch.len() > 1 => {
            for record in batch {
                Box::pin(write_all(db, clock, vec![record], wake)).await;
            }
        }
        Err(error) => {
            for record in batch {
                drop(
                    record
                        .reply
                        .send(Reply::Failed(DbError::Inconsistent(error.to_string()))),
                );
            }
            tracing::warn!(error = %error, "a step's outcome could not be recorded; it will be tried again");
        }
    }
    // Something may have become due: a successor of the same subject, the next in a lane.
    wake.notify_one();
}

async fn try_write(db: &Db, clock: &Clock, batch: &[Record]) -> Result<Vec<Reply>, DbError> {
    let mut tx = db.begin_write().await?;
    let mut replies = Vec::with_capacity(batch.len());
    for record in batch {
        replies.push(write_one(&mut tx, clock.now(), record).await?);
    }
    tx.commit().await?;
    Ok(replies)
}

async fn write_one(tx: &mut Tx, now: DateTime<Utc>, record: &Record) -> Result<Reply, DbError> {
    let Record {
        job,
        step,
        step_started,
        ..
    } = record;
    let memo = step.memo.as_ref().unwrap_or(&job.memo);
    let same = |state: JobState, run_at: DateTime<Utc>, attempt: i32| store::Recorded {
        step: &job.step,
        state,
        attempt,
        step_since: *step_started,
        run_at,
        lane: None,
        memo,
        reason: None,
    };
    let (to, reply, said) = match &step.outcome {
        Outcome::Next(next) => {
            let to = store::Recorded {
                step: next,
                attempt: 1,
                step_since: now,
                ..same(JobState::Running, now, 1)
            };
            (
                to,
                Reply::Goes {
                    step: next,
                    stop: false,
                    since: now,
                },
                Some("done"),
            )
        }
        // The claim counts attempts up: waiting takes that one back.
        Outcome::Wait(until) => (
            same(JobState::Waiting, *until, job.attempt - 1),
            Reply::Rests(Some(*until)),
            None,
        ),
        Outcome::Later { step: later, at } => {
            let to = store::Recorded {
                step: later,
                step_since: now,
                ..same(JobState::Waiting, *at, 0)
            };
            (to, Reply::Rests(Some(*at)), Some("done"))
        }
        Outcome::Retry(reason) => {
            let spread = f64::from(job.id.as_bytes()[15]) / 255.0;
            let until =
                now + TimeDelta::from_std(backoff(job.attempt, spread)).unwrap_or(TimeDelta::seconds(30));
            tracing::info!(job = %job.id, kind = job.kind, step = job.step, attempt = job.attempt, reason, "a step is tried again");
            let to = store::Recorded {
                reason: Some(reason),
                ..same(JobState::Waiting, until, job.attempt)
            };
            (to, Reply::Rests(Some(until)), None)
        }
        Outcome::Turn { lane, slots, then } => {
            if turns::take(tx, job, lane, *slots, now).await? {
                let to = store::Recorded {
                    step: then,
                    attempt: 1,
                    step_since: now,
                    ..same(JobState::Running, now, 1)
                };
                (
                    to,
                    Reply::Goes {
                        step: then,
                        stop: false,
                        since: now,
                    },
                    Some("done"),
                )
            } else {
                let until = now + TURN_FALLBACK;
                let to = store::Recorded {
                    lane: Some(lane),
                    ..same(JobState::Waiting, until, job.attempt - 1)
                };
                (to, Reply::Rests(Some(until)), None)
            }
        }
        Outcome::Done => (
            same(JobState::Done, now, job.attempt),
            Reply::Rests(None),
            Some("done"),
        ),
        Outcome::Failed(reason) => {
            let to = store::Recorded {
                reason: Some(reason),
                ..same(JobState::Failed, now, job.attempt)
            };
            (to, Reply::Rests(None), Some("failed"))
        }
        Outcome::Cancelled(reason) => {
            let to = store::Recorded {
                reason: Some(reason),
                ..same(JobState::Cancelled, now, job.attempt)
            };
            (to, Reply::Rests(None), Some("cancelled"))
        }
    };
    let Some(stop_asked) = store::record(tx, job, &to, now).await? else {
        // The turn, if one was taken just now, belongs to the job, whoever runs it: it stays.
        return Ok(Reply::LeaseLost);
    };
    if let Some(said) = said {
        store::add_step(tx, job, *step_started, now, said).await?;
    }
    store::add_warnings(tx, job.id, &step.warnings).await?;
    for write in &step.writes {
        write(tx).await?;
    }
    if step.release || matches!(reply, Reply::Rests(None)) {
        turns::give(tx, job.id, now).await?;
    }
    Ok(match reply {
        Reply::Goes { step, since, .. } => Reply::Goes {
            step,
            stop: stop_asked,
            since,
        },
        other => other,
    })
}

/// How long the recorder's callers wait before they offer an outcome again that the database would not take.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(500);
