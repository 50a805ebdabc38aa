//! Measurements. Each prints its figures with how they were taken. Whether they work is tested, what they say is not.

use anyhow::Result;
use clap::Subcommand;

mod batch;
mod client;
mod figures;
mod machine;
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
pub async fn run(command: &Command) -> Result<()> {
    match command {
        Command::Batch(options) => batch::run(options).await,
    }
}
