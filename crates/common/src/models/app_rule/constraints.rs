//! What app rules must keep to, with v1.0's texts.

use super::{AppRuleConfig, AppRuleDelete, DnsRule, DstInterface, TrafficFilter, TrafficRule};
use crate::validate::{Pattern, TextField, Validate, Violations};

pub(in crate::models) const TRAFFIC_RULES: usize = 16;
pub(in crate::models) const DNS_RULES: usize = 32;

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

pub(in crate::models) const APP_NAME: TextField = sized(
    Some("Application name is mandatory"),
    128,
    "size must be between 0 and 128",
    Some((
        Pattern::AppName,
        "App name is invalid. It must start and end with alpha numeric character and special characters allowed are hyphen and underscore.",
    )),
);
pub(in crate::models) const TRAFFIC_RULE_ID: TextField = sized(
    Some("Traffic rule id is mandatory"),
    128,
    "size must be between 0 and 128",
    None,
);
pub(in crate::models) const FILTER_TYPE: TextField = sized(
    Some("Filter type is mandatory"),
    6,
    "size must be between 0 and 6",
    None,
);
pub(in crate::models) const ACTION: TextField = sized(
    Some("Action is mandatory"),
    24,
    "size must be between 0 and 24",
    None,
);
pub(in crate::models) const INTERFACE_TYPE: TextField =
    sized(None, 64, "size must be between 0 and 64", None);
pub(in crate::models) const SRC_MAC: TextField = sized(
    None,
    17,
    "size must be between 0 and 17",
    Some((Pattern::Mac, "Source MAC address is invalid")),
);
pub(in crate::models) const DST_MAC: TextField = sized(
    None,
    17,
    "size must be between 0 and 17",
    Some((Pattern::Mac, "Destination MAC address is invalid")),
);
pub(in crate::models) const DST_IP: TextField = sized(
    Some("Destination ip address is mandatory"),
    15,
    "size must be between 0 and 15",
    Some((Pattern::IpOrCidr, "Destination ip address is invalid")),
);
pub(in crate::models) const TUNNEL_TYPE: TextField = sized(None, 64, "size must be between 0 and 64", None);
pub(in crate::models) const TUNNEL_DST: TextField = sized(
    None,
    18,
    "size must be between 0 and 18",
    Some((Pattern::IpOrCidr, "Destination tunnel address is invalid")),
);
pub(in crate::models) const TUNNEL_SRC: TextField = sized(
    None,
    18,
    "size must be between 0 and 18",
    Some((Pattern::IpOrCidr, "Source tunnel address is invalid")),
);
pub(in crate::models) const TUNNEL_DATA: TextField = sized(None, 256, "size must be between 0 and 256", None);
pub(in crate::models) const DNS_RULE_ID: TextField = sized(
    Some("DNS rule id is mandatory"),
    128,
    "size must be between 0 and 128",
    None,
);
pub(in crate::models) const DOMAIN_NAME: TextField = sized(
    Some("Domain name is mandatory"),
    256,
    "size must be between 0 and 256",
    None,
);
// v1.0's text, lower case and about another field.
pub(in crate::models) const IP_ADDRESS_TYPE: TextField = sized(
    Some("ip address is mandatory"),
    8,
    "size must be between 0 and 8",
    None,
);
pub(in crate::models) const IP_ADDRESS: TextField = sized(
    Some("IP address is mandatory"),
    18,
    "size must be between 0 and 18",
    Some((Pattern::IpOrCidr, "IP address is invalid")),
);

impl Validate for AppRuleConfig {
    fn validate(&self, violations: &mut Violations) {
        for rule in violations.sized(&self.app_traffic_rule, TRAFFIC_RULES) {
            rule.validate(violations);
        }
        for rule in violations.sized(&self.app_dns_rule, DNS_RULES) {
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
        for filter in violations.sized(&self.traffic_filter, 16) {
            filter.validate(violations);
        }
        for interface in violations.sized(&self.dst_interface, 2) {
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
            for item in violations.sized(items, 16) {
                violations.matches(pattern, item);
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
        for id in violations.sized(&self.app_traffic_rule, TRAFFIC_RULES) {
            violations.size(id.chars().count(), 128);
        }
        violations.size(self.app_dns_rule.len(), DNS_RULES);
    }
}
