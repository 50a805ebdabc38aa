//! The route table: HTTP in, HTTP out.

mod download;
mod form;
mod onboard;
mod packages;
mod upload;

use axum::middleware::from_fn_with_state;
use mecm_common::auth::{Authenticator, layer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// Every route of the service; each asks who calls before anything else.
pub(crate) fn routes(app: App, auth: Authenticator) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(upload::upload))
        .routes(routes!(packages::list, onboard::onboard))
        .routes(routes!(packages::one, packages::delete))
        .routes(routes!(packages::delete_host))
        .routes(routes!(download::download))
        .route_layer(from_fn_with_state(auth, layer::require))
        .with_state(app)
}
