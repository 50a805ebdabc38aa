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

/// A step that has ended, on its way into the database.
pub(crate) struct Record {
    pub(crate) job: Arc<Job>,
    pub(crate) step: Arc<Step>,
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
    let jobs: Vec<uuid::Uuid> = batch.iter().map(|record| record.job.id).collect();
    store::lock(&mut tx, &jobs).await?;
    let mut replies = Vec::with_capacity(batch.len());
    for record in batch {
        replies.push(write_one(&mut tx, clock.now(), record).await?);
    }
    tx.commit().await?;
    Ok(replies)
}

async fn write_one(tx: &mut Tx, now: DateTime<Utc>, record: &Record) -> Result<Reply, DbError> {
    let Record { job, step, .. } = record;
    let memo = step.memo.as_ref().unwrap_or(&job.memo);
    let same = |state: JobState, run_at: DateTime<Utc>, attempt: i32| store::Recorded {
        step: &job.step,
        state,
        attempt,
        step_since: job.step_since,
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
        Outcome::Turn {
            lane,
            slots,
            then,
            waits,
        } => match turns::take(tx, job, lane, *slots, now).await? {
            turns::Turn::Taken => {
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
            }
            turns::Turn::Waits(so_long) => {
                let until = now + so_long;
                let to = store::Recorded {
                    lane: Some(lane),
                    ..same(JobState::Waiting, until, job.attempt - 1)
                };
                if *waits == job.step {
                    (to, Reply::Rests(Some(until)), None)
                } else {
                    let to = store::Recorded {
                        step: waits,
                        attempt: 0,
                        step_since: now,
                        ..to
                    };
                    (to, Reply::Rests(Some(until)), Some("done"))
                }
            }
        },
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
        store::add_step(tx, job, job.step_since, now, said).await?;
    }
    store::add_warnings(tx, job.id, &step.warnings).await?;
    for write in &step.writes {
        write(tx).await?;
    }
    if step.release || matches!(reply, Reply::Rests(None)) {
        turns::give(tx, job.id, now).await?;
    }
    if let Some(lane) = &job.lane
        && !matches!(step.outcome, Outcome::Turn { .. })
    {
        // It had been woken for a turn that it does not take.
        turns::wake_next(tx, lane, now).await?;
    }
    Ok(match reply {
        Reply::Goes { step, since, .. } => Reply::Goes {
            step,
            stop: stop_asked,
            since,
        },
        Reply::Rests(Some(_)) if stop_asked && !job.stop => {
            // Asked to stop while the step ran: it looks at once, not when the step wanted to.
            turns::wake(tx, job.id, now).await?;
            Reply::Rests(Some(now))
        }
        other => other,
    })
}

/// How long the recorder's callers wait before they offer an outcome again that the database would not take.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(500);
