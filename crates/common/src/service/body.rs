//! Request bodies that must keep coming: a slow client cannot hold a connection, and what it holds, for ever.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep};

use super::ApiError;

/// Why a body could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Too slow.
    #[error("the request was not received in time; send it faster or in smaller parts")]
    TooSlow,
    /// The bytes are not those that the signature was made for.
    #[error("the body is not the one that was signed")]
    NotAsSigned,
}

impl BodyError {
    /// What the client is told.
    pub fn to_api_error(&self) -> ApiError {
        match self {
            Self::TooSlow => ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "Request Timeout")
                .details([self.to_string()]),
            Self::NotAsSigned => ApiError::malformed(self.to_string()),
        }
    }
}

/// How long a body may take.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// The whole within this time.
    Whole(Duration),
    /// Never this long without progress; for package uploads, which take as long as they take.
    Progress(Duration),
}

/// Wraps a request's body so that it fails with [`BodyError::TooSlow`] when it does not keep the pace.
pub fn paced(body: Body, pace: Pace) -> Body {
    let (Pace::Whole(time) | Pace::Progress(time)) = pace;
    Body::new(Paced {
        body,
        pace,
        deadline: Box::pin(tokio::time::sleep(time)),
    })
}

struct Paced {
    body: Body,
    pace: Pace,
    deadline: Pin<Box<Sleep>>,
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if let Pace::Progress(time) = self.pace {
                self.deadline.as_mut().reset(Instant::now() + time);
            }
            return Poll::Ready(frame);
        }
        if self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(BodyError::TooSlow))));
        }
        Poll::Pending
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::Body::size_hint(&self.body)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// Reads on what is left of a body that nobody wants, so that the client gets its answer instead of a broken pipe;
/// gives up after `most` bytes.
pub async fn drain(mut body: Body, most: usize) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > most {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    fn stalled_after(pieces: &'static [&'static str]) -> Body {
        use futures::StreamExt;
        let pieces = futures::stream::iter(pieces)
            .map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes())));
        Body::from_stream(pieces.chain(futures::stream::pending()))
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_cut_off_at_either_pace() {
        for pace in [Pace::Whole(SHORT), Pace::Progress(SHORT)] {
            let error = paced(stalled_after(&["some"]), pace).collect().await.unwrap_err();
            assert!(error.to_string().contains("not received in time"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_is_read_whole() {
        let body = paced(Body::from("all of it"), Pace::Whole(SHORT))
            .collect()
            .await
            .unwrap();
        assert_eq!(body.to_bytes(), "all of it");
    }
}
