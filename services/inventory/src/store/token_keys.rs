//! The public halves of the keys that access tokens were signed with.

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Tx};
use mecm_common::{execute, fetch_all};

const USE: &str = "INSERT INTO token_keys (pem) VALUES ($1) ON CONFLICT (pem) DO UPDATE SET retired = NULL";
const RETIRE_OTHERS: &str = "UPDATE token_keys SET retired = $2 WHERE pem <> $1 AND retired IS NULL";
const RETIRED: &str = "SELECT pem, retired FROM token_keys WHERE retired IS NOT NULL ORDER BY seq DESC";
const FORGET: &str = "DELETE FROM token_keys WHERE pem = $1";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[USE, RETIRE_OTHERS, RETIRED, FORGET];

/// Takes note that tokens are signed with this key from now on, and no more with any other.
pub(crate) async fn use_from(tx: &mut Tx, pem: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    execute!(tx, USE, pem);
    execute!(tx, RETIRE_OTHERS, pem, now);
    Ok(())
}

/// The keys that are used no more and since when, youngest first.
pub(crate) async fn retired(tx: &mut Tx) -> Result<Vec<(String, DateTime<Utc>)>, DbError> {
    Ok(fetch_all!(tx, RETIRED))
}

/// Forgets a key.
pub(crate) async fn forget(tx: &mut Tx, pem: &str) -> Result<(), DbError> {
    execute!(tx, FORGET, pem);
    Ok(())
}
