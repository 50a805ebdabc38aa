//! The route table: HTTP in, HTTP out.

mod download;
mod form;
mod onboard;
mod packages;
mod upload;

use mecm_common::auth::Authenticator;
use mecm_common::auth::layer::Door;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// Every route of the service; each asks who calls before anything else.
pub(crate) fn routes(app: App, auth: &Authenticator) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(upload::upload))
        .routes(routes!(packages::list, onboard::onboard))
        .routes(routes!(packages::one, packages::delete))
        .routes(routes!(packages::delete_host))
        .routes(routes!(download::download))
        .route_layer(Door::of_tenants(auth))
        .with_state(app)
}
