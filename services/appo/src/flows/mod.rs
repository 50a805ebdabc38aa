//! What happens after the 202: four flows, each a list of named steps, and the one that keeps Inventory's records up to date
//! beside them. A step reads shortly, calls with no transaction open, and returns what to write.

pub(crate) mod create;
pub(crate) mod instantiate;
mod inventory_sync;
mod own_rules;
mod rule_change;
pub(crate) mod rules;
pub(crate) mod terminate;
mod unanswered;
mod undo;
mod writes;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::client::{CallError, PeerError};
use mecm_common::db::DbError;
use mecm_common::models::ids::AppInstanceId;
use mecm_jobs::{Flows, Job, Outcome, Step};
use serde::Deserialize;

use crate::core::Core;
use crate::packages::PackageError;
use crate::plan::kind;
use crate::store::app_instances::{self, AppInstance};

/// How often a step is begun before what keeps it from succeeding is taken for the reason of a failure. With the engine's
/// back-off that is some two and a half minutes.
const ATTEMPTS: i32 = 10;
/// The reason of what was stopped.
const CANCELLED: &str = "cancelled";

/// All flows, for the engine.
pub(crate) struct AppFlows(pub(crate) Arc<Core>);

impl Flows for AppFlows {
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Step> {
        async move {
            let core = &*self.0;
            let ran = match job.kind.as_str() {
                kind::CREATE => create::run(core, job).await,
                kind::INSTANTIATE => instantiate::run(core, job).await,
                kind::TERMINATE => terminate::run(core, job).await,
                kind::RULES => rules::run(core, job).await,
                kind::SYNC => inventory_sync::run(core, job).await,
                other => Err(Trouble::Final(format!("this version knows no flow {other:?}"))),
            };
            ran.unwrap_or_else(|trouble| trouble.step(core, job, fail_of(job)))
        }
        .boxed()
    }

    fn fail(&self, job: &Job, reason: &str) -> Step {
        fail_of(job)(&self.0, job, reason)
    }
}

/// Ends a flow as failed: what its record says then is the flow's own business.
type Fail = fn(&Core, &Job, &str) -> Step;

fn fail_of(job: &Job) -> Fail {
    match job.kind.as_str() {
        kind::CREATE => create::fail,
        kind::INSTANTIATE => instantiate::fail,
        kind::TERMINATE => terminate::fail,
        kind::RULES => rules::fail,
        _ => inventory_sync::fail,
    }
}

/// Why a step did not come to its end.
#[derive(Debug)]
enum Trouble {
    /// The database: tried again until it is back.
    Database(DbError),
    /// May pass: tried again for a while.
    MayPass(String),
    /// The edge does not answer, and is left alone: tried again then, until the deadline; this is no attempt.
    LeftAlone { until: DateTime<Utc>, why: String },
    /// Will not.
    Final(String),
}

/// Lets a step call an edge, unless that is left alone.
fn admit(core: &Core, at: &EdgeAddress) -> Result<(), Trouble> {
    let why = || format!("{at} does not answer, and is left alone for a while");
    core.edge
        .admit(at)
        .map_err(|until| Trouble::LeftAlone { until, why: why() })
}

/// An edge has not done what it was asked, and may later.
fn away(core: &Core, at: &EdgeAddress, why: String) -> Trouble {
    match core.edge.left_alone(at) {
        Some(until) => Trouble::LeftAlone { until, why },
        None => Trouble::MayPass(why),
    }
}

impl Trouble {
    fn step(self, core: &Core, job: &Job, fail: Fail) -> Step {
        match self {
            Self::Database(error) => Outcome::Retry(format!("the database: {error}")).into(),
            Self::MayPass(reason) if patience(core, job) => Outcome::Retry(reason).into(),
            Self::LeftAlone { until, .. } if before_deadline(core, job) => Outcome::Wait(until).into(),
            Self::MayPass(reason) | Self::LeftAlone { why: reason, .. } | Self::Final(reason) => {
                fail(core, job, &reason)
            }
        }
    }
}

/// A reason and what must be said with it: shortened so that both are read, since an instance keeps 250 characters.
fn and(reason: &str, more: &str) -> String {
    const ROOM: usize = 120;
    match reason.char_indices().nth(ROOM) {
        Some((at, _)) => format!("{}...; {more}", &reason[..at]),
        None => format!("{reason}; {more}"),
    }
}

/// Whether the present step may be begun once more.
fn patience(core: &Core, job: &Job) -> bool {
    job.attempt < ATTEMPTS && before_deadline(core, job)
}

/// Whether it has time left: from its begin, or, where it had to wait for a turn, from that.
fn before_deadline(core: &Core, job: &Job) -> bool {
    #[derive(Default, Deserialize)]
    struct Begun {
        began: Option<DateTime<Utc>>,
    }
    let began = memo::<Begun>(job).began.unwrap_or(job.started);
    core.clock.now() < began + core.settings.deadline
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl From<PeerError> for Trouble {
    fn from(error: PeerError) -> Self {
        if error.may_pass() {
            Self::MayPass(error.to_string())
        } else {
            Self::Final(error.to_string())
        }
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        PeerError::from(error).into()
    }
}

impl From<Arc<PackageError>> for Trouble {
    fn from(error: Arc<PackageError>) -> Self {
        if error.may_pass() {
            Self::MayPass(error.to_string())
        } else {
            Self::Final(error.to_string())
        }
    }
}

/// The instance that a job works on.
fn instance_of(job: &Job) -> Result<AppInstanceId, Trouble> {
    job.subject
        .trim_start_matches(inventory_sync::SUBJECT)
        .parse()
        .map_err(|_| Trouble::Final(format!("the operation works on nothing: {:?}", job.subject)))
}

/// The record that a job works on, as it is now.
async fn record(core: &Core, job: &Job) -> Result<Option<AppInstance>, Trouble> {
    let id = instance_of(job)?;
    let mut tx = core.db.begin_read().await?;
    Ok(app_instances::get(&mut tx, job.tenant, id).await?)
}

/// What a flow has learned, in its own form; nothing learned yet is the default.
fn memo<T: serde::de::DeserializeOwned + Default>(job: &Job) -> T {
    serde_json::from_value(job.memo.clone()).unwrap_or_default()
}

/// The same, to be kept.
fn keep<T: serde::Serialize>(memo: &T) -> serde_json::Value {
    serde_json::to_value(memo).unwrap_or_default()
}
