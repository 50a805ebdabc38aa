//! The durable step engine: work that survives any crash without being lost or doubled.
//!
//! A *flow* is a list of named steps; a *job* is one flow under way, a row in the service's database. The service writes
//! the row in the transaction that answers its caller ([`enqueue`]); an [`Engine`] leases the row, runs the step that it
//! names, and records the outcome and what the step wrote in one transaction, under the lease. A process that dies
//! loses nothing but the step it was in: that step runs again, so a step must bear being run twice.
//!
//! Reading order: `job` (what a job is, what a step answers), `store` and `history` (the SQL), `turns` (one at a time per
//! controller), `record` (outcomes become rows, many in one commit), `engine` (claim, run, renew, stop), `watch` (who waits
//! for what becomes of a subject).
//!
//! The tables are made by the migration `jobs` of each service that uses the engine.

mod engine;
mod history;
mod instance;
mod job;
mod living;
mod record;
mod store;
mod turns;
mod watch;

pub use engine::{Engine, EngineError, Settings};
pub use history::{
    JobRow, NeverBegun, OpenJob, StepRow, lock_open, of_subject, open_of_subject, open_of_subjects,
    stop_subject, sweep, wake_subject,
};
pub use job::{Flows, Job, JobState, NewJob, Outcome, Step, Write, backoff, write};
pub use store::enqueue;
pub use turns::holds_turn;
pub use watch::Watch;

#[cfg(test)]
mod tests;
