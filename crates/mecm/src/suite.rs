//! The services of a process: all three, or one alone. Each has a database, an authenticator and a listener of its own, and
//! they call each other over HTTP, in one process too.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::TimeDelta;
use mecm_common::auth::jwt::{BY_OPERATOR, NewToken, TokenRules, mint};
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::rsa::PublicKey;
use mecm_common::auth::{AuthSettings, Authenticator, CredentialVerifier, Guard, Issuer, Role, TokenKeys};
use mecm_common::client::token_key::key_source;
use mecm_common::client::verification::verifier;
use mecm_common::client::{Clients, ServicePeer};
use mecm_common::clock::Clock;
use mecm_common::config::{Config, Run};
use mecm_common::db::{Db, Migrations};
use mecm_common::models::ids::TenantId;
use mecm_common::service::{Listener, Service, bind, serve};
use mecm_common::tls::{ServerTls, watch};
use mecm_inventory::{Credentials, LoadMasterKeys};
use mecm_jobs::Engine;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

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
    /// The orchestrator's engine, where that runs.
    pub engine: Option<Engine>,
    /// All engines, to be waited for at the end.
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
        let mut engine = None;
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
            engines.push(started.engine.clone());
            engine = Some(started.engine);
            starting.serve(&mut serving, started.service, listener);
        }
        starting.watch_files();
        Ok(Self {
            addresses,
            engine,
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

/// What the starts of the services share.
struct Starting {
    config: Arc<Config>,
    clock: Clock,
    clients: Clients,
    tls: Option<Arc<ServerTls>>,
    apm_key: ServiceKey,
    appo_key: ServiceKey,
    addresses: Addresses,
    databases: Vec<Db>,
    stop: CancellationToken,
}

impl Starting {
    async fn open(
        &mut self,
        name: &str,
        url: &SecretString,
        connections: u32,
        migrations: &Migrations,
    ) -> Result<Db> {
        let url = self.config.database(name, url)?;
        let db = Db::open(&url, migrations, connections)
            .await
            .with_context(|| format!("cannot open the database ({name}.database)"))?;
        self.databases.push(db.clone());
        Ok(db)
    }

    /// Whose tokens are accepted. `from_inventory`: where Inventory's key is asked for; Inventory itself knows it.
    fn authenticator(
        &self,
        guard: Guard,
        credentials: CredentialVerifier,
        from_inventory: Option<&str>,
    ) -> Result<Authenticator> {
        let auth = &self.config.auth;
        let time = Duration::from_secs(self.config.peers.service_seconds);
        let source = |url: String, peer| key_source(self.clients.services.clone(), url, peer, time);
        let mut tokens = TokenKeys {
            rules: TokenRules {
                hmac_key: Some(auth.hmac_key.clone()).filter(|key| !key.expose_secret().is_empty()),
                allow_without_exp: auth.allow_tokens_without_exp,
            },
            ..TokenKeys::default()
        };
        if !auth.public_key_file.as_os_str().is_empty() {
            let path = &auth.public_key_file;
            let pem = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read auth.public_key_file {}", path.display()))?;
            let key = PublicKey::from_pem(&pem)
                .with_context(|| format!("auth.public_key_file {} cannot be used", path.display()))?;
            tokens.given.push((Issuer::AuthServer, key));
        }
        if let Some(inventory) = from_inventory {
            let url = format!("{inventory}/inventory/v1/token_key");
            tokens.fetched.push((Issuer::Inventory, source(url, "Inventory")));
        }
        if !auth.auth_server.is_empty() {
            let url = format!("{}/oauth/token_key", auth.auth_server.trim_end_matches('/'));
            tokens
                .fetched
                .push((Issuer::AuthServer, source(url, "the auth server")));
        }
        Ok(Authenticator::new(AuthSettings {
            clock: self.clock.clone(),
            tokens,
            services: vec![
                ("apm".to_owned(), self.apm_key.clone()),
                ("appo".to_owned(), self.appo_key.clone()),
            ],
            guard: Some(guard),
            credentials: Some(credentials),
            admin_everywhere: auth.admin_in_every_tenant,
            refuse_unsigned_payload: auth.refuse_unsigned_payload,
            trusted_proxies: self.config.listen.trusted_proxies.clone(),
        }))
    }

    fn peer(&self, name: &'static str, origin: &str, key: &ServiceKey) -> Result<ServicePeer> {
        ServicePeer::new(
            name,
            origin,
            self.clients.services.clone(),
            key.clone(),
            self.clock.clone(),
            Duration::from_secs(self.config.peers.service_seconds),
        )
        .map_err(anyhow::Error::msg)
    }

    async fn inventory(&mut self) -> Result<Service> {
        let config = self.config.clone();
        let settings = &config.inventory;
        let db = self
            .open(
                "inventory",
                &settings.database,
                settings.connections,
                &mecm_inventory::migrations(),
            )
            .await?;
        let guard = Guard::new(&db, &self.clock);
        let loaded = config.clone();
        let load: LoadMasterKeys =
            Arc::new(move || keys::master_sealer(&loaded).map_err(|error| error.to_string()));
        let credentials =
            Credentials::new(&db, &self.clock, guard.clone(), load).map_err(anyhow::Error::msg)?;
        let setup = mecm_inventory::Setup {
            auth: self.authenticator(guard, credentials.verifier(), None)?,
            credentials,
            db,
            clock: self.clock.clone(),
            clients: self.clients.clone(),
            signing: keys::signing(&config)?,
            next_signing: keys::next_signing(&config)?,
            config,
            stop: self.stop.clone(),
        };
        Ok(mecm_inventory::start(setup).await?.service)
    }

    async fn apm(&mut self) -> Result<mecm_apm::Started> {
        let config = self.config.clone();
        let settings = &config.apm;
        let db = self
            .open(
                "apm",
                &settings.database,
                settings.connections,
                &mecm_apm::migrations(),
            )
            .await?;
        let inventory = self.peer("Inventory", &self.addresses.inventory, &self.apm_key)?;
        let auth = self.authenticator(
            Guard::new(&db, &self.clock),
            verifier(inventory),
            Some(&self.addresses.inventory),
        )?;
        let setup = mecm_apm::Setup {
            auth,
            db,
            clock: self.clock.clone(),
            clients: self.clients.clone(),
            inventory: self.peer("Inventory", &self.addresses.inventory, &self.apm_key)?,
            sealer: keys::job_sealer(&config)?,
            config,
            stop: self.stop.clone(),
        };
        Ok(mecm_apm::start(setup).await?)
    }

    async fn appo(&mut self) -> Result<mecm_appo::Started> {
        let config = self.config.clone();
        let settings = &config.appo;
        let db = self
            .open(
                "appo",
                &settings.database,
                settings.connections,
                &mecm_appo::migrations(),
            )
            .await?;
        let inventory = self.peer("Inventory", &self.addresses.inventory, &self.appo_key)?;
        let auth = self.authenticator(
            Guard::new(&db, &self.clock),
            verifier(inventory),
            Some(&self.addresses.inventory),
        )?;
        let setup = mecm_appo::Setup {
            auth,
            db,
            clock: self.clock.clone(),
            clients: self.clients.clone(),
            inventory: self.peer("Inventory", &self.addresses.inventory, &self.appo_key)?,
            apm: self.peer("APM", &self.addresses.apm, &self.appo_key)?,
            sealer: keys::job_sealer(&config)?,
            config,
            stop: self.stop.clone(),
        };
        Ok(mecm_appo::start(setup).await?)
    }

    /// Certificates are read again when their files change.
    fn watch_files(&self) {
        let trust = self.clients.trust.clone();
        tokio::spawn(watch(
            "certificates to believe",
            move || trust.look_again(),
            self.stop.clone(),
        ));
        if let Some(tls) = self.tls.clone() {
            tokio::spawn(watch("certificate", move || tls.look_again(), self.stop.clone()));
        }
    }

    fn serve(&self, serving: &mut JoinSet<Result<()>>, service: Service, listener: Listener) {
        let listen = &self.config.listen;
        let tls = self.tls.clone();
        let (name, stop) = (service.name, self.stop.clone());
        let grace = Duration::from_secs(listen.stop_seconds);
        let limits = service.limits;
        let (router, _document) = service.into_router();
        if let Ok(address) = listener.address() {
            tracing::info!(service = name, %address, "ready");
        }
        serving.spawn(async move {
            serve(listener, router, limits, tls.as_deref(), stop, grace)
                .await
                .with_context(|| format!("{name} stopped"))
        });
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
