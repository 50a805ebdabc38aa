//! Logs and metrics, set up once per process.
//!
//! A log line reads alone and carries fields; no token, key or body is ever in it. Metrics of all services of a process
//! share one recorder and carry the label `service`.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// One JSON object per line, for a collector.
    Json,
}

/// How often histograms are folded up.
const KEEP_UP: Duration = Duration::from_secs(5);

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Sets up logging to standard error with the given filter (`info`, `mecm_appo=debug,info`, …). A second call changes
/// nothing: the first wins, which is what tests and the all-in-one process want.
pub fn init_logs(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are for people: in a file or a container's log they are noise.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let done = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    drop(done);
}

/// Sets up the metrics recorder; a second call changes nothing.
pub fn init_metrics() {
    METRICS.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0])
            .expect("the bucket list is a non-empty constant")
            .build_recorder();
        let handle = recorder.handle();
        // Fails only where a test binary has set another recorder, which then is the one that counts.
        drop(metrics::set_global_recorder(recorder));
        keep_up(handle.clone());
        handle
    });
}

/// Samples of histograms are gathered until somebody asks for them; where nobody does, this folds them up.
fn keep_up(handle: PrometheusHandle) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(KEEP_UP).await;
            handle.run_upkeep();
        }
    });
}

/// All metrics in Prometheus' text format; empty when [`init_metrics`] was never called.
pub fn render_metrics() -> String {
    METRICS.get().map(PrometheusHandle::render).unwrap_or_default()
}
