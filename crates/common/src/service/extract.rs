//! Extractors whose refusals are the interface's own errors.

use std::ops::Deref;
use std::str::FromStr;
use std::sync::LazyLock;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use http::request::Parts;
use regex::Regex;
use serde::de::DeserializeOwned;

use super::room::{NotRead, Rooms};
use super::{ApiError, Limits};
use crate::validate::{Validate, Violations};

/// Path parameters, in the order of the path. One that breaks its pattern is answered 400 and named.
#[derive(Debug)]
pub struct Url<T>(pub T);

macro_rules! url_parameters {
    ($($kind:ident),+) => {
        impl<S: Send + Sync, $($kind: FromStr + Send),+> FromRequestParts<S> for Url<($($kind,)+)> {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                let raw = RawPathParams::from_request_parts(parts, state).await.map_err(|rejection| {
                    let why = rejection.to_string();
                    // Not text when decoded: axum's own words name the parameter.
                    let name = why.split('`').nth(1).unwrap_or("path");
                    ApiError::invalid_parameter(name).cause(why.clone())
                })?;
                let mut parameters = raw.iter();
                Ok(Self(($(parameter::<$kind>(parameters.next())?,)+)))
            }
        }
    };
}
url_parameters!(A);
url_parameters!(A, B);
url_parameters!(A, B, C);

fn parameter<T: FromStr>(parameter: Option<(&str, &str)>) -> Result<T, ApiError> {
    let Some((name, value)) = parameter else {
        return Err(ApiError::internal(
            "the route has fewer parameters than its handler takes",
        ));
    };
    value.parse().map_err(|_| ApiError::invalid_parameter(name))
}

/// A JSON object as body: read within the limit, a byte-order mark skipped, U+0000 refused, parsed leniently
/// ([`crate::models::lenient`]) and validated.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T> Deref for Body<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Validate> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let limits = request.extensions().get::<Limits>().copied().unwrap_or_default();
        if let Some(kind) = request.headers().get(http::header::CONTENT_TYPE)
            && !kind.to_str().is_ok_and(is_json)
        {
            return Err(unsupported_media_type());
        }
        let (parts, body) = request.into_parts();
        let read = Rooms::of(&parts).known.read(body, limits.json_body).await;
        let bytes = read.map_err(|why| match why {
            NotRead::TooLarge => ApiError::too_large(limits.json_body),
            NotRead::Error(error) => error,
        })?;
        let value: T = parse(&bytes)?;
        let broken = Violations::of_batch(&value, limits.batch);
        if broken.is_empty() {
            Ok(Self(value))
        } else {
            Err(ApiError::invalid(broken))
        }
    }
}

/// 415: a body of another kind than the route takes.
pub fn unsupported_media_type() -> ApiError {
    ApiError::new(
        http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "Unsupported Media Type",
    )
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// What a body that stopped coming, or never came right, is answered with.
pub fn broken_body(error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut source = Some(error);
    while let Some(cause) = source {
        if let Some(known) = cause.downcast_ref::<super::body::BodyError>() {
            return known.to_api_error();
        }
        source = cause.source();
    }
    ApiError::malformed("the body ended before it was complete")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if has_escaped_nul(bytes) {
        return Err(ApiError::malformed(
            "a text with the character U+0000 cannot be kept",
        ));
    }
    // Serde would fill an object's members from a list, one after the other.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(ApiError::malformed("expected an object, found a list"));
    }
    serde_json::from_slice(bytes).map_err(|error| ApiError::malformed(without_types(&error.to_string())))
}

/// What serde says, without the names that our types have.
fn without_types(why: &str) -> String {
    static TYPE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\b(struct|enum|tuple|newtype|variant) [\w:<>]+").expect("it is a constant")
    });
    TYPE.replace_all(why, "an object").into_owned()
}

/// Whether the escape `\u0000` stands in the JSON text (a raw NUL is no JSON at all). Neither database keeps the
/// character alike, so it is refused on both.
fn has_escaped_nul(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[at + 1..].starts_with(b"u0000") {
            return true;
        }
        // Skips the escaped character, so that `\\u0000` is a backslash and four plain characters.
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_escape_of_nul_is_found_and_an_escaped_backslash_is_not() {
        assert!(has_escaped_nul(br#"{"a":"x\u0000"}"#));
        assert!(has_escaped_nul(br#"{"a":"\\\u0000"}"#));
        assert!(!has_escaped_nul(br#"{"a":"\\u0000"}"#));
        assert!(!has_escaped_nul(br#"{"a":"\u00001"#.get(..9).unwrap()));
    }

    #[test]
    fn json_is_json_with_parameters_too() {
        assert!(is_json("application/json;charset=UTF-8") && is_json("Application/JSON"));
        assert!(!is_json("text/plain") && !is_json("application/x-www-form-urlencoded"));
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_garbage_says_where() {
        let value: serde_json::Value = parse(b"\xef\xbb\xbf{\"a\":1}").unwrap();
        assert_eq!(value["a"], 1);
        let list = parse::<serde_json::Value>(b" [1]").unwrap_err();
        assert_eq!(list.details, ["expected an object, found a list"]);
        #[derive(Debug, serde::Deserialize)]
        struct Secretive {
            #[expect(dead_code, reason = "it is never read")]
            inner: Vec<Inner>,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Inner {}
        let wrong = parse::<Secretive>(b"{\"inner\":[1]}").unwrap_err();
        assert_eq!(
            wrong.details,
            ["invalid type: integer `1`, expected an object at line 1 column 11"]
        );
        let error = parse::<serde_json::Value>(b"{\"a\":").unwrap_err();
        assert_eq!(
            (error.status.as_u16(), error.message.as_str()),
            (400, "malformed request body")
        );
        assert!(error.details[0].contains("line 1"), "{:?}", error.details);
    }
}
