//! Whom outbound calls believe.
//!
//! A server's certificate is good when it leads to an authority (of the operating system's, or of the configured file) and is made
//! out to the name that was called. It is also good when it stands in the configured file itself: an installation of EdgeGallery
//! has one certificate without an authority and without names for all its services. Names that such a certificate does have must
//! fit, and its time must not be over.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, RootCertStore,
    SignatureScheme,
};

use super::certificate::{Certificate, public_key};
use super::watch::Seen;
use super::{TlsError, TrustSource};

/// What servers are believed by. Connections keep what they began with; new ones are judged by what was loaded last.
pub struct Trust {
    source: Option<TrustSource>,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<Believed>>,
    seen: Seen,
}

#[derive(Debug)]
struct Believed {
    /// `None` where there is no authority at all: a bare container.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// The file's certificates.
    own: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Trust {
    /// The operating system's authorities and what is in the file, if there is to be one.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(source: Option<TrustSource>) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(default_provider());
        let (seen, own) = match &source {
            None => (Seen::new(&[]), Vec::new()),
            Some(source) => {
                let file = source.read()?;
                let own = source.parse(&file)?;
                (Seen::new(&[file]), own)
            }
        };
        Ok(Arc::new(Self {
            current: RwLock::new(Arc::new(Believed::new(own, &provider)?)),
            source,
            provider,
            seen,
        }))
    }

    /// Takes what the file holds now, if that has changed; says whether it has.
    ///
    /// # Errors
    /// Why it cannot be used. Then everything stays as it was, and the same content is not looked at again.
    pub fn look_again(&self) -> Result<bool, TlsError> {
        let Some(source) = &self.source else {
            return Ok(false);
        };
        let Some(files) = self.seen.changed(source.read().map(|file| vec![file]))? else {
            return Ok(false);
        };
        let own = source.parse(files.first().map_or(&[], |file| file.as_slice()))?;
        let believed = Arc::new(Believed::new(own, &self.provider)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = believed;
        Ok(true)
    }

    /// For an HTTP/1.1 client.
    pub(crate) fn client_config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn current(&self) -> Arc<Believed> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

impl Believed {
    fn new(own: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        // A server's own certificate believes nobody else.
        let authorities = own
            .iter()
            .filter(|der| Certificate::read(der).is_ok_and(|certificate| certificate.is_authority));
        roots.add_parsable_certificates(authorities.cloned());
        let authorities = if roots.is_empty() {
            tracing::debug!(
                "there are no certification authorities, neither the system's nor configured ones"
            );
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            Some(
                builder
                    .build()
                    .map_err(|error| Error::General(error.to_string()))?,
            )
        };
        Ok(Self { authorities, own })
    }

    fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.own.iter().any(|own| own == certificate)
    }
}

/// Whether a certificate that stands in the file is good for this server and now.
fn verify_own(der: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    let certificate = Certificate::read(der).map_err(|_| CertificateError::BadEncoding)?;
    let seconds = |time: chrono::DateTime<chrono::Utc>| u64::try_from(time.timestamp()).unwrap_or(0);
    if now.as_secs() < seconds(certificate.not_before) {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > seconds(certificate.not_after) {
        return Err(CertificateError::Expired.into());
    }
    if certificate.has_names {
        verify_server_name(&ParsedCertificate::try_from(der)?, name)?;
    }
    Ok(())
}

/// [`verify_tls12_signature`] for a certificate that the library does not read: one of the first version.
fn verify_by_key(
    key: &[u8],
    message: &[u8],
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let (algorithm, key) = public_key(key).map_err(|_| CertificateError::BadEncoding)?;
    let (_, candidates) = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signed.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    candidates
        .iter()
        .filter(|candidate| candidate.public_key_alg_id().as_ref() == algorithm)
        .find(|candidate| {
            candidate
                .verify_signature(key, message, signed.signature())
                .is_ok()
        })
        .map(|_| HandshakeSignatureValid::assertion())
        .ok_or_else(|| CertificateError::BadSignature.into())
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let believed = self.current();
        let by_authority = match &believed.authorities {
            Some(authorities) => authorities.verify_server_cert(certificate, intermediates, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        if by_authority.is_err() && believed.holds(certificate) {
            return verify_own(certificate, name, now).map(|()| ServerCertVerified::assertion());
        }
        by_authority
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.current().holds(certificate) {
            let certificate = Certificate::read(certificate).map_err(|_| CertificateError::BadEncoding)?;
            return verify_by_key(certificate.public_key, message, signed, self.algorithms());
        }
        verify_tls12_signature(message, certificate, signed, self.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.current().holds(certificate) {
            let certificate = Certificate::read(certificate).map_err(|_| CertificateError::BadEncoding)?;
            let key = SubjectPublicKeyInfoDer::from(certificate.public_key);
            return verify_tls13_signature_with_raw_key(message, &key, signed, self.algorithms());
        }
        verify_tls13_signature(message, certificate, signed, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}
