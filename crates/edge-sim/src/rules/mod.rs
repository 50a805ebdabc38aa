//! The app rule manager of an edge, `/apprulemgr/v1`, with a platform behind it that configures rules.

mod model;

use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;
use tokio::time::sleep;

pub(crate) use self::model::RuleSet;
use crate::call::{Input, Plain, header};
use crate::edge::{Edge, State};
use crate::faults::Operation;
use crate::lcm::is_uuid;
use crate::reply::Reply;
use crate::token::{self, Access, Denied};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Change,
    Remove,
    Read,
}

/// A call of an app rule manager.
#[derive(Debug)]
pub(crate) struct RuleCall {
    verb: Verb,
    tenant: String,
    pub(crate) instance: String,
}

/// Every answer but the rules themselves.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress<'a> {
    task_id: &'a str,
    app_instance_id: &'a str,
    config_result: &'a str,
    config_phase: &'a str,
    detailed: &'a str,
}

impl RuleCall {
    pub(crate) fn of(method: &Method, segments: &[&str]) -> Option<Self> {
        let [
            "apprulemgr",
            "v1",
            "tenants",
            tenant,
            "app_instances",
            instance,
            "appd_configuration",
        ] = segments
        else {
            return None;
        };
        let verb = match method.as_str() {
            "POST" => Verb::Add,
            "PUT" => Verb::Change,
            "DELETE" => Verb::Remove,
            "GET" => Verb::Read,
            _ => return None,
        };
        Some(Self {
            verb,
            tenant: (*tenant).to_owned(),
            instance: (*instance).to_owned(),
        })
    }

    pub(crate) fn operation(&self) -> Operation {
        if self.verb == Verb::Read {
            Operation::RulesRead
        } else {
            Operation::Rules
        }
    }
}

/// FAILURE with this text.
pub(crate) fn refusal(instance: &str, status: StatusCode, text: &str) -> Reply {
    progress(status, "", instance, "FAILURE", text)
}

fn progress(status: StatusCode, task: &str, instance: &str, result: &str, text: &str) -> Reply {
    let phase = if result == "SUCCESS" { "0" } else { "" };
    let answer = Progress {
        task_id: task,
        app_instance_id: instance,
        config_result: result,
        config_phase: phase,
        detailed: text,
    };
    Reply::text(status, serde_json::to_vec(&answer).expect("texts only"))
}

pub(crate) async fn act(edge: &Edge, call: RuleCall, parts: &Parts, input: Input) -> Reply {
    if !edge.state().takes_call() {
        return Reply::text(StatusCode::TOO_MANY_REQUESTS, "429");
    }
    let rules = match check(edge, &call, parts, input) {
        Ok(rules) => rules,
        Err((status, instance, text)) => return refusal(&instance, status, &text),
    };
    let instance = &call.instance;
    let begun = begin(&mut edge.state(), &call, rules.as_ref());
    let (status, text) = match begun {
        Ok(takes) => {
            if !takes.is_zero() {
                sleep(takes).await;
            }
            let mut state = edge.state();
            state.rules_busy.remove(instance);
            match (call.verb, rules) {
                (Verb::Read, _) => {
                    let rules = state.rules.get(instance).map(RuleSet::to_json);
                    return Reply::ok(rules.unwrap_or_default());
                }
                (_, Some(rules)) => drop(state.rules.insert(instance.clone(), rules)),
                (_, None) => drop(state.rules.remove(instance)),
            }
            state.counts.rule_changes += 1;
            let task = uuid::Uuid::new_v4().to_string();
            return progress(StatusCode::OK, &task, instance, "SUCCESS", "");
        }
        Err(refused) => refused,
    };
    refusal(instance, status, text)
}

type Refused = (StatusCode, String, String);

/// Token, ids, body, in this order; the refusals before the body do not name the instance.
fn check(edge: &Edge, call: &RuleCall, parts: &Parts, input: Input) -> Result<Option<RuleSet>, Refused> {
    let refuse = |status, text: &str| Err((status, String::new(), text.to_owned()));
    let access = if call.verb == Verb::Read {
        Access::Read
    } else {
        Access::Write
    };
    match token::check(
        header(parts, "access_token"),
        &call.tenant,
        access,
        edge.clock.now(),
    ) {
        Ok(()) => {}
        Err(Denied::Unauthorized) => return refuse(StatusCode::UNAUTHORIZED, "authorization failed"),
        Err(Denied::Forbidden) => return refuse(StatusCode::FORBIDDEN, "forbidden"),
    }
    if !is_uuid(&call.instance) {
        return refuse(StatusCode::BAD_REQUEST, "app instance id is invalid");
    }
    if !is_uuid(&call.tenant) {
        return refuse(StatusCode::BAD_REQUEST, "tenant id is invalid");
    }
    if matches!(call.verb, Verb::Read | Verb::Remove) {
        return Ok(None);
    }
    let bad = |text: String| (StatusCode::BAD_REQUEST, call.instance.clone(), text);
    let Input::Plain(Plain {
        body,
        too_large: false,
    }) = input
    else {
        return Err(bad("request body too large".to_owned()));
    };
    RuleSet::read(&body).map(Some).map_err(bad)
}

/// What the platform says before it does anything; how long it takes, where it does.
fn begin(
    state: &mut State,
    call: &RuleCall,
    rules: Option<&RuleSet>,
) -> Result<std::time::Duration, (StatusCode, &'static str)> {
    let instance = &call.instance;
    if !state.behaviour.rule_configuration {
        return Err((StatusCode::INTERNAL_SERVER_ERROR, "error response from mep"));
    }
    let there = state.rules.get(instance);
    if call.verb == Verb::Read {
        return match there {
            Some(_) => Ok(std::time::Duration::ZERO),
            None => Err((StatusCode::NOT_FOUND, "app instance not found")),
        };
    }
    if state.rules_busy.contains(instance) {
        return Err((
            StatusCode::FORBIDDEN,
            "app instance has other operation in progress",
        ));
    }
    match (call.verb, there) {
        (Verb::Add, Some(_)) => return Err((StatusCode::BAD_REQUEST, "duplicate app instance")),
        (Verb::Change | Verb::Remove, None) => {
            return Err((StatusCode::NOT_FOUND, "app instance not found"));
        }
        (Verb::Change, Some(there)) if Some(there) == rules => {
            return Err((StatusCode::NOT_FOUND, "no modification data found in the input"));
        }
        _ => {}
    }
    if let Some(rules) = rules {
        let mut others = state
            .rules
            .iter()
            .filter(|(id, _)| *id != instance)
            .map(|(_, set)| set);
        if call.verb == Verb::Add && others.clone().any(|other| other.app_name == rules.app_name) {
            return Err((StatusCode::BAD_REQUEST, "duplicate app name"));
        }
        if rules.names_a_domain_twice() || others.any(|other| other.shares_a_domain(rules)) {
            return Err((StatusCode::BAD_REQUEST, "duplicate dns entry"));
        }
    }
    state.rules_busy.insert(instance.clone());
    Ok(state.behaviour.rule_time)
}
