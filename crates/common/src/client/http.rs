//! The one place where HTTP clients are built.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, ClientBuilder, redirect};

use super::egress::Egress;
use crate::config::Config;

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
}

/// Why the clients cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The bundle of authorities is not there or cannot be read.
    #[error("cannot read the certificates in {} (peers.ca_bundle)", path.display())]
    CaBundle {
        /// What was configured.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The TLS library refuses the settings.
    #[error("cannot set up TLS for outbound calls")]
    Build(#[source] reqwest::Error),
}

impl Clients {
    /// Builds them.
    ///
    /// # Errors
    /// [`ClientError`].
    #[expect(clippy::disallowed_methods, reason = "the one place where clients are built")]
    pub fn new(config: &Config) -> Result<Self, ClientError> {
        let peers = &config.peers;
        let authorities = authorities(&peers.ca_bundle)?;
        if peers.insecure_skip_verify {
            tracing::warn!("certificates of peers are not checked (peers.insecure_skip_verify)");
        }
        let egress = Egress::new(&config.egress.allow);
        let connect = Duration::from_secs(peers.connect_seconds);
        let base = || {
            reqwest::Client::builder()
                .no_proxy()
                .redirect(redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(connect)
                .http1_only()
                .referer(false)
                .tls_danger_accept_invalid_certs(peers.insecure_skip_verify)
        };
        Ok(Self {
            services: build(&|| base().pool_idle_timeout(IDLE), &authorities)?,
            edges: build(
                &|| {
                    base()
                        .local_address(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
                        .pool_idle_timeout(EDGE_IDLE)
                },
                &authorities,
            )?,
            outside: build(
                &|| base().pool_idle_timeout(IDLE).dns_resolver(egress.resolver()),
                &authorities,
            )?,
            egress,
        })
    }
}

/// With the system's authorities and the bundle; where the system has none (a bare container), with the bundle alone.
fn build(
    builder: &dyn Fn() -> ClientBuilder,
    authorities: &[Certificate],
) -> Result<reqwest::Client, ClientError> {
    let with_system = builder().tls_certs_merge(authorities.iter().cloned()).build();
    match with_system {
        Ok(client) => Ok(client),
        Err(error) => {
            tracing::debug!(%error, "the system has no certification authorities; peers.ca_bundle alone counts");
            builder()
                .tls_certs_only(authorities.iter().cloned())
                .build()
                .map_err(ClientError::Build)
        }
    }
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, ClientError> {
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| ClientError::CaBundle {
        path: path.to_owned(),
        source,
    };
    let pem = std::fs::read(path).map_err(|error| unreadable(error.into()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(error.into()))?;
    if certificates.is_empty() {
        return Err(unreadable("it holds no certificate in PEM form".into()));
    }
    Ok(certificates)
}
