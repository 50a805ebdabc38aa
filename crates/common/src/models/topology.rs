//! What is where, and what is connected with what: hosts, their controllers and rule managers, and the applications on them,
//! in one answer that a map or a graph can be drawn from.

use serde::Serialize;
use utoipa::ToSchema;

use super::host::{HardwareCapability, SoftwareCapability};

/// The whole topology of a tenant. Every edge is between two of the nodes.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Topology {
    /// Hosts, LCM controllers, app rule managers, applications: in this order, each kind oldest first.
    pub nodes: Vec<Node>,
    /// What is connected.
    pub edges: Vec<Edge>,
}

/// A thing that is somewhere.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Node {
    /// Its type and its key: one of a kind in the topology.
    #[schema(example = "mechost:10.0.0.1")]
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: NodeKind,
    /// What people call it; null for what is named but not registered.
    pub name: Option<String>,
    /// Its IPv4 address; of an application, its host's.
    #[schema(example = "10.0.0.1")]
    pub ip: String,
    /// Of an application, its status; of a host, what was done last with its Kubernetes configuration; of a controller or
    /// a rule manager, `Unregistered` where a host names it and there is no record of it. Else null.
    pub status: Option<String>,
    /// Where a host or an application is: `longitude,latitude`.
    #[schema(example = "114.059448,22.653555")]
    pub coordinates: Option<String>,
    /// What hardware a host offers; of an application, the types that it uses.
    pub hwcapabilities: Vec<HardwareCapability>,
    /// What software a host offers.
    pub swcapabilities: Vec<SoftwareCapability>,
}

/// The status of a controller or a rule manager that a host names and nobody registered.
pub const UNREGISTERED: &str = "Unregistered";

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// An edge host.
    MecHost,
    /// An LCM controller.
    AppLcm,
    /// An app rule manager.
    AppRuleManager,
    /// An application.
    App,
}

impl NodeKind {
    /// The id of the node of this kind and key.
    pub fn id(self, key: impl std::fmt::Display) -> String {
        let kind = match self {
            Self::MecHost => "mechost",
            Self::AppLcm => "applcm",
            Self::AppRuleManager => "apprulemanager",
            Self::App => "app",
        };
        format!("{kind}:{key}")
    }
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Edge {
    /// The id of the node from which it goes.
    #[schema(example = "mechost:10.0.0.1")]
    pub source: String,
    /// The id of the node to which it goes.
    #[schema(example = "applcm:10.0.0.9")]
    pub target: String,
    /// What it means.
    #[serde(rename = "type")]
    pub kind: EdgeKind,
}

/// What a connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// A host is managed by an LCM controller.
    ManagedBy,
    /// A host has its rules from an app rule manager.
    RulesBy,
    /// An application runs on a host.
    RunsOn,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_node_begins_with_its_type() {
        for kind in [
            NodeKind::MecHost,
            NodeKind::AppLcm,
            NodeKind::AppRuleManager,
            NodeKind::App,
        ] {
            let kind_text = serde_json::to_value(kind).unwrap();
            assert_eq!(kind.id("x"), format!("{}:x", kind_text.as_str().unwrap()));
        }
    }

    #[test]
    fn connections_are_named_as_the_interface_says() {
        let names = [EdgeKind::ManagedBy, EdgeKind::RulesBy, EdgeKind::RunsOn];
        let names = serde_json::to_value(names).unwrap();
        assert_eq!(names, serde_json::json!(["managed_by", "rules_by", "runs_on"]));
    }
}
