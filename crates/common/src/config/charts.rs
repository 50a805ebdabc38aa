//! The environment names that EdgeGallery's charts (mecm-meo, v1.0) give to the original services, as settings of ours.
//! `docs/configuration.md` lists them.

use std::collections::HashMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Where the charts run PostgreSQL.
const DATABASE_HOST: &str = "mecm-postgres";
const DATABASE_PORT: &str = "5432";

/// What the original services take where the charts say nothing.
const AUTH_SERVER: &str = "https://user-mgmt-svc:8067";
/// Where the charts mount what they do not name.
const KEY_STORE: &str = "/usr/app/ssl/keystore.p12";
const TRUST_STORE: &str = "/usr/app/ssl/keystore.jks";
const PACKAGES: &str = "/usr/app/packages";

/// A service's names: prefix, our section, the charts' database, user, port and Kubernetes service.
const SERVICES: [(&str, &str, &str, &str, &str, &str); 3] = [
    (
        "INVENTORY",
        "inventory",
        "inventorydb",
        "inventory",
        "8093",
        "mecm-inventory",
    ),
    ("APM", "apm", "apmdb", "apm", "8092", "mecm-apm"),
    ("APPO", "appo", "appodb", "appo", "8091", "mecm-appo"),
];

/// The settings that the charts' names stand for, as path and value. `https`: whether other settings give the services a
/// certificate. `LISTEN_IP`, which every pod of the charts has, brings the charts' defaults too.
pub(super) fn settings(environment: &[(String, String)], https: bool) -> Vec<(String, String)> {
    let names: HashMap<&str, &str> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let mut found = Vec::new();
    let mut set = |setting: &str, value: &str| found.push((setting.to_owned(), value.to_owned()));
    for (name, setting) in [
        ("LISTEN_IP", "listen.address"),
        ("AUTH_SERVER_ADDRESS", "auth.auth_server"),
        ("SSL_KEY_STORE_PASSWORD", "listen.key_store_password"),
        ("SSL_KEY_ALIAS", "listen.key_alias"),
        ("SSL_TRUST_PASSWORD", "peers.ca_bundle_password"),
    ] {
        if let Some(value) = names.get(name) {
            set(setting, value);
        }
    }
    let key_store = names.contains_key("SSL_KEY_STORE_PASSWORD");
    if key_store && !https {
        set("listen.key_store", KEY_STORE);
    }
    if names.contains_key("SSL_TRUST_PASSWORD") {
        set("peers.ca_bundle", TRUST_STORE);
    }
    let https = https || key_store;
    let chart = names.contains_key("LISTEN_IP");
    if chart {
        if !names.contains_key("AUTH_SERVER_ADDRESS") {
            set("auth.auth_server", AUTH_SERVER);
        }
        set("apm.packages_dir", PACKAGES);
        if https {
            set("keys.from_tls_key", "true");
        }
        // A pod has the names of one service's database, and that is how it says which service it is.
        let mut named = SERVICES.iter().filter(|(prefix, ..)| {
            ["DB", "DB_HOST", "DB_PASSWORD"]
                .iter()
                .any(|name| names.contains_key(format!("{prefix}_{name}").as_str()))
        });
        if let (Some((_, section, ..)), None) = (named.next(), named.next()) {
            set("run", section);
        }
    }
    for (prefix, section, database, user, port, service) in SERVICES {
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
        if let Some(endpoint) = get("ENDPOINT").or(chart.then_some(service)) {
            let scheme = if https { "https" } else { "http" };
            let port = get("PORT").unwrap_or(port);
            found.push((format!("{section}.url"), format!("{scheme}://{endpoint}:{port}")));
        }
    }
    found
}

/// What the log says of the charts' names that change nothing here, or not what one may think.
pub fn chart_notes(environment: &[(String, String)]) -> Vec<&'static str> {
    let value = |wanted: &str| {
        let found = environment
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    let mut notes = Vec::new();
    let is_not =
        |name: &str, expected: &str| value(name).is_some_and(|it| !it.eq_ignore_ascii_case(expected));
    if is_not("PUSH_IMAGE", "false") {
        notes.push("PUSH_IMAGE is passed over: images are not pushed to the edges' repositories");
    }
    if value("EDGE_REPO_USERNAME").is_some() || value("EDGE_REPO_PASSWORD").is_some() {
        notes.push(
            "EDGE_REPO_USERNAME and EDGE_REPO_PASSWORD are passed over: images are not pushed to the edges' repositories",
        );
    }
    if value("LOG_DIR").is_some() {
        notes.push("LOG_DIR is passed over: the log goes to standard error");
    }
    if is_not("SSL_KEY_STORE_TYPE", "PKCS12") {
        notes.push("SSL_KEY_STORE_TYPE is passed over: a key store is PKCS#12");
    }
    notes
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
