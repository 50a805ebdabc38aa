//! Instantiate: synchronous, in the order of a v1.0 controller. Checks, keys, plugin, and the record last of all.

use std::time::Duration;

use http::StatusCode;
use tokio::time::sleep;

use super::chart::{Chart, NO_GZIP};
use super::package::Manifest;
use super::upload::Upload;
use super::{is_ipv4, is_package_id, is_uuid, may_write};
use crate::edge::{Edge, REFUSED_STREAM, Record, State, Workload};
use crate::reply::{Reply, Said};

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const BROKEN: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
/// The longest name of an uploaded file.
const LONGEST_FILE_NAME: usize = 64;

/// A request that passed the checks.
struct Wanted {
    tenant: String,
    instance: String,
    host: String,
    app_name: String,
    package: Option<String>,
    chart: Chart,
}

pub(crate) async fn act(
    edge: &Edge,
    tenant: &str,
    instance: &str,
    token: Option<&str>,
    upload: Upload,
) -> Reply {
    let mut said = Said::default();
    let wanted = match check(edge, tenant, instance, token, upload, &mut said) {
        Ok(wanted) => wanted,
        Err(Some((status, text))) => return said.fail(status, text),
        Err(None) => return Reply::empty(BROKEN),
    };
    match deploy(edge, &wanted).await {
        Ok(()) => {}
        Err(text) => return said.fail(BROKEN, &text),
    }
    let wait = edge.state().behaviour.record_time;
    if !wait.is_zero() {
        sleep(wait).await;
    }
    match record(&mut edge.state(), &wanted) {
        Ok(()) => said.done(),
        Err(text) => said.fail(BROKEN, text),
    }
}

/// The checks before anything is done. An error of `None` is a crash: 500 without a body.
fn check(
    edge: &Edge,
    tenant: &str,
    instance: &str,
    token: Option<&str>,
    upload: Upload,
    said: &mut Said,
) -> Result<Wanted, Option<(StatusCode, &'static str)>> {
    let bad = |text| Err(Some((BAD, text)));
    let Some(host) = upload.host.filter(|host| is_ipv4(host)) else {
        return bad("HostIp address is invalid");
    };
    if !is_uuid(instance) {
        return bad("App instance is invalid");
    }
    let Some(file) = upload.file else {
        return bad("Failed to get csar file");
    };
    if !is_uuid(tenant) {
        return bad("Tenant id is invalid");
    }
    let package_id = upload.package_id.filter(|id| !id.is_empty());
    let package_id = match package_id {
        Some(id) if !is_package_id(&id) => {
            // Said, and not acted upon.
            said.say(BAD, "package id is invalid");
            None
        }
        other => other,
    };
    may_write(edge, token, tenant).map_err(Some)?;
    let Some(app_name) = upload.app_name.filter(|name| is_app_name(name)) else {
        return bad("AppName is invalid");
    };
    if !file.name.ends_with(".csar") || file.name.len() > LONGEST_FILE_NAME {
        return bad("File doesn't contain csar extension or filename is larger than max size");
    }
    if edge.state().records.contains_key(instance) {
        return Err(Some((BROKEN, "App instance info record already exists")));
    }
    let Some(package) = file.package else {
        return Err(None);
    };
    if package.over_limits {
        said.say(BROKEN, "File size limit is exceeded");
    }
    for _ in 0..package.orphans {
        said.say(BROKEN, "The output file is nil");
    }
    match package.manifest {
        Manifest::Absent => return bad("Failed to read file"),
        Manifest::NotYaml => return bad("failed to convert from YAML to JSON"),
        Manifest::Other => return Err(Some((BROKEN, "Deployment type is not helm based"))),
        Manifest::Helm => {}
    }
    let Some(chart) = package.chart else {
        return Err(Some((BROKEN, "Artifact not available in application package.")));
    };
    let (tenant, instance) = (tenant.to_owned(), instance.to_owned());
    Ok(Wanted {
        tenant,
        instance,
        host,
        app_name,
        package: package_id,
        chart,
    })
}

/// 4 to 128 letters, digits, `_` and `-`.
fn is_app_name(name: &str) -> bool {
    (4..=128).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Keys and plugin. What fails here takes the keys away again, and the release where this instance has one already.
async fn deploy(edge: &Edge, wanted: &Wanted) -> Result<(), String> {
    let begun = {
        let mut state = edge.state();
        if !state.behaviour.mep_auth {
            return Err("Failed to process Ak Sk configuration".to_owned());
        }
        // A second request for an instance overwrites the keys of the first.
        state.platform.make_key(&wanted.instance);
        begin(&mut state, wanted)
    };
    let ended = match begun {
        Ok(begun) => {
            edge.everywhere.enter();
            sleep(begun.takes).await;
            edge.everywhere.leave();
            end(edge, wanted, begun)
        }
        Err(text) => Err(text),
    };
    if ended.is_err() {
        let mut state = edge.state();
        state.platform.remove_key(&wanted.instance);
        if state.workloads.remove(&wanted.instance).is_some() {
            state.counts.destroyed += 1;
        }
    }
    ended
}

/// A deployment in the plugin.
struct Begun {
    run: u64,
    release: String,
    takes: Duration,
}

fn begin(state: &mut State, wanted: &Wanted) -> Result<Begun, String> {
    if !state.behaviour.plugin {
        return Err("Failed to get client".to_owned());
    }
    if !state.plugin.takes_call(state.behaviour.plugin_burst) {
        return Err(REFUSED_STREAM.to_owned());
    }
    let host = &wanted.host;
    if state.behaviour.host_configuration && !state.configured_hosts.contains(host) {
        return Err(format!(
            "rpc error: code = Unknown desc = stat /usr/app/config/{host}: no such file or directory"
        ));
    }
    if state.plugin.deploys(&wanted.instance) {
        state.counts.destroyed += 1;
    }
    let (run, at_once) = state.plugin.begin(&wanted.instance);
    state.counts.max_concurrent = state.counts.max_concurrent.max(at_once as u64);
    if at_once > 1 {
        state.counts.overlaps += 1;
    }
    let refused = match &wanted.chart {
        Chart::Refused(text) => *text,
        Chart::Fine(release) if state.workloads.values().any(|there| there.release == *release) => {
            "rpc error: code = Unknown desc = application is already deployed with this release name"
        }
        Chart::Fine(release) => {
            return Ok(Begun {
                run,
                release: release.clone(),
                takes: state.behaviour.deploy_time,
            });
        }
    };
    state.plugin.end(run);
    Err(refused.to_owned())
}

fn end(edge: &Edge, wanted: &Wanted, begun: Begun) -> Result<(), String> {
    let mut state = edge.state();
    if state.plugin.end(begun.run) {
        return Err(NO_GZIP.to_owned());
    }
    state.counts.deploys += 1;
    let workload = Workload {
        instance: wanted.instance.clone(),
        tenant: wanted.tenant.clone(),
        app_name: wanted.app_name.clone(),
        host: wanted.host.clone(),
        release: begun.release,
        since: edge.clock.now(),
        recorded: false,
    };
    state.workloads.insert(wanted.instance.clone(), workload);
    Ok(())
}

/// Writes the record, within the controller's limits. Beyond them the workload runs on without one.
fn record(state: &mut State, wanted: &Wanted) -> Result<(), &'static str> {
    if state.tenants.len() >= state.behaviour.max_tenants {
        state.counts.unrecorded += 1;
        return Err("Maximum number of tenant records are exceeded");
    }
    state.tenants.insert(wanted.tenant.clone());
    let of_tenant = state
        .records
        .values()
        .filter(|record| record.tenant == wanted.tenant)
        .count();
    if of_tenant >= state.behaviour.max_instances {
        state.counts.unrecorded += 1;
        return Err("Maximum number of app info records are exceeded for given tenant");
    }
    let record = Record {
        tenant: wanted.tenant.clone(),
        host: wanted.host.clone(),
        package: wanted.package.clone(),
    };
    state.records.insert(wanted.instance.clone(), record);
    if let Some(workload) = state.workloads.get_mut(&wanted.instance) {
        workload.recorded = true;
    }
    Ok(())
}
