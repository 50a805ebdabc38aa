//! The registry.

use mecm::demo::api::At;
use mecm::keys;
use mecm_common::auth::keys::ServiceKey;
use mecm_edge_sim::edge_address;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::signatures::Signed;
use super::{NOBODY, NOTHING, Rows, form};

const AT: At = At::Inventory;

/// Credentials, and what is asked by signature alone.
pub(super) async fn signed(rows: &Rows<'_>) {
    let all = "/credentials";
    rows.row(AT, "GET", all, None, 200).await;
    let new = json!({"name": "atp"});
    let made = rows.row(AT, "POST", all, Some(&new), 201).await;
    let text = |member: &str| made[member].as_str().unwrap();
    let own = format!("{all}/{}", text("accessKey"));
    rows.row(AT, "POST", all, Some(&new), 201).await;
    rows.row(AT, "POST", all, Some(&new), 409).await;
    let key = ServiceKey {
        access_key: text("accessKey").parse().unwrap(),
        secret_key: text("secretKey").parse().unwrap(),
    };
    let service = keys::appo(&rows.rig.place.config).unwrap();
    for (path, key) in [
        ("/token", &key),
        ("/tokens", &service),
        ("/credentials/verify", &service),
        ("/credentials/reseal", &service),
    ] {
        by_signature(rows, path, key).await;
    }

    let other = format!("{all}/QUtBS0FLQUtBS0FLQUs=");
    let active = json!({"status": "ACTIVE"});
    for (path, status) in [(&own, 200), (&other, 404)] {
        rows.row(AT, "GET", path, None, status).await;
        rows.row(AT, "PUT", path, Some(&active), status).await;
        rows.row(AT, "POST", &format!("{path}/rotate"), None, status)
            .await;
        rows.row(AT, "DELETE", path, None, status).await;
    }
    rows.row(AT, "GET", "/audit", None, 200).await;
}

async fn by_signature(rows: &Rows<'_>, path: &str, key: &ServiceKey) {
    let url = format!("{}/inventory/v1{path}", rows.rig.suite.addresses.inventory);
    let told = rows
        .ledger
        .operations
        .iter()
        .find(|told| url.ends_with(&told.path))
        .unwrap();
    let body = told.body.as_ref().map(ToString::to_string).unwrap_or_default();
    let ask = async |status: u16| {
        let kind = [("content-type", "application/json")];
        let signed = Signed::with(key, &Method::POST, &url, &kind, body.clone().into());
        let came = signed.send(&rows.client).await;
        assert_eq!(came.0, status, "{path}: {}", came.1);
        rows.ledger.note(&Method::POST, &url, came.0);
    };
    if let Some(disks) = &rows.disks {
        disks.set_full(AT, true).await;
        ask(507).await;
        disks.set_full(AT, false).await;
    }
    ask(200).await;
}

/// A record of a kind that is known by its address.
async fn of_kind(rows: &Rows<'_>, path: &str, record: impl Fn(&str) -> Value) {
    let [first, second] = [0, 1].map(|index| edge_address(index).to_string());
    let one = |ip: &str| format!("{path}/{ip}");
    for (method, path, body) in [
        ("GET", path, None),
        ("DELETE", path, None),
        ("GET", &one(NOBODY), None),
        ("PUT", &one(NOBODY), Some(record(NOBODY))),
        ("DELETE", &one(NOBODY), None),
    ] {
        rows.row(AT, method, path, body.as_ref(), 404).await;
    }
    rows.row(AT, "POST", path, Some(&record(&first)), 200).await;
    rows.row(AT, "POST", path, Some(&record(&second)), 200).await;
    rows.row(AT, "POST", path, Some(&record(NOBODY)), 409).await;
    rows.row(AT, "GET", path, None, 200).await;
    rows.row(AT, "GET", &one(&first), None, 200).await;
    rows.row(AT, "PUT", &one(&first), Some(&record(&first)), 200)
        .await;
}

/// Two edges with all that belongs to them.
pub(super) async fn registered(rows: &Rows<'_>) {
    let sim = &rows.rig.sim;
    let (lcm, rules) = (sim.lcm_port().to_string(), sim.rule_port().to_string());
    of_kind(
        rows,
        "/applcms",
        |ip| json!({"applcmName": "lcm", "applcmIp": ip, "applcmPort": lcm}),
    )
    .await;
    of_kind(
        rows,
        "/apprulemanagers",
        |ip| json!({"appRuleName": "rules", "appRuleIp": ip, "appRulePort": rules}),
    )
    .await;
    of_kind(
        rows,
        "/appstores",
        |ip| json!({"appstoreIp": ip, "appstorePort": "8099", "uri": "/x", "appstoreName": "store"}),
    )
    .await;
    of_kind(rows, "/mechosts", |ip| {
        json!({"mechostIp": ip, "mechostName": "edge", "city": "demo", "address": "rack 1", "zipCode": "1",
            "affinity": "X86", "coordinates": format!("1,{}", &ip[ip.len() - 1..]), "edgerepoIp": ip, "edgerepoPort": "5000",
            "edgerepoName": "repo", "applcmIp": ip, "appRuleIp": ip,
            "hwcapabilities": [{"hwType": "GPU", "hwVendor": "any", "hwModel": "any"}]})
    })
    .await;
    rows.row(AT, "GET", "/topology", None, 200).await;
}

fn id(index: usize) -> String {
    format!("7d0e2f7c-8b1b-4d0c-9a53-9d3f5c1f2a1{index}")
}

/// What hosts offer and what runs on them.
pub(super) async fn kept(rows: &Rows<'_>) {
    let ip = edge_address(0);
    let (own, other) = (format!("/mechosts/{ip}"), format!("/mechosts/{NOBODY}"));
    let software = rows.example("PUT", "/capabilities/software");
    for (host, status) in [(&own, 200), (&other, 404)] {
        let path = format!("{host}/capabilities");
        rows.row(AT, "GET", &path, None, status).await;
        rows.row(AT, "PUT", &format!("{path}/software"), Some(&software), status)
            .await;
        let path = format!("{host}/k8sconfig");
        rows.row_with(AT, "POST", &path, status, async |request| {
            form(&path).await.on(request).0
        })
        .await;
        rows.row(AT, "DELETE", &path, None, status).await;
    }

    let app = |index: usize| {
        json!({"appInstanceId": id(index), "appName": "app", "packageId": "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90",
        "capabilities": ["GPU"], "status": "Instantiated"})
    };
    let uses = format!("{own}/capabilities/GPU/applications");
    let apps = format!("{own}/apps");
    let (first, nothing) = (format!("{apps}/{}", id(0)), format!("{apps}/{NOTHING}"));
    rows.row(AT, "GET", &uses, None, 404).await;
    rows.row(AT, "GET", &apps, None, 404).await;
    rows.row(AT, "GET", &nothing, None, 404).await;
    let mut strange = app(0);
    strange["appInstanceId"] = NOTHING.into();
    rows.row(AT, "PUT", &nothing, Some(&strange), 404).await;
    rows.row(AT, "DELETE", &format!("{other}/apps/{NOTHING}"), None, 404)
        .await;
    rows.row(AT, "POST", &format!("{other}/apps"), Some(&app(0)), 404)
        .await;
    rows.row(AT, "POST", &apps, Some(&app(0)), 200).await;
    rows.row(AT, "POST", &apps, Some(&app(1)), 200).await;
    rows.row(AT, "POST", &apps, Some(&app(2)), 409).await;
    for path in [&uses, &apps, &first] {
        rows.row(AT, "GET", path, None, 200).await;
    }
    rows.row(AT, "PUT", &first, Some(&app(0)), 200).await;
    rows.row(AT, "DELETE", &own, None, 412).await;
    rows.row(AT, "DELETE", "/mechosts", None, 412).await;
    for index in 0..2 {
        rows.row(AT, "DELETE", &format!("{apps}/{}", id(index)), None, 200)
            .await;
    }

    let rules = |index: usize| format!("/app_instances/{}/appd_configuration", id(index));
    let set = rows.example("POST", "/appd_configuration");
    for (method, body) in [("GET", None), ("PUT", Some(&set)), ("DELETE", None)] {
        rows.row(AT, method, &rules(0), body, 404).await;
    }
    for (index, status) in [(0, 200), (1, 200), (2, 409)] {
        rows.row(AT, "POST", &rules(index), Some(&set), status).await;
    }
    for (method, body) in [("GET", None), ("PUT", Some(&set)), ("DELETE", None)] {
        rows.row(AT, method, &rules(0), body, 200).await;
    }
    rows.row(AT, "DELETE", &rules(1), None, 200).await;
}

/// Everything goes, one by one and then the rest at once.
pub(super) async fn gone(rows: &Rows<'_>) {
    for path in ["/mechosts", "/apprulemanagers", "/applcms", "/appstores"] {
        rows.row(AT, "DELETE", &format!("{path}/{}", edge_address(0)), None, 200)
            .await;
        rows.row(AT, "DELETE", path, None, 200).await;
    }
}
