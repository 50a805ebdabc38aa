//! Multipart forms, as far as all that take them are the same.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::{ApiError, ApiResult, unsupported_media_type};

/// What parts the form; `None` where there is no body that could be one: everything is missing then.
///
/// # Errors
/// 415 for a body of another kind; 400 where the header does not say what parts it.
pub fn boundary(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        return Err(unsupported_media_type());
    }
    let boundary = multer::parse_boundary(kind).ok().filter(|text| !text.is_empty());
    boundary
        .map(Some)
        .ok_or_else(|| ApiError::malformed("the Content-Type names no boundary"))
}
