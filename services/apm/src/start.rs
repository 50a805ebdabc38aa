//! What the service is made of, and how it is put together.

use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use chrono::TimeDelta;
use http::HeaderValue;
use mecm_common::auth::Authenticator;
use mecm_common::auth::sealed::Sealer;
use mecm_common::client::{Clients, EdgeTokens, Inventory, Outside, ServicePeer};
use mecm_common::clock::Clock;
use mecm_common::config::{self, Config};
use mecm_common::db::{Db, DbError, Migrations};
use mecm_common::service::{Check, Limits, Service};
use mecm_csar::{ManifestVerification, Policy, Signature};
use mecm_jobs::{Engine, EngineError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::blobs::Blobs;
use crate::judge::Judge;
use crate::onboarding::Onboarding;
use crate::owner::{self, OwnerError};
use crate::{keep, routes};

/// Packages, and what is needed to take them in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stock {
    /// The database of packages.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// The configuration.
    pub config: Arc<Config>,
    pub(crate) blobs: Blobs,
    pub(crate) judge: Judge,
    /// A place for each package that is written down at once.
    pub(crate) keeping: Arc<Semaphore>,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) stock: Stock,
    /// Runs what goes on after an answer.
    pub(crate) engine: Engine,
    /// Encrypts the callers' tokens.
    pub(crate) sealer: Sealer,
}

impl std::ops::Deref for App {
    type Target = Stock;

    fn deref(&self) -> &Stock {
        &self.stock
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("stock", &self.stock)
            .finish_non_exhaustive()
    }
}

/// Packages that are fetched at once, at most.
const FETCHES: usize = 16;

/// What a start needs.
#[derive(Debug)]
pub struct Setup {
    /// The database, opened with [`migrations`].
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// The configuration.
    pub config: Arc<Config>,
    /// Says who makes a request.
    pub auth: Authenticator,
    /// The HTTP clients.
    pub clients: Clients,
    /// Inventory, called with APM's own key.
    pub inventory: ServicePeer,
    /// Encrypts the callers' tokens.
    pub sealer: Sealer,
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
    /// The engine, to be waited for at the end ([`Engine::stopped`]).
    pub engine: Engine,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The package store.
    #[error(
        "cannot use the package store {} (apm.packages_dir); check the folder and its permissions",
        path.display()
    )]
    Store {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The package store is another database's.
    #[error(
        "the package store {} (apm.packages_dir) holds files of another database than apm.database; each package manager \
         needs a folder of its own, and a new database an empty one",
        path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The database.
    #[error("the package manager cannot use its database")]
    Database(#[from] DbError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The configured origin is no header value.
    #[error("listen.allowed_origin must be an origin like https://portal.example, or *")]
    AllowedOrigin(#[source] http::header::InvalidHeaderValue),
}

/// The schema of the package manager's database.
pub fn migrations() -> Migrations {
    Migrations {
        postgres: sqlx::migrate!("../../migrations/apm/postgres"),
        sqlite: sqlx::migrate!("../../migrations/apm/sqlite"),
    }
}

/// Opens the package store, removes what a crash left there, and puts the service together.
///
/// # Errors
/// [`StartError`] says what to check.
pub async fn start(setup: Setup) -> Result<Started, StartError> {
    let config = setup.config;
    let path = config.folder(&config.apm.packages_dir, "packages");
    let unusable = |source| StartError::Store {
        path: path.clone(),
        source,
    };
    let blobs = Blobs::open(&path).await.map_err(unusable)?;
    owner::claim(&setup.db, &blobs)
        .await
        .map_err(|error| match error {
            OwnerError::Foreign => StartError::Foreign { path: path.clone() },
            OwnerError::Database(error) => StartError::Database(error),
            OwnerError::Disk(error) => unusable(error),
        })?;
    keep::sweep(&setup.db, &blobs)
        .await
        .map_err(|error| match error {
            keep::SweepError::Database(error) => StartError::Database(error),
            keep::SweepError::Disk(error) => unusable(error),
        })?;
    tokio::spawn(keep::sweep_until(
        setup.db.clone(),
        blobs.clone(),
        setup.stop.clone(),
    ));
    let allowed_origin =
        HeaderValue::from_str(&config.listen.allowed_origin).map_err(StartError::AllowedOrigin)?;
    let limits = Limits::from(&config.limits);
    let stock = Stock {
        judge: Judge::new(policy(&config), available_parallelism().map_or(1, NonZero::get)),
        // The other half of the connections is for those who read.
        keeping: Arc::new(Semaphore::new((config.apm.connections as usize / 2).max(1))),
        db: setup.db,
        clock: setup.clock.clone(),
        config,
        blobs,
    };
    let config = &stock.config;
    let onboarding = Onboarding {
        stock: stock.clone(),
        outside: Outside::new(&setup.clients, Duration::from_secs(config.peers.service_seconds)),
        inventory: Inventory(setup.inventory.clone()),
        tokens: EdgeTokens::new(setup.inventory, setup.clock.clone()),
        sealer: setup.sealer.clone(),
    };
    let workers = config.jobs.workers.min(FETCHES);
    let mut jobs = mecm_jobs::Settings::new("apm", workers, config.data_dir.join("apm.instance"));
    jobs.history = TimeDelta::days(i64::from(config.jobs.history_days));
    let engine = Engine::start(
        stock.db.clone(),
        setup.clock.clone(),
        Arc::new(onboarding),
        jobs,
        setup.stop,
    )
    .await?;
    let app = App {
        stock,
        engine: engine.clone(),
        sealer: setup.sealer,
    };
    let service = Service {
        name: "apm",
        title: "APM",
        base: "/apm/v1",
        routes: routes::routes(app.clone(), &setup.auth),
        checks: vec![
            ("database", database(&app.db)),
            ("packages", packages(&app.blobs)),
        ],
        limits,
        allowed_origin,
        clock: setup.clock,
        errors_with_response: false,
    };
    Ok(Started { service, app, engine })
}

fn policy(config: &Config) -> Policy {
    let mut policy = Policy::default();
    policy.limits.entry_bytes = config.limits.package;
    policy.limits.total_bytes = config.limits.unpacked;
    policy.manifest_verification = match config.apm.manifest_verification {
        config::ManifestVerification::Warn => ManifestVerification::Warn,
        config::ManifestVerification::Strict => ManifestVerification::Strict,
    };
    policy.signature = match config.apm.signature {
        config::Signature::Warn => Signature::Warn,
        config::Signature::Required => Signature::Required,
    };
    policy
}

fn database(db: &Db) -> Check {
    let db = db.clone();
    Arc::new(move || {
        let db = db.clone();
        Box::pin(async move { db.ping().await.map_err(|error| error.to_string()) })
    })
}

fn packages(blobs: &Blobs) -> Check {
    let blobs = blobs.clone();
    Arc::new(move || {
        let blobs = blobs.clone();
        Box::pin(async move { blobs.check().await.map_err(|error| error.to_string()) })
    })
}
