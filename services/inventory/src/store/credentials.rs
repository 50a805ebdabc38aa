//! Tenants' access keys.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use mecm_common::db::{DbError, Read, Tx, in_time};
use mecm_common::models::credential::{ACTIVE, Credential, DISABLED};
use mecm_common::models::ids::TenantId;
use mecm_common::service::wire_time;
use mecm_common::{execute, fetch_all, fetch_optional};
use sqlx::types::Json;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT access_key, tenant, name, roles, active, allowed_sources, created, expires, secret, old_secret, old_until,
             last_used, last_source FROM credentials ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO credentials (access_key, tenant, name, roles, active, allowed_sources, created, expires, secret)
    VALUES ($1, $2, $3, $4, true, $5, $6, $7, $8)";
const LIST: &str = select!("WHERE tenant = $1 ORDER BY seq");
const GET: &str = select!("WHERE tenant = $1 AND access_key = $2");
const FIND: &str = select!("WHERE access_key = $1");
const FIND_POSTGRES: &str = select!("WHERE access_key = ANY($1)");
const SET_ACTIVE: &str = "UPDATE credentials SET active = $3 WHERE tenant = $1 AND access_key = $2";
const ROTATE: &str = "UPDATE credentials SET secret = $3, old_until = $4,
    old_secret = CASE WHEN CAST($5 AS boolean) THEN secret END WHERE tenant = $1 AND access_key = $2";
const DELETE: &str = "DELETE FROM credentials WHERE tenant = $1 AND access_key = $2";
const USED: &str = "UPDATE credentials SET last_used = $2, last_source = $3
    WHERE access_key = $1 AND (last_used IS NULL OR last_used < $2)";
const SEALED: &str =
    "SELECT seq, access_key, secret, old_secret FROM credentials WHERE seq > $1 ORDER BY seq LIMIT $2";
/// Only where the secrets are the ones that were read: a rotation meanwhile stays.
const RESEAL: &str =
    "UPDATE credentials SET secret = $3, old_secret = CASE WHEN old_secret = $4 THEN $5 ELSE old_secret END
    WHERE access_key = $1 AND secret = $2";

/// Every statement of this file, for the test that prepares them: on both databases, on PostgreSQL.
#[cfg(test)]
pub(crate) const STATEMENTS: [&[&str]; 2] = [
    &[
        INSERT, LIST, GET, FIND, SET_ACTIVE, ROTATE, DELETE, USED, SEALED, RESEAL,
    ],
    &[FIND_POSTGRES],
];

/// A key as it is kept; its secrets are sealed.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) access_key: String,
    pub(crate) tenant: TenantId,
    pub(crate) name: String,
    pub(crate) roles: Json<Vec<String>>,
    pub(crate) active: bool,
    pub(crate) allowed_sources: Json<Vec<IpNet>>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) expires: Option<DateTime<Utc>>,
    pub(crate) secret: Vec<u8>,
    pub(crate) old_secret: Option<Vec<u8>>,
    pub(crate) old_until: Option<DateTime<Utc>>,
    last_used: Option<DateTime<Utc>>,
    last_source: Option<String>,
}

impl Row {
    /// A key that was never used.
    pub(crate) fn new(
        access_key: String,
        tenant: TenantId,
        name: String,
        roles: Vec<String>,
        created: DateTime<Utc>,
        secret: Vec<u8>,
    ) -> Self {
        Self {
            access_key,
            tenant,
            name,
            roles: Json(roles),
            active: true,
            allowed_sources: Json(Vec::new()),
            created,
            expires: None,
            secret,
            old_secret: None,
            old_until: None,
            last_used: None,
            last_source: None,
        }
    }

    /// `ACTIVE` or `DISABLED`.
    pub(crate) fn status(&self) -> &'static str {
        if self.active { ACTIVE } else { DISABLED }
    }
}

impl From<Row> for Credential {
    fn from(row: Row) -> Self {
        Self {
            status: row.status(),
            access_key: row.access_key,
            name: row.name,
            roles: row.roles.0,
            allowed_sources: row.allowed_sources.0.iter().map(ToString::to_string).collect(),
            created_time: wire_time(row.created),
            expires_time: row.expires.map(wire_time),
            last_used_time: row.last_used.map(wire_time),
            last_used_source: row.last_source,
        }
    }
}

/// Adds a key.
pub(crate) async fn insert(tx: &mut Tx, row: &Row) -> Result<(), DbError> {
    execute!(
        tx,
        INSERT,
        &row.access_key,
        row.tenant,
        &row.name,
        &row.roles,
        &row.allowed_sources,
        row.created,
        row.expires,
        &row.secret
    );
    Ok(())
}

/// All of a tenant, oldest first.
pub(crate) async fn list(read: &mut Read, tenant: TenantId) -> Result<Vec<Row>, DbError> {
    Ok(fetch_all!(read, LIST, tenant))
}

/// One of a tenant.
pub(crate) async fn get(tx: &mut Tx, tenant: TenantId, access_key: &str) -> Result<Option<Row>, DbError> {
    Ok(fetch_optional!(tx, GET, tenant, access_key))
}

/// Those of these names, whosever they are, in their order.
pub(crate) async fn find(read: &mut Read, access_keys: &[String]) -> Result<Vec<Option<Row>>, DbError> {
    if let Read::Postgres(connection) = read {
        let query = sqlx::query_as(FIND_POSTGRES).bind(access_keys);
        let rows: Vec<Row> = in_time(query.fetch_all(&mut **connection)).await?;
        let known: HashMap<&str, &Row> = rows.iter().map(|row| (row.access_key.as_str(), row)).collect();
        return Ok(access_keys
            .iter()
            .map(|access_key| known.get(access_key.as_str()).map(|row| (*row).clone()))
            .collect());
    }
    let mut all = Vec::with_capacity(access_keys.len());
    for access_key in access_keys {
        all.push(fetch_optional!(read, FIND, access_key));
    }
    Ok(all)
}

/// Switches a key on or off; `false` when it is not there.
pub(crate) async fn set_active(
    tx: &mut Tx,
    tenant: TenantId,
    access_key: &str,
    active: bool,
) -> Result<bool, DbError> {
    Ok(execute!(tx, SET_ACTIVE, tenant, access_key, active) == 1)
}

/// Gives a key another secret; the one before counts until `old_until`. `false` when it is not there.
pub(crate) async fn rotate(
    tx: &mut Tx,
    tenant: TenantId,
    access_key: &str,
    secret: &[u8],
    old_until: Option<DateTime<Utc>>,
) -> Result<bool, DbError> {
    let keep = old_until.is_some();
    Ok(execute!(tx, ROTATE, tenant, access_key, secret, old_until, keep) == 1)
}

/// Deletes a key; `false` when it is not there.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, access_key: &str) -> Result<bool, DbError> {
    Ok(execute!(tx, DELETE, tenant, access_key) == 1)
}

/// Takes note that a key was used.
pub(crate) async fn used(
    tx: &mut Tx,
    access_key: &str,
    now: DateTime<Utc>,
    source: Option<&str>,
) -> Result<(), DbError> {
    execute!(tx, USED, access_key, now, source);
    Ok(())
}

/// The sealed secrets of a key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Sealed {
    pub(crate) seq: i64,
    pub(crate) access_key: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) old_secret: Option<Vec<u8>>,
}

/// Some of the sealed secrets, of keys after `after`.
pub(crate) async fn sealed(read: &mut Read, after: i64, most: i64) -> Result<Vec<Sealed>, DbError> {
    Ok(fetch_all!(read, SEALED, after, most))
}

/// Puts secrets that were sealed anew in the place of those that were read; `false` when these are there no more.
pub(crate) async fn reseal(
    tx: &mut Tx,
    read: &Sealed,
    secret: &[u8],
    old_secret: Option<&[u8]>,
) -> Result<bool, DbError> {
    let changed = execute!(
        tx,
        RESEAL,
        &read.access_key,
        &read.secret,
        secret,
        &read.old_secret,
        old_secret
    );
    Ok(changed == 1)
}
