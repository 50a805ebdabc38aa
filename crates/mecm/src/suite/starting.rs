//! How each service is put together.

use std::sync::Arc;
use std::time::Duration;

use super::Addresses;
use crate::keys;
use anyhow::{Context, Result};
use mecm_common::auth::jwt::TokenRules;
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::rsa::PublicKey;
use mecm_common::auth::{AuthSettings, Authenticator, CredentialVerifier, Guard, Issuer, TokenKeys};
use mecm_common::client::token_key::key_source;
use mecm_common::client::verification::verifier;
use mecm_common::client::{Clients, ServicePeer};
use mecm_common::clock::Clock;
use mecm_common::config::Config;
use mecm_common::db::{Db, Migrations};
use mecm_common::service::{Listener, Service, serve};
use mecm_common::tls::{ServerTls, watch};
use mecm_inventory::{Credentials, LoadMasterKeys};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What the starts of the services share.
pub(super) struct Starting {
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) clients: Clients,
    pub(super) tls: Option<Arc<ServerTls>>,
    pub(super) apm_key: ServiceKey,
    pub(super) appo_key: ServiceKey,
    pub(super) addresses: Addresses,
    pub(super) databases: Vec<Db>,
    pub(super) stop: CancellationToken,
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

    /// Of a service that asks Inventory whose a signature is: by connections of its own, so that who comes in does not wait behind
    /// what jobs ask.
    fn asking_inventory(&self, db: &Db, key: &ServiceKey) -> Result<Authenticator> {
        let inventory = &self.addresses.inventory;
        let asked = self.peer("Inventory", inventory, key)?;
        self.authenticator(Guard::new(db, &self.clock), verifier(asked), Some(inventory))
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

    pub(super) async fn inventory(&mut self) -> Result<Service> {
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

    pub(super) async fn apm(&mut self) -> Result<mecm_apm::Started> {
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
        let setup = mecm_apm::Setup {
            auth: self.asking_inventory(&db, &self.apm_key)?,
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

    pub(super) async fn appo(&mut self) -> Result<mecm_appo::Started> {
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
        let setup = mecm_appo::Setup {
            auth: self.asking_inventory(&db, &self.appo_key)?,
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
    pub(super) fn watch_files(&self) {
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

    pub(super) fn serve(&self, serving: &mut JoinSet<Result<()>>, service: Service, listener: Listener) {
        let listen = &self.config.listen;
        let tls = self.tls.clone();
        let (name, stop) = (service.name, self.stop.clone());
        let grace = Duration::from_secs(listen.stop_seconds);
        let limits = service.limits;
        let router = service.into_router();
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
