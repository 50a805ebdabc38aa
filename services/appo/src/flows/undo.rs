//! The end of an instantiate that has failed or was stopped after something may have come into being: workload and rules are
//! taken away again; where that fails, the reason says that the workload still runs.

use mecm_common::client::inventory::EdgeAddress;
use mecm_jobs::{Job, Outcome, Step};
use serde_json::Value;

use super::instantiate::{Learned, end};
use super::{Trouble, brief, memo, patience, rule_change};
use crate::core::{Core, context_of};
use crate::edge::{Target, Terminated};
use crate::store::app_instances::AppInstance;

/// The rules as they were before: the user's own, or none.
async fn put_back(
    core: &Core,
    job: &Job,
    instance: &AppInstance,
    at: &EdgeAddress,
    held: Option<&Value>,
) -> Result<(), Trouble> {
    let Some(held) = held else {
        return rule_change::remove(core, job, instance.id, Some(at)).await;
    };
    rule_change::apply(core, job, at, held, false).await?;
    let context = context_of(job);
    core.inventory
        .put_rules(&context, job.tenant, instance.id, held)
        .await?;
    Ok(())
}

pub(super) async fn run(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    let reason = learned.reason.clone().unwrap_or_default();
    if learned.rules_sent
        && let Some(at) = &learned.rule_manager
    {
        match put_back(core, job, instance, at, learned.held.as_ref()).await {
            Ok(()) => {}
            Err(Trouble::Database(error)) => return Err(error.into()),
            Err(Trouble::MayPass(why)) if patience(core, job) => return Err(Trouble::MayPass(why)),
            Err(Trouble::MayPass(why) | Trouble::Final(why)) => {
                tracing::warn!(instance = %instance.id, why, "the rules of a failed instantiation stay");
            }
        }
    }
    let context = context_of(job);
    let removed = match core.token(&context, job, true).await {
        Ok(token) => {
            let target = Target {
                tenant: job.tenant,
                instance: instance.id,
                token: &token,
            };
            core.edge.terminate(&context, learned.controller()?, target).await
        }
        Err(error) if error.may_pass() => Terminated::Again(error.to_string()),
        Err(error) => Terminated::Refused(error.to_string()),
    };
    let reason = match removed {
        Terminated::Done => reason,
        Terminated::Again(why) if patience(core, job) => return Ok(Outcome::Retry(why).into()),
        Terminated::Again(why) | Terminated::Refused(why) => {
            format!("{}; the workload still runs on the host: {why}", brief(&reason))
        }
    };
    let outcome = if learned.cancelled {
        Outcome::Cancelled(reason.clone())
    } else {
        Outcome::Failed(reason.clone())
    };
    Ok(end(core, job, &reason, outcome))
}
