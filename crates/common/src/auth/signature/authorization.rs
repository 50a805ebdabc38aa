//! Reading `Authorization: SDK-HMAC-SHA256 Access=<AK>, SignedHeaders=<h1;h2;…>, Signature=<64 hex>`.

use super::{ALGORITHM, AccessKey, BLANKS};

/// Most headers that may be signed: bounds the work a stranger can ask for.
const MAX_SIGNED_HEADERS: usize = 64;

/// What the header says. Not verified by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Whose key.
    pub access_key: AccessKey,
    /// Names of the signed headers, lower case, in the order in which they were signed.
    pub signed_headers: Vec<String>,
    /// The signature's bytes: one signature has one form here, however its hexadecimal digits were written.
    pub signature: [u8; 32],
}

/// True when the header's value speaks this scheme at all, readable or not. Schemes are compared without case (RFC 9110, 11.1).
pub fn is_signature(authorization: &str) -> bool {
    let scheme = authorization
        .trim_matches(BLANKS)
        .split(BLANKS)
        .next()
        .unwrap_or_default();
    scheme.eq_ignore_ascii_case(ALGORITHM)
}

/// Reads the header's value. Blanks around the commas are tolerated, the order of the three parts is not free.
///
/// `None` when it cannot be read: another scheme, a part missing or twice, a header name that is not lower case or
/// stands twice, a signature that is not 64 hexadecimal digits.
pub fn parse_authorization(value: &str) -> Option<Authorization> {
    let (scheme, rest) = value.trim_matches(BLANKS).split_once(' ')?;
    if !scheme.eq_ignore_ascii_case(ALGORITHM) {
        return None;
    }
    let mut parts = rest.split(',').map(|part| part.trim_matches(BLANKS));
    let access_key = parts.next()?.strip_prefix("Access=")?.parse().ok()?;
    let signed_headers = signed_headers(parts.next()?.strip_prefix("SignedHeaders=")?)?;
    let digits = parts.next()?.strip_prefix("Signature=")?;
    if parts.next().is_some() {
        return None;
    }
    let mut signature = [0; 32];
    hex::decode_to_slice(digits, &mut signature).ok()?;
    Some(Authorization {
        access_key,
        signed_headers,
        signature,
    })
}

fn signed_headers(list: &str) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in list.split(';') {
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&c);
        let twice = !cfg!(planted_bug) && names.iter().any(|other| other == name);
        if name.is_empty() || !name.bytes().all(fits) || twice || names.len() == MAX_SIGNED_HEADERS {
            return None;
        }
        names.push(name.to_owned());
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn the_three_parts_are_read_with_any_blanks_around_the_commas() {
        for comma in [", ", ",", " ,  "] {
            let value = format!(
                "SDK-HMAC-SHA256 Access=QVUJMSUMgS0tLS0t+/0={comma}SignedHeaders=host;x-sdk-date{comma}Signature={SIGNATURE}"
            );
            let read = parse_authorization(&value).unwrap();
            assert_eq!(read.access_key.as_str(), "QVUJMSUMgS0tLS0t+/0=");
            assert_eq!(read.signed_headers, ["host", "x-sdk-date"]);
            assert_eq!(hex::encode(read.signature), SIGNATURE);
            let shouted = value.replace(SIGNATURE, &SIGNATURE.to_uppercase());
            assert_eq!(parse_authorization(&shouted), Some(read));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let good = format!("SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature={SIGNATURE}");
        assert!(parse_authorization(&good).is_some());
        let many = (0..65).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(";");
        for bad in [
            String::new(),
            "SDK-HMAC-SHA256".into(),
            "SDK-HMAC-SHA256 ".into(),
            good.replace("SDK-HMAC-SHA256", "SDK-HMAC-SHA512"),
            good.replace("Access=AK", "Access="),
            good.replace("Access=AK, ", ""),
            good.replace("Access=AK", "Access=A K"),
            good.replace("host;", "Host;"),
            good.replace("host;", "host;host;"),
            good.replace("host;", "host;;"),
            good.replace("host;x-sdk-date", ""),
            good.replace("host;x-sdk-date", &many),
            good.replace(SIGNATURE, &SIGNATURE[1..]),
            good.replace(SIGNATURE, &SIGNATURE.replace('f', "g")),
            format!("{good}, Access=AK"),
            format!("{good}, "),
            // A blank of Unicode, or of text files, is none of HTTP's.
            format!("\u{b}{good}"),
            good.replace(", ", ",\u{a0}"),
        ] {
            assert_eq!(parse_authorization(&bad), None, "{bad}");
        }
    }

    #[test]
    fn the_scheme_is_told_from_others() {
        assert!(is_signature("SDK-HMAC-SHA256 nonsense"));
        assert!(is_signature("sdk-hmac-sha256"));
        assert!(is_signature("\t SDK-HMAC-SHA256\tnonsense"));
        assert!(!is_signature("Bearer eyJ"));
        assert!(!is_signature(""));
    }
}
