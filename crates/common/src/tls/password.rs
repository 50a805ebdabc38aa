//! What PKCS#12 does with a password (RFC 7292 appendix B and C, RFC 8018): keys, decryption, and the integrity check.
//!
//! The old algorithms are here because stores that exist use them; nothing new is made with them.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hmac, pbkdf2};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt as _, InnerIvInit as _, KeyIvInit as _};
use des::{TdesEde2, TdesEde3};
use rc2::Rc2;
use zeroize::Zeroizing;

use super::StoreError;
use super::der::{Der, OCTET_STRING, OID, SEQUENCE};

/// The rounds that all keys of a store may take together: a second's work or so. keytool of Java 8 makes 150,000 to 200,000.
const MAX_ROUNDS: u32 = 2_000_000;

// Object identifiers, without tag and length.
const PBE_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01];
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
const DES_EDE3_CBC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07];
const AES_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// What a derived key is for (RFC 7292, B.3).
#[derive(Clone, Copy)]
enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// A store's password, and how much work it may still cause.
pub(super) struct Password {
    /// As PBES2 takes it.
    text: Zeroizing<Vec<u8>>,
    /// As everything older takes it: UTF-16, big end first, with a zero at the end.
    wide: Zeroizing<Vec<u8>>,
    rounds_left: u32,
}

impl Password {
    pub(super) fn new(text: &str) -> Self {
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
        for unit in text.encode_utf16().chain([0]) {
            wide.extend_from_slice(&unit.to_be_bytes());
        }
        Self {
            text: Zeroizing::new(text.as_bytes().to_vec()),
            wide,
            rounds_left: MAX_ROUNDS,
        }
    }

    fn rounds(&mut self, count: u32) -> Result<NonZeroU32, StoreError> {
        self.rounds_left = self.rounds_left.checked_sub(count).ok_or_else(|| {
            StoreError::Unsupported("more than 2,000,000 rounds of key derivation".to_owned())
        })?;
        NonZeroU32::new(count).ok_or(StoreError::Damaged("a count of rounds is zero"))
    }

    /// Whether `mac` (the store's `MacData`) is that of `content`.
    pub(super) fn check(&mut self, mut mac: Der<'_>, content: &[u8]) -> Result<(), StoreError> {
        let mut info = mac.inside(SEQUENCE)?;
        let name = info.inside(SEQUENCE)?.take(OID)?;
        let expected = info.take(OCTET_STRING)?;
        let salt = mac.take(OCTET_STRING)?;
        let rounds = self.rounds(mac.optional_small()?.unwrap_or(1))?;
        let (hash, algorithm) = match name {
            name if name == SHA1 => (
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            ),
            name => match name.strip_prefix(SHA2) {
                Some([1]) => (&digest::SHA256, hmac::HMAC_SHA256),
                Some([2]) => (&digest::SHA384, hmac::HMAC_SHA384),
                Some([3]) => (&digest::SHA512, hmac::HMAC_SHA512),
                _ => return Err(unsupported("the integrity check", name)),
            },
        };
        let mut key = Zeroizing::new(vec![0; hash.output_len()]);
        derive(hash, Purpose::Mac, &self.wide, salt, rounds, &mut key);
        hmac::verify(&hmac::Key::new(algorithm, &key), content, expected).map_err(|_| StoreError::Password)
    }

    /// Decrypts what `algorithm` (the content of an `AlgorithmIdentifier`) says how.
    pub(super) fn decrypt(
        &mut self,
        mut algorithm: Der<'_>,
        secret: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let name = algorithm.take(OID)?;
        let parameters = algorithm.inside(SEQUENCE)?;
        if name == PBES2 {
            return self.pbes2(parameters, secret);
        }
        let (key_bytes, cipher): (usize, OldCipher) = match name.strip_prefix(PBE_SHA1) {
            Some([3]) => (24, triple_des),
            Some([4]) => (16, double_des),
            Some([5]) => (16, |key, iv, bytes| rc2(key, 128, iv, bytes)),
            Some([6]) => (5, |key, iv, bytes| rc2(key, 40, iv, bytes)),
            _ => return Err(unsupported("the encryption", name)),
        };
        let mut parameters = parameters;
        let salt = parameters.take(OCTET_STRING)?;
        let rounds = parameters.small()?;
        // For the key and for the initialization vector.
        let rounds = self.rounds(rounds).and(self.rounds(rounds))?;
        let mut key = Zeroizing::new(vec![0; key_bytes]);
        let mut iv = [0; 8];
        let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        derive(hash, Purpose::Key, &self.wide, salt, rounds, &mut key);
        derive(hash, Purpose::Iv, &self.wide, salt, rounds, &mut iv);
        let mut bytes = Zeroizing::new(secret.to_vec());
        let length = cipher(&key, &iv, &mut bytes).ok_or(StoreError::Password)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    fn pbes2(&mut self, mut parameters: Der<'_>, secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let mut derivation = parameters.inside(SEQUENCE)?;
        let mut encryption = parameters.inside(SEQUENCE)?;
        let name = derivation.take(OID)?;
        if name != PBKDF2 {
            return Err(unsupported("the key derivation", name));
        }
        let mut derivation = derivation.inside(SEQUENCE)?;
        let salt = derivation.take(OCTET_STRING)?;
        let rounds = derivation.small()?;
        let rounds = self.rounds(rounds)?;
        derivation.optional_small()?; // the key's length, which the cipher says too
        let hash = match derivation.optional(SEQUENCE)? {
            None => pbkdf2::PBKDF2_HMAC_SHA1,
            Some(hash) => {
                let name = Der::new(hash).take(OID)?;
                match name.strip_prefix(HMAC) {
                    Some([7]) => pbkdf2::PBKDF2_HMAC_SHA1,
                    Some([9]) => pbkdf2::PBKDF2_HMAC_SHA256,
                    Some([10]) => pbkdf2::PBKDF2_HMAC_SHA384,
                    Some([11]) => pbkdf2::PBKDF2_HMAC_SHA512,
                    _ => return Err(unsupported("the key derivation's hash", name)),
                }
            }
        };
        let name = encryption.take(OID)?;
        let iv = encryption.take(OCTET_STRING)?;
        let mut bytes = Zeroizing::new(secret.to_vec());
        let key = |length: usize| {
            let mut key = Zeroizing::new(vec![0; length]);
            pbkdf2::derive(hash, rounds, salt, &self.text, &mut key);
            key
        };
        let aes = match name.strip_prefix(AES_CBC) {
            Some([2]) => Some((&AES_128, 16)),
            Some([22]) => Some((&AES_192, 24)),
            Some([42]) => Some((&AES_256, 32)),
            _ => None,
        };
        let length = match aes {
            Some((aes, key_bytes)) => {
                let iv: [u8; 16] = iv
                    .try_into()
                    .map_err(|_| StoreError::Damaged("an initialization vector has another length"))?;
                UnboundCipherKey::new(aes, &key(key_bytes))
                    .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
                    .and_then(|key| {
                        let context = DecryptionContext::Iv128(FixedLength::from(iv));
                        key.decrypt(&mut bytes, context).map(|plain| plain.len())
                    })
                    .ok()
            }
            None if name == DES_EDE3_CBC => triple_des(&key(24), iv, &mut bytes),
            None => return Err(unsupported("the encryption", name)),
        };
        bytes.truncate(length.ok_or(StoreError::Password)?);
        Ok(bytes)
    }
}

/// Decrypts in place with a key and an initialization vector, and says how many bytes there are without the padding; `None` when
/// that is not right.
type OldCipher = fn(&[u8], &[u8], &mut [u8]) -> Option<usize>;

fn triple_des(key: &[u8], iv: &[u8], bytes: &mut [u8]) -> Option<usize> {
    let cipher = Decryptor::<TdesEde3>::new_from_slices(key, iv).ok()?;
    Some(cipher.decrypt_padded::<Pkcs7>(bytes).ok()?.len())
}

fn double_des(key: &[u8], iv: &[u8], bytes: &mut [u8]) -> Option<usize> {
    let cipher = Decryptor::<TdesEde2>::new_from_slices(key, iv).ok()?;
    Some(cipher.decrypt_padded::<Pkcs7>(bytes).ok()?.len())
}

fn rc2(key: &[u8], bits: usize, iv: &[u8], bytes: &mut [u8]) -> Option<usize> {
    let cipher = Rc2::new_with_eff_key_len(key, bits);
    let cipher = Decryptor::inner_iv_slice_init(cipher, iv).ok()?;
    Some(cipher.decrypt_padded::<Pkcs7>(bytes).ok()?.len())
}

/// RFC 7292, B.2: fills `out`.
fn derive(
    hash: &'static digest::Algorithm,
    purpose: Purpose,
    password: &[u8],
    salt: &[u8],
    rounds: NonZeroU32,
    out: &mut [u8],
) {
    let block = hash.block_len();
    let repeated = |text: &[u8]| -> Vec<u8> {
        let length = text.len().div_ceil(block) * block;
        text.iter().copied().cycle().take(length).collect()
    };
    let diversifier = vec![purpose as u8; block];
    let mut input = Zeroizing::new(repeated(salt));
    input.extend_from_slice(&Zeroizing::new(repeated(password)));
    for chunk in out.chunks_mut(hash.output_len()) {
        let mut context = digest::Context::new(hash);
        context.update(&diversifier);
        context.update(&input);
        let mut key = context.finish();
        for _ in 1..rounds.get() {
            key = digest::digest(hash, key.as_ref());
        }
        chunk.copy_from_slice(&key.as_ref()[..chunk.len()]);
        // Each block of the input plus the key, repeated, plus one.
        for part in input.chunks_mut(block) {
            let mut carry = 1;
            for (position, byte) in part.iter_mut().enumerate().rev() {
                carry += u16::from(*byte) + u16::from(key.as_ref()[position % hash.output_len()]);
                *byte = carry.to_be_bytes()[1];
                carry >>= 8;
            }
        }
    }
}

fn unsupported(what: &str, name: &[u8]) -> StoreError {
    StoreError::Unsupported(format!("{what} with the object identifier {}", hex::encode(name)))
}
