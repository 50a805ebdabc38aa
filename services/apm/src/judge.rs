//! Whether a received file is a package, and what it says about itself.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use mecm_common::models::package::{Dependency, OperationalInfo, ProducedService, WantedService};
use mecm_common::service::ApiError;
use mecm_csar::{CsarError, Package, Policy};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::blobs::Received;
use crate::store::packages::CheckedFile;

/// Judges packages, a few at a time: each keeps a processor busy, and a hostile one for minutes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    policy: Arc<Policy>,
    places: Arc<Semaphore>,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JudgeError {
    /// It is no valid package; the text is for who sent it.
    #[error("{0}")]
    Refused(String),
    /// It could not be read.
    #[error("the received file cannot be read")]
    Disk(#[source] io::Error),
    /// The check came to no end.
    #[error("the check of a package failed")]
    Failed(#[from] tokio::task::JoinError),
}

impl From<JudgeError> for ApiError {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Refused(why) => Self::new(http::StatusCode::BAD_REQUEST, "invalid_package", why),
            JudgeError::Disk(error) => Self::from_io(error),
            JudgeError::Failed(error) => Self::internal(error),
        }
    }
}

impl Judge {
    /// Judges by this policy, `places` packages at once.
    pub(crate) fn new(policy: Policy, places: usize) -> Self {
        Self {
            policy: Arc::new(policy),
            places: Arc::new(Semaphore::new(places.max(1))),
        }
    }

    /// Checks a received file, off the threads that serve requests. Gives the file back with what it says about itself.
    /// Ends early when nobody waits for it any more.
    ///
    /// # Errors
    /// [`JudgeError`].
    pub(crate) async fn check(&self, received: Received) -> Result<(Received, CheckedFile), JudgeError> {
        let place = self.places.clone().acquire_owned().await;
        let policy = self.policy.clone();
        let unwanted = CancellationToken::new();
        let _until_dropped = unwanted.clone().drop_guard();
        let (received, checked) = tokio::task::spawn_blocking(move || {
            let _place = place;
            let file = Wanted {
                file: &received.file,
                unwanted,
            };
            let checked = mecm_csar::check(BufReader::new(file), &policy);
            (received, checked)
        })
        .await?;
        let package = checked.map_err(|error| match error {
            CsarError::Io(error) => JudgeError::Disk(error),
            refused => JudgeError::Refused(refused.to_string()),
        })?;
        let (operational_info, warnings) = operational_info(package);
        let file = CheckedFile {
            digest: received.digest.clone(),
            size: received.size,
            operational_info,
            warnings,
        };
        Ok((received, file))
    }
}

/// A file that can be read as long as somebody wants to know.
struct Wanted<'a> {
    file: &'a File,
    unwanted: CancellationToken,
}

impl Read for Wanted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.unwanted.is_cancelled() {
            return Err(io::Error::other("nobody waits for this check any more"));
        }
        self.file.read(into)
    }
}

impl Seek for Wanted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// What a package says about itself, as it is shown, and what is warned of. Every list of packages carries it, so it is
/// cut to what a person reads.
fn operational_info(package: Package) -> (OperationalInfo, Vec<String>) {
    let said = &package.descriptor;
    let mut room = Room::default();
    let wanted = |room: &mut Room, services: &[mecm_csar::Service]| {
        room.list(services, |room, service| WantedService {
            ser_name: room.text(service.ser_name.as_deref()),
            version: room.text(service.version.as_deref()),
            app_id: room.text(service.app_id.as_deref()),
            package_id: room.text(service.package_id.as_deref()),
        })
    };
    let rules = |name: &str| {
        let rules = said.rules.as_ref().and_then(|rules| rules[name].as_array());
        rules.map_or(0, |rules| rules.len() as u64)
    };
    let info = OperationalInfo {
        provider: room.text(said.provider.as_deref()),
        name: room.text(said.name.as_deref()),
        version: room.text(said.version.as_deref()),
        dependencies: room.list(&said.dependencies, |room, need| Dependency {
            name: room.text(need.name.as_deref()),
            app_id: room.text(need.app_id.as_deref()),
            package_id: room.text(need.package_id.as_deref()),
        }),
        services_required: wanted(&mut room, &said.services_required),
        services_optional: wanted(&mut room, &said.services_optional),
        services_produced: room.list(&said.services_produced, |room, service| ProducedService {
            ser_name: room.text(service.ser_name.as_deref()),
            version: room.text(service.version.as_deref()),
        }),
        images: room.list(&package.images, |room, image| {
            room.text(Some(image)).unwrap_or_default()
        }),
        traffic_rules: rules("appTrafficRule"),
        dns_rules: rules("appDNSRule"),
    };
    let mut warnings = package.warnings;
    if room.left_out > 0 {
        warnings.push(format!(
            "operationalInfo leaves out {} images, services or dependencies",
            room.left_out
        ));
    }
    (info, warnings)
}

/// Characters of one text that is shown.
const SHOWN: usize = 255;
/// What an item costs beside its texts.
const ITEM: usize = 32;

/// How much of a package's own words is still shown.
struct Room {
    bytes: usize,
    left_out: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            bytes: 64 * 1024,
            left_out: 0,
        }
    }
}

impl Room {
    /// A text, cut where it is longer than anybody reads.
    fn text(&mut self, text: Option<&str>) -> Option<String> {
        let text: String = text?.chars().take(SHOWN).collect();
        self.bytes = self.bytes.saturating_sub(text.len());
        Some(text)
    }

    /// As many items as there is room for.
    fn list<T, U>(&mut self, items: &[T], show: impl Fn(&mut Self, &T) -> U) -> Vec<U> {
        let mut shown = Vec::new();
        for item in items {
            if self.bytes == 0 {
                self.left_out += items.len() - shown.len();
                break;
            }
            self.bytes = self.bytes.saturating_sub(ITEM);
            shown.push(show(self, item));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_check_that_nobody_waits_for_ends() {
        let mut file = tempfile();
        file.write_all(&[0; 100]).unwrap();
        let unwanted = CancellationToken::new();
        let wanted = |unwanted: &CancellationToken| Wanted {
            file: &file,
            unwanted: unwanted.clone(),
        };
        let judged = mecm_csar::check(wanted(&unwanted), &Policy::default()).unwrap_err();
        assert!(judged.is_refusal(), "it is no package: {judged}");
        unwanted.cancel();
        let given_up = mecm_csar::check(wanted(&unwanted), &Policy::default()).unwrap_err();
        assert!(!given_up.is_refusal(), "{given_up}");
    }

    fn tempfile() -> File {
        let folder = mecm_common::db::testing::Scratch::new().unwrap();
        let file = File::create_new(folder.0.join("file")).unwrap();
        // Read and write, though its name goes with the folder.
        drop(file);
        File::options()
            .read(true)
            .write(true)
            .open(folder.0.join("file"))
            .unwrap()
    }

    #[test]
    fn what_is_shown_has_a_bound() {
        let mut room = Room::default();
        assert_eq!(room.text(Some(&"é".repeat(300))).unwrap(), "é".repeat(255));
        let many = vec!["x".repeat(200); 10_000];
        let shown = room.list(&many, |room, text| room.text(Some(text)));
        assert!(shown.len() < 300, "{}", shown.len());
        assert_eq!(room.left_out, 10_000 - shown.len());
        assert!(room.list(&many, |_, _| ()).is_empty());
    }
}
