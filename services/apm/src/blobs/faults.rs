//! A disk that fills up where a test says.

use std::io;
use std::sync::Mutex;

use super::Blobs;

/// Where it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Writing received bytes.
    Write,
    /// Syncing a received file.
    Sync,
    /// Putting a file in its place.
    Put,
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Option<(Point, u32)>>);

impl Faults {
    pub(crate) fn at(&self, point: Point) -> io::Result<()> {
        let mut fault = self.0.lock().unwrap();
        match fault.as_mut() {
            Some((at, 0)) if *at == point => Err(io::ErrorKind::StorageFull.into()),
            Some((at, after)) if *at == point => {
                *after -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Blobs {
    /// From now on the disk is full at this point, after `after` more passes of it.
    pub(crate) fn fill(&self, point: Point, after: u32) {
        *self.inner.faults.0.lock().unwrap() = Some((point, after));
    }
}
