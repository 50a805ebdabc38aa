use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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
