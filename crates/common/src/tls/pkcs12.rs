//! PKCS#12 stores (RFC 7292), as keytool and OpenSSL make them.

use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::StoreError;
use super::der::{BMP_STRING, Der, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, context};
use super::password::Password;

// Object identifiers, without tag and length.
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01];
const X509_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
const FRIENDLY_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x14];

/// What a store holds.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) keys: Vec<Key>,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// A private key.
pub(super) struct Key {
    /// Empty where it has none.
    pub(super) alias: String,
    /// PKCS#8, DER.
    pub(super) pkcs8: Zeroizing<Vec<u8>>,
}

/// Whether this looks like PKCS#12, whole or not: a sequence that begins with the version 3.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let header = match bytes {
        [SEQUENCE, length, ..] if *length >= 0x80 => 2 + usize::from(length & 0x7f),
        [SEQUENCE, ..] => 2,
        _ => return false,
    };
    bytes
        .get(header..)
        .is_some_and(|rest| rest.starts_with(&[INTEGER, 1, 3]))
}

/// Reads a store. One without an integrity check is taken as it is: its content is what counts.
pub(super) fn read(bytes: &[u8], password: &str) -> Result<Contents, StoreError> {
    let mut password = Password::new(password);
    let mut store = Der::new(bytes).inside(SEQUENCE)?;
    store.take(INTEGER)?;
    let (kind, safes) = content(store.inside(SEQUENCE)?)?;
    if kind != DATA {
        return Err(StoreError::Unsupported("a store signed with a key".to_owned()));
    }
    let safes = Der::new(safes).take(OCTET_STRING)?;
    if let Some(mac) = store.optional(SEQUENCE)? {
        password.check(Der::new(mac), safes)?;
    }
    let mut contents = Contents::default();
    let mut safes = Der::new(safes).inside(SEQUENCE)?;
    while !safes.is_empty() {
        let (kind, safe) = content(safes.inside(SEQUENCE)?)?;
        if kind == DATA {
            contents.read(Der::new(safe).take(OCTET_STRING)?, &mut password)?;
        } else if kind == ENCRYPTED_DATA {
            let mut safe = Der::new(safe).inside(SEQUENCE)?;
            safe.take(INTEGER)?;
            let mut encrypted = safe.inside(SEQUENCE)?;
            encrypted.take(OID)?;
            let algorithm = encrypted.inside(SEQUENCE)?;
            // [0], implicit and primitive.
            let secret = encrypted.take(0x80)?;
            contents.read(&password.decrypt(algorithm, secret)?, &mut password)?;
        } else {
            return Err(StoreError::Unsupported(
                "a store encrypted for a key and not with a password".to_owned(),
            ));
        }
    }
    Ok(contents)
}

/// A `ContentInfo`: its kind, and what is in it.
fn content(mut info: Der<'_>) -> Result<(&[u8], &[u8]), StoreError> {
    Ok((info.take(OID)?, info.take(context(0))?))
}

impl Contents {
    /// Reads `SafeContents`.
    fn read(&mut self, bytes: &[u8], password: &mut Password) -> Result<(), StoreError> {
        let mut bags = Der::new(bytes).inside(SEQUENCE)?;
        while !bags.is_empty() {
            let mut bag = bags.inside(SEQUENCE)?;
            let kind = bag.take(OID)?.strip_prefix(BAG);
            let mut value = bag.inside(context(0))?;
            let alias = alias(bag.optional(SET)?)?;
            match kind {
                Some([1]) => self.keys.push(Key {
                    alias,
                    pkcs8: Zeroizing::new(value.any()?.whole.to_vec()),
                }),
                Some([2]) => {
                    let mut value = value.inside(SEQUENCE)?;
                    let algorithm = value.inside(SEQUENCE)?;
                    let secret = value.take(OCTET_STRING)?;
                    self.keys.push(Key {
                        alias,
                        pkcs8: password.decrypt(algorithm, secret)?,
                    });
                }
                Some([3]) => {
                    let mut value = value.inside(SEQUENCE)?;
                    if value.take(OID)? == X509_CERTIFICATE {
                        let certificate = value.inside(context(0))?.take(OCTET_STRING)?;
                        self.certificates.push(CertificateDer::from(certificate.to_vec()));
                    }
                }
                // Revocation lists, secret keys: not what a store is opened for here.
                _ => {}
            }
        }
        Ok(())
    }
}

/// The `friendlyName` of a bag.
fn alias(attributes: Option<&[u8]>) -> Result<String, StoreError> {
    let mut attributes = Der::new(attributes.unwrap_or_default());
    while !attributes.is_empty() {
        let mut attribute = attributes.inside(SEQUENCE)?;
        if attribute.take(OID)? == FRIENDLY_NAME {
            let units = attribute.inside(SET)?.take(BMP_STRING)?.chunks_exact(2);
            let units = units.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            return Ok(char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect());
        }
    }
    Ok(String::new())
}
