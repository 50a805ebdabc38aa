//! Keys derived from one secret that all services of a suite have: for deployments that give them nothing else in common.
//!
//! HKDF with SHA-256 (RFC 5869). What a key is for stands in the label, so that none of them says anything of another.

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::keys::ServiceKey;
use super::sealed::SealingKey;

const SALT: &[u8] = b"mecm suite keys 1";
/// Bytes behind an access key, which is public.
const ACCESS_KEY_BYTES: usize = 10;

/// The secret. It must not be one that can be guessed.
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// From its bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The key with which a service calls the others.
    pub fn service_key(&self, service: &str) -> ServiceKey {
        let access_key = self.derive(service, "access key");
        let secret_key = self.derive(service, "secret key");
        let access_key = hex::encode(&access_key[..ACCESS_KEY_BYTES]);
        ServiceKey {
            access_key: access_key.parse().expect("hexadecimal digits are an access key"),
            secret_key: Zeroizing::new(hex::encode(*secret_key))
                .parse()
                .expect("hexadecimal digits are a secret key"),
        }
    }

    /// A key that seals what a service keeps.
    pub fn sealing_key(&self, service: &str) -> SealingKey {
        let key = Zeroizing::new(hex::encode(*self.derive(service, "sealing key")));
        SealingKey::from_text(&key).expect("these are 32 bytes")
    }

    fn derive(&self, service: &str, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, SALT)
            .extract(&self.0)
            .expand(&[service.as_bytes(), b" ", purpose.as_bytes()], HKDF_SHA256)
            .and_then(|key| key.fill(&mut *out))
            .expect("HKDF gives 32 bytes");
        out
    }
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_the_secret_has_the_same_keys_and_no_two_are_alike() {
        let (one, same, other) = (
            SharedSecret::new(b"one"),
            SharedSecret::new(b"one"),
            SharedSecret::new(b"other"),
        );
        let all = |secret: &SharedSecret| {
            let (apm, appo) = (secret.service_key("apm"), secret.service_key("appo"));
            [
                apm.access_key.to_string(),
                apm.secret_key.expose().to_owned(),
                appo.access_key.to_string(),
                appo.secret_key.expose().to_owned(),
                secret.sealing_key("appo").to_hex().to_string(),
            ]
        };
        assert_eq!(all(&one), all(&same));
        let mut different = [all(&one), all(&other)].concat();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 10);
    }

    /// Services of different versions run side by side for a while. A key that changed here would part them, and leave what is
    /// sealed unreadable.
    #[test]
    fn the_keys_are_those_of_every_version() {
        let secret = SharedSecret::new(&[7; 32]);
        let apm = secret.service_key("apm");
        assert_eq!(apm.access_key.as_str(), "8dba50fe35f7302e53b2");
        assert_eq!(
            apm.secret_key.expose(),
            "0e2da87d9d4828b167dc499917924be52195454d782bba3b12f2c3554e1eabb4"
        );
        assert_eq!(
            *secret.sealing_key("appo").to_hex(),
            "28fc125432db632b9e22564aa5b29093806f8d3efaebd221d75c1b9d8cb48326"
        );
    }
}
