//! APM, the application package manager: takes application packages in, checks them, keeps them, and hands them out.
//!
//! Reading order:
//! 1. `routes`: the whole route table, and what each endpoint takes and answers; `routes::form` reads an upload's form.
//! 2. `judge`: whether a received file is a package; `keep`: it becomes one, and a package goes with its file;
//!    `onboarding`: fetches the file of one that is onboarded by URL.
//! 3. `blobs`: the files on disk; `owner`: whose they are; `store`: the SQL.
//! 4. `start`: what the service is made of.

mod blobs;
mod judge;
mod keep;
mod onboarding;
mod owner;
mod routes;
mod start;
mod store;

#[cfg(test)]
mod tests;

pub use start::{App, Setup, StartError, Started, Stock, migrations, start};
