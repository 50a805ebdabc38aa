//! AK/SK: requests signed with an access key and a secret key by the SDK-HMAC-SHA256 scheme, which EdgeGallery's
//! MEP-auth and Huawei's API gateway SDKs speak. Pure: time, keys and the parts of the request come in as arguments.
//!
//! ```text
//! CanonicalRequest = METHOD "\n" CanonicalURI "\n" CanonicalQuery "\n" CanonicalHeaders "\n" SignedHeaders "\n" BodyHash
//! StringToSign     = "SDK-HMAC-SHA256" "\n" X-Sdk-Date "\n" Hex(SHA256(CanonicalRequest))
//! Signature        = Hex(HMAC-SHA256(SK, StringToSign))
//! Authorization: SDK-HMAC-SHA256 Access=<AK>, SignedHeaders=<h1;h2;…>, Signature=<64 hex>
//! X-Sdk-Date: 20261123T064100Z
//! ```
//!
//! - [`keys`]: the two key types, and drawing new ones.
//! - [`canonical`]: the two canonical forms of a request.
//! - [`authorization`]: reading the `Authorization` header.
//! - [`body`]: which hashes of the body count.
//! - [`sign()`], [`read`], [`verify()`]: the two ends.
//! - `fuzzing`: what must hold of any header and any request. `cfg(planted_bug)` breaks one rule in each of the two files that
//!   are fuzzed, so that it can be seen that the fuzzer finds it.

pub mod authorization;
pub mod body;
pub mod canonical;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod keys;
mod sign;
mod verify;

#[cfg(test)]
mod tests;

pub use authorization::{Authorization, parse_authorization};
pub use body::{ContentHash, EMPTY_BODY_SHA256, UNSIGNED_PAYLOAD, hash_body};
pub use canonical::{Form, RequestParts, canonical_request};
pub use keys::{AccessKey, SecretKey};
pub use sign::{Signed, sign, sign_in};
pub use verify::{MAX_SKEW, Refusal, SignedRequest, date_of, fits, read, verify};

/// The scheme's name: first word of the `Authorization` header and first line of the string to sign.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// What may stand around a header's value and its parts (RFC 9110, 5.6.3).
const BLANKS: [char; 2] = [' ', '\t'];
/// The header that carries the time of signing, as `20261123T064100Z`.
pub const DATE_HEADER: &str = "x-sdk-date";
/// The header in which a client states its body's hash, or [`UNSIGNED_PAYLOAD`].
pub const CONTENT_HASH_HEADER: &str = "x-sdk-content-sha256";
/// How the time of signing is written.
pub const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";
