//! Access keys (public names) and secret keys, and drawing new pairs of them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Random bytes behind an access key: 20 characters of base64.
const ACCESS_KEY_BYTES: usize = 14;
/// Random bytes behind a secret key: 64 characters of base64.
const SECRET_KEY_BYTES: usize = 48;
/// Longest text taken for an access key or a secret key.
const MAX_KEY_CHARS: usize = 128;

/// A text that is no key. Never says what the text was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not 1–128 characters of base64 (either alphabet) or dots.
    #[error("an access key is 1 to 128 letters, digits or any of + / = _ - .")]
    AccessKey,
    /// Not 1–128 printable ASCII characters without blanks.
    #[error("a secret key is 1 to 128 printable ASCII characters without blanks")]
    SecretKey,
}

/// An access key (AK): the public name of a key pair.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKey(String);

impl AccessKey {
    /// Draws an access key from the operating system's generator: 14 random bytes in base64, drawn again until the
    /// text holds neither `/` nor `+`, because it stands in URLs.
    pub fn generate() -> Self {
        loop {
            let mut bytes = [0; ACCESS_KEY_BYTES];
            fill(&mut bytes);
            let text = STANDARD.encode(bytes);
            if !text.contains(['/', '+']) {
                return Self(text);
            }
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccessKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"+/=_-.".contains(&c);
        if text.is_empty() || text.len() > MAX_KEY_CHARS || !text.bytes().all(fits) {
            return Err(InvalidKey::AccessKey);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for AccessKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AccessKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A secret key (SK). Leaves memory when dropped, does not print, does not compare with `==`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey(String);

impl SecretKey {
    /// Draws a secret key from the operating system's generator: 48 random bytes in base64, 64 characters.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; SECRET_KEY_BYTES]);
        fill(bytes.as_mut());
        Self(STANDARD.encode(*bytes))
    }

    /// The secret itself, for the one place that needs it: a signature, sealed storage, the answer that shows it once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        if text.is_empty() || text.len() > MAX_KEY_CHARS || !text.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(InvalidKey::SecretKey);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for SecretKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Fills a buffer from the operating system's generator.
pub(crate) fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system's generator has random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_keys_are_20_characters_fit_for_a_url_and_differ() {
        let keys: std::collections::BTreeSet<_> = (0..500).map(|_| AccessKey::generate()).collect();
        assert_eq!(keys.len(), 500);
        for key in keys {
            assert_eq!(key.as_str().len(), 20, "{key}");
            assert!(!key.as_str().contains(['/', '+']), "{key}");
            assert_eq!(STANDARD.decode(key.as_str()).unwrap().len(), 14);
            assert_eq!(key.as_str().parse::<AccessKey>(), Ok(key));
        }
    }

    #[test]
    fn secret_keys_are_64_characters_and_do_not_print() {
        let (one, other) = (SecretKey::generate(), SecretKey::generate());
        assert_eq!(one.expose().len(), 64);
        assert_ne!(one.expose(), other.expose());
        assert_eq!(format!("{one:?} {:#?}", Some(&one)).matches("***").count(), 2);
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    #[test]
    fn secret_keys_are_zeroed_when_dropped() {
        fn zeroed<T: ZeroizeOnDrop>() {}
        zeroed::<SecretKey>();
    }

    #[test]
    fn texts_that_are_no_keys_are_refused() {
        for text in ["", "a b", "a,b", "a;b", "ä", "a\n", &"a".repeat(129)] {
            assert_eq!(text.parse::<AccessKey>(), Err(InvalidKey::AccessKey), "{text:?}");
        }
        for text in ["", "a b", "ä", "a\n", &"a".repeat(129)] {
            assert_eq!(
                text.parse::<SecretKey>().err(),
                Some(InvalidKey::SecretKey),
                "{text:?}"
            );
        }
    }
}
