//! The package store: files in a local directory, each under its SHA-256.
//!
//! ```text
//! <packages>/incoming/<random>   being received; locked by the process that receives it, removed when it breaks off
//! <packages>/blobs/<sha256>      complete and checked; rows refer to it, and it goes with the last that does
//! <packages>/store-id            says which database knows the files ([`crate::owner`])
//! ```
//!
//! Both are on one file system, so that a file gets into place by a rename: it is there whole or not at all.

mod incoming;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

pub(crate) use incoming::{Incoming, Received};
use incoming::{Sink, Temporary};

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
    mark: PathBuf,
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
            mark: directory.join("store-id"),
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
                #[cfg(test)]
                inner.faults.at(faults::Point::Create)?;
                Sink::new(&inner.incoming)
            })
            .await?;
        Ok(Incoming::new(self.clone(), sink))
    }

    /// Puts a received file in its place. One of the same bytes that is there already is replaced by it, so that nothing
    /// depends on what was there. The caller holds the lock on the digest ([`crate::store::locks`]).
    ///
    /// # Errors
    /// When it cannot be renamed, or the directory cannot be synced: then it may be in its place, or not for long.
    pub(crate) async fn put(&self, received: Received) -> io::Result<()> {
        self.blocking(move |inner| {
            #[cfg(test)]
            inner.faults.at(faults::Point::Put)?;
            let place = inner.blobs.join(received.digest.as_str());
            fs::rename(received.path.path(), &place)?;
            received.path.keep();
            #[cfg(test)]
            inner.faults.at(faults::Point::Placed)?;
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
        self.blocking(move |inner| {
            #[cfg(test)]
            inner.faults.at(faults::Point::Remove)?;
            match fs::remove_file(inner.blobs.join(digest.as_str())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
        .await
    }

    /// All files in place, for sweeping.
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

    /// Whether files can be written here, for readiness: a full disk takes a file's name, and not its content.
    ///
    /// # Errors
    /// When they cannot.
    pub(crate) async fn check(&self) -> io::Result<()> {
        self.blocking(|inner| {
            let path = Temporary::new(inner.incoming.join(Uuid::new_v4().simple().to_string()));
            let mut file = File::create_new(path.path())?;
            #[cfg(test)]
            inner.faults.at(faults::Point::Write)?;
            file.write_all(b"ready?")?;
            file.sync_all()
        })
        .await
    }

    /// What [`Blobs::set_mark`] wrote; `None`: nothing yet.
    ///
    /// # Errors
    /// When it cannot be read, or is no mark.
    pub(crate) async fn mark(&self) -> io::Result<Option<Uuid>> {
        self.blocking(|inner| match fs::read_to_string(&inner.mark) {
            Ok(text) => match text.trim().parse() {
                Ok(mark) => Ok(Some(mark)),
                Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Writes down whose the store is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) async fn set_mark(&self, mark: Uuid) -> io::Result<()> {
        self.blocking(move |inner| {
            let new = Temporary::new(inner.incoming.join(Uuid::new_v4().simple().to_string()));
            let mut file = File::create_new(new.path())?;
            file.write_all(mark.to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(new.path(), &inner.mark)?;
            new.keep();
            inner.mark.parent().map_or(Ok(()), sync_directory)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || work(&inner)).await?
    }
}

/// Makes the names in a directory last a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes what nobody is receiving any more.
fn sweep(incoming: &Path) -> io::Result<()> {
    for entry in fs::read_dir(incoming)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            tracing::warn!(path = %path.display(), "a folder among unfinished uploads is left alone; nothing of ours makes one");
            continue;
        }
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
