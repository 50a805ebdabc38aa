//! Looking at files again. Every few seconds, and at what they hold: Kubernetes swaps symbolic links, others write in place, and
//! some file systems do not say that something has changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::TlsError;

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// What files held when they were looked at last, as a digest.
pub(super) struct Seen(Mutex<[u8; 32]>);

impl Seen {
    pub(super) fn new(files: &[Zeroizing<Vec<u8>>]) -> Self {
        Self(Mutex::new(digest(files)))
    }

    /// The files, if they are not what they were. That they cannot be read is told once, too.
    pub(super) fn changed(
        &self,
        files: Result<Vec<Zeroizing<Vec<u8>>>, TlsError>,
    ) -> Result<Option<Vec<Zeroizing<Vec<u8>>>>, TlsError> {
        let now = files.as_deref().map_or([0; 32], digest);
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), now);
        if now == before {
            return Ok(None);
        }
        files.map(Some)
    }
}

fn digest(files: &[Zeroizing<Vec<u8>>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for file in files {
        hash.update((file.len() as u64).to_be_bytes());
        hash.update(file.as_slice());
    }
    hash.finalize().into()
}

/// Calls `look` every few seconds until `stop`: [`super::ServerTls::look_again`] or [`super::Trust::look_again`]. `what` is what
/// the log calls it.
pub async fn watch(
    what: &'static str,
    look: impl Fn() -> Result<bool, TlsError> + Send + Sync + 'static,
    stop: CancellationToken,
) {
    watch_every(INTERVAL, what, look, stop).await;
}

pub(super) async fn watch_every(
    interval: Duration,
    what: &'static str,
    look: impl Fn() -> Result<bool, TlsError> + Send + Sync + 'static,
    stop: CancellationToken,
) {
    let look = Arc::new(look);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
        let look = look.clone();
        match tokio::task::spawn_blocking(move || look()).await {
            Ok(Ok(true)) => tracing::info!("{what}: the new files are used from now on"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "{what}: the files have changed and cannot be used; what was read before counts on");
            }
            Err(error) => tracing::error!(%error, "{what}: looking at the files failed"),
        }
    }
}
