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
    master_sealer(&config).unwrap();
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
        [
            "apm-key.json",
            "appo-key.json",
            "job-key",
            "master-key",
            "signing-key.pem"
        ]
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
        master_sealer(&config).err().unwrap(),
        &["keys.master_key", "MECM_KEYS__MASTER_KEY"],
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

#[test]
fn services_with_one_secret_have_the_same_keys_anywhere() {
    let folder = Scratch::new().unwrap();
    let secret = "a secret that all of the services know";
    let given = ServiceKey::generate();
    let (access, own) = (given.access_key.to_string(), given.secret_key.expose().to_owned());
    let pod = |name: &str, secret: &str| {
        let data = folder.0.join(name);
        let settings = [("MECM_LISTEN__ADDRESS", "0.0.0.0"), ("MECM_KEYS__SECRET", secret)];
        config(&data, &settings)
    };
    let (one, other) = (pod("one", secret), pod("other", secret));
    for read in [apm, appo] {
        let (here, there) = (read(&one).unwrap(), read(&other).unwrap());
        assert_eq!(here.access_key, there.access_key);
        assert_eq!(here.secret_key.expose(), there.secret_key.expose());
        let strange = pod("strange", &secret.replace("know", "have"));
        assert_ne!(
            read(&strange).unwrap().secret_key.expose(),
            here.secret_key.expose()
        );
    }
    let sealed = job_sealer(&one).unwrap().seal(b"token", b"");
    assert_eq!(*job_sealer(&other).unwrap().open(&sealed, b"").unwrap(), b"token");
    // What is given itself counts.
    let settings = [
        ("MECM_KEYS__SECRET", secret),
        ("MECM_KEYS__APM_ACCESS_KEY", access.as_str()),
        ("MECM_KEYS__APM_SECRET_KEY", own.as_str()),
    ];
    let both = config(&folder.0, &settings);
    assert_eq!(apm(&both).unwrap().secret_key.expose(), own);
    // An RSA key cannot be derived: it is made, once.
    let made = signing(&one).unwrap();
    assert_eq!(signing(&one).unwrap().public(), made.public());
    let files: Vec<_> = std::fs::read_dir(folder.0.join("one"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["signing-key.pem"]);
}

#[test]
fn a_sealing_key_from_elsewhere_opens_what_those_before_it_sealed() {
    type Read = fn(&Config) -> Result<Sealer, KeysError>;
    for (read, key) in [(master_sealer as Read, "MASTER_KEY"), (job_sealer, "JOB_KEY")] {
        let folder = Scratch::new().unwrap();
        let secret = "a secret that all of the services know";
        let (name, before) = (format!("MECM_KEYS__{key}"), format!("MECM_KEYS__PREVIOUS_{key}S"));
        let made = config(&folder.0, &[]);
        let (one, other) = (SealingKey::generate().to_hex(), SealingKey::generate().to_hex());
        let shared = ("MECM_KEYS__SECRET", secret);
        let derived = config(&folder.0, &[shared]);
        let given = config(&folder.0, &[shared, (&name, &one)]);
        let previous = format!("[\"{}\"]", *one);
        let replaced = config(&folder.0, &[shared, (&name, &other), (&before, &previous)]);
        let mut sealed = Vec::new();
        for config in [&made, &derived, &given, &replaced] {
            let sealer = read(config).unwrap();
            sealed.push(sealer.seal(b"secret", b"AK"));
            for sealed in &sealed {
                assert_eq!(*sealer.open(sealed, b"AK").unwrap(), b"secret", "{key}");
            }
            assert!(sealer.is_current(sealed.last().unwrap()), "{key}");
        }
        for setting in [&name, &before] {
            let value = if *setting == before {
                "[\"notThirtyTwoBytes\"]"
            } else {
                "notThirtyTwoBytes"
            };
            let broken = config(&folder.0, &[(setting, value)]);
            let error = read(&broken).err().unwrap().to_string();
            assert!(
                error.contains("32 bytes") && !error.contains("notThirtyTwo"),
                "{error}"
            );
        }
    }
}

#[test]
fn the_certificates_key_serves_as_the_secret() {
    let folder = Scratch::new().unwrap();
    let stores = concat!(env!("CARGO_MANIFEST_DIR"), "/../common/tests/tls");
    let pod = |store: &str, password: &str| {
        let store = format!("{stores}/{store}");
        let settings = [
            ("MECM_LISTEN__ADDRESS", "0.0.0.0"),
            ("MECM_LISTEN__KEY_STORE", store.as_str()),
            ("MECM_LISTEN__KEY_STORE_PASSWORD", password),
            ("MECM_LISTEN__KEY_ALIAS", "edgegallery"),
            ("MECM_KEYS__FROM_TLS_KEY", "true"),
        ];
        config(&folder.0, &settings)
    };
    // The same key in stores of different makes.
    let one = appo(&pod("java8.p12", "Changeit-1")).unwrap();
    let same = appo(&pod("openssl3.p12", "Changeit-1")).unwrap();
    let other = appo(&pod("edgegallery.p12", "Changeit-1")).unwrap();
    assert_eq!(one.secret_key.expose(), same.secret_key.expose());
    assert_ne!(one.secret_key.expose(), other.secret_key.expose());
    let error = appo(&pod("java8.p12", "hunter2hunter2")).unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}
