//! The local cache of packages: each is fetched from APM once, however many hosts it goes to, and checked.

use std::fs::FileTimes;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mecm_common::client::apm::FetchError;
use mecm_common::client::{Apm, CallContext, PeerError};
use mecm_common::models::ids::{PackageId, TenantId};
use mecm_csar::{Descriptor, Policy};
use moka::future::Cache;

/// How long a package is taken for unchanged without asking APM again: a package may be deleted and onboarded anew.
const UNCHANGED: Duration = Duration::from_secs(30);
/// Packages whose content is remembered.
const REMEMBERED: u64 = 1_000;
/// A download that was not written to for so long goes on no more.
const INTERRUPTED: Duration = Duration::from_secs(3_600);
/// A file that nothing used for so long is removed.
const UNUSED: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The cache. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Packages {
    apm: Apm,
    folder: PathBuf,
    policy: Arc<Policy>,
    fresh: Cache<(TenantId, PackageId), Arc<Content>>,
    /// What was there last, for asking whether it has changed.
    last: Cache<(TenantId, PackageId), Arc<Content>>,
}

/// What a package is.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// SHA-256 of the file, hexadecimal: its name in the cache.
    pub(crate) digest: String,
    /// What its descriptor says.
    pub(crate) descriptor: Descriptor,
}

/// Why a package cannot be had. The text is an operation's reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    /// APM does not give it; `may_pass` when asking again later may help.
    #[error("Application package download failed: {why}")]
    Download { why: String, may_pass: bool },
    /// It is not a package that can be deployed.
    #[error("Downloaded package is not valid: {0}")]
    Invalid(String),
    /// Our own disk.
    #[error("Application package download failed: the orchestrator cannot keep it on its disk: {0}")]
    Disk(#[from] io::Error),
}

impl PackageError {
    /// Whether trying again later may help.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Download { may_pass, .. } => *may_pass,
            Self::Invalid(_) => false,
            Self::Disk(_) => true,
        }
    }
}

impl Packages {
    pub(crate) fn new(apm: Apm, folder: PathBuf, policy: Policy) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let packages = Self {
            apm,
            folder,
            policy: Arc::new(policy),
            fresh: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(UNCHANGED)
                .build(),
            last: Cache::new(REMEMBERED),
        };
        packages.sweep()?;
        Ok(packages)
    }

    /// The package as APM has it now; downloaded when it is not here yet. Many callers at once cause one download.
    pub(crate) async fn current(
        &self,
        context: &CallContext,
        tenant: TenantId,
        package: PackageId,
    ) -> Result<Arc<Content>, Arc<PackageError>> {
        let key = (tenant, package);
        // Boxed: one job of a thousand fetches it, and each would carry the room.
        let content = Box::pin(self.fresh.try_get_with(key, self.fetch(context, tenant, package))).await?;
        self.last.insert(key, content.clone()).await;
        Ok(content)
    }

    /// The file of that digest, downloaded again if it is gone.
    pub(crate) async fn file(
        &self,
        context: &CallContext,
        tenant: TenantId,
        package: PackageId,
        digest: &str,
    ) -> Result<PathBuf, Arc<PackageError>> {
        if let Some(path) = self.kept(digest) {
            return Ok(path);
        }
        self.fresh.invalidate(&(tenant, package)).await;
        let content = self.current(context, tenant, package).await?;
        if content.digest != digest {
            let why = "it is not the one that the instance was created from; terminate and create it anew";
            return Err(Arc::new(PackageError::Invalid(why.to_owned())));
        }
        Ok(self.path(digest))
    }

    /// The file of that digest, if it is here.
    pub(crate) fn kept(&self, digest: &str) -> Option<PathBuf> {
        let path = self.path(digest);
        used_now(&path).then_some(path)
    }

    async fn fetch(
        &self,
        context: &CallContext,
        tenant: TenantId,
        package: PackageId,
    ) -> Result<Arc<Content>, PackageError> {
        let last = self.last.get(&(tenant, package)).await;
        let known = last.filter(|content| used_now(&self.path(&content.digest)));
        let temporary = self
            .folder
            .join(format!("{}.part", uuid::Uuid::new_v4().simple()));
        let digest = known.as_ref().map(|content| content.digest.as_str());
        let fetched = self
            .apm
            .download(context, tenant, &package, &temporary, digest)
            .await;
        let kept = match fetched {
            Ok(None) => match known {
                Some(content) => return Ok(content),
                None => Err(PackageError::Invalid("it is not there".to_owned())),
            },
            Ok(Some(digest)) => self.keep(&temporary, digest).await,
            Err(error) => Err(error.into()),
        };
        // Gone when it was renamed; otherwise nothing half-written stays.
        drop(tokio::fs::remove_file(&temporary).await);
        kept
    }

    /// Checks a downloaded file and moves it to its place.
    async fn keep(&self, temporary: &Path, digest: String) -> Result<Arc<Content>, PackageError> {
        let (opened, policy) = (temporary.to_owned(), self.policy.clone());
        let checked = tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(opened)?;
            Ok::<_, io::Error>(mecm_csar::check(io::BufReader::new(file), &policy))
        })
        .await
        .map_err(|panic| PackageError::Invalid(panic.to_string()))?;
        let package = checked?.map_err(|error| PackageError::Invalid(error.to_string()))?;
        tokio::fs::rename(temporary, self.path(&digest)).await?;
        Ok(Arc::new(Content {
            digest,
            descriptor: package.descriptor,
        }))
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.csar"))
    }

    /// Removes what an interrupted download left and what nothing has used for long. Another process may do the same in the
    /// same folder: what is gone already is no error.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            match sweep_one(&entry?.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn sweep_one(path: &Path) -> io::Result<()> {
    let longest = match path.extension().and_then(|extension| extension.to_str()) {
        Some("part") => INTERRUPTED,
        Some("csar") => UNUSED,
        _ => return Ok(()),
    };
    let age = std::fs::metadata(path)?.modified()?.elapsed().unwrap_or_default();
    if age > longest {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Whether the file is there; notes that it is in use.
#[expect(
    clippy::disallowed_methods,
    reason = "the age of a file is the file system's business"
)]
fn used_now(path: &Path) -> bool {
    match std::fs::File::options().append(true).open(path) {
        Ok(file) => {
            // Only the sweep reads it: a file system that keeps no times loses nothing but that.
            drop(file.set_times(FileTimes::new().set_modified(SystemTime::now())));
            true
        }
        Err(_) => false,
    }
}

impl From<FetchError> for PackageError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Peer(error) => Self::Download {
                may_pass: error.may_pass(),
                why: match error {
                    PeerError::Refused { details, .. } => details.join("; "),
                    error => error.to_string(),
                },
            },
            FetchError::Invalid => Self::Invalid(error.to_string()),
            FetchError::Disk(error) => Self::Disk(error),
        }
    }
}
