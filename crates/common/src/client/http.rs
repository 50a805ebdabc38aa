//! The one place where HTTP clients are built.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{ClientBuilder, redirect};

use super::egress::Egress;
use crate::config::Config;
use crate::tls::{TlsError, Trust, TrustSource};

/// EdgeGallery v1.0's controllers close idle connections after 10 s; one that is about to be closed loses requests.
const EDGE_IDLE: Duration = Duration::from_secs(5);
/// How long idle connections to other peers are kept.
const IDLE: Duration = Duration::from_secs(60);

/// The clients of a process: one for each kind of peer, all without proxy, without redirects, without repeats. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {
    /// To the other services of the suite and to the auth server, whose addresses are configured.
    pub services: reqwest::Client,
    /// To LCM controllers and rule managers, whose addresses come from records: IPv4 only, v1.0's answer others with 400.
    pub edges: reqwest::Client,
    /// To whatever a body names (app stores, repositories): names are resolved to allowed addresses only.
    pub outside: reqwest::Client,
    /// What addresses from records and bodies are judged by.
    pub egress: Egress,
    /// What the certificates of all of them are judged by, to be looked at again ([`crate::tls::watch`]).
    pub trust: Arc<Trust>,
}

/// Why the clients cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of certificates to believe cannot be used.
    #[error("cannot use the certificates to believe (peers.ca_bundle)")]
    Trust(#[source] TlsError),
    /// The TLS library refuses the settings.
    #[error("cannot set up TLS for outbound calls")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Clients {
    /// Builds them.
    ///
    /// # Errors
    /// [`ClientError`].
    #[expect(clippy::disallowed_methods, reason = "the one place where clients are built")]
    pub fn new(config: &Config) -> Result<Self, ClientError> {
        let peers = &config.peers;
        let source = (!peers.ca_bundle.as_os_str().is_empty()).then(|| TrustSource {
            path: peers.ca_bundle.clone(),
            password: peers.ca_bundle_password.clone(),
        });
        let trust = Trust::load(source).map_err(ClientError::Trust)?;
        let tls = trust
            .client_config()
            .map_err(|error| ClientError::Build(error.into()))?;
        if peers.insecure_skip_verify {
            tracing::warn!("certificates of peers are not checked (peers.insecure_skip_verify)");
        }
        let egress = Egress::new(&config.egress.allow);
        let connect = Duration::from_secs(peers.connect_seconds);
        let base = || {
            let builder = reqwest::Client::builder();
            let builder = if peers.insecure_skip_verify {
                builder.tls_danger_accept_invalid_certs(true)
            } else {
                builder.tls_backend_preconfigured(tls.clone())
            };
            builder
                .no_proxy()
                .redirect(redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(connect)
                .http1_only()
                .referer(false)
        };
        Ok(Self {
            services: build(base().pool_idle_timeout(IDLE))?,
            edges: build(
                base()
                    .local_address(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
                    .pool_idle_timeout(EDGE_IDLE),
            )?,
            outside: build(
                base()
                    .pool_idle_timeout(IDLE)
                    .dns_resolver(egress.outside().resolver()),
            )?,
            egress,
            trust,
        })
    }
}

fn build(builder: ClientBuilder) -> Result<reqwest::Client, ClientError> {
    builder.build().map_err(|error| ClientError::Build(error.into()))
}
