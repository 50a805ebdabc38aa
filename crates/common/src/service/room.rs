//! How much memory the bodies of requests may take together, so that many of them cannot take all there is. What streams to a
//! file, as a package does, takes no room.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{ApiError, Limits, broken_body};
use crate::config::OF_STRANGERS;

/// Room for so many bytes. Clones share it.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

/// The two rooms of a service. Strangers have one of their own: they cannot keep out who is known.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// For the bodies of callers who are known.
    pub known: Room,
    /// For bodies that must be read before their signature can be judged.
    pub strangers: Room,
}

/// What one body takes of a room; given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    room: Room,
    permit: Option<OwnedSemaphorePermit>,
}

/// Why a body is not in the room.
#[derive(Debug)]
pub enum NotRead {
    /// It is larger than it may be.
    TooLarge,
    /// What its sender is told.
    Error(ApiError),
}

impl Rooms {
    /// Rooms of `bytes` in all.
    pub fn new(bytes: usize) -> Self {
        let strangers = bytes / OF_STRANGERS;
        Self {
            known: Room::new(bytes - strangers),
            strangers: Room::new(strangers),
        }
    }

    /// Those of the service that has the request.
    pub fn of(parts: &Parts) -> Self {
        let there = parts.extensions.get::<Self>().cloned();
        there.unwrap_or_else(|| Self::new(Limits::default().bodies))
    }
}

impl Room {
    fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// Nothing of it, yet.
    pub fn nothing(&self) -> Held {
        Held {
            room: self.clone(),
            permit: None,
        }
    }

    /// Reads a body of at most `limit` bytes. It takes its room until it is dropped, piece by piece: what was announced and has
    /// not come takes none.
    ///
    /// # Errors
    /// [`NotRead`].
    pub async fn read(&self, mut body: Body, limit: usize) -> Result<Bytes, NotRead> {
        if body.size_hint().lower() > limit as u64 {
            return Err(NotRead::TooLarge);
        }
        let (mut held, mut bytes) = (self.nothing(), BytesMut::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| NotRead::Error(broken_body(&error)))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(NotRead::TooLarge);
            }
            held.more(data.len()).map_err(NotRead::Error)?;
            bytes.extend_from_slice(&data);
        }
        Ok(held.keep(bytes.freeze()))
    }
}

impl Held {
    /// Takes room for more bytes.
    ///
    /// # Errors
    /// 429 when there is none left now.
    pub fn more(&mut self, bytes: usize) -> Result<(), ApiError> {
        let wanted = u32::try_from(bytes).map_err(|_| ApiError::too_many_requests())?;
        let room = Arc::clone(&self.room.0);
        let more = room
            .try_acquire_many_owned(wanted)
            .map_err(|_| ApiError::too_many_requests())?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }

    /// The bytes, which take their room as long as they are there.
    pub fn keep(self, bytes: Bytes) -> Bytes {
        struct Kept {
            bytes: Bytes,
            _held: Held,
        }
        impl AsRef<[u8]> for Kept {
            fn as_ref(&self) -> &[u8] {
                &self.bytes
            }
        }
        Bytes::from_owner(Kept { bytes, _held: self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(room: &Room, bytes: usize) -> Result<Bytes, u16> {
        match room.read(Body::from(vec![b'x'; bytes]), 100).await {
            Ok(bytes) => Ok(bytes),
            Err(NotRead::TooLarge) => Err(413),
            Err(NotRead::Error(error)) => Err(error.status.as_u16()),
        }
    }

    #[tokio::test]
    async fn bodies_take_room_as_long_as_they_are_there() {
        let room = Rooms::new(400).strangers;
        let first = read(&room, 60).await.unwrap();
        assert_eq!(read(&room, 41).await, Err(429));
        let second = read(&room, 40).await.unwrap();
        assert_eq!((first.len(), second.len()), (60, 40));
        assert_eq!(read(&room, 101).await, Err(413), "too large for any room");
        // A part of it is it.
        let part = first.slice(..1);
        drop(first);
        assert_eq!(read(&room, 1).await, Err(429));
        drop(part);
        assert_eq!(read(&room, 60).await.unwrap().len(), 60);
    }

    #[tokio::test]
    async fn what_was_announced_and_has_not_come_takes_no_room_and_strangers_keep_nobody_out() {
        let rooms = Rooms::new(400);
        let (send, body) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let body = futures::stream::unfold(body, |mut body| async {
            body.recv().await.map(|next| (next, body))
        });
        let slow = tokio::spawn({
            let room = rooms.strangers.clone();
            async move {
                room.read(Body::from_stream(body), 100)
                    .await
                    .map(|bytes| bytes.len())
            }
        });
        assert_eq!(read(&rooms.strangers, 100).await.unwrap().len(), 100);
        let all = read(&rooms.strangers, 100).await.unwrap();
        assert_eq!(read(&rooms.known, 100).await.unwrap().len(), 100);
        send.send(Ok(Bytes::from_static(b"late"))).await.unwrap();
        let refused = slow.await.unwrap();
        assert!(
            matches!(refused, Err(NotRead::Error(error)) if error.status == 429 && error.retry_after == Some(1))
        );
        drop(all);
    }
}
