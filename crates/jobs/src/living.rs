//! The jobs that this process works on right now.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mecm_common::models::ids::TenantId;
use uuid::Uuid;

use crate::job::Job;

/// Each with its lease: a job may be claimed again before its former task has come to its own end.
#[derive(Debug, Default)]
pub(crate) struct Living(Mutex<HashMap<(Uuid, Uuid), TenantId>>);

impl Living {
    fn held(&self) -> MutexGuard<'_, HashMap<(Uuid, Uuid), TenantId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, job: &Job) {
        self.held().insert((job.id, job.lease), job.tenant);
    }

    pub(crate) fn end(&self, job: Uuid, lease: Uuid) {
        self.held().remove(&(job, lease));
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> Vec<Uuid> {
        let mut ids: Vec<Uuid> = self.held().keys().map(|(job, _)| *job).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// How many of `workers` are free, and the tenant, if there is one, that has three quarters of them: it gets no more,
    /// so that one tenant's thousand hosts do not hold up another's one.
    pub(crate) fn free_of(&self, workers: usize) -> (usize, Option<TenantId>) {
        let held = self.held();
        let share = (workers * 3).div_ceil(4);
        let mut counts: HashMap<TenantId, usize> = HashMap::new();
        for tenant in held.values() {
            *counts.entry(*tenant).or_default() += 1;
        }
        let hog = counts.into_iter().find(|(_, count)| *count >= share);
        (workers.saturating_sub(held.len()), hog.map(|(tenant, _)| tenant))
    }
}
