//! Defaults, then a file, then the environment; unknown keys are errors, and everything wrong is said at once.

use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use secrecy::ExposeSecret as _;

use super::{Config, DEFAULTS, OF_STRANGERS, charts};

/// What the environment's names of ours begin with.
const PREFIX: &str = "MECM_";
/// The settings that make the services speak HTTPS: either.
const CERTIFICATES: [&str; 2] = ["listen.tls_certificate", "listen.key_store"];
/// Names with our prefix that are not settings.
const NOT_SETTINGS: [&str; 5] = ["CONFIG", "TEST_POSTGRES", "FIXTURES", "AK", "SK"];

/// Why the configuration cannot be used. The text lists everything that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used:\n  {}", .0.join("\n  "))]
pub struct ConfigError(pub Vec<String>);

/// Loads and validates the configuration. `environment` is all of it, as pairs; what is not ours is passed over.
pub fn load(file: Option<&Path>, environment: Vec<(String, String)>) -> Result<Config, ConfigError> {
    let mut figment = Figment::from(Toml::string(DEFAULTS));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(ConfigError(vec![format!("there is no file {}", file.display())]));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    let mut problems = Vec::new();
    let own = settings(&environment, &mut problems);
    let https = CERTIFICATES
        .iter()
        .any(|setting| match own.iter().find(|(name, _)| name == setting) {
            Some((_, value)) => !value.is_empty(),
            None => figment
                .extract_inner::<String>(setting)
                .is_ok_and(|value| !value.is_empty()),
        });
    for (name, value) in charts::settings(&environment, https).into_iter().chain(own) {
        // Parsed as the environment provider parses, so that numbers, booleans and lists come as such; a text where a
        // text is wanted stays one even when it looks like a number.
        let parsed = value
            .parse::<figment::value::Value>()
            .unwrap_or_else(|never| match never {});
        let parsed = if wants_text(&figment, &name) {
            figment::value::Value::from(value)
        } else {
            parsed
        };
        figment = figment.merge(Serialized::default(&name, parsed));
    }
    let config = match figment.extract::<Config>() {
        Ok(config) => Some(config),
        Err(errors) => {
            problems.extend(errors.into_iter().map(|error| {
                let path = error.path.join(".");
                let kind = without_values(&error.kind);
                match file.filter(|_| path.is_empty()) {
                    Some(file) => format!("{}: {kind}", file.display()),
                    None if path.is_empty() => kind,
                    None => format!("{path}: {kind}"),
                }
            }));
            None
        }
    };
    if let Some(config) = &config {
        problems.extend(check(config));
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigError(problems)),
    }
}

/// Whether the default of this setting is a text.
fn wants_text(figment: &Figment, name: &str) -> bool {
    matches!(figment.find_value(name), Ok(figment::value::Value::String(..)))
}

/// The error without the value that was given: it may be a secret.
fn without_values(kind: &figment::error::Kind) -> String {
    use figment::error::Kind;
    match kind {
        Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => format!("wants {wanted}"),
        Kind::UnknownVariant(_, wanted) => format!("wants one of {}", wanted.join(", ")),
        // Words of the reader's own: the first line says where, the others quote what stands there.
        Kind::Message(text) => match text
            .lines()
            .next()
            .filter(|line| line.starts_with("TOML parse error at"))
        {
            Some(at) => at.to_owned(),
            None => "is not written as it should be".to_owned(),
        },
        other => other.to_string(),
    }
}

/// Our settings in the environment as `section.name` and value; a name that ends in `_FILE` is replaced by what its
/// file holds.
fn settings(environment: &[(String, String)], problems: &mut Vec<String>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, value) in environment {
        let Some(setting) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if NOT_SETTINGS.contains(&setting) || charts::is_service_link(setting) {
            continue;
        }
        let path = |text: &str| text.to_ascii_lowercase().replace("__", ".");
        // Settings whose own name ends so are paths themselves.
        let own = path(setting);
        if let Some(base) = setting
            .strip_suffix("_FILE")
            .filter(|_| !OWN_FILE_SETTINGS.contains(&own.as_str()))
        {
            match std::fs::read_to_string(value) {
                Ok(text) => found.push((path(base), text.trim_end_matches(['\r', '\n']).to_owned())),
                Err(error) => problems.push(format!("{name}: cannot read {value}: {error}")),
            }
        } else {
            found.push((own, value.clone()));
        }
    }
    found.sort();
    found
}

/// Settings that end in `_file` themselves.
const OWN_FILE_SETTINGS: [&str; 3] = [
    "auth.public_key_file",
    "keys.signing_key_file",
    "keys.next_signing_key_file",
];

/// What no single setting can say.
fn check(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let mut wrong = |broken: bool, text: &str| {
        if broken {
            problems.push(text.to_owned());
        }
    };
    let set = |path: &Path| !path.as_os_str().is_empty();
    wrong(
        set(&config.listen.tls_certificate) != set(&config.listen.tls_key),
        "listen.tls_certificate and listen.tls_key go together: set both or none",
    );
    wrong(
        set(&config.listen.tls_certificate) && set(&config.listen.key_store),
        "listen.tls_certificate and listen.key_store: set one of them",
    );
    wrong(
        config.appo.long_poll_seconds > 20,
        "appo.long_poll_seconds: at most 20",
    );
    wrong(config.jobs.workers == 0, "jobs.workers: at least 1");
    wrong(config.jobs.per_controller == 0, "jobs.per_controller: at least 1");
    wrong(config.jobs.ask_seconds == 0, "jobs.ask_seconds: at least 1");
    wrong(
        config.jobs.edge_pause_seconds == 0,
        "jobs.edge_pause_seconds: at least 1",
    );
    wrong(config.limits.json_body == 0, "limits.json_body: at least 1");
    wrong(
        config.limits.bodies / OF_STRANGERS < config.limits.json_body,
        "limits.bodies: at least four times limits.json_body",
    );
    wrong(config.limits.header < 8192, "limits.header: at least 8192");
    let at_least_one = [
        ("limits.batch", config.limits.batch as u64),
        ("limits.read_seconds", config.limits.read_seconds),
        ("peers.connect_seconds", config.peers.connect_seconds),
        ("peers.service_seconds", config.peers.service_seconds),
        ("peers.lcm_seconds", config.peers.lcm_seconds),
        ("peers.lcm_deploy_seconds", config.peers.lcm_deploy_seconds),
        ("peers.rules_seconds", config.peers.rules_seconds),
        ("inventory.connections", config.inventory.connections.into()),
        ("apm.connections", config.apm.connections.into()),
        ("appo.connections", config.appo.connections.into()),
    ];
    for (name, value) in at_least_one {
        wrong(value == 0, &format!("{name}: at least 1"));
    }
    wrong(
        http::HeaderValue::from_str(&config.listen.allowed_origin).is_err(),
        "listen.allowed_origin: not a value a header can carry",
    );
    let secret = config.keys.secret.expose_secret().chars().count();
    wrong((1..32).contains(&secret), "keys.secret: at least 32 characters");
    wrong(
        config.keys.from_tls_key && config.key_source().is_none(),
        "keys.from_tls_key: there is no certificate and so no key to derive the others from",
    );
    let pairs = [
        ("apm", &config.keys.apm_access_key, &config.keys.apm_secret_key),
        ("appo", &config.keys.appo_access_key, &config.keys.appo_secret_key),
    ];
    for (name, access, secret) in pairs {
        wrong(
            access.is_empty() != secret.expose_secret().is_empty(),
            &format!("keys.{name}_access_key and keys.{name}_secret_key go together: set both or none"),
        );
    }
    problems
}

/// The process's environment, for [`load`].
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
