//! The suite's keys: as configured, else files in the data folder, made at the first start where nobody but this machine can
//! reach the services.

use std::path::{Path, PathBuf};

use mecm_common::auth::SharedSecret;
use mecm_common::auth::keys::{KeyError, KeyPlace, ServiceKey, sealing_keys, service_key, signing_key};
use mecm_common::auth::rsa::{PublicKey, SigningKey};
use mecm_common::auth::sealed::{Sealer, SealingKey};
use mecm_common::auth::signature::{AccessKey, SecretKey};
use mecm_common::config::Config;
use mecm_common::tls::TlsError;
use secrecy::{ExposeSecret, SecretString};

/// A key that is configured and cannot be used. The text says what it must be, never what it is.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file.
    #[error(transparent)]
    File(#[from] KeyError),
    /// The certificate's key, from which others are derived.
    #[error("the key of the certificate is needed (keys.from_tls_key) and cannot be had")]
    Certificate(#[from] TlsError),
    /// A setting.
    #[error("{setting}: {why}")]
    Setting {
        /// Which.
        setting: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What all services have in common, and keys that are not given are derived from.
fn shared(config: &Config) -> Result<Option<SharedSecret>, KeysError> {
    let secret = config.keys.secret.expose_secret();
    if !secret.is_empty() {
        return Ok(Some(SharedSecret::new(secret.as_bytes())));
    }
    match config.key_source() {
        Some(source) if config.keys.from_tls_key => Ok(Some(SharedSecret::new(source.load()?.private_key()))),
        _ => Ok(None),
    }
}

fn place<'a>(config: &Config, path: &'a Path, setting: &'a str) -> KeyPlace<'a> {
    KeyPlace {
        path,
        make: config.may_make_keys(),
        setting,
    }
}

/// A key whose setting holds the key itself, and not a file's name: there is the file of an earlier start, or one may be made.
fn to_be_had(config: &Config, path: &Path, setting: &str) -> Result<(), KeysError> {
    if config.may_make_keys() || path.exists() {
        return Ok(());
    }
    Err(KeysError::Setting {
        setting: setting.to_owned(),
        why: format!(
            "must be set where the services listen on {}, or keys.secret (it is made at the first start on loopback only; with \
             _FILE at the end of the name it is read from a file)",
            config.listen.address
        ),
    })
}

/// Inventory's key for access tokens.
///
/// # Errors
/// [`KeysError`].
pub fn signing(config: &Config) -> Result<SigningKey, KeysError> {
    let configured = &config.keys.signing_key_file;
    let path = if configured.as_os_str().is_empty() {
        config.data_dir.join("signing-key.pem")
    } else {
        configured.clone()
    };
    let setting = "keys.signing_key_file (MECM_KEYS__SIGNING_KEY_FILE) to a PEM file that holds one";
    let mut place = place(config, &path, setting);
    // An RSA key cannot be derived. A new one does no harm: the one before counts until its tokens have ended.
    place.make |= shared(config)?.is_some();
    Ok(signing_key(place)?)
}

/// The public half of the key that is to sign after it, where one is given.
///
/// # Errors
/// [`KeysError`].
pub fn next_signing(config: &Config) -> Result<Option<PublicKey>, KeysError> {
    let path = &config.keys.next_signing_key_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let place = KeyPlace {
        path,
        make: false,
        setting: "keys.next_signing_key_file to a PEM file that holds one",
    };
    Ok(Some(signing_key(place)?.public().clone()))
}

/// APM's own key.
///
/// # Errors
/// [`KeysError`].
pub fn apm(config: &Config) -> Result<ServiceKey, KeysError> {
    let keys = &config.keys;
    service(config, "apm", &keys.apm_access_key, &keys.apm_secret_key)
}

/// APPO's own key.
///
/// # Errors
/// [`KeysError`].
pub fn appo(config: &Config) -> Result<ServiceKey, KeysError> {
    let keys = &config.keys;
    service(config, "appo", &keys.appo_access_key, &keys.appo_secret_key)
}

fn service(
    config: &Config,
    name: &str,
    access_key: &str,
    secret_key: &SecretString,
) -> Result<ServiceKey, KeysError> {
    let upper = name.to_uppercase();
    let setting = format!(
        "keys.{name}_access_key and keys.{name}_secret_key (MECM_KEYS__{upper}_ACCESS_KEY, MECM_KEYS__{upper}_SECRET_KEY)"
    );
    let wrong = |why: String| KeysError::Setting {
        setting: setting.clone(),
        why,
    };
    let secret = secret_key.expose_secret();
    if access_key.is_empty() && secret.is_empty() {
        if let Some(shared) = shared(config)? {
            return Ok(shared.service_key(name));
        }
        let path = config.data_dir.join(format!("{name}-key.json"));
        to_be_had(config, &path, &setting)?;
        return Ok(service_key(place(config, &path, &setting))?);
    }
    let access_key: AccessKey = access_key
        .parse()
        .map_err(|error| wrong(format!("both are needed; {error}")))?;
    let secret: SecretKey = secret
        .parse()
        .map_err(|error| wrong(format!("both are needed; {error}")))?;
    ServiceKey::new(access_key, secret).map_err(wrong)
}

const MASTER_FILE: &str = "master-key";

/// Where the master keys are when none is given.
pub fn master_file(config: &Config) -> PathBuf {
    config.data_dir.join(MASTER_FILE)
}

/// Whether the master keys are in [`master_file`].
///
/// # Errors
/// [`KeysError`].
pub fn master_is_a_file(config: &Config) -> Result<bool, KeysError> {
    Ok(config.keys.master_key.expose_secret().is_empty() && shared(config)?.is_none())
}

/// The keys in [`master_file`], the first of which seals.
///
/// # Errors
/// [`KeysError`].
pub fn master_of_file(config: &Config) -> Result<Vec<SealingKey>, KeysError> {
    MASTER.of_file(config)
}

/// Inventory's master key, which encrypts the secret keys of tenants, and those before it.
///
/// # Errors
/// [`KeysError`].
pub fn master_sealer(config: &Config) -> Result<Sealer, KeysError> {
    MASTER.sealer(config, &config.keys.master_key, &config.keys.previous_master_keys)
}

/// The key that encrypts what jobs keep of their callers' tokens, and those before it.
///
/// # Errors
/// [`KeysError`].
pub fn job_sealer(config: &Config) -> Result<Sealer, KeysError> {
    JOB.sealer(config, &config.keys.job_key, &config.keys.previous_job_keys)
}

/// A key that seals what is kept, by its settings, the file that it is in when none is given, and whose it is.
struct Sealing {
    setting: &'static str,
    previous: &'static str,
    file: &'static str,
    service: &'static str,
}

const MASTER: Sealing = Sealing {
    setting: "keys.master_key (MECM_KEYS__MASTER_KEY)",
    previous: "keys.previous_master_keys",
    file: MASTER_FILE,
    service: "inventory",
};
const JOB: Sealing = Sealing {
    setting: "keys.job_key (MECM_KEYS__JOB_KEY)",
    previous: "keys.previous_job_keys",
    file: "job-key",
    service: "appo",
};

impl Sealing {
    fn of_file(&self, config: &Config) -> Result<Vec<SealingKey>, KeysError> {
        let path = config.data_dir.join(self.file);
        to_be_had(config, &path, self.setting)?;
        Ok(sealing_keys(place(config, &path, self.setting))?)
    }

    /// The key given seals, else that of the shared secret, else that of the file. Whatever else there is goes on opening what
    /// it sealed: those of the shared secret and of a file from earlier, and those that are said to have been before.
    fn sealer(
        &self,
        config: &Config,
        given: &SecretString,
        previous: &[SecretString],
    ) -> Result<Sealer, KeysError> {
        let read = |text: &SecretString, setting: &str| {
            SealingKey::from_text(text.expose_secret()).ok_or_else(|| KeysError::Setting {
                setting: setting.to_owned(),
                why: "it must be 32 bytes, as 64 hexadecimal digits or in base64".to_owned(),
            })
        };
        let mut keys = Vec::new();
        if !given.expose_secret().is_empty() {
            keys.push(read(given, self.setting)?);
        }
        if let Some(shared) = shared(config)? {
            keys.push(shared.sealing_key(self.service));
        }
        if keys.is_empty() || config.data_dir.join(self.file).exists() {
            keys.extend(self.of_file(config)?);
        }
        for before in previous {
            keys.push(read(before, self.previous)?);
        }
        Ok(Sealer::new(&keys[0], &keys[1..]))
    }
}

#[cfg(test)]
mod tests;
