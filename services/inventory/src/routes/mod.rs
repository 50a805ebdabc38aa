//! The whole route table: one file a noun, each with its `routes`. A handler reads the request, opens one transaction,
//! calls the store and answers; it holds no SQL.

mod app_rules;
mod app_stores;
pub(crate) mod applications;
mod capabilities;
mod controllers;
mod credentials;
mod hosts;
mod k8s_config;
mod queries;
mod records;
mod rule_managers;
mod tokens;
mod topology;
mod verification;

use axum::Json;
use mecm_common::auth::layer::Door;
use mecm_common::db::Tx;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::service::{ApiError, ApiResult};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::App;
use crate::store::holdings::{self, Kind};

/// Every route of the service, with its state.
pub(crate) fn routes(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(of_tenants(&app))
        .merge(tokens::routes(&app))
        .merge(verification::routes(&app))
        .with_state(app)
}

/// Routes under `/inventory/v1/tenants/{tenant_id}`: nobody gets to them who may not act in that tenant.
fn of_tenants(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(hosts::routes())
        .merge(capabilities::routes())
        .merge(applications::routes())
        .merge(controllers::routes())
        .merge(rule_managers::routes())
        .merge(app_stores::routes())
        .merge(app_rules::routes())
        .merge(k8s_config::routes())
        .merge(topology::routes())
        .merge(credentials::routes())
        .route_layer(Door::of_tenants(&app.auth))
}

/// What a write is answered with.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// `Saved`, `Updated` or `Deleted`.
    response: &'static str,
}

impl Done {
    /// The answer of `POST`.
    pub(crate) fn saved() -> Json<Self> {
        Json(Self { response: "Saved" })
    }

    /// The answer of `PUT`.
    pub(crate) fn updated() -> Json<Self> {
        Json(Self { response: "Updated" })
    }

    /// The answer of `DELETE`.
    pub(crate) fn deleted() -> Json<Self> {
        Json(Self { response: "Deleted" })
    }
}

/// Counts a record that was added, as the last thing before the transaction is committed. 409 when it is one too many.
pub(crate) async fn counted(app: &App, tx: &mut Tx, tenant: TenantId, kind: Kind) -> ApiResult<()> {
    let full = |what: &str, most: u64| Err(ApiError::quota(format!("{what}: {most}")));
    let limits = &app.config.limits;
    let most = match kind {
        Kind::Applications | Kind::AppRules => limits.app_instances,
        Kind::AppStores | Kind::Credentials | Kind::Hosts | Kind::LcmControllers | Kind::RuleManagers => {
            limits.records
        }
    };
    let held = holdings::add(tx, tenant, kind).await?;
    if held > most {
        return full(kind.as_str(), most);
    }
    if held == 1 && !holdings::admits(tx, tenant, kind, limits.tenants).await? {
        return full("tenants", limits.tenants);
    }
    Ok(())
}

/// The IP that is a record's key, from a body that was validated.
fn key(ip: Option<&str>) -> ApiResult<HostIp> {
    ip.and_then(|ip| ip.parse().ok())
        .ok_or_else(|| ApiError::internal("a validated body has no key"))
}

/// The IPs in URL and body must be the same.
fn agreed(url: HostIp, body: Option<&str>, differs: &'static str) -> ApiResult<()> {
    if key(body)? == url {
        Ok(())
    } else {
        Err(ApiError::illegal(differs))
    }
}
