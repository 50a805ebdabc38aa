//! What routes and flows share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use mecm_common::auth::sealed::Sealer;
use mecm_common::client::{CallContext, EdgeTokens, Inventory, KeptCaller, PeerError};
use mecm_common::clock::Clock;
use mecm_common::config::{Config, RequiredServices};
use mecm_common::db::Db;
use mecm_common::models::ids::TenantId;
use mecm_jobs::{Engine, Job};
use secrecy::SecretString;

use crate::edge::Edge;
use crate::packages::Packages;

/// The state behind every route; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) core: Arc<Core>,
    pub(crate) engine: Engine,
}

/// What flows work with.
pub(crate) struct Core {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) inventory: Inventory,
    pub(crate) tokens: EdgeTokens,
    pub(crate) packages: Packages,
    pub(crate) edge: Edge,
    pub(crate) sealer: Sealer,
    pub(crate) settings: Settings,
}

/// What configuration says about how operations run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) per_controller: u32,
    pub(crate) unanswered: TimeDelta,
    pub(crate) ask: TimeDelta,
    pub(crate) deadline: TimeDelta,
    pub(crate) required_services: RequiredServices,
    pub(crate) max_on_controller: u32,
    pub(crate) long_poll: Duration,
    pub(crate) app_instances: u64,
    /// How many tenants may have any.
    pub(crate) tenants: u64,
    pub(crate) cache: PathBuf,
}

impl Settings {
    pub(crate) fn of(config: &Config) -> Self {
        let seconds = |seconds: u64| TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000));
        Self {
            per_controller: config.jobs.per_controller.max(1),
            unanswered: seconds(config.jobs.unanswered_seconds),
            ask: seconds(config.jobs.ask_seconds.max(1)),
            deadline: seconds(config.jobs.deadline_seconds),
            required_services: config.appo.required_services,
            max_on_controller: config.appo.max_instances_per_tenant_and_controller,
            long_poll: Duration::from_secs(config.appo.long_poll_seconds.min(20)),
            app_instances: config.limits.app_instances,
            tenants: config.limits.tenants,
            cache: config.folder(&config.appo.cache_dir, "cache"),
        }
    }
}

impl Core {
    /// The token that goes along to the edge for a job: the caller's while it can serve, else one that Inventory makes.
    pub(crate) async fn token(
        &self,
        context: &CallContext,
        job: &Job,
        writes: bool,
    ) -> Result<SecretString, PeerError> {
        let secret = KeptCaller::open(&self.sealer, job.secret.as_deref(), job.id);
        self.tokens
            .for_edge(context, job.tenant, &secret.user, secret.token.as_ref(), writes)
            .await
    }

    /// The same for a call made at once for a caller.
    pub(crate) async fn token_of(
        &self,
        context: &CallContext,
        tenant: TenantId,
        caller: &mecm_common::auth::Principal,
    ) -> Result<SecretString, PeerError> {
        let own = mecm_common::client::OwnToken::of(caller);
        self.tokens
            .for_edge(context, tenant, &caller.subject, own.as_ref(), false)
            .await
    }
}

/// The context of a job's calls: that of the request that made it.
pub(crate) fn context_of(job: &Job) -> CallContext {
    CallContext {
        request_id: job.request_id.clone(),
        traceparent: job.traceparent.clone(),
    }
}
