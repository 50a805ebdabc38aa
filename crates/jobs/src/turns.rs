//! Turns: at most so many jobs at once in a lane, across all processes. A v1.0 LCM controller spoils two instantiations
//! at once, so its address is a lane of one.

use chrono::{DateTime, TimeDelta, Utc};
use mecm_common::db::{DbError, Tx};
use mecm_common::{execute, fetch_all, fetch_optional};
use uuid::Uuid;

use crate::job::Job;

pub(crate) const TAKE: &str =
    "INSERT INTO turns (lane, slot, job) VALUES ($1, $2, $3) ON CONFLICT (lane, slot) DO NOTHING";
pub(crate) const HELD: &str = "SELECT lane FROM turns WHERE job = $1";
pub(crate) const FAIR_OF: &str = "SELECT fair FROM jobs WHERE id = $1";
pub(crate) const OLDER_WAITS: &str =
    "SELECT id FROM jobs WHERE lane = $1 AND ended IS NULL AND state = 'waiting' AND id <> $2
    AND (fair < $3 OR (fair = $3 AND seq < $4)) ORDER BY fair, seq LIMIT 1";
pub(crate) const GIVE: &str = "DELETE FROM turns WHERE job = $1";
pub(crate) const WAKE_NEXT: &str = "UPDATE jobs SET run_at = $2 WHERE seq = (SELECT seq FROM jobs
    WHERE lane = $1 AND ended IS NULL AND state = 'waiting' ORDER BY fair, seq LIMIT 1)";
pub(crate) const WAKE: &str = "UPDATE jobs SET run_at = $2 WHERE id = $1";

/// Whether the job has a turn.
pub async fn holds_turn(tx: &mut Tx, job: Uuid) -> Result<bool, DbError> {
    let held: Option<(String,)> = fetch_optional!(tx, HELD, job);
    Ok(held.is_some())
}

/// How long one that waits looks again without being woken; and the first in the lane: it alone may have missed its
/// wake-up, when another process gave a turn back while this one was being recorded as waiting.
const FALLBACK: TimeDelta = TimeDelta::seconds(30);
const FALLBACK_OF_FIRST: TimeDelta = TimeDelta::seconds(3);

/// Whether a turn could be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Taken,
    /// It is woken when its turn comes; so long it waits at most before it looks again.
    Waits(TimeDelta),
}

/// Takes a turn in the lane if one is free and nobody has waited longer. A job that has one keeps it.
pub(crate) async fn take(
    tx: &mut Tx,
    job: &Job,
    lane: &str,
    slots: u32,
    now: DateTime<Utc>,
) -> Result<Turn, DbError> {
    if holds_turn(tx, job.id).await? {
        return Ok(Turn::Taken);
    }
    let fair: Option<(i64,)> = fetch_optional!(&mut *tx, FAIR_OF, job.id);
    let fair = fair.map_or(0, |(fair,)| fair);
    let older: Option<(Uuid,)> = fetch_optional!(&mut *tx, OLDER_WAITS, lane, job.id, fair, job.seq);
    if let Some((older,)) = older {
        execute!(&mut *tx, WAKE, older, now);
        return Ok(Turn::Waits(FALLBACK));
    }
    for slot in 0..slots {
        let slot = i32::try_from(slot).unwrap_or(i32::MAX);
        if execute!(&mut *tx, TAKE, lane, slot, job.id) == 1 {
            return Ok(Turn::Taken);
        }
    }
    Ok(Turn::Waits(FALLBACK_OF_FIRST))
}

/// Wakes who waits longest in the lane.
pub(crate) async fn wake_next(tx: &mut Tx, lane: &str, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, WAKE_NEXT, lane, now))
}

/// Makes a waiting job due now.
pub(crate) async fn wake(tx: &mut Tx, job: Uuid, now: DateTime<Utc>) -> Result<(), DbError> {
    execute!(tx, WAKE, job, now);
    Ok(())
}

/// Gives the job's turn back and wakes who waits for it longest. Gives whether somebody was woken.
pub(crate) async fn give(tx: &mut Tx, job: Uuid, now: DateTime<Utc>) -> Result<bool, DbError> {
    let lanes: Vec<(String,)> = fetch_all!(&mut *tx, HELD, job);
    if lanes.is_empty() {
        return Ok(false);
    }
    execute!(&mut *tx, GIVE, job);
    let mut woken = 0;
    for (lane,) in lanes {
        woken += wake_next(tx, &lane, now).await?;
    }
    Ok(woken > 0)
}
