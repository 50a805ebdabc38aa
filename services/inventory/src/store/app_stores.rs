//! App stores.

use mecm_common::db::{DbError, Tx};
use mecm_common::models::app_store::AppStore;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::{execute, fetch_all, fetch_one, fetch_optional};

const INSERT: &str = "INSERT INTO app_stores (tenant, ip, port, uri, user_name, name, producer) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant, ip) DO NOTHING";
const UPDATE: &str = "UPDATE app_stores SET port = $3, uri = $4, user_name = $5, name = $6, producer = $7 WHERE tenant = $1 AND ip = $2";
const LIST: &str =
    "SELECT ip, port, uri, user_name, name, producer FROM app_stores WHERE tenant = $1 ORDER BY seq";
const GET: &str =
    "SELECT ip, port, uri, user_name, name, producer FROM app_stores WHERE tenant = $1 AND ip = $2";
const DELETE: &str = "DELETE FROM app_stores WHERE tenant = $1 AND ip = $2";
const DELETE_ALL: &str = "DELETE FROM app_stores WHERE tenant = $1";
const COUNT: &str = "SELECT count(*) FROM app_stores WHERE tenant = $1";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INSERT, UPDATE, LIST, GET, DELETE, DELETE_ALL, COUNT];

#[derive(sqlx::FromRow)]
struct Row {
    ip: String,
    port: String,
    uri: String,
    user_name: Option<String>,
    name: Option<String>,
    producer: Option<String>,
}

impl From<Row> for AppStore {
    fn from(row: Row) -> Self {
        Self {
            appstore_ip: Some(row.ip),
            appstore_port: Some(row.port),
            uri: Some(row.uri),
            user_name: row.user_name,
            appstore_name: row.name,
            producer: row.producer,
        }
    }
}

/// Adds one; `false` when the tenant has one of that IP.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    new: &AppStore,
) -> Result<bool, DbError> {
    let added = execute!(
        tx,
        INSERT,
        tenant,
        ip,
        &new.appstore_port,
        &new.uri,
        &new.user_name,
        &new.appstore_name,
        &new.producer,
    );
    Ok(added == 1)
}

/// Replaces what one holds; `false` when it is not there.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    new: &AppStore,
) -> Result<bool, DbError> {
    let changed = execute!(
        tx,
        UPDATE,
        tenant,
        ip,
        &new.appstore_port,
        &new.uri,
        &new.user_name,
        &new.appstore_name,
        &new.producer,
    );
    Ok(changed == 1)
}

/// All of a tenant, oldest first.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<AppStore>, DbError> {
    let rows: Vec<Row> = fetch_all!(tx, LIST, tenant);
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One.
pub(crate) async fn get(tx: &mut Tx, tenant: TenantId, ip: HostIp) -> Result<Option<AppStore>, DbError> {
    let row: Option<Row> = fetch_optional!(tx, GET, tenant, ip);
    Ok(row.map(Into::into))
}

/// Deletes one; `false` when it is not there.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, ip: HostIp) -> Result<bool, DbError> {
    Ok(execute!(tx, DELETE, tenant, ip) == 1)
}

/// Deletes all of a tenant; how many there were.
pub(crate) async fn delete_all(tx: &mut Tx, tenant: TenantId) -> Result<u64, DbError> {
    Ok(execute!(tx, DELETE_ALL, tenant))
}

/// How many a tenant has.
pub(crate) async fn count(tx: &mut Tx, tenant: TenantId) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, COUNT, tenant);
    Ok(count.unsigned_abs())
}
