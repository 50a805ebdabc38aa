//! Every constraint that a document tells of a body or a parameter, broken over HTTP, one at a time: each is refused, and says
//! which. What a document tells and the service does cannot differ without this failing.

use mecm_common::client::Clients;
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::documents::{Served, documents};
use super::rig::{Rig, on_each};

/// What is done to a body: where, and what stands there instead; `None`: nothing does.
type Change = (String, Option<Value>);

/// The schema that a reference leads to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => document.pointer(name.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn takes(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind
        || schema["type"]
            .as_array()
            .is_some_and(|all| all.contains(&kind.into()))
}

/// An item that a list may have.
fn item(document: &Value, list: &Value, example: &Value) -> Value {
    match example.get(0) {
        Some(first) => first.clone(),
        None => resolved(document, &list["items"])["examples"][0].clone(),
    }
}

/// Every way to break what a schema tells of its members, whose example stands at `at`.
fn changes(document: &Value, schema: &Value, at: &str, example: &Value, all: &mut Vec<Change>) {
    let schema = resolved(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        changes(document, part, at, example, all);
    }
    for one in schema["oneOf"].as_array().into_iter().flatten() {
        // The other one is null, or the same without the list around it.
        if one["type"] != "null" && !(at.ends_with("dstInterface") && one["$ref"].is_string()) {
            of_value(document, one, at, example, all);
            changes(document, one, at, example, all);
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        all.push((format!("{at}/{}", name.as_str().unwrap()), None));
    }
    for (name, told) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        let example = &example[name];
        let told = resolved(document, told);
        of_value(document, told, &at, example, all);
        if takes(told, "array") || told["oneOf"].is_array() || told["properties"].is_object() {
            changes(document, told, &at, example, all);
        }
    }
    if takes(schema, "array") {
        let items = resolved(document, &schema["items"]);
        let at = format!("{at}/0");
        of_value(document, items, &at, &example[0], all);
        changes(document, items, &at, &example[0], all);
    }
}

/// Every way to break what a schema tells of one value.
fn of_value(document: &Value, told: &Value, at: &str, example: &Value, all: &mut Vec<Change>) {
    let mut with = |value: Value| all.push((at.to_owned(), Some(value)));
    if let Some(most) = told["maxLength"].as_u64() {
        with("1".repeat(usize::try_from(most).unwrap() + 1).into());
    }
    if told["minLength"].as_u64().is_some_and(|least| least > 0) {
        with("".into());
    }
    if told["pattern"].is_string() {
        with("-#-".into());
    }
    if let Some(most) = told["maxItems"].as_u64() {
        let one = item(document, told, example);
        let many: Vec<Value> = (0..=most)
            .map(|n| {
                if one.is_string() {
                    format!("{n}").into()
                } else {
                    one.clone()
                }
            })
            .collect();
        with(many.into());
    }
    if told["minItems"].as_u64().is_some_and(|least| least > 0) {
        with(json!([]));
    }
    if told["enum"].is_array() {
        with("no such thing".into());
    }
    if let (Some(least), Some(most)) = (told["minimum"].as_i64(), told["maximum"].as_i64()) {
        with((least - 1).into());
        with((most + 1).into());
    }
    // A type that is not among those told.
    for (kind, value) in [
        ("object", json!({})),
        ("array", json!([[]])),
        ("null", Value::Null),
    ] {
        if told["type"].is_null() || takes(told, kind) {
            continue;
        }
        with(value);
    }
}

fn changed(body: &Value, (at, value): &Change) -> Value {
    let mut body = body.clone();
    let (parent, name) = at.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(members) => match value {
            Some(value) => drop(members.insert(name.to_owned(), value.clone())),
            None => drop(members.remove(name)),
        },
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone().unwrap_or_default(),
        other => panic!("{at}: {other}"),
    }
    body
}

/// The path with its parameters' own examples.
fn filled(rig: &Rig, path: &str, operation: &Value) -> String {
    let mut filled = path.replace("{tenant_id}", &rig.api.tenant().to_string());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
        let example = parameter["schema"]["examples"][0].as_str().unwrap_or("x");
        filled = filled.replace(&name, example);
    }
    filled
}

struct Asker<'a> {
    rig: &'a Rig,
    client: Client,
}

impl Asker<'_> {
    async fn ask(&self, method: &Method, url: &str, body: Option<&Value>) -> (u16, Value) {
        let token = self.rig.api.token().expose_secret();
        let mut request = self
            .client
            .request(method.clone(), url)
            .header("access_token", token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

fn is_refusal(told: &Value) -> bool {
    let detail = told["details"][0].as_str().unwrap_or_default();
    let known = [
        "input validation failed",
        "malformed request body",
        "App Package Path is null",
    ];
    !detail.is_empty() && known.iter().any(|message| told["message"] == *message)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_constraint_of_a_body_is_enforced() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let asker = Asker { rig, client };
        let (mut bodies, mut broken) = (0, 0);
        for Served { origin, document, .. } in documents(rig).await {
            for (path, method, operation) in operations(&document) {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                // Whoever only signs is asked by tests of their own.
                if schema.is_null() || !path.contains("{tenant_id}") {
                    continue;
                }
                // A body that need not be there.
                let several = schema["oneOf"].as_array();
                let schema = several
                    .and_then(|all| all.iter().find(|one| one["$ref"].is_string()))
                    .unwrap_or(schema);
                let url = format!("{origin}{}", filled(rig, path, operation));
                let good = resolved(&document, schema)["examples"][0].clone();
                let mut all = Vec::new();
                changes(&document, schema, "", &good, &mut all);
                assert!(!all.is_empty(), "{method} {path}: nothing is told of its body");
                bodies += 1;
                for change in &all {
                    let body = changed(&good, change);
                    let (status, told) = asker.ask(&method, &url, Some(&body)).await;
                    assert!(
                        status == 400 && is_refusal(&told),
                        "{method} {path}: {} of {:.200}: {status} {told}",
                        change.0,
                        change
                            .1
                            .clone()
                            .map_or("nothing".to_owned(), |value| value.to_string())
                    );
                    broken += 1;
                }
            }
        }
        assert!(bodies >= 18 && broken > 500, "{bodies} bodies, {broken} changes");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_constraint_of_a_parameter_is_enforced() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let asker = Asker { rig, client };
        let mut broken = 0;
        for Served { origin, document, .. } in documents(rig).await {
            for (path, method, operation) in operations(&document) {
                if !path.contains("{tenant_id}") {
                    continue;
                }
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                let body = (!body.is_null()).then(|| resolved(&document, body)["examples"][0].clone());
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let name = parameter["name"].as_str().unwrap();
                    let schema = &parameter["schema"];
                    // The tenant is compared with the token's first: 401.
                    if name == "tenant_id" || parameter["in"] == "header" {
                        continue;
                    }
                    let mut wrong = Vec::new();
                    if schema["pattern"].is_string() {
                        wrong.push("-%23-".to_owned());
                    }
                    if let Some(most) = schema["maxLength"].as_u64() {
                        wrong.push("1".repeat(usize::try_from(most).unwrap() + 1));
                    }
                    if schema["minimum"].is_number() {
                        wrong.extend(["0".to_owned(), "x".to_owned()]);
                    }
                    for value in wrong {
                        let url = if parameter["in"] == "path" {
                            let path = path.replace(&format!("{{{name}}}"), &value);
                            format!("{origin}{}", filled(rig, &path, operation))
                        } else {
                            format!("{origin}{}?{name}={value}", filled(rig, path, operation))
                        };
                        let (status, told) = asker.ask(&method, &url, body.as_ref()).await;
                        assert_eq!(status, 400, "{method} {url}: {told}");
                        assert_eq!(
                            told["details"][0], "URL parameter validation failed",
                            "{method} {url}"
                        );
                        assert_eq!(told["details"][1], name, "{method} {url}");
                        broken += 1;
                    }
                }
            }
        }
        assert!(broken > 60, "{broken}");
    })
    .await;
}

/// All operations of a document.
fn operations(document: &Value) -> impl Iterator<Item = (&String, Method, &Value)> {
    let paths: &Map<String, Value> = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path, method.to_uppercase().parse().unwrap(), operation))
    })
}
