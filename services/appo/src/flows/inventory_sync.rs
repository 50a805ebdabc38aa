//! Keeps Inventory's record of an application at the instance's latest state, beside the flows: it never decides, and no flow
//! waits for it.

use mecm_common::client::inventory::ApplicationState;
use mecm_jobs::{Job, Outcome, Step, open_of_subject};

use super::{Trouble, record, writes};
use crate::core::{Core, context_of};
use crate::store::app_instances::AppInstance;

pub(super) const FIRST: &str = "push";
/// When Inventory is told again what it has refused.
const REFUSED: chrono::TimeDelta = chrono::TimeDelta::minutes(5);
/// What these jobs' subjects begin with: they run one after another, beside the instance's own.
pub(super) const SUBJECT: &str = "sync/";

/// What Inventory is told.
pub(super) fn state_of(instance: &AppInstance, status: &str) -> ApplicationState {
    ApplicationState {
        app_instance_id: instance.id.to_string(),
        app_name: instance.name.clone(),
        package_id: instance.package.to_string(),
        capabilities: instance.hw_capabilities.0.clone(),
        status: status.to_owned(),
    }
}

/// Tells Inventory once, from within a flow that is about to set this status; what fails is left to [`run`]. Gives the step
/// with that, if need be.
pub(super) async fn tell(core: &Core, job: &Job, instance: &AppInstance, status: &str, step: Step) -> Step {
    // Nothing else of this instance begins meanwhile: what is not on its way now, will not be.
    let others = others_are_telling(core, instance).await;
    let told = core
        .inventory
        .put_application(
            &context_of(job),
            job.tenant,
            instance.host,
            &state_of(instance, status),
        )
        .await;
    let busy = match &told {
        Ok(()) => others,
        Err(error) if error.is_not_found() => return step,
        Err(_) => true,
    };
    if let Err(error) = told {
        tracing::info!(instance = %instance.id, %error, "Inventory will be told later");
    }
    if busy {
        step.writing(writes::sync_inventory(core, job, instance.id))
    } else {
        step
    }
}

/// Whether an older state may still be on its way: then ours must follow it.
async fn others_are_telling(core: &Core, instance: &AppInstance) -> bool {
    let subject = format!("{SUBJECT}{}", instance.id);
    let open = async {
        let mut tx = core.db.begin_read().await?;
        open_of_subject(&mut tx, &subject).await
    };
    open.await.map_or(true, |jobs| !jobs.is_empty())
}

pub(super) async fn run(core: &Core, job: &Job) -> Result<Step, Trouble> {
    if job.stop {
        return Ok(Outcome::Cancelled(super::CANCELLED.to_owned()).into());
    }
    let Some(instance) = record(core, job).await? else {
        return Ok(Outcome::Done.into());
    };
    if instance.terminating {
        return Ok(Outcome::Done.into());
    }
    let status = instance.status()?;
    let told = core
        .inventory
        .put_application(
            &context_of(job),
            job.tenant,
            instance.host,
            &state_of(&instance, status.as_str()),
        )
        .await;
    Ok(match told {
        Ok(()) => Outcome::Done.into(),
        Err(error) if error.is_not_found() => Outcome::Done.into(),
        Err(error) if error.may_pass() => Outcome::Retry(error.to_string()).into(),
        // A quota, say: until it takes it, or the instance goes.
        Err(error) => {
            tracing::info!(instance = %instance.id, %error, "Inventory refuses the application");
            Outcome::Wait(core.clock.now() + REFUSED).into()
        }
    })
}

pub(super) fn fail(_core: &Core, _job: &Job, reason: &str) -> Step {
    Step::failed(reason)
}
