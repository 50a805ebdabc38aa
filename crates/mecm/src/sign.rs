//! Requests signed with an access key: the ready `curl` of `mecm sign`, and an access token from a key.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::signature::{AccessKey, RequestParts, SecretKey, hash_body, sign};
use mecm_common::client::Clients;
use mecm_common::client::call::call;
use mecm_common::clock::Clock;
use mecm_common::config::Config;
use reqwest::{Method, Url};
use secrecy::SecretString;
use uuid::Uuid;

use crate::output::result;

const TIME: Duration = Duration::from_secs(30);

/// An access key and its secret. The secret is no argument: other users of a machine see those.
#[derive(Clone, Debug, Args)]
pub(crate) struct Pair {
    /// The access key.
    #[arg(long, env = "MECM_AK", hide_env_values = true)]
    ak: Option<AccessKey>,
    /// A file that holds the secret key; without, it is taken from the environment, MECM_SK.
    #[arg(long, value_name = "FILE")]
    sk_file: Option<std::path::PathBuf>,
}

impl Pair {
    /// The key.
    pub(crate) fn key(&self) -> Result<ServiceKey> {
        let access_key = self.ak.clone().context("no access key: give --ak or MECM_AK")?;
        let text = match &self.sk_file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the secret key from {}", path.display()))?,
            None => std::env::var("MECM_SK").context("no secret key: give --sk-file or MECM_SK")?,
        };
        let text = SecretString::from(text);
        let secret_key: SecretKey = secrecy::ExposeSecret::expose_secret(&text).trim().parse()?;
        Ok(ServiceKey {
            access_key,
            secret_key,
        })
    }
}

/// What is signed.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// GET, POST and the like.
    method: Method,
    /// The whole address.
    url: Url,
    /// The body, JSON; @FILE for what a file holds.
    #[arg(long)]
    data: Option<String>,
    #[command(flatten)]
    pair: Pair,
}

/// Prints a `curl` that is good for a quarter of an hour, once where it changes something.
pub(crate) fn run(options: &Options) -> Result<()> {
    let key = options.pair.key()?;
    let body = match &options.data {
        None => Vec::new(),
        Some(data) => match data.strip_prefix('@') {
            Some(path) => std::fs::read(path).with_context(|| format!("cannot read {path}"))?,
            None => data.clone().into_bytes(),
        },
    };
    let json = options.data.is_some();
    let mut line = format!("curl -X {} {}", options.method, quoted(options.url.as_str()));
    for (name, value) in headers(&key, &options.method, &options.url, &body, json)? {
        line.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
    }
    if let Some(data) = &options.data {
        // What is no `@` of curl's own stays as it is.
        let flag = if data.starts_with('@') {
            "--data-binary"
        } else {
            "--data-raw"
        };
        line.push_str(&format!(" {flag} {}", quoted(data)));
    }
    result(&line)?;
    Ok(())
}

/// The headers of a signed request beside `host`, which whoever sends it adds.
pub(crate) fn headers(
    key: &ServiceKey,
    method: &Method,
    url: &Url,
    body: &[u8],
    json: bool,
) -> Result<Vec<(&'static str, String)>> {
    let name = url.host_str().context("the address has no host")?;
    let host = match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    let id = Uuid::new_v4().to_string();
    let mut signed: Vec<(&'static str, &[u8])> =
        vec![("host", host.as_bytes()), ("x-request-id", id.as_bytes())];
    if json {
        signed.push(("content-type", b"application/json"));
    }
    let parts = RequestParts {
        method: method.as_str(),
        path: url.path(),
        query: url.query().unwrap_or_default(),
        headers: &signed,
    };
    let now = Clock::System.now();
    let made = sign(&key.access_key, &key.secret_key, &parts, &hash_body(body), now);
    let mut all = vec![("x-request-id", id.clone())];
    if json {
        all.push(("content-type", "application/json".to_owned()));
    }
    all.extend(made.headers().map(|(name, value)| (name, value.to_owned())));
    Ok(all)
}

/// As a shell takes it literally.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// An access token of the key's tenant and roles, made by Inventory.
pub(crate) async fn token(config: &Config, pair: &Pair) -> Result<()> {
    let answer = ask(config, &pair.key()?, "/inventory/v1/token").await?;
    let token = answer["access_token"]
        .as_str()
        .context("Inventory answered no token")?;
    result(token)?;
    Ok(())
}

/// POSTs to Inventory with a key's signature and no body.
pub(crate) async fn ask(config: &Config, key: &ServiceKey, path: &str) -> Result<serde_json::Value> {
    let origin = config.service_url(&config.inventory.url, config.inventory.port);
    let url = Url::parse(&format!("{origin}{path}"))?;
    let mut request = Clients::new(config)?.services.post(url.clone());
    for (name, value) in headers(key, &Method::POST, &url, b"", false)? {
        request = request.header(name, value);
    }
    let answer = call(request, TIME, "Inventory").await?;
    if !answer.status.is_success() {
        let text: String = answer.text().chars().take(500).collect();
        bail!("Inventory answered {}: {text}", answer.status.as_u16());
    }
    Ok(answer.json()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_quoted_text_as_it_is() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn what_is_signed_is_what_is_sent() {
        let key = ServiceKey::generate();
        let url: Url = "http://127.0.0.1:8093/a%20b?z=1&a=x+y".parse().unwrap();
        let all = headers(&key, &Method::POST, &url, b"{}", true).unwrap();
        let mut sent: Vec<(&str, &[u8])> = all
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        sent.push(("host", b"127.0.0.1:8093"));
        let parts = RequestParts {
            method: "POST",
            path: url.path(),
            query: url.query().unwrap(),
            headers: &sent,
        };
        use mecm_common::auth::signature::{Form, verify};
        let now = Clock::System.now();
        assert!(verify(&key.secret_key, &parts, &[&hash_body(b"{}")], &Form::ALL, now).is_ok());
        assert!(verify(&key.secret_key, &parts, &[&hash_body(b"{ }")], &Form::ALL, now).is_err());
    }
}
