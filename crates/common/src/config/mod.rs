//! What can be configured. The defaults, with what each setting means, are [`DEFAULTS`]: that file is the reference.

mod charts;
mod load;

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;

pub use charts::chart_notes;
pub use load::{ConfigError, environment, load};

use crate::db::DatabaseUrl;
use crate::telemetry::LogFormat;
use crate::tls::KeySource;

/// The commented defaults.
pub const DEFAULTS: &str = include_str!("default.toml");

/// The whole configuration, validated.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each section is described, setting by setting, in default.toml"
)]
pub struct Config {
    pub data_dir: PathBuf,
    pub run: Run,
    pub listen: Listen,
    pub log: Log,
    pub inventory: Inventory,
    pub apm: Apm,
    pub appo: Appo,
    pub auth: Auth,
    pub keys: Keys,
    pub limits: Limits,
    pub egress: Egress,
    pub peers: Peers,
    pub jobs: Jobs,
}

/// Of `limits.bodies`, one byte in so many is for bodies that are read before it is known who sends them.
pub const OF_STRANGERS: usize = 4;

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "described, setting by setting, in default.toml")]
        pub struct $name { $(pub $field: $kind,)* }
    };
}

section!(
    /// Where the services listen.
    Listen {
        address: std::net::IpAddr, tls_certificate: PathBuf, tls_key: PathBuf, key_store: PathBuf,
        key_store_password: SecretString, key_alias: String, allowed_origin: String, stop_seconds: u64,
        trusted_proxies: Vec<IpNet>,
    }
);
section!(
    /// How logs look.
    Log { filter: String, format: LogFormat, }
);
section!(
    /// The registry.
    Inventory { port: u16, database: SecretString, connections: u32, url: String, }
);
section!(
    /// The package manager.
    Apm {
        port: u16, database: SecretString, connections: u32, url: String, app_stores: Vec<String>, packages_dir: PathBuf,
        manifest_verification: ManifestVerification, signature: Signature,
    }
);
section!(
    /// The orchestrator.
    Appo {
        port: u16, database: SecretString, connections: u32, url: String, cache_dir: PathBuf,
        required_services: RequiredServices, long_poll_seconds: u64, max_instances_per_tenant_and_controller: u32,
    }
);
section!(
    /// Whose tokens are accepted.
    Auth {
        public_key_file: PathBuf, auth_server: String, hmac_key: SecretString, allow_tokens_without_exp: bool,
        admin_in_every_tenant: bool, refuse_unsigned_payload: bool,
    }
);
section!(
    /// The suite's own keys.
    Keys {
        apm_access_key: String, apm_secret_key: SecretString, appo_access_key: String, appo_secret_key: SecretString,
        job_key: SecretString, previous_job_keys: Vec<SecretString>, master_key: SecretString, previous_master_keys: Vec<SecretString>, signing_key_file: PathBuf, next_signing_key_file: PathBuf, secret: SecretString, from_tls_key: bool,
    }
);
section!(
    /// Bounds on input and on what is kept.
    Limits {
        json_body: usize, bodies: usize, header: usize, package: u64, unpacked: u64, read_seconds: u64, batch: usize, records: u64,
        app_instances: u64, tenants: u64,
    }
);
section!(
    /// Where the services may connect to.
    Egress { allow: Vec<IpNet>, }
);
section!(
    /// How peers are called.
    Peers {
        ca_bundle: PathBuf, ca_bundle_password: SecretString, insecure_skip_verify: bool, edge_scheme: Scheme, connect_seconds: u64, service_seconds: u64,
        lcm_seconds: u64, lcm_deploy_seconds: u64, rules_seconds: u64,
    }
);
section!(
    /// How background work runs.
    Jobs {
        workers: usize, per_controller: u32, unanswered_seconds: u64, ask_seconds: u64, deadline_seconds: u64,
        edge_failures: u32, edge_pause_seconds: u64, history_days: u32,
    }
);

/// What `mecm up` runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Run {
    All,
    Inventory,
    Apm,
    Appo,
}

/// What a manifest hash that does not agree leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ManifestVerification {
    /// A warning on the package.
    Warn,
    /// A refusal of the package.
    Strict,
}

/// What a package without a verified signature leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signature {
    /// A warning on the package.
    Warn,
    /// A refusal of the package.
    Required,
}

/// What a required service that the host does not offer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequiredServices {
    /// A warning on the operation.
    Warn,
    /// A failed create.
    Enforce,
}

/// How a peer is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Config {
    /// The defaults alone.
    pub fn defaults() -> Self {
        load(None, Vec::new()).expect("a test loads the compiled-in defaults")
    }

    /// Where a service's database is: as configured, else a SQLite file in the data folder.
    pub fn database(
        &self,
        service: &str,
        configured: &SecretString,
    ) -> Result<DatabaseUrl, crate::db::DbError> {
        use secrecy::ExposeSecret;
        match configured.expose_secret() {
            "" => Ok(DatabaseUrl::Sqlite(self.data_dir.join(format!("{service}.db")))),
            text => text.parse(),
        }
    }

    /// A folder as configured, else `name` in the data folder.
    pub fn folder(&self, configured: &Path, name: &str) -> PathBuf {
        if configured.as_os_str().is_empty() {
            self.data_dir.join(name)
        } else {
            configured.to_owned()
        }
    }

    /// Where the other services reach a service: as configured, else the listen address (loopback where that is the
    /// wildcard) and `port`.
    pub fn service_url(&self, configured: &str, port: u16) -> String {
        if !configured.is_empty() {
            return configured.trim_end_matches('/').to_owned();
        }
        let scheme = if self.key_source().is_none() {
            "http"
        } else {
            "https"
        };
        let address = match self.listen.address {
            address if address.is_unspecified() => std::net::IpAddr::from([127, 0, 0, 1]),
            address => address,
        };
        format!("{scheme}://{}", std::net::SocketAddr::new(address, port))
    }

    /// Where the listeners' certificate and key are; `None`: they speak HTTP.
    pub fn key_source(&self) -> Option<KeySource> {
        let listen = &self.listen;
        if !listen.tls_certificate.as_os_str().is_empty() {
            return Some(KeySource::Pem {
                certificate: listen.tls_certificate.clone(),
                key: listen.tls_key.clone(),
            });
        }
        (!listen.key_store.as_os_str().is_empty()).then(|| KeySource::Store {
            path: listen.key_store.clone(),
            password: listen.key_store_password.clone(),
            alias: listen.key_alias.clone(),
        })
    }

    /// Whether missing keys may be made: only where nobody but this machine can reach the services.
    pub fn may_make_keys(&self) -> bool {
        self.listen.address.is_loopback()
    }
}

#[cfg(test)]
mod tests;
