//! An application on an edge host, as the registry keeps it.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations, not_a_name, too_long};

/// The most hardware types that an application uses.
pub(super) const MAX_CAPABILITIES: usize = 10;

/// An application on a host, as it is sent and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Application {
    /// The application instance: its key. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 64)]
    pub app_instance_id: Option<String>,
    /// Its name. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub app_name: Option<String>,
    /// The package it was made from. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 64)]
    pub package_id: Option<String>,
    /// The types of the host's hardware that it uses. Equal ones are one.
    #[serde(deserialize_with = "distinct")]
    #[schema(max_items = 10)]
    pub capabilities: Vec<String>,
    /// Where it stands: `Instantiated` while it runs. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub status: Option<String>,
}

fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let mut texts = lenient::texts(deserializer)?;
    let mut seen = HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    Ok(texts)
}

pub(super) const INSTANCE_ID: TextField = TextField {
    empty: Some("application ID is empty"),
    max: 64,
    long: too_long!("application ID"),
    pattern: Some((Pattern::AppInstanceId, "application ID is invalid")),
};
pub(super) const NAME: TextField = TextField {
    empty: Some("app name is empty"),
    max: 128,
    long: too_long!("app name"),
    pattern: Some((Pattern::Name, not_a_name!("app name"))),
};
pub(super) const PACKAGE_ID: TextField = TextField {
    empty: Some("package id is empty"),
    max: 64,
    long: too_long!("package ID"),
    pattern: Some((Pattern::PackageId, not_a_name!("package ID"))),
};
pub(super) const STATUS: TextField = TextField {
    empty: Some("status is empty"),
    max: 128,
    long: too_long!("status"),
    pattern: Some((
        Pattern::AppStatus,
        "status is invalid. special characters not allowed",
    )),
};

impl Validate for Application {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&INSTANCE_ID, self.app_instance_id.as_deref());
        violations.text(&NAME, self.app_name.as_deref());
        violations.text(&PACKAGE_ID, self.package_id.as_deref());
        violations.check(
            self.capabilities.len() > MAX_CAPABILITIES,
            "capabilities exceeds max limit 10",
        );
        violations.text(&STATUS, self.status.as_deref());
    }
}
