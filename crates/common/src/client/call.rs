//! One request and its bounded answer, and what is known when there is none.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::{RequestBuilder, Response};

use super::egress::NotAllowed;

/// No answer of a peer is read beyond so many bytes, but those that are streamed on.
pub const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// What a peer answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, at most [`ANSWER_BYTES`].
    pub body: Bytes,
}

impl Answer {
    /// The body as text without the quotes of JSON strings: v1.0's controllers answer errors as one JSON string, several in
    /// a row, or nothing, whatever the `Content-Type` says.
    pub fn text(&self) -> String {
        let mut strings = serde_json::Deserializer::from_slice(&self.body).into_iter::<String>();
        let texts: Result<Vec<String>, _> = strings.by_ref().collect();
        match texts {
            Ok(texts) => texts.join(" "),
            Err(_) => String::from_utf8_lossy(&self.body).trim().to_owned(),
        }
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// What serde says.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Why there is no answer, and what that proves. The texts name no credentials and are fit for an operation's reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The rule of egress refused; nothing went out.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// No connection; nothing went out.
    #[error("{peer} cannot be reached: {why}")]
    NoConnection {
        /// Whom.
        peer: String,
        /// What the system says.
        why: String,
    },
    /// The connection broke before the request was out whole: the peer cannot have acted.
    #[error("the request to {peer} could not be sent whole: {why}")]
    NotSent {
        /// To whom.
        peer: String,
        /// What happened.
        why: String,
    },
    /// The request may be out, and no answer came: the peer may have acted.
    #[error("{peer} did not answer: {why}")]
    NoAnswer {
        /// Who.
        peer: String,
        /// What happened.
        why: String,
        /// Whether the time was up.
        timed_out: bool,
    },
    /// The answer is longer than we read.
    #[error("the answer of {peer} is longer than {ANSWER_BYTES} bytes")]
    TooLong {
        /// Whose.
        peer: String,
    },
}

impl CallError {
    /// Whether it is sure that the peer has not seen the whole request, so that it may be sent again.
    pub fn nothing_sent(&self) -> bool {
        matches!(
            self,
            Self::NotAllowed(_) | Self::NoConnection { .. } | Self::NotSent { .. }
        )
    }

    /// Whether the peer was too slow, which is a 504 where everything else is a 502.
    pub fn timed_out(&self) -> bool {
        matches!(self, Self::NoAnswer { timed_out: true, .. })
    }

    /// What went wrong with a request that reqwest gave up; `whole` says whether all of its body had been handed on.
    pub fn of(error: &reqwest::Error, peer: &str, whole: bool) -> Self {
        let peer = peer.to_owned();
        if let Some(refused) = find::<NotAllowed>(error) {
            return Self::NotAllowed(refused.clone());
        }
        let why = innermost(error);
        if error.is_connect() || error.is_builder() {
            Self::NoConnection { peer, why }
        } else if !whole {
            Self::NotSent { peer, why }
        } else {
            let timed_out = error.is_timeout();
            Self::NoAnswer { peer, why, timed_out }
        }
    }
}

/// The cause that says most to a person: the system's, at the end of the chain.
fn innermost(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn find<T: Error + 'static>(error: &dyn Error) -> Option<&T> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Makes a request and reads its answer, within `time` in all. `peer` names the other end in errors, address included.
///
/// # Errors
/// [`CallError`]; an answer of any status is no error here.
pub async fn call(request: RequestBuilder, time: Duration, peer: &str) -> Result<Answer, CallError> {
    call_with(request, time, peer, || true).await
}

/// [`call`] with a body whose progress is known: `whole` says whether all of it has been handed on.
///
/// # Errors
/// As [`call`].
pub async fn call_with(
    request: RequestBuilder,
    time: Duration,
    peer: &str,
    whole: impl Fn() -> bool,
) -> Result<Answer, CallError> {
    let response = request
        .timeout(time)
        .send()
        .await
        .map_err(|error| CallError::of(&error, peer, whole()))?;
    bounded(response, peer).await
}

/// Reads an answer to its end, if that comes in time.
pub(super) async fn bounded(mut response: Response, peer: &str) -> Result<Answer, CallError> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES => {
                return Err(CallError::TooLong {
                    peer: peer.to_owned(),
                });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => {
                return Err(CallError::NoAnswer {
                    peer: peer.to_owned(),
                    why: innermost(&error),
                    timed_out: error.is_timeout(),
                });
            }
        }
    }
    Ok(Answer {
        status,
        headers,
        body: body.freeze(),
    })
}
