//! What hosts are asked for behind the `?`.

use axum::extract::FromRequestParts;
use http::request::Parts;
use mecm_common::service::ApiError;
use mecm_common::service::query::parameters;

use crate::store::capabilities::{Trait, TraitKind};
use crate::store::hosts::Wanted;

/// Longer values are no value of a host's.
const MAX_CHARS: usize = 128;
/// More capabilities than a host can have are not asked for.
const MAX_TRAITS: usize = 128;

/// `?hwCapabilities=…&swCapabilities=…&city=…&affinity=…&limit=…&cursor=…`. Parameters of other names are ignored; a text that
/// is empty is none, as a form's field that was left so, an empty number is refused.
#[derive(Debug)]
pub(super) struct HostQuery(pub(super) Wanted);

impl<S: Send + Sync> FromRequestParts<S> for HostQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let mut wanted = Wanted::default();
        for (name, value) in parameters(parts)? {
            let invalid = || ApiError::invalid_parameter(&name);
            let kind = match name.as_str() {
                "limit" => {
                    let limit: u32 = value.parse().map_err(|_| invalid())?;
                    if limit == 0 {
                        return Err(invalid());
                    }
                    wanted.limit = Some(i64::from(limit));
                    continue;
                }
                _ if value.is_empty() => continue,
                "cursor" => {
                    let after = value.parse().ok().filter(|after| *after >= 0);
                    wanted.after = after.ok_or_else(invalid)?;
                    continue;
                }
                "hwCapabilities" => TraitKind::Hardware,
                "swCapabilities" => TraitKind::Software,
                "affinity" => TraitKind::Affinity,
                "city" => TraitKind::City,
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
