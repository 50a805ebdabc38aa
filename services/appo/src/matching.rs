//! What an application needs against what a host offers. Pure.

use mecm_common::client::inventory::{HostSeen, SoftwareSeen};
use mecm_csar::Service;

/// The requested hardware types that the host does not offer.
pub(crate) fn missing_hardware(host: &HostSeen, wanted: &[String]) -> Vec<String> {
    let offered = |kind: &String| {
        host.hwcapabilities
            .iter()
            .any(|capability| capability.hw_type.as_ref() == Some(kind))
    };
    wanted.iter().filter(|kind| !offered(kind)).cloned().collect()
}

fn active(software: &[SoftwareSeen], name: &str) -> bool {
    software.iter().any(|capability| {
        capability.capability_name.as_deref() == Some(name) && capability.status.as_deref() == Some("ACTIVE")
    })
}

/// The requested software capabilities that are not ACTIVE on the host's platform.
pub(crate) fn missing_software(software: &[SoftwareSeen], wanted: &[String]) -> Vec<String> {
    wanted
        .iter()
        .filter(|name| !active(software, name))
        .cloned()
        .collect()
}

/// The services that neither the platform offers nor, by `present`, a package Instantiated on the host.
pub(crate) fn unmet<'a>(
    services: &'a [Service],
    software: &[SoftwareSeen],
    present: &dyn Fn(&str) -> bool,
) -> Vec<&'a str> {
    services
        .iter()
        .filter(|service| {
            let named = service.ser_name.as_deref().unwrap_or_default();
            let by_package = service.package_id.as_deref().is_some_and(present);
            !active(software, named) && !by_package
        })
        .map(|service| service.ser_name.as_deref().unwrap_or("(no name)"))
        .collect()
}

/// Names what hardware is missing, as an instance's `operationInfo` does.
pub(crate) fn hardware_failed(missing: &[String]) -> String {
    format!("Hardware capability match failed: {}", missing.join(", "))
}

/// The same for software.
pub(crate) fn software_failed(missing: &[String]) -> String {
    format!("Software capability match failed: {}", missing.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(kinds: &[&str]) -> HostSeen {
        let hardware: Vec<_> = kinds
            .iter()
            .map(|kind| serde_json::json!({"hwType": kind, "hwVendor": "x", "hwModel": null}))
            .collect();
        serde_json::from_value(serde_json::json!({"mechostIp": "10.0.0.1", "hwcapabilities": hardware}))
            .unwrap()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn each_requested_type_must_be_there_exactly() {
        let host = host(&["GPU", "NPU"]);
        assert!(missing_hardware(&host, &[]).is_empty());
        assert!(missing_hardware(&host, &texts(&["NPU", "GPU"])).is_empty());
        let missing = missing_hardware(&host, &texts(&["gpu", "GPU", "FPGA"]));
        assert_eq!(
            hardware_failed(&missing),
            "Hardware capability match failed: gpu, FPGA"
        );
    }

    #[test]
    fn software_counts_only_while_it_is_active() {
        let of = |name: &str, status: &str| SoftwareSeen {
            capability_name: Some(name.into()),
            status: Some(status.into()),
            ..SoftwareSeen::default()
        };
        let software = [of("face", "ACTIVE"), of("location", "SUSPENDED")];
        let missing = missing_software(&software, &texts(&["face", "location", "none"]));
        assert_eq!(
            software_failed(&missing),
            "Software capability match failed: location, none"
        );
        let services = [
            Service {
                ser_name: Some("face".into()),
                ..Service::default()
            },
            Service {
                ser_name: Some("x".into()),
                package_id: Some("p".into()),
                ..Service::default()
            },
            Service {
                ser_name: Some("y".into()),
                package_id: Some("q".into()),
                ..Service::default()
            },
        ];
        assert_eq!(unmet(&services, &software, &|package| package == "p"), ["y"]);
    }
}
