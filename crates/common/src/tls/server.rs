//! The certificate that a server shows: in use until another one is there that can be used.

use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::SingleCertAndKey;

use super::watch::Seen;
use super::{KeyPair, KeySource, TlsError};

/// A server's certificate and key. Connections keep what they began with; new ones get what was loaded last.
pub struct ServerTls {
    source: KeySource,
    config: RustlsConfig,
    seen: Seen,
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads the pair.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(source: KeySource) -> Result<Self, TlsError> {
        let files = source.read()?;
        let pair = source.parse(&files)?;
        Ok(Self {
            config: RustlsConfig::from_config(server_config(&pair)?),
            seen: Seen::new(&files),
            source,
        })
    }

    /// Takes what the files hold now, if that has changed; says whether it has.
    ///
    /// # Errors
    /// Why it cannot be used. Then everything stays as it was, and the same content is not looked at again.
    pub fn look_again(&self) -> Result<bool, TlsError> {
        let Some(files) = self.seen.changed(self.source.read())? else {
            return Ok(false);
        };
        let pair = self.source.parse(&files)?;
        self.config.reload_from_config(server_config(&pair)?);
        Ok(true)
    }

    /// What a listener takes.
    pub(crate) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }
}

/// TLS 1.2 and 1.3, HTTP/2 and 1.1.
fn server_config(pair: &KeyPair) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair.certified())));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
