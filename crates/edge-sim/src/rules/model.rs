//! A rule set as a v1.0 rule manager reads it: names of members in any case, numbers as numbers, and what its
//! validator wants. Tags, tunnels and destination interfaces are dropped.

use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

/// The rules of one app instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RuleSet {
    pub(crate) app_name: String,
    supports_mp1: bool,
    traffic: Vec<Value>,
    dns: Vec<Value>,
}

const NOT_A_MODEL: &str = "failed to unmarshal app rule model";

type Object = Map<String, Value>;

impl RuleSet {
    /// Reads and checks a body.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|_| NOT_A_MODEL.to_owned())?;
        let set = Self::model(&body).ok_or(NOT_A_MODEL)?;
        let broken = set.broken();
        if broken.is_empty() {
            Ok(set)
        } else {
            Err(broken.join("\n"))
        }
    }

    /// The members by type; `None` where one has another.
    fn model(body: &Value) -> Option<Self> {
        let body = body.as_object()?;
        let traffic = list(body, "appTrafficRule")?
            .iter()
            .map(traffic_rule)
            .collect::<Option<_>>()?;
        let dns = list(body, "appDnsRule")?
            .iter()
            .map(dns_rule)
            .collect::<Option<_>>()?;
        let supports_mp1 = match member(body, "appSupportMp1") {
            None | Some(Value::Null) => false,
            Some(value) => value.as_bool()?,
        };
        Some(Self {
            app_name: text(body, "appName")?,
            supports_mp1,
            traffic,
            dns,
        })
    }

    /// What the validator says against it.
    fn broken(&self) -> Vec<String> {
        let mut broken = Broken(Vec::new());
        let name = &self.app_name;
        broken.check("AppName", "required", !name.is_empty());
        broken.check("AppName", "max", name.chars().count() <= 128);
        for (at, rule) in self.traffic.iter().enumerate() {
            let of = |field: &str| format!("AppTrafficRule[{at}].{field}");
            let word = |name: &str| rule[name].as_str().unwrap_or_default();
            broken.id(&of("TrafficRuleId"), word("trafficRuleId"));
            broken.one_of(&of("FilterType"), word("filterType"), &["FLOW", "PACKET"]);
            let priority = rule["priority"].as_i64().unwrap_or_default();
            broken.check(&of("Priority"), "required", priority != 0);
            broken.check(&of("Priority"), "gt", priority >= 0);
            broken.check(&of("Priority"), "max", priority <= 255);
            broken.one_of(&of("Action"), word("action"), &["DROP", "PASSTHROUGH"]);
            broken.check(
                &of("AppTrafficFilter"),
                "required",
                rule["trafficFilter"].is_array(),
            );
            for (number, filter) in rule["trafficFilter"].as_array().into_iter().flatten().enumerate() {
                for (name, field) in [("srcAddress", "SrcAddress"), ("dstAddress", "DstAddress")] {
                    for (item, address) in filter[name].as_array().into_iter().flatten().enumerate() {
                        let path = of(&format!("AppTrafficFilter[{number}].{field}[{item}]"));
                        broken.check(&path, "cidr", is_cidr(address.as_str().unwrap_or_default()));
                    }
                }
            }
        }
        for (at, rule) in self.dns.iter().enumerate() {
            let of = |field: &str| format!("AppDnsRule[{at}].{field}");
            let word = |name: &str| rule[name].as_str().unwrap_or_default();
            broken.id(&of("DnsRuleId"), word("dnsRuleId"));
            broken.id(&of("DomainName"), word("domainName"));
            broken.one_of(&of("IpAddressType"), word("ipAddressType"), &["IP_V4", "IP_V6"]);
            broken.check(&of("IpAddress"), "required", !word("ipAddress").is_empty());
            broken.check(
                &of("IpAddress"),
                "ip_addr",
                word("ipAddress").parse::<IpAddr>().is_ok(),
            );
            let ttl = rule["ttl"].as_i64().unwrap_or_default();
            broken.check(&of("TTL"), "gte", ttl >= 0);
            broken.check(&of("TTL"), "max", ttl <= i64::from(u32::MAX));
        }
        broken.0
    }

    /// Ids of the traffic rules and of the DNS rules.
    pub(crate) fn ids(&self) -> (Vec<String>, Vec<String>) {
        let ids = |rules: &[Value], name: &str| {
            rules
                .iter()
                .filter_map(|rule| rule[name].as_str())
                .map(str::to_owned)
                .collect()
        };
        (ids(&self.traffic, "trafficRuleId"), ids(&self.dns, "dnsRuleId"))
    }

    fn domains(&self) -> impl Iterator<Item = &str> {
        self.dns.iter().filter_map(|rule| rule["domainName"].as_str())
    }

    pub(crate) fn names_a_domain_twice(&self) -> bool {
        let mut seen = HashSet::new();
        self.domains().any(|domain| !seen.insert(domain))
    }

    pub(crate) fn shares_a_domain(&self, other: &Self) -> bool {
        self.domains()
            .any(|mine| other.domains().any(|theirs| mine == theirs))
    }

    /// As a v1.0 rule manager writes it: the member for the DNS rules is called `appDnsRule` there.
    pub(crate) fn to_json(&self) -> String {
        json!({
            "appName": self.app_name,
            "appSupportMp1": self.supports_mp1,
            "appTrafficRule": self.traffic,
            "appDnsRule": self.dns,
        })
        .to_string()
    }
}

fn traffic_rule(rule: &Value) -> Option<Value> {
    let rule = rule.as_object()?;
    let filters = match member(rule, "trafficFilter") {
        None | Some(Value::Null) => Value::Null,
        Some(filters) => Value::Array(
            filters
                .as_array()?
                .iter()
                .map(traffic_filter)
                .collect::<Option<_>>()?,
        ),
    };
    Some(json!({
        "trafficRuleId": text(rule, "trafficRuleId")?,
        "filterType": text(rule, "filterType")?,
        "priority": integer(rule, "priority")?,
        "action": text(rule, "action")?,
        "trafficFilter": filters,
    }))
}

fn traffic_filter(filter: &Value) -> Option<Value> {
    let filter = filter.as_object()?;
    let mut kept = Object::new();
    for name in ["srcAddress", "srcPort", "dstAddress", "dstPort", "protocol"] {
        let items = list(filter, name)?;
        items.iter().all(Value::is_string).then_some(())?;
        kept.insert(name.to_owned(), Value::Array(items.to_vec()));
    }
    for name in ["qCI", "dSCP", "tC"] {
        kept.insert(name.to_owned(), integer(filter, name)?.into());
    }
    Some(Value::Object(kept))
}

fn dns_rule(rule: &Value) -> Option<Value> {
    let rule = rule.as_object()?;
    Some(json!({
        "dnsRuleId": text(rule, "dnsRuleId")?,
        "domainName": text(rule, "domainName")?,
        "ipAddressType": text(rule, "ipAddressType")?,
        "ipAddress": text(rule, "ipAddress")?,
        "ttl": integer(rule, "ttl")?,
    }))
}

/// A member by its name, in any case.
fn member<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

fn text(object: &Object, name: &str) -> Option<String> {
    match member(object, name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(value) => value.as_str().map(str::to_owned),
    }
}

fn integer(object: &Object, name: &str) -> Option<i64> {
    match member(object, name) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_i64(),
    }
}

fn list<'a>(object: &'a Object, name: &str) -> Option<&'a [Value]> {
    match member(object, name) {
        None | Some(Value::Null) => Some(&[]),
        Some(value) => value.as_array().map(Vec::as_slice),
    }
}

/// An address and the length of its network's part.
fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.bytes().all(|byte| byte.is_ascii_digit())
        && length.parse::<u8>().is_ok_and(|length| length <= most)
}

/// Broken constraints, in the words of the original's validator; of one field the first.
struct Broken(Vec<String>);

impl Broken {
    fn check(&mut self, path: &str, tag: &str, holds: bool) {
        let start = format!("Key: 'AppdRule.{path}' ");
        if holds || self.0.iter().any(|said| said.starts_with(&start)) {
            return;
        }
        let field = path.rsplit('.').next().unwrap_or(path);
        self.0.push(format!(
            "{start}Error:Field validation for '{field}' failed on the '{tag}' tag"
        ));
    }

    fn id(&mut self, path: &str, value: &str) {
        self.check(path, "required", !value.is_empty());
        self.check(path, "max", value.chars().count() <= 128);
    }

    fn one_of(&mut self, path: &str, value: &str, of: &[&str]) {
        self.check(path, "required", !value.is_empty());
        self.check(path, "oneof", of.contains(&value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Value {
        json!({
            "appName": "zoneapp",
            "appTrafficRule": [{"trafficRuleId": "TR1", "filterType": "FLOW", "priority": 1, "action": "DROP",
                "trafficFilter": [{"srcAddress": ["10.0.0.2/32"], "tag": ["t"], "qCI": 1}]}],
            "appDNSRule": [{"dnsRuleId": "DNS1", "domainName": "d", "ipAddressType": "IP_V4",
                "ipAddress": "10.0.0.2", "ttl": 4_294_967_295_i64}],
        })
    }

    fn said(path: &str, value: Value) -> String {
        let mut set = set();
        *set.pointer_mut(path).unwrap() = value;
        RuleSet::read(set.to_string().as_bytes())
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn a_good_set_is_read_and_what_v1_drops_is_dropped() {
        let set = RuleSet::read(set().to_string().as_bytes()).unwrap();
        assert_eq!(set.ids(), (vec!["TR1".to_owned()], vec!["DNS1".to_owned()]));
        assert!(!set.to_json().contains("tag"));
        assert!(set.to_json().contains("\"qCI\":1"));
    }

    #[test]
    fn each_constraint_is_kept() {
        let rule = |name: &str| format!("/appTrafficRule/0/{name}");
        let dns = |name: &str| format!("/appDNSRule/0/{name}");
        let failed = |text: &str, tag: &str| assert!(text.ends_with(&format!("'{tag}' tag")), "{text} {tag}");
        failed(&said(&rule("filterType"), json!("BOTH")), "oneof");
        failed(&said(&rule("priority"), json!(0)), "required");
        failed(&said(&rule("priority"), json!(256)), "max");
        failed(&said(&rule("action"), json!("FORWARD")), "oneof");
        failed(&said(&rule("trafficFilter"), Value::Null), "required");
        assert_eq!(said(&rule("trafficFilter"), json!([])), "");
        failed(
            &said(&rule("trafficFilter/0/srcAddress/0"), json!("10.0.0.2")),
            "cidr",
        );
        failed(&said(&dns("domainName"), json!("d".repeat(129))), "max");
        failed(&said(&dns("ipAddressType"), json!("IPV4")), "oneof");
        failed(&said(&dns("ipAddress"), json!("10.0.0.2/32")), "ip_addr");
        failed(&said(&dns("ttl"), json!(-1)), "gte");
        failed(&said(&dns("ttl"), json!(4_294_967_296_i64)), "max");
        assert_eq!(said(&dns("ttl"), json!("85000")), NOT_A_MODEL);
        assert_eq!(said(&rule("priority"), json!("1")), NOT_A_MODEL);
        assert_eq!(
            said(&rule("priority"), json!(300)),
            "Key: 'AppdRule.AppTrafficRule[0].Priority' Error:Field validation for 'Priority' failed on the 'max' tag"
        );
    }
}
