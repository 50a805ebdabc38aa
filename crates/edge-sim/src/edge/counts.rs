//! What an edge counts.

use std::ops::AddAssign;

/// What happened at one edge, or at all of them, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instantiate requests whose upload arrived whole.
    pub uploads: u64,
    /// Instantiate requests whose upload broke off.
    pub broken_uploads: u64,
    /// Deployments that the plugin carried out, recorded or not.
    pub deploys: u64,
    /// Deployments carried out of which the controller kept no record (its limits).
    pub unrecorded: u64,
    /// Workloads removed by a terminate.
    pub terminates: u64,
    /// Deployments undone by a second instantiate request for the same instance.
    pub destroyed: u64,
    /// Instantiations that met another one in the plugin of the same controller, and spoiled it and themselves.
    pub overlaps: u64,
    /// The most instantiations in the plugin at the same time.
    pub max_concurrent: u64,
    /// Queries of an instance.
    pub queries: u64,
    /// Queries of a host's meters.
    pub kpis: u64,
    /// Queries of the platform's capabilities through the controller.
    pub capability_queries: u64,
    /// Rule changes that took effect.
    pub rule_changes: u64,
    /// Calls that met a fault other than a delay.
    pub faults: u64,
    /// Connections closed before the answer.
    pub unanswered: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.uploads += other.uploads;
        self.broken_uploads += other.broken_uploads;
        self.deploys += other.deploys;
        self.unrecorded += other.unrecorded;
        self.terminates += other.terminates;
        self.destroyed += other.destroyed;
        self.overlaps += other.overlaps;
        self.max_concurrent = self.max_concurrent.max(other.max_concurrent);
        self.queries += other.queries;
        self.kpis += other.kpis;
        self.capability_queries += other.capability_queries;
        self.rule_changes += other.rule_changes;
        self.faults += other.faults;
        self.unanswered += other.unanswered;
    }
}

/// All edges of a simulator together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Edges that were called or asked for.
    pub edges: usize,
    /// Sums, and of `max_concurrent` the most at any one edge.
    pub counts: Counts,
    /// The most instantiations at the same time over all edges.
    pub max_concurrent: u64,
    /// Workloads that run now, recorded or not.
    pub workloads: usize,
    /// Records that the controllers hold now.
    pub records: usize,
    /// Rule sets that the rule managers hold now.
    pub rule_sets: usize,
    /// Application keys that MEP-auth holds now.
    pub keys: usize,
    /// Services that applications have registered now.
    pub services: usize,
}

impl Totals {
    /// Whether the edges hold nothing of any application any more.
    pub fn is_empty(&self) -> bool {
        [
            self.workloads,
            self.records,
            self.rule_sets,
            self.keys,
            self.services,
        ] == [0; 5]
    }
}
