//! Files with certificates that are believed: PEM, PKCS#12 or JKS, told apart by what they hold and not by their names.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{StoreError, TlsError, jks, pkcs12, read};

/// Where the certificates are.
#[derive(Clone, Debug)]
pub struct TrustSource {
    /// The file.
    pub path: PathBuf,
    /// Its password; PEM has none.
    pub password: SecretString,
}

impl TrustSource {
    /// What the file holds.
    pub(super) fn read(&self) -> Result<Zeroizing<Vec<u8>>, TlsError> {
        read(&self.path)
    }

    /// The certificates in it: at least one.
    pub(super) fn parse(&self, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let password = self.password.expose_secret();
        let certificates = if jks::is_one(bytes) {
            jks::read(bytes, password)
        } else if pkcs12::is_one(bytes) {
            pkcs12::read(bytes, password).map(|contents| contents.certificates)
        } else {
            from_pem(bytes)
        };
        certificates
            .and_then(|certificates| match certificates {
                none if none.is_empty() => Err(StoreError::NoCertificate),
                some => Ok(some),
            })
            .map_err(|source| TlsError::Content {
                path: self.path.clone(),
                source,
            })
    }
}

fn from_pem(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    if bytes.first().is_some_and(|byte| !byte.is_ascii()) || bytes.contains(&0) {
        return Err(StoreError::Unknown("file of PEM, PKCS#12 or JKS"));
    }
    CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| StoreError::Damaged("a certificate is not PEM"))
}
