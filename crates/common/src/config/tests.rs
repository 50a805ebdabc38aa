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
