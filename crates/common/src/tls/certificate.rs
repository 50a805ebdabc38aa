//! The parts of an X.509 certificate (RFC 5280) that the TLS library does not tell, or not of certificates of the first version,
//! which EdgeGallery's installations use.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::StoreError;
use super::der::{BIT_STRING, Der, INTEGER, OCTET_STRING, OID, SEQUENCE, context};

const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// A certificate, read but not judged.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    /// DER of the names.
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// DER of the `SubjectPublicKeyInfo`.
    pub(super) public_key: &'a [u8],
    pub(super) not_before: DateTime<Utc>,
    pub(super) not_after: DateTime<Utc>,
    /// Whether it says which hosts it is for.
    pub(super) has_names: bool,
    /// Whether it may be an authority: it says so, or is of a version that cannot and is its own issuer.
    pub(super) is_authority: bool,
}

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a [u8]) -> Result<Self, StoreError> {
        let mut signed = Der::new(der).inside(SEQUENCE)?.inside(SEQUENCE)?;
        signed.optional(context(0))?; // version
        signed.take(INTEGER)?; // serial number
        signed.take(SEQUENCE)?; // signature algorithm
        let issuer = signed.any()?.whole;
        let mut validity = signed.inside(SEQUENCE)?;
        let mut certificate = Self {
            issuer,
            not_before: time(&mut validity)?,
            not_after: time(&mut validity)?,
            subject: signed.any()?.whole,
            public_key: signed.any()?.whole,
            has_names: false,
            is_authority: false,
        };
        certificate.is_authority = certificate.issuer == certificate.subject;
        while !signed.is_empty() {
            let part = signed.any()?;
            if part.tag == context(3) {
                certificate.extensions(part.content)?;
            }
        }
        Ok(certificate)
    }

    fn extensions(&mut self, content: &[u8]) -> Result<(), StoreError> {
        self.is_authority = false;
        let mut extensions = Der::new(content).inside(SEQUENCE)?;
        while !extensions.is_empty() {
            let mut extension = extensions.inside(SEQUENCE)?;
            let name = extension.take(OID)?;
            extension.optional(BOOLEAN)?; // critical
            let value = extension.take(OCTET_STRING)?;
            if name == SUBJECT_ALTERNATIVE_NAME {
                self.has_names = true;
            } else if name == BASIC_CONSTRAINTS {
                let authority = Der::new(value).inside(SEQUENCE)?.optional(BOOLEAN)?;
                self.is_authority = authority.is_some_and(|value| value != [0]);
            }
        }
        Ok(())
    }
}

/// A public key's algorithm (the content of its `AlgorithmIdentifier`) and the key itself.
pub(super) fn public_key(der: &[u8]) -> Result<(&[u8], &[u8]), StoreError> {
    let mut info = Der::new(der).inside(SEQUENCE)?;
    let algorithm = info.take(SEQUENCE)?;
    match info.take(BIT_STRING)? {
        [0, key @ ..] => Ok((algorithm, key)),
        _ => Err(StoreError::Damaged("a public key is not made of whole bytes")),
    }
}

fn time(validity: &mut Der<'_>) -> Result<DateTime<Utc>, StoreError> {
    let value = validity.any()?;
    let text = std::str::from_utf8(value.content).unwrap_or_default();
    // Two digits of a year mean 1950 to 2049.
    let text = match (value.tag, text.get(..2)) {
        (UTC_TIME, Some(year)) if year < "50" => format!("20{text}"),
        (UTC_TIME, Some(_)) => format!("19{text}"),
        (GENERALIZED_TIME, _) => text.to_owned(),
        _ => String::new(),
    };
    NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ")
        .map(|time| time.and_utc())
        .map_err(|_| StoreError::Damaged("a certificate's time is none"))
}
