//! The whole route table: one file a noun, each with its `routes`. A handler reads the request, opens one transaction,
//! calls the store and answers; it holds no SQL.

use axum::middleware::from_fn_with_state;
use mecm_common::auth::layer;
use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// Every route of the service, with its state.
pub(crate) fn routes(app: App) -> OpenApiRouter {
    OpenApiRouter::new().merge(of_tenants(&app)).with_state(app)
}

/// Routes under `/inventory/v1/tenants/{tenant_id}`: nobody gets to them who may not act in that tenant.
fn of_tenants(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new().route_layer(from_fn_with_state(app.auth.clone(), layer::require))
}
