//! Measurements. Each prints its figures with how they were taken. Whether they work is tested, what they say is not.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Subcommand;
use mecm_common::config::Config;

mod api;
mod auth;
mod bare;
mod batch;
mod client;
mod figures;
mod load;
mod machine;
mod process;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Batches over many simulated hosts: times, memory, start-up.
    Batch(batch::Options),
    /// Requests of four kinds, beside handlers with nothing around them: rates, times, processor.
    Api(api::Options),
    /// What a signature costs beside a token, and how many are verified.
    Auth(load::Measuring),
    /// What `api` compares with, as a process of its own.
    #[command(hide = true)]
    Bare {
        /// Where it listens.
        address: SocketAddr,
    },
}

/// Measures and prints.
///
/// # Errors
/// When what is measured does not work.
pub async fn run(command: &Command, config: &Config) -> Result<()> {
    match command {
        Command::Batch(options) => batch::run(options).await,
        Command::Api(options) => api::run(options).await,
        Command::Auth(options) => auth::run(options).await,
        Command::Bare { address } => bare::run(*address, config).await,
    }
}
