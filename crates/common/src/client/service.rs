//! Calls to the other services of the suite: signed with the service's own key, on the tenant's path.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use reqwest::RequestBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::call::{Answer, CallError, call};
use super::context::CallContext;
use crate::auth::keys::ServiceKey;
use crate::auth::signature::{EMPTY_BODY_SHA256, RequestParts, hash_body, sign};
use crate::clock::Clock;
use crate::models::error::ErrorBody;
use crate::service::ApiError;

/// One other service. Cheap to clone.
#[derive(Clone)]
pub struct ServicePeer(Arc<Inner>);

struct Inner {
    name: &'static str,
    client: reqwest::Client,
    /// Scheme, host and port; no slash at the end.
    origin: String,
    host: String,
    key: ServiceKey,
    clock: Clock,
    time: Duration,
    /// One place for each call under way.
    places: Semaphore,
}

/// Calls under way to one service at most; more wait. A service answers in about a millisecond, so a thousand jobs lose
/// nothing by it, where a connection for each would cost 50 KiB at both ends.
const CALLS_AT_ONCE: usize = 32;

impl fmt::Debug for ServicePeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServicePeer({} at {})", self.0.name, self.0.origin)
    }
}

/// Why another service did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PeerError {
    /// No usable answer came.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It refused.
    #[error("{peer} answered {status}: {}", details.join("; "))]
    Refused {
        /// Who.
        peer: &'static str,
        /// With what.
        status: u16,
        /// `details` of its answer, or what else it said.
        details: Vec<String>,
    },
    /// It answered something that is not its interface.
    #[error("{peer} answered what cannot be read: {why}")]
    Nonsense {
        /// Who.
        peer: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl PeerError {
    /// Whether the peer said 404.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the peer said that the record is there already.
    pub fn already_exists(&self) -> bool {
        matches!(self, Self::Refused { status: 400, details, .. }
            if details.iter().any(|detail| detail == "Record already exist"))
    }

    /// Whether asking again later may help: not after a refusal, but when the peer says that it is busy or away.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Call(error) => !matches!(error, CallError::NotAllowed(_)),
            Self::Refused { status, .. } => matches!(status, 429 | 502 | 503 | 504),
            Self::Nonsense { .. } => true,
        }
    }
}

impl From<PeerError> for ApiError {
    fn from(error: PeerError) -> Self {
        let text = error.to_string();
        match &error {
            PeerError::Call(call) if call.timed_out() => Self::gateway_timeout(text),
            _ => Self::bad_gateway(text),
        }
        .cause(error)
    }
}

impl ServicePeer {
    /// A service at `origin` (scheme, host and port), called with `key`.
    ///
    /// # Errors
    /// When the origin is no address; the text says so.
    pub fn new(
        name: &'static str,
        origin: &str,
        client: reqwest::Client,
        key: ServiceKey,
        clock: Clock,
        time: Duration,
    ) -> Result<Self, String> {
        let unusable = || format!("{origin:?} is no address of {name}: write it as http://host:port");
        let url = reqwest::Url::parse(origin).map_err(|_| unusable())?;
        let host = url
            .host_str()
            .filter(|_| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(unusable)?;
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self(Arc::new(Inner {
            name,
            client,
            origin: origin.trim_end_matches('/').to_owned(),
            host,
            key,
            clock,
            time,
            places: Semaphore::new(CALLS_AT_ONCE),
        })))
    }

    /// Its name, for errors.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// A signed request without a body or with a JSON one. `path` begins with a slash and needs no escapes.
    pub fn request(
        &self,
        context: &CallContext,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> RequestBuilder {
        let inner = &*self.0;
        let id = context.unique_id();
        let mut headers: Vec<(&str, &[u8])> =
            vec![("host", inner.host.as_bytes()), ("x-request-id", id.as_bytes())];
        if body.is_some() {
            headers.push(("content-type", b"application/json"));
        }
        let hash = body
            .as_deref()
            .map_or_else(|| EMPTY_BODY_SHA256.to_owned(), hash_body);
        let (path_only, query) = path.split_once('?').unwrap_or((path, ""));
        let parts = RequestParts {
            method: method.as_str(),
            path: path_only,
            query,
            headers: &headers,
        };
        let key = &inner.key;
        let signed = sign(&key.access_key, &key.secret_key, &parts, &hash, inner.clock.now());
        let mut request = inner
            .client
            .request(method, format!("{}{path}", inner.origin))
            .header(HOST, &inner.host)
            .header("x-request-id", &id)
            .header(ACCEPT, "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        context.trace(request)
    }

    /// Makes a call; any status but 2xx is an error.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn call(
        &self,
        context: &CallContext,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, PeerError> {
        // Never closed; signed only when its turn has come, so that the date is that of the sending.
        let _place = self.0.places.acquire().await;
        let request = self.request(context, method, path, body);
        let answer = call(request, self.0.time, self.name()).await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(self.refusal(&answer))
        }
    }

    /// What a refusal says.
    pub fn refusal(&self, answer: &Answer) -> PeerError {
        let details = match answer.json::<ErrorBody>() {
            Ok(body) if !body.details.is_empty() => body.details,
            _ => vec![answer.text().chars().take(500).collect()],
        };
        PeerError::Refused {
            peer: self.name(),
            status: answer.status.as_u16(),
            details,
        }
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn get<T: DeserializeOwned>(&self, context: &CallContext, path: &str) -> Result<T, PeerError> {
        let answer = self.call(context, Method::GET, path, None).await?;
        self.read(&answer)
    }

    /// Reads JSON; 404 is `None`.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn find<T: DeserializeOwned>(
        &self,
        context: &CallContext,
        path: &str,
    ) -> Result<Option<T>, PeerError> {
        match self.get(context, path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn send(
        &self,
        context: &CallContext,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, PeerError> {
        let body = serde_json::to_vec(body).map_err(|error| PeerError::Nonsense {
            peer: self.name(),
            why: error.to_string(),
        })?;
        self.call(context, method, path, Some(body)).await
    }

    /// Reads an answer as JSON.
    ///
    /// # Errors
    /// [`PeerError::Nonsense`].
    pub fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, PeerError> {
        answer.json().map_err(|error| PeerError::Nonsense {
            peer: self.name(),
            why: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests;
