//! Simulated edges: one process plays any number of them, and says that it does.
//!
//! Every edge has an address of its own in 127.0.0.0/8 ([`edge_address`]) and answers there on three ports, as the
//! peers of EdgeGallery v1.0 answer: status codes, texts, order of checks, what is done although an error comes back,
//! and when a connection is closed.
//! - the LCM controller, `/lcmcontroller/v1`,
//! - the app rule manager, `/apprulemgr/v1`,
//! - the platform: MEP-auth and the registry of services.
//!
//! One listener per port serves all edges: it listens on the wildcard address, tells the edges apart by the address a
//! connection came to, and drops every connection that did not come over the loopback network.
//!
//! [`Simulator::start`] opens the ports. [`Simulator::edge`] gives a handle to look at one edge ([`EdgeHandle::counts`],
//! [`EdgeHandle::workloads`]) and to disturb it ([`EdgeHandle::fault`], [`EdgeHandle::behave`]). [`Simulator::totals`]
//! says whether anything is left anywhere. From outside, `/faults` on any of an edge's ports does the same: see `control`.
//!
//! [`exchanges()`] are recorded: what such a peer answers when, and what its caller must conclude. The simulator is held to
//! them, and so are its callers.
//!
//! Reading order of the source: `config`, `faults`, `simulator`, `server` (connections), `control`, `call` (routing), `edge`
//! (state), `lcm`, `rules`, `mep`.

mod call;
mod config;
mod control;
mod edge;
mod exchanges;
mod faults;
mod lcm;
mod mep;
mod reply;
mod rules;
mod server;
mod simulator;
mod token;

pub use config::{Behaviour, Load, SimConfig, WorkloadState, edge_address};
pub use edge::{Counts, EdgeHandle, Totals, Workload};
pub use exchanges::{
    ConfigurationParts, EXCHANGE_HOST, EXCHANGE_INSTANCE, EXCHANGE_PACKAGE, EXCHANGE_TENANT, Exchange,
    ExchangeCall, ExchangeForm, ExchangeOperation, ExchangePeer, Leaves, LostChange, Meaning, RecordedAnswer,
    exchanges,
};
pub use faults::{Fault, FaultRule, Operation, When};
pub use mep::{Capability, Consumer};
pub use simulator::Simulator;

#[cfg(test)]
mod tests;
