//! App rules: which traffic goes where, which names resolve to what, for one application instance. What APPO takes, Inventory
//! keeps: one model with one set of constraints, with v1.0's texts.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations, must_match};

/// The detail of a 400 for a set in which a rule id stands twice.
pub const NOT_UNIQUE: &str = "rule id is not unique";

const TRAFFIC_RULES: usize = 16;
const DNS_RULES: usize = 32;

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

/// A text with v1.0's `size must be between 0 and n`, given as its whole text.
const fn sized(
    empty: Option<&'static str>,
    max: usize,
    long: &'static str,
    pattern: Option<(Pattern, &'static str)>,
) -> TextField {
    TextField {
        empty,
        max,
        long,
        pattern,
    }
}

const APP_NAME: TextField = sized(
    Some("Application name is mandatory"),
    128,
    "size must be between 0 and 128",
    Some((
        Pattern::AppName,
        "App name is invalid. It must start and end with alpha numeric character and special characters allowed are hyphen and underscore.",
    )),
);
const TRAFFIC_RULE_ID: TextField = sized(
    Some("Traffic rule id is mandatory"),
    128,
    "size must be between 0 and 128",
    None,
);
const FILTER_TYPE: TextField = sized(
    Some("Filter type is mandatory"),
    6,
    "size must be between 0 and 6",
    None,
);
const ACTION: TextField = sized(
    Some("Action is mandatory"),
    24,
    "size must be between 0 and 24",
    None,
);
const INTERFACE_TYPE: TextField = sized(None, 64, "size must be between 0 and 64", None);
const SRC_MAC: TextField = sized(
    None,
    17,
    "size must be between 0 and 17",
    Some((Pattern::Mac, "Source MAC address is invalid")),
);
const DST_MAC: TextField = sized(
    None,
    17,
    "size must be between 0 and 17",
    Some((Pattern::Mac, "Destination MAC address is invalid")),
);
const DST_IP: TextField = sized(
    Some("Destination ip address is mandatory"),
    15,
    "size must be between 0 and 15",
    Some((Pattern::IpOrCidr, "Destination ip address is invalid")),
);
const TUNNEL_TYPE: TextField = sized(None, 64, "size must be between 0 and 64", None);
const TUNNEL_DST: TextField = sized(
    None,
    18,
    "size must be between 0 and 18",
    Some((Pattern::IpOrCidr, "Destination tunnel address is invalid")),
);
const TUNNEL_SRC: TextField = sized(
    None,
    18,
    "size must be between 0 and 18",
    Some((Pattern::IpOrCidr, "Source tunnel address is invalid")),
);
const TUNNEL_DATA: TextField = sized(None, 256, "size must be between 0 and 256", None);
const DNS_RULE_ID: TextField = sized(
    Some("DNS rule id is mandatory"),
    128,
    "size must be between 0 and 128",
    None,
);
const DOMAIN_NAME: TextField = sized(
    Some("Domain name is mandatory"),
    256,
    "size must be between 0 and 256",
    None,
);
// v1.0's text, lower case and about another field.
const IP_ADDRESS_TYPE: TextField = sized(
    Some("ip address is mandatory"),
    8,
    "size must be between 0 and 8",
    None,
);
const IP_ADDRESS: TextField = sized(
    Some("IP address is mandatory"),
    18,
    "size must be between 0 and 18",
    Some((Pattern::IpOrCidr, "IP address is invalid")),
);

impl Validate for AppRuleConfig {
    fn validate(&self, violations: &mut Violations) {
        violations.size(self.app_traffic_rule.len(), TRAFFIC_RULES);
        for rule in &self.app_traffic_rule {
            rule.validate(violations);
        }
        violations.size(self.app_dns_rule.len(), DNS_RULES);
        for rule in &self.app_dns_rule {
            rule.validate(violations);
        }
        violations.text(&APP_NAME, self.app_name.as_deref());
    }
}

impl Validate for TrafficRule {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&TRAFFIC_RULE_ID, self.traffic_rule_id.as_deref());
        violations.text(&FILTER_TYPE, self.filter_type.as_deref());
        violations.text(&ACTION, self.action.as_deref());
        violations.size(self.traffic_filter.len(), 16);
        for filter in &self.traffic_filter {
            filter.validate(violations);
        }
        violations.size(self.dst_interface.len(), 2);
        for interface in &self.dst_interface {
            interface.validate(violations);
        }
    }
}

impl Validate for TrafficFilter {
    fn validate(&self, violations: &mut Violations) {
        for (items, pattern) in [
            (&self.src_address, Pattern::IpOrCidr),
            (&self.dst_address, Pattern::IpOrCidr),
            (&self.src_tunnel_address, Pattern::IpOrCidr),
            (&self.dst_tunnel_address, Pattern::IpOrCidr),
            (&self.src_port, Pattern::Port),
            (&self.dst_port, Pattern::Port),
            (&self.src_tunnel_port, Pattern::Port),
            (&self.dst_tunnel_port, Pattern::Port),
        ] {
            violations.size(items.len(), 16);
            for item in items {
                violations.check(!pattern.matches(item), &must_match(pattern));
            }
        }
        violations.size(self.protocol.len(), 64);
        violations.size(self.tag.len(), 16);
    }
}

impl Validate for DstInterface {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&INTERFACE_TYPE, self.interface_type.as_deref());
        if let Some(tunnel) = &self.tunnel_info {
            violations.text(&TUNNEL_TYPE, tunnel.tunnel_type.as_deref());
            violations.text(&TUNNEL_DST, tunnel.tunnel_dst_address.as_deref());
            violations.text(&TUNNEL_SRC, tunnel.tunnel_src_address.as_deref());
            violations.text(&TUNNEL_DATA, tunnel.tunnel_specific_data.as_deref());
        }
        violations.text(&SRC_MAC, self.src_mac_address.as_deref());
        violations.text(&DST_MAC, self.dst_mac_address.as_deref());
        violations.text(&DST_IP, self.dst_ip_address.as_deref());
    }
}

impl Validate for DnsRule {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&DNS_RULE_ID, self.dns_rule_id.as_deref());
        violations.text(&DOMAIN_NAME, self.domain_name.as_deref());
        violations.text(&IP_ADDRESS_TYPE, self.ip_address_type.as_deref());
        violations.text(&IP_ADDRESS, self.ip_address.as_deref());
    }
}

impl Validate for AppRuleDelete {
    fn validate(&self, violations: &mut Violations) {
        violations.size(self.app_traffic_rule.len(), TRAFFIC_RULES);
        for id in &self.app_traffic_rule {
            violations.size(id.chars().count(), 128);
        }
        violations.size(self.app_dns_rule.len(), DNS_RULES);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn good() -> Value {
        json!({"appName": "zoneapp", "appSupportMp1": true,
            "appTrafficRule": [{"trafficRuleId": "t1", "filterType": "FLOW", "priority": 1, "action": "DROP",
                "trafficFilter": [{"srcAddress": ["10.0.0.0/8", "", "10.0.0.0/8"], "srcPort": [8080], "qci": 5}],
                "dstInterface": {"dstIpAddress": "10.0.0.1", "srcMacAddress": "", "tunnelInfo": {"tunnelDstAddress": ""}}}],
            "appDNSRule": [{"dnsRuleId": "d1", "domainName": "a.b", "ipAddressType": "IP_V4", "ipAddress": "10.0.0.1", "ttl": "30"}]})
    }

    fn read(json: Value) -> AppRuleConfig {
        serde_json::from_value(json).unwrap()
    }

    fn broken(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut json = good();
        change(&mut json);
        Violations::of(&read(json))
    }

    #[test]
    fn what_clients_write_is_read_and_comes_back_whole() {
        let set = read(good());
        assert!(Violations::of(&set).is_empty());
        let filter = &set.app_traffic_rule[0].traffic_filter[0];
        assert_eq!(
            (filter.src_address.as_slice(), filter.src_port.as_slice()),
            (&["10.0.0.0/8".to_owned()][..], &["8080".to_owned()][..])
        );
        let out = serde_json::to_value(&set).unwrap();
        let filter = &out["appTrafficRule"][0]["trafficFilter"][0];
        assert_eq!(
            (&filter["qCI"], &filter["qci"], &filter["tag"]),
            (&json!(5), &json!(5), &json!([]))
        );
        assert_eq!(read(out), set);
    }

    #[test]
    fn the_first_spelling_wins_where_both_stand() {
        let filter: TrafficFilter = serde_json::from_value(json!({"qCI": 1, "qci": 2, "dscp": 3})).unwrap();
        assert_eq!(
            (filter.qci, filter.qci_again, filter.dscp),
            (Some(1), Some(1), Some(3))
        );
    }

    #[test]
    fn every_constraint_has_its_text() {
        type Change = fn(&mut Value);
        let long = "x".repeat(300);
        let rows: [(Change, &str); 14] = [
            (
                |set| set["appName"] = Value::Null,
                "Application name is mandatory",
            ),
            (|set| set["appName"] = "-".into(), APP_NAME.pattern.unwrap().1),
            (
                |set| set["appTrafficRule"][0]["trafficRuleId"] = "".into(),
                "Traffic rule id is mandatory",
            ),
            (
                |set| set["appTrafficRule"][0]["filterType"] = "SEVENCH".into(),
                "size must be between 0 and 6",
            ),
            (
                |set| set["appTrafficRule"][0]["action"] = Value::Null,
                "Action is mandatory",
            ),
            (
                |set| set["appTrafficRule"][0]["trafficFilter"][0]["srcAddress"] = json!(["10.0.0.256"]),
                "must match \"^(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])(\\/([0-9]|[1-2][0-9]|3[0-2]))?$\"",
            ),
            (
                |set| set["appTrafficRule"][0]["trafficFilter"][0]["dstPort"] = json!([0]),
                "must match \"^([1-9]|[1-9]\\d{1,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])$\"",
            ),
            (
                |set| set["appTrafficRule"][0]["dstInterface"]["srcMacAddress"] = "x".into(),
                "Source MAC address is invalid",
            ),
            (
                |set| set["appTrafficRule"][0]["dstInterface"]["dstIpAddress"] = Value::Null,
                "Destination ip address is mandatory",
            ),
            (
                |set| set["appTrafficRule"][0]["dstInterface"]["tunnelInfo"]["tunnelSrcAddress"] = "x".into(),
                "Source tunnel address is invalid",
            ),
            (
                |set| set["appDNSRule"][0]["dnsRuleId"] = Value::Null,
                "DNS rule id is mandatory",
            ),
            (
                |set| set["appDNSRule"][0]["ipAddressType"] = Value::Null,
                "ip address is mandatory",
            ),
            (
                |set| set["appDNSRule"][0]["ipAddress"] = Value::Null,
                "IP address is mandatory",
            ),
            (
                |set| set["appDNSRule"][0]["domainName"] = "x".repeat(257).into(),
                "size must be between 0 and 256",
            ),
        ];
        for (change, text) in rows {
            assert_eq!(broken(change), [text]);
        }
        let many =
            |set: &mut Value| set["appTrafficRule"] = vec![set["appTrafficRule"][0].clone(); 17].into();
        assert_eq!(broken(many), ["size must be between 0 and 16"]);
        let delete: AppRuleDelete =
            serde_json::from_value(json!({"appTrafficRule": [long], "appDNSRule": vec!["a"; 33]})).unwrap();
        assert_eq!(
            Violations::of(&delete),
            ["size must be between 0 and 128", "size must be between 0 and 32"]
        );
    }

    #[test]
    fn an_id_that_stands_twice_is_seen() {
        let mut json = good();
        assert!(read(json.clone()).ids_are_unique());
        let rule = json["appDNSRule"][0].clone();
        json["appDNSRule"] = vec![rule; 2].into();
        assert!(!read(json).ids_are_unique());
    }
}
