//! Who is calling, and may they. Reading order:
//!
//! 1. [`signature`]: AK/SK, the SDK-HMAC-SHA256 scheme: pure signing and verification.
//! 2. [`rsa`], [`jwt`]: access tokens: their keys, reading, minting; [`token_keys`]: where the keys come from.
//! 3. [`sealed`], [`keys`], [`derived`]: secrets at rest, the key files made at the first start, keys derived from one secret.
//! 4. [`roles`], [`principal`], [`error`]: who may do what, and what a refusal says.
//! 5. [`guard`]: replay and lock-out.
//! 6. [`verification`]: what APM and APPO ask Inventory of a tenant's signature.
//! 7. [`authenticator`]: from a request's headers to a [`Principal`]; [`layer`]: the middleware before every handler.

pub mod authenticator;
pub mod derived;
pub mod error;
pub mod guard;
pub mod jwt;
pub mod keys;
pub mod layer;
pub mod principal;
pub mod roles;
pub mod rsa;
pub mod sealed;
mod service_keys;
pub mod signature;
mod signed_body;
pub mod token_keys;
pub mod verification;

pub use authenticator::{AuthSettings, Authenticator, CredentialVerifier, KeyHolder, SignatureQuestion};
pub use derived::SharedSecret;
pub use error::{AuthError, DatabaseFault, SignatureReason};
pub use guard::Guard;
pub use layer::Caller;
pub use principal::{How, Issuer, Principal};
pub use roles::{Role, Roles};
pub use signed_body::BodyCheck;
pub use token_keys::{KeySource, TokenKeys};
