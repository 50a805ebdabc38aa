//! Tokens as EdgeGallery makes them, as attackers make them, and as Inventory makes them.

use chrono::TimeZone as _;
use serde_json::json;

use super::super::rsa::tests::{KEY, OTHER_KEY};
use super::*;

const TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 6, 41, 0).unwrap()
}

/// A token with any header and claims, signed with the usual key.
fn token(header: &str, claims: &Value) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = URL_SAFE_NO_PAD.encode(KEY.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn user_mgmt_claims() -> Value {
    json!({
        "user_name": "TestUser1", "scope": ["all"], "ssoSessionId": null, "exp": now().timestamp() + 43_200,
        "userName": "TestUser1", "userId": TENANT, "enableSms": "false",
        "authorities": ["ROLE_APPSTORE_TENANT", "ROLE_MECM_TENANT"], "jti": "7d0e", "client_id": "mecm-fe"
    })
}

/// Everything in order: form, header, signature, claims, times.
fn verify(token: &str, rules: &TokenRules) -> Result<Claims, TokenError> {
    let parts = Unverified::parse(token)?;
    assert_eq!(parts.algorithm()?, Algorithm::Rs256);
    if !parts.is_signed_by(KEY.public()) {
        return Err(TokenError::Signature);
    }
    let claims = parts.claims()?;
    claims.check_times(rules, now()).map(|()| claims)
}

fn with_claims(change: impl FnOnce(&mut Value)) -> Result<Claims, TokenError> {
    let mut claims = user_mgmt_claims();
    change(&mut claims);
    verify(&token(HEADER, &claims), &TokenRules::default())
}

#[test]
fn a_token_of_user_management_is_read() {
    let claims = with_claims(|_| {}).unwrap();
    assert_eq!(
        (claims.user_id.as_str(), claims.user_name.as_str()),
        (TENANT, "TestUser1")
    );
    assert_eq!(claims.authorities, ["ROLE_APPSTORE_TENANT", "ROLE_MECM_TENANT"]);
    assert_eq!(claims.expires.unwrap().timestamp(), now().timestamp() + 43_200);
}

#[test]
fn what_is_no_jwt_in_form_is_malformed() {
    let good = token(HEADER, &user_mgmt_claims());
    for bad in [
        "",
        "null",
        "[object Object]",
        "a.b",
        "..",
        "a.b.c",
        "e30.e30.e30.e30",
        &good.replace('.', ","),
        &format!("{good}="),
        &format!("{good} "),
        &"a".repeat(20_000),
    ] {
        assert_eq!(
            verify(bad, &TokenRules::default()),
            Err(TokenError::Malformed),
            "{bad}"
        );
    }
}

#[test]
fn odd_members_of_the_header_are_ignored() {
    for header in [
        r#"{"typ":"JWT","kid":"0001","alg":"RS256","iat":1606000000,"exp":1606000001}"#,
        r#"{"alg":"RS256","kid":1,"jwk":{"kty":"oct","k":"AAAA"},"jku":"http://evil.example/"}"#,
        r#"{"alg":"RS256","typ":"jwt"}"#,
    ] {
        assert!(
            verify(&token(header, &user_mgmt_claims()), &TokenRules::default()).is_ok(),
            "{header}"
        );
    }
}

#[test]
fn headers_that_do_not_say_rs256_jwt_are_refused() {
    let algorithm = |header: &str| {
        let token = token(header, &user_mgmt_claims());
        Unverified::parse(&token).unwrap().algorithm()
    };
    for alg in ["none", "None", "", "HS512", "RS512", "PS256", "ES256", "rs256"] {
        let header = json!({"alg": alg, "typ": "JWT"}).to_string();
        assert_eq!(algorithm(&header), Err(TokenError::Algorithm), "{alg}");
    }
    for header in [
        "{}",
        "[]",
        "no json",
        r#"{"alg":"RS256","typ":"JWE"}"#,
        r#"{"alg":"RS256","typ":1}"#,
    ] {
        assert_eq!(algorithm(header), Err(TokenError::Header), "{header}");
    }
    assert_eq!(
        algorithm(r#"{"alg":"RS256","crit":["exp"]}"#),
        Err(TokenError::Header)
    );
    assert_eq!(
        algorithm(r#"{"alg":"none","alg":"RS256"}"#),
        Err(TokenError::Header)
    );
    assert_eq!(algorithm(r#"{"alg":7}"#), Err(TokenError::Algorithm));
}

#[test]
fn a_changed_token_and_anothers_signature_are_refused() {
    let good = token(HEADER, &user_mgmt_claims());
    let mut parts: Vec<&str> = good.split('.').collect();
    let mut claims = user_mgmt_claims();
    claims["userId"] = "39937079-99fe-4cd8-881f-04ca8c4fe09d".into();
    let other = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts[1] = &other;
    assert_eq!(
        verify(&parts.join("."), &TokenRules::default()),
        Err(TokenError::Signature)
    );
    parts[2] = "";
    assert_eq!(
        verify(&parts.join("."), &TokenRules::default()),
        Err(TokenError::Signature)
    );
    assert!(!Unverified::parse(&good).unwrap().is_signed_by(OTHER_KEY.public()));
}

#[test]
fn times_have_sixty_seconds_of_leeway() {
    let exp = |offset: i64| with_claims(|c| c["exp"] = (now().timestamp() + offset).into()).map(|_| ());
    assert_eq!(exp(1), Ok(()));
    assert_eq!(exp(-59), Ok(()));
    assert_eq!(exp(-60), Err(TokenError::Expired));
    let nbf = |offset: i64| with_claims(|c| c["nbf"] = (now().timestamp() + offset).into()).map(|_| ());
    assert_eq!(nbf(60), Ok(()));
    assert_eq!(nbf(61), Err(TokenError::NotYet));
    assert_eq!(with_claims(|c| c["exp"] = i64::MAX.into()).map(|_| ()), Ok(()));
    assert_eq!(
        with_claims(|c| c["exp"] = i64::MIN.into()),
        Err(TokenError::Expired)
    );
    assert_eq!(with_claims(|c| c["exp"] = json!("2026")), Err(TokenError::Claims));
    assert_eq!(with_claims(|c| c["exp"] = json!(1.5)), Err(TokenError::Claims));
}

#[test]
fn a_token_without_exp_is_refused_unless_that_is_switched_on() {
    let mut claims = user_mgmt_claims();
    claims.as_object_mut().unwrap().remove("exp");
    let token = token(HEADER, &claims);
    assert_eq!(verify(&token, &TokenRules::default()), Err(TokenError::NoExpiry));
    let rules = TokenRules {
        allow_without_exp: true,
        ..TokenRules::default()
    };
    assert_eq!(verify(&token, &rules).unwrap().expires, None);
}

#[test]
fn claims_are_read_in_all_their_spellings() {
    for missing in [Value::Null, json!(""), json!(7)] {
        assert_eq!(with_claims(|c| c["userId"] = missing), Err(TokenError::NoUser));
    }
    assert_eq!(
        with_claims(|c| c["ati"] = json!("7d0e")),
        Err(TokenError::Refresh)
    );
    assert_eq!(with_claims(|c| *c = json!([])), Err(TokenError::Claims));
    let comma = with_claims(|c| c["authorities"] = json!("ROLE_MECM_GUEST, ROLE_X")).unwrap();
    assert_eq!(comma.authorities, ["ROLE_MECM_GUEST", "ROLE_X"]);
    let none = with_claims(|c| c["authorities"] = Value::Null).unwrap();
    assert!(none.authorities.is_empty());
    let name = |user_name: Value, again: Value| {
        with_claims(|c| (c["user_name"], c["userName"]) = (user_name, again))
            .unwrap()
            .user_name
    };
    assert_eq!(name(Value::Null, json!("again")), "again");
    assert_eq!(name(Value::Null, Value::Null), TENANT);
}

#[test]
fn hs256_is_checked_with_the_configured_key_alone() {
    let key = SecretString::from("a shared key");
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#),
        URL_SAFE_NO_PAD.encode(user_mgmt_claims().to_string())
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(b"a shared key").unwrap();
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    let parts = Unverified::parse(&token).unwrap();
    assert_eq!(parts.algorithm(), Ok(Algorithm::Hs256));
    assert!(parts.is_authenticated_by(&key));
    assert!(!parts.is_authenticated_by(&SecretString::from("another key")));
}

#[test]
fn minted_tokens_are_what_a_v1_controller_wants_and_verify() {
    let minted = mint(
        &KEY,
        &NewToken {
            user_id: TENANT,
            user_name: "atp",
            authorities: &["ROLE_MECM_TENANT"],
            expires: now() + TimeDelta::seconds(3600),
            jti: "j1",
        },
    );
    let text = minted.expose_secret();
    assert!(
        text.starts_with("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9."),
        "{text}"
    );
    let payload: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!(
        payload,
        json!({"userId": TENANT, "user_name": "atp", "authorities": ["ROLE_MECM_TENANT"],
               "exp": now().timestamp() + 3600, "jti": "j1"})
    );
    assert_eq!(verify(text, &TokenRules::default()).unwrap().user_name, "atp");
    assert!(!format!("{minted:?}").contains(text));
}
