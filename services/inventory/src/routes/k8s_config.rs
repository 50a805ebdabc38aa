//! The Kubernetes configuration of a host: `/mechosts/{mechost_ip}/k8sconfig`. It is not kept here: it goes to the host's
//! LCM controller, and that one's answer comes back.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use chrono::TimeDelta;
use http::{HeaderValue, header};
use mecm_common::auth::{BodyCheck, Caller, Principal, Role};
use mecm_common::client::{Answer, CallContext, OwnToken};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::service::form::boundary;
use mecm_common::service::room::{Room, Rooms};
use mecm_common::service::{ApiError, ApiResult, RequestInfo, Url, broken_body};
use multer::{Constraints, Multipart, SizeLimit};
use secrecy::SecretString;
use serde::de::IgnoredAny;
use tracing::Instrument as _;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::controller::Target;
use crate::store::{hosts, k8s_config as store};

/// The largest configuration: the controller refuses one of 5 MiB.
const MAX_FILE: usize = 5 * 1024 * 1024 - 1;
/// What the form may have beside the file.
const MAX_AROUND: usize = 64 * 1024;
/// How long a token lives that is made for the call.
const TOKEN_LIVES: TimeDelta = TimeDelta::minutes(10);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(upload, delete))
}

/// The form of a configuration.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the form, which is read part by part")]
struct Form {
    /// A YAML document of less than 5 MiB, under any file name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Gives a host's LCM controller the Kubernetes configuration by which it reaches the host. Answers what the controller answers.
#[utoipa::path(
    post, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/k8sconfig", tag = "kubernetes configuration",
    request_body(content = Form, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "What the controller answered, JSON or text",
            content((serde_json::Value = "application/json"), (String = "text/plain"))),
        (status = 400, description = "A parameter is not what it should be, or the file is missing or no YAML document", body = ErrorBody),
        (status = 404, description = "There is no such host, or its LCM controller is not registered", body = ErrorBody),
        (status = 413, description = "The file has 5 MiB or more", body = ErrorBody),
        (status = 415, description = "The body is no multipart form", body = ErrorBody),
        (status = 502, description = "The controller cannot be reached, or refuses; details say what it said", body = ErrorBody),
        (status = 504, description = "The controller is too slow", body = ErrorBody),
    )
)]
async fn upload(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
    Caller(caller): Caller,
    Extension(request_info): Extension<RequestInfo>,
    check: BodyCheck,
    request: Request,
) -> ApiResult<Response> {
    let boundary = boundary(request.headers())?.ok_or_else(|| ApiError::missing_part("file"))?;
    let (parts, body) = request.into_parts();
    let room = Rooms::of(&parts).known;
    let file = file(&mut body.into_data_stream(), &boundary, &room).await?;
    check.finish().await?;
    let file = yaml(file).await?;
    to_the_end(app, tenant, ip, caller, request_info, Some(file)).await
}

/// Takes the Kubernetes configuration of a host away from its LCM controller. Answers what the controller answers.
#[utoipa::path(
    delete, path = "/inventory/v1/tenants/{tenant_id}/mechosts/{mechost_ip}/k8sconfig", tag = "kubernetes configuration",
    responses(
        (status = 200, description = "What the controller answered, JSON or text",
            content((serde_json::Value = "application/json"), (String = "text/plain"))),
        (status = 404, description = "There is no such host, or its LCM controller is not registered", body = ErrorBody),
        (status = 502, description = "The controller cannot be reached, or refuses; details say what it said", body = ErrorBody),
        (status = 504, description = "The controller is too slow", body = ErrorBody),
    )
)]
async fn delete(
    State(app): State<App>,
    Url((tenant, ip)): Url<(TenantId, HostIp)>,
    Caller(caller): Caller,
    Extension(request_info): Extension<RequestInfo>,
) -> ApiResult<Response> {
    to_the_end(app, tenant, ip, caller, request_info, None).await
}

/// Gives the controller a configuration, or takes it away, and notes it: also when the caller goes away meanwhile, because the
/// controller does it all the same.
async fn to_the_end(
    app: App,
    tenant: TenantId,
    host: HostIp,
    caller: Principal,
    request: RequestInfo,
    file: Option<Bytes>,
) -> ApiResult<Response> {
    let (ip, port) = controller_of(&app, tenant, host).await?;
    let work = async move {
        let target = Target {
            ip,
            port: &port,
            host,
            token: &token(&app, tenant, &caller),
            context: &CallContext::from(&request),
        };
        let (answer, done) = match file {
            Some(file) => (app.controllers.configure(target, file).await?, "Uploaded"),
            None => (app.controllers.forget(target).await?, "Deleted"),
        };
        note(&app, tenant, host, done).await?;
        Ok(as_it_is(answer))
    };
    tokio::spawn(work.in_current_span())
        .await
        .map_err(ApiError::internal)?
}

/// Reads the form to its end; of its parts, `file`.
async fn file(body: &mut axum::body::BodyDataStream, boundary: &str, room: &Room) -> ApiResult<Bytes> {
    let limit = SizeLimit::new()
        .whole_stream((MAX_FILE + MAX_AROUND) as u64)
        .for_field("file", MAX_FILE as u64);
    let mut form = Multipart::with_constraints(body, boundary, Constraints::new().size_limit(limit));
    let mut found = None;
    while let Some(mut part) = form.next_field().await.map_err(broken)? {
        let wanted = found.is_none() && part.name() == Some("file");
        let (mut held, mut bytes) = (room.nothing(), BytesMut::new());
        while let Some(chunk) = part.chunk().await.map_err(broken)? {
            if wanted {
                held.more(chunk.len())?;
                bytes.extend_from_slice(&chunk);
            }
        }
        if wanted {
            found = Some(held.keep(bytes.freeze()));
        }
    }
    found.ok_or_else(|| ApiError::missing_part("file"))
}

/// A form that cannot be read, or a body that did not come whole.
fn broken(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(cause) => broken_body(cause.as_ref()),
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            ApiError::too_large(MAX_FILE)
        }
        other => ApiError::malformed(other.to_string()),
    }
}

/// The file, if it is a YAML document. Reading megabytes of it takes a while, so it is done aside.
async fn yaml(file: Bytes) -> ApiResult<Bytes> {
    let document = file.clone();
    let is_yaml = move || {
        // Nothing at all, or nothing but comments, is read as null.
        matches!(
            serde_saphyr::from_slice::<Option<IgnoredAny>>(&document),
            Ok(Some(_))
        )
    };
    let is_yaml = tokio::task::spawn_blocking(is_yaml)
        .await
        .map_err(ApiError::internal)?;
    if is_yaml {
        Ok(file)
    } else {
        Err(ApiError::invalid(vec!["file is not a YAML document".to_owned()]))
    }
}

/// Where the LCM controller of a host is.
async fn controller_of(app: &App, tenant: TenantId, ip: HostIp) -> ApiResult<(HostIp, String)> {
    let mut read = app.db.read().await?;
    let controller = store::controller(&mut read, tenant, ip).await?;
    let controller = controller.ok_or_else(ApiError::not_found)?;
    let port = controller.port.ok_or_else(|| {
        let missing = format!(
            "the LCM controller {} of the host is not registered",
            controller.ip
        );
        ApiError::not_found().details(["Record not found".to_owned(), missing])
    })?;
    Ok((controller.ip, port))
}

/// The caller's own token while it can serve at a controller; else one made for its name, in the tenant.
fn token(app: &App, tenant: TenantId, caller: &Principal) -> SecretString {
    let now = app.clock.now();
    let own = OwnToken::of(caller).filter(|own| own.can_serve(now, tenant, true));
    match own {
        Some(own) => own.raw,
        None => {
            let roles = [Role::Tenant].into_iter().collect();
            app.signing
                .token(tenant, &caller.subject, roles, now + TOKEN_LIVES)
        }
    }
}

/// Notes what was done; the host may be gone by now.
async fn note(app: &App, tenant: TenantId, ip: HostIp, status: &str) -> ApiResult<()> {
    let mut tx = app.db.begin_write().await?;
    hosts::set_config_status(&mut tx, tenant, ip, status, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The controller calls all it says text; what is JSON is called so here, and nothing else, so that no browser takes it for a page.
fn as_it_is(answer: Answer) -> Response {
    let kind = if answer.json::<IgnoredAny>().is_ok() {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        answer.body,
    )
        .into_response()
}
