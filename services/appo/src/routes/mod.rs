//! The route table: HTTP in, HTTP out. Decisions are in `plan` and `accept`, SQL is in `store`.

mod app_instances;
mod app_rules;
mod batches;
mod hosts;
pub(crate) mod infos;

use mecm_common::auth::Authenticator;
use mecm_common::auth::layer::Door;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::core::App;

/// Every success body of APPO.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answer<T> {
    /// What was asked for.
    pub(crate) response: T,
}

/// What a call is answered with whose work goes on.
pub(crate) const ACCEPTED: &str = "ACCEPTED";

/// All routes of APPO; each asks who calls before anything else.
pub(crate) fn routes(app: App, auth: &Authenticator) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(app_instances::create))
        .routes(routes!(
            app_instances::instantiate,
            app_instances::workload_status,
            app_instances::terminate
        ))
        .routes(routes!(batches::create))
        .routes(routes!(batches::instantiate))
        .routes(routes!(batches::terminate, batches::terminate_by_delete))
        .routes(routes!(infos::list))
        .routes(routes!(infos::list_as_the_portal_asks))
        .routes(routes!(infos::one))
        .routes(routes!(hosts::kpi))
        .routes(routes!(hosts::mep_capabilities))
        .routes(routes!(hosts::mep_capability))
        .routes(routes!(app_rules::add, app_rules::replace, app_rules::remove))
        .routes(routes!(app_rules::task))
        .route_layer(Door::of_tenants(auth))
        .with_state(app)
}
