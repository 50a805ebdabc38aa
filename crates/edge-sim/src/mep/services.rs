//! Services that applications register, and their heartbeats.

use chrono::{DateTime, Utc};

use super::Capability;

/// A registered service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) instance: String,
}

impl Service {
    pub(crate) fn capability(&self, _now: DateTime<Utc>) -> Capability {
        Capability::active("")
    }
}
