use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use mecm_common::config;
use mecm_common::db::testing::Scratch;
use reqwest::Method;

use super::*;
use crate::demo::api::{Api, At};

fn config(folder: &Path) -> Config {
    let mut environment = vec![("MECM_DATA_DIR".to_owned(), folder.display().to_string())];
    for service in ["INVENTORY", "APM", "APPO"] {
        environment.push((format!("MECM_{service}__PORT"), "0".to_owned()));
    }
    config::load(None, environment).unwrap()
}

async fn status(suite: &Suite, config: &Config, role: Role, at: At, method: Method, path: &str) -> u16 {
    let tenant = TenantId(Uuid::from_u128(7));
    let life = TimeDelta::minutes(5);
    let token = token(config, &Clock::System, tenant, "test", &[role], life).unwrap();
    let api = Api::new(&Clients::new(config).unwrap(), &suite.addresses, tenant, token);
    api.ask(at, method, path, None).await.unwrap().status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_takes_the_tokens_that_are_minted_here_and_starts_again_on_its_data() {
    let folder = Scratch::new().unwrap();
    let data = folder.0.join("new");
    let config = config(&data);
    for _ in 0..2 {
        let suite = Suite::start(Arc::new(config.clone()), Which::ALL, Clock::System)
            .await
            .unwrap();
        let ask = |role, at, method, path| status(&suite, &config, role, at, method, path);
        // Inventory knows its own key; the others ask it.
        assert_eq!(
            ask(Role::Guest, At::Inventory, Method::GET, "/mechosts").await,
            404
        );
        assert_eq!(ask(Role::Guest, At::Apm, Method::GET, "/packages").await, 200);
        assert_eq!(
            ask(Role::Guest, At::Appo, Method::GET, "/app_instance_infos").await,
            404
        );
        assert_eq!(
            ask(Role::Guest, At::Inventory, Method::DELETE, "/mechosts").await,
            403
        );
        suite.stop().await;
    }
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_service_runs_alone() {
    let folder = Scratch::new().unwrap();
    let config = config(&folder.0);
    let alone = Which {
        inventory: true,
        apm: false,
        appo: false,
    };
    let suite = Suite::start(Arc::new(config.clone()), alone, Clock::System)
        .await
        .unwrap();
    let got = status(
        &suite,
        &config,
        Role::Tenant,
        At::Inventory,
        Method::GET,
        "/mechosts",
    );
    assert_eq!(got.await, 404);
    assert!(!folder.0.join("appo.db").exists());
    suite.run_until(async {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_stops_the_start_before_anything_is_made() {
    let folder = Scratch::new().unwrap();
    let data = folder.0.join("new");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&data);
    config.appo.port = taken.local_addr().unwrap().port();
    let port = config.appo.port.to_string();
    let error = Suite::start(Arc::new(config), Which::ALL, Clock::System)
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains(&port), "{error:#}");
    assert!(!data.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_do_not_share_a_data_folder() {
    let folder = Scratch::new().unwrap();
    let config = Arc::new(config(&folder.0));
    let first = Suite::start(config.clone(), Which::ALL, Clock::System)
        .await
        .unwrap();
    let error = Suite::start(config, Which::ALL, Clock::System).await.unwrap_err();
    assert!(format!("{error:#}").contains("inventory"), "{error:#}");
    first.stop().await;
}

/// The environment of EdgeGallery's chart, on loopback and with SQLite: each service a process, with nothing in common but the
/// key store that the chart mounts.
#[tokio::test(flavor = "multi_thread")]
async fn services_of_an_unmodified_chart_find_and_believe_each_other() {
    let folder = Scratch::new().unwrap();
    let stores = concat!(env!("CARGO_MANIFEST_DIR"), "/../common/tests/tls");
    let mut environment: Vec<(String, String)> = [
        ("LISTEN_IP", "127.0.0.1"),
        ("SSL_KEY_STORE_PASSWORD", "Changeit-1"),
        ("SSL_TRUST_PASSWORD", "Changeit-1"),
        ("SSL_KEY_STORE_TYPE", "PKCS12"),
        ("SSL_KEY_ALIAS", "edgegallery"),
        ("INVENTORY_ENDPOINT", "127.0.0.1"),
        ("APM_ENDPOINT", "127.0.0.1"),
        ("MECM_INVENTORY__PORT", "0"),
        ("MECM_APM__PORT", "0"),
        ("MECM_APPO__PORT", "0"),
        ("MECM_APM__PACKAGES_DIR", ""),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    // The places that the chart mounts them at are not this test's to fill.
    environment.push((
        "MECM_LISTEN__KEY_STORE".to_owned(),
        format!("{stores}/edgegallery.p12"),
    ));
    environment.push((
        "MECM_PEERS__CA_BUNDLE".to_owned(),
        format!("{stores}/edgegallery.jks"),
    ));

    let mut running = Vec::new();
    for prefix in ["INVENTORY", "APM", "APPO"] {
        let mut pod = environment.clone();
        let data = folder.0.join(prefix);
        pod.push(("MECM_DATA_DIR".to_owned(), data.display().to_string()));
        pod.push((format!("{prefix}_DB_PASSWORD"), "secret".to_owned()));
        pod.push((format!("MECM_{prefix}__DATABASE"), String::new()));
        // Its own address has the port that it was given.
        pod.push((format!("MECM_{prefix}__URL"), String::new()));
        let config = config::load(None, pod).unwrap();
        let which = Which::of(config.run);
        assert_eq!(
            [which.inventory, which.apm, which.appo],
            ["INVENTORY", "APM", "APPO"].map(|service| service == prefix)
        );
        let suite = Suite::start(Arc::new(config.clone()), which, Clock::System)
            .await
            .unwrap();
        let address = match prefix {
            "INVENTORY" => &suite.addresses.inventory,
            "APM" => &suite.addresses.apm,
            _ => &suite.addresses.appo,
        };
        if prefix != "APPO" {
            let port = address.rsplit(':').next().unwrap().to_owned();
            environment.push((format!("{prefix}_PORT"), port));
        }
        running.push((prefix, suite, config));
    }
    // A token of Inventory, whose key the others can only ask it for.
    let tenant = TenantId(Uuid::from_u128(7));
    let life = TimeDelta::minutes(5);
    let token = token(
        &running[0].2,
        &Clock::System,
        tenant,
        "test",
        &[Role::Guest],
        life,
    )
    .unwrap();
    for (prefix, suite, config) in &running {
        let clients = Clients::new(config).unwrap();
        let api = Api::new(&clients, &suite.addresses, tenant, token.clone());
        let (at, path, status) = match *prefix {
            "INVENTORY" => continue,
            "APM" => (At::Apm, "/packages", 200),
            _ => (At::Appo, "/app_instance_infos", 404),
        };
        let answer = api.ask(at, Method::GET, path, None).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{prefix}");
    }
    for (_, suite, _) in running {
        suite.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_suite_takes_a_new_certificate() {
    let folder = Scratch::new().unwrap();
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/tests/tls");
    let put = |name: &str| {
        std::fs::copy(stores.join(format!("{name}-key.pem")), folder.0.join("key.pem")).unwrap();
        std::fs::copy(stores.join(format!("{name}.pem")), folder.0.join("cert.pem")).unwrap();
    };
    put("first");
    let mut config = config(&folder.0.join("data"));
    config.listen.tls_certificate = folder.0.join("cert.pem");
    config.listen.tls_key = folder.0.join("key.pem");
    let alone = Which::of(Run::Inventory);
    let suite = Suite::start(Arc::new(config.clone()), alone, Clock::System)
        .await
        .unwrap();
    let url = format!("{}/inventory/v1/health", suite.addresses.inventory);
    assert!(url.starts_with("https://"), "{url}");
    let believing = |name: &str| {
        let mut config = config.clone();
        config.peers.ca_bundle = stores.join(name);
        Clients::new(&config).unwrap().services
    };
    let (first, second) = (believing("first.pem"), believing("second.pem"));
    let well = async || first.get(&url).send().await?.text().await;
    assert_eq!(well().await.unwrap(), "ok");
    second.get(&url).send().await.unwrap_err();
    put("second");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while let Err(error) = second.get(&url).send().await {
        assert!(tokio::time::Instant::now() < deadline, "{error:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Its connection was kept.
    assert_eq!(well().await.unwrap(), "ok");
    suite.stop().await;
}
