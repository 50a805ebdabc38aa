//! Vectors made by hand from the rules, each refusal, and the property that nothing can be changed unseen.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use proptest::prelude::*;

use super::*;

const AK: &str = "QUtBS0FLQUtBS0FLQUs=";
const SK: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNDU2";
const DATE: &str = "20261123T064100Z";

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 6, 41, 0).unwrap()
}

fn keys() -> (AccessKey, SecretKey) {
    (AK.parse().unwrap(), SK.parse().unwrap())
}

fn authorization(signed: &str, signature: &str) -> String {
    format!("SDK-HMAC-SHA256 Access={AK}, SignedHeaders={signed}, Signature={signature}")
}

/// The request of an application's agent to MEP-auth, as `PUT …/confs` gave it its keys.
const TOKEN_SIGNATURE: &str = "c1eacb4be82cc9c6032a98514ebaf034014e2dfb28c3a2ab2ef823806d6edff9";

#[test]
fn the_token_call_of_mep_auth_has_the_signature_computed_by_hand() {
    let (ak, sk) = keys();
    let headers: &[(&str, &[u8])] = &[("Content-Type", b"application/json"), ("Host", b"10.0.0.2:8088")];
    let parts = RequestParts {
        method: "POST",
        path: "/mepauth/mepauth/v1/token",
        query: "",
        headers,
    };
    for form in Form::ALL {
        let signed = sign_in(form, &ak, &sk, &parts, EMPTY_BODY_SHA256, now());
        assert_eq!(signed.date, DATE);
        assert_eq!(
            signed.authorization,
            authorization("content-type;host;x-sdk-date", TOKEN_SIGNATURE)
        );
    }
}

/// A POST with a blank, `//`, `%2F` and keys that sort differently when encoded, and its signature in each form.
const ODD_PATH: &str = "/inventory/v1/a%20b//c%2Fd";
const ODD_QUERY: &str = "z=1&a:=2&a9=x+y&flag";
const ODD_BODY: &[u8] = br#"{"name":"a"}"#;
const ODD_SDK: &str = "99276204373bd8a4875ad9a82cbe61e6ed0c330238ea5c2f36f6f883da60211d";
const ODD_MEP: &str = "a1865cebc2fd4ad880ba8e523e05ca3117d618a3ef92c0a44942900a07a9007b";

#[test]
fn odd_requests_fit_in_the_form_in_which_they_were_signed() {
    let (_, sk) = keys();
    for (signature, form, other) in [
        (ODD_SDK, Form::Sdk, Form::MepAuth),
        (ODD_MEP, Form::MepAuth, Form::Sdk),
    ] {
        let authorization = authorization("host;x-request-id;x-sdk-date", signature);
        let headers: &[(&str, &[u8])] = &[
            ("host", b"127.0.0.1:8093"),
            ("x-request-id", b"r1"),
            ("x-sdk-date", DATE.as_bytes()),
            ("authorization", authorization.as_bytes()),
        ];
        let parts = RequestParts {
            method: "POST",
            path: ODD_PATH,
            query: ODD_QUERY,
            headers,
        };
        let hash = hash_body(ODD_BODY);
        assert_eq!(
            hash,
            "d9d719b27480b55cd4918020e7473e716ed3569c8adafe926cf9b10b4f8ef064"
        );
        let accepted = |forms: &[Form]| verify(&sk, &parts, &[&hash], forms, now()).map(|_| ());
        assert_eq!(accepted(&[form]), Ok(()));
        assert_eq!(accepted(&Form::ALL), Ok(()));
        assert_eq!(accepted(&[other]), Err(Refusal::Mismatch));
    }
}

#[test]
fn an_empty_body_fits_by_the_hash_of_nothing_and_by_the_stated_value() {
    let (_, sk) = keys();
    for signature in [
        "f61534f2d76adf2f28f6315afd771b75ea9d7c800d6e8a7956a910de481fbe7f",
        "6b50d03b0cf91c9f4ab3d2a07eddc89cd1a415c39f4554b935e8ef421b7ed847",
    ] {
        let authorization = authorization("host;x-sdk-content-sha256;x-sdk-date", signature);
        let headers: &[(&str, &[u8])] = &[
            ("Host", b"127.0.0.1:8092"),
            ("X-Sdk-Content-Sha256", b"UNSIGNED-PAYLOAD"),
            ("X-Sdk-Date", DATE.as_bytes()),
            ("Authorization", authorization.as_bytes()),
        ];
        let parts = RequestParts {
            method: "POST",
            path: "/apm/v1/upload",
            query: "",
            headers,
        };
        let request = read(&parts, now()).unwrap();
        assert_eq!(request.access_key().as_str(), AK);
        assert_eq!(request.content_hash, ContentHash::Unsigned);
        let hashes = request.content_hash.for_empty_body();
        let strings = request.strings_to_sign(&parts, &hashes, &Form::ALL).unwrap();
        assert_eq!(
            strings.len(),
            2,
            "the forms agree on this path, so each hash is one text"
        );
        assert!(fits(&sk, &strings, &request.authorization.signature));
        assert!(!fits(
            &SecretKey::generate(),
            &strings,
            &request.authorization.signature
        ));
    }
}

/// The call to MEP-auth again, with one thing at a time made wrong.
fn refused(change: impl FnOnce(&mut Vec<(&'static str, String)>), at: DateTime<Utc>) -> Option<Refusal> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("host", "10.0.0.2:8088".to_owned()),
        ("x-sdk-date", DATE.to_owned()),
        (
            "authorization",
            authorization("content-type;host;x-sdk-date", TOKEN_SIGNATURE),
        ),
    ];
    change(&mut headers);
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let parts = RequestParts {
        method: "POST",
        path: "/mepauth/mepauth/v1/token",
        query: "",
        headers: &headers,
    };
    verify(&keys().1, &parts, &[EMPTY_BODY_SHA256], &Form::ALL, at).err()
}

#[test]
fn each_wrong_header_has_its_refusal() {
    assert_eq!(refused(|_| {}, now()), None);
    assert_eq!(refused(|h| h.truncate(3), now()), Some(Refusal::Unreadable));
    assert_eq!(refused(|h| h[3].1.push('0'), now()), Some(Refusal::Unreadable));
    let signed = |list: &'static str| {
        move |h: &mut Vec<(&'static str, String)>| h[3].1 = authorization(list, TOKEN_SIGNATURE)
    };
    assert_eq!(
        refused(signed("content-type;x-sdk-date"), now()),
        Some(Refusal::NotSigned)
    );
    assert_eq!(
        refused(signed("content-type;host"), now()),
        Some(Refusal::NotSigned)
    );
    assert_eq!(
        refused(signed("host;x-other;x-sdk-date"), now()),
        Some(Refusal::HeaderMissing)
    );
    assert_eq!(refused(signed("host;x-sdk-date"), now()), Some(Refusal::Mismatch));
    assert_eq!(
        refused(|h| drop(h.remove(2)), now()),
        Some(Refusal::HeaderMissing)
    );
    for date in [
        "20261123T064100",
        "2026-11-23T06:41:00Z",
        "20261323T064100Z",
        "tomorrow at nine",
    ] {
        assert_eq!(
            refused(|h| h[2].1 = date.to_owned(), now()),
            Some(Refusal::HeaderMissing),
            "{date}"
        );
    }
    assert_eq!(
        refused(|h| h[2].1 = "20261123T064101Z".to_owned(), now()),
        Some(Refusal::Mismatch)
    );
    assert_eq!(
        refused(|h| h[1].1 = "10.0.0.3:8088".to_owned(), now()),
        Some(Refusal::Mismatch)
    );
}

#[test]
fn dates_may_be_fifteen_minutes_off_on_either_side_and_no_more() {
    for sign in [1, -1] {
        let at = |seconds: i64| now() + TimeDelta::seconds(sign * seconds);
        assert_eq!(refused(|_| {}, at(900)), None);
        assert_eq!(refused(|_| {}, at(901)), Some(Refusal::Skewed));
    }
}

#[test]
fn what_official_sdks_never_sign_is_not_signed() {
    let (ak, sk) = keys();
    let headers: &[(&str, &[u8])] = &[
        ("Host", b"h"),
        ("access_token", b"eyJ"),
        ("Authorization", b"Bearer old"),
        ("X-Sdk-Date", b"20200101T000000Z"),
    ];
    let parts = RequestParts {
        method: "GET",
        path: "/",
        query: "",
        headers,
    };
    let signed = sign(&ak, &sk, &parts, EMPTY_BODY_SHA256, now());
    assert!(
        signed.authorization.contains("SignedHeaders=host;x-sdk-date,"),
        "{}",
        signed.authorization
    );
    assert_eq!(signed.headers()[0], ("x-sdk-date", DATE));
    assert!(!signed.authorization.contains(SK));
}

/// A whole request that can be changed in one place.
#[derive(Clone, Debug)]
struct Sample {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Sample {
    fn with_parts<T>(&self, signed: Option<&Signed>, run: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        let mut headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        if let Some(signed) = signed {
            headers.extend(signed.headers().map(|(name, value)| (name, value.as_bytes())));
        }
        let (method, path, query) = (&self.method, &self.path, &self.query);
        run(&RequestParts {
            method,
            path,
            query,
            headers: &headers,
        })
    }

    fn sign(&self, form: Form) -> Signed {
        let (ak, sk) = keys();
        self.with_parts(None, |parts| {
            sign_in(form, &ak, &sk, parts, &hash_body(&self.body), now())
        })
    }

    fn verify(&self, signed: &Signed) -> Result<(), Refusal> {
        let hash = hash_body(&self.body);
        self.with_parts(Some(signed), |parts| {
            verify(&keys().1, parts, &[&hash], &Form::ALL, now())
        })
        .map(|_| ())
    }
}

prop_compose! {
    fn sample()(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH"]),
        path in "(/[a-zA-Z0-9 %.~_+:ä-]{0,6}){1,5}",
        query in "([a-z0-9:%+ä -]{0,4}(=[a-z0-9:%+ä=-]{0,4})?&?){0,4}",
        extra in prop::collection::vec(("x-[a-z]{1,5}", prop::collection::vec(0x20_u8..0x7f, 0..8)), 0..4),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) -> Sample {
        let mut headers = vec![("Host".to_owned(), b"127.0.0.1:8091".to_vec())];
        headers.extend(extra);
        Sample { method: method.to_owned(), path, query, headers, body }
    }
}

proptest! {
    #[test]
    fn what_was_signed_verifies_in_either_form(sample in sample()) {
        for form in Form::ALL {
            prop_assert_eq!(sample.verify(&sample.sign(form)), Ok(()));
        }
    }

    #[test]
    fn any_single_change_breaks_it(sample in sample(), at in any::<prop::sample::Index>(), form in 0..2_usize) {
        let signed = sample.sign(Form::ALL[form]);
        let changed = |change: &dyn Fn(&mut Sample)| {
            let mut other = sample.clone();
            change(&mut other);
            other.verify(&signed)
        };
        let no = Err(Refusal::Mismatch);
        prop_assert_eq!(changed(&|s| s.method.push('X')), no);
        prop_assert_eq!(changed(&|s| s.path.push_str("/x")), no);
        prop_assert_eq!(changed(&|s| s.path.insert(1, 'x')), no);
        prop_assert_eq!(changed(&|s| s.query.push_str("&x=1")), no);
        prop_assert_eq!(changed(&|s| s.body.push(0)), no);
        prop_assert_eq!(changed(&|s| { let i = at.index(s.headers.len()); s.headers[i].1.extend(b"x!"); }), no);
        prop_assert_eq!(changed(&|s| { let i = at.index(s.headers.len()); let h = s.headers[i].clone(); s.headers.push(h); }), no);
        let mut later = signed.clone();
        later.date = "20261123T064101Z".to_owned();
        prop_assert_eq!(sample.verify(&later), no);
        let mut forged = signed.clone();
        let last = forged.authorization.len() - 1 - at.index(64);
        let digit = if forged.authorization.as_bytes()[last] == b'0' { "1" } else { "0" };
        forged.authorization.replace_range(last..=last, digit);
        prop_assert_eq!(sample.verify(&forged), no);
        let mut renamed = signed;
        renamed.authorization = renamed.authorization.replace("SignedHeaders=host;", "SignedHeaders=");
        prop_assert_eq!(sample.verify(&renamed), Err(Refusal::NotSigned));
    }

    #[test]
    fn no_header_makes_the_reader_panic(text in any::<String>(), tail in "[ -~]{0,80}") {
        let _ = parse_authorization(&text);
        let _ = parse_authorization(&format!("SDK-HMAC-SHA256 Access={tail}"));
    }
}
