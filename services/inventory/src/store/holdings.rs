//! How many records of each kind a tenant holds, kept beside them so that nobody has to count.
//!
//! Whoever adds or removes records changes their holding last in the same transaction. From then on others of that tenant
//! and kind wait; everybody takes the records first and the holdings after them, several in the order of [`Kind`], so that
//! no two wait for each other.

use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::TenantId;
use mecm_common::{execute, fetch_one};

const ADD: &str = "INSERT INTO holdings (tenant, kind, held) VALUES ($1, $2, 1)
    ON CONFLICT (tenant, kind) DO UPDATE SET held = holdings.held + 1 RETURNING held";
const REMOVE: &str = "UPDATE holdings SET held = held - $3 WHERE tenant = $1 AND kind = $2";
const FORGET: &str = "DELETE FROM holdings WHERE tenant = $1 AND kind = $2 AND held <= 0";
/// Any constant that nothing else uses.
const ONE_BY_ONE: &str = "SELECT pg_advisory_xact_lock(7308332172931361902)";
const OTHER_TENANTS: &str = "SELECT count(DISTINCT tenant) FROM holdings WHERE tenant <> $1";
const OTHER_KINDS: &str = "SELECT count(*) FROM holdings WHERE tenant = $1 AND kind <> $2";

/// Every statement of this file, for the test that prepares them: on both databases, on PostgreSQL.
#[cfg(test)]
pub(crate) const STATEMENTS: [&[&str]; 2] =
    [&[ADD, REMOVE, FORGET, OTHER_TENANTS, OTHER_KINDS], &[ONE_BY_ONE]];

/// What there may not be too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Applications,
    AppRules,
    AppStores,
    Credentials,
    Hosts,
    LcmControllers,
    RuleManagers,
}

impl Kind {
    /// Its name in the database and in the answer to one too many.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Applications => "applications",
            Self::AppRules => "app rules",
            Self::AppStores => "app stores",
            Self::Credentials => "access keys",
            Self::Hosts => "edge hosts",
            Self::LcmControllers => "LCM controllers",
            Self::RuleManagers => "app rule managers",
        }
    }
}

/// Counts a record that was added; how many the tenant has now.
pub(crate) async fn add(tx: &mut Tx, tenant: TenantId, kind: Kind) -> Result<u64, DbError> {
    let (held,): (i64,) = fetch_one!(tx, ADD, tenant, kind.as_str());
    Ok(held.unsigned_abs())
}

/// Counts records that were removed.
pub(crate) async fn remove(tx: &mut Tx, tenant: TenantId, kind: Kind, removed: u64) -> Result<(), DbError> {
    if removed > 0 {
        execute!(tx, REMOVE, tenant, kind.as_str(), removed.cast_signed());
        execute!(tx, FORGET, tenant, kind.as_str());
    }
    Ok(())
}

/// Whether a tenant that holds the first record of this kind may: it holds others already, or fewer than `most` tenants hold
/// any. Tenants that are new come one by one from here on, until the transaction ends.
pub(crate) async fn admits(tx: &mut Tx, tenant: TenantId, kind: Kind, most: u64) -> Result<bool, DbError> {
    if let Tx::Postgres(_) = tx {
        execute!(tx, ONE_BY_ONE);
    }
    let (others,): (i64,) = fetch_one!(tx, OTHER_TENANTS, tenant);
    if others.unsigned_abs() < most {
        return Ok(true);
    }
    let (kinds,): (i64,) = fetch_one!(tx, OTHER_KINDS, tenant, kind.as_str());
    Ok(kinds > 0)
}
