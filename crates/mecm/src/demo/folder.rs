//! The demo's data folder: one demo at a time, and each begins with an empty one.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// What services leave in their data folder: the beginnings of the names.
const OURS: [&str; 9] = [
    "inventory.db",
    "apm.db",
    "appo.db",
    "apm-key",
    "appo-key",
    "job-key",
    "signing-key.pem",
    "packages",
    "cache",
];

/// `demo` in the data folder, for as long as this is kept.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes it and clears away what an earlier demo left in it.
    ///
    /// # Errors
    /// Another demo has it, or something is in it that no demo made: nothing is removed then.
    pub(super) fn take(data_dir: &Path) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .with_context(|| format!("cannot make the data folder {}", data_dir.display()))?;
        let lock_path = data_dir.join("demo.lock");
        let lock =
            File::create(&lock_path).with_context(|| format!("cannot write {}", lock_path.display()))?;
        let path = data_dir.join("demo");
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another demo is using {}: end it, or set MECM_DATA_DIR to another folder",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", lock_path.display()));
            }
        }
        clear(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn clear(path: &Path) -> Result<()> {
    let cannot = || format!("cannot clear {}", path.display());
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(cannot)?,
    };
    for entry in entries {
        let name = entry.with_context(cannot)?.file_name();
        let name = name.to_string_lossy();
        if !OURS.iter().any(|ours| name.starts_with(ours)) {
            bail!(
                "{} holds {name}, which no demo made: move it away, or set MECM_DATA_DIR to another folder",
                path.display()
            );
        }
    }
    fs::remove_dir_all(path).with_context(cannot)
}

#[cfg(test)]
mod tests {
    use mecm_common::db::testing::Scratch;

    use super::*;

    #[test]
    fn what_an_earlier_demo_left_is_cleared_away() {
        let data = Scratch::new().unwrap();
        let demo = data.0.join("demo");
        fs::create_dir_all(demo.join("packages")).unwrap();
        fs::create_dir_all(demo.join("cache")).unwrap();
        for name in ["appo.db", "appo.db-wal", "apm-key.json", "signing-key.pem"] {
            fs::write(demo.join(name), "x").unwrap();
        }
        let folder = Folder::take(&data.0).unwrap();
        assert_eq!(folder.path(), demo);
        assert!(!demo.exists());
    }

    #[test]
    fn what_somebody_else_put_there_stays_and_is_named() {
        let data = Scratch::new().unwrap();
        let demo = data.0.join("demo");
        fs::create_dir(&demo).unwrap();
        fs::write(demo.join("appo.db"), "x").unwrap();
        fs::write(demo.join("thesis.tex"), "x").unwrap();
        let error = Folder::take(&data.0).unwrap_err().to_string();
        assert!(error.contains("thesis.tex"), "{error}");
        assert!(demo.join("thesis.tex").exists() && demo.join("appo.db").exists());
    }

    #[test]
    fn two_demos_do_not_share_it() {
        let data = Scratch::new().unwrap();
        let first = Folder::take(&data.0).unwrap();
        let error = Folder::take(&data.0).unwrap_err().to_string();
        assert!(error.starts_with("another demo is using"), "{error}");
        drop(first);
        Folder::take(&data.0).unwrap();
    }
}
