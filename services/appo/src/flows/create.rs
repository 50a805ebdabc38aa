//! create: match the host, fetch the package, check it against the host, register the application.

use mecm_common::client::inventory::{EdgeAddress, SoftwareSeen};
use mecm_common::config::RequiredServices;
use mecm_common::models::app_instance::OperationalStatus;
use mecm_common::models::ids::HostIp;
use mecm_csar::Descriptor;
use mecm_jobs::{Job, Outcome, Step};
use serde::{Deserialize, Serialize};

use super::{CANCELLED, Trouble, inventory_sync, keep, memo, record, writes};
use crate::core::{Core, context_of};
use crate::edge::platform;
use crate::matching;
use crate::store::app_instances::AppInstance;
use crate::store::dependencies::{self, Dependency};

pub(crate) const FIRST: &str = "match";

/// What the flow has learned.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Learned {
    controller: Option<EdgeAddress>,
    rule_manager_ip: Option<String>,
    software: Vec<SoftwareSeen>,
}

pub(super) async fn run(core: &Core, job: &Job) -> Result<Step, Trouble> {
    let Some(instance) = record(core, job).await? else {
        return Ok(Outcome::Done.into());
    };
    if job.stop {
        return Ok(end(
            core,
            job,
            CANCELLED,
            Outcome::Cancelled(CANCELLED.to_owned()),
        ));
    }
    match job.step.as_str() {
        FIRST => match_host(core, job, &instance).await,
        "fetch" => fetch(core, job, &instance).await,
        "check" => check(core, job, &instance).await,
        "register" => register(core, job, &instance).await,
        other => Err(Trouble::Final(format!("this version knows no step {other:?}"))),
    }
}

/// Create failed, and why.
pub(super) fn fail(core: &Core, job: &Job, reason: &str) -> Step {
    end(core, job, reason, Outcome::Failed(reason.to_owned()))
}

fn end(core: &Core, job: &Job, reason: &str, outcome: Outcome) -> Step {
    let step = Step::from(outcome);
    let Ok(id) = super::instance_of(job) else {
        return step;
    };
    // The name is free: an instantiate queued behind ends too, and leaves the reason alone.
    step.writing(writes::status(
        core,
        id,
        OperationalStatus::CreateFailed,
        reason,
        false,
    ))
    .writing(writes::sync_inventory(core, job, id))
}

async fn match_host(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let context = context_of(job);
    let host = core
        .inventory
        .host(&context, job.tenant, instance.host)
        .await?
        .ok_or_else(|| Trouble::Final(format!("MEC host not found in inventory: {}", instance.host)))?;
    let controller_ip = host
        .applcm_ip
        .as_deref()
        .and_then(|ip| ip.parse::<HostIp>().ok())
        .ok_or_else(|| Trouble::Final("applcm IP not configured in host".to_owned()))?;
    // Whatever comes: the record shows where its controller is.
    let known = |step: Step| step.writing(writes::controller(core, instance.id, controller_ip, None));
    let missing = matching::missing_hardware(&host, &instance.hw_capabilities);
    if !missing.is_empty() {
        return Ok(known(fail(core, job, &matching::hardware_failed(&missing))));
    }
    let controller = core
        .inventory
        .controller(&context, job.tenant, &controller_ip.to_string())
        .await;
    let controller = match controller {
        Ok(Some(controller)) => controller,
        Ok(None) => return Ok(known(fail(core, job, "applcm port not found"))),
        Err(error) => return Ok(known(Trouble::from(error).step(core, job, fail))),
    };
    let port = controller.port.parse().ok();
    let learned = Learned {
        controller: Some(controller),
        rule_manager_ip: host.app_rule_ip.filter(|ip| !ip.is_empty()),
        software: host.swcapabilities,
    };
    Ok(Step::next("fetch")
        .memo(keep(&learned))
        .writing(writes::controller(core, instance.id, controller_ip, port)))
}

async fn fetch(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    core.packages
        .current(&context_of(job), job.tenant, instance.package)
        .await?;
    Ok(Step::next("check"))
}

async fn check(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let context = context_of(job);
    let learned: Learned = memo(job);
    let content = core
        .packages
        .current(&context, job.tenant, instance.package)
        .await?;
    let descriptor = &content.descriptor;

    let needs = needs(descriptor);
    let mut tx = core.db.begin_read().await?;
    let missing = dependencies::missing(&mut tx, job.tenant, instance.host, &needs, false).await?;
    drop(tx);
    if !missing.is_empty() {
        return Err(Trouble::Final(dependencies::not_deployed(&missing)));
    }

    let warnings = software(core, job, instance, descriptor, &learned).await?;

    if descriptor.rules.is_some() {
        let known = match &learned.rule_manager_ip {
            Some(ip) => core.inventory.rule_manager(&context, job.tenant, ip).await?,
            None => None,
        };
        if known.is_none() {
            return Err(Trouble::Final("apprule port not found".to_owned()));
        }
    }
    let write = writes::content(
        core,
        instance.id,
        &content.digest,
        descriptor.rules.as_ref(),
        needs,
    );
    let step = Step::next("register").writing(write);
    Ok(warnings.into_iter().fold(step, Step::warn))
}

fn needs(descriptor: &Descriptor) -> Vec<Dependency> {
    let named = |need: &mecm_csar::Dependency| {
        let package = need.package_id.clone().unwrap_or_default();
        let name = need.name.clone().filter(|name| !name.is_empty());
        Dependency {
            name: name.unwrap_or_else(|| package.clone()),
            // In one form, since it is looked for by its text.
            package: dependencies::package_named(&package).map_or(package, |id| id.to_string()),
        }
    };
    descriptor.dependencies.iter().map(named).collect()
}

/// Requested software must be there; what the descriptor names is warned of, or enforced where that is configured.
async fn software(
    core: &Core,
    job: &Job,
    instance: &AppInstance,
    descriptor: &Descriptor,
    learned: &Learned,
) -> Result<Vec<String>, Trouble> {
    let wanted = &instance.sw_capabilities.0;
    let (required, optional) = (&descriptor.services_required, &descriptor.services_optional);
    if wanted.is_empty() && required.is_empty() && optional.is_empty() {
        return Ok(Vec::new());
    }
    let offered = match platform_software(core, job, instance, learned).await {
        Some(offered) => offered,
        None => learned.software.clone(),
    };
    let missing = matching::missing_software(&offered, wanted);
    if !missing.is_empty() {
        return Err(Trouble::Final(matching::software_failed(&missing)));
    }
    let mut present = Vec::new();
    let mut tx = core.db.begin_read().await?;
    for text in required
        .iter()
        .chain(optional)
        .filter_map(|service| service.package_id.as_deref())
    {
        if let Some(package) = dependencies::package_named(text)
            && !dependencies::present(&mut tx, job.tenant, instance.host, package, false)
                .await?
                .is_empty()
        {
            present.push(text.to_owned());
        }
    }
    drop(tx);
    let is_present = |text: &str| present.iter().any(|there| there == text);
    let unmet = matching::unmet(required, &offered, &is_present);
    if !unmet.is_empty() && core.settings.required_services == RequiredServices::Enforce {
        let unmet: Vec<String> = unmet.iter().map(|name| (*name).to_owned()).collect();
        return Err(Trouble::Final(matching::software_failed(&unmet)));
    }
    let mut warnings = Vec::new();
    for name in unmet {
        warnings.push(format!("required service not offered on the host: {name}"));
    }
    for name in matching::unmet(optional, &offered, &is_present) {
        warnings.push(format!("optional service not offered on the host: {name}"));
    }
    Ok(warnings)
}

/// What the platform offers now, by its controller; Inventory is told. `None` when it cannot be had.
async fn platform_software(
    core: &Core,
    job: &Job,
    instance: &AppInstance,
    learned: &Learned,
) -> Option<Vec<SoftwareSeen>> {
    let context = context_of(job);
    let at = learned.controller.as_ref()?;
    let token = core.token(&context, job, false).await.ok()?;
    let answer = core
        .edge
        .mep_capabilities(&context, at, job.tenant, instance.host, None, &token)
        .await
        .ok()?;
    let offered = platform::software(&answer)?;
    let told = core
        .inventory
        .put_software(&context, job.tenant, instance.host, &platform::to_keep(&offered))
        .await;
    if let Err(error) = told {
        tracing::info!(host = %instance.host, %error, "Inventory was not told of the platform's software");
    }
    Some(offered)
}

async fn register(core: &Core, job: &Job, instance: &AppInstance) -> Result<Step, Trouble> {
    let done = Step::from(Outcome::Done).writing(writes::created(core, instance.id));
    let created = OperationalStatus::Created.as_str();
    Ok(inventory_sync::tell(core, job, instance, created, done).await)
}
