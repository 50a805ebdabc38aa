//! The suite's services' own keys: verified here and now, so that there is no circle at the start.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

use chrono::{DateTime, Utc};

use super::error::{AuthError, SignatureReason};
use super::keys::ServiceKey;
use super::signature::{AccessKey, MAX_SKEW, Refusal, SecretKey, fits};

/// The services' keys and what was accepted from them within the window.
pub(super) struct ServiceKeys {
    keys: HashMap<AccessKey, (String, SecretKey)>,
    /// Compared with where a key is not known, so that an unknown key takes as long as a known one.
    decoy: SecretKey,
    seen: Mutex<Seen>,
}

impl ServiceKeys {
    pub(super) fn new(services: Vec<(String, ServiceKey)>) -> Self {
        let keys = services
            .into_iter()
            .map(|(name, key)| (key.access_key, (name, key.secret_key)));
        Self {
            keys: keys.collect(),
            decoy: SecretKey::generate(),
            seen: Mutex::default(),
        }
    }

    /// Whether the key is one of theirs.
    pub(super) fn has(&self, access_key: &AccessKey) -> bool {
        self.keys.contains_key(access_key)
    }

    /// The name of the service whose signature it is. Of an unknown key, the same work and the same refusal.
    pub(super) fn verify(
        &self,
        access_key: &AccessKey,
        strings_to_sign: &[String],
        signature: &[u8; 32],
    ) -> Result<&str, AuthError> {
        let known = self.keys.get(access_key);
        let secret_key = known.map_or(&self.decoy, |(_, secret_key)| secret_key);
        let fits = fits(secret_key, strings_to_sign, signature);
        match known {
            None => Err(SignatureReason::UnknownKey.into()),
            Some(_) if !fits => Err(SignatureReason::Refused(Refusal::Mismatch).into()),
            Some((name, _)) => Ok(name),
        }
    }

    /// Takes note of an accepted signature; refuses one that was accepted before.
    pub(super) fn first_time(
        &self,
        signature: &[u8; 32],
        signed_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), AuthError> {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.insert(signature, signed_at, now) {
            Ok(())
        } else {
            Err(SignatureReason::Replay.into())
        }
    }
}

/// Accepted signatures, by the minute in which they were made: a minute that has left the window goes as a whole. Half a
/// signature is enough to know it by.
#[derive(Default)]
struct Seen(BTreeMap<i64, HashSet<[u8; 16]>>);

impl Seen {
    /// `false` when it was there.
    fn insert(&mut self, signature: &[u8; 32], signed_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let minute = |time: DateTime<Utc>| time.timestamp().div_euclid(60);
        self.0 = self.0.split_off(&minute(now - MAX_SKEW));
        let mut name = [0; 16];
        name.copy_from_slice(&signature[..16]);
        self.0.entry(minute(signed_at)).or_default().insert(name)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_signature_is_remembered_as_long_as_its_date_is_accepted() {
        let keys = ServiceKeys::new(Vec::new());
        let signed = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let at = |seconds| signed + TimeDelta::seconds(seconds);
        assert!(keys.first_time(&[1; 32], signed, at(-900)).is_ok());
        for later in [-900, 0, 899, 900] {
            let again = keys.first_time(&[1; 32], signed, at(later)).unwrap_err();
            assert_eq!(again, SignatureReason::Replay.into());
        }
        assert!(keys.first_time(&[2; 32], signed, at(900)).is_ok());
        assert!(keys.first_time(&[3; 32], at(2000), at(2000)).is_ok());
        assert_eq!(
            keys.seen.lock().unwrap().0.len(),
            1,
            "what has left the window is forgotten"
        );
    }

    #[test]
    fn unknown_keys_and_wrong_signatures_read_alike() {
        let key = ServiceKey::generate();
        let keys = ServiceKeys::new(vec![("appo".into(), key.clone())]);
        let strings = ["a".to_owned()];
        let wrong = keys.verify(&key.access_key, &strings, &[0; 32]).unwrap_err();
        let unknown = keys
            .verify(&AccessKey::generate(), &strings, &[0; 32])
            .unwrap_err();
        assert_eq!(
            (wrong.status(), wrong.message()),
            (unknown.status(), unknown.message())
        );
        assert_ne!(wrong.to_string(), unknown.to_string(), "the log tells them apart");
    }
}
