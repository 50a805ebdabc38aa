//! A request that says the same in other words gets the same answer, on either database: another order of members, members that
//! nobody knows, numbers for texts and texts for numbers, null for a list, a byte-order mark, a slash at the end, escapes.

use mecm_common::client::Clients;
use mecm_common::db::testing::kinds;
use mecm_common::validate::Pattern;
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::documents::Operation;
use super::rig::{Place, Rig};

/// Status, message and details; the whole answer where it is no error.
type Told = (u16, Value);

struct Asker<'a> {
    rig: &'a Rig,
    client: Client,
}

impl Asker<'_> {
    async fn ask(&self, told: &Operation, url: &str, body: Option<&[u8]>) -> Told {
        let mut request = self
            .client
            .request(told.method.clone(), url)
            .header("access_token", self.rig.api.token().expose_secret());
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_vec());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        if status < 400 {
            return (status, body);
        }
        (status, json!([body["message"], body["details"]]))
    }
}

/// Every leaf of a body, by its pointer.
fn leaves(value: &Value, at: &str, all: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), all)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| leaves(value, &format!("{at}/{index}"), all)),
        leaf => all.push((at.to_owned(), leaf.clone())),
    }
}

fn with(body: &Value, at: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(at).unwrap() = value;
    body
}

/// The JSON text with the members of each object in the opposite order, and one more in each that nobody knows.
fn turned(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut all: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), turned(value)))
                .collect();
            all.push(r#""nobodyKnows": {"this": [null, 1e3]}"#.to_owned());
            all.reverse();
            format!("{{\n{}\n}}", all.join(",\n"))
        }
        Value::Array(items) => format!("[ {} ]", items.iter().map(turned).collect::<Vec<_>>().join(" , ")),
        leaf => leaf.to_string(),
    }
}

/// The same body in other words, each with what was done to it.
fn spellings(told: &Operation, body: &Value) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("other order, more members".to_owned(), turned(body).into_bytes()),
        (
            "a byte-order mark".to_owned(),
            format!("\u{feff}{body}").into_bytes(),
        ),
    ];
    let mut push = |what: String, body: Value| all.push((what, body.to_string().into_bytes()));
    let mut found = Vec::new();
    leaves(body, "", &mut found);
    for (at, leaf) in found {
        if let Some(number) = leaf.as_str().and_then(|text| text.parse::<u32>().ok())
            && number.to_string() == leaf.as_str().unwrap_or_default()
        {
            push(format!("{at} as a number"), with(body, &at, number.into()));
        }
        if leaf.is_number() {
            push(
                format!("{at} as a text"),
                with(body, &at, leaf.to_string().into()),
            );
        }
        let upper = leaf.as_str().map(str::to_uppercase).unwrap_or_default();
        if Pattern::AppInstanceId.matches(&upper) {
            push(format!("{at} in capitals"), with(body, &at, upper.into()));
        }
    }
    for (name, member) in told.schema["properties"].as_object().into_iter().flatten() {
        let kinds = member["type"].as_array().cloned().unwrap_or_default();
        if kinds.contains(&"array".into()) && kinds.contains(&"null".into()) {
            let mut null = body.clone();
            null[name] = Value::Null;
            push(format!("null for {name}"), null);
        }
    }
    all
}

/// The URL with what stands for parameters written as escapes, every character of it.
fn escaped(told: &Operation, url: &str) -> String {
    let path = reqwest::Url::parse(url).unwrap().path().to_owned();
    let origin = url.strip_suffix(&path).unwrap();
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let parts = path.split('/').zip(told.path.split('/'));
    let parts = parts.map(|(part, template)| {
        if part == template {
            part.to_owned()
        } else {
            escape(part)
        }
    });
    format!("{origin}{}", parts.collect::<Vec<String>>().join("/"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_in_other_words_gets_the_same_answer() {
    let mut answers = Vec::new();
    for kind in kinds() {
        let mut place = Place::new(kind).await;
        // What is understood and would be added is one too many: so nothing changes from call to call.
        (place.config.limits.records, place.config.limits.app_instances) = (0, 0);
        let rig = Rig::start(place).await;
        let tenant = rig.api.tenant();
        let asker = Asker {
            client: Clients::new(&rig.place.config).unwrap().services,
            rig: &rig,
        };
        let (mut of_kind, mut compared) = (Vec::new(), 0);
        for told in Operation::all(&rig).await {
            if told.open || told.by_signature() || told.form {
                continue;
            }
            let (url, body) = (told.url(tenant), told.body_of_url());
            let text = body.as_ref().map(|body| body.to_string().into_bytes());
            let plain = asker.ask(&told, &url, text.as_deref()).await;
            assert_ne!(plain.0, 400, "{} {}: {}", told.method, told.path, plain.1);
            for other in [format!("{url}/"), escaped(&told, &url)] {
                let same = asker.ask(&told, &other, text.as_deref()).await;
                assert_eq!(same, plain, "{} {other}", told.method);
                compared += 1;
            }
            for (what, other) in body.iter().flat_map(|body| spellings(&told, body)) {
                let same = asker.ask(&told, &url, Some(&other)).await;
                assert_eq!(same, plain, "{} {}: {what}", told.method, told.path);
                compared += 1;
            }
            for (at, leaf) in body.iter().flat_map(|body| {
                let mut all = Vec::new();
                leaves(body, "", &mut all);
                all
            }) {
                if !leaf.is_string() {
                    continue;
                }
                let nul = with(body.as_ref().unwrap(), &at, "a\0".into()).to_string();
                let (status, why) = asker.ask(&told, &url, Some(nul.as_bytes())).await;
                let expected = json!([
                    "malformed request body",
                    ["a text with the character U+0000 cannot be kept"]
                ]);
                assert_eq!(
                    (status, why),
                    (400, expected),
                    "{} {}: {at}",
                    told.method,
                    told.path
                );
                compared += 1;
            }
            of_kind.push((told.method, told.path, plain));
        }
        assert!(compared > 400, "{compared}");
        answers.push(of_kind);
        let Rig { suite, place, .. } = rig;
        suite.stop().await;
        drop(place);
    }
    for other in &answers[1..] {
        assert_eq!(*other, answers[0], "the databases differ");
    }
}
