//! The descriptor's rules: set by an instantiate under what the user has set before, and taken back by its undo.

use mecm_common::models::ids::TaskId;
use mecm_jobs::{Job, Step};
use serde_json::Value;

use super::instantiate::{Learned, undo_because};
use super::{CANCELLED, Trouble, keep, memo, patience, rule_change, writes};
use crate::core::{Core, context_of};
use crate::rule_sets;
use crate::store::app_instances::AppInstance;
use crate::store::rule_tasks::Ended;

/// The step `rules` of an instantiate. Whatever goes wrong here, the workload is there: it is undone.
pub(super) async fn run(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    if job.stop {
        return Ok(undo_because(&learned, CANCELLED, true).writing(writes::answered(core, instance.id)));
    }
    let (Some(own), Some(at)) = (&instance.rules, &learned.rule_manager) else {
        return Ok(Step::next("publish"));
    };
    let context = context_of(job);
    let task = TaskId(instance.id.0);
    if !learned.rules_sent {
        // From here on the undo has rules to take away, and knows what was there before.
        let learned = Learned {
            rules_sent: true,
            rules_before: core.inventory.rules(&context, job.tenant, instance.id).await?,
            ..learned
        };
        return Ok(Step::next("rules")
            .memo(keep(&learned))
            .writing(writes::task_begins(core, job, task, instance.id)));
    }
    let failed = |reason: &str| undo_because(&learned, reason, false);
    let before = &learned.rules_before;
    let merged = match merged(&own.0, &instance.name, before.as_ref()) {
        Ok(merged) => merged,
        Err(reason) => return Ok(failed(reason)),
    };
    let manager_task = rule_change::apply(core, job, at, &merged, before.is_none()).await?;
    match core
        .inventory
        .put_rules(&context, job.tenant, instance.id, &merged)
        .await
    {
        Ok(()) => {}
        Err(error) if error.may_pass() && patience(core, job) => return Err(error.into()),
        Err(error) => return Ok(failed(&rule_change::not_kept(&error))),
    }
    Ok(Step::next("publish").writing(writes::task_ends(core, task, Ended::Success, "", manager_task)))
}

/// The descriptor's rules `own`, and over them those that were there before.
fn merged(own: &Value, name: &str, before: Option<&Value>) -> Result<Value, &'static str> {
    let mut base = own.clone();
    // Of two instances of one package on a host each has a name of its own: a rule manager takes no name twice.
    base["appName"] = name.into();
    let (mut set, head) = match before {
        None => {
            let empty = rule_sets::empty(base["appName"].as_str().unwrap_or_default());
            (rule_sets::merge(&empty, &base)?, &base)
        }
        Some(before) => (rule_sets::merge(&base, before)?, before),
    };
    for kept in ["appName", "appSupportMp1"] {
        set[kept] = head[kept].clone();
    }
    Ok(set)
}

/// Brings manager and Inventory back to what they had before.
pub(super) async fn take_back(core: &Core, job: &Job, instance: &AppInstance) -> Result<(), Trouble> {
    let learned: Learned = memo(job);
    let Some(at) = learned.rule_manager.as_ref().filter(|_| learned.rules_sent) else {
        return Ok(());
    };
    let (context, tenant) = (context_of(job), job.tenant);
    if let Some(before) = &learned.rules_before {
        rule_change::apply(core, job, at, before, false).await?;
        core.inventory
            .put_rules(&context, tenant, instance.id, before)
            .await?;
    } else {
        rule_change::remove(core, job, instance.id, at).await?;
        core.inventory.delete_rules(&context, tenant, instance.id).await?;
    }
    Ok(())
}
