//! Inventory, the registry: edge hosts with their hardware and software capabilities, the applications on them, the LCM
//! controllers and app rule managers that serve them, app stores and app rules. Each tenant sees its own.
//!
//! Reading order:
//! 1. `routes`: the whole route table, and what each endpoint takes and answers.
//! 2. `store`: the SQL, one file a noun.
//! 3. `signing`: the access tokens made here, and the keys by which they are known.
//! 4. `credentials`: tenants' access keys, and whose signature one is.
//! 5. `controller`: calls to LCM controllers.
//! 6. `start`: what the service is made of.

mod controller;
mod credentials;
pub mod measure;
mod routes;
mod signing;
mod start;
mod store;

#[cfg(test)]
mod tests;

pub use credentials::{Credentials, LoadMasterKeys};
pub use signing::Signing;
pub use start::{App, Setup, Shared, StartError, Started, migrations, start};
