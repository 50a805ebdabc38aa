//! An application instance and the requests that make, start and end one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{AppId, AppInstanceId, HostIp, OperationId, PackageId};
use super::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations};

/// Where an instance stands. The interface says only these five.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum OperationalStatus {
    /// The create runs.
    Creating,
    /// Created; also while an instantiate is queued or runs.
    Created,
    /// The create failed or was stopped.
    #[serde(rename = "Create failed")]
    CreateFailed,
    /// It runs on its host.
    Instantiated,
    /// The instantiate failed or was stopped.
    #[serde(rename = "Instantiation failed")]
    InstantiationFailed,
}

impl OperationalStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Creating,
        Self::Created,
        Self::CreateFailed,
        Self::Instantiated,
        Self::InstantiationFailed,
    ];

    /// As the interface and the database write it, exactly.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Created => "Created",
            Self::CreateFailed => "Create failed",
            Self::Instantiated => "Instantiated",
            Self::InstantiationFailed => "Instantiation failed",
        }
    }

    /// Reads what [`OperationalStatus::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl std::fmt::Display for OperationalStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An instance as it is answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppInstanceInfo {
    /// Its id.
    #[schema(value_type = String)]
    pub app_instance_id: AppInstanceId,
    /// The package it was made from.
    #[schema(value_type = String)]
    pub app_package_id: PackageId,
    /// Its name.
    pub app_name: String,
    /// The application it is one of.
    #[schema(value_type = String)]
    pub app_id: AppId,
    /// The description given at its create.
    pub app_descriptor: String,
    /// Its host.
    #[schema(value_type = String)]
    pub mec_host: HostIp,
    /// Its LCM controller; null until the host was looked up.
    pub applcm_host: Option<String>,
    /// Where it stands.
    pub operational_status: OperationalStatus,
    /// `success`, or the reason of the last failure; null before either.
    pub operation_info: Option<String>,
    /// What runs on it, or else waits first.
    pub operation: Option<OperationInfo>,
}

/// What runs on an instance, or else waits first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationInfo {
    /// The operation's id.
    #[schema(value_type = String)]
    pub id: OperationId,
    /// `create`, `instantiate`, `terminate` or `rules`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `queued`, `running` or `waiting`.
    pub state: String,
    /// The name of its present step.
    pub step: String,
    /// How often this step has been begun.
    pub attempt: i32,
    /// Since when it is the present step.
    pub since: String,
}

pub(super) const APP_NAME: TextField = TextField {
    empty: Some("Application name is mandatory"),
    max: 128,
    long: "size must be between 0 and 128",
    pattern: Some((
        Pattern::AppName,
        "App name is invalid. It must start and end with alpha numeric character and special characters allowed are hyphen and underscore.",
    )),
};
pub(super) const PACKAGE_ID: TextField = TextField {
    empty: Some("Package ID is mandatory"),
    max: 64,
    long: "size must be between 0 and 64",
    pattern: Some((
        Pattern::PackageId,
        "Package ID is invalid. It must be lowercase letters or digits with length of 32 characters.",
    )),
};
pub(super) const APP_ID: TextField = TextField {
    empty: Some("Application instance ID is mandatory"),
    max: 64,
    long: "size must be between 0 and 64",
    pattern: Some((
        Pattern::PackageId,
        "Application instance ID is invalid. It must be lowercase letters or digits with length of 32 characters.",
    )),
};
pub(super) const DESCRIPTION: TextField = TextField {
    empty: Some("Application instance description is mandatory"),
    max: 256,
    long: "size must be between 0 and 256",
    pattern: None,
};
pub(super) const HOST: TextField = TextField {
    empty: Some("MEC host is mandatory"),
    max: 15,
    long: "size must be between 0 and 15",
    pattern: Some((Pattern::HostIp, "MEC host IP is invalid")),
};
/// The most capabilities one request may name.
pub(super) const CAPABILITIES: usize = 10;

/// What is the same in a create and a batch create.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateCommon {
    /// The package, as APM knows it.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(
        required,
        max_length = 64,
        pattern = "^[0-9a-f]{32}$",
        example = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90"
    )]
    pub app_package_id: Option<String>,
    /// The instance's name; unique among those Instantiated on a host.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 128, example = "zoneapp")]
    pub app_name: Option<String>,
    /// The application in the app store.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(
        required,
        max_length = 64,
        pattern = "^[0-9a-f]{32}$",
        example = "9f1d13fe8cf247bcbe0e95d4b1a0ad19"
    )]
    pub app_id: Option<String>,
    /// Any text.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 256, example = "face recognition at the east gate")]
    pub app_instance_description: Option<String>,
    /// Hardware types that the host must offer.
    #[serde(deserialize_with = "lenient::texts", alias = "hwcapabilities")]
    #[schema(max_items = 10, example = json!(["GPU"]))]
    pub hw_capabilities: Vec<String>,
    /// Software capabilities that must be ACTIVE on the host's platform.
    #[serde(deserialize_with = "lenient::texts")]
    #[schema(max_items = 10)]
    pub sw_capabilities: Vec<String>,
}

/// Makes an instance on one host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Create {
    /// Package, name and the rest.
    #[serde(flatten)]
    pub common: CreateCommon,
    /// The host.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(required, max_length = 15, example = "10.0.0.2")]
    pub mec_host: Option<String>,
}

/// Makes an instance on each of many hosts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchCreate {
    /// Package, name and the rest.
    #[serde(flatten)]
    pub common: CreateCommon,
    /// The hosts.
    #[serde(deserialize_with = "lenient::optional_texts")]
    #[schema(required, max_items = 1000, example = json!(["10.0.0.2", "10.0.0.3"]))]
    pub mec_host: Option<Vec<String>>,
}

/// Names the instances of a batch instantiate or terminate.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchIds {
    /// The instances.
    #[serde(deserialize_with = "lenient::optional_texts")]
    #[schema(required, max_items = 1000, example = json!(["1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77"]))]
    pub app_instance_ids: Option<Vec<String>>,
}

/// One item of a batch answer, in the order of the request.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchItem {
    /// The instance; a fresh id for one that was refused, never null: the portal sends every id on.
    #[schema(value_type = String)]
    pub app_instance_id: AppInstanceId,
    /// Its host; null for an unknown id.
    #[schema(value_type = Option<String>)]
    pub host: Option<HostIp>,
    /// `Accepted`, or why not.
    pub status: String,
}

impl Validate for CreateCommon {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&PACKAGE_ID, self.app_package_id.as_deref());
        violations.text(&APP_NAME, self.app_name.as_deref());
        violations.text(&APP_ID, self.app_id.as_deref());
        violations.text(&DESCRIPTION, self.app_instance_description.as_deref());
    }
}

impl CreateCommon {
    fn validate_capabilities(&self, violations: &mut Violations) {
        for list in [&self.hw_capabilities, &self.sw_capabilities] {
            violations.check(list.len() > CAPABILITIES, "capabilities exceeds max limit 10");
        }
    }
}

impl Validate for Create {
    fn validate(&self, violations: &mut Violations) {
        self.common.validate(violations);
        self.common.validate_capabilities(violations);
        violations.text(&HOST, self.mec_host.as_deref());
    }
}

impl Validate for BatchCreate {
    fn validate(&self, violations: &mut Violations) {
        self.common.validate(violations);
        self.common.validate_capabilities(violations);
        items(
            violations,
            self.mec_host.as_deref(),
            "MEC host is mandatory",
            Pattern::HostIp,
        );
    }
}

impl Validate for BatchIds {
    fn validate(&self, violations: &mut Violations) {
        let mandatory = "Application instance IDs mandatory";
        items(
            violations,
            self.app_instance_ids.as_deref(),
            mandatory,
            Pattern::AppInstanceId,
        );
    }
}

/// A list of at least one item, each of a pattern.
fn items(violations: &mut Violations, list: Option<&[String]>, mandatory: &str, pattern: Pattern) {
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        violations.push(mandatory);
        return;
    };
    for item in violations.batch(list) {
        violations.matches(pattern, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::must_match;

    fn broken<T: serde::de::DeserializeOwned + Validate>(json: serde_json::Value) -> Vec<String> {
        Violations::of(&serde_json::from_value::<T>(json).unwrap())
    }

    fn good() -> serde_json::Value {
        serde_json::json!({"appPackageId": "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90", "appName": "zoneapp",
            "appId": "9f1d13fe8cf247bcbe0e95d4b1a0ad19", "appInstanceDescription": "x", "mecHost": "10.0.0.2"})
    }

    #[test]
    fn a_good_create_breaks_nothing_and_an_empty_one_breaks_each_in_order() {
        assert!(broken::<Create>(good()).is_empty());
        assert_eq!(
            broken::<Create>(serde_json::json!({})),
            [
                "Package ID is mandatory",
                "Application name is mandatory",
                "Application instance ID is mandatory",
                "Application instance description is mandatory",
                "MEC host is mandatory"
            ]
        );
    }

    #[test]
    fn both_spellings_of_the_capabilities_are_taken() {
        for name in ["hwCapabilities", "hwcapabilities"] {
            let mut body = good();
            body[name] = serde_json::json!(["GPU"]);
            let create: Create = serde_json::from_value(body).unwrap();
            assert_eq!(create.common.hw_capabilities, ["GPU"], "{name}");
        }
        let mut body = good();
        body["hwCapabilities"] = serde_json::json!(vec!["x"; 11]);
        assert_eq!(broken::<Create>(body), ["capabilities exceeds max limit 10"]);
    }

    #[test]
    fn batches_want_at_least_one_item_and_each_of_its_pattern() {
        let mut body = good();
        body["mecHost"] = serde_json::json!([]);
        assert_eq!(broken::<BatchCreate>(body.clone()), ["MEC host is mandatory"]);
        body["mecHost"] = serde_json::json!(["10.0.0.2", "10.0.0.256"]);
        assert_eq!(broken::<BatchCreate>(body), [must_match(Pattern::HostIp)]);
        assert_eq!(
            broken::<BatchIds>(serde_json::json!({"appInstanceIds": null})),
            ["Application instance IDs mandatory"]
        );
    }

    #[test]
    fn a_number_is_taken_as_its_text_even_beside_flattened_fields() {
        let mut body = good();
        body["appName"] = serde_json::json!(123);
        let create: Create = serde_json::from_value(body).unwrap();
        assert_eq!(create.common.app_name.as_deref(), Some("123"));
    }
}
