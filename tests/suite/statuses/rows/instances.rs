//! The orchestrator.

use std::io::{Cursor, Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use mecm::demo::agent::Agent;
use mecm::demo::api::At;
use mecm::sample;
use mecm_edge_sim::edge_address;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::{NOBODY, NOTHING, Rows};

const AT: At = At::Appo;

/// A Helm chart of that name: controllers deploy a name once on a host.
fn chart(name: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let values = "appconfig:\n  appnamespace: default\n  aksk:\n    accesskey: x\n";
    for (file, text) in [
        ("Chart.yaml", format!("apiVersion: v1\nname: {name}\n").as_str()),
        ("values.yaml", values),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        let path = format!("{name}/{file}");
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// The sample package under another name, which says that it needs this one on the same host.
fn needing(package: &str) -> Vec<u8> {
    let mut from = ZipArchive::new(Cursor::new(sample::build().unwrap())).unwrap();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut entry = from.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        if entry.is_dir() {
            to.add_directory(name, SimpleFileOptions::default()).unwrap();
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name.ends_with("MainServiceTemplate.yaml") {
            // Without its rules, of which the edge has the other's.
            let text = String::from_utf8(bytes).unwrap();
            let (nodes, _) = text.split_once("    app_configuration:").unwrap();
            let needs = format!("dependencies:\n  - name: needed\n    appId: x\n    packageId: {package}\n");
            bytes = format!("{nodes}\n{needs}").into_bytes();
        }
        if name.ends_with(".tgz") {
            bytes = chart("needing");
        }
        to.start_file(name, SimpleFileOptions::default()).unwrap();
        to.write_all(&bytes).unwrap();
    }
    to.finish().unwrap().into_inner()
}

fn create(package: &(String, String), name: &str, hosts: Value) -> Value {
    json!({"appPackageId": package.0, "appId": package.1, "appName": name, "appInstanceDescription": "x",
        "hwCapabilities": ["GPU"], "mecHost": hosts})
}

fn text(told: &Value, pointer: &str) -> String {
    told.pointer(pointer).unwrap().as_str().unwrap().to_owned()
}

async fn of_nothing(rows: &Rows<'_>) {
    let one = format!("/app_instances/{NOTHING}");
    let rules = format!("{one}/appd_configuration");
    let host = format!("/hosts/{NOBODY}");
    let (set, named) = (
        rows.example("POST", "/appd_configuration"),
        rows.example("DELETE", "/appd_configuration"),
    );
    for (method, path, body) in [
        ("GET", "/app_instance_infos".to_owned(), None),
        ("GET", format!("/app_instance_infos/{NOTHING}"), None),
        (
            "GET",
            format!("/app_instance_infos/appinstanceids?appinstanceids={NOTHING}"),
            None,
        ),
        ("GET", one.clone(), None),
        ("POST", one.clone(), None),
        ("DELETE", one, None),
        ("POST", rules.clone(), Some(&set)),
        ("PUT", rules.clone(), Some(&set)),
        ("DELETE", rules, Some(&named)),
        ("GET", format!("/apprule_task_infos/{NOTHING}"), None),
        ("GET", format!("{host}/kpi"), None),
        ("GET", format!("{host}/mep_capabilities"), None),
        ("GET", format!("{host}/mep_capabilities/x"), None),
    ] {
        rows.row(AT, method, &path, body, 404).await;
    }
}

pub(super) async fn lived(rows: &Rows<'_>) {
    of_nothing(rows).await;
    let [first, second] = [0, 1].map(|index| edge_address(index).to_string());
    let package = rows.rig.upload(sample::build().unwrap()).await;

    let (path, batch) = ("/app_instances", "/app_instances/batch_create");
    // Where there is no host, none is created.
    let failed = create(&package, "failed", json!(NOBODY));
    let told = rows.row(AT, "POST", path, Some(&failed), 202).await;
    let failed = text(&told, "/response/app_instance_id");
    rows.rig.settled().await;
    rules(rows, &failed, 412).await;
    rows.row(AT, "DELETE", &format!("{path}/{failed}"), None, 202)
        .await;
    rows.rig.settled().await;

    let base = create(&package, "base", json!(first));
    let told = rows.row(AT, "POST", path, Some(&base), 202).await;
    let base_id = text(&told, "/response/app_instance_id");
    rows.rig.settled().await;
    let one = format!("{path}/{base_id}");
    rows.row(AT, "GET", &one, None, 412).await;
    rows.row(AT, "POST", &one, None, 202).await;
    rows.rig.settled().await;
    rows.row(AT, "POST", &one, None, 412).await;
    rows.row(AT, "POST", path, Some(&base), 412).await;

    // As many as there may be: two.
    let other = create(&package, "base", json!([second]));
    let told = rows.row(AT, "POST", batch, Some(&other), 202).await;
    let other = text(&told, "/response/0/appInstanceId");
    rows.rig.settled().await;
    rows.row(
        AT,
        "POST",
        path,
        Some(&create(&package, "third", json!(first))),
        409,
    )
    .await;
    rows.row(
        AT,
        "POST",
        batch,
        Some(&create(&package, "third", json!([first]))),
        409,
    )
    .await;

    rows.row(AT, "GET", &one, None, 200).await;
    rows.row(AT, "GET", "/app_instance_infos", None, 200).await;
    rows.row(AT, "GET", &format!("/app_instance_infos/{base_id}"), None, 200)
        .await;
    let path = format!("/app_instance_infos/appinstanceids?appinstanceids={base_id}");
    rows.row(AT, "GET", &path, None, 200).await;
    seen(rows, &base_id).await;
    rules(rows, &base_id, 202).await;

    let ids = |id: &str| json!({"appInstanceIds": [id]});
    rows.row(
        AT,
        "POST",
        "/app_instances/batch_instantiate",
        Some(&ids(&other)),
        202,
    )
    .await;
    rows.rig.settled().await;
    rows.row(
        AT,
        "DELETE",
        "/app_instances/batch_terminate",
        Some(&ids(&other)),
        202,
    )
    .await;
    rows.rig.settled().await;

    let needing = rows.rig.upload(needing(&package.0)).await;
    let told = rows
        .row(
            AT,
            "POST",
            "/app_instances",
            Some(&create(&needing, "needing", json!(first))),
            202,
        )
        .await;
    let needing = text(&told, "/response/app_instance_id");
    rows.rig.settled().await;
    rows.rig
        .batch("instantiate", std::slice::from_ref(&needing))
        .await;
    let stand = rows.rig.settled().await;
    assert!(
        stand.iter().all(|(_, status, _)| status == "Instantiated"),
        "{stand:?}"
    );
    rows.row(AT, "DELETE", &one, None, 412).await;
    rows.row(
        AT,
        "POST",
        "/app_instances/batch_terminate",
        Some(&ids(&needing)),
        202,
    )
    .await;
    rows.rig.settled().await;
    rows.row(AT, "DELETE", &one, None, 202).await;
    assert_eq!(rows.rig.settled().await, []);
}

/// Rules are added, replaced and removed, or each is refused with this status.
async fn rules(rows: &Rows<'_>, instance: &str, status: u16) {
    let path = format!("/app_instances/{instance}/appd_configuration");
    let set = json!({"appName": "sample", "appDNSRule": [{"dnsRuleId": "d1", "domainName": "example.org",
        "ipAddressType": "IP_V4", "ipAddress": "10.1.1.1", "ttl": 30}]});
    let named = json!({"appTrafficRule": [], "appDNSRule": ["d1"]});
    for (method, body) in [("POST", &set), ("PUT", &set), ("DELETE", &named)] {
        let told = rows.row(AT, method, &path, Some(body), status).await;
        if status == 202 {
            rows.rig.settled().await;
            let task = text(&told, "/response/apprule_task_id");
            rows.row(AT, "GET", &format!("/apprule_task_infos/{task}"), None, 200)
                .await;
        }
    }
}

/// What the edge offers, through the agent of this instance.
async fn seen(rows: &Rows<'_>, instance: &str) {
    let edge = edge_address(0);
    let mut agent = Agent::of(&rows.rig.sim, edge, instance, rows.client.clone()).unwrap();
    assert_eq!(agent.log_in().await.unwrap(), 200);
    let service = json!({"serName": "positioning", "version": "1.0", "state": "ACTIVE", "serializer": "JSON",
        "livenessInterval": 60});
    let registered = agent.register("services", &service).await.unwrap();
    let id = registered["serInstanceId"].as_str().unwrap();
    for path in ["kpi", "mep_capabilities", &format!("mep_capabilities/{id}")] {
        rows.row(AT, "GET", &format!("/hosts/{edge}/{path}"), None, 200)
            .await;
    }
}
