use std::os::unix::fs::PermissionsExt;

use mecm_common::config;
use mecm_common::db::testing::Scratch;

use super::*;

fn config(folder: &Path, settings: &[(&str, &str)]) -> Config {
    let mut environment = vec![("MECM_DATA_DIR".to_owned(), folder.display().to_string())];
    for (name, value) in settings {
        environment.push(((*name).to_owned(), (*value).to_owned()));
    }
    config::load(None, environment).unwrap()
}

#[test]
fn on_loopback_keys_are_made_once_and_nobody_else_may_read_them() {
    let folder = Scratch::new().unwrap();
    let config = config(&folder.0, &[]);
    let first = apm(&config).unwrap();
    appo(&config).unwrap();
    signing(&config).unwrap();
    job_sealer(&config).unwrap();
    assert_eq!(
        apm(&config).unwrap().secret_key.expose(),
        first.secret_key.expose()
    );
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder.0).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        ["apm-key.json", "appo-key.json", "job-key", "signing-key.pem"]
    );
}

#[test]
fn elsewhere_a_missing_key_stops_the_start_with_what_to_set() {
    let folder = Scratch::new().unwrap();
    let config = config(&folder.0, &[("MECM_LISTEN__ADDRESS", "0.0.0.0")]);
    let says = |error: KeysError, names: &[&str]| {
        let text = error.to_string();
        for name in names {
            assert!(text.contains(name), "{text}");
        }
    };
    says(
        apm(&config).unwrap_err(),
        &[
            "MECM_KEYS__APM_ACCESS_KEY",
            "MECM_KEYS__APM_SECRET_KEY",
            "0.0.0.0",
        ],
    );
    says(
        appo(&config).unwrap_err(),
        &["MECM_KEYS__APPO_ACCESS_KEY", "MECM_KEYS__APPO_SECRET_KEY"],
    );
    says(
        job_sealer(&config).err().unwrap(),
        &["keys.job_key", "MECM_KEYS__JOB_KEY"],
    );
    says(
        signing(&config).err().unwrap(),
        &["keys.signing_key_file", "MECM_KEYS__SIGNING_KEY_FILE"],
    );
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[test]
fn configured_keys_are_used_and_unusable_ones_are_not_quoted() {
    let folder = Scratch::new().unwrap();
    let made = ServiceKey::generate();
    let (access, secret) = (made.access_key.to_string(), made.secret_key.expose().to_owned());
    let with = |access: &str, secret: &str| {
        config(
            &folder.0,
            &[
                ("MECM_KEYS__APM_ACCESS_KEY", access),
                ("MECM_KEYS__APM_SECRET_KEY", secret),
            ],
        )
    };
    let key = apm(&with(&access, &secret)).unwrap();
    assert_eq!(key.secret_key.expose(), secret);
    let error = apm(&with(&access, "tooShortASecret1")).unwrap_err().to_string();
    assert!(error.contains("keys.apm_secret_key"), "{error}");
    assert!(!error.contains("tooShortASecret1"), "{error}");
    let job = config(&folder.0, &[("MECM_KEYS__JOB_KEY", "notThirtyTwoBytes")]);
    let error = job_sealer(&job).err().unwrap().to_string();
    assert!(
        error.contains("32 bytes") && !error.contains("notThirtyTwoBytes"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
}
