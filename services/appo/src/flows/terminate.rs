//! terminate: rules away, workload away, out of Inventory, forgotten.

use mecm_common::client::inventory::EdgeAddress;
use mecm_common::models::app_instance::OperationalStatus;
use mecm_jobs::{Job, Outcome, Step, open_of_subject, stop_subject};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::unanswered::take_away;
use super::{
    Trouble, admit, and, away, before_deadline, inventory_sync, keep, memo, patience, record, rule_change,
    writes,
};
use crate::core::{Core, context_of};
use crate::edge::Terminated;
use crate::plan::Refusal;
use crate::store::app_instances::AppInstance;
use crate::store::dependencies;

pub(crate) const FIRST: &str = "begin";
/// How long to wait before looking again at what others are doing.
const LOOK: chrono::TimeDelta = chrono::TimeDelta::milliseconds(300);

/// What the flow has learned.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Learned {
    controller: Option<EdgeAddress>,
    rule_manager: Option<EdgeAddress>,
    /// Inventory knows host or controller no more.
    gone: bool,
    /// Rules have been taken away.
    rules_removed: bool,
}

pub(super) async fn run(core: &Core, job: &Job) -> Result<Step, Trouble> {
    let Some(instance) = record(core, job).await? else {
        return Ok(Outcome::Done.into());
    };
    match job.step.as_str() {
        FIRST => begin(core, job, &instance).await,
        "rules" => rules(core, job, &instance).await,
        "forget_rules" => forget_rules(core, job, &instance).await,
        "workload" => workload(core, job, &instance).await,
        "unpublish" => unpublish(core, job, &instance).await,
        "forget" => Ok(Step::from(Outcome::Done).writing(writes::forget(instance.id))),
        other => Err(Trouble::Final(format!("this version knows no step {other:?}"))),
    }
}

/// It stays what it was, and says why.
pub(super) fn fail(core: &Core, job: &Job, reason: &str) -> Step {
    let learned: Learned = memo(job);
    let reason = if learned.rules_removed {
        and(reason, "its app rules are removed already")
    } else {
        reason.to_owned()
    };
    let step = Step::failed(reason.clone());
    match super::instance_of(job) {
        // Inventory may have missed a state meanwhile.
        Ok(id) => step
            .writing(writes::terminate_failed(core, id, &reason))
            .writing(writes::sync_inventory(core, job, id)),
        Err(_) => step,
    }
}

async fn begin(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let now = core.clock.now();
    if instance.status()? == OperationalStatus::Instantiated {
        let mut tx = core.db.begin_read().await?;
        let needing = dependencies::dependents(&mut tx, instance).await?;
        drop(tx);
        let stays = needing.iter().any(|(_, terminating)| !terminating);
        // Those that go too, go first; of some that need each other, none would ever begin.
        if stays || (!needing.is_empty() && !before_deadline(core, job)) {
            return Err(Trouble::Final(Refusal::DependedOn.message()));
        }
        if !needing.is_empty() {
            return Ok(Outcome::Wait(now + LOOK).into());
        }
    }
    if let Some(sent_at) = instance.sent_at
        && now < sent_at + core.settings.unanswered
    {
        // Sooner, an unanswered deploy could end after us.
        return Ok(Outcome::Wait(sent_at + core.settings.unanswered).into());
    }
    let context = context_of(job);
    let kept = match (instance.controller_ip, instance.controller_port) {
        (Some(ip), Some(port)) => Some(EdgeAddress {
            ip: ip.to_string(),
            port: port.to_string(),
        }),
        _ => None,
    };
    let host = core.inventory.host(&context, job.tenant, instance.host).await?;
    let mut learned = Learned::default();
    if let Some(host) = &host {
        if let Some(ip) = host.applcm_ip.as_deref().filter(|ip| !ip.is_empty()) {
            learned.controller = core.inventory.controller(&context, job.tenant, ip).await?;
            learned.gone = learned.controller.is_none();
        }
        if let Some(ip) = host.app_rule_ip.as_deref().filter(|ip| !ip.is_empty()) {
            learned.rule_manager = core.inventory.rule_manager(&context, job.tenant, ip).await?;
        }
    }
    learned.gone |= host.is_none();
    if learned.controller.is_none() {
        learned.controller = kept;
    }
    Ok(Step::next("rules").memo(keep(&learned)))
}

async fn rules(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let mut learned: Learned = memo(job);
    let held: Option<Value> = core
        .inventory
        .rules(&context_of(job), job.tenant, instance.id)
        .await?;
    if held.is_none() {
        // An instantiate that failed may have left rules that the manager would not take back then.
        if let Some(at) = learned
            .rule_manager
            .as_ref()
            .filter(|_| instance.rules.is_some() && instance.ever_sent)
            && let Err(trouble) = rule_change::remove(core, job, instance.id, at).await
        {
            tracing::warn!(instance = %instance.id, ?trouble, "app rules may have stayed with the manager");
        }
        return Ok(after_rules(instance));
    }
    if let Some(at) = &learned.rule_manager {
        match rule_change::remove(core, job, instance.id, at).await {
            Ok(()) => learned.rules_removed = true,
            Err(Trouble::MayPass(why)) if patience(core, job) => return Err(Trouble::MayPass(why)),
            // A manager that cannot be told does not keep an instance whose host is gone, or that is forced away.
            Err(Trouble::MayPass(why) | Trouble::LeftAlone { why, .. } | Trouble::Final(why))
                if learned.gone || instance.force =>
            {
                tracing::warn!(instance = %instance.id, why, "its app rules could not be removed");
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(Step::next("forget_rules").memo(keep(&learned)))
}

async fn forget_rules(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    core.inventory
        .delete_rules(&context_of(job), job.tenant, instance.id)
        .await?;
    Ok(after_rules(instance))
}

fn at_of(learned: &Learned) -> Result<&EdgeAddress, Trouble> {
    let none = || Trouble::Final("no LCM controller is known for its host".to_owned());
    learned.controller.as_ref().ok_or_else(none)
}

/// A controller to which nothing was ever sent is not needed.
fn after_rules(instance: &AppInstance) -> Step {
    Step::next(if instance.ever_sent {
        "workload"
    } else {
        "unpublish"
    })
}

async fn workload(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    let may_wait = !(learned.gone || instance.force);
    if let Some(at) = learned.controller.as_ref().filter(|_| may_wait) {
        admit(core, at)?;
    }
    let removed = match &learned.controller {
        None => Terminated::Refused("no LCM controller is known for its host".to_owned()),
        Some(at) => take_away(core, job, at).await?,
    };
    let why = match removed {
        Terminated::Done => return Ok(Step::next("unpublish")),
        Terminated::Again(why) if may_wait => return Err(away(core, at_of(&learned)?, why)),
        Terminated::Again(why) if patience(core, job) => return Ok(Outcome::Retry(why).into()),
        Terminated::Again(why) | Terminated::Failed(why) | Terminated::Refused(why) => why,
    };
    let was_running = instance.status()? == OperationalStatus::Instantiated;
    if learned.gone && (instance.force || !was_running) {
        return Ok(Step::next("unpublish").warn(format!(
            "removed without its controller: the workload may still run ({why})"
        )));
    }
    // Of one that runs the status says it.
    Err(Trouble::Final(if was_running {
        why
    } else {
        and(&why, "the workload may still run on the host")
    }))
}

/// Takes the application out of Inventory. From here on it cannot fail: tried until Inventory answers.
async fn unpublish(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let sync = format!("{}{}", inventory_sync::SUBJECT, instance.id);
    let now = core.clock.now();
    let mut tx = core.db.begin_write().await?;
    let (_, _asked) = stop_subject(&mut tx, &sync, super::CANCELLED, now).await?;
    let telling = !open_of_subject(&mut tx, &sync).await?.is_empty();
    tx.commit().await?;
    if telling {
        // A state still on its way would put the application back.
        return Ok(Outcome::Wait(now + LOOK).into());
    }
    let deleted = core
        .inventory
        .delete_application(&context_of(job), job.tenant, instance.host, instance.id)
        .await;
    Ok(match deleted {
        Ok(()) => Step::next("forget"),
        Err(error) => Outcome::Retry(error.to_string()).into(),
    })
}
