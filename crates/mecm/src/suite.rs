//! The services of a process: all three, or one alone. Each has a database, an authenticator and a listener of its own, and
//! they call each other over HTTP, in one process too.

mod starting;

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::TimeDelta;
use mecm_common::auth::Role;
use mecm_common::auth::jwt::{BY_OPERATOR, NewToken, mint};
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::config::{Config, Run};
use mecm_common::db::Db;
use mecm_common::models::ids::TenantId;
use mecm_common::service::{Listener, bind};
use mecm_common::tls::ServerTls;
use mecm_jobs::Engine;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::starting::Starting;
use crate::keys;

/// Which services a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Which {
    /// The registry.
    pub inventory: bool,
    /// The package manager.
    pub apm: bool,
    /// The orchestrator.
    pub appo: bool,
}

impl Which {
    /// All of them.
    pub const ALL: Self = Self {
        inventory: true,
        apm: true,
        appo: true,
    };

    /// What `mecm up` is to run.
    pub fn of(run: Run) -> Self {
        let is = |one| run == Run::All || run == one;
        Self {
            inventory: is(Run::Inventory),
            apm: is(Run::Apm),
            appo: is(Run::Appo),
        }
    }
}

/// Listeners, bound before anything else is touched: a port that is taken stops the start early.
#[derive(Debug)]
struct Bound {
    inventory: Option<Listener>,
    apm: Option<Listener>,
    appo: Option<Listener>,
}

/// Where the services are, for those who call them.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The registry: scheme, host and port.
    pub inventory: String,
    /// The package manager.
    pub apm: String,
    /// The orchestrator.
    pub appo: String,
}

/// Running services.
pub struct Suite {
    /// Where they are.
    pub addresses: Addresses,
    /// What works behind the answers, to be waited for at the end.
    engines: Vec<Engine>,
    databases: Vec<Db>,
    stop: CancellationToken,
    serving: JoinSet<Result<()>>,
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Suite")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Suite {
    /// Starts them.
    ///
    /// # Errors
    /// A sentence that says what to change.
    pub async fn start(config: Arc<Config>, which: Which, clock: Clock) -> Result<Self> {
        let bound = Bound::bind(&config, which)?;
        let addresses = bound.addresses(&config)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.data_dir)
            .with_context(|| format!("cannot make the data folder {}", config.data_dir.display()))?;
        if config.keys.from_tls_key && config.keys.secret.expose_secret().is_empty() {
            tracing::warn!(
                "keys that are not given are derived from the certificate's private key (keys.from_tls_key): whoever has that can \
                 act as a service; keys.secret gives them a secret of their own"
            );
        }
        let stop = CancellationToken::new();
        let tls = config
            .key_source()
            .map(|source| ServerTls::load(source).map(Arc::new))
            .transpose()
            .context("cannot use the certificate and its key (listen.tls_certificate and listen.tls_key, or listen.key_store)")?;
        let mut starting = Starting {
            tls,
            clients: Clients::new(&config)?,
            // Every service verifies both keys; each is read, and made where that is allowed, whichever service starts.
            apm_key: keys::apm(&config)?,
            appo_key: keys::appo(&config)?,
            addresses: addresses.clone(),
            databases: Vec::new(),
            stop,
            config,
            clock,
        };
        let mut serving = JoinSet::new();
        let mut engines = Vec::new();
        if let Some(listener) = bound.inventory {
            let service = starting.inventory().await.context("inventory cannot start")?;
            starting.serve(&mut serving, service, listener);
        }
        if let Some(listener) = bound.apm {
            let started = starting.apm().await.context("apm cannot start")?;
            engines.push(started.engine);
            starting.serve(&mut serving, started.service, listener);
        }
        if let Some(listener) = bound.appo {
            let started = starting.appo().await.context("appo cannot start")?;
            engines.push(started.engine);
            starting.serve(&mut serving, started.service, listener);
        }
        starting.watch_files();
        Ok(Self {
            addresses,
            engines,
            databases: starting.databases,
            stop: starting.stop,
            serving,
        })
    }

    /// Runs until a service ends by itself, which is an error, or `until` does.
    ///
    /// # Errors
    /// Why a service ended.
    pub async fn run_until(mut self, until: impl Future<Output = ()>) -> Result<()> {
        let ended = tokio::select! {
            () = until => Ok(()),
            Some(ended) = self.serving.join_next() => match ended {
                Ok(Ok(())) => Err(anyhow::anyhow!("a service stopped without being told to")),
                Ok(error) => error,
                Err(panicked) => Err(panicked).context("a service stopped"),
            },
        };
        self.stop().await;
        ended
    }

    /// Stops: no new work, what runs ends or is left to be resumed, databases are closed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for engine in &self.engines {
            engine.stopped().await;
        }
        while self.serving.join_next().await.is_some() {}
        for db in &self.databases {
            db.close().await;
        }
    }
}

impl Bound {
    fn bind(config: &Config, which: Which) -> Result<Self> {
        let one = |wanted: bool, port: u16| -> Result<Option<Listener>> {
            let address = SocketAddr::new(config.listen.address, port);
            Ok(if wanted { Some(bind(address)?) } else { None })
        };
        Ok(Self {
            inventory: one(which.inventory, config.inventory.port)?,
            apm: one(which.apm, config.apm.port)?,
            appo: one(which.appo, config.appo.port)?,
        })
    }

    fn addresses(&self, config: &Config) -> Result<Addresses> {
        let one = |listener: &Option<Listener>, url: &str, port: u16| -> Result<String> {
            let port = match listener {
                Some(listener) => listener.address()?.port(),
                None => port,
            };
            Ok(config.service_url(url, port))
        };
        Ok(Addresses {
            inventory: one(&self.inventory, &config.inventory.url, config.inventory.port)?,
            apm: one(&self.apm, &config.apm.url, config.apm.port)?,
            appo: one(&self.appo, &config.appo.url, config.appo.port)?,
        })
    }
}

/// Makes an access token with Inventory's key, as its `/tokens` does: for a first look, for scripts and for tests.
///
/// # Errors
/// When there is no key and none may be made.
pub fn token(
    config: &Config,
    clock: &Clock,
    tenant: TenantId,
    user: &str,
    roles: &[Role],
    life: TimeDelta,
) -> Result<SecretString> {
    let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let claims = NewToken {
        user_id: &tenant.to_string(),
        user_name: user,
        authorities: &roles,
        expires: clock.now() + life,
        jti: &format!("{BY_OPERATOR}{}", Uuid::new_v4()),
    };
    Ok(mint(&keys::signing(config)?, &claims))
}

#[cfg(test)]
mod tests;
