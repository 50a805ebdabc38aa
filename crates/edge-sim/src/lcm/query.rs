//! What the controller knows: of an instance, of a package on a host.

use http::StatusCode;
use serde_json::json;

use super::{is_ipv4, is_package_id, is_uuid, may_read};
use crate::config::WorkloadState;
use crate::edge::{Edge, REFUSED_STREAM};
use crate::reply::Reply;

/// `GET …/app_instances/{id}`.
pub(crate) fn act(edge: &Edge, tenant: &str, instance: &str, token: Option<&str>) -> Reply {
    edge.state().counts.queries += 1;
    if !is_uuid(tenant) {
        return Reply::error(StatusCode::BAD_REQUEST, "Tenant id is invalid");
    }
    if let Err(reply) = may_read(edge, token, tenant) {
        return reply;
    }
    if !is_uuid(instance) {
        return Reply::error(StatusCode::BAD_REQUEST, "App instance is invalid");
    }
    let mut state = edge.state();
    if !state.records.contains_key(instance) {
        return Reply::error(
            StatusCode::NOT_FOUND,
            "App info record does not exist in database",
        );
    }
    let burst = state.behaviour.plugin_burst;
    if !state.plugin.takes_call(burst) {
        return Reply::error(StatusCode::INTERNAL_SERVER_ERROR, REFUSED_STREAM);
    }
    let Some(workload) = state.workloads.get(instance) else {
        return Reply::error(
            StatusCode::NOT_FOUND,
            "rpc error: code = Unknown desc = release: not found",
        );
    };
    let pod = format!("{}-{}", workload.release, &instance[..8]);
    let age = (edge.clock.now() - workload.since).to_std().unwrap_or_default();
    if age < state.behaviour.metrics_after {
        let text =
            format!("rpc error: code = Unknown desc = podmetrics.metrics.k8s.io \"default/{pod}\" not found");
        return Reply::error(StatusCode::NOT_FOUND, &text);
    }
    match state.behaviour.workload {
        WorkloadState::Running => Reply::ok(
            json!({"pods": [{
                "podstatus": "Running",
                "podname": pod,
                "containers": [{
                    "containername": workload.release,
                    "metricsusage": {
                        "cpuusage": "5/4000",
                        "memusage": "12582912/8589934592",
                        "diskusage": "0/107374182400",
                    },
                }],
            }]})
            .to_string(),
        ),
        WorkloadState::NotRunning => Reply::ok("{\"status\":\"not running\"}"),
        WorkloadState::Failure => Reply::ok("Failure"),
    }
}

/// `GET /hosts/{ip}/packages/{packageId}/status`: of instances that came with a package id only.
pub(crate) fn package_status(edge: &Edge, host: &str, package: &str, token: Option<&str>) -> Reply {
    if let Err(reply) = may_read(edge, token, "") {
        return reply;
    }
    if !is_ipv4(host) {
        return Reply::error(StatusCode::BAD_REQUEST, "HostIp address is invalid from url");
    }
    if !is_package_id(package) {
        return Reply::error(StatusCode::BAD_REQUEST, "package id is invalid");
    }
    let there = edge
        .state()
        .records
        .values()
        .any(|record| record.host == host && record.package.as_deref() == Some(package));
    Reply::ok(json!({"package_deployed": there}).to_string())
}
