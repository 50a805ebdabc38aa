//! instantiate: check, take a turn at the controller, send, settle what was not answered, set the rules, register.
//!
//! ```text
//! prepare → (turn) → mark → send ─ok──────────────▶ rules → publish
//!                     ▲       ├─no answer─▶ settle ─known─┘ │
//!                     └───────┴──unknown──────┘             │
//!                             └─refused──▶ refused ─▶ undo ◀┘ (a failure, or a stop)
//! ```

use chrono::TimeDelta;
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::models::app_instance::OperationalStatus;
use mecm_common::models::ids::{HostIp, TaskId};
use mecm_jobs::{Job, Outcome, Step, backoff};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ATTEMPTS, CANCELLED, Trouble, before_deadline, inventory_sync, keep, memo, patience, record, writes,
};
use super::{rule_change, unanswered, undo};
use crate::core::{Core, context_of};
use crate::edge::{Deploy, Instantiated, Known, Target};
use crate::rule_sets;
use crate::store::app_instances::{self, AppInstance};
use crate::store::dependencies;
use crate::store::rule_tasks::Ended;

pub(crate) const FIRST: &str = "prepare";
/// The reason of an instantiate that waited for a create that failed.
const CREATE_FAILED: &str = "create failed";
/// What v1.0's controllers say over their limit.
const TOO_MANY: &str = "Maximum number of app info records are exceeded for given tenant";

/// What the flow has learned.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Learned {
    pub(super) controller: Option<EdgeAddress>,
    pub(super) rule_manager: Option<EdgeAddress>,
    /// How often it was sent.
    tries: i32,
    /// Why it ends, once that is known.
    pub(super) reason: Option<String>,
    /// It ends because it was stopped.
    pub(super) cancelled: bool,
    /// A refusal that may pass: sent again if the controller does not know the instance.
    again: bool,
    /// Rules were sent to the rule manager.
    pub(super) rules_sent: bool,
}

impl Learned {
    pub(super) fn controller(&self) -> Result<&EdgeAddress, Trouble> {
        self.controller
            .as_ref()
            .ok_or_else(|| Trouble::Final("applcm port not found".to_owned()))
    }
}

pub(super) async fn run(core: &Core, job: &Job) -> Result<Step, Trouble> {
    let Some(instance) = record(core, job).await? else {
        return Ok(Outcome::Done.into());
    };
    match job.step.as_str() {
        FIRST => prepare(core, job, &instance).await,
        "mark" => mark(core, job, &instance).await,
        "send" => send(core, job, &instance).await,
        "settle" => settle(core, job, &instance).await,
        "refused" => refused(core, job, &instance).await,
        "rules" => rules(core, job, &instance).await,
        "publish" => publish(core, job, &instance).await,
        "undo" => undo::run(core, job, &instance).await,
        other => Err(Trouble::Final(format!("this version knows no step {other:?}"))),
    }
}

/// Instantiation failed, and why.
pub(super) fn fail(core: &Core, job: &Job, reason: &str) -> Step {
    end(core, job, reason, Outcome::Failed(reason.to_owned()))
}

/// Stopped: nothing of it is at the controller.
fn cancelled(core: &Core, job: &Job) -> Step {
    end(core, job, CANCELLED, Outcome::Cancelled(CANCELLED.to_owned()))
}

/// Ends it with a reason: the name is free, Inventory hears of it.
pub(super) fn end(core: &Core, job: &Job, reason: &str, outcome: Outcome) -> Step {
    let step = Step::from(outcome);
    let Ok(id) = super::instance_of(job) else {
        return step;
    };
    let failed = OperationalStatus::InstantiationFailed;
    step.writing(writes::status(core, id, failed, reason, false))
        .writing(writes::answered(core, id))
        .writing(writes::sync_inventory(core, job, id))
}

/// On to undoing what may have been done; the flow ends with this reason then.
fn undo_because(learned: &Learned, reason: &str, cancelled: bool) -> Step {
    let learned = Learned {
        reason: Some(reason.to_owned()),
        cancelled,
        ..learned.clone()
    };
    Step::next("undo").memo(keep(&learned))
}

async fn prepare(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    if instance.status()? == OperationalStatus::CreateFailed {
        // It waited for the create: the record keeps that one's reason.
        return Ok(Step::failed(CREATE_FAILED).writing(writes::let_name_go(core, instance.id)));
    }
    if job.stop {
        return Ok(cancelled(core, job));
    }
    let mut tx = core.db.begin_write().await?;
    let needs = dependencies::of(&mut tx, instance.id).await?;
    let missing = dependencies::missing(&mut tx, job.tenant, instance.host, &needs, true).await?;
    tx.rollback().await?;
    if !missing.is_empty() {
        return Err(Trouble::Final(dependencies::not_deployed(&missing)));
    }
    let context = context_of(job);
    let host = core
        .inventory
        .host(&context, job.tenant, instance.host)
        .await?
        .ok_or_else(|| Trouble::Final(format!("MEC host not found in inventory: {}", instance.host)))?;
    let ip: HostIp = host
        .applcm_ip
        .as_deref()
        .and_then(|ip| ip.parse().ok())
        .ok_or_else(|| Trouble::Final("applcm IP not configured in host".to_owned()))?;
    let at = core
        .inventory
        .controller(&context, job.tenant, &ip.to_string())
        .await?
        .ok_or_else(|| Trouble::Final("applcm port not found".to_owned()))?;
    let port: u16 = at
        .port
        .parse()
        .map_err(|_| Trouble::Final("applcm port not found".to_owned()))?;
    let rule_manager = match (&instance.rules, host.app_rule_ip.filter(|ip| !ip.is_empty())) {
        (None, _) => None,
        (Some(_), Some(ip)) => core.inventory.rule_manager(&context, job.tenant, &ip).await?,
        (Some(_), None) => None,
    };
    if instance.rules.is_some() && rule_manager.is_none() {
        return Err(Trouble::Final("apprule port not found".to_owned()));
    }
    let most = core.settings.max_on_controller;
    if most > 0 && !instance.ever_sent {
        let mut tx = core.db.begin_read().await?;
        let there = app_instances::count_on_controller(&mut tx, job.tenant, ip, port, instance.id).await?;
        if there >= i64::from(most) {
            return Err(Trouble::Final(TOO_MANY.to_owned()));
        }
    }
    let lane = at.to_string();
    let learned = Learned {
        controller: Some(at),
        rule_manager,
        ..Learned::default()
    };
    let turn = Outcome::Turn {
        lane,
        slots: core.settings.per_controller,
        then: "mark",
        waits: FIRST,
    };
    Ok(Step::from(turn)
        .memo(keep(&learned))
        .writing(writes::controller(core, instance.id, ip, Some(port))))
}

/// Notes, before the first byte goes out, that it is being sent; asks first where something was sent before.
async fn mark(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    if instance.sent_at.is_some() {
        return Ok(Step::next("settle"));
    }
    if job.stop && !instance.ever_sent {
        return Ok(cancelled(core, job));
    }
    if instance.ever_sent {
        match unanswered::ask(core, job, learned.controller()?).await? {
            Known::Yes if job.stop => return Ok(undo_because(&learned, CANCELLED, true)),
            Known::Yes => return Ok(Step::next("rules").release()),
            Known::No if job.stop => return Ok(cancelled(core, job)),
            Known::No => {}
            Known::Unclear(why) => return Err(Trouble::MayPass(why)),
        }
    }
    if learned.tries >= ATTEMPTS || !before_deadline(core, job) {
        let reason = learned
            .reason
            .unwrap_or_else(|| "the LCM controller does not deploy it".to_owned());
        return Err(Trouble::Final(reason));
    }
    let learned = Learned {
        tries: learned.tries + 1,
        again: false,
        ..learned
    };
    Ok(Step::next("send")
        .memo(keep(&learned))
        .writing(writes::sent(core, instance.id)))
}

async fn send(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    if !job.fresh {
        // Something may be out already.
        return Ok(Step::next("settle"));
    }
    let learned: Learned = memo(job);
    let nothing_out = |reason: String, wait: bool| not_sent(core, job, instance, &learned, reason, wait);
    if job.stop {
        return Ok(cancelled(core, job));
    }
    let context = context_of(job);
    let digest = instance.digest.clone().unwrap_or_default();
    let file = core
        .packages
        .file(&context, job.tenant, instance.package, &digest)
        .await;
    let csar = match file {
        Ok(path) => path,
        Err(error) => return Ok(nothing_out(error.to_string(), error.may_pass())),
    };
    let token = match core.token(&context, job, true).await {
        Ok(token) => token,
        Err(error) => return Ok(nothing_out(error.to_string(), error.may_pass())),
    };
    let target = Target {
        tenant: job.tenant,
        instance: instance.id,
        token: &token,
    };
    let deploy = Deploy {
        host: instance.host,
        app_name: &instance.name,
        package: &instance.package,
        csar: &csar,
    };
    let answer = core
        .edge
        .instantiate(&context, learned.controller()?, target, &deploy)
        .await;
    Ok(match answer {
        Instantiated::Done => Step::next("rules")
            .writing(writes::answered(core, instance.id))
            .release(),
        Instantiated::NothingSent(reason) => nothing_out(reason, true),
        Instantiated::Unanswered(reason) => {
            tracing::info!(reason, "the instantiate has no answer; asking until it is known");
            let learned = Learned {
                reason: Some(reason),
                ..learned
            };
            Step::next("settle").memo(keep(&learned))
        }
        Instantiated::Refused {
            reason,
            repeat_if_unknown,
        } => {
            let learned = Learned {
                reason: Some(reason),
                again: repeat_if_unknown,
                ..learned
            };
            Step::next("refused")
                .memo(keep(&learned))
                .writing(writes::answered(core, instance.id))
        }
    })
}

/// Nothing went out: sent again after a while, or given up.
fn not_sent(
    core: &Core,
    job: &Job,
    instance: &AppInstance,
    learned: &Learned,
    reason: String,
    may_pass: bool,
) -> Step {
    if !may_pass || learned.tries >= ATTEMPTS || !before_deadline(core, job) {
        return fail(core, job, &reason);
    }
    let learned = Learned {
        reason: Some(reason),
        ..learned.clone()
    };
    later(core, job, &learned).writing(writes::answered(core, instance.id))
}

/// To `mark` again, after a back-off that grows with the tries.
fn later(core: &Core, job: &Job, learned: &Learned) -> Step {
    let spread = f64::from(job.id.as_bytes()[15]) / 255.0;
    let wait = TimeDelta::from_std(backoff(learned.tries, spread)).unwrap_or(TimeDelta::seconds(30));
    let at = core.clock.now() + wait;
    Step::from(Outcome::Later { step: "mark", at }).memo(keep(learned))
}

/// No answer came: asks until it is known, or so long that an unfinished deploy cannot be under way any more.
async fn settle(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    let Some(sent_at) = instance.sent_at else {
        return Ok(Step::next("mark"));
    };
    let now = core.clock.now();
    let over = now >= sent_at + core.settings.unanswered;
    let known = match unanswered::ask(core, job, learned.controller()?).await {
        Ok(known) => known,
        Err(Trouble::Database(error)) => return Err(error.into()),
        Err(Trouble::MayPass(why) | Trouble::Final(why)) => Known::Unclear(why),
    };
    let settled = |step: Step| step.writing(writes::answered(core, instance.id));
    Ok(match known {
        Known::Yes if job.stop => settled(undo_because(&learned, CANCELLED, true)),
        Known::Yes => settled(Step::next("rules").release()),
        _ if !over => Outcome::Wait(now + core.settings.ask).into(),
        Known::No if job.stop => settled(cancelled(core, job)),
        Known::No => settled(Step::next("mark")),
        Known::Unclear(_) if before_deadline(core, job) && !job.stop => {
            Outcome::Wait(now + core.settings.ask * 6).into()
        }
        Known::Unclear(why) => {
            let said = learned.reason.as_deref().unwrap_or("no answer");
            fail(
                core,
                job,
                &format!("{said}; and whether it runs cannot be told: {why}"),
            )
        }
    })
}

/// Refused; that proves nothing: asks, takes away what is there, sends again where the refusal was a busy one.
async fn refused(core: &Core, job: &Job, _instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    let reason = learned.reason.clone().unwrap_or_default();
    Ok(match unanswered::ask(core, job, learned.controller()?).await? {
        Known::Yes => undo_because(&learned, &reason, false),
        Known::No if job.stop => cancelled(core, job),
        Known::No if learned.again && learned.tries < ATTEMPTS && before_deadline(core, job) => {
            later(core, job, &learned)
        }
        Known::No => fail(core, job, &reason),
        Known::Unclear(_) if patience(core, job) => Outcome::Retry(reason).into(),
        Known::Unclear(why) => fail(
            core,
            job,
            &format!("{reason}; and whether it runs cannot be told: {why}"),
        ),
    })
}

/// The descriptor's rules, under what the user has set.
async fn rules(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    if job.stop {
        return Ok(undo_because(&learned, CANCELLED, true).writing(writes::answered(core, instance.id)));
    }
    let (Some(own), Some(at)) = (&instance.rules, &learned.rule_manager) else {
        return Ok(Step::next("publish"));
    };
    let task = TaskId(instance.id.0);
    if !learned.rules_sent {
        // From here on the undo has rules to take away.
        let learned = Learned {
            rules_sent: true,
            ..learned
        };
        return Ok(Step::next("rules")
            .memo(keep(&learned))
            .writing(writes::task_begins(core, job, task, instance.id)));
    }
    let failed = |reason: String| {
        undo_because(&learned, &reason, false).writing(writes::task_ends(
            core,
            task,
            Ended::Failure,
            &reason,
            None,
        ))
    };
    let context = context_of(job);
    let held: Option<Value> = core.inventory.rules(&context, job.tenant, instance.id).await?;
    let mut base = own.0.clone();
    if base["appName"].as_str().is_none_or(str::is_empty) {
        base["appName"] = instance.name.as_str().into();
    }
    let merged = match &held {
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

async fn publish(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    if job.stop {
        let learned: Learned = memo(job);
        return Ok(undo_because(&learned, CANCELLED, true));
    }
    let status = OperationalStatus::Instantiated;
    let done = Step::from(Outcome::Done)
        .writing(writes::status(core, instance.id, status, "success", true))
        .writing(writes::answered(core, instance.id));
    Ok(inventory_sync::tell(core, job, instance, status.as_str(), done).await)
}
