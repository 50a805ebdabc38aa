//! The demo as a newcomer runs it.

use std::io::Write;

use mecm_common::client::Clients;
use mecm_common::config::Config;
use mecm_common::db::testing::Scratch;
use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::process::{Running, ended, mecm};

#[test]
fn json_goes_to_standard_output_and_all_talk_to_standard_error() {
    let folder = Scratch::new().unwrap();
    let (output, errors, status) = ended(mecm(&folder).args(["demo", "--json", "--hosts", "6"]));
    assert!(status.success(), "{errors}");
    let report: Value = serde_json::from_str(&output).unwrap();
    let members: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["createSeconds", "hosts", "instantiateSeconds", "terminateSeconds"]
    );
    let hosts = report["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 6);
    for host in hosts {
        let members: Vec<&String> = host.as_object().unwrap().keys().collect();
        assert_eq!(members, ["host", "reason", "seconds", "status"]);
    }
    assert!(errors.contains("batch_terminate ended after"), "{errors}");
}

/// A package that APM takes and a v1.0 controller does not deploy.
fn not_deployable() -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_directory("top/", options).unwrap();
    zip.start_file("top/MainServiceTemplate.yaml", options).unwrap();
    zip.write_all(b"tosca_definitions_version: tosca_simple_profile_yaml_1_2\n")
        .unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_surprise_says_what_was_expected_and_what_came_and_is_no_success() {
    let folder = Scratch::new().unwrap();
    let package = folder.0.join("undeployable.csar");
    std::fs::write(&package, not_deployable()).unwrap();
    let (output, errors, status) = ended(
        mecm(&folder)
            .args(["demo", "--json", "--hosts", "2", "--package"])
            .arg(&package),
    );
    assert_eq!(status.code(), Some(1), "{errors}");
    let told = "127.1.0.1: expected Instantiated (success), came Instantiation failed (Failed to read file)";
    assert!(errors.contains(told), "{errors}");
    // The results are told all the same, and what was created is taken away again.
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(report["hosts"][1]["status"], "Instantiation failed");
    assert!(errors.contains("hold nothing any more"), "{errors}");
}

#[tokio::test]
async fn what_is_kept_can_be_poked_at_with_what_it_prints() {
    let folder = Scratch::new().unwrap();
    let mut demo = Running::start(mecm(&folder).args(["demo", "--keep", "--hosts", "2"]));
    let mut said = demo.until("/app_instance_infos");
    said.extend(demo.until("/faults"));
    let value = |name: &str| {
        let found = said.iter().find_map(|line| line.trim().strip_prefix(name));
        found.unwrap_or_else(|| panic!("no {name}: {said:#?}")).to_owned()
    };
    let (tenant, token) = (value("export TENANT="), value("export TOKEN="));
    let client = Clients::new(&Config::defaults()).unwrap().services;
    let asked: Vec<String> = said
        .iter()
        .filter(|line| line.trim().starts_with("curl -s -H \"access_token: $TOKEN\""))
        .map(|line| line.rsplit(' ').next().unwrap().replace("$TENANT", &tenant))
        .collect();
    assert_eq!(asked.len(), 3, "{said:#?}");
    for url in &asked {
        let answer = client
            .get(url)
            .header("access_token", &token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{url}");
    }
    for docs in ["/inventory/v1/docs", "/apm/v1/docs", "/appo/v1/docs"] {
        assert!(said.iter().any(|line| line.ends_with(docs)), "{docs}: {said:#?}");
    }
    let infos = client.get(&asked[2]).header("access_token", &token).send().await;
    let infos: Value = infos.unwrap().json().await.unwrap();
    assert_eq!(infos["response"][0]["operationalStatus"], "Instantiated");

    // A fault of somebody's own, while it runs.
    let url = said.last().unwrap().rsplit(' ').next().unwrap();
    let answer = client
        .post(url)
        .body("query=answer:500:on demand")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let instance = infos["response"][0]["appInstanceId"].as_str().unwrap();
    let status = asked[2].replace("app_instance_infos", &format!("app_instances/{instance}"));
    let answer = client
        .get(status)
        .header("access_token", &token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 502);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["details"][0], "on demand");

    assert!(demo.terminate().await.success());
}
