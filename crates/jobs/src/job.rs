//! What a job is and what a step answers.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::TenantId;
use serde_json::Value;
use uuid::Uuid;

/// Work to be done, as it is handed to [`enqueue`](crate::enqueue).
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id; what the interface calls the operation's id.
    pub id: Uuid,
    /// For whom. Tenants take turns.
    pub tenant: TenantId,
    /// Which flow.
    pub kind: &'static str,
    /// What it works on; jobs of one subject run one after another.
    pub subject: String,
    /// The batch it belongs to.
    pub batch: Option<Uuid>,
    /// The first step.
    pub step: &'static str,
    /// What was asked; never changes.
    pub input: Value,
    /// The caller's token, encrypted.
    pub secret: Option<Vec<u8>>,
    /// The id under which the caller's request is found in the logs.
    pub request_id: String,
    /// The caller's trace context.
    pub traceparent: Option<String>,
}

/// A leased job: what a step gets to see.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// Its place among all jobs: older is smaller.
    pub seq: i64,
    /// For whom.
    pub tenant: TenantId,
    /// Which flow.
    pub kind: String,
    /// What it works on.
    pub subject: String,
    /// The batch it belongs to.
    pub batch: Option<Uuid>,
    /// The step to run.
    pub step: String,
    /// How often this step has been begun, this time included. Waiting does not count.
    pub attempt: i32,
    /// Whether this process came here straight from recording the step before: then nothing of this step can have
    /// happened yet. Otherwise some of it may have: ask before repeating.
    pub fresh: bool,
    /// Asked to stop: end at once unless something unanswered must be waited out.
    pub stop: bool,
    /// What was asked.
    pub input: Value,
    /// What the flow has learned; kept from step to step.
    pub memo: Value,
    /// The caller's token, encrypted.
    pub secret: Option<Vec<u8>>,
    /// The id under which the caller's request is found in the logs.
    pub request_id: String,
    /// The caller's trace context.
    pub traceparent: Option<String>,
    /// When the call was answered.
    pub created: DateTime<Utc>,
    /// When its first step began.
    pub started: DateTime<Utc>,
    /// Since when the present step is the present one, tries and waits included.
    pub(crate) step_since: DateTime<Utc>,
    /// What it has waited its turn for until now.
    pub(crate) lane: Option<String>,
    /// The lease under which everything of it is written.
    pub(crate) lease: Uuid,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Never begun.
    Queued,
    /// Leased by a process.
    Running,
    /// Begun, and waiting for a time, an answer or its turn.
    Waiting,
    /// Ended well.
    Done,
    /// Ended with a reason.
    Failed,
    /// Stopped before it ended by itself.
    Cancelled,
}

impl JobState {
    /// As the database and the interface write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads what [`JobState::as_str`] wrote.
    pub fn parse(text: &str) -> Result<Self, DbError> {
        [
            Self::Queued,
            Self::Running,
            Self::Waiting,
            Self::Done,
            Self::Failed,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| DbError::Inconsistent(format!("a job is in the unknown state {text:?}")))
    }
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// On to this step, at once.
    Next(&'static str),
    /// This step again at this time; nothing failed.
    Wait(DateTime<Utc>),
    /// On to another step, at this time.
    Later {
        /// The step.
        step: &'static str,
        /// Not before.
        at: DateTime<Utc>,
    },
    /// This step again after a back-off; the reason is for the log.
    Retry(String),
    /// To step `then` as soon as one of `slots` turns in `lane` is free; until then the job waits in step `waits`, which
    /// asks for the turn again. The turn is given back when the job ends, or by [`Step::release`].
    Turn {
        /// What turns are taken for, such as a controller's address.
        lane: String,
        /// How many may have one at once.
        slots: u32,
        /// The step that has the turn.
        then: &'static str,
        /// The step that waits for it: it does nothing else, since it runs again and again.
        waits: &'static str,
    },
    /// The flow is done.
    Done,
    /// The flow has failed, for this reason.
    Failed(String),
    /// The flow was stopped.
    Cancelled(String),
}

/// What a step writes, in the transaction that records its outcome. May be run more than once, each time in a fresh
/// transaction of which only one is committed.
pub type Write = Arc<dyn for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<(), DbError>> + Send + Sync>;

/// Makes a [`Write`] from a closure; it fixes the closure's type, nothing more.
pub fn write<F>(write: F) -> Write
where
    F: for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<(), DbError>> + Send + Sync + 'static,
{
    Arc::new(write)
}

/// What a step answers.
#[derive(Clone)]
#[must_use]
pub struct Step {
    /// How it ended.
    pub outcome: Outcome,
    /// What it writes beside its outcome.
    pub writes: Vec<Write>,
    /// What the flow knows now; `None`: as before.
    pub memo: Option<Value>,
    /// Warnings to keep with the job.
    pub warnings: Vec<String>,
    /// Whether the job gives its turn back.
    pub release: bool,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step")
            .field("outcome", &self.outcome)
            .field("memo", &self.memo)
            .finish_non_exhaustive()
    }
}

impl From<Outcome> for Step {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            writes: Vec::new(),
            memo: None,
            warnings: Vec::new(),
            release: false,
        }
    }
}

impl Step {
    /// On to `step`.
    pub fn next(step: &'static str) -> Self {
        Outcome::Next(step).into()
    }

    /// Failed, for this reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Outcome::Failed(reason.into()).into()
    }

    /// The same, writing this too.
    pub fn writing(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    /// The same, with a new memo.
    pub fn memo(mut self, memo: Value) -> Self {
        self.memo = Some(memo);
        self
    }

    /// The same, warning of this.
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// The same, giving the turn back.
    pub fn release(mut self) -> Self {
        self.release = true;
        self
    }
}

/// The flows of a service: runs one step of one job.
///
/// A step reads shortly, makes its calls with no transaction open, and returns what to write. It sees [`Job::stop`] and
/// decides how to stop; it sees [`Job::attempt`] and decides when to give up.
pub trait Flows: Send + Sync + 'static {
    /// Runs the step that `job` names. A panic counts as [`Outcome::Retry`], a few times.
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Step>;

    /// How the flow ends whose step panics each time.
    fn fail(&self, _job: &Job, reason: &str) -> Step {
        Step::failed(reason)
    }
}

/// How long to wait before attempt `attempt + 1`: doubling from half a second to 30 s, spread by `spread` (0..1) so that
/// what failed together does not come back together.
pub fn backoff(attempt: i32, spread: f64) -> Duration {
    let doubled = 0.5 * 2f64.powi(attempt.clamp(1, 10) - 1);
    Duration::from_secs_f64(doubled.min(30.0) * (0.75 + spread.clamp(0.0, 1.0) / 2.0))
}
