//! Asking a controller whether it knows an instance.

use mecm_common::client::inventory::EdgeAddress;
use mecm_jobs::Job;

use super::{Trouble, instance_of};
use crate::core::{Core, context_of};
use crate::edge::{Known, Target};

/// Asks the controller whether it knows the instance.
pub(super) async fn ask(core: &Core, job: &Job, at: &EdgeAddress) -> Result<Known, Trouble> {
    let context = context_of(job);
    let instance = instance_of(job)?;
    let token = core.token(&context, job, false).await?;
    let target = Target {
        tenant: job.tenant,
        instance,
        token: &token,
    };
    Ok(core.edge.knows(&context, at, target).await)
}
