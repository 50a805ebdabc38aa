//! Recorded exchanges: what a v1.0 peer answers under which condition, and what its caller must conclude.
//!
//! They stand in one file, `exchanges.json`, and are replayed twice: against the simulator, which has to answer so, and
//! against the caller's adapter, which has to send what is recorded and conclude what it means. That way neither can be
//! bent to fit the other.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// The tenant of every exchange.
pub const EXCHANGE_TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
/// The app instance of every exchange.
pub const EXCHANGE_INSTANCE: &str = "5c1b2c86-1d5c-4d0e-9d3e-111111111111";
/// The host of every exchange.
pub const EXCHANGE_HOST: &str = "10.0.0.2";
/// The package of those exchanges that send a package id.
pub const EXCHANGE_PACKAGE: &str = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90";

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
    /// The simulator does not answer so by itself: it is something in front of the peer, a lost answer, or a state that
    /// the simulator does not come into, and a fault brings it about.
    #[serde(default)]
    pub injected: bool,
    /// Where the call is a look after a change whose answer was lost: what that was.
    pub lost: Option<LostChange>,
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

/// A change of rules whose answer was lost.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostChange {
    /// The rule set that was sent.
    pub sent: Value,
    /// The set that was there before; `None`: none was.
    pub before: Option<Value>,
}

/// What is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
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
    /// The multipart form of a Kubernetes configuration.
    pub configuration: Option<ConfigurationParts>,
    /// The header `X-Real-IP`: an address of the caller's. Any IPv4 address will do.
    pub real_ip: Option<String>,
    /// An urlencoded form.
    pub urlencoded: Option<String>,
    /// A JSON body; toward a rule manager it goes out without blanks.
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
    /// A host's Kubernetes configuration, by method. Inventory calls it; all others are APPO's.
    Configuration,
    /// Whether a package is deployed on a host. Nobody here calls it.
    PackageStatus,
    /// The rules of an instance, by method.
    Rules,
}

/// The multipart form of a Kubernetes configuration, in this order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConfigurationParts {
    /// Name of the file `configFile`; none: no file.
    pub file_name: Option<String>,
    /// What is in it.
    pub file: Option<String>,
    /// `hostIp`.
    pub host_ip: Option<String>,
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

impl ExchangeForm {
    /// The parts in the order in which they go out: a name, and the text; for the file, its name instead.
    pub fn parts(&self) -> Vec<(&'static str, &str)> {
        [
            ("file", self.file_name.as_deref()),
            ("hostIp", Some(self.host_ip.as_str())),
            ("appName", Some(self.app_name.as_str())),
            ("packageId", self.package_id.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .collect()
    }
}

/// What comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecordedAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`: v1.0 peers call everything plain text.
    pub content_type: String,
    /// The body; `"{uuid}"` in it stands for a UUID that the peer makes up, `"{time}"` for a number that is the time of a
    /// sample. For one to send, see [`Self::sample`].
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
    /// The body as a peer might send it: with a UUID or a time where one belongs.
    pub fn sample(&self) -> String {
        self.body
            .replace("{uuid}", "0a6f2e4d-52c7-4f0e-8a55-3f6d0c9b7e21")
            .replace("\"{time}\"", "1795000000.25")
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
        (Value::String(recorded), Value::Number(_)) => recorded == "{time}",
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
            let elsewhere = one.id.ends_with("bad-tenant")
                || one.id.ends_with("bad-instance")
                || matches!(
                    one.call.operation,
                    ExchangeOperation::Configuration | ExchangeOperation::PackageStatus
                );
            assert!(
                elsewhere || ours.iter().any(|id| one.call.path.contains(id)),
                "{}",
                one.id
            );
        }
    }

    /// Ids of the traffic and DNS rules of a set, as a client or a rule manager writes it.
    fn ids(set: &Value) -> [Vec<&str>; 2] {
        let of = |lists: [&str; 2], id: &str| {
            let rules = lists.iter().find_map(|list| set[*list].as_array());
            let rules = rules.map(Vec::as_slice).unwrap_or_default();
            rules.iter().map(|rule| rule[id].as_str().unwrap()).collect()
        };
        [
            of(["appTrafficRule", "appTrafficRule"], "trafficRuleId"),
            of(["appDNSRule", "appDnsRule"], "dnsRuleId"),
        ]
    }

    #[test]
    fn what_a_look_after_a_lost_answer_means_follows_from_what_is_recorded_with_it() {
        let looks: Vec<Exchange> = exchanges().into_iter().filter(|one| one.lost.is_some()).collect();
        assert!(looks.len() >= 5);
        for look in looks {
            let lost = look.lost.unwrap();
            let answer = look.answer.unwrap();
            let there: Value = serde_json::from_str(&answer.body).unwrap();
            let expected = if answer.status == 404 {
                Meaning::Post
            } else if ids(&there) == ids(&lost.sent)
                && lost.before.is_none_or(|before| ids(&before) != ids(&lost.sent))
            {
                Meaning::Done
            } else {
                Meaning::Put
            };
            assert_eq!(look.means, expected, "{}", look.id);
        }
    }

    #[test]
    fn a_form_goes_out_in_one_order() {
        let all = exchanges();
        let done = all.iter().find(|one| one.id == "instantiate-done").unwrap();
        let file = format!("{EXCHANGE_INSTANCE}.csar");
        assert_eq!(
            done.call.form.as_ref().unwrap().parts(),
            [
                ("file", file.as_str()),
                ("hostIp", EXCHANGE_HOST),
                ("appName", "zoneapp"),
                ("packageId", EXCHANGE_PACKAGE)
            ]
        );
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
