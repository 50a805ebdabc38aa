//! The receiver's end: reading a signed request, then comparing its signature.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use subtle::{Choice, ConstantTimeEq as _};

use super::sign::{signature, string_to_sign};
use super::{
    AccessKey, Authorization, ContentHash, DATE_HEADER, Form, RequestParts, SecretKey, canonical_request,
    parse_authorization,
};

/// How far a request's date may be from ours, on either side.
pub const MAX_SKEW: TimeDelta = TimeDelta::minutes(15);

/// Why a signature is not accepted. For the log: the caller is told less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The `Authorization` header cannot be read.
    #[error("the Authorization header cannot be read")]
    Unreadable,
    /// `host` or `x-sdk-date` is not among the signed headers.
    #[error("host or x-sdk-date is not signed")]
    NotSigned,
    /// A header that is said to be signed is not there, or the date among them is none.
    #[error("a signed header is missing, or its date cannot be read")]
    HeaderMissing,
    /// The date is too far from ours.
    #[error("the request's date is more than 15 minutes from ours")]
    Skewed,
    /// The signature fits no form.
    #[error("the signature does not fit")]
    Mismatch,
}

/// A signed request that was read and whose date is near enough: all but the comparison.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// What the `Authorization` header says.
    pub authorization: Authorization,
    /// What is said of the body, where that is signed.
    pub content_hash: ContentHash,
    date: String,
    time: DateTime<Utc>,
}

impl SignedRequest {
    /// Whose key.
    pub fn access_key(&self) -> &AccessKey {
        &self.authorization.access_key
    }

    /// When it says it was signed.
    pub fn time(&self) -> DateTime<Utc> {
        self.time
    }

    /// The texts whose signature it may be: one per form and body hash, forms within hashes. `parts` are those that
    /// were read.
    ///
    /// # Errors
    /// [`Refusal::HeaderMissing`] when a signed header is not there.
    pub fn strings_to_sign(
        &self,
        parts: &RequestParts<'_>,
        body_hashes: &[&str],
        forms: &[Form],
    ) -> Result<Vec<String>, Refusal> {
        let mut strings: Vec<String> = Vec::with_capacity(body_hashes.len() * forms.len());
        let mut written: Vec<Vec<u8>> = Vec::with_capacity(strings.capacity());
        for hash in body_hashes {
            for form in forms {
                let canonical = canonical_request(parts, &self.authorization.signed_headers, hash, *form)
                    .ok_or(Refusal::HeaderMissing)?;
                // Of most requests the forms are the same, and hashing is what costs.
                if !written.contains(&canonical) {
                    strings.push(string_to_sign(&self.date, &canonical));
                    written.push(canonical);
                }
            }
        }
        Ok(strings)
    }
}

/// Reads the `Authorization` and `X-Sdk-Date` headers and everything they point at; compares nothing yet.
///
/// # Errors
/// All of [`Refusal`] but [`Refusal::Mismatch`], in the order of its variants.
pub fn read(parts: &RequestParts<'_>, now: DateTime<Utc>) -> Result<SignedRequest, Refusal> {
    let authorization = parts
        .header("authorization")
        .and_then(parse_authorization)
        .ok_or(Refusal::Unreadable)?;
    let is_signed = |name: &str| authorization.signed_headers.iter().any(|other| other == name);
    if !is_signed("host") || !is_signed(DATE_HEADER) {
        return Err(Refusal::NotSigned);
    }
    let is_there = |name: &String| {
        parts
            .headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    if !authorization.signed_headers.iter().all(is_there) {
        return Err(Refusal::HeaderMissing);
    }
    let date = parts.header(DATE_HEADER).ok_or(Refusal::HeaderMissing)?;
    let time = parse_date(date).ok_or(Refusal::HeaderMissing)?;
    if (now - time).abs() > MAX_SKEW {
        return Err(Refusal::Skewed);
    }
    let (date, content_hash) = (date.to_owned(), ContentHash::of(parts, &authorization));
    Ok(SignedRequest {
        authorization,
        content_hash,
        date,
        time,
    })
}

/// The date in a string to sign: its second line.
pub fn date_of(string_to_sign: &str) -> Option<DateTime<Utc>> {
    string_to_sign.split('\n').nth(1).and_then(parse_date)
}

/// `20261123T064100Z` and nothing else.
fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.as_bytes();
    if text.len() != 16 || text[8] != b'T' || text[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0, |number: u32, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let year = i32::try_from(number(0, 4)?).ok()?;
    let day = NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?)?;
    let time = day.and_hms_opt(number(9, 11)?, number(11, 13)?, number(13, 15)?)?;
    Some(time.and_utc())
}

/// Whether a signature is that of one of the strings. In constant time: every string is tried to the end, and the
/// comparison does not stop at the first difference.
pub fn fits(secret_key: &SecretKey, strings_to_sign: &[String], given: &[u8; 32]) -> bool {
    let tried = strings_to_sign
        .iter()
        .map(|string| signature(secret_key, string).ct_eq(given));
    bool::from(tried.fold(Choice::from(0), |found, one| found | one))
}

/// Reads and compares in one step, for a receiver that holds the secret key. `body_hashes` are the hashes that count
/// for the body ([`ContentHash::for_empty_body`] when there is none); `forms` those that are accepted.
///
/// # Errors
/// [`Refusal`], in the order of its variants.
pub fn verify(
    secret_key: &SecretKey,
    parts: &RequestParts<'_>,
    body_hashes: &[&str],
    forms: &[Form],
    now: DateTime<Utc>,
) -> Result<SignedRequest, Refusal> {
    let request = read(parts, now)?;
    let strings = request.strings_to_sign(parts, body_hashes, forms)?;
    if fits(secret_key, &strings, &request.authorization.signature) {
        Ok(request)
    } else {
        Err(Refusal::Mismatch)
    }
}
