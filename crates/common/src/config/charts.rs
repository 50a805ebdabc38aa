//! The environment names that EdgeGallery's charts (mecm-meo, v1.0) give to the original services, as settings of ours.
//! `docs/configuration.md` lists them.

use std::collections::HashMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Where the charts run PostgreSQL.
const DATABASE_HOST: &str = "mecm-postgres";
const DATABASE_PORT: &str = "5432";

/// A service's names: prefix, our section, the charts' database, user and port.
const SERVICES: [(&str, &str, &str, &str, &str); 3] = [
    ("INVENTORY", "inventory", "inventorydb", "inventory", "8093"),
    ("APM", "apm", "apmdb", "apm", "8092"),
    ("APPO", "appo", "appodb", "appo", "8091"),
];

/// The settings that the charts' names stand for, as path and value. `https`: whether the services have a certificate.
pub(super) fn settings(environment: &[(String, String)], https: bool) -> Vec<(String, String)> {
    let names: HashMap<&str, &str> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let mut found = Vec::new();
    for (name, setting) in [
        ("LISTEN_IP", "listen.address"),
        ("AUTH_SERVER_ADDRESS", "auth.auth_server"),
    ] {
        if let Some(value) = names.get(name) {
            found.push((setting.to_owned(), (*value).to_owned()));
        }
    }
    for (prefix, section, database, user, port) in SERVICES {
        let get = |name: &str| names.get(format!("{prefix}_{name}").as_str()).copied();
        let password = get("DB_PASSWORD");
        if password.is_some() || get("DB_HOST").is_some() {
            let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let url = format!(
                "postgres://{}{}@{}:{}/{}",
                encoded(get("DB_USER").unwrap_or(user)),
                password.map_or_else(String::new, |password| format!(":{}", encoded(password))),
                get("DB_HOST").unwrap_or(DATABASE_HOST),
                get("DB_PORT").unwrap_or(DATABASE_PORT),
                encoded(get("DB").unwrap_or(database)),
            );
            found.push((format!("{section}.database"), url));
        }
        if let Some(endpoint) = get("ENDPOINT") {
            let scheme = if https { "https" } else { "http" };
            let port = get("PORT").unwrap_or(port);
            found.push((format!("{section}.url"), format!("{scheme}://{endpoint}:{port}")));
        }
    }
    found
}

/// Whether Kubernetes made this name, for a service called `mecm-…`: `MECM_APM_SERVICE_HOST`, `MECM_APM_PORT`,
/// `MECM_APM_PORT_8092_TCP_ADDR` and the like. `setting` is the name without our prefix.
pub(super) fn is_service_link(setting: &str) -> bool {
    !setting.contains("__")
        && (setting.ends_with("_SERVICE_HOST")
            || setting.contains("_SERVICE_PORT")
            || setting.ends_with("_PORT")
            || (setting.contains("_PORT_") && (setting.contains("_TCP") || setting.contains("_UDP"))))
}
