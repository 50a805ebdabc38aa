//! APM, the application package manager: takes application packages in, checks them, keeps them, and hands them out.
//!
//! Reading order:
//! 1. `routes`: the whole route table, and what each endpoint takes and answers; `routes::form` reads an upload's form.
//! 2. `keep`: a received file becomes a package, and a package goes with its file.
//! 3. `blobs`: the files on disk; `store`: the SQL.
//! 4. `start`: what the service is made of.

mod blobs;
mod keep;
mod routes;
mod start;
mod store;

#[cfg(test)]
mod tests;

pub use start::{App, Setup, StartError, Started, migrations, start};
