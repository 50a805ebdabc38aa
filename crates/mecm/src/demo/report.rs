//! The result: a table for people, JSON for programs.

use std::time::Duration;

use anyhow::Result;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::{Phase, edge_address};
use crate::output::result;

/// What the demo has to tell at its end.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    hosts: Vec<Host>,
    create_seconds: f64,
    instantiate_seconds: f64,
    pub(super) terminate_seconds: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Host {
    host: String,
    status: String,
    reason: String,
    seconds: f64,
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

impl Report {
    /// Where each host stood after the instantiate, or after a create that failed.
    pub(super) fn new(created: &Phase, instantiated: &Phase) -> Self {
        let mut all: Vec<usize> = created.hosts.keys().copied().collect();
        all.sort_unstable();
        let hosts = all
            .into_iter()
            .filter_map(|index| {
                let outcome = instantiated
                    .hosts
                    .get(&index)
                    .or_else(|| created.hosts.get(&index))?;
                Some(Host {
                    host: edge_address(index).to_string(),
                    status: outcome.status.clone(),
                    reason: outcome.reason.clone(),
                    seconds: seconds(outcome.took),
                })
            })
            .collect();
        Self {
            hosts,
            create_seconds: seconds(created.took),
            instantiate_seconds: seconds(instantiated.took),
            terminate_seconds: 0.0,
        }
    }

    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(["host", "status", "reason", "seconds"]);
        for host in &self.hosts {
            let seconds = format!("{:.2}", host.seconds);
            table.add_row([&host.host, &host.status, &host.reason, &seconds]);
        }
        table.to_string()
    }

    /// As JSON on standard output, where that was asked for.
    pub(super) fn print(&self, json: bool) -> Result<()> {
        if json {
            result(&serde_json::to_string(self)?)?;
        }
        Ok(())
    }
}
