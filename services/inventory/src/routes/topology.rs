//! The unified topology: `/topology`.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use mecm_common::models::host::HardwareCapability;
use mecm_common::models::ids::TenantId;
use mecm_common::models::topology::{Edge, EdgeKind, Node, NodeKind, Topology, UNREGISTERED};
use mecm_common::service::{ApiResult, Url};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::store::topology::{self as store, ApplicationRow, HostRow, PeerRow, Rows};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get))
}

/// All hosts of the tenant with their position and what they offer, their LCM controllers and app rule managers, and the
/// applications on them, as nodes and edges of one graph. Both are empty when there is nothing.
#[utoipa::path(
    get, path = "/inventory/v1/tenants/{tenant_id}/topology", tag = "topology",
    responses(
        (status = 200, description = "The graph", body = Topology),
    )
)]
async fn get(State(app): State<App>, Url((tenant,)): Url<(TenantId,)>) -> ApiResult<Json<Topology>> {
    let mut tx = app.db.begin_read().await?;
    let rows = store::read(&mut tx, tenant).await?;
    Ok(Json(graph(rows)))
}

/// Makes the graph. Every edge is between two nodes: what a host names and nobody registered gets a node of its own, and
/// an application whose host was not there yet when hosts were read is left out.
fn graph(rows: Rows) -> Topology {
    let mut graph = Topology::default();
    let mut hosts = HashSet::new();
    let (mut controllers, mut managers) = (Vec::new(), Vec::new());
    for host in rows.hosts {
        let id = NodeKind::MecHost.id(&host.ip);
        let manager = host.rule_manager_ip.clone().filter(|ip| !ip.is_empty());
        graph.edges.push(edge(
            &id,
            NodeKind::AppLcm.id(&host.controller_ip),
            EdgeKind::ManagedBy,
        ));
        controllers.push(host.controller_ip.clone());
        if let Some(manager) = manager {
            let target = NodeKind::AppRuleManager.id(&manager);
            graph.edges.push(edge(&id, target, EdgeKind::RulesBy));
            managers.push(manager);
        }
        hosts.insert(host.ip.clone());
        graph.nodes.push(of_host(id, host));
    }
    of_peers(&mut graph, NodeKind::AppLcm, rows.controllers, controllers);
    of_peers(&mut graph, NodeKind::AppRuleManager, rows.rule_managers, managers);
    for application in rows.applications {
        if hosts.contains(&application.ip) {
            let id = NodeKind::App.id(application.id);
            let host = NodeKind::MecHost.id(&application.ip);
            graph.edges.push(edge(&id, host, EdgeKind::RunsOn));
            graph.nodes.push(of_application(id, application));
        }
    }
    graph
}

fn edge(source: &str, target: String, kind: EdgeKind) -> Edge {
    Edge {
        source: source.to_owned(),
        target,
        kind,
    }
}

fn of_host(id: String, host: HostRow) -> Node {
    Node {
        id,
        kind: NodeKind::MecHost,
        name: Some(host.name),
        ip: host.ip,
        status: host.config_status,
        coordinates: Some(host.coordinates),
        hwcapabilities: host.hardware.0,
        swcapabilities: host.software.0,
    }
}

fn of_application(id: String, application: ApplicationRow) -> Node {
    let uses = application.capabilities.0.into_iter();
    Node {
        id,
        kind: NodeKind::App,
        name: Some(application.name),
        ip: application.ip,
        status: Some(application.status),
        coordinates: Some(application.coordinates),
        hwcapabilities: uses
            .map(|hw_type| HardwareCapability {
                hw_type: Some(hw_type),
                ..HardwareCapability::default()
            })
            .collect(),
        swcapabilities: Vec::new(),
    }
}

/// Nodes of the controllers or rule managers that are registered, and of those that hosts only name.
fn of_peers(graph: &mut Topology, kind: NodeKind, registered: Vec<PeerRow>, named: Vec<String>) {
    let mut known = HashSet::new();
    let registered = registered.into_iter().map(|peer| (peer.ip, Some(peer.name)));
    let named = named.into_iter().map(|ip| (ip, None));
    for (ip, name) in registered.chain(named) {
        if !known.insert(ip.clone()) {
            continue;
        }
        graph.nodes.push(Node {
            id: kind.id(&ip),
            kind,
            status: name.is_none().then(|| UNREGISTERED.to_owned()),
            name,
            ip,
            coordinates: None,
            hwcapabilities: Vec::new(),
            swcapabilities: Vec::new(),
        });
    }
}
