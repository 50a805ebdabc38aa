//! Java's own store format (JKS), as far as a trust store needs it: its certificates, and the digest that keeps it whole. The
//! private keys in one stay closed.

use aws_lc_rs::digest;
use rustls::pki_types::CertificateDer;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::StoreError;

const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
/// What Java puts between the password and the content before it computes the digest.
const WHITENING: &[u8] = b"Mighty Aphrodite";
const DIGEST_BYTES: usize = 20;
const CUT_SHORT: StoreError = StoreError::Damaged("a value is cut short");

/// Whether this looks like JKS.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The certificates: the trusted ones, and of each key the one that is its own. That is what Java trusts too.
pub(super) fn read(bytes: &[u8], password: &str) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let content = bytes
        .len()
        .checked_sub(DIGEST_BYTES)
        .ok_or(CUT_SHORT)
        .map(|length| &bytes[..length])?;
    let mut wide = Zeroizing::new(Vec::with_capacity(2 * password.len()));
    for unit in password.encode_utf16() {
        wide.extend_from_slice(&unit.to_be_bytes());
    }
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&wide);
    context.update(WHITENING);
    context.update(content);
    if !bool::from(context.finish().as_ref().ct_eq(&bytes[content.len()..])) {
        return Err(StoreError::Password);
    }
    let mut reader = Reader(&content[MAGIC.len()..]);
    let version = reader.number()?;
    if !(1..=2).contains(&version) {
        return Err(StoreError::Unsupported(format!("version {version} of JKS")));
    }
    let count = reader.number()?;
    let mut certificates = Vec::new();
    for _ in 0..count {
        let kind = reader.number()?;
        reader.text()?; // the alias
        reader.bytes(8)?; // when it was put in
        match kind {
            1 => {
                reader.block()?; // the key, encrypted
                for position in 0..reader.number()? {
                    let certificate = reader.certificate(version)?;
                    if position == 0 {
                        certificates.push(certificate);
                    }
                }
            }
            2 => certificates.push(reader.certificate(version)?),
            _ => return Err(StoreError::Damaged("an entry is neither a key nor a certificate")),
        }
    }
    Ok(certificates)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, StoreError> {
        let (digits, rest) = self.0.split_first_chunk().ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*digits))
    }

    /// Bytes after their count.
    fn block(&mut self) -> Result<&'a [u8], StoreError> {
        let count = self.number()?;
        self.bytes(usize::try_from(count).map_err(|_| CUT_SHORT)?)
    }

    fn text(&mut self) -> Result<&'a [u8], StoreError> {
        let count = self.bytes(2)?;
        self.bytes(usize::from(u16::from_be_bytes([count[0], count[1]])))
    }

    fn certificate(&mut self, version: u32) -> Result<CertificateDer<'static>, StoreError> {
        if version == 2 && self.text()? != b"X.509" {
            return Err(StoreError::Unsupported(
                "a certificate that is not X.509".to_owned(),
            ));
        }
        Ok(CertificateDer::from(self.block()?.to_vec()))
    }
}
