//! An LCM controller: what instantiates and terminates applications on edge hosts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations, not_a_name, too_long};

/// An LCM controller, as it is sent and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LcmController {
    /// What people call it. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub applcm_name: Option<String>,
    /// Its IPv4 address: its key. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 15)]
    pub applcm_ip: Option<String>,
    /// The port it listens on. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 5)]
    pub applcm_port: Option<String>,
    /// Who registered it.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub user_name: Option<String>,
}

pub(super) const NAME: TextField = TextField {
    empty: Some("applcm name is empty"),
    max: 128,
    long: too_long!("applcm name"),
    pattern: Some((Pattern::Name, not_a_name!("applcm name"))),
};
/// Also of an edge host's `applcmIp`.
pub(super) const IP: TextField = TextField {
    empty: Some("applcm IP is empty"),
    max: 15,
    long: too_long!("applcm IP"),
    pattern: Some((Pattern::HostIp, "applcm IP is invalid")),
};
pub(super) const PORT: TextField = TextField {
    empty: Some("applcm port is empty"),
    max: 5,
    long: too_long!("applcm port"),
    pattern: Some((Pattern::Port, "applcm port is invalid")),
};
pub(super) const USER_NAME: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("username"),
    pattern: Some((Pattern::Name, not_a_name!("applcm username"))),
};

impl Validate for LcmController {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&NAME, self.applcm_name.as_deref());
        violations.text(&IP, self.applcm_ip.as_deref());
        violations.text(&PORT, self.applcm_port.as_deref());
        violations.text(&USER_NAME, self.user_name.as_deref());
    }
}
