//! A disk that fills up where a test says, or stands still there.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use super::Blobs;

/// Where it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Making a file to receive.
    Create,
    /// Writing received bytes.
    Write,
    /// Syncing a received file.
    Sync,
    /// Putting a file in its place.
    Put,
    /// The file is in its place, and its name is not synced yet.
    Placed,
    /// Removing a file.
    Remove,
}

#[derive(Debug)]
enum Fault {
    /// After so many passes.
    Full(u32),
    /// Tells that it was reached, and goes on when told to.
    Stands(SyncSender<()>, Receiver<()>),
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Option<(Point, Fault)>>);

impl Faults {
    pub(crate) fn at(&self, point: Point) -> io::Result<()> {
        let mut fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match fault.as_mut() {
            Some((at, Fault::Full(0))) if *at == point => Err(io::ErrorKind::StorageFull.into()),
            Some((at, Fault::Full(after))) if *at == point => {
                *after -= 1;
                Ok(())
            }
            Some((at, Fault::Stands(..))) if *at == point => {
                if let Some((_, Fault::Stands(reached, go))) = fault.take() {
                    drop(fault);
                    reached.send(()).ok();
                    // Gone on too when the test has let go of it.
                    go.recv().ok();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Blobs {
    /// From now on the disk is full at this point, after `after` more passes of it.
    pub(crate) fn fill(&self, point: Point, after: u32) {
        *self.inner.faults.0.lock().unwrap() = Some((point, Fault::Full(after)));
    }

    /// The next to come to this point stands still there. The first end says when it does, the second lets it go on.
    pub(crate) fn stand(&self, point: Point) -> (Receiver<()>, SyncSender<()>) {
        let (reached, is_reached) = sync_channel(1);
        let (let_go, go) = sync_channel(1);
        *self.inner.faults.0.lock().unwrap() = Some((point, Fault::Stands(reached, go)));
        (is_reached, let_go)
    }
}
