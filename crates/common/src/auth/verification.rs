//! What APM and APPO ask Inventory about a signature by a tenant's key, and what it answers. The secret stays where it is.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::signature::{AccessKey, date_of};
use super::{AuthError, KeyHolder, Role, Roles, SignatureQuestion, SignatureReason};
use crate::models::ids::TenantId;
use crate::models::lenient;
use crate::validate::{Validate, Violations};

/// More strings than two forms and two hashes give are not looked at.
const MOST_STRINGS: usize = 8;
/// A string to sign is about a hundred characters.
const STRING_CHARS: usize = 200;

/// A signature that somebody made, said to be by a tenant's key.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SignatureToVerify {
    /// Whose key it is said to be.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 128)]
    pub access_key: Option<String>,
    /// The request's method.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, example = "POST")]
    pub method: Option<String>,
    /// The strings of which one must have been signed.
    #[serde(deserialize_with = "lenient::texts")]
    #[schema(required, min_items = 1)]
    pub strings_to_sign: Vec<String>,
    /// 64 hexadecimal digits.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required)]
    pub signature: Option<String>,
    /// The address that the request came from.
    #[serde(deserialize_with = "lenient::text")]
    pub source: Option<String>,
}

impl SignatureToVerify {
    /// As it is asked.
    pub fn of(question: &SignatureQuestion) -> Self {
        Self {
            access_key: Some(question.access_key.to_string()),
            method: Some(question.method.to_string()),
            strings_to_sign: question.strings_to_sign.clone(),
            signature: Some(hex::encode(question.signature)),
            source: question.source.map(|source| source.to_string()),
        }
    }

    /// The question, where it is one.
    pub fn question(self) -> Option<SignatureQuestion> {
        let mut signature = [0; 32];
        hex::decode_to_slice(self.signature?, &mut signature).ok()?;
        let source = self.source.filter(|source| !source.is_empty());
        Some(SignatureQuestion {
            access_key: self.access_key?.parse::<AccessKey>().ok()?,
            method: self.method?.parse().ok()?,
            signed_at: date_of(self.strings_to_sign.first()?)?,
            strings_to_sign: self.strings_to_sign,
            signature,
            source: source.map(|source| source.parse()).transpose().ok()?,
            request: None,
        })
    }
}

impl Validate for SignatureToVerify {
    fn validate(&self, violations: &mut Violations) {
        let strings = violations.sized(&self.strings_to_sign, MOST_STRINGS);
        violations.check(
            strings.iter().any(|string| string.chars().count() > STRING_CHARS),
            "string to sign length exceeds max size",
        );
        let readable = || self.clone().question().is_some();
        violations.check(
            violations.texts().is_empty() && !readable(),
            "the signature to verify cannot be read",
        );
    }
}

/// What came of it: whose key it is, or a refusal. Inside a 200, so that nobody takes it for the asking service's own.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Verdict {
    /// 200, 401 or 403.
    #[schema(example = 200)]
    pub status: u16,
    /// What the caller is to be told, where it is a refusal.
    pub message: Option<String>,
    /// The key's tenant.
    pub tenant_id: Option<String>,
    /// What the key may do.
    pub roles: Vec<String>,
    /// The key's name.
    pub name: Option<String>,
    /// When the key ends, in RFC 3339.
    pub expires_time: Option<chrono::DateTime<chrono::Utc>>,
}

impl Verdict {
    /// As it is told.
    ///
    /// # Errors
    /// What is no refusal: then nobody knows.
    pub fn of(judged: Result<KeyHolder, AuthError>) -> Result<Self, AuthError> {
        match judged {
            Ok(holder) => Ok(Self {
                status: StatusCode::OK.as_u16(),
                message: None,
                tenant_id: Some(holder.tenant.to_string()),
                roles: holder.roles.iter().map(|role| role.as_str().to_owned()).collect(),
                name: Some(holder.name),
                expires_time: holder.expires,
            }),
            Err(refused @ (AuthError::InvalidSignature(_) | AuthError::Locked)) => Ok(Self {
                status: refused.status().as_u16(),
                message: Some(refused.message().to_owned()),
                ..Self::default()
            }),
            Err(unknown) => Err(unknown),
        }
    }

    /// As it is understood. `None`: it is neither a holder nor a refusal.
    pub fn judged(self) -> Option<Result<KeyHolder, AuthError>> {
        match self.status {
            200 => {
                let tenant: TenantId = self.tenant_id?.parse().ok()?;
                let roles: Roles = self
                    .roles
                    .iter()
                    .filter_map(|name| Role::from_name(name))
                    .collect();
                Some(Ok(KeyHolder {
                    tenant,
                    roles,
                    name: self.name?,
                    expires: self.expires_time,
                }))
            }
            401 => Some(Err(SignatureReason::AtInventory.into())),
            403 => Some(Err(AuthError::Locked)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_arrives_as_it_was_put() {
        let question = SignatureQuestion {
            access_key: "AK".parse().unwrap(),
            method: http::Method::POST,
            strings_to_sign: vec!["SDK-HMAC-SHA256\n20261123T064100Z\nab".to_owned()],
            signature: [7; 32],
            signed_at: "2026-11-23T06:41:00Z".parse().unwrap(),
            source: "10.0.0.1".parse().ok(),
            request: None,
        };
        let wire = serde_json::to_string(&SignatureToVerify::of(&question)).unwrap();
        let back: SignatureToVerify = serde_json::from_str(&wire).unwrap();
        assert!(Violations::of(&back).is_empty());
        assert_eq!(format!("{:?}", back.question().unwrap()), format!("{question:?}"));
        let broken = [
            r#"{}"#,
            r#"{"accessKey":"AK","method":"POST","stringsToSign":["x"],"signature":"00"}"#,
        ];
        for text in broken {
            let wire: SignatureToVerify = serde_json::from_str(text).unwrap();
            assert_eq!(Violations::of(&wire), ["the signature to verify cannot be read"]);
        }
        let many: SignatureToVerify =
            serde_json::from_value(serde_json::json!({"stringsToSign": vec!["x"; 9]})).unwrap();
        assert_eq!(Violations::of(&many), ["size must be between 0 and 8"]);
    }

    #[test]
    fn a_verdict_arrives_as_it_was_given_and_what_is_unknown_is_none() {
        let holder = KeyHolder {
            tenant: "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77".parse().unwrap(),
            roles: [Role::Guest].into_iter().collect(),
            name: "atp".into(),
            expires: Some("2027-01-01T00:00:00Z".parse().unwrap()),
        };
        let sent = |judged| -> Verdict {
            let text = serde_json::to_string(&Verdict::of(judged).unwrap()).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let back = sent(Ok(holder.clone())).judged().unwrap().unwrap();
        assert_eq!(format!("{back:?}"), format!("{holder:?}"));
        let locked = sent(Err(AuthError::Locked));
        assert_eq!(
            (locked.status, locked.message.as_deref()),
            (403, Some("Access is locked."))
        );
        assert_eq!(locked.judged().unwrap().unwrap_err(), AuthError::Locked);
        let refused = sent(Err(SignatureReason::Expired.into()));
        assert_eq!(
            (refused.status, refused.message.as_deref()),
            (401, Some("Invalid access or signature."))
        );
        assert_eq!(refused.judged().unwrap().unwrap_err().status().as_u16(), 401);
        assert!(Verdict::of(Err(AuthError::PeerDown("x".into()))).is_err());
        assert!(Verdict::default().judged().is_none());
    }
}
