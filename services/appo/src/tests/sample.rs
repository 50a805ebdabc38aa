//! Packages that a v1.0 controller deploys.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Needs nothing.
pub(crate) const PLAIN: &str = "10000000000040008000000000000001";
/// Has app rules.
pub(crate) const WITH_RULES: &str = "10000000000040008000000000000002";
/// Needs [`PLAIN`] on the same host.
pub(crate) const DEPENDENT: &str = "10000000000040008000000000000003";

const RULES: &str = "
    app_configuration:
      type: tosca.nodes.nfv.app.configuration
      properties:
        appName: ruled
        appSupportMp1: true
        appTrafficRule:
          - trafficRuleId: own-1
            filterType: FLOW
            priority: 1
            action: DROP
            trafficFilter:
              - srcAddress: [ 10.0.0.0/8 ]
        appDNSRule:
          - dnsRuleId: own-dns
            domainName: www.example.com
            ipAddressType: IP_V4
            ipAddress: 10.1.1.1
            ttl: 30
";

/// The package of that id.
pub(crate) fn named(id: &str) -> Option<Vec<u8>> {
    match id {
        PLAIN => Some(package("plain", "", "")),
        WITH_RULES => Some(package("ruled", RULES, "")),
        DEPENDENT => {
            let needs = format!("dependencies:\n  - name: plain\n    appId: x\n    packageId: {PLAIN}\n");
            Some(package("dependent", "", &needs))
        }
        _ => None,
    }
}

pub(crate) fn package(name: &str, nodes: &str, top: &str) -> Vec<u8> {
    let descriptor = format!(
        "tosca_definitions_version: tosca_simple_profile_yaml_1_2
{top}topology_template:
  node_templates:
    Simple_VNF:
      type: tosca.nodes.nfv.VNF
      properties:
        vnf_provider: test
        vnf_product_name: {name}
        vnfd_version: v1.0
{nodes}"
    );
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for folder in [
        "top",
        "top/APPD",
        "top/Artifacts",
        "top/Artifacts/Deployment",
        "top/Artifacts/Deployment/Charts",
    ] {
        zip.add_directory(format!("{folder}/"), options).unwrap();
    }
    for (path, content) in [
        ("top/APPD/MainServiceTemplate.yaml", descriptor.into_bytes()),
        ("top/Artifacts/Deployment/Charts/chart.tgz", chart(name)),
        (
            "top/positioning-service.mf",
            format!("metadata:\napp_product_name: {name}\n").into_bytes(),
        ),
    ] {
        zip.start_file(path, options).unwrap();
        zip.write_all(&content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn chart(name: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (file, text) in [
        ("Chart.yaml", format!("apiVersion: v1\nname: {name}\n")),
        (
            "values.yaml",
            "appconfig:\n  appnamespace: default\n  aksk:\n    accesskey: <akvalue>\n".to_owned(),
        ),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive
            .append_data(&mut header, format!("{name}/{file}"), text.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}
