//! `mecm key`: access keys of tenants, and the master key under which Inventory keeps their secrets.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use clap::{Args, Subcommand};
use mecm_common::auth::Role;
use mecm_common::auth::keys::replace_sealing_keys;
use mecm_common::auth::sealed::SealingKey;
use mecm_common::auth::signature::AccessKey;
use mecm_common::client::Clients;
use mecm_common::client::call::call;
use mecm_common::clock::Clock;
use mecm_common::config::Config;
use mecm_common::models::ids::TenantId;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::output::{result, say};
use crate::{keys, sign, suite};

const TIME: Duration = Duration::from_secs(30);

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes an access key and prints it with its secret key, which nobody shows again.
    Create {
        #[command(flatten)]
        of: Of,
        /// What people call it.
        #[arg(long)]
        name: String,
        /// ROLE_MECM_TENANT or ROLE_MECM_GUEST; may be given again. Without, the first.
        #[arg(long)]
        role: Vec<String>,
        /// When it ends, UTC, like 2027-01-01T00:00:00.
        #[arg(long)]
        expires: Option<String>,
        /// An address or CIDR from which it may be used; may be given again. Without, from anywhere.
        #[arg(long)]
        source: Vec<String>,
    },
    /// Prints the tenant's access keys, without their secrets.
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Switches an access key off, or on again.
    Disable {
        #[command(flatten)]
        of: Of,
        /// The access key.
        ak: AccessKey,
        /// On again.
        #[arg(long)]
        undo: bool,
    },
    /// Gives an access key another secret key and prints it.
    Rotate {
        #[command(flatten)]
        of: Of,
        /// The access key.
        ak: AccessKey,
        /// How many seconds the one before goes on working.
        #[arg(long, default_value_t = 86_400)]
        grace_seconds: u32,
    },
    /// Deletes an access key.
    Delete {
        #[command(flatten)]
        of: Of,
        /// The access key.
        ak: AccessKey,
    },
    /// Encrypts the secret keys of all tenants with a new master key, while Inventory runs.
    RotateMaster,
}

/// Whose keys, and who works on them.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The tenant: a UUID in lower case.
    #[arg(long)]
    tenant: TenantId,
    /// A file that holds an access token of the tenant; without, one is made with Inventory's key, as `mecm token` does.
    #[arg(long, value_name = "FILE")]
    token_file: Option<std::path::PathBuf>,
}

/// Does it.
pub(crate) async fn run(command: &Command, config: &Config) -> Result<()> {
    let (of, method, path, body) = match command {
        Command::Create {
            of,
            name,
            role,
            expires,
            source,
        } => {
            let body = json!({"name": name, "roles": role, "expiresTime": expires, "allowedSources": source});
            (of, Method::POST, String::new(), Some(body))
        }
        Command::List { of } => (of, Method::GET, String::new(), None),
        Command::Disable { of, ak, undo } => {
            let status = if *undo { "ACTIVE" } else { "DISABLED" };
            (of, Method::PUT, in_path(ak), Some(json!({ "status": status })))
        }
        Command::Rotate {
            of,
            ak,
            grace_seconds,
        } => {
            let body = json!({ "graceSeconds": grace_seconds });
            (of, Method::POST, in_path(ak) + "/rotate", Some(body))
        }
        Command::Delete { of, ak } => (of, Method::DELETE, in_path(ak), None),
        Command::RotateMaster => return rotate_master(config).await,
    };
    let answer = of.ask(config, method, &path, body).await?;
    result(&serde_json::to_string_pretty(&answer)?)?;
    Ok(())
}

/// Nothing in it needs an escape but the end of its base64, which some give away.
fn in_path(access_key: &AccessKey) -> String {
    format!("/{}", access_key.as_str().replace('/', "%2F"))
}

impl Of {
    fn token(&self, config: &Config) -> Result<SecretString> {
        if let Some(path) = &self.token_file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the access token from {}", path.display()))?;
            return Ok(SecretString::from(text.trim()));
        }
        let life = TimeDelta::minutes(5);
        suite::token(config, &Clock::System, self.tenant, "mecm", &[Role::Tenant], life)
    }

    async fn ask(&self, config: &Config, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let origin = config.service_url(&config.inventory.url, config.inventory.port);
        let url = format!("{origin}/inventory/v1/tenants/{}/credentials{path}", self.tenant);
        let mut request = Clients::new(config)?
            .services
            .request(method, url)
            .header("access_token", self.token(config)?.expose_secret());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = call(request, TIME, "Inventory").await?;
        if !answer.status.is_success() {
            let body: Value = answer.json().unwrap_or_default();
            let details: Vec<&str> = body["details"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            bail!(
                "Inventory answered {}: {}",
                answer.status.as_u16(),
                details.join("; ")
            );
        }
        Ok(answer.json()?)
    }
}

/// Where the master key is a file, a new one is put before the old ones, which go but for the last once all is done.
async fn rotate_master(config: &Config) -> Result<()> {
    let in_file = keys::master_is_a_file(config)?;
    let path = keys::master_file(config);
    let mut all = Vec::new();
    if in_file {
        all = keys::master_of_file(config)?;
        all.insert(0, SealingKey::generate());
        replace_sealing_keys(&path, &all)?;
        say(&format!("a new master key is in {}", path.display()));
    }
    let answer = sign::ask(config, &keys::appo(config)?, "/inventory/v1/credentials/reseal")
        .await
        .context("the secrets are not all encrypted with it yet: do this again once Inventory answers")?;
    if in_file {
        all.truncate(2);
        replace_sealing_keys(&path, &all)?;
    }
    say(&format!("{} access keys encrypted anew", answer["resealed"]));
    Ok(())
}
