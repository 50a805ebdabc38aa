//! The command line of the suite: `mecm up | inventory | apm | appo | demo | token | key | sign | health | edge-sim | bench`.
//!
//! Reading order: [`cli`] (what can be said), [`mod@suite`] (the services of a process) with [`keys`], [`sample`] (the package that the
//! repository builds itself), `demo` (the main job, shown), `bench` (measured).

pub mod bench;
pub mod cli;
pub mod demo;
mod edges;
mod health;
mod key;
pub mod keys;
pub mod output;
pub mod sample;
mod sign;
pub mod suite;

pub use cli::run;
