//! An app rule manager: what applies traffic and DNS rules on edge hosts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations, not_a_name, too_long};

/// An app rule manager, as it is sent and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleManager {
    /// What people call it. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub app_rule_name: Option<String>,
    /// Its IPv4 address: its key. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 15)]
    pub app_rule_ip: Option<String>,
    /// The port it listens on. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 5)]
    pub app_rule_port: Option<String>,
    /// Who registered it.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub user_name: Option<String>,
}

pub(super) const NAME: TextField = TextField {
    empty: Some("apprule name is empty"),
    max: 128,
    long: too_long!("apprule name"),
    pattern: Some((Pattern::Name, not_a_name!("apprule name"))),
};
pub(super) const IP: TextField = TextField {
    empty: Some("apprule manager IP is empty"),
    max: 15,
    long: too_long!("apprule manager IP"),
    // v1.0's spelling.
    pattern: Some((Pattern::HostIp, "apprule manger is invalid")),
};
pub(super) const PORT: TextField = TextField {
    empty: Some("apprule manager port is empty"),
    max: 5,
    long: too_long!("apprule manager port"),
    // Two blanks, as v1.0 says it.
    pattern: Some((Pattern::Port, "apprule manager  port is invalid")),
};
pub(super) const USER_NAME: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("username"),
    pattern: Some((Pattern::Name, not_a_name!("app rule username"))),
};

impl Validate for RuleManager {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&NAME, self.app_rule_name.as_deref());
        violations.text(&IP, self.app_rule_ip.as_deref());
        violations.text(&PORT, self.app_rule_port.as_deref());
        violations.text(&USER_NAME, self.user_name.as_deref());
    }
}
