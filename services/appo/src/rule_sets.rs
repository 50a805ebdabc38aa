//! Merging app rule sets by rule id. Pure; the sets are in the shape of the interface, as Inventory keeps them.

use serde_json::{Map, Value, json};

/// The most rules of each kind in one set.
const LIMITS: [(&str, &str, usize); 2] = [
    ("appTrafficRule", "trafficRuleId", 16),
    ("appDNSRule", "dnsRuleId", 32),
];
/// What a task says when a merge goes over the limits.
pub(crate) const TOO_MANY: &str = "rules exceed max limit";

/// A set with no rules.
pub(crate) fn empty(app_name: &str) -> Value {
    json!({"appTrafficRule": [], "appDNSRule": [], "appName": app_name, "appSupportMp1": false})
}

fn list<'a>(set: &'a Value, name: &str) -> &'a [Value] {
    set[name].as_array().map_or(&[], Vec::as_slice)
}

/// `over` laid over `base`: rules of one id are replaced in place, others added at the end; everything that is no list of
/// rules stays as `base` has it.
///
/// # Errors
/// [`TOO_MANY`].
pub(crate) fn merge(base: &Value, over: &Value) -> Result<Value, &'static str> {
    let mut merged: Map<String, Value> = base.as_object().cloned().unwrap_or_default();
    for (name, id, most) in LIMITS {
        let mut rules = list(base, name).to_vec();
        for rule in list(over, name) {
            match rules.iter_mut().find(|there| there[id] == rule[id]) {
                Some(there) => *there = rule.clone(),
                None => rules.push(rule.clone()),
            }
        }
        if rules.len() > most {
            return Err(TOO_MANY);
        }
        merged.insert(name.to_owned(), rules.into());
    }
    Ok(merged.into())
}

/// `set` without the rules whose ids `gone` lists: `{"appTrafficRule":[ids],"appDNSRule":[ids]}`.
pub(crate) fn without(set: &Value, gone: &Value) -> Value {
    let mut left: Map<String, Value> = set.as_object().cloned().unwrap_or_default();
    for (name, id, _) in LIMITS {
        let rules: Vec<Value> = list(set, name)
            .iter()
            .filter(|rule| !list(gone, name).contains(&rule[id]))
            .cloned()
            .collect();
        left.insert(name.to_owned(), rules.into());
    }
    left.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(traffic: &[(&str, u8)], dns: &[&str]) -> Value {
        let traffic: Vec<Value> = traffic
            .iter()
            .map(|(id, priority)| json!({"trafficRuleId": id, "priority": priority}))
            .collect();
        let dns: Vec<Value> = dns.iter().map(|id| json!({"dnsRuleId": id})).collect();
        json!({"appTrafficRule": traffic, "appDNSRule": dns, "appName": "a", "appSupportMp1": true})
    }

    #[test]
    fn rules_of_one_id_are_replaced_in_place_and_others_added() {
        let base = set(&[("1", 1), ("2", 2)], &["d"]);
        let mut over = set(&[("2", 9), ("3", 3)], &[]);
        over["appName"] = "b".into();
        over["appSupportMp1"] = false.into();
        assert_eq!(
            merge(&base, &over).unwrap(),
            set(&[("1", 1), ("2", 9), ("3", 3)], &["d"])
        );
    }

    #[test]
    fn a_list_that_the_request_lacks_is_left_alone() {
        let base = set(&[("1", 1)], &["d"]);
        assert_eq!(merge(&base, &json!({"appDNSRule": null})).unwrap(), base);
    }

    #[test]
    fn more_than_sixteen_traffic_rules_are_too_many() {
        let base = set(&[], &[]);
        let ids: Vec<String> = (0..17).map(|n| n.to_string()).collect();
        let many: Vec<(&str, u8)> = ids.iter().map(|id| (id.as_str(), 1)).collect();
        assert_eq!(merge(&base, &set(&many, &[])), Err(TOO_MANY));
        assert!(merge(&base, &set(&many[..16], &[])).is_ok());
    }

    #[test]
    fn deleting_takes_the_named_rules_and_leaves_the_set() {
        let base = set(&[("1", 1), ("2", 2)], &["d"]);
        let left = without(&base, &json!({"appTrafficRule": ["1", "x"], "appDNSRule": ["d"]}));
        assert_eq!(left, set(&[("2", 2)], &[]));
    }
}
