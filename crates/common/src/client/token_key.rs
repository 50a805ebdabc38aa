//! Fetching the public keys that access tokens are verified with, from the auth server and from Inventory.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::call::call;
use crate::auth::rsa::TokenKey;
use crate::auth::{AuthError, KeySource};

/// Asks `url` for the platform's key document: `{"alg":…,"value":"-----BEGIN PUBLIC KEY…"}`, with `previous` where keys rotate.
/// `peer` names the other end in errors.
pub fn key_source(client: reqwest::Client, url: String, peer: &'static str, time: Duration) -> KeySource {
    Arc::new(move || {
        let (client, url) = (client.clone(), url.clone());
        Box::pin(async move {
            let answer = call(client.get(&url), time, peer).await.map_err(|error| {
                if error.timed_out() {
                    AuthError::PeerSlow(error.to_string())
                } else {
                    AuthError::PeerDown(error.to_string())
                }
            })?;
            if !answer.status.is_success() {
                let why = format!("{peer} answered {} instead of its public key", answer.status);
                // A gateway before it waited in vain.
                return Err(match answer.status {
                    StatusCode::GATEWAY_TIMEOUT => AuthError::PeerSlow(why),
                    _ => AuthError::PeerDown(why),
                });
            }
            let document: TokenKey = answer
                .json()
                .map_err(|_| AuthError::PeerDown(format!("{peer} answered what is no key document")))?;
            document
                .keys()
                .map_err(|error| AuthError::PeerDown(format!("the key of {peer} cannot be used: {error}")))
        })
    })
}
