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

use futures::FutureExt;
use futures::future::BoxFuture;
use mecm_common::client::{CallError, PeerError};
use mecm_common::db::DbError;
use mecm_common::models::ids::AppInstanceId;
use mecm_jobs::{Flows, Job, Outcome, Step};

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
            let (ran, fail): (_, Fail) = match job.kind.as_str() {
                kind::CREATE => (create::run(core, job).await, create::fail),
                kind::INSTANTIATE => (instantiate::run(core, job).await, instantiate::fail),
                kind::TERMINATE => (terminate::run(core, job).await, terminate::fail),
                kind::RULES => (rules::run(core, job).await, rules::fail),
                kind::SYNC => (inventory_sync::run(core, job).await, inventory_sync::fail),
                other => {
                    let unknown = format!("this version knows no flow {other:?}");
                    return Step::failed(unknown);
                }
            };
            ran.unwrap_or_else(|trouble| trouble.step(core, job, fail))
        }
        .boxed()
    }
}

/// Ends a flow as failed: what its record says then is the flow's own business.
type Fail = fn(&Core, &Job, &str) -> Step;

/// Why a step did not come to its end.
#[derive(Debug)]
enum Trouble {
    /// The database: tried again until it is back.
    Database(DbError),
    /// May pass: tried again for a while.
    MayPass(String),
    /// Will not.
    Final(String),
}

impl Trouble {
    fn step(self, core: &Core, job: &Job, fail: Fail) -> Step {
        match self {
            Self::Database(error) => Outcome::Retry(format!("the database: {error}")).into(),
            Self::MayPass(reason) if patience(core, job) => Outcome::Retry(reason).into(),
            Self::MayPass(reason) | Self::Final(reason) => fail(core, job, &reason),
        }
    }
}

/// Whether the present step may be begun once more.
fn patience(core: &Core, job: &Job) -> bool {
    job.attempt < ATTEMPTS && before_deadline(core, job)
}

fn before_deadline(core: &Core, job: &Job) -> bool {
    core.clock.now() < job.started + core.settings.deadline
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

/// The start of a reason to which something follows that must not be cut off: `operationInfo` keeps 250 characters.
fn brief(reason: &str) -> String {
    const BRIEF: usize = 120;
    let mut brief: String = reason.chars().take(BRIEF).collect();
    if reason.chars().nth(BRIEF).is_some() {
        brief.push_str("...");
    }
    brief
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
