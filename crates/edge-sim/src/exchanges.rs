//! Recorded exchanges: what a v1.0 peer answers under which condition, and what its caller must conclude.
//!
//! They stand in one file, `exchanges.json`, and are replayed twice: against the simulator, which has to answer so, and
//! against the caller's adapter, which has to conclude so. That way neither can be bent to fit the other.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// The tenant of every exchange.
pub const EXCHANGE_TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
/// The app instance of every exchange.
pub const EXCHANGE_INSTANCE: &str = "5c1b2c86-1d5c-4d0e-9d3e-111111111111";
/// The host of every exchange.
pub const EXCHANGE_HOST: &str = "10.0.0.2";

/// One request and what comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Names it.
    pub id: String,
    /// Who is called.
    pub peer: ExchangePeer,
    /// What is sent.
    pub call: ExchangeCall,
    /// The condition under which the peer answers so, as a name by which a test sets it up.
    pub setup: String,
    /// The same in words.
    pub condition: String,
    /// What comes back; `None`: the connection is closed (or not there) and nothing comes.
    pub answer: Option<RecordedAnswer>,
    /// What the caller must conclude.
    pub means: Meaning,
    /// What the peer holds of the instance afterwards, where that matters.
    pub leaves: Option<Leaves>,
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangePeer {
    /// The LCM controller.
    Lcm,
    /// The app rule manager.
    Rules,
}

/// What is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeCall {
    /// What is asked for.
    pub operation: ExchangeOperation,
    /// HTTP method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Whose token goes along: `None` a good one, else `guest` (a guest's) or `other` (another tenant's).
    pub token: Option<String>,
    /// The multipart form of an instantiate request.
    pub form: Option<ExchangeForm>,
    /// A JSON body.
    pub body: Option<Value>,
    /// A body of so many bytes that are no JSON and no form.
    pub bytes: Option<usize>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeOperation {
    /// Does the controller know the instance?
    Query,
    /// Instantiate.
    Instantiate,
    /// Terminate.
    Terminate,
    /// A host's meters.
    Kpi,
    /// The platform's capabilities.
    Capabilities,
    /// The rules of an instance, by method.
    Rules,
}

/// The multipart form of an instantiate request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExchangeForm {
    /// Name of the uploaded file; none: no file.
    pub file_name: Option<String>,
    /// Which package: `sample` is a good one, the others say what is wrong with them.
    pub package: Option<String>,
    /// `hostIp`.
    pub host_ip: String,
    /// `appName`.
    pub app_name: String,
    /// `packageId`, where it is sent.
    pub package_id: Option<String>,
}

/// What comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecordedAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`: v1.0 peers call everything plain text.
    pub content_type: String,
    /// The body; `{uuid}` in it stands for a UUID that the peer makes up. For one to send, see [`Self::sample`].
    pub body: String,
}

/// What a caller must conclude from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The controller knows the instance.
    Known,
    /// It does not know the instance.
    Unknown,
    /// Neither is said: ask again.
    SaysNothing,
    /// The instance is deployed.
    Deployed,
    /// Ask, again and again, until it is known, or until the time is over in which it could still become so; only then
    /// send again.
    Ask,
    /// Ask once: known → terminate, and fail with the error; unknown → fail with the error.
    AskThenFail,
    /// Ask once: known → terminate, and fail with the error; unknown → send again, later.
    AskThenRepeat,
    /// Nothing (more) was done: send again.
    Resend,
    /// What was wanted is so.
    Done,
    /// It fails, and the answer says why.
    Fail,
    /// Send with PUT.
    Put,
    /// Send with POST.
    Post,
    /// Wait, and send again.
    Wait,
}

/// What a peer holds of the instance after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaves {
    /// A workload and its record.
    Recorded,
    /// A workload without a record.
    Unseen,
    /// A record without a workload.
    RecordOnly,
    /// Nothing.
    Nothing,
}

impl RecordedAnswer {
    /// The body as a peer might send it: with a UUID where one belongs.
    pub fn sample(&self) -> String {
        self.body
            .replace("{uuid}", "0a6f2e4d-52c7-4f0e-8a55-3f6d0c9b7e21")
    }

    /// Whether an answer is this one. JSON is compared by its meaning, everything else to the letter.
    pub fn fits(&self, status: u16, content_type: &str, body: &str) -> bool {
        let json = |text: &str| serde_json::from_str::<Value>(text).ok();
        let same = match (json(&self.body), json(body)) {
            (Some(recorded), Some(came)) => same(&recorded, &came),
            _ => self.body == body,
        };
        self.status == status && self.content_type == content_type && same
    }
}

fn same(recorded: &Value, came: &Value) -> bool {
    match (recorded, came) {
        (Value::String(recorded), Value::String(came)) if recorded == "{uuid}" => {
            Uuid::parse_str(came).is_ok()
        }
        (Value::Array(recorded), Value::Array(came)) => {
            recorded.len() == came.len() && recorded.iter().zip(came).all(|(one, other)| same(one, other))
        }
        (Value::Object(recorded), Value::Object(came)) => {
            recorded.len() == came.len()
                && recorded
                    .iter()
                    .all(|(name, one)| came.get(name).is_some_and(|other| same(one, other)))
        }
        _ => recorded == came,
    }
}

/// All recorded exchanges, in the order of the file.
pub fn exchanges() -> Vec<Exchange> {
    serde_json::from_str(include_str!("../exchanges.json"))
        .expect("the file is part of this crate, and tested")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_file_can_be_read_and_its_ids_are_unique() {
        let all = exchanges();
        let ids: HashSet<_> = all.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids.len(), all.len());
        let meanings: HashSet<_> = all.iter().map(|one| one.means).collect();
        assert_eq!(meanings.len(), 13, "every meaning is there: {meanings:?}");
        for one in &all {
            assert!(!one.condition.is_empty(), "{}", one.id);
            let ours = [EXCHANGE_TENANT, EXCHANGE_INSTANCE];
            let elsewhere = one.id.ends_with("bad-tenant") || one.id.ends_with("bad-instance");
            assert!(
                elsewhere || ours.iter().any(|id| one.call.path.contains(id)),
                "{}",
                one.id
            );
        }
    }

    #[test]
    fn an_answer_fits_only_itself() {
        let answer = RecordedAnswer {
            status: 200,
            content_type: "text/plain".to_owned(),
            body: "{\"taskId\":\"{uuid}\",\"n\":[1]}".to_owned(),
        };
        let good = answer.sample();
        assert!(answer.fits(200, "text/plain", &good));
        assert!(answer.fits(
            200,
            "text/plain",
            "{\"n\":[1],\"taskId\":\"0a6f2e4d-52c7-4f0e-8a55-3f6d0c9b7e22\"}"
        ));
        assert!(!answer.fits(201, "text/plain", &good));
        assert!(!answer.fits(200, "text/html", &good));
        assert!(!answer.fits(200, "text/plain", "{\"taskId\":\"x\",\"n\":[1]}"));
        assert!(!answer.fits(200, "text/plain", &good.replace("[1]", "[1,2]")));
    }
}
