//! `mecm bench batch`: batches over many simulated hosts, the simulator and the client in this process, the suite in one of
//! its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use super::client::Bench;
use super::figures::{Figures, quantile};
use super::machine;
use super::process::{Place, Process};
use crate::output::{result, say};

const MIB: f64 = 1_048_576.0;
/// Hosts of the batch beside which single creates are timed.
const BATCH_BESIDE: usize = 200;
/// Healthy hosts for those, in turns.
const SINGLE_HOSTS: usize = 60;
/// How a figure's services run.
const ALONE: &str = "each alone";
const TOGETHER: &str = "all in one process";

/// What is measured, and how often.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Hosts of the large batch.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    hosts: u16,
    /// How often each is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// Single creates timed in each run, at least, all of them while a batch of 200 runs.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    samples: u16,
    /// On PostgreSQL instead of SQLite; MECM_TEST_POSTGRES names the server.
    #[arg(long)]
    postgres: bool,
    /// What the package holds beside the sample's files, in KiB.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=102_400))]
    package_kib: u32,
}

impl Options {
    fn kind(&self) -> &'static str {
        if self.postgres { "postgres" } else { "sqlite" }
    }

    async fn bench(&self, hosts: usize, deploy: Duration) -> Result<Bench> {
        Bench::start(self.kind(), self.package_kib, hosts, deploy).await
    }
}

pub(super) async fn run(options: &Options) -> Result<()> {
    let mut figures = Figures::default();
    let mut package_bytes = 0;
    for number in 1..=options.runs {
        say(&format!("run {number} of {}", options.runs));
        starts(options, &mut figures).await?;
        slow_twenty(options, &mut figures).await?;
        package_bytes = large(options, &mut figures).await?;
        beside(options, &mut figures).await?;
    }
    result(&format!(
        "mecm bench batch, {} profile\n{}\npackage: {package_bytes} bytes\n\
         processes: the services as the last column says; the simulator and the measuring client in another one",
        if cfg!(debug_assertions) { "dev" } else { "release" },
        machine::describe(options.kind()).await,
    ))?;
    result(&figures.table())?;
    Ok(())
}

/// Each service alone: how soon it is ready on an existing database, and what it takes idle.
async fn starts(options: &Options, figures: &mut Figures) -> Result<()> {
    let place = Place::new(options.kind()).await?;
    drop(Process::start(&place, "up", &["inventory", "apm", "appo"]).await?);
    for service in ["inventory", "apm", "appo"] {
        let process = Process::start(&place, service, &[service]).await?;
        let ready = process.ready_after.as_secs_f64() * 1_000.0;
        figures.add(&format!("{service} ready after"), "ms", ALONE, ready);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let idle = process.memory()? as f64 / MIB;
        figures.add(&format!("{service} idle"), "MiB", ALONE, idle);
    }
    Ok(())
}

/// 20 hosts whose controllers take a second each.
async fn slow_twenty(options: &Options, figures: &mut Figures) -> Result<()> {
    let bench = options.bench(20, Duration::from_secs(1)).await?;
    let (ids, _) = bench.create("slow", 0..20).await?;
    let took = bench.instantiate(&ids).await?;
    figures.add("20 hosts at 1 s: instantiate", "s", TOGETHER, took);
    Ok(())
}

/// The large batch. Gives the size of the package.
async fn large(options: &Options, figures: &mut Figures) -> Result<u64> {
    let hosts = usize::from(options.hosts);
    let bench = options.bench(hosts, Duration::from_millis(50)).await?;
    let mut add = |what: &str, unit, value| {
        figures.add(&format!("{hosts} hosts at 50 ms: {what}"), unit, TOGETHER, value);
    };
    let (ids, created) = bench.create("large", 0..hosts).await?;
    add("create", "s", created);
    add("instantiate", "s", bench.instantiate(&ids).await?);
    add("terminate", "s", bench.terminate(&ids).await?);
    add("memory at most", "MiB", bench.process.most_memory()? as f64 / MIB);
    if !bench.sim.totals().is_empty() {
        bail!("the edges still hold something: {:?}", bench.sim.totals());
    }
    Ok(bench.package_bytes)
}

/// Single creates on healthy edges, one after the other for as long as a batch of 200 is created, instantiated and
/// terminated; then another batch, until there are enough.
async fn beside(options: &Options, figures: &mut Figures) -> Result<()> {
    let hosts = BATCH_BESIDE + SINGLE_HOSTS;
    let bench = options.bench(hosts, Duration::from_millis(50)).await?;
    let mut times = Vec::new();
    let mut round = 0;
    while times.len() < usize::from(options.samples) {
        round += 1;
        let running = AtomicBool::new(true);
        let batch = async {
            let ended = bench.whole_batch(&format!("batch{round}"), 0..BATCH_BESIDE).await;
            running.store(false, Ordering::Relaxed);
            ended
        };
        let singles = async {
            let mut ids = Vec::new();
            while running.load(Ordering::Relaxed) {
                let host = BATCH_BESIDE + ids.len() % SINGLE_HOSTS;
                let (id, took) = bench.one_create(&format!("single{}", ids.len()), host).await?;
                ids.push(id);
                // One that ended when nothing ran beside it any more says nothing.
                if running.load(Ordering::Relaxed) {
                    times.push(took);
                }
            }
            Ok::<_, anyhow::Error>(ids)
        };
        let (batch, singles) = tokio::join!(batch, singles);
        batch?;
        bench.terminate(&singles?).await?;
    }
    let mut add = |what: &str, unit, value| {
        figures.add(
            &format!("a create beside a batch of 200, {what}"),
            unit,
            TOGETHER,
            value,
        );
    };
    add("p50", "ms", quantile(&mut times, 0.5) * 1_000.0);
    add("p99", "ms", quantile(&mut times, 0.99) * 1_000.0);
    add("slowest", "ms", quantile(&mut times, 1.0) * 1_000.0);
    add("creates timed", "", times.len() as f64);
    Ok(())
}
