//! Applications on hosts.

use mecm_common::db::{DbError, Read, Tx};
use mecm_common::models::application::Application;
use mecm_common::models::ids::{AppInstanceId, HostIp, PackageId, TenantId};
use mecm_common::{execute, fetch_all, fetch_optional};
use sqlx::types::Json;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.name, a.package, a.capabilities, a.status FROM applications a JOIN hosts h ON h.seq = a.host
             WHERE h.tenant = $1 ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO applications (tenant, host, id, name, package, capabilities, status)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, id) DO NOTHING";
const UPDATE: &str = "UPDATE applications SET name = $4, package = $5, status = $6
    WHERE tenant = $1 AND host = $2 AND id = $3";
const SET_CAPABILITIES: &str =
    "UPDATE applications SET capabilities = $4 WHERE tenant = $1 AND host = $2 AND id = $3";
const GET: &str = select!("AND h.ip = $2 AND a.id = $3");
const LIST: &str = select!("AND h.ip = $2 ORDER BY a.seq");
const USING_POSTGRES: &str = select!(
    "AND h.ip = $2 AND a.capabilities @> to_jsonb($3::text)
     AND EXISTS (SELECT 1 FROM host_traits t
         WHERE t.tenant = $1 AND t.kind = 'hardware' AND t.name = $3 AND t.host = h.seq) ORDER BY a.seq"
);
const USING_SQLITE: &str = select!(
    "AND h.ip = $2 AND EXISTS (SELECT 1 FROM json_each(a.capabilities) c WHERE c.value = $3)
     AND EXISTS (SELECT 1 FROM host_traits t
         WHERE t.tenant = $1 AND t.kind = 'hardware' AND t.name = $3 AND t.host = h.seq) ORDER BY a.seq"
);
const RUNNING: &str = "SELECT a.id, a.name, h.ip FROM applications a JOIN hosts h ON h.seq = a.host
    WHERE h.tenant = $1 AND a.status = 'Instantiated' ORDER BY a.seq LIMIT $2";
const RUNNING_ON: &str = "SELECT a.id, a.name, h.ip FROM applications a JOIN hosts h ON h.seq = a.host
    WHERE a.host = $1 AND a.status = 'Instantiated' ORDER BY a.seq LIMIT $2";
const DELETE: &str = "DELETE FROM applications WHERE tenant = $1 AND host = $2 AND id = $3";
const DELETE_ON_POSTGRES: &str =
    "DELETE FROM applications WHERE host IN (SELECT h::bigint FROM jsonb_array_elements_text($1) AS h)";
const DELETE_ON_SQLITE: &str = "DELETE FROM applications WHERE host IN (SELECT value FROM json_each($1))";

/// Every statement of this file, for the test that prepares them: on both databases, on PostgreSQL, on SQLite.
#[cfg(test)]
pub(crate) const STATEMENTS: [&[&str]; 3] = [
    &[
        INSERT,
        UPDATE,
        SET_CAPABILITIES,
        GET,
        LIST,
        RUNNING,
        RUNNING_ON,
        DELETE,
    ],
    &[USING_POSTGRES, DELETE_ON_POSTGRES],
    &[USING_SQLITE, DELETE_ON_SQLITE],
];

/// An application as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct StoredApplication {
    pub(crate) id: AppInstanceId,
    pub(crate) name: String,
    pub(crate) package: PackageId,
    pub(crate) capabilities: Json<Vec<String>>,
    pub(crate) status: String,
}

impl From<StoredApplication> for Application {
    fn from(row: StoredApplication) -> Self {
        Self {
            app_instance_id: Some(row.id.to_string()),
            app_name: Some(row.name),
            package_id: Some(row.package.to_string()),
            capabilities: row.capabilities.0,
            status: Some(row.status),
        }
    }
}

/// An application that runs.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Running {
    pub(crate) id: AppInstanceId,
    pub(crate) name: String,
    /// The host it runs on.
    pub(crate) ip: HostIp,
}

/// Adds an application to a host; `false` when the tenant has one of that id, here or elsewhere.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    host: i64,
    new: &StoredApplication,
) -> Result<bool, DbError> {
    let added = execute!(
        tx,
        INSERT,
        tenant,
        host,
        new.id,
        &new.name,
        new.package,
        &new.capabilities,
        &new.status
    );
    Ok(added == 1)
}

/// Replaces what is known of an application; an empty list of capabilities leaves those it has. `false` when it is not on
/// that host.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    host: i64,
    new: &StoredApplication,
) -> Result<bool, DbError> {
    let changed = execute!(
        tx,
        UPDATE,
        tenant,
        host,
        new.id,
        &new.name,
        new.package,
        &new.status
    );
    if changed == 1 && !new.capabilities.is_empty() {
        execute!(tx, SET_CAPABILITIES, tenant, host, new.id, &new.capabilities);
    }
    Ok(changed == 1)
}

/// One application on a host.
pub(crate) async fn get(
    read: &mut Read,
    tenant: TenantId,
    ip: HostIp,
    id: AppInstanceId,
) -> Result<Option<StoredApplication>, DbError> {
    Ok(fetch_optional!(read, GET, tenant, ip, id))
}

/// All applications on a host, oldest first.
pub(crate) async fn list(
    read: &mut Read,
    tenant: TenantId,
    ip: HostIp,
) -> Result<Vec<StoredApplication>, DbError> {
    Ok(fetch_all!(read, LIST, tenant, ip))
}

/// The applications on a host that use a type of hardware that the host offers, oldest first.
pub(crate) async fn using(
    read: &mut Read,
    tenant: TenantId,
    ip: HostIp,
    hardware: &str,
) -> Result<Vec<StoredApplication>, DbError> {
    let sql = read.pick(USING_POSTGRES, USING_SQLITE);
    Ok(fetch_all!(read, sql, tenant, ip, hardware))
}

/// At most `most` of the applications that run on a tenant's hosts, oldest first.
pub(crate) async fn running(tx: &mut Tx, tenant: TenantId, most: i64) -> Result<Vec<Running>, DbError> {
    Ok(fetch_all!(tx, RUNNING, tenant, most))
}

/// At most `most` of the applications that run on a host, oldest first.
pub(crate) async fn running_on(tx: &mut Tx, host: i64, most: i64) -> Result<Vec<Running>, DbError> {
    Ok(fetch_all!(tx, RUNNING_ON, host, most))
}

/// Deletes an application from a host; `false` when it is not there.
pub(crate) async fn delete(
    tx: &mut Tx,
    tenant: TenantId,
    host: i64,
    id: AppInstanceId,
) -> Result<bool, DbError> {
    Ok(execute!(tx, DELETE, tenant, host, id) == 1)
}

/// Deletes all applications on these hosts; how many there were.
pub(crate) async fn delete_on(tx: &mut Tx, hosts: &[i64]) -> Result<u64, DbError> {
    let sql = tx.pick(DELETE_ON_POSTGRES, DELETE_ON_SQLITE);
    Ok(execute!(tx, sql, Json(hosts)))
}
