//! instantiate: check, take a turn at the controller, send, settle what was not answered, set the rules, register.
//!
//! ```text
//! prepare → (turn) → mark → send ─ok──────────────▶ rules → publish
//!                     ▲       ├─no answer─▶ settle ─known─┘ │
//!                     └───────┴──unknown──────┘             │
//!                             └─refused──▶ refused ─▶ undo ◀┘ (a failure, or a stop)
//! ```

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::models::app_instance::OperationalStatus;
use mecm_common::models::ids::{HostIp, TaskId};
use mecm_jobs::{Job, Outcome, Step, backoff};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ATTEMPTS, CANCELLED, Trouble, brief, inventory_sync, keep, memo, patience, record, writes};
use super::{own_rules, unanswered, undo};
use crate::core::{Core, context_of};
use crate::edge::{Deploy, Instantiated, Known, Target};
use crate::store::app_instances::{self, AppInstance};
use crate::store::dependencies;
use crate::store::rule_tasks::Ended;

pub(crate) const FIRST: &str = "prepare";
/// The reason of an instantiate that waited for a create that failed.
const CREATE_FAILED: &str = "create failed";
/// With these v1.0's controllers have deployed and keep no record: nobody but they can tell.
const UNRECORDED: [&str; 2] = ["Maximum number of tenant records are exceeded", TOO_MANY];
/// What v1.0's controllers say over their limit.
const TOO_MANY: &str = "Maximum number of app info records are exceeded for given tenant";

/// What the flow has learned.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Learned {
    pub(super) controller: Option<EdgeAddress>,
    pub(super) rule_manager: Option<EdgeAddress>,
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
    /// What Inventory held before: the user's own rules, which come back when this one fails.
    pub(super) held: Option<Value>,
    /// Whether anything had been sent for the instance before the present sending.
    pub(super) ever_sent: bool,
    /// Its turn was given back while nobody could tell whether it runs.
    pub(super) without_turn: bool,
    /// When it had its turn: its deadline counts from then.
    pub(super) turn_at: Option<DateTime<Utc>>,
}

impl Learned {
    pub(super) fn controller(&self) -> Result<&EdgeAddress, Trouble> {
        self.controller
            .as_ref()
            .ok_or_else(|| Trouble::Final("applcm port not found".to_owned()))
    }

    /// Waiting for a turn does not count: a long queue at a controller fails nobody.
    fn before_deadline(&self, core: &Core, job: &Job) -> bool {
        let began = self.turn_at.unwrap_or(job.started);
        core.clock.now() < began + core.settings.deadline
    }

    fn may_be_sent_again(&self, core: &Core, job: &Job) -> bool {
        self.tries < ATTEMPTS && self.before_deadline(core, job)
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
        "rules" => own_rules::run(core, job, &instance).await,
        "publish" => publish(core, job, &instance).await,
        "undo" => undo::run(core, job, &instance).await,
        other => Err(Trouble::Final(format!("this version knows no step {other:?}"))),
    }
}

/// Instantiation failed, and why. Once it is deployed, the workload is taken away again first.
pub(super) fn fail(core: &Core, job: &Job, reason: &str) -> Step {
    let learned: Learned = memo(job);
    match job.step.as_str() {
        "rules" | "publish" => undo_because(&learned, reason, false),
        // Asked after a refusal: that is the reason, and it proves nothing.
        "refused" => {
            let refusal = learned.reason.as_deref().unwrap_or(reason);
            ended(core, job, &untold(refusal, reason))
        }
        _ => ended(core, job, reason),
    }
}

fn ended(core: &Core, job: &Job, reason: &str) -> Step {
    end(core, job, reason, Outcome::Failed(reason.to_owned()))
}

/// The reason of a failure after which nobody can tell whether the workload runs.
fn untold(reason: &str, why: &str) -> String {
    format!("{}; and whether it runs cannot be told: {why}", brief(reason))
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
    let step = step
        .writing(writes::status(core, id, failed, reason, false))
        .writing(writes::answered(core, id))
        .writing(writes::sync_inventory(core, job, id));
    let learned: Learned = memo(job);
    if !learned.rules_sent {
        return step;
    }
    // The task of the descriptor's rules, where it has not ended.
    let task = TaskId(id.0);
    step.writing(writes::task_ends(core, task, Ended::Failure, reason, None))
}

/// On to undoing what may have been done; the flow ends with this reason then.
pub(super) fn undo_because(learned: &Learned, reason: &str, cancelled: bool) -> Step {
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
            Known::Unclear(why) if patience(core, job) => return Err(Trouble::MayPass(why)),
            Known::Unclear(why) => {
                let asked = "it was sent before, and its controller does not say whether it runs";
                return Ok(ended(core, job, &format!("{asked}: {why}")));
            }
        }
    }
    let learned = Learned {
        tries: learned.tries + 1,
        again: false,
        ever_sent: instance.ever_sent,
        turn_at: learned.turn_at.or_else(|| Some(core.clock.now())),
        ..learned
    };
    if !learned.may_be_sent_again(core, job) {
        let reason = learned.reason.as_deref();
        let reason = reason.unwrap_or("the LCM controller does not deploy it");
        return Err(Trouble::Final(reason.to_owned()));
    }
    // All that takes time and is no sending comes before its time is noted.
    if let Err((why, may_pass)) = ready(core, job, instance).await {
        return Ok(not_sent(core, job, instance, &learned, why, may_pass));
    }
    Ok(Step::next("send")
        .memo(keep(&learned))
        .writing(writes::sent(core, instance.id)))
}

/// What goes along with an instantiate: the package's file, and a token. Else why not, and whether that may pass.
async fn ready(
    core: &Core,
    job: &Job,
    instance: &AppInstance,
) -> Result<(PathBuf, SecretString), (String, bool)> {
    let context = context_of(job);
    let digest = instance.digest.as_deref().unwrap_or_default();
    let file = core
        .packages
        .file(&context, job.tenant, instance.package, digest)
        .await
        .map_err(|error| (error.to_string(), error.may_pass()))?;
    let token = core
        .token(&context, job, true)
        .await
        .map_err(|error| (error.to_string(), error.may_pass()))?;
    Ok((file, token))
}

async fn send(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    if !job.fresh {
        // Something may be out already.
        return Ok(Step::next("settle"));
    }
    let learned: Learned = memo(job);
    let nothing_out = |reason: String, wait: bool| not_sent(core, job, instance, &learned, reason, wait);
    if job.stop {
        let unsent = writes::unsent(core, instance.id, learned.ever_sent);
        return Ok(cancelled(core, job).writing(unsent));
    }
    let (csar, token) = match ready(core, job, instance).await {
        Ok(ready) => ready,
        Err((why, may_pass)) => return Ok(nothing_out(why, may_pass)),
    };
    let context = context_of(job);
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
    let unsent = writes::unsent(core, instance.id, learned.ever_sent);
    if !may_pass || !learned.may_be_sent_again(core, job) {
        return ended(core, job, &reason).writing(unsent);
    }
    let learned = Learned {
        reason: Some(reason),
        ..learned.clone()
    };
    later(core, job, &learned).writing(unsent)
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
        // Another may have its turn by now.
        Known::No if learned.without_turn => settled(Step::next(FIRST)),
        Known::No => settled(Step::next("mark")),
        // Its time is over: it does not keep the controller from others while nobody can tell.
        Known::Unclear(_) if learned.before_deadline(core, job) && !job.stop => {
            let learned = Learned {
                without_turn: true,
                ..learned
            };
            Step::from(Outcome::Wait(now + core.settings.ask * 6))
                .memo(keep(&learned))
                .release()
        }
        Known::Unclear(why) => {
            let said = learned.reason.as_deref().unwrap_or("no answer");
            ended(core, job, &untold(said, &why))
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
        Known::No if learned.again && learned.may_be_sent_again(core, job) => later(core, job, &learned),
        Known::No if UNRECORDED.iter().any(|text| reason.contains(text)) => {
            let runs = "a workload that the controller keeps no record of may run";
            ended(core, job, &format!("{}; {runs}", brief(&reason)))
        }
        Known::No => ended(core, job, &reason),
        Known::Unclear(_) if patience(core, job) => Outcome::Retry(reason).into(),
        Known::Unclear(why) => ended(core, job, &untold(&reason, &why)),
    })
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
