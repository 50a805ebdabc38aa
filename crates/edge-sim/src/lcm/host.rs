//! What the controller tells of its own host, whatever host the path names: meters, and the platform's capabilities.

use http::StatusCode;
use serde_json::{Value, json};

use super::{is_uuid, may_read};
use crate::edge::Edge;
use crate::reply::Reply;

/// The longest capability id that is asked for.
const LONGEST_ID: usize = 32;

/// `GET …/hosts/{ip}/kpi`.
pub(crate) fn kpi(edge: &Edge, tenant: &str, token: Option<&str>) -> Reply {
    edge.state().counts.kpis += 1;
    if !is_uuid(tenant) {
        return Reply::error(StatusCode::BAD_REQUEST, "Tenant id is invalid");
    }
    if let Err(reply) = may_read(edge, token, tenant) {
        return reply;
    }
    if !edge.state().behaviour.meters {
        return Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "invalid cpu query");
    }
    // `total` is the time of the sample, as v1.0 has it.
    let sampled = edge.clock.now().timestamp_millis() as f64 / 1000.0;
    let meter = |used: Option<f64>| -> Value {
        match used {
            Some(used) => json!({"total": sampled, "used": used.to_string()}),
            None => json!({"total": "0.0", "used": "0.0"}),
        }
    };
    let load = edge.state().behaviour.load;
    Reply::ok(
        json!({
            "cpuusage": meter(load.map(|load| load.cpu)),
            "memusage": meter(load.map(|load| load.memory)),
            "diskusage": meter(load.map(|load| load.disk)),
        })
        .to_string(),
    )
}

/// `GET …/hosts/{ip}/mep_capabilities[/{id}]`.
pub(crate) fn capabilities(
    edge: &Edge,
    tenant: &str,
    capability: Option<&str>,
    token: Option<&str>,
) -> Reply {
    edge.state().counts.capability_queries += 1;
    if !is_uuid(tenant) {
        return Reply::error(StatusCode::BAD_REQUEST, "Tenant id is invalid");
    }
    if let Err(reply) = may_read(edge, token, tenant) {
        return reply;
    }
    let now = edge.clock.now();
    let all = edge.state().platform.capabilities(now);
    let found = match capability {
        None => serde_json::to_string(&all),
        Some(id) if id.len() > LONGEST_ID => {
            return Reply::error(StatusCode::BAD_REQUEST, "capability id is invalid from url");
        }
        Some(id) => match all.iter().find(|one| one.capability_id == id) {
            Some(one) => serde_json::to_string(one),
            None => {
                return Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "invalid mepCapabilities query");
            }
        },
    };
    Reply::ok(found.expect("capabilities have text keys only"))
}
