//! The client's end: signing a request.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    ALGORITHM, AccessKey, DATE_FORMAT, DATE_HEADER, Form, RequestParts, SecretKey, canonical_request,
};

/// The two headers that make a request a signed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `X-Sdk-Date`.
    pub date: String,
    /// `Authorization`.
    pub authorization: String,
}

impl Signed {
    /// Both as name and value, names in lower case.
    pub fn headers(&self) -> [(&'static str, &str); 2] {
        [(DATE_HEADER, &self.date), ("authorization", &self.authorization)]
    }
}

/// Signs a request in the SDKs' form, the one that this suite sends.
///
/// All headers given are signed, but those with an underscore in their name (gateways drop them, official SDKs never
/// sign them), `authorization`, and an `x-sdk-date`, whose place `now` takes. `host` must be among them: without it no
/// receiver accepts the signature. `body_hash` is [`super::hash_body`] of the exact bytes, or what is sent (and given
/// here) as `x-sdk-content-sha256`. The suite's own calls give an `x-request-id` that no other call has: dates have a
/// resolution of one second, so two equal calls in one second would have one signature, and the second be a replay.
pub fn sign(
    access_key: &AccessKey,
    secret_key: &SecretKey,
    parts: &RequestParts<'_>,
    body_hash: &str,
    now: DateTime<Utc>,
) -> Signed {
    sign_in(Form::Sdk, access_key, secret_key, parts, body_hash, now)
}

/// [`sign`] in a chosen form: applications sign for MEP-auth in its own.
pub fn sign_in(
    form: Form,
    access_key: &AccessKey,
    secret_key: &SecretKey,
    parts: &RequestParts<'_>,
    body_hash: &str,
    now: DateTime<Utc>,
) -> Signed {
    let date = now.format(DATE_FORMAT).to_string();
    let mut headers: Vec<(&str, &[u8])> = parts
        .headers
        .iter()
        .copied()
        .filter(|(name, _)| !name.contains('_'))
        .filter(|(name, _)| {
            !name.eq_ignore_ascii_case("authorization") && !name.eq_ignore_ascii_case(DATE_HEADER)
        })
        .collect();
    headers.push((DATE_HEADER, date.as_bytes()));
    let mut names: Vec<String> = headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.sort();
    names.dedup();
    let parts = RequestParts {
        headers: &headers,
        ..*parts
    };
    let canonical = canonical_request(&parts, &names, body_hash, form)
        .expect("the names were taken from the headers that are there");
    let signature = hex::encode(signature(secret_key, &string_to_sign(&date, &canonical)));
    let authorization = format!(
        "{ALGORITHM} Access={access_key}, SignedHeaders={}, Signature={signature}",
        names.join(";")
    );
    Signed { date, authorization }
}

/// The three lines that are signed.
pub(super) fn string_to_sign(date: &str, canonical_request: &[u8]) -> String {
    let mut digits = [0; 64];
    let mut string = String::with_capacity(ALGORITHM.len() + date.len() + digits.len() + 2);
    for line in [ALGORITHM, date] {
        string.push_str(line);
        string.push('\n');
    }
    hex::encode_to_slice(Sha256::digest(canonical_request), &mut digits).expect("32 bytes are 64 digits");
    string.push_str(std::str::from_utf8(&digits).expect("digits are text"));
    string
}

/// `HMAC-SHA256(SK, StringToSign)`.
pub(super) fn signature(secret_key: &SecretKey, string_to_sign: &str) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(string_to_sign.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}
