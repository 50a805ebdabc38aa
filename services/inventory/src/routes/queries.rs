//! What hosts are asked for behind the `?`.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use mecm_common::service::ApiError;

use crate::store::capabilities::{Trait, TraitKind};
use crate::store::hosts::Wanted;

/// Longer values are no value of a host's.
const MAX_CHARS: usize = 128;
/// More capabilities than a host can have are not asked for.
const MAX_TRAITS: usize = 128;

/// `?hwCapabilities=…&swCapabilities=…&city=…&affinity=…&limit=…&cursor=…`. Parameters of other names are ignored, an empty
/// one is none.
#[derive(Debug)]
pub(super) struct HostQuery(pub(super) Wanted);

impl<S: Send + Sync> FromRequestParts<S> for HostQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let mut wanted = Wanted::default();
        for (name, value) in parameters(parts)? {
            let invalid = || ApiError::invalid_parameter(&name);
            let kind = match name.as_str() {
                "hwCapabilities" => TraitKind::Hardware,
                "swCapabilities" => TraitKind::Software,
                "affinity" => TraitKind::Affinity,
                "city" => TraitKind::City,
                "limit" => {
                    let limit: u32 = value.parse().map_err(|_| invalid())?;
                    if limit == 0 {
                        return Err(invalid());
                    }
                    wanted.limit = Some(i64::from(limit));
                    continue;
                }
                "cursor" => {
                    let after = value.parse().ok().filter(|after| *after >= 0);
                    wanted.after = after.ok_or_else(invalid)?;
                    continue;
                }
                _ => continue,
            };
            let members = value.split(',').filter(|member| !member.is_empty());
            let names = match kind {
                TraitKind::City => vec![value.as_str()],
                _ => members.collect(),
            };
            for name in names {
                if name.chars().count() > MAX_CHARS || wanted.traits.len() == MAX_TRAITS {
                    return Err(invalid());
                }
                wanted.traits.push(Trait {
                    kind,
                    name: name.to_owned(),
                });
            }
        }
        Ok(Self(wanted))
    }
}

/// `?force=true`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Force(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for Force {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let mut force = false;
        for (name, value) in parameters(parts)? {
            if name == "force" {
                force = match value.as_str() {
                    "true" => true,
                    "false" | "" => false,
                    _ => return Err(ApiError::invalid_parameter(&name)),
                };
            }
        }
        Ok(Self(force))
    }
}

/// The parameters with a value, in order. Neither database keeps U+0000 alike, so it is refused.
fn parameters(parts: &Parts) -> Result<Vec<(String, String)>, ApiError> {
    let Query(all) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|error| ApiError::invalid_parameter("query").cause(error))?;
    if let Some((name, _)) = all.iter().find(|(_, value)| value.contains('\0')) {
        return Err(ApiError::invalid_parameter(name));
    }
    Ok(all.into_iter().filter(|(_, value)| !value.is_empty()).collect())
}
