//! The edge: calls to LCM controllers and app rule managers of EdgeGallery v1.0, and what their answers mean
//! (docs/controllers.md). Nothing here decides what to do about it: the flows do.

mod breaker;
mod controller;
pub(crate) mod platform;
mod rule_manager;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use mecm_common::client::call::call;
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::client::{Answer, CallContext, CallError, Clients, Egress, NotAllowed};
use mecm_common::clock::Clock;
use mecm_common::config::{Config, Scheme};
use mecm_common::models::ids::{AppInstanceId, HostIp, PackageId, TenantId};
use mecm_common::service::ApiError;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};

use self::breaker::Breaker;

/// How edges are called. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    client: reqwest::Client,
    egress: Egress,
    breaker: Breaker,
    scheme: Scheme,
    lcm: Duration,
    deploy: Duration,
    rules: Duration,
}

/// Of which instance, and with which token.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) instance: AppInstanceId,
    pub(crate) token: &'a SecretString,
}

/// What is deployed where.
pub(crate) struct Deploy<'a> {
    pub(crate) host: HostIp,
    pub(crate) app_name: &'a str,
    /// Told to the controller only where it is one of those it takes: a version 4 UUID.
    pub(crate) package: &'a PackageId,
    /// The package's file: sent as it is, never re-packed.
    pub(crate) csar: &'a Path,
}

/// Whether a controller knows an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Yes,
    /// Also while it deploys: the record is written last.
    No,
    /// The answer says nothing, or there is none.
    Unclear(String),
}

/// What came of an instantiate request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Instantiated {
    /// Deployed and recorded.
    Done,
    /// The request did not go out whole: nothing was deployed.
    NothingSent(String),
    /// It is out and has no answer of the controller's: anything may be.
    Unanswered(String),
    /// An error, which does not prove that nothing was deployed.
    Refused { reason: String, repeat_if_unknown: bool },
}

/// What came of a terminate request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Terminated {
    Done,
    /// To be sent again.
    Again(String),
    /// Something went wrong there; how far it came is to be asked.
    Failed(String),
    /// Not done.
    Refused(String),
}

/// What came of a rule change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Configured {
    /// Done; with the manager's own task id.
    Done(Option<String>),
    /// It will not; why.
    Failure(String),
    /// Another operation is under way there, or too many calls: to be sent again later.
    Busy(String),
    /// There are none yet: to be sent with POST.
    TryAdd,
    /// There are some already: to be sent with PUT.
    TryReplace,
    /// No answer: to be asked for.
    Unanswered(String),
}

/// How a rule set is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configure {
    /// POST: the first set.
    Add,
    /// PUT.
    Replace,
}

/// Why an edge's answer cannot be passed on to a caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EdgeError {
    /// There is none.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It is a refusal.
    #[error("{peer} answered {status}: {text}")]
    Refused { peer: String, status: u16, text: String },
}

impl From<EdgeError> for ApiError {
    /// The edge's 404 is passed on (the portal reads its text as "not yet"); its 401 must not be, the portal would log its
    /// user out.
    fn from(error: EdgeError) -> Self {
        match error {
            EdgeError::Call(call) if call.timed_out() => Self::gateway_timeout(call.to_string()).cause(call),
            EdgeError::Call(call) => Self::bad_gateway(call.to_string()).cause(call),
            EdgeError::Refused {
                status: 404, text, ..
            } => Self::new(StatusCode::NOT_FOUND, "edge_says_not_found", text),
            EdgeError::Refused { peer, status, text } => {
                Self::bad_gateway(format!("{peer} answered {status}")).details([text])
            }
        }
    }
}

/// What a peer is called in errors.
const CONTROLLER: &str = "the LCM controller";
const MANAGER: &str = "the app rule manager";

impl Edge {
    pub(crate) fn new(clients: &Clients, config: &Config, clock: Clock) -> Self {
        let (peers, jobs) = (&config.peers, &config.jobs);
        let pause = i64::try_from(jobs.edge_pause_seconds)
            .unwrap_or(i64::MAX)
            .min(86_400);
        Self {
            client: clients.edges.clone(),
            egress: clients.egress.clone(),
            breaker: Breaker::new(clock, jobs.edge_failures, TimeDelta::seconds(pause)),
            scheme: peers.edge_scheme,
            lcm: Duration::from_secs(peers.lcm_seconds),
            deploy: Duration::from_secs(peers.lcm_deploy_seconds),
            rules: Duration::from_secs(peers.rules_seconds),
        }
    }

    /// Until when an edge that does not answer is left alone, if it is.
    pub(crate) fn left_alone(&self, at: &EdgeAddress) -> Option<DateTime<Utc>> {
        self.breaker.left_alone(at)
    }

    /// Whether it may be called now; or until when it is left alone.
    pub(crate) fn admit(&self, at: &EdgeAddress) -> Result<(), DateTime<Utc>> {
        self.breaker.admit(at)
    }

    /// Makes a call that is answered soon, if by anybody.
    async fn exchange(
        &self,
        at: &EdgeAddress,
        request: RequestBuilder,
        time: Duration,
        peer: &str,
    ) -> Result<Answer, CallError> {
        let answer = call(request, time, peer).await;
        match &answer {
            Err(CallError::NoAnswer { .. }) => self.breaker.failed(at),
            _ => self.heard(at, &answer),
        }
        answer
    }

    /// What a call says of its edge, whatever it was about. That no answer came to long work says nothing.
    fn heard(&self, at: &EdgeAddress, answer: &Result<Answer, CallError>) {
        match answer {
            Ok(_) | Err(CallError::TooLong { .. }) => self.breaker.answered(at),
            Err(CallError::NoConnection { .. }) => self.breaker.failed(at),
            Err(_) => {}
        }
    }

    /// A request to an edge, with the ids and the token that go along. Its address comes from a record: it is judged first.
    fn request(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        method: Method,
        path: &str,
        token: &SecretString,
    ) -> Result<RequestBuilder, NotAllowed> {
        self.egress.check(&at.ip)?;
        let url = format!("{}://{at}{path}", self.scheme.as_str());
        let request = self
            .client
            .request(method, url)
            .header("access_token", token.expose_secret());
        Ok(context.on(request))
    }
}

/// The most characters of an edge's text that are kept; an answer may have millions.
const SAID: usize = 1_000;

/// An edge's text as it can be kept, logged and passed on: no control characters, which a database may refuse, and short.
fn clean(text: &str) -> String {
    let readable = |c: char| if c.is_control() { ' ' } else { c };
    let mut kept: String = text.chars().take(SAID).map(readable).collect();
    if text.chars().nth(SAID).is_some() {
        kept.push_str("...");
    }
    kept
}

/// What an error answer says; never nothing.
fn reason(peer: &str, answer: &Answer) -> String {
    let text = clean(&answer.text());
    if text.is_empty() {
        format!("{peer} answered {} without a word", answer.status.as_u16())
    } else {
        text
    }
}
