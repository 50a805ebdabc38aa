//! app rules: Inventory's set merged with the request, to the rule manager, to Inventory; the task says how it ended.
//!
//! The job's input is the change: `{"set": {…}}` replaces and adds rules, `{"delete": {…}}` takes some away.

use mecm_common::client::inventory::EdgeAddress;
use mecm_common::models::ids::TaskId;
use mecm_jobs::{Job, Outcome, Step};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Trouble, keep, memo, patience, record, rule_change, writes};
use crate::core::{Core, context_of};
use crate::plan::{self, Standing};
use crate::rule_sets;
use crate::store::app_instances::AppInstance;
use crate::store::rule_tasks::Ended;

pub(crate) const FIRST: &str = "merge";
/// What a task says that was queued when its instance's terminate was asked for.
pub(crate) const BEING_TERMINATED: &str = "application instance is being terminated";

/// What the flow has learned.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Learned {
    manager: Option<EdgeAddress>,
    merged: Value,
    /// Inventory has no set yet.
    first: bool,
    manager_task: Option<String>,
}

pub(super) async fn run(core: &Core, job: &Job) -> Result<Step, Trouble> {
    let Some(instance) = record(core, job).await? else {
        return Ok(fail(core, job, BEING_TERMINATED));
    };
    match job.step.as_str() {
        FIRST => merge(core, job, &instance).await,
        "configure" => configure(core, job).await,
        "keep" => keep_in_inventory(core, job, &instance).await,
        other => Err(Trouble::Final(format!("this version knows no step {other:?}"))),
    }
}

/// FAILURE, and why.
pub(super) fn fail(core: &Core, job: &Job, reason: &str) -> Step {
    let learned: Learned = memo(job);
    let task = TaskId(job.id);
    Step::failed(reason).writing(writes::task_ends(
        core,
        task,
        Ended::Failure,
        reason,
        learned.manager_task,
    ))
}

fn success(core: &Core, job: &Job, manager_task: Option<String>) -> Step {
    let task = TaskId(job.id);
    Step::from(Outcome::Done).writing(writes::task_ends(core, task, Ended::Success, "", manager_task))
}

async fn merge(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    if job.stop || instance.terminating {
        return Ok(fail(core, job, BEING_TERMINATED));
    }
    let standing = Standing {
        status: instance.status()?,
        terminating: false,
        open: Vec::new(),
    };
    if let Err(refusal) = plan::rules(&standing) {
        return Ok(fail(core, job, &refusal.message()));
    }
    let context = context_of(job);
    let held: Option<Value> = core.inventory.rules(&context, job.tenant, instance.id).await?;
    let merged = match (&held, &job.input["set"], &job.input["delete"]) {
        (None, Value::Null, _) => return Ok(success(core, job, None)),
        (Some(held), Value::Null, gone) => Ok(rule_sets::without(held, gone)),
        (Some(held), set, _) => rule_sets::merge(held, set),
        (None, set, _) => rule_sets::merge(set, &Value::Null),
    };
    let merged = match merged {
        Ok(merged) => merged,
        Err(reason) => return Ok(fail(core, job, reason)),
    };
    let host = core.inventory.host(&context, job.tenant, instance.host).await?;
    let ip = host.and_then(|host| host.app_rule_ip).filter(|ip| !ip.is_empty());
    let manager = match ip {
        Some(ip) => core.inventory.rule_manager(&context, job.tenant, &ip).await?,
        None => None,
    };
    if manager.is_none() {
        return Ok(fail(core, job, "apprule port not found"));
    }
    let learned = Learned {
        manager,
        merged,
        first: held.is_none(),
        manager_task: None,
    };
    Ok(Step::next("configure").memo(keep(&learned)))
}

async fn configure(core: &Core, job: &Job) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    if job.stop && job.fresh {
        return Ok(fail(core, job, BEING_TERMINATED));
    }
    let at = learned
        .manager
        .as_ref()
        .ok_or_else(|| Trouble::Final("apprule port not found".to_owned()))?;
    let manager_task = rule_change::apply(core, job, at, &learned.merged, learned.first).await?;
    Ok(Step::next("keep").memo(keep(&Learned {
        manager_task,
        ..learned
    })))
}

async fn keep_in_inventory(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    let kept = core
        .inventory
        .put_rules(&context_of(job), job.tenant, instance.id, &learned.merged)
        .await;
    match kept {
        Ok(()) => Ok(success(core, job, learned.manager_task)),
        Err(error) if error.may_pass() && patience(core, job) => Err(error.into()),
        Err(error) => Ok(fail(core, job, &rule_change::not_kept(&error))),
    }
}
