//! `/faults`, on each of an edge's ports: lets things go wrong while the simulator runs. No real peer has it.
//!
//! - `POST`: one fault a line, as [`FaultRule`] reads them; they are added to those that are there.
//! - `GET`: those that are there.
//! - `DELETE`: takes all away.
//!
//! It is about the edge that is asked. `?edge=127.1.0.4` means another one, such as one that is down; `?edge=all` means all,
//! those to come too.

use std::net::Ipv4Addr;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};

use crate::call::{Input, Plain};
use crate::edge::Edge;
use crate::faults::FaultRule;
use crate::reply::Reply;
use crate::simulator::Edges;

/// Where it is.
pub(crate) const PATH: &str = "/faults";
/// More at once than anybody can follow.
const MOST: usize = 100;

/// Whom a request is about.
enum About {
    All,
    One(Arc<Edge>),
}

impl About {
    fn of(query: &str, edge: &Arc<Edge>, edges: &Edges) -> Option<Self> {
        let named = query.split('&').find_map(|pair| pair.strip_prefix("edge="));
        match named {
            None => Some(Self::One(Arc::clone(edge))),
            Some("all") => Some(Self::All),
            Some(ip) => {
                let ip: Ipv4Addr = ip.parse().ok().filter(Ipv4Addr::is_loopback)?;
                edges.get(ip).map(Self::One)
            }
        }
    }

    fn rules(&self, edges: &Edges) -> Vec<FaultRule> {
        match self {
            Self::All => edges.faults(),
            Self::One(edge) => edge.faults().rules().to_vec(),
        }
    }
}

/// Does what is asked, and tells what is set to go wrong then.
pub(crate) fn answer(parts: &Parts, body: Input, edge: &Arc<Edge>, edges: &Edges) -> Reply {
    let bad = |text: &str| Reply::text(StatusCode::BAD_REQUEST, format!("{text}\n"));
    let Some(about) = About::of(parts.uri.query().unwrap_or_default(), edge, edges) else {
        return bad("edge is \"all\" or an address of 127.0.0.0/8");
    };
    match parts.method {
        Method::GET => {}
        Method::POST => {
            let Input::Plain(Plain {
                body,
                too_large: false,
            }) = body
            else {
                return bad("at most 4096 bytes of faults at once");
            };
            let text = String::from_utf8_lossy(&body);
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let added: Vec<FaultRule> = match lines.map(str::parse).collect() {
                Ok(added) => added,
                Err(error) => return bad(&format!("{error}")),
            };
            if about.rules(edges).len() + added.len() > MOST {
                return bad("there are a hundred faults already: DELETE takes them away");
            }
            for rule in added {
                match &about {
                    About::All => edges.fault(&rule),
                    About::One(edge) => edge.faults().add(rule),
                }
            }
        }
        Method::DELETE => match &about {
            About::All => edges.heal(),
            About::One(edge) => edge.faults().clear(),
        },
        _ => return Reply::text(StatusCode::METHOD_NOT_ALLOWED, "GET, POST or DELETE\n"),
    }
    let rules = about.rules(edges);
    if rules.is_empty() {
        return Reply::ok("nothing is set to go wrong\n");
    }
    Reply::ok(rules.iter().map(|rule| format!("{rule}\n")).collect::<String>())
}
