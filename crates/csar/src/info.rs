//! `operationalInfo` of a package in APM's answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::Package;
use crate::descriptor::{Dependency, Service};

/// What the descriptor says, as the API shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationalInfo {
    /// Who made the application.
    pub provider: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// Its version as written.
    pub version: Option<String>,
    /// Its images.
    pub images: Vec<String>,
    /// Services it cannot do without.
    pub services_required: Vec<Service>,
    /// Services it would use.
    pub services_optional: Vec<Service>,
    /// Services it offers.
    pub services_produced: Vec<ProducedService>,
    /// How many traffic rules it has.
    pub traffic_rules: usize,
    /// How many DNS rules it has.
    pub dns_rules: usize,
    /// What has to run on the same host.
    pub dependencies: Vec<Dependency>,
}

/// A service the application offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducedService {
    /// What it is called.
    pub ser_name: Option<String>,
    /// Its version as written.
    pub version: Option<String>,
}

impl Package {
    /// The part of this package that APM shows as `operationalInfo`.
    pub fn operational_info(&self) -> OperationalInfo {
        let descriptor = &self.descriptor;
        let produced = |service: &Service| ProducedService {
            ser_name: service.ser_name.clone(),
            version: service.version.clone(),
        };
        let count = |key: &str| {
            let rules = descriptor.rules.as_ref().and_then(|rules| rules.get(key));
            rules.and_then(Value::as_array).map_or(0, Vec::len)
        };
        OperationalInfo {
            provider: descriptor.provider.clone(),
            name: descriptor.name.clone(),
            version: descriptor.version.clone(),
            images: self.images.clone(),
            services_required: descriptor.services_required.clone(),
            services_optional: descriptor.services_optional.clone(),
            services_produced: descriptor.services_produced.iter().map(produced).collect(),
            traffic_rules: count("appTrafficRule"),
            dns_rules: count("appDNSRule"),
            dependencies: descriptor.dependencies.clone(),
        }
    }
}
