//! instantiate: check, take a turn at the controller, send, settle what was not answered, set the rules, register.
//!
//! ```text
//! prepare → turn → mark → send ─ok──────────────▶ rules → publish
//!            ▲            ├─no answer─▶ settle ─known─┘ │
//!            └────────────┴──unknown──────┘             │
//!                         └─refused──▶ refused ─▶ undo ◀┘ (a failure, or a stop)
//! ```

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::models::app_instance::OperationalStatus;
use mecm_common::models::ids::{HostIp, TaskId};
use mecm_jobs::{Job, Outcome, Step, backoff};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ATTEMPTS, CANCELLED, Trouble, before_deadline, inventory_sync, keep, memo, patience, record, writes,
};
use super::{own_rules, unanswered, undo};
use crate::core::{Core, context_of};
use crate::edge::{Deploy, Instantiated, Known, Target};
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
    /// When it had its turn for the first time: the deadline counts from then.
    pub(super) began: Option<DateTime<Utc>>,
    /// Something was sent already before the latest try.
    pub(super) sent_before: bool,
    /// How often it was sent.
    pub(super) tries: i32,
    /// Why it ends, once that is known.
    pub(super) reason: Option<String>,
    /// It ends because it was stopped.
    pub(super) cancelled: bool,
    /// A refusal that may pass: sent again if the controller does not know the instance.
    pub(super) again: bool,
    /// Rules were sent to the rule manager.
    pub(super) rules_sent: bool,
    /// The rules that the user had set before.
    pub(super) rules_before: Option<Value>,
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
        "turn" => turn(core, job),
        "mark" => mark(core, job, &instance).await,
        "send" => send(core, job, &instance).await,
        "settle" => unanswered::settle(core, job, &instance).await,
        "refused" => unanswered::refused(core, job).await,
        "rules" => own_rules::run(core, job, &instance).await,
        "publish" => publish(core, job, &instance).await,
        "undo" => undo::run(core, job, &instance).await,
        other => Err(Trouble::Final(format!("this version knows no step {other:?}"))),
    }
}

/// Instantiation failed, and why. Once it is deployed, only the undo ends it.
pub(super) fn fail(core: &Core, job: &Job, reason: &str) -> Step {
    match job.step.as_str() {
        "rules" | "publish" => undo_because(&memo(job), reason, false),
        "undo" => undo::left(core, job, reason),
        _ => end(core, job, reason, Outcome::Failed(reason.to_owned())),
    }
}

/// Stopped: nothing of it is at the controller.
pub(super) fn cancelled(core: &Core, job: &Job) -> Step {
    end(core, job, CANCELLED, Outcome::Cancelled(CANCELLED.to_owned()))
}

/// Ends it with a reason: the name is free, Inventory hears of it.
pub(super) fn end(core: &Core, job: &Job, reason: &str, outcome: Outcome) -> Step {
    let step = Step::from(outcome);
    let Ok(id) = super::instance_of(job) else {
        return step;
    };
    let failed = OperationalStatus::InstantiationFailed;
    let learned: Learned = memo(job);
    let step = if learned.rules_sent {
        // Left as it is where it has ended.
        let task = TaskId(id.0);
        step.writing(writes::task_ends(core, task, Ended::Failure, reason, None))
    } else {
        step
    };
    step.writing(writes::status(core, id, failed, reason, false))
        .writing(writes::answered(core, id))
        .writing(writes::sync_inventory(core, job, id))
}

/// On to undoing what may have been done; the flow ends with this reason then.
pub(super) fn undo_because(learned: &Learned, reason: &str, cancelled: bool) -> Step {
    let learned = Learned {
        reason: Some(reason.to_owned()),
        cancelled,
        ..learned.clone()
    };
    Step::next("undo").memo(keep(&learned)).release()
}

async fn prepare(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    if instance.status()? == OperationalStatus::CreateFailed {
        // It waited for the create: the record keeps that one's reason.
        return Ok(Step::failed(CREATE_FAILED).writing(writes::let_name_go(core, instance.id)));
    }
    if job.stop {
        return Ok(cancelled(core, job));
    }
    let mut tx = core.db.begin_read().await?;
    let needs = dependencies::of(&mut tx, instance.id).await?;
    drop(tx);
    if !needs.is_empty() {
        let mut tx = core.db.begin_write().await?;
        let missing = dependencies::missing(&mut tx, job.tenant, instance.host, &needs, true).await?;
        tx.rollback().await?;
        if !missing.is_empty() {
            return Err(Trouble::Final(dependencies::not_deployed(&missing)));
        }
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
    // While nobody waits for it.
    fetched(core, job, instance).await?;
    let learned = Learned {
        controller: Some(at),
        rule_manager,
        ..Learned::default()
    };
    Ok(with_turn(core, &learned).writing(writes::controller(core, instance.id, ip, Some(port))))
}

/// The package's file, as it was when the instance was created.
async fn fetched(core: &Core, job: &Job, instance: &AppInstance) -> Result<PathBuf, Trouble> {
    let digest = instance.digest.as_deref().unwrap_or_default();
    let (context, package) = (context_of(job), instance.package);
    Ok(core.packages.file(&context, job.tenant, package, digest).await?)
}

/// To `mark`, with a turn at the controller.
pub(super) fn with_turn(core: &Core, learned: &Learned) -> Step {
    let turn = Outcome::Turn {
        lane: learned
            .controller
            .as_ref()
            .map(EdgeAddress::to_string)
            .unwrap_or_default(),
        slots: core.settings.per_controller,
        then: "mark",
        waits: "turn",
    };
    Step::from(turn).memo(keep(learned))
}

/// Waits for the turn; so long at most as everything after it may take.
fn turn(core: &Core, job: &Job) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    if job.stop {
        // What a former try may have left, `mark` asks for.
        return Ok(if learned.began.is_none() {
            cancelled(core, job)
        } else {
            Step::next("mark")
        });
    }
    if before_deadline(core, job) {
        if let Some(until) = core.edge.left_alone(learned.controller()?) {
            return Ok(Outcome::Wait(until).into());
        }
        return Ok(with_turn(core, &learned));
    }
    let at = learned.controller()?;
    let seconds = core.settings.deadline.num_seconds();
    let none = || format!("no turn at the LCM controller {at} within {seconds} s");
    Err(Trouble::Final(learned.reason.clone().unwrap_or_else(none)))
}

/// Makes everything ready, and notes, before the first byte goes out, that it is being sent; asks first where something was
/// sent before.
async fn mark(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    if instance.sent_at.is_some() {
        return Ok(Step::next("settle"));
    }
    if job.stop && !instance.ever_sent {
        return Ok(cancelled(core, job));
    }
    let at = learned.controller()?;
    if let Err(until) = core.edge.admit(at)
        && before_deadline(core, job)
    {
        return Ok(without_turn(&learned, until));
    }
    if instance.ever_sent {
        match unanswered::ask(core, job, at).await? {
            Known::Yes if job.stop => return Ok(undo_because(&learned, CANCELLED, true)),
            Known::Yes => return Ok(Step::next("rules").release()),
            Known::No if job.stop => return Ok(cancelled(core, job)),
            Known::No => {}
            Known::Unclear(why) => match core.edge.left_alone(at) {
                Some(until) if before_deadline(core, job) => return Ok(without_turn(&learned, until)),
                _ if patience(core, job) => return Err(Trouble::MayPass(why)),
                _ => {
                    let said = learned.reason.as_deref().unwrap_or("not sent");
                    return Ok(fail(core, job, &unanswered::unclear(said, &why)));
                }
            },
        }
    }
    if learned.began.is_none() && !before_deadline(core, job) {
        // It has waited long for its turn: from here on it has as long again.
        let began = Some(core.clock.now());
        return Ok(Step::next("mark").memo(keep(&Learned { began, ..learned })));
    }
    let now = core.clock.now();
    let began = learned.began.unwrap_or(now);
    if learned.tries >= ATTEMPTS || now >= began + core.settings.deadline {
        let reason = learned
            .reason
            .unwrap_or_else(|| "the LCM controller does not deploy it".to_owned());
        return Err(Trouble::Final(reason));
    }
    if !instance.ever_sent {
        room(core, job, instance).await?;
    }
    fetched(core, job, instance).await?;
    core.token(&context_of(job), job, true).await?;
    let learned = Learned {
        began: Some(began),
        sent_before: instance.ever_sent,
        tries: learned.tries + 1,
        again: false,
        ..learned
    };
    Ok(Step::next("send")
        .memo(keep(&learned))
        .writing(writes::sent(core, instance.id)))
}

/// Whether the tenant may have one more instance at the controller.
async fn room(core: &Core, job: &Job, instance: &AppInstance) -> Result<(), Trouble> {
    let most = core.settings.max_on_controller;
    let (Some(ip), Some(port)) = (instance.controller_ip, instance.controller_port) else {
        return Ok(());
    };
    if most == 0 {
        return Ok(());
    }
    let mut tx = core.db.begin_read().await?;
    let there = app_instances::count_on_controller(&mut tx, job.tenant, ip, port, instance.id).await?;
    if there >= i64::from(most) {
        return Err(Trouble::Final(TOO_MANY.to_owned()));
    }
    Ok(())
}

async fn send(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    if !job.fresh {
        // Something may be out already.
        return Ok(Step::next("settle"));
    }
    let learned: Learned = memo(job);
    let nothing_out = |reason: String, wait: bool| not_sent(core, job, instance, &learned, reason, wait);
    if job.stop {
        return Ok(cancelled(core, job).writing(writes::not_sent(core, instance.id, learned.sent_before)));
    }
    let context = context_of(job);
    // It was there a moment ago: nothing is downloaded between the time that was noted and the sending.
    let Some(csar) = core.packages.kept(instance.digest.as_deref().unwrap_or_default()) else {
        return Ok(nothing_out(
            "the package is not in the cache any more".to_owned(),
            true,
        ));
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
    let alone = learned
        .controller
        .as_ref()
        .and_then(|at| core.edge.left_alone(at));
    let step = if let Some(until) = alone.filter(|_| may_pass && before_deadline(core, job)) {
        // Nobody was there: that was no try.
        let learned = Learned {
            tries: learned.tries - 1,
            reason: Some(reason),
            ..learned.clone()
        };
        without_turn(&learned, until)
    } else if !may_pass || learned.tries >= ATTEMPTS || !before_deadline(core, job) {
        fail(core, job, &reason)
    } else {
        let learned = Learned {
            reason: Some(reason),
            ..learned.clone()
        };
        may_try_again(core, job, &learned)
    };
    step.writing(writes::not_sent(core, instance.id, learned.sent_before))
}

/// Once more after a back-off that grows with the tries.
pub(super) fn may_try_again(core: &Core, job: &Job, learned: &Learned) -> Step {
    let spread = f64::from(job.id.as_bytes()[15]) / 255.0;
    let wait = TimeDelta::from_std(backoff(learned.tries, spread)).unwrap_or(TimeDelta::seconds(30));
    let at = core.clock.now() + wait;
    without_turn(learned, at)
}

/// Asks for a turn again at that time; meanwhile it is another's.
fn without_turn(learned: &Learned, at: DateTime<Utc>) -> Step {
    Step::from(Outcome::Later { step: "turn", at })
        .memo(keep(learned))
        .release()
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
