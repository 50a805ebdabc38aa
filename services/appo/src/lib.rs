//! APPO, the application orchestrator: turns "this package on these hosts" into life-cycle operations on each host's LCM
//! controller, in the background, many at once, and knows at every moment where each stands.
//!
//! Reading order:
//! 1. `routes`: the whole route table, and what each endpoint takes and answers.
//! 2. `plan`: pure decisions, the state table among them; `accept`: the one transaction that answers a write.
//! 3. `flows`: what happens afterwards, step by step, on the engine of `mecm-jobs`.
//! 4. `edge`: calls to LCM controllers and rule managers, and what their answers mean; `packages`: the local cache;
//!    `matching` and `rule_sets`: pure.
//! 5. `store`: the SQL.

mod accept;
mod core;
mod edge;
mod flows;
mod housekeeping;
mod matching;
pub mod measure;
mod packages;
mod plan;
mod quotas;
mod routes;
mod rule_sets;
mod start;
mod store;

#[cfg(test)]
mod tests;

pub use start::{Setup, StartError, Started, migrations, start};
