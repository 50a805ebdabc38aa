//! Who is calling, and may they. Reading order:
//!
//! 1. [`signature`]: AK/SK, the SDK-HMAC-SHA256 scheme: pure signing and verification.
//! 2. [`rsa`], [`jwt`]: access tokens: their keys, reading, minting; [`token_keys`]: where the keys come from.
//! 3. [`sealed`], [`keys`]: secrets at rest, and the key files made at the first start.
//! 4. [`roles`], [`principal`], [`error`]: who may do what, and what a refusal says.

pub mod error;
pub mod jwt;
pub mod keys;
pub mod principal;
pub mod roles;
pub mod rsa;
pub mod sealed;
pub mod signature;
pub mod token_keys;

pub use error::AuthError;
pub use principal::{How, Issuer, Principal};
pub use roles::{Role, Roles};
