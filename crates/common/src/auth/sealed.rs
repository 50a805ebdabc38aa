//! Secrets at rest: AES-256-GCM with a fresh nonce each, and the key's name in front, so that keys can rotate.
//!
//! ```text
//! 1 byte  format, 1
//! 8 bytes the key's name: the first of SHA-256 over a fixed word and the key
//! 12 bytes nonce
//! …       ciphertext and tag
//! ```

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::signature::keys::fill;

const FORMAT: u8 = 1;
const NAME_LEN: usize = 8;
const HEAD_LEN: usize = 1 + NAME_LEN + NONCE_LEN;

/// 32 random bytes that seal. Leaves memory when dropped, does not print.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// Draws a key from the operating system's generator.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        fill(&mut bytes);
        Self(bytes)
    }

    /// Reads 32 bytes as 64 hexadecimal digits or in base64. `None` when it is anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut key = Self([0; 32]);
        if hex::decode_to_slice(text, &mut key.0).is_err() {
            let bytes = Zeroizing::new(STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32)?);
            key.0.copy_from_slice(&bytes);
        }
        Some(key)
    }

    /// The key as 64 hexadecimal digits, for its file.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }

    fn name(&self) -> [u8; NAME_LEN] {
        let digest = Sha256::new()
            .chain_update(b"mecm sealing key")
            .chain_update(self.0)
            .finalize();
        let mut name = [0; NAME_LEN];
        name.copy_from_slice(&digest[..NAME_LEN]);
        name
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A sealed value that cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Sealed with a key that is not among the given ones.
    #[error("sealed with another key: give the key that was used before as a previous one")]
    UnknownKey,
    /// Not sealed by this suite, altered, or taken from another record.
    #[error("the sealed value is damaged, or belongs to another record")]
    Damaged,
}

/// Seals with one key, opens with that and with its predecessors. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    /// The current key first.
    keys: Arc<[([u8; NAME_LEN], LessSafeKey)]>,
}

impl Sealer {
    /// `current` seals; `previous` only open.
    pub fn new(current: &SealingKey, previous: &[SealingKey]) -> Self {
        let ready = |key: &SealingKey| {
            let unbound = UnboundKey::new(&AES_256_GCM, &key.0).expect("32 bytes are an AES-256 key");
            (key.name(), LessSafeKey::new(unbound))
        };
        Self {
            keys: std::iter::once(current).chain(previous).map(ready).collect(),
        }
    }

    /// Encrypts and authenticates. `aad` names the record the value belongs to: it opens with the same alone.
    pub fn seal(&self, plain: &[u8], aad: &[u8]) -> Vec<u8> {
        let (name, key) = &self.keys[0];
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce);
        let mut text = plain.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut text)
            .expect("AES-GCM seals any text that fits in memory");
        [&[FORMAT], name.as_slice(), &nonce, &text].concat()
    }

    /// Decrypts what [`Sealer::seal`] gave.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if sealed.len() < HEAD_LEN || sealed[0] != FORMAT {
            return Err(SealError::Damaged);
        }
        let (head, text) = sealed.split_at(HEAD_LEN);
        let (name, nonce) = head[1..].split_at(NAME_LEN);
        let (_, key) = self
            .keys
            .iter()
            .find(|(other, _)| other == name)
            .ok_or(SealError::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = key
            .open_in_place(nonce, Aad::from(aad), &mut text)
            .map_err(|_| SealError::Damaged)?
            .len();
        text.truncate(length);
        Ok(text)
    }

    /// Whether a value was sealed with the current key; one that was not is worth sealing anew.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=NAME_LEN) == Some(self.keys[0].0.as_slice())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_own_record_alone() {
        let sealer = Sealer::new(&SealingKey::generate(), &[]);
        let sealed = sealer.seal(b"a token", b"job 1");
        assert_eq!(sealer.open(&sealed, b"job 1").unwrap().as_slice(), b"a token");
        assert_eq!(sealer.open(&sealed, b"job 2"), Err(SealError::Damaged));
        assert!(!sealed.windows(7).any(|window| window == b"a token"));
        assert_ne!(sealed, sealer.seal(b"a token", b"job 1"), "a fresh nonce each");
        assert_eq!(sealer.open(&sealer.seal(b"", b""), b"").unwrap().as_slice(), b"");
    }

    #[test]
    fn any_altered_byte_is_noticed() {
        let sealer = Sealer::new(&SealingKey::generate(), &[]);
        let sealed = sealer.seal(b"a token", b"job 1");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer.open(&altered, b"job 1").is_err(), "byte {at}");
            assert!(sealer.open(&sealed[..at], b"job 1").is_err(), "{at} bytes");
        }
    }

    #[test]
    fn keys_rotate() {
        let (old, new) = (SealingKey::generate(), SealingKey::generate());
        let sealed = Sealer::new(&old, &[]).seal(b"kept", b"");
        let rotated = Sealer::new(&new, std::slice::from_ref(&old));
        assert_eq!(rotated.open(&sealed, b"").unwrap().as_slice(), b"kept");
        assert!(!rotated.is_current(&sealed) && rotated.is_current(&rotated.seal(b"kept", b"")));
        assert_eq!(
            Sealer::new(&new, &[]).open(&sealed, b""),
            Err(SealError::UnknownKey)
        );
    }

    #[test]
    fn a_key_survives_its_file_and_does_not_print() {
        let key = SealingKey::generate();
        let text = key.to_hex();
        assert_eq!(
            SealingKey::from_text(&format!("{}\n", *text)).unwrap().to_hex(),
            text
        );
        assert_eq!(
            SealingKey::from_text(&STANDARD.encode(key.0)).unwrap().to_hex(),
            text
        );
        assert_eq!(format!("{key:?}"), "***");
        for bad in ["", "00", "zz", &format!("{}00", *text)] {
            assert!(SealingKey::from_text(bad).is_none(), "{bad}");
        }
        fn zeroed<T: ZeroizeOnDrop>() {}
        zeroed::<SealingKey>();
    }
}
