//! What stands behind the `?`.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;

use super::ApiError;

/// `?force=true`. `false` and none at all are the same; of several the last counts.
#[derive(Clone, Copy, Debug)]
pub struct Force(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for Force {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let mut force = false;
        for (name, value) in parameters(parts)? {
            if name == "force" {
                force = match value.as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(ApiError::invalid_parameter(&name)),
                };
            }
        }
        Ok(Self(force))
    }
}

/// The parameters in order. Neither database keeps U+0000 alike, so it is refused.
///
/// # Errors
/// 400, with the name of the parameter that cannot be read.
pub fn parameters(parts: &Parts) -> Result<Vec<(String, String)>, ApiError> {
    let Query(all) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|error| ApiError::invalid_parameter("query").cause(error))?;
    if let Some((name, _)) = all.iter().find(|(_, value)| value.contains('\0')) {
        return Err(ApiError::invalid_parameter(name));
    }
    Ok(all)
}
