//! A server's certificate and private key: two PEM files, or an entry of a PKCS#12 store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::certificate::Certificate;
use super::{StoreError, TlsError, jks, pkcs12, read};

/// The most certificates of a chain that are shown.
const MAX_CHAIN: usize = 10;

/// Where a server's certificate and key are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// PEM files.
    Pem {
        /// The certificate chain, the server's own first.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// A PKCS#12 store.
    Store {
        /// The file.
        path: PathBuf,
        /// Of the store and of the key in it.
        password: SecretString,
        /// Which key; empty: the only one.
        alias: String,
    },
}

/// A certificate chain, the server's own first, and its key. They belong together.
pub struct KeyPair {
    chain: Vec<CertificateDer<'static>>,
    key: Zeroizing<Vec<u8>>,
    signing: Arc<dyn SigningKey>,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

impl KeySource {
    /// Reads the pair.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(&self) -> Result<KeyPair, TlsError> {
        self.parse(&self.read()?)
    }

    /// What the files hold.
    pub(super) fn read(&self) -> Result<Vec<Zeroizing<Vec<u8>>>, TlsError> {
        match self {
            Self::Pem { certificate, key } => Ok(vec![read(certificate)?, read(key)?]),
            Self::Store { path, .. } => Ok(vec![read(path)?]),
        }
    }

    /// The pair in what [`KeySource::read`] gave.
    pub(super) fn parse(&self, files: &[Zeroizing<Vec<u8>>]) -> Result<KeyPair, TlsError> {
        let (path, pair) = match (self, files) {
            (Self::Pem { certificate, .. }, [chain, key]) => (certificate, from_pem(chain, key)),
            (
                Self::Store {
                    path,
                    password,
                    alias,
                },
                [store],
            ) => (path, from_store(store, password.expose_secret(), alias)),
            (
                Self::Pem {
                    certificate: path, ..
                }
                | Self::Store { path, .. },
                _,
            ) => (path, Err(StoreError::NoCertificate)),
        };
        pair.map_err(|source| TlsError::Content {
            path: path.clone(),
            source,
        })
    }
}

impl KeyPair {
    /// The private key, DER: for keys that are derived from it.
    pub fn private_key(&self) -> &[u8] {
        &self.key
    }

    /// For the TLS library.
    pub(super) fn certified(&self) -> CertifiedKey {
        CertifiedKey::new(self.chain.clone(), self.signing.clone())
    }

    /// The key with those of the certificates that are its own and its issuers'.
    fn new(key: &PrivateKeyDer<'_>, certificates: &[CertificateDer<'static>]) -> Result<Self, StoreError> {
        let provider: CryptoProvider = default_provider();
        let signing = provider
            .key_provider
            .load_private_key(key.clone_key())
            .map_err(|error| StoreError::Key(error.to_string()))?;
        let public = signing.public_key().ok_or(StoreError::Mismatch)?;
        let read: Vec<_> = certificates
            .iter()
            .map(|der| Certificate::read(der).map(|certificate| (der, certificate)))
            .collect::<Result<_, _>>()?;
        let (own, certificate) = read
            .iter()
            .find(|(_, certificate)| certificate.public_key == public.as_ref())
            .ok_or(StoreError::Mismatch)?;
        let mut chain = vec![(*own).clone()];
        let mut last = certificate;
        while chain.len() < MAX_CHAIN && last.issuer != last.subject {
            let issuer = read
                .iter()
                .find(|(der, issuer)| issuer.subject == last.issuer && !chain.contains(der));
            let Some((der, issuer)) = issuer else { break };
            chain.push((*der).clone());
            last = issuer;
        }
        Ok(Self {
            chain,
            key: Zeroizing::new(key.secret_der().to_vec()),
            signing,
        })
    }
}

fn from_pem(chain: &[u8], key: &[u8]) -> Result<KeyPair, StoreError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|_| StoreError::Damaged("a certificate is not PEM"))?;
    if certificates.is_empty() {
        return Err(StoreError::NoCertificate);
    }
    // Not the parser's own error: it may quote the text.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| StoreError::NoKey)?;
    KeyPair::new(&key, &certificates)
}

fn from_store(store: &[u8], password: &str, alias: &str) -> Result<KeyPair, StoreError> {
    if jks::is_one(store) {
        return Err(StoreError::Unsupported(
            "a key store of the type JKS; keytool -importkeystore -deststoretype PKCS12 converts it"
                .to_owned(),
        ));
    }
    if !pkcs12::is_one(store) {
        return Err(StoreError::Unknown("PKCS#12 store"));
    }
    let contents = pkcs12::read(store, password)?;
    let keys = &contents.keys;
    let mut fitting = keys
        .iter()
        // As Java does, which keeps aliases in small letters.
        .filter(|key| alias.is_empty() || key.alias.to_lowercase() == alias.to_lowercase());
    let (first, second) = (fitting.next(), fitting.next());
    match (first, second) {
        (Some(key), None) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8.as_slice()));
            KeyPair::new(&key, &contents.certificates)
        }
        _ if keys.is_empty() => Err(StoreError::NoKey),
        (first, _) => Err(StoreError::Alias {
            wanted: alias.to_owned(),
            there: keys
                .iter()
                .map(|key| format!("{:?}", key.alias))
                .collect::<Vec<_>>()
                .join(", "),
            several: first.is_some(),
        }),
    }
}
