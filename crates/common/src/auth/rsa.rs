//! RSA keys of access tokens: the public ones that verify, and Inventory's own that signs.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKey as RsaPublicKey};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaParameters,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Shorter keys are refused: EdgeGallery's user management makes 1024-bit ones on Java 8 when none is configured.
const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;

/// A text that holds no key that can be used. Never shows the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// No PEM of the wanted kind.
    #[error("no {0} found: give a PEM that begins with -----BEGIN {0}-----")]
    NotPem(&'static str),
    /// An encrypted private key.
    #[error("the private key is encrypted: decrypt it first (openssl pkcs8 -in key.pem -out plain.pem)")]
    Encrypted,
    /// Not RSA, or broken.
    #[error("the {0} is no RSA key, or is damaged")]
    NotRsa(&'static str),
    /// Too short or too long.
    #[error("the RSA key has {0} bits; it must have 2048 to 8192: make a new key pair")]
    Size(usize),
}

/// A public key that access tokens are verified with.
#[derive(Clone)]
pub struct PublicKey {
    parsed: ParsedPublicKey,
    spki: Arc<[u8]>,
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` (or PKCS#1's `RSA PUBLIC KEY`). The base64 may stand on one long line, and
    /// line feeds may be written as `\n`, as they are in environment variables and in the auth server's answer.
    ///
    /// # Errors
    /// [`InvalidKey`] says what is wrong; RSA keys under 2048 bits are refused.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        const KIND: &str = "PUBLIC KEY";
        let der = pem_block(pem, KIND)
            .or_else(|| pem_block(pem, "RSA PUBLIC KEY"))
            .ok_or(InvalidKey::NotPem(KIND))?;
        Self::from_der(&der)
    }

    fn from_der(der: &[u8]) -> Result<Self, InvalidKey> {
        let broken = || InvalidKey::NotRsa("public key");
        let key = RsaPublicKey::from_der(der).map_err(|_| broken())?;
        let bits = RsaParameters::public_modulus_len(key.as_ref()).map_err(|_| broken())? as usize;
        if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return Err(InvalidKey::Size(bits));
        }
        let spki = key.as_der().map_err(|_| broken())?;
        let spki: Arc<[u8]> = Arc::from(spki.as_ref());
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref()).map_err(|_| broken())?;
        Ok(Self { parsed, spki })
    }

    /// The key as the auth server writes it: one unwrapped line of base64 between the armour, no line feed at the end.
    pub fn to_pem(&self) -> String {
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
            STANDARD.encode(&self.spki)
        )
    }

    /// Whether the signature is RSASSA-PKCS1-v1_5 with SHA-256 of the message by this key.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", STANDARD.encode(&self.spki))
    }
}

/// The private key that Inventory signs its tokens with. Does not print.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<KeyPair>,
    public: PublicKey,
}

impl SigningKey {
    /// Makes a new key of 2048 bits.
    pub fn generate() -> Self {
        let pair =
            KeyPair::generate(KeySize::Rsa2048).expect("the operating system's generator has random bytes");
        Self::of(pair).expect("a fresh key of 2048 bits is a good key")
    }

    /// Reads an unencrypted PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`) PEM.
    ///
    /// # Errors
    /// [`InvalidKey`] says what is wrong.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        const KIND: &str = "PRIVATE KEY";
        let broken = |_| InvalidKey::NotRsa("private key");
        let pair = if let Some(der) = pem_block(pem, KIND) {
            KeyPair::from_pkcs8(&der).map_err(broken)?
        } else if let Some(der) = pem_block(pem, "RSA PRIVATE KEY") {
            KeyPair::from_der(&der).map_err(broken)?
        } else if pem.contains("ENCRYPTED PRIVATE KEY") {
            return Err(InvalidKey::Encrypted);
        } else {
            return Err(InvalidKey::NotPem(KIND));
        };
        Self::of(pair)
    }

    fn of(pair: KeyPair) -> Result<Self, InvalidKey> {
        let public = PublicKey::from_der(pair.public_key().as_ref())?;
        Ok(Self {
            pair: Arc::new(pair),
            public,
        })
    }

    /// The key as a PKCS#8 PEM, for its file.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = self
            .pair
            .as_der()
            .expect("a key that was read or made can be written");
        let text = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let mut pem = Zeroizing::new(String::with_capacity(text.len() * 2));
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        pem
    }

    /// The other half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a good key signs any message");
        signature
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(***, {:?})", self.public)
    }
}

/// The answer of `GET /oauth/token_key` (EdgeGallery's user management) and of Inventory's `GET /inventory/v1/token_key`,
/// which has one member more.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenKey {
    /// Java's name of RS256.
    #[schema(example = "SHA256withRSA")]
    #[serde(default)]
    pub alg: String,
    /// The PEM of the key that signs now.
    pub value: String,
    /// PEMs of keys that signed before and whose tokens may still live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Vec<String>>,
}

impl TokenKey {
    /// What Inventory answers.
    pub fn of(current: &PublicKey, previous: &[PublicKey]) -> Self {
        Self {
            alg: "SHA256withRSA".to_owned(),
            value: current.to_pem(),
            previous: Some(previous.iter().map(PublicKey::to_pem).collect()),
        }
    }

    /// All keys of the answer, the current one first.
    ///
    /// # Errors
    /// [`InvalidKey`] of the first one that is none.
    pub fn keys(&self) -> Result<Vec<PublicKey>, InvalidKey> {
        let previous = self.previous.iter().flatten();
        std::iter::once(&self.value)
            .chain(previous)
            .map(|pem| PublicKey::from_pem(pem))
            .collect()
    }
}

/// The bytes between the armour of the given kind, however the lines are broken.
fn pem_block(text: &str, kind: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
    let inside = text.split_once(&begin)?.1.split_once(&end)?.0;
    let inside = Zeroizing::new(inside.replace("\\n", "").replace("\\r", ""));
    let digits: Zeroizing<String> = Zeroizing::new(inside.split_ascii_whitespace().collect());
    STANDARD.decode(digits.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::LazyLock;

    use super::*;

    /// One pair for all tests: making one takes a while.
    pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
    /// Another.
    pub(crate) static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);

    /// A public key of 1024 bits (made by OpenSSL): what user management makes on Java 8.
    const SHORT: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCxU29VjWOTSCrMiFYKzrsXEpde
/JNmIxNxe8ayoDWEvQm2qYfbsofPkh886zgxer8uyAsMuYemyk0VlzXImBEbwX46
r6K02lf9ffHmPi1UIxud8V6E8raRzURGLqWJDd90D0a78EJlBCJQANT2qzkLZWpo
DcXDmHUaEBihH48nvwIDAQAB
-----END PUBLIC KEY-----";

    #[test]
    fn a_key_is_read_however_its_lines_are_broken() {
        let pem = KEY.public().to_pem();
        let one_line = pem.replace('\n', "");
        let wrapped = {
            let inner = pem.lines().nth(1).unwrap();
            let lines: Vec<_> = inner
                .as_bytes()
                .chunks(64)
                .map(|l| std::str::from_utf8(l).unwrap())
                .collect();
            format!(
                "-----BEGIN PUBLIC KEY-----\r\n{}\r\n-----END PUBLIC KEY-----\r\n",
                lines.join("\r\n")
            )
        };
        for text in [
            pem.clone(),
            one_line,
            wrapped,
            pem.replace('\n', "\\n"),
            format!("  {pem}\n\n"),
        ] {
            assert_eq!(PublicKey::from_pem(&text).as_ref(), Ok(KEY.public()), "{text}");
        }
        assert_eq!(pem.lines().count(), 3);
        assert_eq!(
            pem.lines().nth(1).unwrap().len(),
            392,
            "as the auth server writes it"
        );
    }

    #[test]
    fn what_is_no_usable_public_key_says_why() {
        let said = |pem: &str| PublicKey::from_pem(pem).unwrap_err().to_string();
        assert_eq!(
            said(SHORT),
            "the RSA key has 1024 bits; it must have 2048 to 8192: make a new key pair"
        );
        assert!(said("").contains("-----BEGIN PUBLIC KEY-----"));
        assert!(said("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").contains("no RSA key"));
        assert!(said(&KEY.to_pem()).contains("no PUBLIC KEY found"));
    }

    #[test]
    fn a_private_key_survives_its_file_and_does_not_print() {
        let pem = KEY.to_pem();
        let read = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(read.public(), KEY.public());
        assert_eq!(read.sign(b"m"), KEY.sign(b"m"));
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert!(format!("{read:?}").contains("***"));
        assert!(!format!("{read:?}").contains(pem.lines().nth(3).unwrap()));
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
        assert_eq!(
            SigningKey::from_pem(encrypted).unwrap_err(),
            InvalidKey::Encrypted
        );
        assert_eq!(
            SigningKey::from_pem("no").unwrap_err(),
            InvalidKey::NotPem("PRIVATE KEY")
        );
    }

    #[test]
    fn signatures_verify_with_their_own_key_alone() {
        let signature = KEY.sign(b"message");
        assert!(KEY.public().verifies(b"message", &signature));
        assert!(!KEY.public().verifies(b"massage", &signature));
        assert!(!OTHER_KEY.public().verifies(b"message", &signature));
    }

    #[test]
    fn the_key_answer_is_written_and_read_as_the_auth_server_does() {
        let answer = TokenKey::of(KEY.public(), &[OTHER_KEY.public().clone()]);
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!(json["alg"], "SHA256withRSA");
        assert_eq!(json["previous"].as_array().unwrap().len(), 1);
        let back: TokenKey = serde_json::from_value(json).unwrap();
        assert_eq!(
            back.keys().unwrap(),
            [KEY.public().clone(), OTHER_KEY.public().clone()]
        );
        let user_mgmt = serde_json::json!({"alg": "SHA256withRSA", "value": KEY.public().to_pem()});
        let read: TokenKey = serde_json::from_value(user_mgmt).unwrap();
        assert_eq!(read.keys().unwrap(), [KEY.public().clone()]);
    }
}
