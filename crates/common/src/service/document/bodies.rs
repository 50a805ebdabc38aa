//! What bodies keep to, and an example of each, put into a document: from the table that the validation is tested against
//! ([`members`](crate::models::members)), so that nobody writes it twice.

use serde_json::{Map, Value, json};

use crate::models::members::{BODIES, Member, Rule};
use crate::validate::Pattern;

/// Examples of members of answers, by name; those of bodies are in the table.
const ANSWERS: &[(&str, &str)] = &[
    (
        "access_token",
        r#""eyJhbGciOiJSUzI1NiJ9.eyJ1c2VySWQiOiIxYTVhMGEzYyJ9.c2lnbmF0dXJl""#,
    ),
    ("accessKey", r#""QUtBS0FLQUtBS0FLQUs=""#),
    ("alg", r#""SHA256withRSA""#),
    ("app_instance_id", r#""7d0e2f7c-8b1b-4d0c-9a53-9d3f5c1f2a10""#),
    ("appDescriptor", r#""face recognition at the east gate""#),
    ("appId", r#""9f1d13fe8cf247bcbe0e95d4b1a0ad19""#),
    ("appInstanceId", r#""7d0e2f7c-8b1b-4d0c-9a53-9d3f5c1f2a10""#),
    ("appPackageId", r#""4d8f28a2c9a64bb6b0ef2f3c7e1b5a90""#),
    ("appPackageName", r#""zone-swr-test1""#),
    ("appPackageVersion", r#""1.0""#),
    ("applcmHost", r#""10.0.0.1""#),
    ("apprule_task_id", r#""3c9e5a40-0b53-4f4f-9b1e-8f6f0a7c2d11""#),
    ("attempt", "1"),
    ("code", r#""record_not_found""#),
    ("configResult", r#""SUCCESS""#),
    ("configUploadStatus", r#""Uploaded""#),
    ("createdTime", r#""2026-11-23T07:31:33.267""#),
    ("detailed", r#""""#),
    ("details", r#"["Record not found"]"#),
    ("dnsRules", "1"),
    ("error", r#""""#),
    ("expires_in", "3600"),
    ("file", r#""(the file)""#),
    ("from", r#""10.0.0.2""#),
    ("host", r#""10.0.0.2""#),
    ("hostList", r#""10.0.0.2,10.0.0.3""#),
    ("id", r#""10.0.0.2""#),
    ("images", r#"["swr.example.com/edge/zone:1.0"]"#),
    ("lastUsedSource", r#""192.0.2.7""#),
    ("lastUsedTime", r#""2026-11-23T07:31:00.000""#),
    ("mecHost", r#""10.0.0.2""#),
    ("message", r#""No such element""#),
    ("modifiedTime", r#""2026-11-23T07:31:33.267""#),
    ("name", r#""Node1""#),
    ("operationInfo", r#""success""#),
    ("packageId", r#""4d8f28a2c9a64bb6b0ef2f3c7e1b5a90""#),
    (
        "path",
        r#""/inventory/v1/tenants/1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77/mechosts""#,
    ),
    ("previous", "[]"),
    ("provider", r#""Huawei""#),
    ("requestId", r#""5e0f1c52-0a4a-4e0e-9c59-8c4f2c0e6d11""#),
    ("response", r#""success""#),
    ("resealed", "3"),
    ("roles", r#"["ROLE_MECM_TENANT"]"#),
    ("secretKey", r#""(64 characters, shown this once)""#),
    ("serName", r#""Face Recognition""#),
    (
        "sha256",
        r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#,
    ),
    (
        "signature",
        r#""c1eacb4be82cc9c6032a98514ebaf034014e2dfb28c3a2ab2ef823806d6edff9""#,
    ),
    ("since", r#""2026-11-23T07:31:33.267""#),
    ("size", "17384"),
    ("source", r#""192.0.2.7""#),
    ("state", r#""running""#),
    ("status", r#""ACTIVE""#),
    ("step", r#""send""#),
    (
        "stringsToSign",
        r#"["SDK-HMAC-SHA256\n20261123T064100Z\n9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]"#,
    ),
    ("taskId", r#""3c9e5a40-0b53-4f4f-9b1e-8f6f0a7c2d11""#),
    ("tenantId", r#""1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77""#),
    ("timestamp", r#""2026-11-23T06:41:00.123""#),
    ("time", r#""2026-11-23T07:31:33.267""#),
    ("times", "1"),
    ("to", r#""10.0.0.3""#),
    ("token_type", r#""Bearer""#),
    ("trafficRules", "1"),
    ("type", r#""instantiate""#),
    ("userName", r#""operator""#),
    (
        "value",
        r#""-----BEGIN PUBLIC KEY-----MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A-----END PUBLIC KEY-----""#,
    ),
    ("version", r#""v1""#),
    ("warnings", "[]"),
    ("what", r#""created""#),
    ("who", r#""operator""#),
];

/// Completes the schemas of a document.
pub(super) fn complete(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return;
    };
    for (name, members) in BODIES {
        if let Some(schema) = schemas.get_mut(*name).and_then(own_part) {
            constrain(schema, members);
        }
    }
    let known = schemas.clone();
    for schema in schemas.values_mut() {
        // What is absent is told by the types; a default of each member says it again.
        without_defaults(schema);
        let example = example(schema, &known, 0);
        if let (Some(schema), Value::Object(_)) = (schema.as_object_mut(), &example) {
            schema.insert("examples".to_owned(), json!([example]));
        }
    }
}

/// The object that has a schema's own members: beside what it takes over from others.
fn own_part(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    if schema["allOf"].is_array() {
        let parts = schema["allOf"].as_array_mut()?;
        return parts
            .iter_mut()
            .find(|part| part["properties"].is_object())?
            .as_object_mut();
    }
    schema.as_object_mut()
}

fn constrain(schema: &mut Map<String, Value>, members: &[Member]) {
    let mut required = Vec::new();
    for (name, rule, example) in members {
        let Some(told) = schema["properties"].get_mut(*name).and_then(Value::as_object_mut) else {
            continue;
        };
        told.retain(|key, _| key == "description");
        for (key, value) in rule_of(*rule) {
            told.insert(key, value);
        }
        if let Ok(example) = serde_json::from_str::<Value>(example) {
            told.insert("examples".to_owned(), json!([example]));
        }
        if is_required(*rule) {
            required.push(Value::from(*name));
        }
    }
    schema.remove("required");
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
}

fn is_required(rule: Rule) -> bool {
    match rule {
        Rule::Text(field) => field.empty.is_some(),
        Rule::Texts { least, .. } | Rule::List { least, .. } => least > 0,
        Rule::Choice(_) => true,
        Rule::Object(_) | Rule::Choices(_) | Rule::Time | Rule::Range(..) | Rule::Integer | Rule::Boolean => {
            false
        }
    }
}

/// A rule in the words of JSON Schema.
fn rule_of(rule: Rule) -> Map<String, Value> {
    let told = match rule {
        Rule::Text(field) => {
            let mut types = vec!["string", "number", "boolean"];
            let mut told = json!({"maxLength": field.max});
            if field.empty.is_some() {
                told["minLength"] = 1.into();
            } else {
                types.push("null");
            }
            if let Some((pattern, _)) = field.pattern {
                told["pattern"] = if field.empty.is_some() {
                    pattern.expression().into()
                } else {
                    or_empty(pattern).into()
                };
            }
            told["type"] = types.into();
            told
        }
        Rule::Texts {
            least,
            most,
            each,
            longest,
        } => {
            let mut item = json!({"type": ["string", "number", "boolean"]});
            if let Some(pattern) = each {
                item["pattern"] = if least > 0 {
                    pattern.expression().into()
                } else {
                    // An empty one is passed over.
                    or_empty(pattern).into()
                };
            }
            if let Some(longest) = longest {
                item["maxLength"] = longest.into();
            }
            if least == 0 {
                // So is null.
                item["type"] = json!(["string", "number", "boolean", "null"]);
            }
            json!({"type": list_types(least), "minItems": least, "maxItems": most, "items": item})
        }
        Rule::List { of, least, most, one } => {
            let item = reference(of);
            let mut told = json!({"type": list_types(least), "minItems": least, "items": item});
            if let Some(most) = most {
                told["maxItems"] = most.into();
            }
            if one { json!({"oneOf": [told, item]}) } else { told }
        }
        Rule::Object(of) => json!({"oneOf": [reference(of), {"type": "null"}]}),
        Rule::Choice(of) => json!({"type": "string", "enum": of}),
        Rule::Choices(of) => json!({"type": ["array", "null"], "items": {"enum": choices(of)}}),
        Rule::Time => json!({"type": ["string", "null"], "pattern": TIME}),
        Rule::Range(least, most) => {
            json!({"type": ["integer", "string", "null"], "minimum": least, "maximum": most, "pattern": NUMBER})
        }
        Rule::Integer => json!({"type": ["integer", "string", "null"], "pattern": NUMBER}),
        Rule::Boolean => {
            json!({"type": ["boolean", "string", "null"], "pattern": r"^\s*([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])?\s*$"})
        }
    };
    match told {
        Value::Object(told) => told,
        _ => Map::new(),
    }
}

/// A whole number as a text, or nothing.
const NUMBER: &str = r"^\s*([+\-]?[0-9]{1,19})?\s*$";
/// A time as a text, or nothing.
const TIME: &str =
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+\-][0-9]{2}:[0-9]{2})?)?$";

/// Texts, or none.
fn choices(of: &[&str]) -> Value {
    of.iter()
        .map(|one| Value::from(*one))
        .chain([Value::Null])
        .collect()
}

fn or_empty(pattern: Pattern) -> String {
    let whole = pattern.expression();
    let inner = whole.trim_start_matches('^').trim_end_matches('$');
    format!("^({inner})?$")
}

fn list_types(least: usize) -> Value {
    if least > 0 {
        json!(["array"])
    } else {
        json!(["array", "null"])
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn without_defaults(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            // A member of that name is no default.
            let is_member = members
                .get("default")
                .is_some_and(|told| told["description"].is_string());
            if !is_member {
                members.remove("default");
            }
            members.values_mut().for_each(without_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(without_defaults),
        _ => {}
    }
}

/// How deep schemas refer to each other; they do so no deeper than this.
const DEPTH: usize = 24;

/// An example of a schema, made of those of its parts; null where there is none.
fn example(schema: &Value, all: &Map<String, Value>, depth: usize) -> Value {
    if depth > DEPTH {
        return Value::Null;
    }
    if let Some(given) = schema["examples"].get(0).or_else(|| schema.get("example")) {
        return given.clone();
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return all
            .get(name)
            .map_or(Value::Null, |schema| example(schema, all, depth + 1));
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(first) = schema[several].get(0) {
            return example(first, all, depth + 1);
        }
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let mut made = Map::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if let Value::Object(members) = example(part, all, depth + 1) {
            made.extend(members);
        }
    }
    for (name, told) in schema["properties"].as_object().into_iter().flatten() {
        let shown = match example(told, all, depth + 1) {
            Value::Null => by_name(name),
            shown => shown,
        };
        made.insert(name.clone(), shown);
    }
    if !made.is_empty() {
        return Value::Object(made);
    }
    let is_list = schema["type"] == "array"
        || schema["type"]
            .as_array()
            .is_some_and(|types| types.contains(&"array".into()));
    match example(&schema["items"], all, depth + 1) {
        item if is_list && !item.is_null() => json!([item]),
        _ => Value::Null,
    }
}

/// The example of a member of that name, wherever it stands.
fn by_name(name: &str) -> Value {
    let of_answers = ANSWERS.iter().copied();
    let of_bodies = BODIES
        .iter()
        .flat_map(|(_, members)| members.iter().map(|(name, _, text)| (*name, *text)));
    let found = of_answers
        .chain(of_bodies)
        .find(|(known, text)| *known == name && !text.is_empty());
    found.map_or(Value::Null, |(_, text)| {
        serde_json::from_str(text).unwrap_or_default()
    })
}

/// The members of a document's schemas that have no example.
pub(super) fn without_example(document: &Value) -> Option<String> {
    let schemas = document["components"]["schemas"].as_object()?;
    let all = schemas.iter().flat_map(|(name, schema)| {
        let example = schema["examples"][0].as_object();
        let missing = example.into_iter().flatten().filter(|(_, value)| value.is_null());
        missing.map(move |(member, _)| format!("{name}.{member}"))
    });
    Some(all.collect::<Vec<_>>().join(", ")).filter(|all| !all.is_empty())
}
