//! MEP-auth: the applications' keys, and the tokens that they sign for.

use std::collections::HashMap;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use http::request::Parts;
use http::{Method, StatusCode};
use mecm_common::auth::signature::{
    AccessKey, EMPTY_BODY_SHA256, Form, RequestParts, SecretKey, fits, parse_authorization, read,
};
use serde_json::{Value, json};

use super::Platform;
use crate::call::{Plain, header};
use crate::reply::Reply;

/// What an application signs for a token, no more and no less.
const SIGNED_HEADERS: [&str; 3] = ["content-type", "host", "x-sdk-date"];
/// How long a token serves, in seconds.
const TOKEN_LIFE: i64 = 3600;
/// So many failures within [`FAILURES_WITHIN`] lock a key for [`LOCKED_FOR`].
const MOST_FAILURES: u32 = 3;
const FAILURES_WITHIN: TimeDelta = TimeDelta::seconds(300);
const LOCKED_FOR: TimeDelta = TimeDelta::seconds(900);
/// Keys whose failures are remembered.
const MOST_REMEMBERED: usize = 1_000;

/// The key of one app instance.
#[derive(Clone, Debug)]
pub(crate) struct AppKey {
    pub(crate) access: AccessKey,
    pub(crate) secret: SecretKey,
}

impl AppKey {
    pub(crate) fn make() -> Self {
        Self {
            access: AccessKey::generate(),
            secret: SecretKey::generate(),
        }
    }
}

/// Failed signatures of one access key.
#[derive(Debug)]
struct Failures {
    count: u32,
    since: DateTime<Utc>,
    locked: Option<DateTime<Utc>>,
}

impl Failures {
    /// Whether they still matter.
    fn stand(&self, now: DateTime<Utc>) -> bool {
        match self.locked {
            Some(at) => now - at < LOCKED_FOR,
            None => now - self.since < FAILURES_WITHIN,
        }
    }
}

/// Which access keys are locked out.
#[derive(Debug, Default)]
pub(crate) struct LockOut(HashMap<AccessKey, Failures>);

impl LockOut {
    fn locks(&self, key: &AccessKey, now: DateTime<Utc>) -> bool {
        self.0
            .get(key)
            .is_some_and(|failures| failures.locked.is_some() && failures.stand(now))
    }

    fn fail(&mut self, key: &AccessKey, now: DateTime<Utc>) {
        if self.0.len() >= MOST_REMEMBERED {
            self.0.retain(|_, failures| failures.stand(now));
        }
        if self.0.len() >= MOST_REMEMBERED && !self.0.contains_key(key) {
            return;
        }
        let failures = self.0.entry(key.clone()).or_insert(Failures {
            count: 0,
            since: now,
            locked: None,
        });
        if !failures.stand(now) {
            *failures = Failures {
                count: 0,
                since: now,
                locked: None,
            };
        }
        failures.count += 1;
        if failures.count >= MOST_FAILURES {
            failures.locked = Some(now);
        }
    }
}

/// Signs the tokens of one edge.
#[derive(Debug)]
pub(crate) struct TokenKey(hmac::Key);

impl Default for TokenKey {
    fn default() -> Self {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).expect("the operating system has random bytes");
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }
}

impl TokenKey {
    fn make(&self, instance: &str, now: DateTime<Utc>) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({"iss": "mepauth", "sub": instance, "exp": now.timestamp() + TOKEN_LIFE});
        let signed = format!("{}.{}", part(json!({"alg": "HS256", "typ": "JWT"})), part(claims));
        let signature = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The app instance that a token stands for.
    fn instance(&self, token: &str, now: DateTime<Utc>) -> Option<String> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let alive = claims["exp"].as_i64()? > now.timestamp();
        alive.then(|| claims["sub"].as_str().map(str::to_owned))?
    }
}

/// The app instance that the gateway takes a caller for, by the token that came along.
pub(crate) fn bearer(platform: &Platform, parts: &Parts, now: DateTime<Utc>) -> Option<String> {
    let token = header(parts, "authorization")?.strip_prefix("Bearer ")?;
    platform.token_key.instance(token, now)
}

/// `PUT` and `DELETE …/applications/{id}/confs`: the controller configures an application's key.
pub(crate) fn configure(platform: &mut Platform, remove: bool, instance: &str, body: &[u8]) -> Reply {
    if remove {
        return if platform.keys.contains_key(instance) {
            platform.remove_key(instance);
            Reply::json(StatusCode::OK, &"Delete success.")
        } else {
            Reply::json(StatusCode::BAD_REQUEST, &"Delete fail.")
        };
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let credentials = &body["authInfo"]["credentials"];
    let text = |name: &str| credentials[name].as_str().unwrap_or_default();
    if let (Ok(access), Ok(secret)) = (text("accessKeyId").parse(), text("secretKey").parse()) {
        platform
            .keys
            .insert(instance.to_owned(), AppKey { access, secret });
    }
    // It says so whatever happened.
    Reply::json(StatusCode::OK, &"")
}

/// `POST /mepauth/mepauth/v1/token`, called and signed under this path, with nothing in its body.
pub(crate) fn token(platform: &mut Platform, parts: &Parts, input: &Plain, now: DateTime<Utc>) -> Reply {
    let bad = || Reply::json(StatusCode::BAD_REQUEST, &"Bad request.");
    let Some(authorization) = header(parts, "authorization").and_then(parse_authorization) else {
        return bad();
    };
    if authorization.signed_headers != SIGNED_HEADERS || !input.body.is_empty() {
        return bad();
    }
    let key = authorization.access_key;
    if platform.lock_out.locks(&key, now) {
        return Reply::json(StatusCode::FORBIDDEN, &"Access is locked.");
    }
    let refused = || Reply::json(StatusCode::UNAUTHORIZED, &"Invalid access or signature.");
    let headers: Vec<(&str, &[u8])> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let signed = RequestParts {
        method: Method::POST.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
    };
    let Ok(request) = read(&signed, now) else {
        return refused();
    };
    let Ok(strings) = request.strings_to_sign(&signed, &[EMPTY_BODY_SHA256], &[Form::MepAuth]) else {
        return refused();
    };
    let known = platform.keys.iter().find(|(_, known)| known.access == key);
    match known {
        Some((instance, known)) if fits(&known.secret, &strings, &request.authorization.signature) => {
            platform.lock_out.0.remove(&key);
            let token = platform.token_key.make(instance, now);
            Reply::json(
                StatusCode::OK,
                &json!({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE}),
            )
        }
        _ => {
            platform.lock_out.fail(&key, now);
            refused()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn three_failures_lock_a_key_for_a_quarter_of_an_hour() {
        let (mut lock, key) = (LockOut::default(), AccessKey::generate());
        lock.fail(&key, at(0));
        lock.fail(&key, at(10));
        assert!(!lock.locks(&key, at(20)));
        lock.fail(&key, at(20));
        assert!(lock.locks(&key, at(919)));
        assert!(!lock.locks(&key, at(920)));
        lock.fail(&key, at(1_000));
        lock.fail(&key, at(1_299));
        lock.fail(&key, at(1_300));
        assert!(!lock.locks(&key, at(1_301)), "the first is forgotten after 300 s");
    }

    #[test]
    fn a_token_names_its_instance_until_its_hour_is_over() {
        let key = TokenKey::default();
        let token = key.make("a", at(0));
        assert_eq!(key.instance(&token, at(3_599)).as_deref(), Some("a"));
        assert_eq!(key.instance(&token, at(3_600)), None);
        assert_eq!(TokenKey::default().instance(&token, at(1)), None);
        assert_eq!(key.instance(&token[..token.len() - 2], at(1)), None);
    }
}
