use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use futures::future::BoxFuture;
use mecm_common::clock::Clock;
use mecm_common::db::testing::TestDb;
use mecm_common::db::{Db, Migrations, Tx};
use mecm_common::models::ids::TenantId;
use mecm_common::{execute, fetch_one};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;

mod crash;
mod flow;
mod lanes;
mod leases;

fn migrations() -> Migrations {
    Migrations {
        postgres: sqlx::migrate!("../../migrations/appo/postgres"),
        sqlite: sqlx::migrate!("../../migrations/appo/sqlite"),
    }
}

const LIMIT: Duration = Duration::from_secs(20);

fn tenant(n: u128) -> TenantId {
    TenantId(Uuid::from_u128(n))
}

fn job(tenant: TenantId, kind: &'static str, subject: &str) -> NewJob {
    NewJob {
        id: Uuid::new_v4(),
        tenant,
        kind,
        subject: subject.to_owned(),
        batch: None,
        step: "one",
        input: json!({"asked": true}),
        secret: Some(b"sealed".to_vec()),
        request_id: "test".to_owned(),
        traceparent: None,
    }
}

type Script = Box<dyn Fn(Job) -> BoxFuture<'static, Step> + Send + Sync>;

/// Flows made of closures, one per kind; notes every step it runs as `subject:step`.
#[derive(Default)]
struct Scripted {
    scripts: HashMap<&'static str, Script>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn on<F, R>(mut self, kind: &'static str, script: F) -> Self
    where
        F: Fn(Job) -> R + Send + Sync + 'static,
        R: Future<Output = Step> + Send + 'static,
    {
        self.scripts
            .insert(kind, Box::new(move |job| Box::pin(script(job))));
        self
    }
}

impl Flows for Scripted {
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Step> {
        self.log
            .lock()
            .unwrap()
            .push(format!("{}:{}", job.subject, job.step));
        (self.scripts[job.kind.as_str()])(job.clone())
    }
}

struct Rig {
    test: TestDb,
    clock: Clock,
    stop: CancellationToken,
    log: Arc<Mutex<Vec<String>>>,
    engine: Engine,
}

fn settings(workers: usize) -> Settings {
    let file = std::env::temp_dir().join(format!("mecm-test-instance-{}", Uuid::new_v4()));
    Settings {
        poll: Duration::from_millis(50),
        ..Settings::new("test", workers, file)
    }
}

async fn rig(test: TestDb, flows: Scripted, workers: usize) -> Rig {
    rig_with(test, flows, settings(workers)).await
}

async fn rig_with(test: TestDb, flows: Scripted, settings: Settings) -> Rig {
    let clock = Clock::manual(Clock::System.now());
    let stop = CancellationToken::new();
    let log = flows.log.clone();
    let engine = Engine::start(
        test.db.clone(),
        clock.clone(),
        Arc::new(flows),
        settings,
        stop.clone(),
    )
    .await
    .unwrap();
    Rig {
        test,
        clock,
        stop,
        log,
        engine,
    }
}

async fn add(db: &Db, clock: &Clock, jobs: &[NewJob]) {
    let mut tx = db.begin_write().await.unwrap();
    enqueue(&mut tx, jobs, clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

impl Rig {
    async fn add(&self, jobs: &[NewJob]) {
        add(&self.test.db, &self.clock, jobs).await;
        self.engine.wake();
    }

    async fn idle(&self) {
        self.engine.run_until_idle(LIMIT).await.unwrap();
    }

    async fn rows(&self, subject: &str) -> Vec<JobRow> {
        let mut tx = self.test.db.begin_read().await.unwrap();
        of_subject(&mut tx, subject).await.unwrap()
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

async fn count(tx: &mut Tx, sql: &'static str) -> i64 {
    async fn run(tx: &mut Tx, sql: &'static str) -> Result<i64, mecm_common::db::DbError> {
        let (count,): (i64,) = fetch_one!(tx, sql);
        Ok(count)
    }
    run(tx, sql).await.unwrap()
}

async fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + LIMIT;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited too long");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
