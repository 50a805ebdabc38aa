//! What keeps signatures from being guessed and from being sent again: kept in the service's database, so that it holds for all
//! its processes and over their ends.
//!
//! - Three failures for one access key from one source within five minutes lock it for a quarter of an hour, for that source
//!   alone. Access keys that do not exist are counted and locked alike.
//! - A signature is accepted once, but for GET.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::{AuthError, SignatureReason};
use super::signature::{AccessKey, MAX_SKEW};
use crate::clock::Clock;
use crate::db::{Batcher, Db};

mod store;

pub use store::{Place, Standing};

/// Failures that are older do not count.
const COUNTED: TimeDelta = TimeDelta::seconds(300);
/// How long a lock holds.
const LOCKED: TimeDelta = TimeDelta::seconds(900);
/// How often what counts no more is taken away.
const CLEAN_EVERY: TimeDelta = TimeDelta::seconds(30);
/// Places that are remembered for their failures: a stranger may make up keys and, in IPv6, addresses. Beyond, those that would
/// be forgotten first are, which are not the locked ones.
const MOST_FAILED: i64 = 100_000;

/// Replay and lock-out, for the keys that a service verifies itself. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    clock: Clock,
    db: Db,
    standings: Batcher<Place, Standing>,
    failures: Batcher<Place, bool>,
    firsts: Batcher<(Uuid, DateTime<Utc>), bool>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
    /// A guard on a service's database. To be called within the runtime.
    pub fn new(db: &Db, clock: &Clock) -> Self {
        let (asked, now) = (db.clone(), clock.clone());
        let standings = Batcher::new(move |places| {
            let (db, now) = (asked.clone(), now.now());
            Box::pin(async move { store::standings(&mut db.read().await?, &places, now).await })
        });
        let (asked, now) = (db.clone(), clock.clone());
        let failures = Batcher::new(move |places| {
            let (db, now) = (asked.clone(), now.now());
            Box::pin(async move {
                let mut tx = db.begin_write().await?;
                let locked = store::failed(&mut tx, &places, now, COUNTED, LOCKED).await?;
                tx.commit().await?;
                Ok(locked)
            })
        });
        let (asked, now) = (db.clone(), clock.clone());
        let cleaned = Arc::new(AtomicI64::new(0));
        let firsts = Batcher::new(move |signatures| {
            let (db, now) = (asked.clone(), now.now());
            let last = cleaned.load(Ordering::Relaxed);
            let clean = now.timestamp() - last >= CLEAN_EVERY.num_seconds();
            if clean {
                cleaned.store(now.timestamp(), Ordering::Relaxed);
            }
            Box::pin(async move {
                let mut tx = db.begin_write().await?;
                let firsts = store::first_times(&mut tx, &signatures).await?;
                tx.commit().await?;
                if clean {
                    let mut tx = db.begin_write().await?;
                    store::clean(&mut tx, now, MOST_FAILED).await?;
                    tx.commit().await?;
                }
                Ok(firsts)
            })
        });
        Self {
            clock: clock.clone(),
            db: db.clone(),
            standings,
            failures,
            firsts,
        }
    }

    /// How an access key stands at a source. To be asked before a signature is looked at: a lock holds for good ones too.
    ///
    /// # Errors
    /// [`AuthError::Locked`], [`AuthError::Database`].
    pub async fn admitted(&self, place: &Place) -> Result<Standing, AuthError> {
        match self.standings.ask(place.clone()).await? {
            Standing::Locked => Err(AuthError::Locked),
            standing => Ok(standing),
        }
    }

    /// Counts a failure: an unknown access key, or a signature that does not fit.
    ///
    /// # Errors
    /// [`AuthError::Database`].
    pub async fn failed(&self, place: &Place) -> Result<(), AuthError> {
        if self.failures.ask(place.clone()).await? {
            tracing::warn!(
                access_key = place.access_key,
                source = place.source,
                "locked after three failures"
            );
        }
        Ok(())
    }

    /// Takes note of a signature that fits; refuses one that was accepted before, and one so old that it would be forgotten at
    /// once: a service whose clock is behind still takes its date, and it could be sent again.
    ///
    /// # Errors
    /// [`SignatureReason::Replay`], [`SignatureReason::Old`], [`AuthError::Database`].
    pub async fn first_time(
        &self,
        access_key: &AccessKey,
        signature: &[u8; 32],
        signed_at: DateTime<Utc>,
    ) -> Result<(), AuthError> {
        let digest = Sha256::new()
            .chain_update(access_key.as_str())
            .chain_update(signature)
            .finalize();
        let mut name = [0; 16];
        name.copy_from_slice(&digest[..16]);
        // A second more than the date is accepted for.
        let until = signed_at + MAX_SKEW + TimeDelta::seconds(1);
        if until < self.clock.now() {
            return Err(SignatureReason::Old.into());
        }
        if self.firsts.ask((Uuid::from_bytes(name), until)).await? {
            Ok(())
        } else {
            Err(SignatureReason::Replay.into())
        }
    }

    /// A success resets the count.
    ///
    /// # Errors
    /// [`AuthError::Database`].
    pub async fn succeeded(&self, place: &Place, standing: Standing) -> Result<(), AuthError> {
        if standing == Standing::Failed {
            let mut tx = self.db.begin_write().await?;
            store::forgive(&mut tx, place, self.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

impl Place {
    /// Whose key, from where.
    pub fn new(access_key: &AccessKey, source: Option<IpAddr>) -> Self {
        Self {
            access_key: access_key.to_string(),
            source: source.map(|source| source.to_string()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
