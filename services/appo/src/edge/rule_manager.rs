//! The app rule manager. All its answers are one object: `{"taskId","appInstanceId","configResult","configPhase","detailed"}`.

use http::StatusCode;
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::client::{Answer, CallContext, CallError};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{Configure, Configured, Edge, EdgeError, MANAGER, Target, clean, reason};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Told {
    task_id: Option<String>,
    config_result: Option<String>,
    detailed: Option<String>,
}

fn path(who: &Target<'_>) -> String {
    format!(
        "/apprulemgr/v1/tenants/{}/app_instances/{}/appd_configuration",
        who.tenant, who.instance
    )
}

fn peer(at: &EdgeAddress) -> String {
    format!("{MANAGER} {at}")
}

impl Edge {
    /// Whether the manager has rules of the instance.
    pub(crate) async fn has_rules(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        who: Target<'_>,
    ) -> Result<bool, EdgeError> {
        let request = self
            .request(context, at, Method::GET, &path(&who), who.token)
            .map_err(CallError::from)?;
        let answer = self.exchange(at, request, self.rules, &peer(at)).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(EdgeError::Refused {
                peer: peer(at),
                status: status.as_u16(),
                text: told(at, &answer).1,
            }),
        }
    }

    /// Sends the whole set.
    pub(crate) async fn configure(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        who: Target<'_>,
        set: &Value,
        how: Configure,
    ) -> Configured {
        let method = match how {
            Configure::Add => Method::POST,
            Configure::Replace => Method::PUT,
        };
        let request = match self.request(context, at, method, &path(&who), who.token) {
            Ok(request) => request.json(&for_manager(set)),
            Err(error) => return Configured::Failure(error.to_string()),
        };
        match self.exchange(at, request, self.rules, &peer(at)).await {
            Ok(answer) => configured(at, &answer),
            Err(CallError::NoConnection { .. } | CallError::NotSent { .. }) => {
                Configured::Busy(format!("{} cannot be reached", peer(at)))
            }
            Err(error) => Configured::Unanswered(error.to_string()),
        }
    }

    /// Takes all rules of the instance away; what is not there is gone.
    pub(crate) async fn remove_rules(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        who: Target<'_>,
    ) -> Configured {
        let request = match self.request(context, at, Method::DELETE, &path(&who), who.token) {
            Ok(request) => request,
            Err(error) => return Configured::Failure(error.to_string()),
        };
        match self.exchange(at, request, self.rules, &peer(at)).await {
            Ok(answer) => removed(at, &answer),
            Err(CallError::NoConnection { .. } | CallError::NotSent { .. }) => {
                Configured::Busy(format!("{} cannot be reached", peer(at)))
            }
            Err(error) => Configured::Unanswered(error.to_string()),
        }
    }
}

/// The answer's object, and what it says.
fn told(at: &EdgeAddress, answer: &Answer) -> (Option<Told>, String) {
    let mut told: Option<Told> = answer.json().ok();
    let mut said = None;
    if let Some(told) = &mut told {
        let is_said = |text: &String| !text.is_empty();
        said = told.detailed.take().map(|text| clean(&text)).filter(is_said);
        told.task_id = told.task_id.take().map(|id| clean(&id)).filter(is_said);
    }
    let said = said.unwrap_or_else(|| reason(&peer(at), answer));
    (told, said)
}

/// What an answer to a change says.
pub(super) fn configured(at: &EdgeAddress, answer: &Answer) -> Configured {
    let (told, said) = told(at, answer);
    let Some(told) = told else {
        return match answer.status {
            StatusCode::TOO_MANY_REQUESTS => Configured::Busy(said),
            _ => Configured::Unanswered(said),
        };
    };
    let says = |text: &str| said.contains(text);
    match answer.status {
        StatusCode::OK if told.config_result.as_deref() == Some("SUCCESS") => Configured::Done(told.task_id),
        StatusCode::NOT_FOUND if says("no modification data found") => Configured::Done(told.task_id),
        StatusCode::NOT_FOUND if says("app instance not found") => Configured::TryAdd,
        StatusCode::BAD_REQUEST if says("duplicate app instance") => Configured::TryReplace,
        StatusCode::FORBIDDEN if says("other operation in progress") => Configured::Busy(said),
        StatusCode::TOO_MANY_REQUESTS => Configured::Busy(said),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Configured::Unanswered(said)
        }
        _ => Configured::Failure(said),
    }
}

/// What an answer to a removal says.
pub(super) fn removed(at: &EdgeAddress, answer: &Answer) -> Configured {
    match answer.status {
        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Configured::Done(None),
        _ => match configured(at, answer) {
            Configured::TryAdd | Configured::TryReplace => Configured::Done(None),
            other => other,
        },
    }
}

/// A set as a manager reads it: compact, of two spellings only the first, a priority where there is none. Nothing else is
/// bent to fit: what it does not like, it says.
pub(super) fn for_manager(set: &Value) -> Value {
    let mut set = set.clone();
    for rule in set["appTrafficRule"].as_array_mut().into_iter().flatten() {
        if rule["priority"].is_null() {
            rule["priority"] = 1.into();
        }
        for filter in rule["trafficFilter"].as_array_mut().into_iter().flatten() {
            if let Some(filter) = filter.as_object_mut() {
                for (first, second) in [("qCI", "qci"), ("dSCP", "dscp"), ("tC", "tc")] {
                    let other = filter.remove(second);
                    if let Some(other) = other.filter(|_| filter.get(first).is_none_or(Value::is_null)) {
                        filter.insert(first.to_owned(), other);
                    }
                }
            }
        }
    }
    drop_nulls(&mut set);
    set
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
