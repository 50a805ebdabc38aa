//! Asking Inventory whose signature it is.

use std::sync::Arc;

use http::Method;

use super::context::CallContext;
use super::service::{PeerError, ServicePeer};
use crate::auth::verification::{SignatureToVerify, Verdict};
use crate::auth::{AuthError, CredentialVerifier, KeyHolder, SignatureQuestion};

const PATH: &str = "/inventory/v1/credentials/verify";

/// Judges signatures by tenants' keys by asking this Inventory. What cannot be asked is a 502, or a 504, never a refusal.
pub fn verifier(inventory: ServicePeer) -> CredentialVerifier {
    Arc::new(move |question| {
        let inventory = inventory.clone();
        Box::pin(async move { verify(&inventory, question).await })
    })
}

async fn verify(inventory: &ServicePeer, question: SignatureQuestion) -> Result<KeyHolder, AuthError> {
    let context = question
        .request
        .as_ref()
        .map_or_else(CallContext::background, CallContext::from);
    let asked = SignatureToVerify::of(&question);
    let answer = inventory.send(&context, Method::POST, PATH, &asked).await;
    let verdict: Verdict = answer
        .and_then(|answer| inventory.read(&answer))
        .map_err(unknown)?;
    verdict.judged().unwrap_or_else(|| {
        let nonsense = format!("{} answered what is no verdict", inventory.name());
        Err(AuthError::PeerDown(nonsense))
    })
}

fn unknown(error: PeerError) -> AuthError {
    match &error {
        PeerError::Call(call) if call.timed_out() => AuthError::PeerSlow(error.to_string()),
        _ => AuthError::PeerDown(error.to_string()),
    }
}
