//! Claims due jobs, runs their steps, renews leases, and stops without losing anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use mecm_common::clock::Clock;
use mecm_common::db::{Db, DbError};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::instance::Instance;
use crate::job::{Flows, Job, Outcome, Step};
use crate::living::Living;
use crate::record::{self, Record, Reply};
use crate::watch::{Watch, Watchers};
use crate::{history, store};

/// How often a step may panic before its flow ends.
const PANICS: i32 = 5;

/// How an engine runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The service's name, on log lines and metrics.
    pub service: &'static str,
    /// How many jobs are worked on at once.
    pub workers: usize,
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// How often leases are renewed.
    pub beat: Duration,
    /// How often the database is looked at when nothing hurries.
    pub poll: Duration,
    /// How long steps under way may take to end at a stop.
    pub grace: Duration,
    /// Where this process keeps its instance id (PostgreSQL).
    pub instance_file: PathBuf,
    /// How long ended jobs are kept.
    pub history: chrono::TimeDelta,
}

impl Settings {
    /// The intervals of the interface: leases of 15 s, renewed every 5 s.
    pub fn new(service: &'static str, workers: usize, instance_file: PathBuf) -> Self {
        Self {
            service,
            workers,
            lease: Duration::from_secs(15),
            beat: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            grace: Duration::from_secs(20),
            instance_file,
            history: chrono::TimeDelta::days(7),
        }
    }
}

/// Why an engine could not start, or did not come to rest.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database.
    #[error("the job engine cannot use the database")]
    Database(#[from] DbError),
    /// Work did not come to an end in time.
    #[error("{0} jobs were still under way after {1:?}")]
    Busy(i64, Duration),
}

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("instance", &self.inner.instance.id)
            .finish_non_exhaustive()
    }
}

struct Inner {
    db: Db,
    clock: Clock,
    flows: Arc<dyn Flows>,
    settings: Settings,
    instance: Instance,
    wake: Arc<Notify>,
    records: mpsc::Sender<Record>,
    living: Living,
    watchers: Watchers,
    /// Told after every recorded outcome.
    progress: Notify,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Engine {
    /// Takes back what this process had before a crash, and begins to work until `stop`.
    pub async fn start(
        db: Db,
        clock: Clock,
        flows: Arc<dyn Flows>,
        settings: Settings,
        stop: CancellationToken,
    ) -> Result<Self, EngineError> {
        let instance = Instance::take(&db, &settings.instance_file).await?;
        let mut tx = db.begin_write().await?;
        let resumed = store::give_back(&mut tx, &instance.id, clock.now()).await?;
        tx.commit().await?;
        if resumed > 0 {
            tracing::info!(
                service = settings.service,
                resumed,
                "jobs of before the restart go on"
            );
        }
        let wake = Arc::new(Notify::new());
        let (records, receiver) = mpsc::channel(settings.workers.max(16));
        tokio::spawn(record::run(db.clone(), clock.clone(), receiver, wake.clone()));
        let inner = Arc::new(Inner {
            db,
            clock,
            flows,
            settings,
            instance,
            wake,
            records,
            living: Living::default(),
            watchers: Watchers::default(),
            progress: Notify::new(),
            stop,
            tasks: TaskTracker::new(),
        });
        tokio::spawn(inner.clone().beat());
        tokio::spawn(inner.clone().claim_until_stopped());
        Ok(Self { inner })
    }

    /// Looks for due jobs now; call it after committing an [`enqueue`](crate::enqueue). A hint: forgetting it costs a
    /// poll interval, never a job.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Watches the jobs of a subject.
    pub fn watch(&self, subject: &str) -> Watch {
        self.inner.watchers.watch(subject)
    }

    /// Whether it has been told to stop: then long waits for its work should end.
    pub fn is_stopping(&self) -> bool {
        self.inner.stop.is_cancelled()
    }

    /// Waits until no job is leased or due, for at most `limit`. For tests and the demo: with a manual clock, jobs that
    /// wait for a later time are left alone.
    pub async fn run_until_idle(&self, limit: Duration) -> Result<(), EngineError> {
        let deadline = Instant::now() + limit;
        loop {
            let progress = self.inner.progress.notified();
            let mut tx = self.inner.db.begin_read().await?;
            let busy = store::busy(&mut tx, self.inner.clock.now()).await?;
            drop(tx);
            if busy == 0 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(EngineError::Busy(busy, limit));
            }
            self.wake();
            drop(timeout(Duration::from_millis(20), progress).await);
        }
    }

    /// Waits until everything has stopped after the token given to [`Engine::start`] was cancelled: steps under way have
    /// the grace time to end; what has not by then is given back and goes on at the next start, or elsewhere.
    pub async fn stopped(&self) {
        self.inner.stop.cancelled().await;
        self.inner.tasks.close();
        let ended = timeout(self.inner.settings.grace, self.inner.tasks.wait()).await;
        if ended.is_err() {
            tracing::info!(
                service = self.inner.settings.service,
                jobs = self.inner.tasks.len(),
                "steps under way are left to be resumed"
            );
        }
        match self.inner.give_back().await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(error = %error, "leases could not be given back; they expire by themselves")
            }
        }
    }
}

impl Inner {
    async fn give_back(&self) -> Result<(), DbError> {
        let mut tx = self.db.begin_write().await?;
        store::give_back(&mut tx, &self.instance.id, self.clock.now()).await?;
        tx.commit().await
    }

    fn lease_seconds(&self) -> i64 {
        i64::try_from(self.settings.lease.as_secs())
            .unwrap_or(i64::MAX)
            .max(1)
    }

    /// Renews leases, and now and then sweeps old history.
    async fn beat(self: Arc<Self>) {
        let mut beats: u64 = 0;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => {
                    // Steps under way keep their leases until they have ended or the grace time is over.
                    if timeout(self.settings.beat, self.tasks.wait()).await.is_ok() { return }
                    if self.tasks.is_empty() { return }
                }
                () = sleep(self.settings.beat) => {}
            }
            if let Err(error) = self.renew().await {
                tracing::warn!(service = self.settings.service, error = %error, "leases could not be renewed");
            }
            if beats.is_multiple_of(120)
                && let Err(error) = self.sweep().await
            {
                tracing::warn!(service = self.settings.service, error = %error, "old history could not be swept");
            }
            beats += 1;
        }
    }

    /// Renews the leases of what is worked on here, and gives back those on which nobody works.
    async fn renew(&self) -> Result<(), DbError> {
        let living = self.living.ids();
        let owner = &self.instance.id;
        if living.is_empty() {
            let mut tx = self.db.begin_read().await?;
            if store::held(&mut tx, owner).await? == 0 {
                return Ok(());
            }
        }
        let now = self.clock.now();
        let mut tx = self.db.begin_write().await?;
        store::renew(&mut tx, owner, &living, self.lease_seconds(), now).await?;
        let orphans = store::give_back_orphans(&mut tx, owner, &living, now).await?;
        tx.commit().await?;
        if orphans > 0 {
            tracing::warn!(
                service = self.settings.service,
                orphans,
                "leases on which nobody works are given back"
            );
            self.wake.notify_one();
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), DbError> {
        let before = self.clock.now() - self.settings.history;
        let mut tx = self.db.begin_write().await?;
        history::sweep(&mut tx, before, 1_000).await?;
        tx.commit().await
    }

    async fn claim_until_stopped(self: Arc<Self>) {
        loop {
            let woken = self.wake.notified();
            let claimed = match self.claim().await {
                Ok(jobs) => jobs,
                Err(error) => {
                    tracing::warn!(service = self.settings.service, error = %error, "no jobs could be claimed");
                    Vec::new()
                }
            };
            if self.stop.is_cancelled() {
                // `stopped` gives back what was claimed just now.
                return;
            }
            let more = !claimed.is_empty();
            for job in claimed {
                self.clone().spawn(job);
            }
            if more {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = woken => {}
                () = sleep(self.settings.poll) => {}
            }
        }
    }

    /// Claims as many jobs as there are free workers.
    async fn claim(&self) -> Result<Vec<Job>, DbError> {
        let (free, without) = self.living.free_of(self.settings.workers);
        if free == 0 || self.stop.is_cancelled() {
            return Ok(Vec::new());
        }
        // A batch at a time: the first begin while the next are claimed.
        let most = i64::try_from(free.min(128)).unwrap_or(128);
        let now = self.clock.now();
        if self.db.is_sqlite() {
            // Do not queue for the one writer, and not wait for the disk, to find that there is nothing to do.
            let mut tx = self.db.begin_read().await?;
            if store::busy(&mut tx, now).await? <= i64::try_from(self.tasks.len()).unwrap_or(i64::MAX) {
                return Ok(Vec::new());
            }
        }
        let mut tx = self.db.begin_write().await?;
        let jobs = store::claim(
            &mut tx,
            &self.instance.id,
            self.lease_seconds(),
            now,
            without,
            most,
        )
        .await?;
        if jobs.is_empty() {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(jobs)
    }

    fn spawn(self: Arc<Self>, job: Job) {
        let (id, lease) = (job.id, job.lease);
        self.living.begin(&job);
        let tasks = self.tasks.clone();
        tasks.spawn(async move {
            let rest = self.clone().work(job).await;
            self.living.end(id, lease);
            self.progress.notify_waiters();
            self.wake.notify_one();
            // The poll would find it too; this hurries it to the moment.
            if let Some(until) = rest
                && let Ok(wait) = (until - self.clock.now()).to_std()
                && wait < Duration::from_secs(3_600)
            {
                let wake = self.wake.clone();
                tokio::spawn(async move {
                    sleep(wait).await;
                    wake.notify_one();
                });
            }
        });
    }

    /// Runs steps of one job until it ends, waits, or is another's. Gives when it is due again.
    async fn work(self: Arc<Self>, job: Job) -> Option<chrono::DateTime<chrono::Utc>> {
        let span = tracing::info_span!("job", service = self.settings.service, job = %job.id, kind = %job.kind, subject = %job.subject, request_id = %job.request_id);
        let mut job = Arc::new(job);
        loop {
            let step = Arc::new(self.run_step(&job, &span).await);
            let reply = self.record(job.clone(), step.clone()).await;
            self.progress.notify_waiters();
            match reply {
                Reply::Goes {
                    step: name,
                    stop,
                    since,
                } => {
                    if self.stop.is_cancelled() {
                        // The step boundary is the place to stop: `stopped` gives the lease back.
                        return None;
                    }
                    let next = Arc::make_mut(&mut job);
                    name.clone_into(&mut next.step);
                    if let Some(memo) = &step.memo {
                        next.memo = memo.clone();
                    }
                    next.stop = stop;
                    next.attempt = 1;
                    next.fresh = true;
                    next.step_since = since;
                    next.lane = None;
                }
                Reply::Rests(until) => {
                    self.watchers.tell(&job.subject);
                    return until;
                }
                Reply::LeaseLost => {
                    tracing::warn!(parent: &span, step = job.step, "the lease was lost; the outcome is dropped");
                    return None;
                }
                Reply::Failed(_) => return None,
            }
        }
    }

    async fn run_step(&self, job: &Job, span: &tracing::Span) -> Step {
        use tracing::Instrument;
        let began = Instant::now();
        let run = std::panic::AssertUnwindSafe(self.flows.run(job)).catch_unwind();
        let step = match run.instrument(span.clone()).await {
            Ok(step) => step,
            Err(_panic) => self.panicked(job),
        };
        metrics::histogram!("mecm_job_step_seconds", "service" => self.settings.service, "kind" => job.kind.clone(), "step" => job.step.clone())
            .record(began.elapsed().as_secs_f64());
        if let Outcome::Failed(reason) = &step.outcome {
            tracing::info!(parent: span, step = job.step, reason, "a job failed");
        }
        step
    }

    /// May pass, a few times; then the flow ends as a failure.
    fn panicked(&self, job: &Job) -> Step {
        const WHY: &str = "the step panicked; the log has its message";
        if job.attempt < PANICS {
            return Outcome::Retry(WHY.to_owned()).into();
        }
        let fail = std::panic::AssertUnwindSafe(|| self.flows.fail(job, WHY));
        std::panic::catch_unwind(fail).unwrap_or_else(|_panic| Step::failed(WHY))
    }

    /// Offers the outcome until the database takes it or the lease must have run out.
    async fn record(&self, job: Arc<Job>, step: Arc<Step>) -> Reply {
        let patience = Instant::now() + self.settings.lease * 2;
        loop {
            let (reply, answer) = oneshot::channel();
            let record = Record {
                job: job.clone(),
                step: step.clone(),
                reply,
            };
            if self.records.send(record).await.is_err() {
                return Reply::LeaseLost;
            }
            match answer.await {
                Ok(Reply::Failed(error)) if Instant::now() < patience => {
                    drop(error);
                    sleep(record::RETRY_AFTER).await;
                }
                Ok(reply) => return reply,
                Err(_) => return Reply::LeaseLost,
            }
        }
    }
}
