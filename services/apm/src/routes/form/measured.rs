//! A body that a form's parser gets piece by piece. The parser keeps everything until it has found the next boundary, or the
//! end of a part's headers, and takes all that is ready at once: a hostile body, or a fast one, would be in memory whole.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;

/// What may be taken before a part begins or goes on; more than the longest headers of a part.
const MOST: usize = 64 * 1024;

/// The body.
pub(super) struct Measured<S> {
    body: S,
    taken: Taken,
    /// The parser asks on until it is told to wait, so it is, once after each piece.
    wait: bool,
}

/// How much was taken since something came out. A clone counts the same.
#[derive(Clone, Default)]
pub(super) struct Taken(Arc<AtomicUsize>);

impl Taken {
    /// Something came out.
    pub(super) fn note(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Nothing came out of a lot.
#[derive(Debug, thiserror::Error)]
#[error("the form's boundary, or the end of a part's headers, is missing")]
pub(super) struct NoPart;

impl<S> Measured<S> {
    /// Wraps a body; what came out is to be told to the other half.
    pub(super) fn new(body: S) -> (Self, Taken) {
        let taken = Taken::default();
        let measured = Self {
            body,
            taken: taken.clone(),
            wait: false,
        };
        (measured, taken)
    }
}

impl<S: Stream<Item = Result<Bytes, axum::Error>> + Unpin> Stream for Measured<S> {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.wait) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.taken.0.load(Ordering::Relaxed) > MOST {
            return Poll::Ready(Some(Err(NoPart.into())));
        }
        let piece = std::task::ready!(Pin::new(&mut self.body).poll_next(cx));
        Poll::Ready(match piece {
            Some(Ok(bytes)) => {
                self.taken.0.fetch_add(bytes.len(), Ordering::Relaxed);
                self.wait = true;
                Some(Ok(bytes))
            }
            Some(Err(error)) => Some(Err(error.into())),
            None => None,
        })
    }
}
