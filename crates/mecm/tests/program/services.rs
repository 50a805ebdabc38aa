//! Three processes, one service each, and what runs beside them.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use mecm::demo::api::{Api, At};
use mecm::demo::package::Package;
use mecm::suite::Addresses;
use mecm_common::client::Clients;
use mecm_common::config::Config;
use mecm_common::db::testing::{Guard, Scratch, fresh_url, kinds};
use mecm_common::models::ids::TenantId;
use mecm_edge_sim::{SimConfig, Simulator, edge_address};
use reqwest::Method;
use serde_json::{Value, json};

use super::process::{LIMIT, Running, ended, mecm};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// The three on ports that nobody has, each with a database of this kind.
struct Place {
    folder: Scratch,
    variables: Vec<(String, String)>,
    addresses: Addresses,
    _databases: Vec<Guard>,
}

impl Place {
    async fn new(kind: &str) -> Self {
        let mut variables = vec![
            ("MECM_PEERS__EDGE_SCHEME".to_owned(), "http".to_owned()),
            ("MECM_EGRESS__ALLOW".to_owned(), "[\"127.0.0.0/8\"]".to_owned()),
            ("MECM_LOG__FILTER".to_owned(), "error".to_owned()),
        ];
        let mut databases = Vec::new();
        let mut urls = Vec::new();
        // All at once, so that they differ.
        let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        for (service, listener) in ["INVENTORY", "APM", "APPO"].into_iter().zip(&free) {
            let port = listener.local_addr().unwrap().port();
            urls.push(format!("http://127.0.0.1:{port}"));
            variables.push((format!("MECM_{service}__PORT"), port.to_string()));
            if kind == "postgres" {
                let (url, guard) = fresh_url(kind).await.unwrap();
                variables.push((format!("MECM_{service}__DATABASE"), url));
                databases.push(guard);
            }
        }
        let mut urls = urls.into_iter();
        let mut url = || urls.next().unwrap();
        Self {
            folder: Scratch::new().unwrap(),
            variables,
            addresses: Addresses {
                inventory: url(),
                apm: url(),
                appo: url(),
            },
            _databases: databases,
        }
    }

    fn mecm(&self, arguments: &[&str]) -> Command {
        let mut command = mecm(&self.folder);
        command.envs(self.variables.iter().cloned()).args(arguments);
        command
    }

    /// Waits until `mecm health` with these arguments is content.
    async fn healthy(&self, arguments: &[&str]) {
        let deadline = Instant::now() + LIMIT;
        let arguments = [&["health"], arguments].concat();
        loop {
            let (_, errors, status) = ended(&mut self.mecm(&arguments));
            if status.success() {
                return;
            }
            assert!(Instant::now() < deadline, "{errors}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Waits until every instance is idle; their statuses.
async fn settled(api: &Api) -> Vec<String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let infos = api.instances().await.unwrap();
        if infos.iter().all(|info| info["operation"].is_null()) {
            let status = |info: &Value| info["operationalStatus"].as_str().unwrap().to_owned();
            return infos.iter().map(status).collect();
        }
        assert!(Instant::now() < deadline, "{infos:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_do_a_job_together() {
    for kind in kinds() {
        let place = Place::new(kind).await;
        let sim = Simulator::start(SimConfig::default()).await.unwrap();
        // In this order, as deploy/compose.yaml starts them: the first one makes the keys.
        let mut running = Vec::new();
        for service in ["inventory", "apm", "appo"] {
            running.push(Running::start(&mut place.mecm(&[service])));
            place.healthy(&[service]).await;
        }
        place.healthy(&[]).await;

        let (token, errors, status) =
            ended(&mut place.mecm(&["token", "--tenant", TENANT, "--role", "tenant"]));
        assert!(status.success(), "{errors}");
        let tenant: TenantId = TENANT.parse().unwrap();
        let clients = Clients::new(&Config::defaults()).unwrap();
        let api = Api::new(&clients, &place.addresses, tenant, token.trim().into());
        let (lcm, rules) = (sim.lcm_port().to_string(), sim.rule_port().to_string());
        let hosts: Vec<String> = (0..3).map(|index| edge_address(index).to_string()).collect();
        for (index, host) in hosts.iter().enumerate() {
            api.register_edge(index, host, (&lcm, &rules), &["GPU"])
                .await
                .unwrap();
        }
        let package = Package::sample().unwrap();
        let told = api.upload(&package, "sample", &hosts.join(",")).await.unwrap();
        let post = async |what: &str, body: Value| {
            let path = format!("/app_instances/batch_{what}");
            api.expect(At::Appo, Method::POST, &path, Some(&body), 202)
                .await
                .unwrap()
        };
        let body = json!({"appPackageId": told["appPackageId"], "appId": told["appId"], "appName": "sample",
            "appInstanceDescription": "test", "hwCapabilities": ["GPU"], "mecHost": hosts});
        let created = post("create", body).await;
        let ids: Vec<&Value> = created["response"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["appInstanceId"])
            .collect();
        assert_eq!(settled(&api).await, ["Created"; 3]);
        post("instantiate", json!({ "appInstanceIds": ids })).await;
        assert_eq!(settled(&api).await, ["Instantiated"; 3]);
        assert_eq!(sim.totals().workloads, 3);
        post("terminate", json!({ "appInstanceIds": ids })).await;
        assert!(settled(&api).await.is_empty());
        assert!(sim.totals().is_empty(), "{:?}", sim.totals());
        for process in running.into_iter().rev() {
            assert!(process.terminate().await.success());
        }
    }
}

#[tokio::test]
async fn a_health_check_asks_what_runs_here_and_no_more() {
    let place = Place::new("sqlite").await;
    let (_, errors, status) = ended(&mut place.mecm(&["health", "--running"]));
    assert!(!status.success(), "nothing runs: {errors}");
    let inventory = Running::start(&mut place.mecm(&["inventory"]));
    place.healthy(&["--running"]).await;
    let (_, errors, status) = ended(&mut place.mecm(&["health"]));
    assert!(!status.success(), "two of three do not run: {errors}");
    assert!(errors.contains("inventory: ok"), "{errors}");
    assert!(inventory.terminate().await.success());
}
