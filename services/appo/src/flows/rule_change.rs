//! Bringing a rule set to a rule manager, and taking it away again: what the flows of rules, instantiate and terminate share.

use mecm_common::client::PeerError;
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::models::ids::AppInstanceId;
use mecm_jobs::Job;
use serde_json::Value;

use super::{Trouble, admit, away, instance_of};
use crate::core::{Core, context_of};
use crate::edge::{Configure, Configured, Target};

/// A rule manager may say that it is the other call that is wanted; more often than this it is talking nonsense.
const TURNS: usize = 3;

/// What a task says when the manager has the rules and Inventory could not be written.
pub(super) fn not_kept(error: &PeerError) -> String {
    format!("the rules are set on the host, but inventory could not keep them: {error}")
}

/// Sends the whole set. `first`: the manager should have none yet. Asks it first where something may have been sent before.
/// Gives the manager's own task id.
pub(super) async fn apply(
    core: &Core,
    job: &Job,
    at: &EdgeAddress,
    set: &Value,
    first: bool,
) -> Result<Option<String>, Trouble> {
    admit(core, at)?;
    let context = context_of(job);
    let instance = instance_of(job)?;
    let token = core.token(&context, job, true).await?;
    let target = || Target {
        tenant: job.tenant,
        instance,
        token: &token,
    };
    let mut how = if first { Configure::Add } else { Configure::Replace };
    if !job.fresh {
        let there = core
            .edge
            .has_rules(&context, at, target())
            .await
            .map_err(|error| away(core, at, error.to_string()))?;
        // What has not changed is no error to PUT: the manager says so, and it is done.
        how = if there { Configure::Replace } else { Configure::Add };
    }
    for _ in 0..TURNS {
        match core.edge.configure(&context, at, target(), set, how).await {
            Configured::Done(task) => return Ok(task),
            Configured::Failure(detailed) => return Err(Trouble::Final(detailed)),
            Configured::Busy(why) | Configured::Unanswered(why) => return Err(away(core, at, why)),
            Configured::TryAdd => how = Configure::Add,
            Configured::TryReplace => how = Configure::Replace,
        }
    }
    Err(Trouble::Final(
        "the app rule manager wants neither POST nor PUT".to_owned(),
    ))
}

/// Takes an instance's rules away from the manager.
pub(super) async fn remove(
    core: &Core,
    job: &Job,
    instance: AppInstanceId,
    at: &EdgeAddress,
) -> Result<(), Trouble> {
    admit(core, at)?;
    let context = context_of(job);
    let token = core.token(&context, job, true).await?;
    let target = Target {
        tenant: job.tenant,
        instance,
        token: &token,
    };
    match core.edge.remove_rules(&context, at, target).await {
        Configured::Done(_) | Configured::TryAdd | Configured::TryReplace => Ok(()),
        Configured::Failure(detailed) => Err(Trouble::Final(detailed)),
        Configured::Busy(why) | Configured::Unanswered(why) => Err(away(core, at, why)),
    }
}
