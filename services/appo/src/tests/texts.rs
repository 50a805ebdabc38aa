//! Every constraint of what is sent to APPO, and the text that says it is broken.

mod bodies;
mod parameters;
mod rules;

use serde_json::{Value, json};

use super::{Answer, Method, Rig};

const APP_NAME: &str = "App name is invalid. It must start and end with alpha numeric character and special characters allowed are hyphen \
                        and underscore.";
const HOST_IP: &str = r#"must match "^(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])$""#;
const INSTANCE_ID: &str =
    r#"must match "([a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}){1}""#;
const IP_OR_CIDR: &str = r#"must match "^(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])(\/([0-9]|[1-2][0-9]|3[0-2]))?$""#;
const PORT: &str =
    r#"must match "^([1-9]|[1-9]\d{1,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$""#;

/// Of no record.
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn size(max: usize) -> String {
    format!("size must be between 0 and {max}")
}

/// A call with a body that breaks nothing.
struct Call {
    method: Method,
    path: String,
    good: Value,
    /// What it is answered with when its body breaks nothing.
    taken: u16,
}

impl Call {
    /// The same with another value at that place (a JSON pointer).
    async fn with(&self, rig: &Rig, at: &str, value: &Value) -> Answer {
        let mut body = self.good.clone();
        *body.pointer_mut(at).expect("the good body has every member") = value.clone();
        rig.ask(self.method.clone(), &self.path, Some(body)).await
    }

    /// Asserts how the body with that value is answered. No texts: it is taken.
    async fn says(&self, rig: &Rig, at: &str, value: &Value, texts: &[String]) {
        let answer = self.with(rig, at, value).await;
        let what = format!("{} {} {at} {value}", self.method, self.path);
        if texts.is_empty() {
            assert_eq!(answer.status, self.taken, "{what}: {answer:?}");
        } else {
            answer.is_invalid(&what, texts);
        }
    }
}

impl Answer {
    /// Asserts that the request is refused for just this.
    fn is_invalid(&self, what: &str, texts: &[impl AsRef<str>]) {
        let text = "input validation failed";
        assert_eq!(self.message(), (400, text), "{what}");
        assert_eq!(
            self.body["response"], text,
            "{what}: the portal shows this member"
        );
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        assert_eq!(self.body["details"], json!(texts), "{what}");
    }
}

/// One text of a body: what it is answered with when it is empty and when it is no match of its pattern; `""`: it has no such
/// text.
struct Field {
    at: &'static str,
    max: usize,
    empty: &'static str,
    pattern: &'static str,
}

const fn field(at: &'static str, max: usize, empty: &'static str, pattern: &'static str) -> Field {
    Field {
        at,
        max,
        empty,
        pattern,
    }
}

impl Field {
    /// Values, and the texts that each is answered with; none: it is taken.
    fn cases(&self) -> Vec<(Value, Vec<String>)> {
        // Short patterns want their characters: nothing that is empty or too long is a match.
        let strict = self.max < 100;
        let also = |applies: bool| if applies { self.pattern } else { "" };
        let said = |texts: [&str; 2]| -> Vec<String> {
            let texts = texts.iter().filter(|text| !text.is_empty());
            texts.map(|text| (*text).to_owned()).collect()
        };
        let mut cases = vec![
            (Value::Null, said([self.empty, ""])),
            (
                json!(""),
                said([self.empty, also(strict && !self.empty.is_empty())]),
            ),
            (
                json!("1".repeat(self.max + 1)),
                said([&size(self.max), also(strict)]),
            ),
        ];
        if self.pattern.is_empty() {
            // Characters are counted, not bytes.
            cases.push((json!("文".repeat(self.max)), vec![]));
            cases.push((json!("文".repeat(self.max + 1)), vec![size(self.max)]));
        } else {
            for wrong in ["-", "a!", " a", "a\n"] {
                cases.push((json!(wrong), said([self.pattern, ""])));
            }
            if !strict {
                cases.push((json!("x".repeat(self.max)), vec![]));
            }
        }
        cases
    }
}

/// Asserts what each field is answered with; gives how often the call was taken.
async fn each_field(rig: &Rig, call: &Call, fields: &[Field]) -> usize {
    let mut taken = 0;
    for field in fields {
        for (value, texts) in field.cases() {
            call.says(rig, field.at, &value, &texts).await;
            taken += usize::from(texts.is_empty());
        }
    }
    taken
}

/// One list of a body, of items that are all different.
struct List {
    at: &'static str,
    max: usize,
    item: fn(usize) -> Value,
}

/// Asserts that each list may be as long as it may, and no longer; and that none at all is as good as an empty one.
async fn each_list(rig: &Rig, call: &Call, lists: &[List]) {
    for list in lists {
        let of = |count: usize| Value::from((0..count).map(list.item).collect::<Vec<_>>());
        for value in [Value::Null, json!([]), of(list.max)] {
            call.says(rig, list.at, &value, &[]).await;
        }
        call.says(rig, list.at, &of(list.max + 1), &[size(list.max)])
            .await;
    }
}
