//! The app rules of a descriptor, in the shape of the API (Inventory's rule set).
//!
//! Published descriptors write them differently: `dstInterface` is one object, `dstTunnelAddress` is called
//! `tgtTunnelAddress`, ports and tags are numbers, lists may be missing or null, or be one bare value.

use serde_json::{Map, Value, json};

use crate::error::Quoted;
use crate::yaml::Node;

/// The rule set in the properties of `app_configuration`; nothing when they hold no rules. The error says which value
/// cannot be one of a rule's.
pub(crate) fn read(properties: &Node) -> Result<Option<Value>, String> {
    let wanted = ["appTrafficRule", "appDNSRule", "appSupportMp1"];
    if !wanted.iter().any(|key| properties.at(&[key]).is_some()) {
        return Ok(None);
    }
    let root = Fields {
        node: properties,
        path: String::from("app_configuration"),
    };
    Ok(Some(json!({
        "appTrafficRule": root.objects("appTrafficRule", traffic_rule)?,
        "appDNSRule": root.objects("appDNSRule", dns_rule)?,
        "appName": root.text("appName")?,
        "appSupportMp1": root.boolean("appSupportMp1")?,
    })))
}

fn traffic_rule(rule: &Fields<'_>) -> Result<Value, String> {
    Ok(json!({
        "trafficRuleId": rule.text("trafficRuleId")?,
        "filterType": rule.text("filterType")?,
        "priority": rule.integer("priority")?,
        "action": rule.text("action")?,
        "trafficFilter": rule.objects("trafficFilter", traffic_filter)?,
        "dstInterface": rule.objects("dstInterface", interface)?,
    }))
}

fn traffic_filter(filter: &Fields<'_>) -> Result<Value, String> {
    let mut fields = Map::new();
    for key in [
        "srcAddress",
        "dstAddress",
        "srcTunnelAddress",
        "srcPort",
        "dstPort",
        "srcTunnelPort",
    ] {
        fields.insert(key.to_owned(), filter.texts(key)?.into());
    }
    // The two names of the far end of the tunnel; the API's own goes first.
    for (key, other) in [
        ("dstTunnelAddress", "tgtTunnelAddress"),
        ("dstTunnelPort", "tgtTunnelPort"),
    ] {
        let mut values = filter.texts(key)?;
        if values.is_empty() {
            values = filter.texts(other)?;
        }
        fields.insert(key.to_owned(), values.into());
    }
    for key in ["protocol", "tag"] {
        fields.insert(key.to_owned(), filter.texts(key)?.into());
    }
    for (key, other) in [("qCI", "qci"), ("dSCP", "dscp"), ("tC", "tc")] {
        let value = match filter.integer(key)? {
            Value::Null => filter.integer(other)?,
            value => value,
        };
        fields.insert(key.to_owned(), value);
    }
    Ok(fields.into())
}

fn interface(interface: &Fields<'_>) -> Result<Value, String> {
    Ok(json!({
        "interfaceType": interface.text("interfaceType")?,
        "tunnelInfo": interface.objects("tunnelInfo", tunnel)?.into_iter().next(),
        "srcMacAddress": interface.text("srcMacAddress")?,
        "dstMacAddress": interface.text("dstMacAddress")?,
        "dstIpAddress": interface.text("dstIpAddress")?,
    }))
}

fn tunnel(tunnel: &Fields<'_>) -> Result<Value, String> {
    Ok(json!({
        "tunnelType": tunnel.text("tunnelType")?,
        "tunnelDstAddress": tunnel.text("tunnelDstAddress")?,
        "tunnelSrcAddress": tunnel.text("tunnelSrcAddress")?,
        "tunnelSpecificData": tunnel.text("tunnelSpecificData")?,
    }))
}

fn dns_rule(rule: &Fields<'_>) -> Result<Value, String> {
    Ok(json!({
        "dnsRuleId": rule.text("dnsRuleId")?,
        "domainName": rule.text("domainName")?,
        "ipAddressType": rule.text("ipAddressType")?,
        "ipAddress": rule.text("ipAddress")?,
        "ttl": rule.integer("ttl")?,
    }))
}

/// A mapping and where it stands, for the error's sake.
pub(crate) struct Fields<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: String,
}

impl Fields<'_> {
    fn wrong(&self, key: &str, what: &str) -> String {
        format!("{}.{key} {what}", self.path)
    }

    /// A text; null when there is none.
    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<String>, String> {
        match self.node.at(&[key]) {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "has to be a text")),
        }
    }

    fn text(&self, key: &str) -> Result<Value, String> {
        Ok(self.optional_text(key)?.into())
    }

    /// A list of texts; one text is a list of one.
    fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        let items = match self.node.at(&[key]) {
            None => return Ok(Vec::new()),
            Some(Node::Text(text)) => return Ok(vec![text.clone()]),
            Some(Node::List(items)) => items,
            Some(_) => return Err(self.wrong(key, "has to be a list")),
        };
        let texts = items
            .iter()
            .filter(|item| ***item != Node::Null)
            .map(|item| match &**item {
                Node::Text(text) => Ok(text.clone()),
                _ => Err(self.wrong(key, "has to be a list of texts")),
            });
        texts.collect()
    }

    /// A list of mappings, each read by `read`; one mapping is a list of one.
    pub(crate) fn objects<T>(
        &self,
        key: &str,
        read: impl Fn(&Fields<'_>) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let path = |at: usize| format!("{}.{key}[{at}]", self.path);
        match self.node.at(&[key]) {
            None => Ok(Vec::new()),
            Some(one @ Node::Map(_)) => Ok(vec![read(&Fields {
                node: one,
                path: path(0),
            })?]),
            Some(Node::List(items)) => {
                let items = items.iter().enumerate().filter(|(_, item)| ***item != Node::Null);
                let read_one = |(at, item): (usize, &std::rc::Rc<Node>)| match &**item {
                    node @ Node::Map(_) => read(&Fields { node, path: path(at) }),
                    _ => Err(format!("{} has to be a mapping", path(at))),
                };
                items.map(read_one).collect()
            }
            Some(Node::Text(text)) if text.trim().is_empty() => Ok(Vec::new()),
            Some(_) => Err(self.wrong(key, "has to be a list of mappings")),
        }
    }

    /// A whole number, quoted or not; `1.0` counts as one.
    fn integer(&self, key: &str) -> Result<Value, String> {
        let Some(text) = self.optional_text(key)? else {
            return Ok(Value::Null);
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(Value::Null);
        }
        let digits = match text.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
            _ => text,
        };
        match digits.parse::<i64>() {
            Ok(number) => Ok(number.into()),
            Err(_) => Err(self.wrong(key, &format!("is {}, not a whole number", Quoted(text)))),
        }
    }

    /// A boolean in the spellings of YAML 1.1, quoted or not.
    fn boolean(&self, key: &str) -> Result<Value, String> {
        let Some(text) = self.optional_text(key)? else {
            return Ok(Value::Null);
        };
        match text.trim().to_ascii_lowercase().as_str() {
            "" => Ok(Value::Null),
            "true" | "yes" | "on" | "y" => Ok(true.into()),
            "false" | "no" | "off" | "n" => Ok(false.into()),
            _ => Err(self.wrong(key, &format!("is {}, not true or false", Quoted(&text)))),
        }
    }
}
