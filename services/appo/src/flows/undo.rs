//! The end of an instantiate that has failed or was stopped after something may have come into being: the workload is
//! taken away again, rules are what they were before; where that fails, the reason says that the workload still runs.

use mecm_jobs::{Job, Outcome, Step};

use super::instantiate::{Learned, end};
use super::unanswered::take_away;
use super::{Trouble, admit, and, away, before_deadline, memo, own_rules, patience};
use crate::core::Core;
use crate::edge::Terminated;
use crate::store::app_instances::AppInstance;

pub(super) async fn run(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    match own_rules::take_back(core, job, instance).await {
        Ok(()) => {}
        Err(Trouble::Database(error)) => return Err(error.into()),
        Err(Trouble::MayPass(why)) if patience(core, job) => return Err(Trouble::MayPass(why)),
        Err(trouble @ Trouble::LeftAlone { .. }) if before_deadline(core, job) => return Err(trouble),
        Err(Trouble::MayPass(why) | Trouble::LeftAlone { why, .. } | Trouble::Final(why)) => {
            tracing::warn!(instance = %instance.id, why, "the rules of a failed instantiation stay");
        }
    }
    let at = learned.controller()?;
    admit(core, at)?;
    Ok(match take_away(core, job, at).await? {
        Terminated::Done => ended(core, job, learned.reason.as_deref().unwrap_or_default()),
        Terminated::Again(why) => return Err(away(core, at, why)),
        Terminated::Failed(why) | Terminated::Refused(why) => left(core, job, &why),
    })
}

/// The workload could not be taken away: why it should be, and why it was not.
pub(super) fn left(core: &Core, job: &Job, why: &str) -> Step {
    let learned: Learned = memo(job);
    let reason = learned.reason.unwrap_or_default();
    ended(
        core,
        job,
        &and(&reason, &format!("the workload still runs on the host: {why}")),
    )
}

fn ended(core: &Core, job: &Job, reason: &str) -> Step {
    let learned: Learned = memo(job);
    let outcome = if learned.cancelled {
        Outcome::Cancelled(reason.to_owned())
    } else {
        Outcome::Failed(reason.to_owned())
    };
    end(core, job, reason, outcome)
}
