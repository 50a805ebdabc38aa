//! The SQL of replay and lock-out. Every service's database has the two tables.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::db::{DbError, Read, Tx};
use crate::{execute, fetch_all, fetch_one, fetch_optional};

const STANDINGS: &str = "SELECT f.access_key, f.source, f.locked FROM failed_signatures f
    JOIN unnest($1::text[], $2::text[]) AS w (access_key, source) ON f.access_key = w.access_key AND f.source = w.source
    WHERE f.until > $3";
const STANDING: &str =
    "SELECT locked FROM failed_signatures WHERE access_key = $1 AND source = $2 AND until > $3";
/// `$3` is now, `$4` since when failures count, `$5` when this one counts no more, `$6` when a lock from now on ends. A lock
/// that holds stays as it is.
const FAILED: &str = "INSERT INTO failed_signatures AS f (access_key, source, latest, locked, until)
    VALUES ($1, $2, $3, false, $5)
    ON CONFLICT (access_key, source) DO UPDATE SET
        latest = CASE WHEN f.locked AND f.until > $3 THEN f.latest ELSE $3 END,
        earlier = CASE WHEN f.locked AND f.until > $3 THEN f.earlier
            WHEN f.until <= $3 OR f.locked THEN NULL ELSE f.latest END,
        until = CASE WHEN f.locked AND f.until > $3 THEN f.until
            WHEN f.until > $3 AND f.earlier >= $4 THEN $6 ELSE $5 END,
        locked = f.until > $3 AND (f.locked OR coalesce(f.earlier >= $4, false))
    RETURNING locked";
const FORGIVE: &str =
    "DELETE FROM failed_signatures WHERE access_key = $1 AND source = $2 AND (NOT locked OR until <= $3)";
const FIRST_TIMES: &str =
    "INSERT INTO seen_signatures (name, until) SELECT * FROM unnest($1::uuid[], $2::timestamptz[])
    ON CONFLICT (name) DO NOTHING RETURNING name";
const FIRST_TIME: &str =
    "INSERT INTO seen_signatures (name, until) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const CLEAN_SEEN: &str = "DELETE FROM seen_signatures WHERE until < $1";
const CLEAN_FAILED: &str = "DELETE FROM failed_signatures WHERE until <= $1";
const COUNT_FAILED: &str = "SELECT count(*) FROM failed_signatures";
const END_OF: &str = "SELECT until FROM failed_signatures ORDER BY until LIMIT 1 OFFSET $1";

/// An access key at a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Whose key it is said to be.
    pub access_key: String,
    /// Where the request came from; empty where that is not known.
    pub source: String,
}

/// How a place stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known against it.
    Clear,
    /// It failed lately.
    Failed,
    /// It is locked.
    Locked,
}

impl Standing {
    fn of(locked: bool) -> Self {
        if locked { Self::Locked } else { Self::Failed }
    }
}

/// How these stand, in their order.
pub(super) async fn standings(
    read: &mut Read,
    places: &[Place],
    now: DateTime<Utc>,
) -> Result<Vec<Standing>, DbError> {
    let mut all = Vec::with_capacity(places.len());
    if let Read::Postgres(connection) = read {
        let keys: Vec<&str> = places.iter().map(|place| place.access_key.as_str()).collect();
        let sources: Vec<&str> = places.iter().map(|place| place.source.as_str()).collect();
        let query = sqlx::query_as(STANDINGS).bind(keys).bind(sources).bind(now);
        let rows: Vec<(String, String, bool)> =
            crate::db::in_time(query.fetch_all(&mut **connection)).await?;
        let known: HashMap<Place, bool> = rows
            .into_iter()
            .map(|(access_key, source, locked)| (Place { access_key, source }, locked))
            .collect();
        all.extend(places.iter().map(|place| {
            known
                .get(place)
                .map_or(Standing::Clear, |locked| Standing::of(*locked))
        }));
        return Ok(all);
    }
    for place in places {
        let row: Option<(bool,)> = fetch_optional!(read, STANDING, &place.access_key, &place.source, now);
        all.push(row.map_or(Standing::Clear, |(locked,)| Standing::of(locked)));
    }
    Ok(all)
}

/// Counts a failure of each; whether that locked it.
pub(super) async fn failed(
    tx: &mut Tx,
    places: &[Place],
    now: DateTime<Utc>,
    counted: TimeDelta,
    locked: TimeDelta,
) -> Result<Vec<bool>, DbError> {
    // In one order, so that no two processes wait for each other.
    let mut sorted: BTreeMap<&Place, Vec<usize>> = BTreeMap::new();
    for (at, place) in places.iter().enumerate() {
        sorted.entry(place).or_default().push(at);
    }
    let mut all = vec![false; places.len()];
    for (place, asked) in sorted {
        for at in asked {
            let (is_locked,): (bool,) = fetch_one!(
                tx,
                FAILED,
                &place.access_key,
                &place.source,
                now,
                now - counted,
                now + counted,
                now + locked
            );
            all[at] = is_locked;
        }
    }
    Ok(all)
}

/// Forgets the failures of a place that is not locked.
pub(super) async fn forgive(tx: &mut Tx, place: &Place, now: DateTime<Utc>) -> Result<(), DbError> {
    execute!(tx, FORGIVE, &place.access_key, &place.source, now);
    Ok(())
}

/// Takes note of signatures; of each, whether it was not there.
pub(super) async fn first_times(
    tx: &mut Tx,
    signatures: &[(Uuid, DateTime<Utc>)],
) -> Result<Vec<bool>, DbError> {
    if let Tx::Postgres(connection) = tx {
        // In one order, so that no two processes wait for each other.
        let mut sorted = signatures.to_vec();
        sorted.sort();
        let (names, untils): (Vec<Uuid>, Vec<DateTime<Utc>>) = sorted.into_iter().unzip();
        let query = sqlx::query_as(FIRST_TIMES).bind(names).bind(untils);
        let rows: Vec<(Uuid,)> = crate::db::in_time(query.fetch_all(&mut **connection)).await?;
        let mut new: HashSet<Uuid> = rows.into_iter().map(|(name,)| name).collect();
        // Of two alike in one batch, the first.
        return Ok(signatures.iter().map(|(name, _)| new.remove(name)).collect());
    }
    let mut all = Vec::with_capacity(signatures.len());
    for (name, until) in signatures {
        all.push(execute!(tx, FIRST_TIME, name, until) == 1);
    }
    Ok(all)
}

/// Takes away what counts no more, and of failures what is too much.
pub(super) async fn clean(tx: &mut Tx, now: DateTime<Utc>, most_failed: i64) -> Result<(), DbError> {
    execute!(tx, CLEAN_SEEN, now);
    execute!(tx, CLEAN_FAILED, now);
    let (count,): (i64,) = fetch_one!(tx, COUNT_FAILED);
    if count > most_failed {
        let ends: Vec<(DateTime<Utc>,)> = fetch_all!(tx, END_OF, count - most_failed - 1);
        for (end,) in ends {
            execute!(tx, CLEAN_FAILED, end);
        }
    }
    Ok(())
}
