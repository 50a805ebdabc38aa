//! The body's part in a signature: its hash, or the value of `X-Sdk-Content-Sha256` in its stead.

use sha2::{Digest, Sha256};

use super::{Authorization, CONTENT_HASH_HEADER, RequestParts};

/// The hash of an empty body.
pub const EMPTY_BODY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What official SDKs send in `X-Sdk-Content-Sha256` with bodies that they do not hash.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// `Hex(SHA256(body))`.
pub fn hash_body(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// What a request says of its body in `X-Sdk-Content-Sha256`. Counts only where that header is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentHash {
    /// No such header, or not a signed one: the body itself is hashed.
    NotSent,
    /// A hash: the body must have it, which the receiver checks while the body streams.
    Hash {
        /// As it was sent: it is what was signed.
        text: String,
        /// The same as bytes.
        digest: [u8; 32],
    },
    /// `UNSIGNED-PAYLOAD`: the signature does not cover the body.
    Unsigned,
    /// Neither. It counts for an empty body alone, as any value does; with another body the request is refused.
    Other(String),
}

impl ContentHash {
    /// Reads the header, if the `Authorization` says that it is signed.
    pub fn of(parts: &RequestParts<'_>, authorization: &Authorization) -> Self {
        if !authorization
            .signed_headers
            .iter()
            .any(|name| name == CONTENT_HASH_HEADER)
        {
            return Self::NotSent;
        }
        let Some(text) = parts.header(CONTENT_HASH_HEADER) else {
            return Self::NotSent;
        };
        if text == UNSIGNED_PAYLOAD {
            return Self::Unsigned;
        }
        let mut digest = [0; 32];
        match hex::decode_to_slice(text, &mut digest) {
            Ok(()) => Self::Hash {
                text: text.to_owned(),
                digest,
            },
            Err(_) => Self::Other(text.to_owned()),
        }
    }

    /// The header's value, where it was sent and signed.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::NotSent => None,
            Self::Hash { text, .. } | Self::Other(text) => Some(text),
            Self::Unsigned => Some(UNSIGNED_PAYLOAD),
        }
    }

    /// The hashes to try for an empty body: that of nothing, and the header's value.
    pub fn for_empty_body(&self) -> Vec<&str> {
        let stated = self.text().filter(|text| *text != EMPTY_BODY_SHA256);
        std::iter::once(EMPTY_BODY_SHA256).chain(stated).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str, signed: &[&str]) -> ContentHash {
        let headers: &[(&str, &[u8])] = &[("X-Sdk-Content-Sha256", value.as_bytes())];
        let parts = RequestParts {
            method: "POST",
            path: "/",
            query: "",
            headers,
        };
        let authorization = Authorization {
            access_key: "AK".parse().unwrap(),
            signed_headers: signed.iter().map(|name| (*name).to_owned()).collect(),
            signature: [0; 32],
        };
        ContentHash::of(&parts, &authorization)
    }

    #[test]
    fn the_hash_of_nothing_is_the_hash_of_nothing() {
        assert_eq!(hash_body(b""), EMPTY_BODY_SHA256);
    }

    #[test]
    fn the_header_counts_only_when_it_is_signed() {
        assert_eq!(read(EMPTY_BODY_SHA256, &["host"]), ContentHash::NotSent);
        assert_eq!(
            read(UNSIGNED_PAYLOAD, &["x-sdk-content-sha256"]),
            ContentHash::Unsigned
        );
        assert_eq!(
            read("nonsense", &["x-sdk-content-sha256"]),
            ContentHash::Other("nonsense".into())
        );
        let hash = hash_body(b"abc");
        let ContentHash::Hash { text, digest } = read(&hash, &["x-sdk-content-sha256"]) else {
            panic!("a hash is a hash")
        };
        assert_eq!((text, hex::encode(digest)), (hash.clone(), hash));
    }

    #[test]
    fn an_empty_body_may_be_signed_either_way() {
        assert_eq!(ContentHash::NotSent.for_empty_body(), [EMPTY_BODY_SHA256]);
        assert_eq!(
            ContentHash::Unsigned.for_empty_body(),
            [EMPTY_BODY_SHA256, UNSIGNED_PAYLOAD]
        );
        assert_eq!(
            read(EMPTY_BODY_SHA256, &["x-sdk-content-sha256"]).for_empty_body(),
            [EMPTY_BODY_SHA256]
        );
    }
}
