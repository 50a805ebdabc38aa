//! Application packages as the package manager speaks of them.
//!
//! The texts of broken constraints are EdgeGallery v1.0's, oddities included.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{AppId, HostIp, PackageId};
use super::lenient;
use crate::validate::{Pattern, TextField, Validate, Violations};

/// The name of a package.
pub const NAME: TextField = TextField {
    empty: Some("appPkgName must not be empty"),
    max: 255,
    long: "appPkgName must not exceed more than 255 characters",
    pattern: Some((
        Pattern::AppPackageName,
        "appPkgName is invalid. It must start with alpha numeric characters and special characters allowed are hyphen and underscore.",
    )),
};

/// The version of a package. Its text for "too long" names the package's name: so did v1.0's.
pub const VERSION: TextField = TextField {
    empty: Some("appPkgVersion must not be empty"),
    max: 255,
    long: "appPkgName must not exceed more than 255 characters",
    pattern: None,
};

/// The address of a host that a package is for.
pub const HOST_IP: TextField = TextField {
    empty: Some("hostIp must not be empty"),
    max: 15,
    long: "host ip address must not exceed more than 15 characters",
    pattern: Some((Pattern::HostIp, "host ip address is invalid")),
};

pub(super) const PACKAGE_ID: TextField = TextField {
    empty: Some("appPkgId must not be empty"),
    max: 64,
    long: "appPkgId must not exceed more than 64 characters",
    pattern: Some((
        Pattern::PackageId,
        "appPkgId is invalid. It must be smaller case letters or numbers with length of 32 characters.",
    )),
};

pub(super) const APP_ID: TextField = TextField {
    empty: Some("appId must not be empty"),
    max: 64,
    long: "appId must not exceed more than 64 characters",
    pattern: Some((
        Pattern::PackageId,
        "appId is invalid. It must be smaller case letters or numbers with maximum length of 32 characters.",
    )),
};

const fn free(max: usize, long: &'static str) -> TextField {
    TextField {
        empty: None,
        max,
        long,
        pattern: None,
    }
}

pub(super) const PATH: TextField = free(1024, "appPkgPath must not exceed more than 1024 characters");
pub(super) const PROVIDER: TextField = free(1024, "appProvider must not exceed more than 1024 characters");
pub(super) const DESCRIPTION: TextField = free(1024, "appPkgDesc must not exceed more than 1024 characters");
pub(super) const AFFINITY: TextField = free(255, "appPkgAffinity must not exceed more than 255 characters");
pub(super) const ICON: TextField = free(1024, "appIconUrl must not exceed more than 1024 characters");
pub(super) const CREATED: TextField = free(255, "createdTime must not exceed more than 255 characters");
pub(super) const MODIFIED: TextField = free(255, "modifiedTime must not exceed more than 255 characters");
pub(super) const STATUS: TextField = free(255, "status must not exceed more than 255 characters");
pub(super) const ERROR: TextField = free(1024, "error must not exceed more than 1024 characters");

/// What `appPkgPath` is answered with where it is no `http` or `https` URL.
pub const INVALID_PATH: &str = "invalid app package path";
/// What a null `appPkgPath` is answered with, as the message.
pub const NULL_PATH: &str = "App Package Path is null";

/// The answer to an upload. Both ids are new.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadedPackage {
    /// The package.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90")]
    pub app_package_id: PackageId,
    /// The application it is a package of.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "2d7a0c5b14f84c6c8f0a9e6b3d1c7f52")]
    pub app_id: AppId,
}

/// The answer to an onboarding by URL.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnboardedPackage {
    /// The package, under the id that was given.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90")]
    pub package_id: PackageId,
}

/// A package, as it is listed and read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppPackage {
    /// Its id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90")]
    pub app_pkg_id: PackageId,
    /// Its name.
    #[schema(max_length = 255, example = "zone-swr-test1")]
    pub app_pkg_name: String,
    /// Its version, as it was given.
    #[schema(max_length = 255, example = "1.0")]
    pub app_pkg_version: String,
    /// Where it was fetched from; null for an upload.
    #[schema(max_length = 1024)]
    pub app_pkg_path: Option<String>,
    /// Who offers it.
    #[schema(max_length = 1024, example = "Huawei")]
    pub app_provider: Option<String>,
    /// What it is, in words.
    #[schema(max_length = 1024)]
    pub app_pkg_desc: Option<String>,
    /// What hosts it is made for.
    #[schema(max_length = 255, example = "X86")]
    pub app_pkg_affinity: Option<String>,
    /// Its icon's address.
    #[schema(max_length = 1024)]
    pub app_icon_url: Option<String>,
    /// When it was onboarded: UTC, no zone.
    #[schema(example = "2020-09-19T07:31:33.267")]
    pub created_time: String,
    /// When it was last onboarded again: UTC, no zone.
    #[schema(example = "2020-09-19T07:31:33.267")]
    pub modified_time: String,
    /// The application it is a package of.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "2d7a0c5b14f84c6c8f0a9e6b3d1c7f52")]
    pub app_id: AppId,
    /// The hosts it is for, in the order in which they were named first.
    pub mec_host_info: Vec<MecHostInfo>,
    /// The file's size in bytes; null before the file is there.
    #[schema(example = 17384)]
    pub size: Option<u64>,
    /// The file's SHA-256 in lower-case hexadecimal; null before the file is there.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: Option<String>,
    /// What is odd about the package and was let pass.
    pub warnings: Vec<String>,
    /// What the package says about itself; null before it is checked.
    pub operational_info: Option<OperationalInfo>,
}

/// How far a package is on its way to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MecHostInfo {
    /// The host.
    #[schema(value_type = String, max_length = 15, example = "10.0.0.2")]
    pub host_ip: HostIp,
    /// Where the distribution stands.
    pub status: DistributionStatus,
    /// What went wrong; null while `Processing`, empty when `Distributed`.
    #[schema(max_length = 1024)]
    pub error: Option<String>,
}

/// Where the distribution of a package to a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum DistributionStatus {
    /// Under way.
    Processing,
    /// The package can be instantiated on the host.
    Distributed,
    /// It cannot; the record's error says why.
    Error,
}

impl DistributionStatus {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "Processing",
            Self::Distributed => "Distributed",
            Self::Error => "Error",
        }
    }

    /// Reads what [`DistributionStatus::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Processing, Self::Distributed, Self::Error]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// What a package says about itself, read from its descriptor and manifest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OperationalInfo {
    /// Who offers it.
    pub provider: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The container images it runs, as the package writes them.
    pub images: Vec<String>,
    /// Platform services it needs.
    pub services_required: Vec<WantedService>,
    /// Platform services it can use.
    pub services_optional: Vec<WantedService>,
    /// Platform services it brings.
    pub services_produced: Vec<ProducedService>,
    /// How many traffic rules it brings.
    pub traffic_rules: u64,
    /// How many DNS rules it brings.
    pub dns_rules: u64,
    /// The packages that must run on the same host.
    pub dependencies: Vec<Dependency>,
}

/// A platform service that a package needs or can use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WantedService {
    /// The service's name.
    pub ser_name: Option<String>,
    /// Its version, as the package writes it.
    pub version: Option<String>,
    /// The application that brings it.
    pub app_id: Option<String>,
    /// That application's package.
    pub package_id: Option<String>,
}

/// A platform service that a package brings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducedService {
    /// The service's name.
    pub ser_name: Option<String>,
    /// Its version, as the package writes it.
    pub version: Option<String>,
}

/// A package that must run on the same host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dependency {
    /// Its name.
    pub name: Option<String>,
    /// Its application.
    pub app_id: Option<String>,
    /// Its id.
    pub package_id: Option<String>,
}

/// The body of an onboarding by URL: what EdgeGallery's portal sends when a package is distributed.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnboardRequest {
    /// The id in the app store, kept here.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(
        required,
        nullable = false,
        pattern = "^[0-9a-f]{32}$",
        example = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90"
    )]
    pub app_pkg_id: Option<String>,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(
        required,
        nullable = false,
        min_length = 1,
        max_length = 255,
        example = "zone-swr-test1"
    )]
    pub app_pkg_name: Option<String>,
    /// The version.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(required, nullable = false, min_length = 1, max_length = 255, example = "1.0")]
    pub app_pkg_version: Option<String>,
    /// Where to fetch the file: `http` or `https`.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(
        required,
        nullable = false,
        max_length = 1024,
        example = "https://appstore-be-svc:8099/mec/appstore/v1/apps/a/packages/p/action/download"
    )]
    pub app_pkg_path: Option<String>,
    /// Who offers it.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(max_length = 1024)]
    pub app_provider: Option<String>,
    /// What it is, in words.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(max_length = 1024)]
    pub app_pkg_desc: Option<String>,
    /// What hosts it is made for.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(max_length = 255)]
    pub app_pkg_affinity: Option<String>,
    /// Its icon's address.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(max_length = 1024)]
    pub app_icon_url: Option<String>,
    /// Any text (the portal sends what JavaScript prints); not kept.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(max_length = 255)]
    pub created_time: Option<String>,
    /// Any text; not kept.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(max_length = 255)]
    pub modified_time: Option<String>,
    /// The application in the app store.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(
        required,
        nullable = false,
        pattern = "^[0-9a-f]{32}$",
        example = "2d7a0c5b14f84c6c8f0a9e6b3d1c7f52"
    )]
    pub app_id: Option<String>,
    /// The hosts it is for: at least one.
    #[serde(default, deserialize_with = "lenient::list")]
    #[schema(required, min_items = 1)]
    pub mec_host_info: Vec<OnboardHost>,
}

/// A host that a package is onboarded for.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnboardHost {
    /// The host.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(required, nullable = false, max_length = 15, example = "10.0.0.2")]
    pub host_ip: Option<String>,
    /// Ignored.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(max_length = 255)]
    pub status: Option<String>,
    /// Ignored.
    #[serde(default, deserialize_with = "lenient::text")]
    #[schema(max_length = 1024)]
    pub error: Option<String>,
}

impl Validate for OnboardRequest {
    /// All but a null `appPkgPath`, which is refused with a message of its own ([`NULL_PATH`]).
    fn validate(&self, violations: &mut Violations) {
        violations.text(&PACKAGE_ID, self.app_pkg_id.as_deref());
        violations.text(&NAME, self.app_pkg_name.as_deref());
        violations.text(&VERSION, self.app_pkg_version.as_deref());
        violations.text(&PATH, self.app_pkg_path.as_deref());
        let broken = |path: &String| web_address(path).is_none();
        violations.check(self.app_pkg_path.as_ref().is_some_and(broken), INVALID_PATH);
        violations.text(&PROVIDER, self.app_provider.as_deref());
        violations.text(&DESCRIPTION, self.app_pkg_desc.as_deref());
        violations.text(&AFFINITY, self.app_pkg_affinity.as_deref());
        violations.text(&ICON, self.app_icon_url.as_deref());
        let icon = self.app_icon_url.as_ref().filter(|url| !url.is_empty());
        violations.check(icon.is_some_and(broken), "invalid app icon path");
        violations.text(&CREATED, self.created_time.as_deref());
        violations.text(&MODIFIED, self.modified_time.as_deref());
        violations.text(&APP_ID, self.app_id.as_deref());
        violations.check(self.mec_host_info.is_empty(), "mecHost info must not be empty");
        for host in &self.mec_host_info {
            violations.text(&HOST_IP, host.host_ip.as_deref());
            violations.text(&STATUS, host.status.as_deref());
            violations.text(&ERROR, host.error.as_deref());
        }
    }
}

/// `text` as an absolute `http` or `https` URL with a host and without credentials; `None` where it is none. What browsers
/// make an address of although it is not written as one (`http:x`, `http:\\x`, blanks and line breaks in it) is none here.
pub fn web_address(text: &str) -> Option<reqwest::Url> {
    let (scheme, _) = text.split_once("://")?;
    let written = ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
    let url = reqwest::Url::parse(text).ok().filter(|_| written)?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    (anonymous && url.has_host()).then_some(url)
}

#[cfg(test)]
mod tests;
