//! A package's file, streamed, whole or in part (RFC 9110: `Range`, `If-Range`, `If-None-Match`).

use std::io::{Seek, SeekFrom};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderName, StatusCode};
use mecm_common::models::error::ErrorBody;
use mecm_common::models::ids::{PackageId, TenantId};
use mecm_common::service::{ApiError, ApiResult, Url};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::App;
use crate::store::packages::{self, FileOf};

/// Read from disk at a time.
const CHUNK: usize = 64 * 1024;
/// The detail of a 404 while the file is not there.
const NO_FILE: &str = "csar package file does not exists";

/// The package's file.
#[utoipa::path(
    get, path = "/apm/v1/tenants/{tenant_id}/packages/{app_package_id}/download", tag = "packages",
    params(
        ("range" = Option<String>, Header, description = "One range of bytes"),
        ("if-none-match" = Option<String>, Header, description = "The ETag of what the caller has"),
    ),
    responses(
        (status = 200, description = "The CSAR", content_type = "application/octet-stream",
            headers(("etag" = String, description = "Its SHA-256"))),
        (status = 206, description = "A part of it", content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it"),
        (status = 404, description = "There is no such package, or its file is not there yet", body = ErrorBody),
        (status = 416, description = "The range is not in the file", body = ErrorBody),
    )
)]
pub(super) async fn download(
    State(app): State<App>,
    Url((tenant, id)): Url<(TenantId, PackageId)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let mut tx = app.db.begin_read().await?;
    let file = packages::file(&mut tx, tenant, id).await?;
    drop(tx);
    let no_file = || ApiError::no_such_element(NO_FILE);
    let FileOf::Present(digest) = file.ok_or_else(ApiError::not_found)? else {
        return Err(no_file());
    };
    let etag = format!("\"{}\"", digest.as_str());
    if names(&headers, &IF_NONE_MATCH, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    let (mut file, size) = app
        .blobs
        .read(&digest)
        .await
        .map_err(ApiError::from_io)?
        .ok_or_else(no_file)?;

    // Compared strongly, and no list: a part must fit what the caller has to the byte.
    let in_part = headers.get(IF_RANGE).is_none_or(|known| *known == *etag);
    let wanted = headers
        .get(RANGE)
        .filter(|_| in_part)
        .and_then(|range| range.to_str().ok())
        .and_then(|range| wanted(range, size));
    let (status, first, length) = match wanted {
        None => (StatusCode::OK, 0, size),
        Some(Wanted::Part { first, last }) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Some(Wanted::Outside) => {
            let error = ApiError::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range_not_satisfiable",
                "Range Not Satisfiable",
            );
            let error = error.details([format!("the file has {size} bytes")]);
            return Ok(([(CONTENT_RANGE, format!("bytes */{size}"))], error).into_response());
        }
    };
    if first > 0 {
        file = tokio::task::spawn_blocking(move || file.seek(SeekFrom::Start(first)).map(|_| file))
            .await
            .map_err(ApiError::internal)?
            .map_err(ApiError::from_io)?;
    }
    let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file).take(length), CHUNK);
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = status;
    let out = response.headers_mut();
    let mut put = |name: HeaderName, value: String| {
        if let Ok(value) = value.parse() {
            out.insert(name, value);
        }
    };
    put(CONTENT_TYPE, "application/octet-stream".to_owned());
    put(CONTENT_LENGTH, length.to_string());
    put(ETAG, etag);
    put(ACCEPT_RANGES, "bytes".to_owned());
    put(CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.csar\""));
    if status == StatusCode::PARTIAL_CONTENT {
        put(
            CONTENT_RANGE,
            format!("bytes {first}-{}/{size}", first + length - 1),
        );
    }
    Ok(response)
}

/// Whether a header lists this tag, or any.
fn names(headers: &HeaderMap, name: &HeaderName, etag: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}

/// What of a file is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// From this byte to that, both included.
    Part { first: u64, last: u64 },
    /// Nothing that is there.
    Outside,
}

/// Reads one range of bytes; `None` for everything else, which is answered with the whole file.
fn wanted(range: &str, size: u64) -> Option<Wanted> {
    let (unit, range) = range.trim().split_once('=')?;
    let (first, last) = range
        .split_once('-')
        .filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
    let (first, last) = match (first.trim(), last.trim()) {
        ("", last) => match position(last)? {
            0 => return Some(Wanted::Outside),
            length => (size.saturating_sub(length), size.checked_sub(1)?),
        },
        (first, "") => (position(first)?, size.checked_sub(1)?),
        (first, last) => {
            let (first, last) = (position(first)?, position(last)?);
            if last < first {
                return None;
            }
            (first, last.min(size.saturating_sub(1)))
        }
    };
    if first >= size {
        return Some(Wanted::Outside);
    }
    Some(Wanted::Part { first, last })
}

/// A number of digits and nothing else; one that no file reaches is as good as the largest there is.
fn position(digits: &str) -> Option<u64> {
    let only_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_anything_else_is_the_whole_file() {
        let part = |first, last| Some(Wanted::Part { first, last });
        for (range, expected) in [
            ("bytes=0-9", part(0, 9)),
            ("bytes=90-", part(90, 99)),
            ("bytes=-10", part(90, 99)),
            ("bytes=-1000", part(0, 99)),
            ("bytes=50-1000", part(50, 99)),
            ("bytes=100-", Some(Wanted::Outside)),
            ("bytes=-0", Some(Wanted::Outside)),
            ("bytes=9-0", None),
            ("bytes=0-1,5-6", None),
            ("lines=0-1", None),
            ("bytes=x-", None),
            ("Bytes=0-9", part(0, 9)),
            ("bytes=+1-9", None),
            ("bytes=90-99999999999999999999", part(90, 99)),
            ("bytes=-99999999999999999999", part(0, 99)),
            ("bytes=99999999999999999999-", Some(Wanted::Outside)),
        ] {
            assert_eq!(wanted(range, 100), expected, "{range}");
        }
    }
}
