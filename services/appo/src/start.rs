//! From a configuration and a database to a running orchestrator.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use mecm_common::auth::Authenticator;
use mecm_common::auth::sealed::Sealer;
use mecm_common::client::{Apm, Clients, EdgeTokens, Inventory, ServicePeer};
use mecm_common::clock::Clock;
use mecm_common::config::Config;
use mecm_common::db::{Db, Migrations};
use mecm_common::service::{Limits, Service};
use mecm_jobs::{Engine, EngineError, Flows};
use tokio_util::sync::CancellationToken;

use crate::core::{App, Core, Settings};
use crate::edge::Edge;
use crate::flows::AppFlows;
use crate::packages::Packages;
use crate::{housekeeping, routes};

/// What APPO is started with.
#[derive(Debug)]
pub struct Setup {
    /// Its open, migrated database.
    pub db: Db,
    /// Where "now" comes from.
    pub clock: Clock,
    /// The configuration.
    pub config: Arc<Config>,
    /// Says who calls.
    pub auth: Authenticator,
    /// The HTTP clients.
    pub clients: Clients,
    /// Inventory, called with APPO's own key.
    pub inventory: ServicePeer,
    /// APM, likewise.
    pub apm: ServicePeer,
    /// Encrypts the callers' tokens.
    pub sealer: Sealer,
    /// Ends background work.
    pub stop: CancellationToken,
}

/// A started orchestrator: work goes on; the caller serves [`Started::service`].
#[derive(Debug)]
pub struct Started {
    /// The routes, to be served.
    pub service: Service,
    /// The engine, to be waited for at the end ([`Engine::stopped`]).
    pub engine: Engine,
}

/// Why APPO could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder for packages.
    #[error("cannot use the package cache {path} (appo.cache_dir); check the folder and its permissions")]
    Cache {
        /// The folder.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A header value cannot be made of the configuration.
    #[error("listen.allowed_origin is no origin: write it as https://host:port, or *")]
    Origin,
}

/// APPO's schema.
pub fn migrations() -> Migrations {
    Migrations {
        postgres: sqlx::migrate!("../../migrations/appo/postgres"),
        sqlite: sqlx::migrate!("../../migrations/appo/sqlite"),
    }
}

/// Takes up what was under way, and makes the service.
///
/// # Errors
/// [`StartError`].
pub async fn start(setup: Setup) -> Result<Started, StartError> {
    start_with(setup, |flows| flows).await
}

/// [`start`] with the flows wrapped: tests make steps crash, fail and repeat.
pub(crate) async fn start_with(
    setup: Setup,
    wrap: impl FnOnce(Arc<dyn Flows>) -> Arc<dyn Flows>,
) -> Result<Started, StartError> {
    let config = &setup.config;
    let settings = Settings::of(config);
    let apm = Apm {
        peer: setup.apm,
        stall: Duration::from_secs(config.peers.service_seconds),
        limit: config.limits.package,
    };
    let packages =
        Packages::new(apm, settings.cache.clone(), policy(config)).map_err(|source| StartError::Cache {
            path: settings.cache.display().to_string(),
            source,
        })?;
    let core = Arc::new(Core {
        db: setup.db.clone(),
        clock: setup.clock.clone(),
        inventory: Inventory(setup.inventory.clone()),
        tokens: EdgeTokens::new(setup.inventory, setup.clock.clone()),
        packages,
        edge: Edge::new(&setup.clients, config, setup.clock.clone()),
        sealer: setup.sealer,
        settings,
    });
    let mut jobs =
        mecm_jobs::Settings::new("appo", config.jobs.workers, config.data_dir.join("appo.instance"));
    jobs.history = chrono::TimeDelta::days(i64::from(config.jobs.history_days));
    let flows = wrap(Arc::new(AppFlows(core.clone())));
    let engine = Engine::start(
        setup.db.clone(),
        setup.clock.clone(),
        flows,
        jobs,
        setup.stop.clone(),
    )
    .await?;
    tokio::spawn(housekeeping::run(core.clone(), setup.stop));
    let app = App {
        core,
        engine: engine.clone(),
    };
    let db = setup.db;
    let service = Service {
        name: "appo",
        title: "APPO",
        base: "/appo/v1",
        routes: routes::routes(app, &setup.auth),
        checks: vec![(
            "database",
            Arc::new(move || {
                let db = db.clone();
                Box::pin(async move { db.ping().await.map_err(|error| error.to_string()) })
            }),
        )],
        limits: Limits::from(&config.limits),
        allowed_origin: HeaderValue::from_str(&config.listen.allowed_origin)
            .map_err(|_| StartError::Origin)?,
        clock: setup.clock,
        errors_with_response: true,
    };
    Ok(Started { service, engine })
}

/// How packages are judged once more before they are sent on: by the bounds, since APM has judged the rest.
fn policy(config: &Config) -> mecm_csar::Policy {
    let mut policy = mecm_csar::Policy::default();
    policy.limits.entry_bytes = config.limits.package;
    policy.limits.total_bytes = config.limits.unpacked;
    policy
}
