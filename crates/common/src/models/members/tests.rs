use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::*;
use crate::models::app_instance::{BatchCreate, BatchIds, Create};
use crate::models::app_rule::{AppRuleConfig, AppRuleDelete};
use crate::models::app_store::AppStore;
use crate::models::application::Application;
use crate::models::credential::{CredentialStatus, NewCredential, Rotation};
use crate::models::host::{Host, SoftwareCapabilities};
use crate::models::lcm_controller::LcmController;
use crate::models::package::{NULL_PATH, OnboardRequest};
use crate::models::rule_manager::RuleManager;
use crate::validate::{Validate, Violations};

/// What a body breaks; `None`: it cannot even be read.
type Broken = fn(&Value) -> Option<Vec<String>>;

fn broken<T: DeserializeOwned + Validate>(body: &Value) -> Option<Vec<String>> {
    let read: T = serde_json::from_value(body.clone()).ok()?;
    Some(Violations::of(&read))
}

/// The bodies that requests have as a whole, the schemas they are made of, and how they are checked.
const WHOLE: &[(&[&str], Broken)] = &[
    (&["Host"], broken::<Host>),
    (&["SoftwareCapabilities"], broken::<SoftwareCapabilities>),
    (&["LcmController"], broken::<LcmController>),
    (&["RuleManager"], broken::<RuleManager>),
    (&["AppStore"], broken::<AppStore>),
    (&["Application"], broken::<Application>),
    (&["AppRuleConfig"], broken::<AppRuleConfig>),
    (&["AppRuleDelete"], broken::<AppRuleDelete>),
    (&["CreateCommon", "Create"], broken::<Create>),
    (&["CreateCommon", "BatchCreate"], broken::<BatchCreate>),
    (&["BatchIds"], broken::<BatchIds>),
    (&["OnboardRequest"], broken::<OnboardRequest>),
    (&["NewCredential"], broken::<NewCredential>),
    (&["CredentialStatus"], broken::<CredentialStatus>),
    (&["Rotation"], broken::<Rotation>),
];

fn members(schema: &str) -> &'static [Member] {
    let known = BODIES.iter().find(|(name, _)| *name == schema);
    known.unwrap_or_else(|| panic!("{schema} is in the table")).1
}

fn example(schema: &str) -> Value {
    let mut made = Map::new();
    for (name, rule, text) in members(schema) {
        let value = match rule {
            Rule::List { of, .. } => json!([example(of)]),
            Object(of) => example(of),
            _ => serde_json::from_str(text).unwrap(),
        };
        made.insert((*name).to_owned(), value);
    }
    Value::Object(made)
}

fn whole(schemas: &[&str]) -> Value {
    let mut all = Map::new();
    for schema in schemas {
        let Value::Object(part) = example(schema) else {
            panic!("an object")
        };
        all.extend(part);
    }
    Value::Object(all)
}

/// Values that break a rule.
fn wrong(rule: Rule) -> Vec<Value> {
    match rule {
        Text(field) => {
            let mut all = vec!["1".repeat(field.max + 1).into()];
            if field.empty.is_some() {
                all.extend([Value::Null, "".into()]);
            }
            if field.pattern.is_some() {
                all.push("-#-".into());
            }
            all
        }
        Rule::Texts {
            least,
            most,
            each,
            longest,
        } => {
            let many: Vec<String> = (0..=most).map(|n| format!("t{n}")).collect();
            let mut all = vec![json!(many)];
            if least > 0 {
                all.extend([Value::Null, json!([])]);
            }
            if each.is_some() {
                all.push(json!(["-#-"]));
            }
            if let Some(longest) = longest {
                all.push(json!(["x".repeat(longest + 1)]));
            }
            all
        }
        Rule::List { of, least, most, .. } => {
            let many = most.map(|most| json!(vec![example(of); most + 1]));
            let none = (least > 0).then(|| json!([]));
            many.into_iter().chain(none).collect()
        }
        Rule::Choice(_) => vec![Value::Null, "".into(), "x".into()],
        Rule::Choices(_) => vec![json!(["x"])],
        Rule::Time => vec!["soon".into(), "2027-13-01T00:00:00".into()],
        Rule::Range(least, most) => vec![(least - 1).into(), (most + 1).into()],
        Object(_) | Integer | Boolean => Vec::new(),
    }
}

/// Breaks every rule of a schema whose object stands at `at` in `body`, one at a time.
fn break_each(body: &Value, at: &str, schema: &str, check: Broken, count: &mut usize) {
    for (name, rule, _) in members(schema) {
        for value in wrong(*rule) {
            // A null path has an answer of its own, given by the handler.
            if matches!(rule, Text(field) if field.empty == Some(NULL_PATH))
                && (value.is_null() || value == "")
            {
                continue;
            }
            let mut changed = body.clone();
            changed.pointer_mut(at).unwrap()[*name] = value.clone();
            let texts = check(&changed).unwrap_or_else(|| panic!("{changed} can be read"));
            assert!(!texts.is_empty(), "{schema}.{name}: {value} is taken");
            *count += 1;
        }
        // Of another type altogether.
        let mut changed = body.clone();
        let is_one_value = matches!(
            rule,
            Text(_) | Integer | Boolean | Rule::Choice(_) | Rule::Time | Rule::Range(..)
        );
        let other = if is_one_value { json!({}) } else { json!("x") };
        changed.pointer_mut(at).unwrap()[*name] = other;
        assert!(
            check(&changed).is_none(),
            "{schema}.{name} is of another type and taken"
        );
        match rule {
            Rule::List { of, .. } => break_each(body, &format!("{at}/{name}/0"), of, check, count),
            Object(of) => break_each(body, &format!("{at}/{name}"), of, check, count),
            _ => {}
        }
    }
}

#[test]
fn every_rule_of_the_table_is_one_that_the_body_is_held_to() {
    let mut count = 0;
    for (schemas, check) in WHOLE {
        let body = whole(schemas);
        assert_eq!(check(&body), Some(Vec::new()), "{body}");
        for schema in *schemas {
            break_each(&body, "", schema, *check, &mut count);
        }
    }
    assert!(count > 150, "{count}");
}

#[test]
fn what_need_not_be_there_may_be_null_or_empty() {
    for (schemas, check) in WHOLE {
        for schema in *schemas {
            for (name, rule, _) in members(schema) {
                let optional = match rule {
                    Text(field) => field.empty.is_none(),
                    Rule::Texts { least, .. } | Rule::List { least, .. } => *least == 0,
                    Rule::Choice(_) => false,
                    Rule::Choices(_) | Rule::Time | Rule::Range(..) => true,
                    Object(_) | Integer | Boolean => true,
                };
                if optional {
                    let mut body = whole(schemas);
                    body[*name] = Value::Null;
                    assert_eq!(check(&body), Some(Vec::new()), "{schema}.{name}");
                }
            }
        }
    }
}
