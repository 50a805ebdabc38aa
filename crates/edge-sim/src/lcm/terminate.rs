//! Terminate: release, keys, record, in this order, each only when the one before it went well.

use http::StatusCode;
use tokio::time::sleep;

use super::{is_uuid, may_write, too_large};
use crate::edge::{Edge, REFUSED_STREAM};
use crate::reply::Reply;

const BROKEN: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

pub(crate) async fn act(
    edge: &Edge,
    tenant: &str,
    instance: &str,
    token: Option<&str>,
    large: bool,
) -> Reply {
    if large {
        return too_large();
    }
    if !is_uuid(tenant) {
        return Reply::error(StatusCode::BAD_REQUEST, "Tenant id is invalid");
    }
    if let Err((status, text)) = may_write(edge, token, tenant) {
        return Reply::error(status, text);
    }
    if !is_uuid(instance) {
        return Reply::error(StatusCode::BAD_REQUEST, "App instance is invalid");
    }
    let takes = {
        let mut state = edge.state();
        if !state.records.contains_key(instance) {
            return Reply::error(
                StatusCode::NOT_FOUND,
                "App info record does not exist in database",
            );
        }
        let burst = state.behaviour.plugin_burst;
        if !state.plugin.takes_call(burst) {
            return Reply::error(BROKEN, REFUSED_STREAM);
        }
        state.behaviour.terminate_time
    };
    if !takes.is_zero() {
        sleep(takes).await;
    }
    let mut state = edge.state();
    if let Some(release) = state.removed_by_hand.get(instance) {
        return Reply::error(
            BROKEN,
            &format!(
                "rpc error: code = Unknown desc = uninstall: Release not loaded: {release}: release: not found"
            ),
        );
    }
    if state.workloads.remove(instance).is_none() {
        // An earlier request removed the release and got no further: the plugin knows nothing of it any more.
        return Reply::error(
            BROKEN,
            "rpc error: code = InvalidArgument desc = App info record does not exist in database. \
             Err: <QuerySeter> no row found",
        );
    }
    state.counts.terminates += 1;
    if !state.behaviour.mep_auth {
        return Reply::error(BROKEN, "Failed to delete app auth config request to mep");
    }
    state.platform.remove_key(instance);
    if let Some(record) = state.records.remove(instance)
        && !state.records.values().any(|other| other.tenant == record.tenant)
    {
        state.tenants.remove(&record.tenant);
    }
    Reply::ok("null")
}
