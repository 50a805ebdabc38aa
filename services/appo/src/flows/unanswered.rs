//! After a sending that was not answered, or refused: what the controller knows decides.

use mecm_common::client::inventory::EdgeAddress;
use mecm_jobs::{Job, Outcome, Step};

use super::instantiate::{Learned, cancelled, fail, may_try_again, undo_because, with_turn};
use super::{ATTEMPTS, CANCELLED, Trouble, and, away, before_deadline, instance_of, memo, writes};
use crate::core::{Core, context_of};
use crate::edge::{Known, Target, Terminated};
use crate::store::app_instances::AppInstance;

/// Asks the controller whether it knows the instance; without a token that cannot be told.
pub(super) async fn ask(core: &Core, job: &Job, at: &EdgeAddress) -> Result<Known, Trouble> {
    let context = context_of(job);
    let instance = instance_of(job)?;
    let token = match core.token(&context, job, false).await {
        Ok(token) => token,
        Err(error) => return Ok(Known::Unclear(error.to_string())),
    };
    let target = Target {
        tenant: job.tenant,
        instance,
        token: &token,
    };
    Ok(core.edge.knows(&context, at, target).await)
}

/// Has the controller take the workload away. An error proves nothing, as with an instantiate: where the controller knows the
/// instance no more, it is done. Only for who knows that no instantiate is without its answer.
pub(super) async fn take_away(core: &Core, job: &Job, at: &EdgeAddress) -> Result<Terminated, Trouble> {
    let context = context_of(job);
    let token = match core.token(&context, job, true).await {
        Ok(token) => token,
        Err(error) if error.may_pass() => return Ok(Terminated::Again(error.to_string())),
        Err(error) => return Ok(Terminated::Refused(error.to_string())),
    };
    let target = Target {
        tenant: job.tenant,
        instance: instance_of(job)?,
        token: &token,
    };
    let why = match core.edge.terminate(&context, at, target).await {
        Terminated::Failed(why) => why,
        known => return Ok(known),
    };
    Ok(match core.edge.knows(&context, at, target).await {
        Known::No => Terminated::Done,
        Known::Yes => Terminated::Refused(why),
        Known::Unclear(_) => Terminated::Again(why),
    })
}

/// What an instance says of which nobody knows whether it runs.
pub(super) fn unclear(said: &str, why: &str) -> String {
    and(said, &format!("whether it runs cannot be told: {why}"))
}

/// No answer came: asks until it is known, or so long that an unfinished deploy cannot be under way any more. So long it
/// keeps its turn.
pub(super) async fn settle(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    let Some(sent_at) = instance.sent_at else {
        return Ok(with_turn(core, &learned));
    };
    let now = core.clock.now();
    let over = now >= sent_at + core.settings.unanswered;
    let known = ask(core, job, learned.controller()?).await?;
    let settled = |step: Step| step.writing(writes::answered(core, instance.id));
    Ok(match known {
        Known::Yes if job.stop => settled(undo_because(&learned, CANCELLED, true)),
        Known::Yes => settled(Step::next("rules").release()),
        _ if !over => Outcome::Wait(now + core.settings.ask).into(),
        Known::No if job.stop => settled(cancelled(core, job)),
        Known::No => settled(with_turn(core, &learned)),
        Known::Unclear(_) if before_deadline(core, job) && !job.stop => {
            Step::from(Outcome::Wait(now + core.settings.ask * 6)).release()
        }
        Known::Unclear(why) => {
            let said = learned.reason.as_deref().unwrap_or("no answer");
            fail(core, job, &unclear(said, &why))
        }
    })
}

/// Refused; that proves nothing: asks, takes away what is there, sends again where the refusal was a busy one.
pub(super) async fn refused(core: &Core, job: &Job) -> Result<Step, Trouble> {
    let learned: Learned = memo(job);
    let reason = learned.reason.clone().unwrap_or_default();
    let at = learned.controller()?;
    Ok(match ask(core, job, at).await? {
        Known::Yes => undo_because(&learned, &reason, false),
        Known::No if job.stop => cancelled(core, job),
        Known::No if learned.again && learned.tries < ATTEMPTS && before_deadline(core, job) => {
            may_try_again(core, job, &learned)
        }
        Known::No if UNSEEN.iter().any(|text| reason.contains(text)) => {
            fail(core, job, &and(&reason, RUNS_UNSEEN))
        }
        Known::No => fail(core, job, &reason),
        Known::Unclear(why) => return Err(away(core, at, unclear(&reason, &why))),
    })
}

/// v1.0's controller says so when it has deployed and keeps no record of it.
const UNSEEN: [&str; 2] = [
    "Maximum number of tenant records are exceeded",
    "Maximum number of app info records are exceeded",
];
const RUNS_UNSEEN: &str = "a workload that the controller keeps no record of may run on the host";
