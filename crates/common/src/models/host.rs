//! An edge host and what it offers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{lcm_controller, lenient};
use crate::validate::{Pattern, TextField, Validate, Violations, not_a_name, too_long};

/// The most hardware capabilities of a host.
pub(super) const MAX_HARDWARE: usize = 10;
/// The most software capabilities of a host.
pub(super) const MAX_SOFTWARE: usize = 100;

/// An edge host, as it is sent. What else a client sends (the portal sends whole rows as it got them) is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Host {
    /// Its IPv4 address: its key. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 15)]
    pub mechost_ip: Option<String>,
    /// What people call it. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub mechost_name: Option<String>,
    /// Its postal code.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub zip_code: Option<String>,
    /// Where it stands: parts joined by `/` or white space. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub city: Option<String>,
    /// Its postal address. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 256)]
    pub address: Option<String>,
    /// What it suits: a list joined by `,`.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub affinity: Option<String>,
    /// Who registered it.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub user_name: Option<String>,
    /// What people call its image repository.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub edgerepo_name: Option<String>,
    /// The IPv4 address of its image repository. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 15)]
    pub edgerepo_ip: Option<String>,
    /// The port of its image repository. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 5)]
    pub edgerepo_port: Option<String>,
    /// The user of its image repository.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub edgerepo_username: Option<String>,
    /// The IPv4 address of its LCM controller, which need not be registered. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 15)]
    pub applcm_ip: Option<String>,
    /// The IPv4 address of its app rule manager, which need not be registered; null and empty mean none.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 15)]
    pub app_rule_ip: Option<String>,
    /// Its place on a map: `longitude,latitude`. Required.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub coordinates: Option<String>,
    /// What hardware it offers, in the order in which it was sent; two of one type are two.
    #[serde(deserialize_with = "lenient::list")]
    #[schema(max_items = 10)]
    pub hwcapabilities: Vec<HardwareCapability>,
}

/// Hardware of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HardwareCapability {
    /// What applications ask for: `GPU`.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub hw_type: Option<String>,
    /// Who makes it.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub hw_vendor: Option<String>,
    /// Which one it is.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub hw_model: Option<String>,
}

/// Software that a host's platform offers to applications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SoftwareCapability {
    /// Its id on the platform.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub capability_id: Option<String>,
    /// What applications ask for.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub capability_name: Option<String>,
    /// Its version.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub version: Option<String>,
    /// `ACTIVE` where it can be used.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(max_length = 128)]
    pub status: Option<String>,
}

/// The software capabilities of a host as last seen on its platform: they replace those that were there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SoftwareCapabilities {
    /// All of them.
    #[serde(deserialize_with = "lenient::list")]
    #[schema(max_items = 100)]
    pub swcapabilities: Vec<SoftwareCapability>,
}

/// An edge host, as it is answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostInfo {
    /// What was sent.
    #[serde(flatten)]
    pub host: Host,
    /// What software its platform offered when it was looked at last.
    pub swcapabilities: Vec<SoftwareCapability>,
    /// `Uploaded` or `Deleted`, what was done last with its Kubernetes configuration; null before either.
    pub config_upload_status: Option<String>,
    /// When it was added, UTC.
    #[schema(example = "2026-11-23T07:31:33.267")]
    pub created_time: String,
    /// When it was changed last, UTC.
    #[schema(example = "2026-11-23T07:31:33.267")]
    pub modified_time: String,
}

/// What a host offers.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Capabilities {
    /// Its hardware.
    pub hwcapabilities: Vec<HardwareCapability>,
    /// Its software.
    pub swcapabilities: Vec<SoftwareCapability>,
}

pub(super) const IP: TextField = TextField {
    empty: Some("mechost IP is empty"),
    max: 15,
    long: too_long!("mechost IP"),
    pattern: Some((Pattern::HostIp, "mechost IP is invalid")),
};
pub(super) const NAME: TextField = TextField {
    empty: Some("mechost name is empty"),
    max: 128,
    long: too_long!("mechost name"),
    pattern: Some((Pattern::Name, not_a_name!("mechost name"))),
};
pub(super) const ZIP_CODE: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("mechost zipcode"),
    pattern: Some((Pattern::Name, not_a_name!("mechost zipcode"))),
};
pub(super) const CITY: TextField = TextField {
    empty: Some("mechost city is empty"),
    max: 128,
    long: too_long!("mechost city"),
    pattern: Some((
        Pattern::City,
        "mechost city is invalid. It must start and end with alpha numeric characters and special characters allowed \
         are forward slash and space",
    )),
};
pub(super) const ADDRESS: TextField = TextField {
    empty: Some("address is empty"),
    max: 256,
    long: too_long!("mechost address"),
    pattern: None,
};
pub(super) const AFFINITY: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("mechost affinity"),
    pattern: Some((
        Pattern::Affinity,
        "mechost affinity is invalid. It must start and end with alpha numeric characters and special characters allowed \
         are hyphen, underscore and comma",
    )),
};
pub(super) const USER_NAME: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("mechost username"),
    pattern: Some((Pattern::Name, not_a_name!("mechost username"))),
};
pub(super) const REPOSITORY_NAME: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("edgerepoName"),
    pattern: Some((Pattern::Name, not_a_name!("edgerepoName"))),
};
pub(super) const REPOSITORY_IP: TextField = TextField {
    empty: Some("edgerepo IP is empty"),
    max: 15,
    long: too_long!("edgerepo IP"),
    pattern: Some((Pattern::HostIp, "edgerepo IP is invalid")),
};
pub(super) const REPOSITORY_PORT: TextField = TextField {
    empty: Some("edgerepo port is empty"),
    max: 5,
    long: too_long!("edgerepo port"),
    pattern: Some((Pattern::Port, "edgerepo port is invalid")),
};
pub(super) const REPOSITORY_USER_NAME: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("edgerepo username"),
    pattern: Some((Pattern::Name, not_a_name!("edgerepo username"))),
};
pub(super) const RULE_MANAGER_IP: TextField = TextField {
    empty: None,
    max: 15,
    long: too_long!("app rule manager IP"),
    // v1.0's spelling.
    pattern: Some((Pattern::HostIp, "app rule manage IP is invalid")),
};
pub(super) const COORDINATES: TextField = TextField {
    empty: Some("co-ordinates is empty"),
    max: 128,
    long: too_long!("co-ordinates"),
    pattern: None,
};
pub(super) const TYPE: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("type"),
    pattern: Some((Pattern::Name, "type is invalid")),
};
pub(super) const VENDOR: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("vendor"),
    pattern: Some((Pattern::Name, "vendor is invalid")),
};
pub(super) const MODEL: TextField = TextField {
    empty: None,
    max: 128,
    long: too_long!("model"),
    pattern: Some((Pattern::Name, "model is invalid")),
};

/// Each text of a software capability.
pub(super) const SOFTWARE: TextField = TextField {
    empty: None,
    max: 128,
    long: "size must be between 0 and 128",
    pattern: None,
};

impl Validate for Host {
    fn validate(&self, violations: &mut Violations) {
        violations.text(&IP, self.mechost_ip.as_deref());
        violations.text(&NAME, self.mechost_name.as_deref());
        violations.text(&ZIP_CODE, self.zip_code.as_deref());
        violations.text(&CITY, self.city.as_deref());
        violations.text(&ADDRESS, self.address.as_deref());
        violations.text(&AFFINITY, self.affinity.as_deref());
        violations.text(&USER_NAME, self.user_name.as_deref());
        violations.text(&REPOSITORY_NAME, self.edgerepo_name.as_deref());
        violations.text(&REPOSITORY_IP, self.edgerepo_ip.as_deref());
        violations.text(&REPOSITORY_PORT, self.edgerepo_port.as_deref());
        violations.text(&REPOSITORY_USER_NAME, self.edgerepo_username.as_deref());
        violations.text(&lcm_controller::IP, self.applcm_ip.as_deref());
        violations.text(&RULE_MANAGER_IP, self.app_rule_ip.as_deref());
        violations.text(&COORDINATES, self.coordinates.as_deref());
        violations.size(self.hwcapabilities.len(), MAX_HARDWARE);
        for hardware in &self.hwcapabilities {
            violations.text(&TYPE, hardware.hw_type.as_deref());
            violations.text(&VENDOR, hardware.hw_vendor.as_deref());
            violations.text(&MODEL, hardware.hw_model.as_deref());
        }
    }
}

impl Validate for SoftwareCapabilities {
    fn validate(&self, violations: &mut Violations) {
        violations.size(self.swcapabilities.len(), MAX_SOFTWARE);
        for software in &self.swcapabilities {
            for text in [
                &software.capability_id,
                &software.capability_name,
                &software.version,
                &software.status,
            ] {
                violations.text(&SOFTWARE, text.as_deref());
            }
        }
    }
}
