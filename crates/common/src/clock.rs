//! Time as an argument: production reads the system clock, tests move a clock of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Where "now" comes from. Cheap to clone; clones of a manual clock move together.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The operating system's clock.
    #[default]
    System,
    /// A clock that stands still until [`Clock::advance`] moves it. The number is microseconds since 1970.
    Manual(Arc<AtomicI64>),
    /// The operating system's clock, put forward by [`Clock::advance`]. The number is microseconds.
    Ahead(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.timestamp_micros())))
    }

    /// A clock that goes like the system's and can be put forward.
    pub fn ahead() -> Self {
        Self::Ahead(Arc::default())
    }

    /// The time, cut to microseconds: PostgreSQL keeps no more, and a value must read back as it was written.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one home of the system clock")]
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Manual(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
            Self::Ahead(micros) => {
                Self::System.now() + TimeDelta::microseconds(micros.load(Ordering::SeqCst))
            }
        }
    }

    /// Moves the clock forward; the system's takes no orders.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(micros) | Self::Ahead(micros) = self {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_clones_move_together() {
        let clock = Clock::manual(DateTime::from_timestamp(1_000, 0).unwrap());
        let other = clock.clone();
        assert_eq!(clock.now(), other.now());
        clock.advance(Duration::from_secs(90));
        assert_eq!(other.now().timestamp(), 1_090);
    }

    #[test]
    fn a_clock_that_is_put_forward_goes_on_from_there() {
        let clock = Clock::ahead();
        let before = clock.now();
        clock.clone().advance(Duration::from_secs(90));
        let gone = clock.now() - before;
        assert!(
            gone >= TimeDelta::seconds(90) && gone < TimeDelta::seconds(120),
            "{gone}"
        );
    }

    #[test]
    fn the_system_clock_is_cut_to_microseconds() {
        assert_eq!(Clock::System.now().timestamp_subsec_nanos() % 1_000, 0);
    }
}
