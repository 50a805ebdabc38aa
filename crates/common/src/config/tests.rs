use figment::Figment;
use figment::providers::{Format, Toml};
use serde_json::Value;

use super::*;

fn with(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load(
        None,
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

#[test]
fn the_defaults_load_and_listen_on_loopback() {
    let config = Config::defaults();
    assert!(config.may_make_keys());
    assert_eq!(
        (config.appo.port, config.apm.port, config.inventory.port),
        (8091, 8092, 8093)
    );
    assert_eq!(config.service_url("", 8093), "http://127.0.0.1:8093");
    assert!(
        matches!(config.database("apm", &config.apm.database).unwrap(), DatabaseUrl::Sqlite(path) if path.ends_with("apm.db"))
    );
}

#[test]
fn the_environment_overrides_and_types_are_the_defaults() {
    let config = with(&[
        ("MECM_JOBS__WORKERS", "7"),
        ("MECM_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#),
        ("MECM_KEYS__APM_ACCESS_KEY", "12345"),
        ("MECM_KEYS__APM_SECRET_KEY", "67890"),
        ("MECM_AUTH__ADMIN_IN_EVERY_TENANT", "true"),
        ("PATH", "/usr/bin"),
    ])
    .unwrap();
    assert_eq!(config.jobs.workers, 7);
    assert_eq!(config.egress.allow.len(), 1);
    assert_eq!(config.keys.apm_access_key, "12345");
    assert!(config.auth.admin_in_every_tenant);
}

#[test]
fn a_secret_may_come_from_a_file() {
    let folder = crate::db::testing::Scratch::new().unwrap();
    let file = folder.0.join("database");
    std::fs::write(&file, "postgres://mecm:hunter2@db/inventorydb\n").unwrap();
    let config = with(&[("MECM_INVENTORY__DATABASE_FILE", file.to_str().unwrap())]).unwrap();
    let url = config.database("inventory", &config.inventory.database).unwrap();
    assert_eq!(format!("{url:?}"), "postgres://db:5432/inventorydb");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn everything_wrong_is_said_at_once_and_no_value_is_repeated() {
    let error = with(&[
        ("MECM_JOBS__WORKERS", "hunter2"),
        ("MECM_KEYS__JOB_KEY_FILE", "/nowhere/at/all"),
        ("MECM_NO_SUCH__THING", "1"),
        ("MECM_PEERS__EDGE_SCHEME", "hunter2"),
    ])
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("jobs.workers") && error.contains("/nowhere/at/all"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_file_that_is_no_toml_is_not_quoted() {
    let folder = crate::db::testing::Scratch::new().unwrap();
    let file = folder.0.join("mecm.toml");
    std::fs::write(&file, "[keys]\napm_secret_key = hunter2-the-secret\n").unwrap();
    let error = load(Some(&file), Vec::new()).unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    assert!(error.contains("mecm.toml") && error.contains("line 2"), "{error}");
}

#[test]
fn unknown_keys_and_halves_of_pairs_are_refused() {
    assert!(
        with(&[("MECM_JOBS__WORKER", "1")])
            .unwrap_err()
            .to_string()
            .contains("worker")
    );
    assert!(
        with(&[("MECM_LISTEN__TLS_KEY", "k.pem")])
            .unwrap_err()
            .to_string()
            .contains("go together")
    );
    assert!(
        with(&[("MECM_KEYS__APPO_ACCESS_KEY", "k")])
            .unwrap_err()
            .to_string()
            .contains("go together")
    );
    assert!(
        with(&[("MECM_APPO__LONG_POLL_SECONDS", "30")])
            .unwrap_err()
            .to_string()
            .contains("at most 20")
    );
}

/// The documentation, beside the code since it is about all of these settings.
const DOCUMENTED: &str = include_str!("../../../../docs/configuration.md");

/// Every setting of the defaults as its path, with its value.
fn all_settings() -> Vec<(String, Value)> {
    let defaults: serde_json::Map<String, Value> = Figment::from(Toml::string(DEFAULTS)).extract().unwrap();
    let mut found = Vec::new();
    for (name, value) in defaults {
        match value {
            Value::Object(section) => {
                found.extend(
                    section
                        .into_iter()
                        .map(|(field, value)| (format!("{name}.{field}"), value)),
                );
            }
            value => found.push((name, value)),
        }
    }
    found
}

#[test]
fn every_setting_has_a_row_in_the_documentation_with_its_default() {
    for (path, value) in all_settings() {
        let row = DOCUMENTED
            .lines()
            .find(|line| line.starts_with(&format!("| `{path}` |")))
            .unwrap_or_else(|| panic!("docs/configuration.md has no row for {path}"));
        let default = row.split('|').nth(2).unwrap().trim();
        match value {
            // What an empty text stands for is said in words.
            Value::String(text) if text.is_empty() => assert!(!default.is_empty(), "{row}"),
            Value::Array(list) if list.is_empty() => assert_eq!(default, "empty", "{row}"),
            Value::String(text) => assert_eq!(default, format!("`{text}`"), "{row}"),
            other => assert_eq!(default, format!("`{other}`"), "{row}"),
        }
    }
}

#[test]
fn every_documented_setting_exists() {
    let settings = all_settings();
    for line in DOCUMENTED.lines().filter(|line| line.starts_with("| `")) {
        let name = line.split('`').nth(1).unwrap();
        let is_ours = !name.chars().any(char::is_uppercase);
        assert!(
            !is_ours || settings.iter().any(|(path, _)| path == name),
            "{line}"
        );
    }
}

#[test]
fn the_names_of_edgegallerys_charts_are_understood() {
    let chart = [
        ("LISTEN_IP", "10.1.2.3"),
        ("AUTH_SERVER_ADDRESS", "https://user-mgmt-svc:8067"),
        ("APPO_DB_PASSWORD", "p@ss/word"),
        ("INVENTORY_DB_HOST", "db.example"),
        ("INVENTORY_DB_PORT", "5433"),
        ("INVENTORY_DB", "other"),
        ("INVENTORY_ENDPOINT", "mecm-inventory"),
        ("APM_PORT", "9092"),
        // What Kubernetes adds by itself where there is a service mecm-apm.
        ("MECM_APM_SERVICE_HOST", "10.96.0.7"),
        ("MECM_APM_SERVICE_PORT_HTTP", "8092"),
        ("MECM_APM_PORT", "tcp://10.96.0.7:8092"),
        ("MECM_APM_PORT_8092_TCP_ADDR", "10.96.0.7"),
    ];
    let config = with(&chart).unwrap();
    assert_eq!(config.listen.address.to_string(), "10.1.2.3");
    assert_eq!(config.auth.auth_server, "https://user-mgmt-svc:8067");
    assert_eq!(
        config.service_url(&config.inventory.url, 8093),
        "http://mecm-inventory:8093"
    );
    assert_eq!(config.apm.url, "http://mecm-apm:9092");
    let database = |service, configured| format!("{:?}", config.database(service, configured).unwrap());
    assert_eq!(
        database("appo", &config.appo.database),
        "postgres://mecm-postgres:5432/appodb"
    );
    assert_eq!(
        database("inventory", &config.inventory.database),
        "postgres://db.example:5433/other"
    );
    let DatabaseUrl::Sqlite(_) = config.database("apm", &config.apm.database).unwrap() else {
        panic!("nothing was said of APM's database")
    };

    let mut mixed = chart.to_vec();
    mixed.extend([
        ("MECM_LISTEN__ADDRESS", "10.9.9.9"),
        ("MECM_LISTEN__TLS_CERTIFICATE", "c.pem"),
        ("MECM_LISTEN__TLS_KEY", "k.pem"),
    ]);
    let config = with(&mixed).unwrap();
    assert_eq!(config.listen.address.to_string(), "10.9.9.9", "our own names win");
    assert_eq!(config.inventory.url, "https://mecm-inventory:8093");
}

/// What every pod of the chart has.
const POD: [(&str, &str); 6] = [
    ("LISTEN_IP", "10.244.0.7"),
    ("LOG_DIR", "/usr/app/log"),
    ("SSL_KEY_STORE_PASSWORD", "te9Fmv%qaq"),
    ("SSL_TRUST_PASSWORD", "te9Fmv%qar"),
    ("SSL_KEY_STORE_TYPE", "PKCS12"),
    ("SSL_KEY_ALIAS", "edgegallery"),
];

#[test]
fn each_pod_of_an_unmodified_chart_is_configured() {
    for (prefix, run) in [
        ("INVENTORY", Run::Inventory),
        ("APM", Run::Apm),
        ("APPO", Run::Appo),
    ] {
        let names = [
            ("DB_HOST", "mecm-postgres"),
            ("DB_PORT", "5432"),
            ("DB", "thedb"),
            ("DB_USER", "theuser"),
            ("DB_PASSWORD", "thepassword"),
        ]
        .map(|(name, value)| (format!("{prefix}_{name}"), value));
        let mut pod = POD.to_vec();
        pod.extend(names.iter().map(|(name, value)| (name.as_str(), *value)));
        let config = with(&pod).unwrap();
        assert_eq!(config.run, run);
        assert_eq!(config.auth.auth_server, "https://user-mgmt-svc:8067");
        assert_eq!(config.inventory.url, "https://mecm-inventory:8093");
        assert_eq!(config.apm.url, "https://mecm-apm:8092");
        assert_eq!(config.apm.packages_dir, Path::new("/usr/app/packages"));
        let Some(KeySource::Store {
            path,
            password,
            alias,
        }) = config.key_source()
        else {
            panic!("the chart mounts a key store");
        };
        use secrecy::ExposeSecret;
        assert_eq!(path, Path::new("/usr/app/ssl/keystore.p12"));
        assert_eq!(
            (password.expose_secret(), alias.as_str()),
            ("te9Fmv%qaq", "edgegallery")
        );
        assert_eq!(config.peers.ca_bundle, Path::new("/usr/app/ssl/keystore.jks"));
        assert_eq!(config.peers.ca_bundle_password.expose_secret(), "te9Fmv%qar");
        assert!(config.keys.from_tls_key && !config.peers.insecure_skip_verify);
        assert!(!format!("{config:?}").contains("te9Fmv"));

        // PEM in the place of the chart's store, and a service that is not the pod's.
        pod.extend([
            ("MECM_LISTEN__TLS_CERTIFICATE", "c.pem"),
            ("MECM_LISTEN__TLS_KEY", "k.pem"),
            ("MECM_RUN", "all"),
        ]);
        let config = with(&pod).unwrap();
        assert!(matches!(config.key_source(), Some(KeySource::Pem { .. })));
        assert_eq!(config.run, Run::All);
    }
}

#[test]
fn names_of_the_chart_that_change_nothing_are_told() {
    let notes = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        chart_notes(&pairs).join("\n")
    };
    assert_eq!(
        notes(&[("PUSH_IMAGE", "false"), ("SSL_KEY_STORE_TYPE", "pkcs12")]),
        ""
    );
    let all = notes(&[
        ("PUSH_IMAGE", "true"),
        ("EDGE_REPO_PASSWORD", "hunter2"),
        ("LOG_DIR", "/usr/app/log"),
        ("SSL_KEY_STORE_TYPE", "JKS"),
    ]);
    for name in [
        "PUSH_IMAGE",
        "EDGE_REPO_PASSWORD",
        "LOG_DIR",
        "SSL_KEY_STORE_TYPE",
    ] {
        assert!(all.contains(name), "{all}");
    }
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn what_the_keys_come_from_must_be_there_and_long_enough() {
    let says = |pairs: &[(&str, &str)], text: &str| {
        let error = with(pairs).unwrap_err().to_string();
        assert!(error.contains(text) && !error.contains("hunter2"), "{error}");
    };
    says(&[("MECM_KEYS__SECRET", "hunter2")], "keys.secret: at least 32");
    says(&[("MECM_KEYS__FROM_TLS_KEY", "true")], "there is no certificate");
    says(
        &[
            ("MECM_LISTEN__KEY_STORE", "k.p12"),
            ("MECM_LISTEN__TLS_CERTIFICATE", "c.pem"),
            ("MECM_LISTEN__TLS_KEY", "k.pem"),
        ],
        "set one of them",
    );
}

/// The compose file, whose settings nobody would see fail before a deployment.
const COMPOSE: &str = include_str!("../../../../deploy/compose.yaml");

#[test]
fn the_compose_file_sets_what_there_is_to_set() {
    let folder = crate::db::testing::Scratch::new().unwrap();
    let secret = folder.0.join("secret");
    std::fs::write(&secret, "sqlite:nothing\n").unwrap();
    let lines = COMPOSE.lines().map(str::trim);
    let names: Vec<(&str, String)> = lines
        .filter(|line| line.starts_with("MECM_"))
        .filter_map(|line| line.split_once(": "))
        // `${NAME:-default}` is what compose puts in.
        .map(|(name, value)| {
            (
                name,
                value.rsplit(":-").next().unwrap_or(value).trim_end_matches('}'),
            )
        })
        .map(|(name, value)| {
            (
                name,
                value.replace("/run/secrets/", &format!("{}/", folder.0.display())),
            )
        })
        .collect();
    assert!(names.len() > 10, "{names:?}");
    let mut environment = Vec::new();
    for (name, value) in &names {
        if name.ends_with("_FILE") {
            std::fs::copy(&secret, value).unwrap();
            let file = std::path::Path::new(value).file_name().unwrap().to_str().unwrap();
            assert!(
                COMPOSE.contains(&format!("\n  {file}: {{ file: ./secrets/{file} }}")),
                "{name} names a secret that compose does not know"
            );
        }
        environment.push((*name, value.as_str()));
    }
    let config = with(&environment).unwrap();
    assert!(
        !config.may_make_keys(),
        "in a container the services listen on all addresses"
    );
    assert_eq!(config.appo.url, "http://appo:8091");
}
