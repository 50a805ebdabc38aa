//! The package store: files in a local directory, each under its SHA-256.
//!
//! ```text
//! <packages>/incoming/<random>   being received; locked by the process that receives it, removed when it breaks off
//! <packages>/blobs/<sha256>      complete and checked; rows refer to it, and it goes with the last that does
//! ```
//!
//! Both are on one file system, so that a file gets into place by a rename: it is there whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use uuid::Uuid;

/// How many bytes of an upload are gathered before they are hashed and written, off the threads that serve requests.
const GATHER: usize = 256 * 1024;

/// The SHA-256 of a file, as lower-case hexadecimal: its name in the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Digest(String);

impl Digest {
    /// Takes a text that is 64 lower-case hexadecimal digits; nothing else ever names a file.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 64
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        digits.then(|| Self(text.to_owned()))
    }

    /// The hexadecimal digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    incoming: PathBuf,
    blobs: PathBuf,
    #[cfg(test)]
    faults: faults::Faults,
}

impl Blobs {
    /// Opens the store, makes its directories where they are missing, and removes what was being received when a
    /// process died. What another process is receiving right now is left alone: it holds a lock on it.
    ///
    /// # Errors
    /// When a directory cannot be made or read.
    pub(crate) async fn open(directory: &Path) -> io::Result<Self> {
        let inner = Arc::new(Inner {
            incoming: directory.join("incoming"),
            blobs: directory.join("blobs"),
            #[cfg(test)]
            faults: faults::Faults::default(),
        });
        let store = Self { inner };
        store
            .blocking(|inner| {
                fs::create_dir_all(&inner.incoming)?;
                fs::create_dir_all(&inner.blobs)?;
                sync_directory(&inner.blobs)?;
                sweep(&inner.incoming)
            })
            .await?;
        Ok(store)
    }

    /// Begins to receive a file.
    ///
    /// # Errors
    /// When no file can be made.
    pub(crate) async fn receive(&self) -> io::Result<Incoming> {
        let sink = self
            .blocking(|inner| {
                let path = inner.incoming.join(Uuid::new_v4().simple().to_string());
                let file = OpenOptions::new()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&path)?;
                let path = Temporary { path, kept: false };
                file.lock()?;
                Ok(Sink {
                    file,
                    path,
                    hash: digest::Context::new(&digest::SHA256),
                    size: 0,
                    gathered: Vec::with_capacity(GATHER),
                })
            })
            .await?;
        Ok(Incoming {
            store: self.clone(),
            sink: Some(sink),
        })
    }

    /// Puts a received file in its place. One of the same bytes that is there already is replaced by it, so that nothing
    /// depends on what was there. The caller holds the lock on the digest ([`crate::store::locks`]).
    ///
    /// # Errors
    /// When it cannot be renamed or the directory cannot be synced; the received file is then still in its old place.
    pub(crate) async fn put(&self, received: Received) -> io::Result<()> {
        self.blocking(move |inner| {
            #[cfg(test)]
            inner.faults.at(faults::Point::Put)?;
            let place = inner.blobs.join(received.digest.as_str());
            fs::rename(&received.path.path, &place)?;
            received.path.keep();
            sync_directory(&inner.blobs)
        })
        .await
    }

    /// Opens a file to be read; `None` when it is not there. Gives its size too.
    ///
    /// # Errors
    /// When it is there and cannot be opened.
    pub(crate) async fn read(&self, digest: &Digest) -> io::Result<Option<(File, u64)>> {
        let digest = digest.clone();
        self.blocking(move |inner| match File::open(inner.blobs.join(digest.as_str())) {
            Ok(file) => {
                let size = file.metadata()?.len();
                Ok(Some((file, size)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Removes a file; none is fine. The caller holds the lock on the digest and knows that no row refers to it.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub(crate) async fn remove(&self, digest: &Digest) -> io::Result<()> {
        let digest = digest.clone();
        self.blocking(
            move |inner| match fs::remove_file(inner.blobs.join(digest.as_str())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        )
        .await
    }

    /// All files in place, for the sweep at start.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) async fn all(&self) -> io::Result<Vec<Digest>> {
        self.blocking(|inner| {
            let mut all = Vec::new();
            for entry in fs::read_dir(&inner.blobs)? {
                if let Some(digest) = entry?.file_name().to_str().and_then(Digest::parse) {
                    all.push(digest);
                }
            }
            Ok(all)
        })
        .await
    }

    /// Whether files can be made here, for readiness.
    ///
    /// # Errors
    /// When they cannot.
    pub(crate) async fn check(&self) -> io::Result<()> {
        self.receive().await.map(drop)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || work(&inner)).await?
    }
}

/// A file that is being received. Dropped before [`Incoming::finish`] has given it on, it is gone from the disk.
#[derive(Debug)]
pub(crate) struct Incoming {
    store: Blobs,
    /// Away while it writes.
    sink: Option<Sink>,
}

struct Sink {
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

impl Incoming {
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
                _inner.faults.at(faults::Point::Sync)?;
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
                _inner.faults.at(faults::Point::Write)?;
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
    path: Temporary,
}

/// A path whose file goes with it, unless it was kept.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    /// The file has another place now.
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished upload could not be removed; the next start will");
        }
    }
}

/// Makes the names in a directory last a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes what nobody is receiving any more.
fn sweep(incoming: &Path) -> io::Result<()> {
    for entry in fs::read_dir(incoming)? {
        let path = entry?.path();
        let file = match File::open(&path) {
            Ok(file) => file,
            // Another process has finished or removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {
                tracing::info!(path = %path.display(), "removing an upload that broke off with its process");
                fs::remove_file(&path)?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod faults;

#[cfg(test)]
mod tests;
