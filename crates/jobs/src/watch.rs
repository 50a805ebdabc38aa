//! Waiting for what becomes of a subject: told when one of its jobs has ended or waits, after that is in the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Who watches what, in this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers(Arc<Mutex<HashMap<String, Watched>>>);

/// What is watched, and by how many.
#[derive(Debug, Default)]
struct Watched {
    told: Arc<Notify>,
    by: usize,
}

impl Watchers {
    fn held(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch(&self, subject: &str) -> Watch {
        let mut held = self.held();
        let watched = held.entry(subject.to_owned()).or_default();
        watched.by += 1;
        let told = watched.told.clone();
        Watch {
            subject: subject.to_owned(),
            told,
            watchers: self.clone(),
        }
    }

    /// Wakes those who watch the subject, and nobody else.
    pub(crate) fn tell(&self, subject: &str) {
        if let Some(watched) = self.held().get(subject) {
            watched.told.notify_waiters();
        }
    }
}

/// Hears when one of its subject's jobs has come to rest. A hint: another process may run the job, so look now and then
/// all the same.
#[derive(Debug)]
pub struct Watch {
    subject: String,
    told: Arc<Notify>,
    watchers: Watchers,
}

impl Watch {
    /// Completes at the next rest after this call; take it before looking, so that nothing in between is missed.
    pub fn next(&self) -> OwnedNotified {
        self.told.clone().notified_owned()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut held = self.watchers.held();
        if let Some(watched) = held.get_mut(&self.subject) {
            watched.by -= 1;
            if watched.by == 0 {
                held.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn only_who_watches_a_subject_is_told_and_nothing_is_kept_of_those_who_left() {
        let watchers = Watchers::default();
        let (one, also, other) = (watchers.watch("a"), watchers.watch("a"), watchers.watch("b"));
        let (mut first, second, mut third) = (Box::pin(one.next()), also.next(), Box::pin(other.next()));
        assert!((&mut first).now_or_never().is_none());
        watchers.tell("a");
        first.await;
        second.await;
        assert!((&mut third).now_or_never().is_none());
        drop(one);
        assert_eq!(watchers.held().len(), 2, "the other one still watches");
        drop((also, other, third));
        assert!(watchers.held().is_empty());
    }
}
