//! A download from an address that a body names: only to where that may be, hop by hop, and the caller's token to nobody but
//! the one it was meant for.

use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use super::call::CallError;
use super::context::CallContext;
use super::egress::Egress;
use super::http::Clients;

/// More redirects in a row lead nowhere.
const HOPS: usize = 5;

/// How downloads are made. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outside {
    client: reqwest::Client,
    egress: Egress,
    stall: Duration,
}

/// Why there is no download. The texts name hosts and no more of an address: its rest may carry secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutsideError {
    /// The address is not one of those that the caller of [`Outside::get`] lets pass.
    #[error("{0} is not among the allowed app stores")]
    NotListed(String),
    /// No answer, or not all of it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Another answer than the file.
    #[error("{peer} answered {status}")]
    Refused {
        /// Who.
        peer: String,
        /// With what.
        status: u16,
    },
    /// It leads on and on, or nowhere.
    #[error("{0} redirects to no address that can be followed")]
    Redirects(String),
}

impl OutsideError {
    /// Whether asking again later may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NotListed(_) | Self::Redirects(_) => false,
            Self::Call(error) => !matches!(error, CallError::NotAllowed(_)),
            Self::Refused { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
        }
    }
}

/// A file on its way.
#[derive(Debug)]
pub struct Download {
    response: Response,
    peer: String,
    stall: Duration,
}

impl Outside {
    /// With the clients' connections; `stall` is how long a peer may say nothing.
    pub fn new(clients: &Clients, stall: Duration) -> Self {
        Self {
            client: clients.outside.clone(),
            egress: clients.egress.outside(),
            stall,
        }
    }

    /// Asks for a file, with the token. Redirects are followed where `listed` lets them pass too; the token goes to the
    /// origin of `url` and to no other.
    ///
    /// # Errors
    /// [`OutsideError`].
    pub async fn get(
        &self,
        context: &CallContext,
        url: &Url,
        token: &SecretString,
        listed: impl Fn(&Url) -> bool,
    ) -> Result<Download, OutsideError> {
        let mut at = url.clone();
        for _ in 0..=HOPS {
            let peer = authority(&at);
            if !listed(&at) {
                return Err(OutsideError::NotListed(peer));
            }
            // A literal is not resolved, so nobody else judges it; as parsed, since there are many spellings of one.
            self.egress
                .check(at.host_str().unwrap_or_default())
                .map_err(CallError::from)?;
            let mut request = context.on(self.client.get(at.clone()));
            if at.origin() == url.origin() {
                request = request.header("access_token", token.expose_secret());
            }
            let response = tokio::time::timeout(self.stall, request.send())
                .await
                .map_err(|_| slow(&peer))?
                .map_err(|error| CallError::of(&error, &peer, true))?;
            let status = response.status();
            if status.is_success() {
                return Ok(Download {
                    response,
                    peer,
                    stall: self.stall,
                });
            }
            if !is_redirect(status) {
                let status = status.as_u16();
                return Err(OutsideError::Refused { peer, status });
            }
            let next = response.headers().get(LOCATION);
            let next = next.and_then(|to| at.join(to.to_str().ok()?).ok());
            at = next
                .filter(|next| matches!(next.scheme(), "http" | "https") && next.has_host())
                .ok_or_else(|| OutsideError::Redirects(peer.clone()))?;
        }
        Err(OutsideError::Redirects(authority(url)))
    }
}

impl Download {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`OutsideError::Call`] when it stands still or breaks off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, OutsideError> {
        let chunk = tokio::time::timeout(self.stall, self.response.chunk()).await;
        let chunk = chunk.map_err(|_| slow(&self.peer))?;
        Ok(chunk.map_err(|error| CallError::of(&error, &self.peer, true))?)
    }
}

/// Host and port of an address, the port also where it is the scheme's own.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn slow(peer: &str) -> CallError {
    CallError::NoAnswer {
        peer: peer.to_owned(),
        why: "it says nothing more".to_owned(),
        timed_out: true,
    }
}
