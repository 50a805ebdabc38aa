//! A body whose hash was signed: checked while it streams.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::request::Parts;
use http_body::{Body as _, Frame, SizeHint};
use sha2::{Digest, Sha256};

use crate::service::ApiError;
use crate::service::body::BodyError;

/// What may follow after the last byte that the handler cared for (a multipart epilogue, for one).
const MOST_AFTER: usize = 64 * 1024;

/// A body on its way through, and its hash so far. A clone looks at the same body.
#[derive(Clone)]
struct SignedBody(Arc<Mutex<State>>);

struct State {
    body: Body,
    hash: Sha256,
    signed: [u8; 32],
    /// Whether the whole body was the signed one, once its end was seen.
    verdict: Option<bool>,
}

impl State {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let not_as_signed = || Some(Err(axum::Error::new(BodyError::NotAsSigned)));
        match self.verdict {
            Some(true) => return Poll::Ready(None),
            Some(false) => return Poll::Ready(not_as_signed()),
            None => {}
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.hash.update(data);
        }
        if frame.is_some() {
            return Poll::Ready(frame);
        }
        let fits = <[u8; 32]>::from(self.hash.clone().finalize()) == self.signed;
        self.verdict = Some(fits);
        Poll::Ready(if fits { None } else { not_as_signed() })
    }
}

impl http_body::Body for SignedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        // Not before the verdict: a reader must not stop early.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .verdict
            .is_some()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .body
            .size_hint()
    }
}

/// For handlers that read a body without seeing its end, as those of multipart forms do: what they keep must wait for
/// [`BodyCheck::finish`]. Handlers that read to the end need not care, the end is an error there.
#[derive(Clone, Default)]
pub struct BodyCheck(Option<SignedBody>);

impl std::fmt::Debug for BodyCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "BodyCheck({})",
            if self.0.is_some() { "signed" } else { "not signed" }
        )
    }
}

impl BodyCheck {
    /// Wraps a body so that its end is an error when it does not have the signed hash.
    pub(super) fn wrap(body: Body, signed: [u8; 32]) -> (Body, Self) {
        let state = State {
            body,
            hash: Sha256::new(),
            signed,
            verdict: None,
        };
        let body = SignedBody(Arc::new(Mutex::new(state)));
        (Body::new(body.clone()), Self(Some(body)))
    }

    /// Reads what is left of the body and says whether all of it was what the signature was made for. To be called when
    /// everything of interest was read and before anything is kept. Always well for a body whose hash was not signed.
    ///
    /// # Errors
    /// 400 when it was another body; what reading a broken body gives.
    pub async fn finish(&self) -> Result<(), ApiError> {
        let Some(body) = &self.0 else { return Ok(()) };
        let mut after = 0;
        loop {
            let next =
                std::future::poll_fn(|cx| body.0.lock().unwrap_or_else(PoisonError::into_inner).poll(cx));
            match next.await {
                None => return Ok(()),
                Some(Err(error)) => return Err(crate::service::broken_body(&error)),
                Some(Ok(frame)) => {
                    after += frame.data_ref().map_or(0, Bytes::len);
                    if after > MOST_AFTER {
                        return Err(BodyError::NotAsSigned.to_api_error());
                    }
                }
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BodyCheck {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use http_body_util::BodyExt as _;

    use super::*;

    fn pieces(pieces: &'static [&'static str]) -> Body {
        let pieces = futures::stream::iter(pieces).map(|piece| Ok::<_, std::io::Error>(Bytes::from(*piece)));
        Body::from_stream(pieces)
    }

    fn signed(text: &str) -> [u8; 32] {
        Sha256::digest(text).into()
    }

    #[tokio::test]
    async fn the_signed_body_comes_through_and_another_ends_in_an_error() {
        let (body, check) = BodyCheck::wrap(pieces(&["so", "me"]), signed("some"));
        assert!(!body.is_end_stream());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "some");
        assert!(check.finish().await.is_ok());
        for other in [&["so", "ne"][..], &["some", "more"], &["so"], &[]] {
            let (body, check) = BodyCheck::wrap(pieces(other), signed("some"));
            let error = body.collect().await.unwrap_err();
            assert_eq!(
                crate::service::broken_body(&error).details,
                ["the body is not the one that was signed"]
            );
            assert_eq!(check.finish().await.unwrap_err().status.as_u16(), 400);
        }
    }

    #[tokio::test]
    async fn what_was_not_read_is_checked_before_anything_is_kept() {
        for (sent, fits) in [(&["form", "\r\n"][..], true), (&["form", "evil"], false)] {
            let (mut body, check) = BodyCheck::wrap(pieces(sent), signed("form\r\n"));
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "form");
            drop(body);
            assert_eq!(check.finish().await.is_ok(), fits);
        }
        assert!(BodyCheck::default().finish().await.is_ok());
    }
}
