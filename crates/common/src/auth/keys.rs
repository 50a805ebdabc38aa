//! The key files: made at the first start where that is allowed, read ever after.
//!
//! Making is allowed only when nothing is configured and the service listens on loopback; elsewhere a missing key stops the
//! start with a sentence that says what to set. Files get mode 0600, their folder 0700. Two processes that start at once
//! agree: a key is written whole under a name of its own and then linked to its place, which succeeds once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::rsa::{InvalidKey, SigningKey};
use super::sealed::SealingKey;
use super::signature::{AccessKey, SecretKey};

/// A key file is smaller than this.
const MAX_BYTES: u64 = 64 * 1024;
/// The shortest secret that a service's own key may have.
const MIN_SECRET_CHARS: usize = 32;

/// A key that cannot be had. The text says what to set or do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not there, and not to be made.
    #[error(
        "there is no {what} at {}: set {setting} (it is made at the first start only when nothing is configured and the \
         service listens on loopback)", path.display()
    )]
    Missing {
        /// Which key.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// The setting that gives it.
        setting: String,
    },
    /// There, but not what it should be.
    #[error("the {what} in {} cannot be used: {why}", path.display())]
    Invalid {
        /// Which key.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The disk or its permissions.
    #[error("the {what} at {} cannot be read or made: check the folder and its permissions", path.display())]
    Io {
        /// Which key.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Where a key is, and whether it may be made there.
#[derive(Clone, Copy, Debug)]
pub struct KeyPlace<'a> {
    /// The file.
    pub path: &'a Path,
    /// Whether a key that is not there is made.
    pub make: bool,
    /// The setting that names the file, for the sentence that says what to do.
    pub setting: &'a str,
}

/// One of the suite's services' own access keys.
#[derive(Clone, Debug)]
pub struct ServiceKey {
    /// The key's public name.
    pub access_key: AccessKey,
    /// The secret.
    pub secret_key: SecretKey,
}

impl ServiceKey {
    /// Draws a new pair.
    pub fn generate() -> Self {
        Self {
            access_key: AccessKey::generate(),
            secret_key: SecretKey::generate(),
        }
    }

    /// Reads `{"accessKey":"…","secretKey":"…"}`.
    ///
    /// # Errors
    /// What is wrong, without the text itself.
    pub fn from_json(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Wire {
            access_key: AccessKey,
            secret_key: SecretKey,
        }
        // Not serde's own error: it may quote the text.
        let wire: Wire = serde_json::from_str(text)
            .map_err(|_| r#"it must be {"accessKey":"…","secretKey":"…"} and nothing else"#.to_owned())?;
        Self::new(wire.access_key, wire.secret_key)
    }

    /// A pair that configuration gives.
    ///
    /// # Errors
    /// What is wrong, without the secret itself: it must have at least 32 characters.
    pub fn new(access_key: AccessKey, secret_key: SecretKey) -> Result<Self, String> {
        if secret_key.expose().len() < MIN_SECRET_CHARS {
            return Err(format!(
                "its secretKey must have at least {MIN_SECRET_CHARS} characters"
            ));
        }
        Ok(Self {
            access_key,
            secret_key,
        })
    }

    fn to_json(&self) -> Zeroizing<String> {
        let secret = self.secret_key.expose();
        Zeroizing::new(format!(
            "{{\"accessKey\":\"{}\",\"secretKey\":\"{secret}\"}}\n",
            self.access_key
        ))
    }
}

/// Inventory's signing key of access tokens: a PEM file.
///
/// # Errors
/// [`KeyError`].
pub fn signing_key(place: KeyPlace<'_>) -> Result<SigningKey, KeyError> {
    let parse = |text: &str| SigningKey::from_pem(text).map_err(|error: InvalidKey| error.to_string());
    load_or_make("token signing key", place, parse, || {
        SigningKey::generate().to_pem()
    })
}

/// A service's own access key: a JSON file.
///
/// # Errors
/// [`KeyError`].
pub fn service_key(place: KeyPlace<'_>) -> Result<ServiceKey, KeyError> {
    load_or_make("service key", place, ServiceKey::from_json, || {
        ServiceKey::generate().to_json()
    })
}

/// Keys that seal secrets at rest, one a line: the first seals, the others only open.
///
/// # Errors
/// [`KeyError`].
pub fn sealing_keys(place: KeyPlace<'_>) -> Result<Vec<SealingKey>, KeyError> {
    let parse = |text: &str| {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let keys: Option<Vec<SealingKey>> = lines.map(SealingKey::from_text).collect();
        keys.filter(|keys| !keys.is_empty())
            .ok_or("each line must be 32 bytes, as 64 hexadecimal digits or in base64".to_owned())
    };
    load_or_make("sealing key", place, parse, || SealingKey::generate().to_hex())
}

/// Puts these in the place of the keys that [`sealing_keys`] reads. Whoever reads meanwhile reads the old ones or the new.
///
/// # Errors
/// [`KeyError::Io`].
pub fn replace_sealing_keys(path: &Path, keys: &[SealingKey]) -> Result<(), KeyError> {
    let mut text = Zeroizing::new(String::new());
    for key in keys {
        text.push_str(&key.to_hex());
        text.push('\n');
    }
    replace(path, &text).map_err(|source| KeyError::Io {
        what: "sealing key",
        path: path.to_owned(),
        source,
    })
}

fn load_or_make<T>(
    what: &'static str,
    place: KeyPlace<'_>,
    parse: impl Fn(&str) -> Result<T, String>,
    make: impl FnOnce() -> Zeroizing<String>,
) -> Result<T, KeyError> {
    let path = place.path;
    let io = |source| KeyError::Io {
        what,
        path: path.to_owned(),
        source,
    };
    let text = match read(path).map_err(io)? {
        Some(text) => text,
        None if !place.make => {
            return Err(KeyError::Missing {
                what,
                path: path.to_owned(),
                setting: place.setting.to_owned(),
            });
        }
        None => {
            create(path, &make()).map_err(io)?;
            tracing::info!(path = %path.display(), "{what} ready");
            // What is there now: our own, or that of a process that was faster.
            read(path)
                .map_err(io)?
                .ok_or_else(|| io(io::ErrorKind::NotFound.into()))?
        }
    };
    warn_if_open(what, path);
    parse(&text).map_err(|why| KeyError::Invalid {
        what,
        path: path.to_owned(),
        why,
    })
}

fn read(path: &Path) -> io::Result<Option<Zeroizing<String>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Writes a file that nobody else may read and puts it in its place, unless there is one by now.
fn create(path: &Path, text: &str) -> io::Result<()> {
    write(path, text, |temporary| match fs::hard_link(temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(temporary),
        Err(error) => Err(error),
        Ok(()) => fs::remove_file(temporary),
    })
}

/// The same in the place of the one that is there.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    write(path, text, |temporary| fs::rename(temporary, path))
}

fn write(path: &Path, text: &str, place: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let temporary = folder.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let placed = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| place(&temporary));
    if placed.is_err() {
        // What went wrong first is told.
        drop(fs::remove_file(&temporary));
    }
    placed?;
    File::open(folder)?.sync_all()
}

/// Secrets mounted by others may have any mode, so this is no error.
fn warn_if_open(what: &str, path: &Path) {
    let open = fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 != 0);
    if open {
        tracing::warn!(path = %path.display(), "the {what} can be read by other users; chmod 600 it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &Path, make: bool) -> KeyPlace<'_> {
        KeyPlace {
            path,
            make,
            setting: "auth.some_file",
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_are_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join("keys").join(name);
        let signing = signing_key(place(&at("signing.pem"), true)).unwrap();
        assert_eq!(
            signing_key(place(&at("signing.pem"), false)).unwrap().public(),
            signing.public()
        );
        let service = service_key(place(&at("service.json"), true)).unwrap();
        let again = service_key(place(&at("service.json"), false)).unwrap();
        assert_eq!(again.access_key, service.access_key);
        assert_eq!(again.secret_key.expose(), service.secret_key.expose());
        let sealing = sealing_keys(place(&at("sealing.key"), true)).unwrap();
        assert_eq!(
            sealing_keys(place(&at("sealing.key"), false)).unwrap()[0].to_hex(),
            sealing[0].to_hex()
        );
        assert_eq!(mode(&folder.path().join("keys")), 0o700);
        let files: Vec<_> = fs::read_dir(folder.path().join("keys"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(files.len(), 3, "nothing is left lying about: {files:?}");
        assert!(files.iter().all(|file| mode(file) == 0o600));
    }

    #[test]
    fn sealing_keys_are_replaced_as_a_whole_and_stay_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        let hexes = |keys: &[SealingKey]| -> Vec<_> { keys.iter().map(SealingKey::to_hex).collect() };
        let first = sealing_keys(place(&path, true)).unwrap();
        assert_eq!(first.len(), 1);
        let both = [SealingKey::generate(), first[0].clone()];
        replace_sealing_keys(&path, &both).unwrap();
        assert_eq!(hexes(&sealing_keys(place(&path, false)).unwrap()), hexes(&both));
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, "nonsense").unwrap();
        assert!(sealing_keys(place(&path, false)).is_err());
    }

    #[test]
    fn processes_that_start_at_once_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper").join("service.json");
        let start = std::sync::Barrier::new(8);
        let keys: Vec<AccessKey> = std::thread::scope(|scope| {
            let one = || {
                start.wait();
                service_key(place(&path, true)).unwrap().access_key
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }

    #[test]
    fn a_key_that_is_missing_says_what_to_set() {
        let error = sealing_keys(place(Path::new("/nowhere/at/all.key"), false))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(
                "there is no sealing key at /nowhere/at/all.key: set auth.some_file (it is made"
            ),
            "{error}"
        );
    }

    #[test]
    fn a_key_that_is_none_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for text in [
            "",
            "canary",
            r#"{"accessKey":"AK","secretKey":"canary"}"#,
            r#"{"accessKey":"canary canary","secretKey":"01234567890123456789012345678901"}"#,
        ] {
            fs::write(&path, text).unwrap();
            let errors = [
                signing_key(place(&path, true)).unwrap_err(),
                service_key(place(&path, true)).unwrap_err(),
                sealing_keys(place(&path, true)).unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(error, KeyError::Invalid { .. }), "{error}");
                assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "never overwritten");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_and_not_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = sealing_keys(place(&file.join("key"), true)).unwrap_err();
        assert!(matches!(error, KeyError::Io { .. }), "{error}");
    }
}
