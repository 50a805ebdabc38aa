//! How a v1.0 controller or rule manager looks at an access token: at its claims, never at its signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

const TENANT: &str = "ROLE_MECM_TENANT";
const GUEST: &str = "ROLE_MECM_GUEST";

/// What a call does, as far as roles go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Why a token does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// 401.
    Unauthorized,
    /// 403: a guest's write.
    Forbidden,
}

/// Checks the token of a call on `tenant`'s path; an empty tenant goes with any.
pub(crate) fn check(
    token: Option<&str>,
    tenant: &str,
    access: Access,
    now: DateTime<Utc>,
) -> Result<(), Denied> {
    let claims = token.and_then(claims).ok_or(Denied::Unauthorized)?;
    let authorities = claims
        .get("authorities")
        .and_then(Value::as_array)
        .ok_or(Denied::Unauthorized)?;
    // The first of the two roles counts, whatever stands behind it.
    let role = authorities
        .iter()
        .filter_map(Value::as_str)
        .find(|role| [TENANT, GUEST].contains(role));
    match (role, access) {
        (Some(TENANT), _) | (Some(_), Access::Read) => {}
        (Some(_), Access::Write) => return Err(Denied::Forbidden),
        (None, _) => return Err(Denied::Unauthorized),
    }
    let user = claims
        .get("userId")
        .and_then(Value::as_str)
        .ok_or(Denied::Unauthorized)?;
    let named = claims.get("user_name").is_some_and(|name| !name.is_null());
    let now = now.timestamp() as f64;
    let ahead = claims
        .get("exp")
        .and_then(Value::as_f64)
        .is_some_and(|exp| exp > now);
    let begun = ["iat", "nbf"].iter().all(|name| {
        claims
            .get(*name)
            .and_then(Value::as_f64)
            .is_none_or(|at| at <= now)
    });
    let right_tenant = tenant.is_empty() || user == tenant;
    if named && ahead && begun && right_tenant {
        Ok(())
    } else {
        Err(Denied::Unauthorized)
    }
}

fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHO: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";

    fn judge(claims: &Value, access: Access) -> Result<(), Denied> {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!(
            "{}.{}.c2ln",
            part("{\"alg\":\"RS256\"}"),
            part(&claims.to_string())
        );
        check(
            Some(&token),
            WHO,
            access,
            DateTime::from_timestamp(1_000, 0).unwrap(),
        )
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = json!({"authorities": [TENANT], "userId": WHO, "user_name": "u", "exp": 2_000});
        claims[name] = value;
        claims
    }

    #[test]
    fn claims_decide_and_roles_too() {
        assert_eq!(judge(&with("jti", json!("x")), Access::Write), Ok(()));
        assert_eq!(judge(&with("authorities", json!([GUEST])), Access::Read), Ok(()));
        assert_eq!(
            judge(&with("authorities", json!([GUEST])), Access::Write),
            Err(Denied::Forbidden)
        );
        for (name, value) in [
            ("authorities", json!(["ROLE_MECM_ADMIN"])),
            ("authorities", json!("ROLE_MECM_TENANT")),
            ("userId", json!("0a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77")),
            ("user_name", Value::Null),
            ("exp", json!(1_000)),
            ("exp", Value::Null),
            ("iat", json!(1_001)),
            ("nbf", json!(1_001)),
        ] {
            assert_eq!(
                judge(&with(name, value.clone()), Access::Read),
                Err(Denied::Unauthorized),
                "{name} {value}"
            );
        }
        assert_eq!(
            check(Some("no.token"), WHO, Access::Read, DateTime::default()),
            Err(Denied::Unauthorized)
        );
    }
}
