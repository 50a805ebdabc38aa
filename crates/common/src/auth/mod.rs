//! Who is calling, and may they. Reading order:
//!
//! 1. [`signature`]: AK/SK, the SDK-HMAC-SHA256 scheme: pure signing and verification.

pub mod signature;
