//! What the service is made of, and how it is put together.

use std::ops::Deref;
use std::sync::Arc;

use http::HeaderValue;
use mecm_common::auth::Authenticator;
use mecm_common::auth::rsa::{PublicKey, SigningKey};
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::config::Config;
use mecm_common::db::{Db, DbError, Migrations};
use mecm_common::service::{Check, Limits, Service};
use tokio_util::sync::CancellationToken;

use crate::controller::Controllers;
use crate::credentials::Credentials;
use crate::routes;
use crate::signing::Signing;

/// What all paths begin with.
const BASE: &str = "/inventory/v1";

/// What the handlers share: one pointer, because the router copies it several times for each request.
#[derive(Clone, Debug)]
pub struct App(Arc<Shared>);

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What is behind an [`App`].
#[derive(Debug)]
pub struct Shared {
    /// The registry's database.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// The whole configuration; its limits bound what a tenant may keep.
    pub config: Arc<Config>,
    /// Says who makes a request.
    pub auth: Authenticator,
    /// Calls the hosts' LCM controllers.
    pub(crate) controllers: Controllers,
    /// Makes the access tokens of this service.
    pub signing: Signing,
    /// The tenants' access keys.
    pub(crate) credentials: Credentials,
    /// Ends background work.
    pub stop: CancellationToken,
}

/// What a start needs.
#[derive(Debug)]
pub struct Setup {
    /// The registry's database, opened with [`migrations`].
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// The configuration.
    pub config: Arc<Config>,
    /// Says who makes a request.
    pub auth: Authenticator,
    /// The HTTP clients.
    pub clients: Clients,
    /// The tenants' access keys; `auth` asks them.
    pub credentials: Credentials,
    /// The key of the access tokens that this service makes.
    pub signing: SigningKey,
    /// The one that is to sign after it: told to all beforehand.
    pub next_signing: Option<PublicKey>,
    /// Ends background work when cancelled.
    pub stop: CancellationToken,
}

/// A service that is ready to be served.
#[derive(Debug)]
pub struct Started {
    /// Its routes and checks.
    pub service: Service,
    /// What its handlers share.
    pub app: App,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configured origin is no header value.
    #[error("listen.allowed_origin must be an origin like https://portal.example, or *")]
    AllowedOrigin(#[source] http::header::InvalidHeaderValue),
    /// The database took no note of the signing key.
    #[error(
        "the registry's database cannot be written; check inventory.database and what the database's log says"
    )]
    Database(#[from] DbError),
}

/// The schema of the registry's database.
pub fn migrations() -> Migrations {
    Migrations {
        postgres: sqlx::migrate!("../../migrations/inventory/postgres"),
        sqlite: sqlx::migrate!("../../migrations/inventory/sqlite"),
    }
}

/// Puts the service together. It serves when its router is served.
///
/// # Errors
/// [`StartError`] says which setting to change.
pub async fn start(setup: Setup) -> Result<Started, StartError> {
    let allowed_origin =
        HeaderValue::from_str(&setup.config.listen.allowed_origin).map_err(StartError::AllowedOrigin)?;
    let signing = Signing::begin(
        setup.signing,
        setup.next_signing,
        &setup.db,
        &setup.auth,
        &setup.clock,
        &setup.stop,
    )
    .await?;
    let app = App(Arc::new(Shared {
        controllers: Controllers::new(&setup.clients, &setup.config),
        db: setup.db,
        clock: setup.clock,
        config: setup.config,
        auth: setup.auth,
        signing,
        credentials: setup.credentials,
        stop: setup.stop,
    }));
    let limits = &app.config.limits;
    let service = Service {
        name: "inventory",
        title: "Inventory",
        base: BASE,
        routes: routes::routes(app.clone()),
        checks: vec![("database", database_check(&app.db))],
        limits: Limits::from(limits),
        allowed_origin,
        clock: app.clock.clone(),
        errors_with_response: false,
    };
    Ok(Started { service, app })
}

fn database_check(db: &Db) -> Check {
    let db = db.clone();
    Arc::new(move || {
        let db = db.clone();
        Box::pin(async move { db.ping().await.map_err(|error| error.to_string()) })
    })
}
