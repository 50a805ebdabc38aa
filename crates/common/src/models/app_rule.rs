//! App rules: which traffic goes where, which names resolve to what, for one application instance. What APPO takes, Inventory
//! keeps: one model with one set of constraints, with v1.0's texts.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::lenient;

/// The detail of a 400 for a set in which a rule id stands twice.
pub const NOT_UNIQUE: &str = "rule id is not unique";

/// A rule set: all rules of one instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AppRuleConfig {
    /// What is done with traffic.
    #[serde(deserialize_with = "lenient::list")]
    #[schema(max_items = 16)]
    pub app_traffic_rule: Vec<TrafficRule>,
    /// How names resolve.
    #[serde(rename = "appDNSRule", deserialize_with = "lenient::list")]
    #[schema(max_items = 32)]
    pub app_dns_rule: Vec<DnsRule>,
    /// The application's name.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 128)]
    pub app_name: Option<String>,
    /// Whether the application speaks Mp1 (ETSI GS MEC 011) to the platform.
    #[serde(deserialize_with = "lenient::boolean")]
    pub app_support_mp1: Option<bool>,
}

/// What is done with traffic that passes a filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficRule {
    /// Unique within its instance.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 128)]
    pub traffic_rule_id: Option<String>,
    /// `FLOW` or `PACKET`.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 6)]
    pub filter_type: Option<String>,
    /// 1 (highest) to 255; a rule manager is told 1 where there is none.
    #[serde(deserialize_with = "lenient::integer")]
    pub priority: Option<i64>,
    /// `DROP`, `PASSTHROUGH` and the like.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 24)]
    pub action: Option<String>,
    /// Any of these.
    #[serde(deserialize_with = "lenient::list")]
    #[schema(max_items = 16)]
    pub traffic_filter: Vec<TrafficFilter>,
    /// Where it goes.
    #[serde(deserialize_with = "lenient::one_or_many")]
    #[schema(max_items = 2)]
    pub dst_interface: Vec<DstInterface>,
}

/// What traffic is meant. Each list: any of its items; an empty one: all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, from = "TrafficFilterRead")]
pub struct TrafficFilter {
    /// Sources: IP or CIDR.
    #[schema(max_items = 16)]
    pub src_address: Vec<String>,
    /// Destinations: IP or CIDR.
    #[schema(max_items = 16)]
    pub dst_address: Vec<String>,
    /// Source ports.
    #[schema(max_items = 16)]
    pub src_port: Vec<String>,
    /// Destination ports.
    #[schema(max_items = 16)]
    pub dst_port: Vec<String>,
    /// Protocols.
    #[schema(max_items = 64)]
    pub protocol: Vec<String>,
    /// Tags.
    #[schema(max_items = 16)]
    pub tag: Vec<String>,
    /// Sources of tunnels: IP or CIDR.
    #[schema(max_items = 16)]
    pub src_tunnel_address: Vec<String>,
    /// Destinations of tunnels: IP or CIDR.
    #[schema(max_items = 16)]
    pub dst_tunnel_address: Vec<String>,
    /// Source ports of tunnels.
    #[schema(max_items = 16)]
    pub src_tunnel_port: Vec<String>,
    /// Destination ports of tunnels.
    #[schema(max_items = 16)]
    pub dst_tunnel_port: Vec<String>,
    /// QoS class identifier (3GPP TS 23.203).
    #[serde(rename = "qCI")]
    pub qci: Option<i64>,
    /// The same, as other clients spell it.
    #[serde(rename = "qci")]
    pub qci_again: Option<i64>,
    /// Differentiated services code point (RFC 2474).
    #[serde(rename = "dSCP")]
    pub dscp: Option<i64>,
    /// The same, as other clients spell it.
    #[serde(rename = "dscp")]
    pub dscp_again: Option<i64>,
    /// Traffic class.
    #[serde(rename = "tC")]
    pub tc: Option<i64>,
    /// The same, as other clients spell it.
    #[serde(rename = "tc")]
    pub tc_again: Option<i64>,
}

/// A filter as clients write it: either spelling, empty texts among the addresses, items more than once.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TrafficFilterRead {
    #[serde(deserialize_with = "distinct")]
    src_address: Vec<String>,
    #[serde(deserialize_with = "distinct")]
    dst_address: Vec<String>,
    #[serde(deserialize_with = "distinct")]
    src_port: Vec<String>,
    #[serde(deserialize_with = "distinct")]
    dst_port: Vec<String>,
    #[serde(deserialize_with = "lenient::texts")]
    protocol: Vec<String>,
    #[serde(deserialize_with = "lenient::texts")]
    tag: Vec<String>,
    #[serde(deserialize_with = "distinct")]
    src_tunnel_address: Vec<String>,
    #[serde(deserialize_with = "distinct")]
    dst_tunnel_address: Vec<String>,
    #[serde(deserialize_with = "distinct")]
    src_tunnel_port: Vec<String>,
    #[serde(deserialize_with = "distinct")]
    dst_tunnel_port: Vec<String>,
    #[serde(rename = "qCI", deserialize_with = "lenient::integer")]
    qci: Option<i64>,
    #[serde(rename = "qci", deserialize_with = "lenient::integer")]
    qci_again: Option<i64>,
    #[serde(rename = "dSCP", deserialize_with = "lenient::integer")]
    dscp: Option<i64>,
    #[serde(rename = "dscp", deserialize_with = "lenient::integer")]
    dscp_again: Option<i64>,
    #[serde(rename = "tC", deserialize_with = "lenient::integer")]
    tc: Option<i64>,
    #[serde(rename = "tc", deserialize_with = "lenient::integer")]
    tc_again: Option<i64>,
}

impl From<TrafficFilterRead> for TrafficFilter {
    fn from(read: TrafficFilterRead) -> Self {
        let (qci, dscp, tc) = (
            read.qci.or(read.qci_again),
            read.dscp.or(read.dscp_again),
            read.tc.or(read.tc_again),
        );
        Self {
            src_address: read.src_address,
            dst_address: read.dst_address,
            src_port: read.src_port,
            dst_port: read.dst_port,
            protocol: collapse(read.protocol),
            tag: collapse(read.tag),
            src_tunnel_address: read.src_tunnel_address,
            dst_tunnel_address: read.dst_tunnel_address,
            src_tunnel_port: read.src_tunnel_port,
            dst_tunnel_port: read.dst_tunnel_port,
            qci,
            qci_again: qci,
            dscp,
            dscp_again: dscp,
            tc,
            tc_again: tc,
        }
    }
}

/// Equal items are one.
fn collapse(mut items: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(item.clone()));
    items
}

/// Texts without empty ones (the portal's edit form makes them), each once.
fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let mut items = lenient::texts(deserializer)?;
    items.retain(|item| !item.is_empty());
    Ok(collapse(items))
}

/// Where traffic goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DstInterface {
    /// `TUNNEL`, `MAC`, `IP` and the like.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 64)]
    pub interface_type: Option<String>,
    /// The tunnel, where it is one.
    #[serde(deserialize_with = "lenient::object")]
    pub tunnel_info: Option<TunnelInfo>,
    /// Source MAC address.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 17)]
    pub src_mac_address: Option<String>,
    /// Destination MAC address.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 17)]
    pub dst_mac_address: Option<String>,
    /// Destination: IP or CIDR.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 15)]
    pub dst_ip_address: Option<String>,
}

/// A tunnel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TunnelInfo {
    /// `GTP-U`, `GRE` and the like.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 64)]
    pub tunnel_type: Option<String>,
    /// Its far end: IP or CIDR.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 18)]
    pub tunnel_dst_address: Option<String>,
    /// Its near end: IP or CIDR.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 18)]
    pub tunnel_src_address: Option<String>,
    /// Whatever it needs besides.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 256)]
    pub tunnel_specific_data: Option<String>,
}

/// A name and what it resolves to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DnsRule {
    /// Unique within its instance.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 128)]
    pub dns_rule_id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 256)]
    pub domain_name: Option<String>,
    /// `IP_V4` or `IP_V6`.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 8)]
    pub ip_address_type: Option<String>,
    /// The address.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 18)]
    pub ip_address: Option<String>,
    /// Time to live, in seconds.
    #[serde(deserialize_with = "lenient::integer")]
    pub ttl: Option<i64>,
}

/// Rules to be taken away, by id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AppRuleDelete {
    /// Of traffic rules.
    #[serde(deserialize_with = "lenient::texts")]
    #[schema(max_items = 16)]
    pub app_traffic_rule: Vec<String>,
    /// Of DNS rules.
    #[serde(rename = "appDNSRule", deserialize_with = "lenient::texts")]
    #[schema(max_items = 32)]
    pub app_dns_rule: Vec<String>,
}

impl AppRuleConfig {
    /// Whether every rule id stands once: the constraint that is answered by itself, with [`NOT_UNIQUE`].
    pub fn ids_are_unique(&self) -> bool {
        let (mut traffic, mut dns) = (HashSet::new(), HashSet::new());
        self.app_traffic_rule
            .iter()
            .all(|rule| traffic.insert(rule.traffic_rule_id.as_deref()))
            && self
                .app_dns_rule
                .iter()
                .all(|rule| dns.insert(rule.dns_rule_id.as_deref()))
    }
}

pub(super) mod constraints;

#[cfg(test)]
mod tests;
