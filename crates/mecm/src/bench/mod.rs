//! Measurements. Each prints its figures with how they were taken; none is part of the tests.

use anyhow::Result;
use clap::Subcommand;
use mecm_common::config::Config;

mod batch;
mod figures;
mod process;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Batches over many simulated hosts: times, memory, start-up.
    Batch(batch::Options),
}

/// Measures and prints.
///
/// # Errors
/// When what is measured does not work.
pub async fn run(command: &Command, config: &Config) -> Result<()> {
    match command {
        Command::Batch(options) => batch::run(options, config).await,
    }
}
