//! What is answered is stricter than what is taken: a text is a text, where a body may have a number for it. So a schema that
//! stands in both has two: its own for bodies, and one for answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::models::members::BODIES;

const PREFIX: &str = "#/components/schemas/";

/// Gives each body that is also answered a schema for answers, as its type has it, under its name and `Answer`.
pub(super) fn part(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object() else {
        return;
    };
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations(&document["paths"]) {
        reached(&operation["requestBody"], schemas, &mut asked);
        reached(&operation["responses"], schemas, &mut answered);
    }
    let both: BTreeSet<String> = asked.intersection(&answered).cloned().collect();
    let mut of_answers: Map<String, Value> = Map::new();
    for name in &answered {
        let Some(mut schema) = schemas.get(name).cloned() else {
            continue;
        };
        rename(&mut schema, &both);
        if both.contains(name) {
            show(&mut schema, name);
            of_answers.insert(for_answers(name), schema);
        } else {
            of_answers.insert(name.clone(), schema);
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.extend(of_answers);
    }
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operation) in paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        rename(&mut operation["responses"], &both);
    }
}

fn for_answers(name: &str) -> String {
    format!("{name}Answer")
}

fn operations(paths: &Value) -> impl Iterator<Item = &Value> {
    let items = paths.as_object().into_iter().flat_map(Map::values);
    items.flat_map(|item| item.as_object().into_iter().flat_map(Map::values))
}

/// The names of the schemas that this refers to, and those that they refer to.
fn reached(told: &Value, schemas: &Map<String, Value>, names: &mut BTreeSet<String>) {
    match told {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|name| name.strip_prefix(PREFIX))
                && names.insert(name.to_owned())
                && let Some(schema) = schemas.get(name)
            {
                reached(schema, schemas, names);
            }
            for told in members.values() {
                reached(told, schemas, names);
            }
        }
        Value::Array(items) => {
            for told in items {
                reached(told, schemas, names);
            }
        }
        _ => {}
    }
}

/// Lets references to these schemas refer to those for answers.
fn rename(told: &mut Value, both: &BTreeSet<String>) {
    match told {
        Value::Object(members) => {
            if let Some(Value::String(name)) = members.get_mut("$ref")
                && let Some(known) = name.strip_prefix(PREFIX).filter(|known| both.contains(*known))
            {
                *name = format!("{PREFIX}{}", for_answers(known));
            }
            members.values_mut().for_each(|told| rename(told, both));
        }
        Value::Array(items) => items.iter_mut().for_each(|told| rename(told, both)),
        _ => {}
    }
}

/// The examples of the members of a body, in the schema for answers.
fn show(schema: &mut Value, name: &str) {
    let members = BODIES.iter().find(|(known, _)| *known == name);
    for (member, _, example) in members.into_iter().flat_map(|(_, members)| *members) {
        if let Some(told) = schema["properties"]
            .get_mut(*member)
            .and_then(Value::as_object_mut)
            && let Ok(example) = serde_json::from_str::<Value>(example)
        {
            told.insert("examples".to_owned(), json!([example]));
        }
    }
}
