//! An app store: where packages are offered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations, not_a_name, too_long};

/// An app store, as it is sent and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AppStore {
    /// Its IPv4 address: its key. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 15)]
    pub appstore_ip: Option<String>,
    /// The port it listens on. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 5)]
    pub appstore_port: Option<String>,
    /// Where its interface begins. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub uri: Option<String>,
    /// Who registered it.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub user_name: Option<String>,
    /// What people call it.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub appstore_name: Option<String>,
    /// Who runs it.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub producer: Option<String>,
}

pub(super) const IP: TextField = TextField {
    empty: Some("appstore IP is empty"),
    max: 15,
    long: too_long!("appstore IP"),
    pattern: Some((Pattern::HostIp, "appstore IP is invalid")),
};
pub(super) const PORT: TextField = TextField {
    empty: Some("appstore port is empty"),
    max: 5,
    long: too_long!("appstore port"),
    pattern: Some((Pattern::Port, "appstore port is invalid")),
};
pub(super) const URI: TextField = TextField {
    empty: Some("appstore URI is empty"),
    max: 128,
    long: too_long!("appstore URI"),
    pattern: None,
};
pub(super) const USER_NAME: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("appstore username"),
    pattern: Some((Pattern::Name, not_a_name!("appstore username", "character"))),
};
pub(super) const NAME: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("appstore name"),
    pattern: Some((Pattern::Name, not_a_name!("appstore name", "character"))),
};
pub(super) const PRODUCER: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("appstore producer"),
    pattern: Some((Pattern::Name, not_a_name!("appstore producer", "character"))),
};

impl Validate for AppStore {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&IP, self.appstore_ip.as_deref());
        violations.text(&PORT, self.appstore_port.as_deref());
        violations.text(&URI, self.uri.as_deref());
        violations.text(&USER_NAME, self.user_name.as_deref());
        violations.text(&NAME, self.appstore_name.as_deref());
        violations.text(&PRODUCER, self.producer.as_deref());
    }
}
