//! Request bodies that must keep coming: a slow client cannot hold a connection, and what it holds, for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
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

/// Wraps a request's body so that it fails with [`BodyError::TooSlow`] when it does not keep the pace. The second is what
/// whoever reads it leaves.
pub fn paced(body: Body, pace: Pace) -> (Body, Rest) {
    let (Pace::Whole(time) | Pace::Progress(time)) = pace;
    let paced = Arc::new(Mutex::new(Paced {
        body,
        pace,
        deadline: Box::pin(tokio::time::sleep(time)),
        ended: false,
    }));
    (Body::new(Reader(paced.clone())), Rest(paced))
}

struct Paced {
    body: Body,
    pace: Pace,
    deadline: Pin<Box<Sleep>>,
    /// Nothing more is to come, well or not.
    ended: bool,
}

type Frame = Result<http_body::Frame<Bytes>, axum::Error>;

impl Paced {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = http_body::Body::poll_frame(Pin::new(&mut self.body), cx) {
            if let Pace::Progress(time) = self.pace {
                self.deadline.as_mut().reset(Instant::now() + time);
            }
            self.ended = !matches!(frame, Some(Ok(_)));
            return Poll::Ready(frame);
        }
        if self.deadline.as_mut().poll(cx).is_ready() {
            self.ended = true;
            return Poll::Ready(Some(Err(axum::Error::new(BodyError::TooSlow))));
        }
        Poll::Pending
    }
}

fn held(paced: &Mutex<Paced>) -> MutexGuard<'_, Paced> {
    paced.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body as its reader has it.
struct Reader(Arc<Mutex<Paced>>);

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        held(&self.0).poll(cx)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::Body::size_hint(&held(&self.0).body)
    }

    fn is_end_stream(&self) -> bool {
        let paced = held(&self.0);
        paced.ended || http_body::Body::is_end_stream(&paced.body)
    }
}

/// What a reader leaves of a body.
pub struct Rest(Arc<Mutex<Paced>>);

/// How much of a body that nobody wants is read on at most, and how long.
const DRAIN_BYTES: usize = 64 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

impl Rest {
    /// Reads it, within bounds: a client that writes its whole request before it reads, as Java's does, gets its answer
    /// instead of a broken pipe.
    pub async fn drain(self) {
        let read = async {
            let mut read = 0;
            while let Some(Ok(frame)) = std::future::poll_fn(|cx| held(&self.0).poll(cx)).await {
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > DRAIN_BYTES {
                    return;
                }
            }
        };
        drop(tokio::time::timeout(DRAIN_TIME, read).await);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

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
            let error = paced(stalled_after(&["some"]), pace)
                .0
                .collect()
                .await
                .unwrap_err();
            assert!(error.to_string().contains("not received in time"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_is_read_whole() {
        let (body, rest) = paced(Body::from("all of it"), Pace::Whole(SHORT));
        let body = body.collect().await.unwrap();
        assert_eq!(body.to_bytes(), "all of it");
        rest.drain().await;
    }

    #[tokio::test]
    async fn what_is_left_is_read_until_it_ends_or_stands_still() {
        let (mut body, rest) = paced(stalled_after(&["one", "two"]), Pace::Progress(SHORT));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
        drop(body);
        let left = rest.0.clone();
        rest.drain().await;
        assert!(held(&left).ended);
    }
}
