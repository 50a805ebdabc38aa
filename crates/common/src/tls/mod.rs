//! Whom the services show themselves as, and whom they believe: keys and certificates from PEM files, PKCS#12 and Java's own
//! stores, read again when the files change.
//!
//! Reading order: [`KeySource`] (a server's pair), [`ServerTls`] (the pair in use), [`Trust`] (what servers are believed by),
//! [`watch()`]. Below them the formats: `pkcs12` with `password`, `jks`, `certificate`, and `der` under all of them.

mod certificate;
mod der;
mod jks;
mod key_pair;
mod password;
mod pkcs12;
mod server;
mod trust;
mod trust_store;
mod watch;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use key_pair::{KeyPair, KeySource};
pub use server::ServerTls;
pub use trust::Trust;
pub use trust_store::TrustSource;
pub use watch::watch;

/// A store is smaller than this: Java's own bundle of authorities has a twentieth of it.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A file of keys or certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It does not hold what it should.
    #[error("cannot use {}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: StoreError,
    },
    /// The operating system has no certification authorities to be had, and none are configured.
    #[error("cannot set up TLS")]
    Library(#[from] rustls::Error),
}

/// What is wrong with a store. The text never repeats a password or a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The integrity check or the decryption failed.
    #[error("the password is wrong, or the file is damaged")]
    Password,
    /// It is not put together as it should be.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// It is something that this program does not read.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// It is none of the known formats.
    #[error("it is no {0}")]
    Unknown(&'static str),
    /// It holds no private key.
    #[error("it holds no private key")]
    NoKey,
    /// It holds no certificate.
    #[error("it holds no certificate")]
    NoCertificate,
    /// No key has the alias, or no alias was given and there are several.
    #[error("{} by the alias {wanted:?}; there is {there}", if *.several { "several private keys go" } else { "no private key goes" })]
    Alias {
        /// The alias asked for.
        wanted: String,
        /// The aliases of its keys.
        there: String,
        /// Whether more than one fits.
        several: bool,
    },
    /// The key's certificate is another.
    #[error("no certificate in it belongs to the private key")]
    Mismatch,
    /// The TLS library does not take the key.
    #[error("the private key cannot be used: {0}")]
    Key(String),
}

/// Reads a whole file, unless it is far too large for what it should be.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let failed = |source| TlsError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than 4 MiB",
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
