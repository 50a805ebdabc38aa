//! A file on its way into the store: received, hashed as it comes, and gone again unless it is put in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{Blobs, Digest};

/// How many bytes of an upload are gathered before they are hashed and written, off the threads that serve requests.
pub(super) const GATHER: usize = 256 * 1024;
/// How often a new file is made when another process's sweep takes it for an abandoned one.
const TRIES: usize = 10;

/// A file that is being received. Dropped before [`Incoming::finish`] has given it on, it is gone from the disk.
#[derive(Debug)]
pub(crate) struct Incoming {
    store: Blobs,
    /// Away while it writes.
    sink: Option<Sink>,
}

pub(super) struct Sink {
    file: File,
    path: Temporary,
    hash: digest::Context,
    size: u64,
    gathered: Vec<u8>,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink")
            .field("path", &self.path)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Sink {
    /// Makes a new file in `folder` and locks it: no sweep takes it away.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let path = folder.join(Uuid::new_v4().simple().to_string());
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)?;
            file.lock()?;
            // Between the two it was no process's, and may have been swept away.
            if fs::exists(&path)? {
                return Ok(Self {
                    file,
                    path: Temporary::new(path),
                    hash: digest::Context::new(&digest::SHA256),
                    size: 0,
                    gathered: Vec::with_capacity(GATHER),
                });
            }
        }
        Err(io::Error::other("new files are removed by somebody else"))
    }
}

impl Incoming {
    pub(super) fn new(store: Blobs, sink: Sink) -> Self {
        Self {
            store,
            sink: Some(sink),
        }
    }

    /// How many bytes have come so far.
    pub(crate) fn size(&self) -> u64 {
        self.sink
            .as_ref()
            .map_or(0, |sink| sink.size + sink.gathered.len() as u64)
    }

    /// Takes the next bytes. Holds at most [`GATHER`] bytes and the given ones in memory.
    ///
    /// # Errors
    /// When they cannot be written; nothing more can be then.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sink = self.sink.as_mut().ok_or_else(broken)?;
        sink.gathered.extend_from_slice(bytes);
        if sink.gathered.len() >= GATHER {
            self.flush().await?;
        }
        Ok(())
    }

    /// The whole file has come: writes what is left and makes it last a power cut.
    ///
    /// # Errors
    /// When it cannot be written or synced.
    pub(crate) async fn finish(mut self) -> io::Result<Received> {
        self.flush().await?;
        let sink = self.sink.take().ok_or_else(broken)?;
        self.store
            .blocking(move |_inner| {
                #[cfg(test)]
                _inner.faults.at(super::faults::Point::Sync)?;
                sink.file.sync_all()?;
                Ok(Received {
                    digest: Digest(hex::encode(sink.hash.finish())),
                    file: sink.file,
                    path: sink.path,
                    size: sink.size,
                })
            })
            .await
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut sink = self.sink.take().ok_or_else(broken)?;
        let sink = self
            .store
            .blocking(move |_inner| {
                #[cfg(test)]
                _inner.faults.at(super::faults::Point::Write)?;
                sink.file.write_all(&sink.gathered)?;
                sink.hash.update(&sink.gathered);
                sink.size += sink.gathered.len() as u64;
                sink.gathered.clear();
                Ok(sink)
            })
            .await?;
        self.sink = Some(sink);
        Ok(())
    }
}

fn broken() -> io::Error {
    io::Error::other("an earlier write of this file failed")
}

/// A file that has come whole and is on the disk, not yet in its place. Dropped before [`Blobs::put`], it is gone.
#[derive(Debug)]
pub(crate) struct Received {
    /// Its SHA-256.
    pub(crate) digest: Digest,
    /// Open for reading; its position is its end.
    pub(crate) file: File,
    /// Its size in bytes.
    pub(crate) size: u64,
    pub(super) path: Temporary,
}

/// A path whose file goes with it, unless it was kept.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, kept: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file has another place now.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let path = std::mem::take(&mut self.path);
        let remove = move || match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "an unfinished upload could not be removed; the next start will");
            }
            _ => {}
        };
        // A large file takes a while, and this may be a thread that serves requests.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}
