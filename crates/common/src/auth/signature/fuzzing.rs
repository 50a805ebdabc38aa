//! What must hold of any `Authorization` header and any request, for the fuzzer (`scripts/fuzz-signatures`) and for the tests,
//! which try it on a few samples each time. Each function panics where something does not hold.

use super::authorization::is_signature;
use super::{
    AccessKey, Authorization, DATE_FORMAT, EMPTY_BODY_SHA256, Form, Refusal, RequestParts, SecretKey,
    canonical_request, parse_authorization, read, sign_in, verify,
};
use chrono::DateTime;
use percent_encoding::percent_decode_str;

/// Whatever stands in the header, it is read or refused; what was read is written and read again to the same.
pub fn authorization(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let parsed = parse_authorization(text);
    if let Some(parsed) = &parsed {
        assert!(is_signature(text), "read, but not of this scheme");
        let names = &parsed.signed_headers;
        assert!(!names.is_empty() && names.len() <= 64, "{} headers", names.len());
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len(), "a header stands twice");
        assert_eq!(
            parse_authorization(&written(parsed)).as_ref(),
            Some(parsed),
            "read differently when written anew"
        );
    }
    with_headers_of(text, parsed.as_ref());
}

fn written(read: &Authorization) -> String {
    format!(
        "SDK-HMAC-SHA256 Access={}, SignedHeaders={}, Signature={}",
        read.access_key,
        read.signed_headers.join(";"),
        hex::encode(read.signature)
    )
}

/// A request with this header, and with all headers that it says are signed, is read where `host` and `x-sdk-date` are among
/// them.
fn with_headers_of(text: &str, parsed: Option<&Authorization>) {
    let now = DateTime::UNIX_EPOCH;
    let date = now.format(DATE_FORMAT).to_string();
    let mut headers: Vec<(&str, &[u8])> = vec![
        ("authorization", text.as_bytes()),
        ("x-sdk-date", date.as_bytes()),
    ];
    for name in parsed.into_iter().flat_map(|parsed| &parsed.signed_headers) {
        if headers.iter().all(|(other, _)| other != name) {
            headers.push((name, b"x"));
        }
    }
    let parts = RequestParts {
        method: "GET",
        path: "/",
        query: "",
        headers: &headers,
    };
    let signs =
        |name: &str| parsed.is_some_and(|parsed| parsed.signed_headers.iter().any(|other| other == name));
    let expected = match parsed {
        None => Err(Refusal::Unreadable),
        Some(_) if !signs("host") || !signs("x-sdk-date") => Err(Refusal::NotSigned),
        Some(parsed) => Ok(parsed.clone()),
    };
    let told = read(&parts, now).map(|request| request.authorization);
    assert_eq!(told, expected);
}

/// Any request: the first line is the method, the second the path, the third the query, each further one `name:value`.
pub fn canonical(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, path, query) = (line(), line(), line());
    let headers: Vec<(&str, &[u8])> = lines
        .take(32)
        .map(|line| line.split_once(':').unwrap_or((line, "")))
        .filter(|(name, _)| is_token(name))
        .map(|(name, value)| (name, value.as_bytes()))
        .chain([("host", b"edge:80".as_slice())])
        .collect();
    let parts = RequestParts {
        method,
        path,
        query,
        headers: &headers,
    };
    for form in Form::ALL {
        of_form(&parts, form);
    }
}

/// A header's name (RFC 9110, 5.6.2) that is signed by whoever signs: the others are not asked for here.
fn is_token(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let token = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    !name.is_empty() && name.bytes().all(token) && lower != "authorization" && lower != "x-sdk-date"
}

fn of_form(parts: &RequestParts<'_>, form: Form) {
    let [path, query] = path_and_query(parts, form);
    let blanks_as_sent = |text: &str| text.replace('+', "%20");
    let same = |parts: &RequestParts<'_>| path_and_query(parts, form) == [path.as_str(), query.as_str()];

    assert!(path.ends_with('/'), "{path:?} does not end in a slash");
    let of_texts = |c: char, more: &str| c.is_ascii_alphanumeric() || "-._~%".contains(c) || more.contains(c);
    assert!(path.chars().all(|c| of_texts(c, "/+")), "{path:?}");
    assert!(query.chars().all(|c| of_texts(c, "=&+")), "{query:?}");

    let written = blanks_as_sent(&path);
    assert!(
        same(&RequestParts {
            path: &written,
            ..*parts
        }),
        "{path:?} is written to another"
    );
    assert!(
        same(&RequestParts {
            query: &query,
            ..*parts
        }),
        "{query:?} is written to another"
    );
    let encoded: String = percent_decode_str(parts.path)
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    assert!(
        same(&RequestParts {
            path: &encoded,
            ..*parts
        }),
        "the path's encoding counts"
    );
    let turned = parts.query.split('&').rev().collect::<Vec<_>>().join("&");
    assert!(
        same(&RequestParts {
            query: &turned,
            ..*parts
        }),
        "the query's order counts"
    );

    signs(parts, form);
}

/// Path and query of the canonical request, which has as many lines as it must.
fn path_and_query(parts: &RequestParts<'_>, form: Form) -> [String; 2] {
    let mut names: Vec<String> = parts
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.sort();
    names.dedup();
    let told = canonical_request(parts, &names, EMPTY_BODY_SHA256, form)
        .map(|told| String::from_utf8_lossy(&told).into_owned());
    let told = told.unwrap_or_else(|| panic!("all headers are there"));
    let lines: Vec<&str> = told.split('\n').collect();
    assert_eq!(lines.len(), 6 + names.len(), "{told:?}");
    [lines[1].to_owned(), lines[2].to_owned()]
}

/// What was signed in a form is good in it, and no longer when the method or a query is another.
fn signs(parts: &RequestParts<'_>, form: Form) {
    let now = DateTime::UNIX_EPOCH;
    let (Ok(access_key), Ok(secret_key)) = ("AK".parse::<AccessKey>(), "SK".parse::<SecretKey>()) else {
        return;
    };
    let signed = sign_in(form, &access_key, &secret_key, parts, EMPTY_BODY_SHA256, now);
    let mut headers = parts.headers.to_vec();
    headers.extend(signed.headers().map(|(name, value)| (name, value.as_bytes())));
    let good = |method: &str, query: &str| {
        let parts = RequestParts {
            method,
            path: parts.path,
            query,
            headers: &headers,
        };
        verify(&secret_key, &parts, &[EMPTY_BODY_SHA256], &[form], now).map(drop)
    };
    assert_eq!(good(parts.method, parts.query), Ok(()));
    assert_eq!(
        good(&format!("{}X", parts.method), parts.query),
        Err(Refusal::Mismatch)
    );
    assert_eq!(
        good(parts.method, &format!("{}&x=1", parts.query)),
        Err(Refusal::Mismatch)
    );
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    /// What the fuzzer begins with.
    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/seeds")
            .join(target);
        let files = std::fs::read_dir(folder).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    }

    #[test]
    fn it_holds_of_what_the_fuzzer_begins_with() {
        for (target, holds) in [
            ("authorization", authorization as fn(&[u8])),
            ("canonical", canonical),
        ] {
            let seeds = seeds(target);
            assert!(seeds.len() >= 4, "{target}: {} seeds", seeds.len());
            seeds.iter().for_each(|seed| holds(seed));
        }
        let good = seeds("authorization");
        assert!(
            good.iter()
                .any(|seed| parse_authorization(std::str::from_utf8(seed).unwrap()).is_some())
        );
    }

    proptest! {
        #[test]
        fn it_holds_of_any_text(text in "\\PC{0,80}", path in "[/%.a-f0-9 +]{0,20}", query in "[%a-c0-9=&+]{0,20}") {
            authorization(text.as_bytes());
            canonical(format!("GET\n{path}\n{query}\nx-a:{text}").as_bytes());
            canonical(text.as_bytes());
        }
    }
}
