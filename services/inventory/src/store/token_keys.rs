//! The public halves of the keys that access tokens are signed with, and when each was last said to be in use.

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Read, Tx};
use mecm_common::{execute, fetch_all};

const USE: &str =
    "INSERT INTO token_keys (pem, used) VALUES ($1, $2) ON CONFLICT (pem) DO UPDATE SET used = excluded.used";
const FORGET: &str = "DELETE FROM token_keys WHERE used < $1";
const IN_USE: &str = "SELECT pem FROM token_keys WHERE used > $1 ORDER BY used DESC, seq DESC";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[USE, FORGET, IN_USE];

/// Takes note that a key is in use, or about to be.
pub(crate) async fn in_use(tx: &mut Tx, pem: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    execute!(tx, USE, pem, now);
    Ok(())
}

/// Forgets keys that were in use before then and no more.
pub(crate) async fn forget(tx: &mut Tx, before: DateTime<Utc>) -> Result<(), DbError> {
    execute!(tx, FORGET, before);
    Ok(())
}

/// The keys that were in use after then, those of late first.
pub(crate) async fn used_after(read: &mut Read, then: DateTime<Utc>) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = fetch_all!(read, IN_USE, then);
    Ok(rows.into_iter().map(|(pem,)| pem).collect())
}
