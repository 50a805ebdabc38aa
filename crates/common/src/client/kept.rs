//! A caller's token at rest: encrypted with the job it belongs to, overwritten when that ends.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::tokens::OwnToken;
use crate::auth::Principal;
use crate::auth::sealed::Sealer;
use crate::models::ids::TenantId;

/// For whom calls are made, and with what.
#[derive(Clone, Debug)]
pub struct KeptCaller {
    /// The caller's name, for tokens made in its stead.
    pub user: String,
    /// Its own token, if it came with one.
    pub token: Option<OwnToken>,
}

#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    // A name with a quote in it cannot be borrowed from JSON.
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    token: Option<Cow<'a, str>>,
    expires: Option<DateTime<Utc>>,
    #[serde(default)]
    tenant: Option<TenantId>,
    #[serde(default)]
    reads: bool,
    #[serde(default)]
    writes: bool,
}

impl KeptCaller {
    /// What is kept of a caller.
    pub fn of(caller: &Principal) -> Self {
        Self {
            user: caller.subject.clone(),
            token: OwnToken::of(caller),
        }
    }

    /// Encrypts it for the job of that id: it opens with no other.
    pub fn seal(&self, sealer: &Sealer, job: Uuid) -> Vec<u8> {
        let token = self.token.as_ref();
        let kept = Kept {
            user: self.user.as_str().into(),
            token: token.map(|token| token.raw.expose_secret().into()),
            expires: token.and_then(|token| token.expires),
            tenant: token.and_then(|token| token.tenant),
            reads: token.is_some_and(|token| token.reads),
            writes: token.is_some_and(|token| token.writes),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&kept).expect("texts and times are JSON"));
        sealer.seal(&plain, job.as_bytes())
    }

    /// Decrypts what was sealed for the job of that id. What cannot be opened any more (its key is gone) serves like a caller
    /// without a token: Inventory makes one.
    pub fn open(sealer: &Sealer, sealed: Option<&[u8]>, job: Uuid) -> Self {
        let nobody = || Self {
            user: "mecm".to_owned(),
            token: None,
        };
        let Some(sealed) = sealed else {
            return nobody();
        };
        let Ok(plain) = sealer.open(sealed, job.as_bytes()) else {
            tracing::warn!(%job, "the caller's token cannot be decrypted (was keys.job_key changed?)");
            return nobody();
        };
        let Ok(kept) = serde_json::from_slice::<Kept<'_>>(&plain) else {
            tracing::warn!(%job, "what was kept of the caller cannot be read");
            return nobody();
        };
        Self {
            user: kept.user.into_owned(),
            token: kept.token.map(|raw| OwnToken {
                raw: SecretString::from(raw.as_ref()),
                expires: kept.expires,
                tenant: kept.tenant,
                reads: kept.reads,
                writes: kept.writes,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_opens_as_it_was_whatever_the_name() {
        for name in ["operator", "a\"b\\c", "操作员"] {
            let kept = Kept {
                user: name.into(),
                token: Some("a.b.c".into()),
                expires: None,
                tenant: None,
                reads: true,
                writes: false,
            };
            let plain = serde_json::to_vec(&kept).unwrap();
            let read: Kept<'_> = serde_json::from_slice(&plain).unwrap();
            assert_eq!((&*read.user, read.token.as_deref()), (name, Some("a.b.c")));
        }
    }
}
