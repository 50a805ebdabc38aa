//! What LCM controllers, app rule managers and app stores have in common: each is a record of a tenant, known by an IPv4
//! address, with a few texts.

use mecm_common::db::{DbError, Read, Tx};
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::{execute, fetch_all, fetch_optional, on_db};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::holdings::Kind;

/// The SQL of one noun. `$1` is the tenant, `$2` the IP; from `$3` on stand the [`Record::texts`].
pub(crate) struct Statements {
    pub(crate) insert: &'static str,
    pub(crate) update: &'static str,
    pub(crate) list: &'static str,
    pub(crate) get: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) delete_all: &'static str,
}

impl Statements {
    /// Every statement, for the test that prepares them.
    #[cfg(test)]
    pub(crate) const fn all(&self) -> [&'static str; 6] {
        [
            self.insert,
            self.update,
            self.list,
            self.get,
            self.delete,
            self.delete_all,
        ]
    }
}

/// A noun that is kept this way.
pub(crate) trait Record: Sized + Sync {
    /// A row as it is read.
    type Row: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Into<Self> + Send + Unpin;
    /// What it counts as.
    const KIND: Kind;
    /// Its SQL.
    const SQL: Statements;

    /// The IP in a body.
    fn ip(&self) -> Option<&str>;

    /// What is kept beside the IP, in the order of the statements.
    fn texts(&self) -> Vec<Option<&str>>;
}

/// Adds one; `false` when the tenant has one of that IP.
pub(crate) async fn insert<R: Record>(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    new: &R,
) -> Result<bool, DbError> {
    write(tx, R::SQL.insert, tenant, ip, new).await
}

/// Replaces what one holds; `false` when it is not there.
pub(crate) async fn update<R: Record>(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    new: &R,
) -> Result<bool, DbError> {
    write(tx, R::SQL.update, tenant, ip, new).await
}

async fn write<R: Record>(
    tx: &mut Tx,
    sql: &'static str,
    tenant: TenantId,
    ip: HostIp,
    new: &R,
) -> Result<bool, DbError> {
    let changed = on_db!(tx, conn => {
        let mut query = sqlx::query(sql).bind(tenant).bind(ip);
        for text in new.texts() {
            query = query.bind(text);
        }
        query.execute(conn).await?.rows_affected()
    });
    Ok(changed == 1)
}

/// All of a tenant, oldest first.
pub(crate) async fn list<R: Record>(read: &mut Read, tenant: TenantId) -> Result<Vec<R>, DbError> {
    let rows: Vec<R::Row> = fetch_all!(read, R::SQL.list, tenant);
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One.
pub(crate) async fn get<R: Record>(
    read: &mut Read,
    tenant: TenantId,
    ip: HostIp,
) -> Result<Option<R>, DbError> {
    let row: Option<R::Row> = fetch_optional!(read, R::SQL.get, tenant, ip);
    Ok(row.map(Into::into))
}

/// Deletes one; `false` when it is not there.
pub(crate) async fn delete<R: Record>(tx: &mut Tx, tenant: TenantId, ip: HostIp) -> Result<bool, DbError> {
    Ok(execute!(tx, R::SQL.delete, tenant, ip) == 1)
}

/// Deletes all of a tenant; how many there were.
pub(crate) async fn delete_all<R: Record>(tx: &mut Tx, tenant: TenantId) -> Result<u64, DbError> {
    Ok(execute!(tx, R::SQL.delete_all, tenant))
}
