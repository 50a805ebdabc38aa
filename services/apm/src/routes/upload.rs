//! Onboarding by upload: the way ATP brings packages.

use std::collections::HashSet;

use axum::Json;
use axum::extract::{Query, Request, State};
use http::StatusCode;
use mecm_common::auth::BodyCheck;
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{HostIp, TenantId, fresh};
use mecm_common::models::package::{HOST_IP, NAME, UploadedPackage, VERSION};
use mecm_common::service::form::boundary;
use mecm_common::service::room::Rooms;
use mecm_common::service::{ApiError, ApiResult, Url};
use mecm_common::validate::{TextField, Violations};
use utoipa::ToSchema;

use super::form::{self, Form};
use crate::App;
use crate::keep;
use crate::store::packages::{NewPackage, Said};

/// The form of an upload; the text fields may also come as query parameters.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form in the document; the form is read part by part"
)]
pub(super) struct UploadForm {
    /// The package's name.
    #[schema(rename = "appPackageName", max_length = 255)]
    app_package_name: String,
    /// Its version.
    #[schema(rename = "appPackageVersion", max_length = 255)]
    app_package_version: String,
    /// The hosts it is for: IPs separated by commas, blanks around them allowed; at most 1 MiB.
    #[schema(rename = "hostList")]
    host_list: String,
    /// The CSAR, under a file name of 2 to 255 characters that ends in `.csar`, without blanks, control characters and any
    /// of `\ / : * ? " < > |`.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
}

/// Takes a package in: streamed to disk, checked, kept under its SHA-256. When the answer is out it can be downloaded.
///
/// The text fields of the form may come as query parameters instead; a field of the form goes before.
#[utoipa::path(
    post, path = "/apm/v1/tenants/{tenant_id}/packages/upload", tag = "packages",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, description = "Kept under two new ids", body = UploadedPackage),
        (status = 400, description = "A part is missing or breaks a constraint, or the file is no valid package", body = ErrorBody),
        (status = 408, description = "The upload stood still", body = ErrorBody),
        (status = 409, description = "The tenant has as many packages, or the package as many hosts, as it may", body = ErrorBody),
        (status = 413, description = "The file, or the host list, is too large", body = ErrorBody),
        (status = 415, description = "The body is no form", body = ErrorBody),
        (status = 503, description = "The database does not answer", body = ErrorBody),
        (status = 507, description = "No room left on the disk", body = ErrorBody),
    )
)]
pub(super) async fn upload(
    State(app): State<App>,
    Url((tenant,)): Url<(TenantId,)>,
    check: BodyCheck,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> ApiResult<(StatusCode, Json<UploadedPackage>)> {
    let Query(parameters) = query.map_err(|_| ApiError::invalid_parameter("query"))?;
    let boundary = boundary(request.headers())?;
    let (parts, body) = request.into_parts();
    let room = Rooms::of(&parts).known;
    let mut form = match boundary {
        Some(boundary) => {
            let limit = app.config.limits.package;
            form::read(body.into_data_stream(), &boundary, &app.blobs, limit, &room).await?
        }
        None => Form::default(),
    };
    for (name, text) in &parameters {
        form.set(name, text);
    }
    Ok((
        StatusCode::ACCEPTED,
        Json(take(&app, tenant, &check, form).await?),
    ))
}

/// Validates, checks and keeps what came.
async fn take(
    app: &App,
    tenant: TenantId,
    check: &BodyCheck,
    form: Form,
) -> Result<UploadedPackage, ApiError> {
    let present = |text: Option<String>, part: &str| text.ok_or_else(|| ApiError::missing_part(part));
    let name = present(form.name, "appPackageName")?;
    let version = present(form.version, "appPackageVersion")?;
    let list = present(form.hosts, "hostList")?;
    let (_, incoming) = form.file.ok_or_else(|| ApiError::missing_part("file"))?;
    if [&name, &version, &list].iter().any(|text| text.contains('\0')) {
        return Err(ApiError::malformed(
            "a text with the character U+0000 cannot be kept",
        ));
    }
    let mut violations = Violations::default();
    for (field, text) in [(&NAME, &name), (&VERSION, &version)] {
        // v1.0 takes the empty text here.
        violations.text(
            &TextField {
                empty: None,
                ..*field
            },
            Some(text),
        );
    }
    let hosts = hosts(&list);
    if hosts.is_none() {
        violations.push(HOST_IP.pattern.map_or("", |(_, text)| text));
    }
    let (Some(hosts), []) = (hosts, violations.texts()) else {
        return Err(ApiError::invalid(violations.texts().to_vec()));
    };
    keep::host_quota(app, hosts.len())?;
    let received = incoming.finish().await.map_err(ApiError::from_io)?;
    // Before anything is kept: the body must be the one that was signed.
    check.finish().await?;
    let (received, file) = app.judge.check(received).await?;
    let package = NewPackage {
        tenant,
        id: fresh(),
        app_id: fresh(),
        name,
        version,
        said: Said::default(),
    };
    let told = UploadedPackage {
        app_package_id: package.id,
        app_id: package.app_id,
    };
    let (size, warnings) = (file.size, file.warnings.len());
    keep::keep(app, package, file, received, hosts).await?;
    tracing::info!(package = %told.app_package_id, size, warnings, "a package was taken in");
    Ok(told)
}

/// The hosts of a list separated by commas, each once, in order; `None` when one is no IP or there is none.
fn hosts(list: &str) -> Option<Vec<HostIp>> {
    let mut known = HashSet::new();
    let mut hosts: Vec<HostIp> = Vec::new();
    for text in list.split(',') {
        let host = text.trim().parse().ok()?;
        if known.insert(host) {
            hosts.push(host);
        }
    }
    Some(hosts)
}
