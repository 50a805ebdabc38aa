//! What the suite's own services ask of tenants' keys: `/credentials/verify`; and `/credentials/reseal` for the command line.

use axum::Json;
use axum::extract::State;
use mecm_common::auth::layer::Door;
use mecm_common::auth::verification::{SignatureToVerify, Verdict};
use mecm_common::models::error::ErrorBody;
use mecm_common::service::{ApiError, ApiResult, Body, RequestInfo};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

pub(crate) fn routes(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(verify))
        .routes(routes!(reseal))
        .route_layer(Door::of_services(&app.auth))
}

/// Whose signature it is. For the suite's own services alone: they never see a secret.
#[utoipa::path(
    post, path = "/inventory/v1/credentials/verify", tag = "credentials", request_body = SignatureToVerify,
    responses(
        (status = 200, description = "Whose it is, or why it is refused: see `status` inside", body = Verdict),
        (status = 403, description = "Not one of the suite's services", body = ErrorBody),
    )
)]
async fn verify(
    State(app): State<App>,
    request: Option<axum::Extension<RequestInfo>>,
    Body(asked): Body<SignatureToVerify>,
) -> ApiResult<Json<Verdict>> {
    let mut question = asked
        .question()
        .ok_or_else(|| ApiError::internal("a validated signature cannot be read"))?;
    question.request = request.map(|axum::Extension(request)| request);
    let access_key = question.access_key.clone();
    let source = question.source.map(|source| source.to_string());
    let judged = app.credentials.judge(question).await;
    if let Err(error) = &judged {
        tracing::info!(%access_key, source, %error, "a signature is refused");
    }
    Ok(Json(Verdict::of(judged)?))
}

/// Seals with the master key of today what is sealed with one before it. For `mecm key rotate-master`.
#[utoipa::path(
    post, path = "/inventory/v1/credentials/reseal", tag = "credentials",
    responses(
        (status = 200, description = "Done", body = Resealed),
        (status = 403, description = "Not one of the suite's services", body = ErrorBody),
    )
)]
async fn reseal(State(app): State<App>) -> ApiResult<Json<Resealed>> {
    let resealed = app.credentials.reseal().await?;
    tracing::info!(resealed, "sealed access keys with the master key");
    Ok(Json(Resealed { resealed }))
}

/// What was sealed anew.
#[derive(Serialize, ToSchema)]
struct Resealed {
    /// How many access keys.
    resealed: u64,
}
