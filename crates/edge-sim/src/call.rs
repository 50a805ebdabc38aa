//! A request, told apart by peer, method and path, with its body read.

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::edge::Edge;
use crate::faults::Operation;
use crate::lcm::{self, LcmCall};
use crate::mep::{self, MepCall};
use crate::reply::Reply;
use crate::rules::{self, RuleCall};

/// The most a v1.0 controller or rule manager reads of a body that is not multipart.
pub(crate) const PLAIN_LIMIT: usize = 4096;
/// The most that is kept of any such body.
const KEPT: usize = 64 * 1024;

/// Which of the three listeners a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Lcm,
    Rules,
    Mep,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Call {
    /// `GET /`: who are you?
    Index(Peer),
    Lcm(LcmCall),
    Rules(RuleCall),
    Mep(MepCall),
    Unknown,
}

/// A request's body.
#[derive(Debug)]
pub(crate) enum Input {
    Plain(Plain),
    Upload(Box<lcm::Upload>),
    Configuration(lcm::ConfigurationForm),
}

/// A body as it came, cut at 64 KiB.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    pub(crate) body: Bytes,
    /// More than a v1.0 controller or rule manager reads.
    pub(crate) too_large: bool,
}

impl Call {
    pub(crate) fn of(peer: Peer, method: &Method, path: &str) -> Self {
        if method == Method::GET && path == "/" {
            return Self::Index(peer);
        }
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        match peer {
            Peer::Lcm => LcmCall::of(method, &segments).map(Self::Lcm),
            Peer::Rules => RuleCall::of(method, &segments).map(Self::Rules),
            Peer::Mep => MepCall::of(method, &segments).map(Self::Mep),
        }
        .unwrap_or(Self::Unknown)
    }

    pub(crate) fn operation(&self) -> Option<Operation> {
        match self {
            Self::Index(_) | Self::Unknown => None,
            Self::Lcm(call) => Some(call.operation()),
            Self::Rules(call) => Some(call.operation()),
            Self::Mep(call) => Some(call.operation()),
        }
    }

    /// Reads the body. `None`: it broke off.
    pub(crate) async fn read(&self, edge: &Edge, parts: &Parts, body: Incoming) -> Option<Input> {
        match self {
            Self::Lcm(LcmCall::Instantiate { .. }) => lcm::read_upload(edge, parts, body).await,
            Self::Lcm(LcmCall::AddConfiguration | LcmCall::RemoveConfiguration) => {
                lcm::read_configuration(parts, body).await
            }
            _ => plain(body).await,
        }
    }

    /// Does what is asked.
    pub(crate) async fn act(self, edge: &Edge, parts: &Parts, input: Input) -> Reply {
        match self {
            Self::Index(peer) => Reply::ok(describe(edge, peer)),
            Self::Lcm(call) => lcm::act(edge, call, parts, input).await,
            Self::Rules(call) => rules::act(edge, call, parts, input).await,
            Self::Mep(call) => mep::act(edge, call, parts, input),
            Self::Unknown => Reply::page_not_found(),
        }
    }

    /// An error as the peer writes it.
    pub(crate) fn error(&self, status: StatusCode, text: &str) -> Reply {
        match self {
            Self::Rules(call) => rules::refusal(&call.instance, status, text),
            _ => Reply::error(status, text),
        }
    }
}

/// Reads a body that is not multipart.
pub(crate) async fn plain(mut body: Incoming) -> Option<Input> {
    let mut kept = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            length += data.len();
            let room = KEPT.saturating_sub(kept.len()).min(data.len());
            kept.extend_from_slice(&data[..room]);
        }
    }
    Some(Input::Plain(Plain {
        body: kept.freeze(),
        too_large: length > PLAIN_LIMIT,
    }))
}

/// A request's header, where it is there and is text.
pub(crate) fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

fn describe(edge: &Edge, peer: Peer) -> String {
    let what = match peer {
        Peer::Lcm => "LCM controller, /lcmcontroller/v1",
        Peer::Rules => "app rule manager, /apprulemgr/v1",
        Peer::Mep => "platform, /mepauth and /mep/mec_service_mgmt/v1",
    };
    let state = edge.state();
    format!(
        "mecm-edge-sim: a simulated edge, nothing real runs here.\n\
         {what} of {}\n\
         workloads {} records {} rule sets {} keys {}\n\
         so far: deploys {} terminates {} rule changes {} faults {}\n\
         {}\n",
        edge.ip,
        state.workloads.len(),
        state.records.len(),
        state.rules.len(),
        state.platform.keys(),
        state.counts.deploys,
        state.counts.terminates,
        state.counts.rule_changes,
        state.counts.faults,
        "/faults lets things go wrong: POST, GET, DELETE",
    )
}
