//! The access tokens that this service makes: `/token` for whoever signs with an access key, `/tokens` for the suite's own
//! services, `/token_key` to verify them with.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::TimeDelta;
use http::{HeaderName, HeaderValue, header};
use mecm_common::auth::layer::Door;
use mecm_common::auth::rsa::TokenKey;
use mecm_common::auth::{AuthError, Caller, How, Role, Roles};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::TenantId;
use mecm_common::models::lenient;
use mecm_common::service::{ApiError, ApiResult, Body};
use mecm_common::validate::{Pattern, TextField, Validate, Violations};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// How long a token made from an access key lives.
const OF_A_KEY: TimeDelta = TimeDelta::hours(1);
/// How long a token made for a service lives.
const FOR_A_SERVICE: TimeDelta = TimeDelta::minutes(10);
/// A token is for whoever asked for it, and for nobody's cache (RFC 6749, 5.1).
pub(super) const NOT_CACHED: [(HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// Each behind its own door: none of them is a tenant's.
pub(crate) fn routes(app: &App) -> OpenApiRouter<App> {
    let signed = OpenApiRouter::new()
        .routes(routes!(token))
        .route_layer(Door::of_signers(&app.auth));
    let services = OpenApiRouter::new()
        .routes(routes!(token_for_a_service))
        .route_layer(Door::of_services(&app.auth));
    OpenApiRouter::new()
        .routes(routes!(token_key))
        .merge(signed)
        .merge(services)
}

/// A token for the tenant and the roles of the access key that signs the request. One signature, then an hour of plain calls.
#[utoipa::path(
    post, path = "/inventory/v1/token", tag = "tokens",
    responses(
        (status = 200, description = "It, for an hour, or until the key ends", body = MadeToken),
        (status = 401, description = "Not signed, or not as it should be", body = ErrorBody),
        (status = 403, description = "The key is locked for this source, or is a service's own and has no tenant", body = ErrorBody),
    )
)]
async fn token(State(app): State<App>, Caller(caller): Caller) -> ApiResult<impl IntoResponse> {
    let tenant = caller.tenant.ok_or(AuthError::Forbidden)?;
    let How::Signed { access_key, expires } = &caller.how else {
        return Err(ApiError::internal("a signed request has no access key"));
    };
    let mut lives = OF_A_KEY;
    if let Some(expires) = expires {
        // Whole seconds, as the token has them.
        lives = lives.min(TimeDelta::seconds((*expires - app.clock.now()).num_seconds()));
    }
    let made = MadeToken::new(&app, tenant, &caller.subject, caller.roles, lives);
    tracing::info!(%tenant, %access_key, "made a token from an access key");
    Ok((NOT_CACHED, Json(made)))
}

/// A token with which a service shows itself at an edge where no caller's token can serve. For the suite's own services alone.
#[utoipa::path(
    post, path = "/inventory/v1/tokens", tag = "tokens", request_body = WantedToken,
    responses(
        (status = 200, description = "It, for ten minutes", body = MadeToken),
        (status = 403, description = "Not one of the suite's services", body = ErrorBody),
    )
)]
async fn token_for_a_service(
    State(app): State<App>,
    Caller(caller): Caller,
    Body(wanted): Body<WantedToken>,
) -> ApiResult<impl IntoResponse> {
    let incomplete = || ApiError::internal("a validated request for a token lacks a required member");
    let tenant: TenantId = wanted
        .tenant_id
        .as_deref()
        .and_then(|tenant| tenant.parse().ok())
        .ok_or_else(incomplete)?;
    let user = wanted.user_name.as_deref().ok_or_else(incomplete)?;
    let roles = wanted.roles.iter().filter_map(|name| may_have(name)).collect();
    let made = MadeToken::new(&app, tenant, user, roles, FOR_A_SERVICE);
    tracing::info!(%tenant, service = caller.subject, user, "made a token for a service");
    Ok((NOT_CACHED, Json(made)))
}

/// The key that verifies the tokens made here, as the platform's user management tells its own, and beside it those that
/// signed before and whose tokens may still live.
#[utoipa::path(
    get, path = "/inventory/v1/token_key", tag = "tokens",
    responses((status = 200, description = "The keys, as PEM", body = TokenKey)),
    security(())
)]
async fn token_key(State(app): State<App>) -> Json<TokenKey> {
    Json(app.signing.published())
}

/// What a service wants a token for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
struct WantedToken {
    /// The tenant in which it acts.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 64)]
    tenant_id: Option<String>,
    /// The user for whom it acts.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 256)]
    user_name: Option<String>,
    /// `ROLE_MECM_TENANT` to write, `ROLE_MECM_GUEST` to read; nothing else.
    #[serde(deserialize_with = "lenient::texts")]
    #[schema(required, min_items = 1)]
    roles: Vec<String>,
}

const TENANT_ID: TextField = TextField {
    empty: Some("tenant ID is empty"),
    max: 64,
    long: "tenant ID length exceeds max size",
    pattern: Some((Pattern::TenantId, "tenant ID is invalid")),
};
const USER_NAME: TextField = TextField {
    empty: Some("user name is empty"),
    max: 256,
    long: "user name length exceeds max size",
    pattern: None,
};

impl Validate for WantedToken {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&TENANT_ID, self.tenant_id.as_deref());
        violations.text(&USER_NAME, self.user_name.as_deref());
        violations.check(self.roles.is_empty(), "roles is empty");
        violations.check(
            self.roles.iter().any(|name| may_have(name).is_none()),
            "role is invalid. It must be ROLE_MECM_TENANT or ROLE_MECM_GUEST",
        );
    }
}

/// The role of that name, if a token for a service may carry it.
fn may_have(name: &str) -> Option<Role> {
    Role::from_name(name).filter(|role| matches!(role, Role::Tenant | Role::Guest))
}

/// A token.
#[derive(Serialize, ToSchema)]
struct MadeToken {
    /// The token itself: a JWT.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String)]
    access_token: SecretString,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How many seconds it lives.
    #[schema(example = 3600)]
    expires_in: i64,
}

impl MadeToken {
    fn new(app: &App, tenant: TenantId, user: &str, roles: Roles, lives: TimeDelta) -> Self {
        Self {
            access_token: app.signing.token(tenant, user, roles, app.clock.now() + lives),
            token_type: "Bearer",
            expires_in: lives.num_seconds(),
        }
    }
}

/// The one place where a token made here leaves.
fn shown<S: serde::Serializer>(token: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose_secret())
}
