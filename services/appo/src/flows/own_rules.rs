//! The step of an instantiate that sets the descriptor's rules, under what the user has set.

use mecm_common::models::ids::TaskId;
use mecm_jobs::{Job, Step};

use super::instantiate::{Learned, undo_because};
use super::{CANCELLED, Trouble, keep, memo, patience, rule_change, writes};
use crate::core::{Core, context_of};
use crate::rule_sets;
use crate::store::app_instances::AppInstance;
use crate::store::rule_tasks::Ended;

pub(super) async fn run(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    if job.stop {
        return Ok(undo_because(&learned, CANCELLED, true).writing(writes::answered(core, instance.id)));
    }
    let (Some(own), Some(at)) = (&instance.rules, &learned.rule_manager) else {
        return Ok(Step::next("publish"));
    };
    let task = TaskId(instance.id.0);
    let context = context_of(job);
    if !learned.rules_sent {
        // From here on the undo has rules to take away, or the user's to put back.
        let learned = Learned {
            rules_sent: true,
            held: core.inventory.rules(&context, job.tenant, instance.id).await?,
            ..learned
        };
        return Ok(Step::next("rules")
            .memo(keep(&learned))
            .writing(writes::task_begins(core, job, task, instance.id)));
    }
    let failed = |reason: String| {
        let task = writes::task_ends(core, task, Ended::Failure, &reason, None);
        undo_because(&learned, &reason, false).writing(task)
    };
    let held = &learned.held;
    let mut base = own.0.clone();
    if base["appName"].as_str().is_none_or(str::is_empty) {
        base["appName"] = instance.name.as_str().into();
    }
    let merged = match held {
        None => rule_sets::merge(
            &rule_sets::empty(base["appName"].as_str().unwrap_or_default()),
            &base,
        )
        .map(|mut set| {
            set["appSupportMp1"] = base["appSupportMp1"].clone();
            set
        }),
        Some(held) => rule_sets::merge(&base, held).map(|mut set| {
            for kept in ["appName", "appSupportMp1"] {
                set[kept] = held[kept].clone();
            }
            set
        }),
    };
    let merged = match merged {
        Ok(merged) => merged,
        Err(reason) => return Ok(failed(reason.to_owned())),
    };
    let applied = rule_change::apply(core, job, at, &merged, held.is_none()).await;
    let manager_task = match applied {
        Ok(task) => task,
        Err(Trouble::MayPass(reason)) if patience(core, job) => return Err(Trouble::MayPass(reason)),
        Err(Trouble::MayPass(reason) | Trouble::Final(reason)) => return Ok(failed(reason)),
        Err(trouble) => return Err(trouble),
    };
    match core
        .inventory
        .put_rules(&context, job.tenant, instance.id, &merged)
        .await
    {
        Ok(()) => {}
        Err(error) if error.may_pass() && patience(core, job) => return Err(error.into()),
        Err(error) => return Ok(failed(rule_change::not_kept(&error))),
    }
    Ok(Step::next("publish").writing(writes::task_ends(core, task, Ended::Success, "", manager_task)))
}
