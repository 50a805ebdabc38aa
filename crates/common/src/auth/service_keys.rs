//! The suite's services' own keys: verified here and now, so that there is no circle at the start.

use std::collections::HashMap;

use super::error::{AuthError, SignatureReason};
use super::keys::ServiceKey;
use super::signature::{AccessKey, Refusal, SecretKey, fits};

/// The services' keys.
pub(super) struct ServiceKeys {
    keys: HashMap<AccessKey, (String, SecretKey)>,
    /// Compared with where a key is not known, so that an unknown key takes as long as a known one.
    decoy: SecretKey,
}

impl ServiceKeys {
    pub(super) fn new(services: Vec<(String, ServiceKey)>) -> Self {
        let keys = services
            .into_iter()
            .map(|(name, key)| (key.access_key, (name, key.secret_key)));
        Self {
            keys: keys.collect(),
            decoy: SecretKey::generate(),
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
