//! Tenants' access keys, and the record of what was done with them.

use chrono::{DateTime, NaiveDateTime, Utc};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations, not_a_name, too_long};

/// Sources that a key may be bound to at most.
pub(super) const MOST_SOURCES: usize = 64;
/// The longest time for which the secret before goes on working: a week.
pub(super) const LONGEST_GRACE: i64 = 7 * 24 * 3600;
/// How long it does where nothing is said.
const USUAL_GRACE: i64 = 24 * 3600;

/// What a new access key is to be.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NewCredential {
    /// What people call it; `user_name` of the tokens made from it. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 128)]
    pub name: Option<String>,
    /// `ROLE_MECM_TENANT`, `ROLE_MECM_GUEST` or both; without, `ROLE_MECM_TENANT`.
    #[serde(deserialize_with = "lenient::texts")]
    pub roles: Vec<String>,
    /// When it ends, UTC; without, not by itself.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(example = "2027-01-01T00:00:00")]
    pub expires_time: Option<String>,
    /// From where it may be used: addresses and CIDRs; without, from anywhere.
    #[serde(deserialize_with = "lenient::texts")]
    #[schema(example = json!(["192.0.2.0/24"]))]
    pub allowed_sources: Vec<String>,
}

/// What a key may carry.
pub(super) const ROLES: [&str; 2] = ["ROLE_MECM_TENANT", "ROLE_MECM_GUEST"];
pub(super) const NAME: TextField = TextField {
    empty: Some("credential name is empty"),
    max: 128,
    long: too_long!("credential name"),
    pattern: Some((Pattern::Name, not_a_name!("credential name"))),
};

impl NewCredential {
    /// The roles it is to have. None of them is more than whoever may make keys has.
    pub fn roles(&self) -> Vec<String> {
        let mut roles: Vec<String> = self.roles.clone();
        roles.sort();
        roles.dedup();
        if roles.is_empty() {
            roles.push(ROLES[0].to_owned());
        }
        roles
    }

    /// When it ends, where that is said and is a time.
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        self.expires_time.as_deref().and_then(time)
    }

    /// The sources, where they are some.
    pub fn sources(&self) -> Vec<IpNet> {
        self.allowed_sources
            .iter()
            .filter_map(|text| source(text))
            .collect()
    }
}

impl Validate for NewCredential {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&NAME, self.name.as_deref());
        violations.check(
            self.roles.iter().any(|name| !ROLES.contains(&name.as_str())),
            "role is invalid. It must be ROLE_MECM_TENANT or ROLE_MECM_GUEST",
        );
        let said = self.expires_time.as_deref().filter(|text| !text.is_empty());
        violations.check(
            said.is_some_and(|text| time(text).is_none()),
            "expires time is invalid. It must be UTC, like 2027-01-01T00:00:00",
        );
        let sources = violations.sized(&self.allowed_sources, MOST_SOURCES);
        violations.check(
            sources.iter().any(|text| source(text).is_none()),
            "allowed source is invalid. It must be an IP address or a CIDR",
        );
    }
}

/// As answers have it, or with a zone.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .ok()
        .map(|time| time.and_utc())
}

fn source(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    text.parse::<IpNet>().ok().map(|net| net.trunc())
}

/// What to make of a key.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct CredentialStatus {
    /// `ACTIVE` or `DISABLED`. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, example = "DISABLED")]
    pub status: Option<String>,
}

impl CredentialStatus {
    /// Whether it is to be active.
    pub fn active(&self) -> bool {
        self.status.as_deref() == Some(ACTIVE)
    }
}

/// Of a key that can be used.
pub const ACTIVE: &str = "ACTIVE";
/// Of one that was switched off.
pub const DISABLED: &str = "DISABLED";

impl Validate for CredentialStatus {
    fn validate(&self, violations: &mut Violations) {
        let known = self
            .status
            .as_deref()
            .is_some_and(|status| [ACTIVE, DISABLED].contains(&status));
        violations.check(!known, "status is invalid. It must be ACTIVE or DISABLED");
    }
}

/// How a secret key is replaced.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rotation {
    /// How many seconds the one before goes on working; 0: none. A day where nothing is said, a week at most.
    #[serde(deserialize_with = "lenient::integer")]
    #[schema(minimum = 0, maximum = 604_800, example = 86_400)]
    pub grace_seconds: Option<i64>,
}

impl Rotation {
    /// How many seconds the secret before goes on working.
    pub fn grace(&self) -> i64 {
        self.grace_seconds.unwrap_or(USUAL_GRACE)
    }
}

impl Validate for Rotation {
    fn validate(&self, violations: &mut Violations) {
        violations.check(
            !(0..=LONGEST_GRACE).contains(&self.grace()),
            "grace seconds is invalid. It must be from 0 to 604800",
        );
    }
}

/// A new access key, or one with a new secret. The only answer that ever holds it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeCredential {
    /// The access key.
    pub access_key: String,
    /// The secret key. It is not shown again.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String)]
    pub secret_key: SecretString,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// `ACTIVE` or `DISABLED`.
    pub status: &'static str,
    /// When it was made.
    pub created_time: String,
    /// When it ends.
    pub expires_time: Option<String>,
}

/// The one place where a secret key leaves.
fn shown<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// An access key as it is told afterwards.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// The access key.
    pub access_key: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// `ACTIVE` or `DISABLED`.
    pub status: &'static str,
    /// From where it may be used; none: from anywhere.
    pub allowed_sources: Vec<String>,
    /// When it was made.
    pub created_time: String,
    /// When it ends.
    pub expires_time: Option<String>,
    /// When it was used last, to the minute.
    pub last_used_time: Option<String>,
    /// From where that was.
    pub last_used_source: Option<String>,
}

/// A change of a key, or a log-in that was refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// When it was; of several alike within a minute, when the first was.
    pub time: String,
    /// Who did it; of a refused log-in, the key's name.
    pub who: String,
    /// What was done: `created`, `enabled`, `disabled`, `rotated`, `deleted`, or `log-in refused: ` and why.
    pub what: String,
    /// The key.
    pub access_key: String,
    /// From where.
    pub source: Option<String>,
    /// How many alike there were within that minute.
    pub times: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(json: &str) -> Vec<String> {
        Violations::of(&serde_json::from_str::<NewCredential>(json).unwrap())
    }

    #[test]
    fn a_key_needs_a_name_and_may_have_the_rest() {
        assert!(broken(r#"{"name":"atp"}"#).is_empty());
        assert_eq!(broken("{}"), ["credential name is empty"]);
        let all = r#"{"name":"-","roles":["ROLE_MECM_ADMIN"],"expiresTime":"soon","allowedSources":["10.0.0.0/33"]}"#;
        assert_eq!(
            broken(all),
            [
                "credential name is invalid. It must start and end with alpha numeric characters and special characters allowed \
                 are hyphen and underscore",
                "role is invalid. It must be ROLE_MECM_TENANT or ROLE_MECM_GUEST",
                "expires time is invalid. It must be UTC, like 2027-01-01T00:00:00",
                "allowed source is invalid. It must be an IP address or a CIDR",
            ]
        );
        let service = r#"{"name":"a","roles":["ROLE_MECM_TENANT","ROLE_MECM_SERVICE"]}"#;
        assert_eq!(broken(service).len(), 1);
    }

    /// Found by the API fuzzer: nulls were no items, and a list of nothing else was one of every source there is.
    #[test]
    fn a_null_among_sources_or_roles_is_no_way_to_be_allowed_more() {
        let of_nulls = |member: &str, count: usize| {
            let nulls = vec!["null"; count].join(",");
            broken(&format!(r#"{{"name":"atp","{member}":[{nulls}]}}"#))
        };
        let source = "allowed source is invalid. It must be an IP address or a CIDR";
        assert_eq!(of_nulls("allowedSources", 1), [source]);
        assert_eq!(
            of_nulls("allowedSources", MOST_SOURCES + 1),
            ["size must be between 0 and 64", source]
        );
        assert_eq!(
            of_nulls("roles", 1),
            ["role is invalid. It must be ROLE_MECM_TENANT or ROLE_MECM_GUEST"]
        );
    }

    #[test]
    fn what_is_said_in_several_ways_is_read_as_one() {
        let new: NewCredential = serde_json::from_str(
            r#"{"name":"a","roles":["ROLE_MECM_GUEST","ROLE_MECM_GUEST"],"expiresTime":"2027-01-01T02:00:00+02:00",
                "allowedSources":["192.0.2.7/24","2001:db8::1"]}"#,
        )
        .unwrap();
        assert_eq!(new.roles(), ["ROLE_MECM_GUEST"]);
        assert_eq!(new.expires(), time("2027-01-01T00:00:00.000"));
        let sources: Vec<String> = new.sources().iter().map(ToString::to_string).collect();
        assert_eq!(sources, ["192.0.2.0/24", "2001:db8::1/128"]);
        assert_eq!(NewCredential::default().roles(), ["ROLE_MECM_TENANT"]);
    }

    #[test]
    fn a_secret_does_not_print_with_its_answer() {
        let secret = SecretString::from("not to be seen");
        let made = MadeCredential {
            access_key: "AK".into(),
            secret_key: secret,
            name: "a".into(),
            roles: Vec::new(),
            status: ACTIVE,
            created_time: String::new(),
            expires_time: None,
        };
        assert!(!format!("{made:?}").contains("not to be seen"));
        assert_eq!(
            serde_json::to_value(&made).unwrap()["secretKey"],
            "not to be seen"
        );
    }
}
