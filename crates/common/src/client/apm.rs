//! What APPO asks of APM.

use std::path::Path;
use std::time::Duration;

use http::header::{ETAG, IF_NONE_MATCH};
use http::{Method, StatusCode};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::call::{CallError, bounded};
use super::context::CallContext;
use super::service::{PeerError, ServicePeer};
use crate::models::ids::{PackageId, TenantId};

/// APM, as its callers see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Apm {
    /// How it is called.
    pub peer: ServicePeer,
    /// The longest a download may stand still.
    pub stall: Duration,
    /// The largest package, in bytes.
    pub limit: u64,
}

/// Why a package could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// APM did not give it.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// What came is not what APM keeps.
    #[error("the package that came has another SHA-256 than the package manager says")]
    Invalid,
    /// Our own disk did not take it.
    #[error("cannot keep the package on disk")]
    Disk(#[from] std::io::Error),
}

impl Apm {
    /// Downloads a package's file to `to`, a new file, and gives its SHA-256 in hexadecimal, checked against what APM says
    /// it is; the caller renames it to its place. `None`: it is the one that the caller has, whose SHA-256 is `known`.
    ///
    /// # Errors
    /// [`FetchError`]; what has been written then is the caller's to remove.
    pub async fn download(
        &self,
        context: &CallContext,
        tenant: TenantId,
        package: &PackageId,
        to: &Path,
        known: Option<&str>,
    ) -> Result<Option<String>, FetchError> {
        let name = self.peer.name();
        let lost = |error: &reqwest::Error| PeerError::Call(CallError::of(error, name, true));
        let path = format!("/apm/v1/tenants/{tenant}/packages/{package}/download");
        let mut request = self.peer.request(context, Method::GET, &path, None);
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, format!("\"{known}\""));
        }
        let slow = || {
            PeerError::Call(CallError::NoAnswer {
                peer: name.to_owned(),
                why: "the download stands still".to_owned(),
                timed_out: true,
            })
        };
        let mut response = tokio::time::timeout(self.stall, request.send())
            .await
            .map_err(|_| slow())?
            .map_err(|error| lost(&error))?;
        if response.status() == StatusCode::NOT_MODIFIED && known.is_some() {
            return Ok(None);
        }
        if !response.status().is_success() {
            // Of any other service's answer as much would be read, and waited for as long.
            let answer = tokio::time::timeout(self.stall, bounded(response, name)).await;
            let answer = answer.map_err(|_| slow())?.map_err(PeerError::Call)?;
            return Err(self.peer.refusal(&answer).into());
        }
        let said = response
            .headers()
            .get(ETAG)
            .and_then(|value| value.to_str().ok())
            .map(|tag| tag.trim_matches('"').to_owned());
        let mut file = tokio::fs::File::create(to).await?;
        let (mut hash, mut length) = (Sha256::new(), 0);
        while let Some(chunk) = tokio::time::timeout(self.stall, response.chunk())
            .await
            .map_err(|_| slow())?
            .map_err(|error| lost(&error))?
        {
            length += chunk.len() as u64;
            if length > self.limit {
                let why = format!("the package is larger than {} bytes", self.limit);
                return Err(PeerError::Nonsense { peer: name, why }.into());
            }
            hash.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.sync_all().await?;
        let found = hex::encode(hash.finalize());
        if said.is_some_and(|said| said != found) {
            return Err(FetchError::Invalid);
        }
        Ok(Some(found))
    }
}
