//! Edges that do not answer are left alone for a while: after so many failed connections or time-outs in a row nobody calls
//! them until some time has passed; then one call tries, and what comes of it decides for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::clock::Clock;

/// What this process knows of the edges that fail. Cheap to clone; nothing is kept of those that answer.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    clock: Clock,
    /// So many failures in a row; 0: nobody is ever left alone.
    after: u32,
    pause: TimeDelta,
    failing: Arc<Mutex<HashMap<String, Failing>>>,
}

#[derive(Debug, Default)]
struct Failing {
    times: u32,
    until: Option<DateTime<Utc>>,
}

impl Breaker {
    pub(super) fn new(clock: Clock, after: u32, pause: TimeDelta) -> Self {
        Self {
            clock,
            after,
            pause,
            failing: Arc::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when it is left alone, if it is.
    pub(super) fn left_alone(&self, at: &EdgeAddress) -> Option<DateTime<Utc>> {
        let now = self.clock.now();
        let until = self.held().get(&at.to_string())?.until;
        until.filter(|until| now < *until)
    }

    /// Lets a call through, unless it is left alone. The one that is let through when the time is over tries for all: the
    /// others wait as long again, or until it was answered.
    pub(super) fn admit(&self, at: &EdgeAddress) -> Result<(), DateTime<Utc>> {
        let now = self.clock.now();
        match self.held().get_mut(&at.to_string()) {
            Some(Failing {
                until: Some(until), ..
            }) => {
                if now < *until {
                    return Err(*until);
                }
                *until = now + self.pause;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn failed(&self, at: &EdgeAddress) {
        if self.after == 0 {
            return;
        }
        let until = self.clock.now() + self.pause;
        let mut held = self.held();
        let failing = held.entry(at.to_string()).or_default();
        failing.times = failing.times.saturating_add(1);
        if failing.times >= self.after {
            if failing.until.is_none() {
                tracing::warn!(%at, times = failing.times, "an edge that does not answer is left alone for a while");
            }
            failing.until = Some(until);
        }
    }

    pub(super) fn answered(&self, at: &EdgeAddress) {
        let mut held = self.held();
        if !held.is_empty() {
            held.remove(&at.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_tries_for_all_when_the_time_is_over_and_an_answer_ends_it() {
        let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        let breaker = Breaker::new(clock.clone(), 2, TimeDelta::seconds(30));
        let at = |port: &str| EdgeAddress {
            ip: "127.0.0.1".to_owned(),
            port: port.to_owned(),
        };
        let (one, other) = (at("1"), at("2"));
        breaker.failed(&one);
        breaker.answered(&one);
        breaker.failed(&one);
        assert_eq!(breaker.admit(&one), Ok(()), "not two in a row");
        breaker.failed(&one);
        let until = clock.now() + TimeDelta::seconds(30);
        assert_eq!(
            (breaker.admit(&one), breaker.left_alone(&one)),
            (Err(until), Some(until))
        );
        assert_eq!(breaker.admit(&other), Ok(()));
        clock.advance(Duration::from_secs(30));
        assert_eq!(breaker.left_alone(&one), None);
        assert_eq!(breaker.admit(&one), Ok(()), "the one that tries");
        assert!(breaker.admit(&one).is_err(), "the others wait for it");
        breaker.failed(&one);
        clock.advance(Duration::from_secs(30));
        assert_eq!(breaker.admit(&one), Ok(()));
        breaker.answered(&one);
        assert_eq!((breaker.admit(&one), breaker.admit(&one)), (Ok(()), Ok(())));
        assert!(breaker.held().is_empty(), "nothing is kept");
    }
}
