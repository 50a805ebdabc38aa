//! The caller's token at rest: encrypted with the operation it belongs to, overwritten when that ends.

use chrono::{DateTime, Utc};
use mecm_common::auth::Principal;
use mecm_common::auth::sealed::Sealer;
use mecm_common::client::OwnToken;
use mecm_jobs::Job;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

/// For whom calls are made, and with what.
#[derive(Clone, Debug)]
pub(crate) struct CallerSecret {
    /// The caller's name, for tokens made in its stead.
    pub(crate) user: String,
    /// Its own token, if it came with one.
    pub(crate) token: Option<OwnToken>,
}

#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    expires: Option<DateTime<Utc>>,
    known_role: bool,
}

impl CallerSecret {
    /// What is kept of a caller.
    pub(crate) fn of(caller: &Principal) -> Self {
        Self {
            user: caller.subject.clone(),
            token: OwnToken::of(caller),
        }
    }

    /// Encrypts it for the job of that id: it opens with no other.
    pub(crate) fn seal(&self, sealer: &Sealer, job: Uuid) -> Vec<u8> {
        let token = self.token.as_ref();
        let kept = Kept {
            user: &self.user,
            token: token.map(|token| token.raw.expose_secret()),
            expires: token.and_then(|token| token.expires),
            known_role: token.is_some_and(|token| token.known_role),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&kept).expect("texts and times are JSON"));
        sealer.seal(&plain, job.as_bytes())
    }

    /// Decrypts a job's. One that cannot be opened any more (its key is gone) serves like a caller without a token:
    /// Inventory makes one.
    pub(crate) fn open(sealer: &Sealer, job: &Job) -> Self {
        let nobody = || Self {
            user: "mecm".to_owned(),
            token: None,
        };
        let Some(sealed) = &job.secret else {
            return nobody();
        };
        let Ok(plain) = sealer.open(sealed, job.id.as_bytes()) else {
            tracing::warn!(job = %job.id, "the caller's token cannot be decrypted (was keys.job_key changed?)");
            return nobody();
        };
        let Ok(kept) = serde_json::from_slice::<Kept<'_>>(&plain) else {
            return nobody();
        };
        Self {
            user: kept.user.to_owned(),
            token: kept.token.map(|raw| OwnToken {
                raw: SecretString::from(raw),
                expires: kept.expires,
                known_role: kept.known_role,
            }),
        }
    }
}
