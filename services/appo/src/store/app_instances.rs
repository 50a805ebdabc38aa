//! Application instances.

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Tx, advisory_lock};
use mecm_common::models::app_instance::OperationalStatus;
use mecm_common::models::ids::{AppId, AppInstanceId, HostIp, PackageId, TenantId};
use mecm_common::{execute, fetch_all, fetch_one, fetch_optional};
use serde_json::Value;
use sqlx::types::Json;

/// An instance as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct AppInstance {
    pub(crate) id: AppInstanceId,
    pub(crate) tenant: TenantId,
    pub(crate) package: PackageId,
    pub(crate) app: AppId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) host: HostIp,
    pub(crate) controller_ip: Option<HostIp>,
    pub(crate) controller_port: Option<i32>,
    status: String,
    pub(crate) info: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) hw_capabilities: Json<Vec<String>>,
    pub(crate) sw_capabilities: Json<Vec<String>>,
    pub(crate) rules: Option<Json<Value>>,
    pub(crate) terminating: bool,
    pub(crate) force: bool,
    pub(crate) ever_sent: bool,
    pub(crate) sent_at: Option<DateTime<Utc>>,
}

impl AppInstance {
    /// Where it stands.
    pub(crate) fn status(&self) -> Result<OperationalStatus, DbError> {
        OperationalStatus::parse(&self.status).ok_or_else(|| {
            DbError::Inconsistent(format!(
                "instance {} is in the unknown status {:?}",
                self.id, self.status
            ))
        })
    }
}

/// What a new instance is made of.
#[derive(Clone, Debug)]
pub(crate) struct NewAppInstance {
    pub(crate) id: AppInstanceId,
    pub(crate) tenant: TenantId,
    pub(crate) package: PackageId,
    pub(crate) app: AppId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) host: HostIp,
    pub(crate) hw_capabilities: Vec<String>,
    pub(crate) sw_capabilities: Vec<String>,
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, tenant, package, app, name, description, host, controller_ip, controller_port, status, info,
             digest, hw_capabilities, sw_capabilities, rules, terminating, force, ever_sent, sent_at FROM app_instances ",
            $rest
        )
    };
}

const INSERT: &str =
    "INSERT INTO app_instances (id, tenant, package, app, name, description, host, status, hw_capabilities,
    sw_capabilities, holds_name, terminating, force, ever_sent, created, modified)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 'Creating', $8, $9, $10, $10, $10, $10, $11, $11)";

/// Adds instances, Creating.
pub(crate) async fn insert_all(
    tx: &mut Tx,
    new: &[NewAppInstance],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    match tx {
        Tx::Postgres(tx) => {
            for chunk in new.chunks(1_000) {
                let mut insert = sqlx::QueryBuilder::<sqlx::Postgres>::new(
                    "INSERT INTO app_instances (id, tenant, package, app, name, description, host, status, hw_capabilities,
                     sw_capabilities, holds_name, terminating, force, ever_sent, created, modified) ",
                );
                insert.push_values(chunk, |mut row, new| {
                    row.push_bind(new.id)
                        .push_bind(new.tenant)
                        .push_bind(new.package)
                        .push_bind(new.app)
                        .push_bind(&new.name)
                        .push_bind(&new.description)
                        .push_bind(new.host)
                        .push("'Creating'")
                        .push_bind(Json(&new.hw_capabilities))
                        .push_bind(Json(&new.sw_capabilities))
                        .push("false, false, false, false")
                        .push_bind(now)
                        .push_bind(now);
                });
                insert.build().execute(&mut **tx).await?;
            }
        }
        sqlite => {
            for new in new {
                execute!(
                    &mut *sqlite,
                    INSERT,
                    new.id,
                    new.tenant,
                    new.package,
                    new.app,
                    &new.name,
                    &new.description,
                    new.host,
                    Json(&new.hw_capabilities),
                    Json(&new.sw_capabilities),
                    false,
                    now
                );
            }
        }
    }
    Ok(())
}

const GET: &str = columns!("WHERE tenant = $1 AND id = $2");
const LIST: &str = columns!("WHERE tenant = $1 ORDER BY seq");
const LIST_OF_POSTGRES: &str =
    columns!("WHERE tenant = $1 AND id IN (SELECT jsonb_array_elements_text($2)::uuid) ORDER BY seq");
const LOCK_OF_POSTGRES: &str = columns!(
    "WHERE tenant = $1 AND id IN (SELECT jsonb_array_elements_text($2)::uuid) ORDER BY seq FOR UPDATE"
);
const LIST_OF_SQLITE: &str = columns!(
    "WHERE tenant = $1 AND id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2)) ORDER BY seq"
);

/// One instance.
pub(crate) async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    id: AppInstanceId,
) -> Result<Option<AppInstance>, DbError> {
    Ok(fetch_optional!(tx, GET, tenant, id))
}

/// All instances of a tenant, oldest first.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<AppInstance>, DbError> {
    Ok(fetch_all!(tx, LIST, tenant))
}

/// Those of these instances that there are, oldest first.
pub(crate) async fn list_of(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[AppInstanceId],
) -> Result<Vec<AppInstance>, DbError> {
    let sql = tx.pick(LIST_OF_POSTGRES, LIST_OF_SQLITE);
    Ok(fetch_all!(tx, sql, tenant, Json(ids)))
}

/// As [`list_of`], kept from changing until the transaction ends; locked in one order, so that two at once cannot wait for
/// each other.
pub(crate) async fn lock_of(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[AppInstanceId],
) -> Result<Vec<AppInstance>, DbError> {
    let sql = tx.pick(LOCK_OF_POSTGRES, LIST_OF_SQLITE);
    Ok(fetch_all!(tx, sql, tenant, Json(ids)))
}

const COUNT: &str = "SELECT COUNT(*) FROM app_instances WHERE tenant = $1";
const COUNT_TENANTS: &str = "SELECT COUNT(*) FROM (SELECT DISTINCT tenant FROM app_instances) AS tenants";
const NAME_HOLDERS: &str = "SELECT host FROM app_instances WHERE tenant = $1 AND name = $2 AND holds_name";
const HOLD_NAME: &str = "UPDATE app_instances SET holds_name = $2, status = $3, modified = $4 WHERE id = $1
    AND NOT EXISTS (SELECT 1 FROM app_instances AS other WHERE other.tenant = app_instances.tenant
        AND other.host = app_instances.host AND other.name = app_instances.name AND other.holds_name
        AND other.id <> app_instances.id)";

/// How many instances a tenant has.
pub(crate) async fn count(tx: &mut Tx, tenant: TenantId) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, COUNT, tenant);
    Ok(count.unsigned_abs())
}

/// How many tenants have any.
pub(crate) async fn count_tenants(tx: &mut Tx) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, COUNT_TENANTS);
    Ok(count.unsigned_abs())
}

/// Keeps other tenants from adding their first instance until the transaction ends, so that the number of tenants holds.
pub(crate) async fn lock_tenants(tx: &mut Tx) -> Result<(), DbError> {
    // "appT" in ASCII: apart from whatever else uses advisory locks in this database.
    advisory_lock(tx, 0x6170_7054, 0).await
}

/// The hosts of the tenant on which the name is in use.
pub(crate) async fn hosts_holding_name(
    tx: &mut Tx,
    tenant: TenantId,
    name: &str,
) -> Result<Vec<HostIp>, DbError> {
    let rows: Vec<(HostIp,)> = fetch_all!(tx, NAME_HOLDERS, tenant, name);
    Ok(rows.into_iter().map(|(host,)| host).collect())
}

/// Takes the name for the instance and sets its status; changes nothing (0) when another holds the name. Of two at once
/// on PostgreSQL the unique index decides: the later one gets [`DbError::Duplicate`].
pub(crate) async fn hold_name(
    tx: &mut Tx,
    id: AppInstanceId,
    status: OperationalStatus,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(execute!(tx, HOLD_NAME, id, true, status.as_str(), now))
}

const SET_STATUS: &str =
    "UPDATE app_instances SET status = $2, info = $3, holds_name = $4, modified = $5 WHERE id = $1";
const SET_CREATED: &str =
    "UPDATE app_instances SET status = 'Created', info = 'success', modified = $2 WHERE id = $1";
const SET_INFO: &str = "UPDATE app_instances SET info = $2, modified = $3 WHERE id = $1";
const LET_NAME_GO: &str = "UPDATE app_instances SET holds_name = $2, modified = $3 WHERE id = $1";
const SET_CONTROLLER: &str =
    "UPDATE app_instances SET controller_ip = $2, controller_port = $3, modified = $4 WHERE id = $1";
const SET_CONTENT: &str = "UPDATE app_instances SET digest = $2, rules = $3, modified = $4 WHERE id = $1";
const REVERT: &str = "UPDATE app_instances SET status = $2, holds_name = $3, modified = $4 WHERE id = $1";
const SET_SENT: &str = "UPDATE app_instances SET sent_at = $2, ever_sent = $3, modified = $4 WHERE id = $1";
const SET_NOT_SENT: &str =
    "UPDATE app_instances SET sent_at = NULL, ever_sent = $2, modified = $3 WHERE id = $1";
const CLEAR_SENT: &str = "UPDATE app_instances SET sent_at = NULL, modified = $2 WHERE id = $1";
const SET_TERMINATING: &str =
    "UPDATE app_instances SET terminating = $2, force = $3, modified = $4 WHERE id = $1";
const DELETE: &str = "DELETE FROM app_instances WHERE id = $1";

/// Sets where it stands, why, and whether it holds its name.
pub(crate) async fn set_status(
    tx: &mut Tx,
    id: AppInstanceId,
    status: OperationalStatus,
    info: &str,
    holds_name: bool,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(execute!(
        tx,
        SET_STATUS,
        id,
        status.as_str(),
        cut(info),
        holds_name,
        now
    ))
}

/// It is Created. Its name is left alone: an instantiate that came meanwhile may have taken it.
pub(crate) async fn set_created(tx: &mut Tx, id: AppInstanceId, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, SET_CREATED, id, now))
}

/// Sets the reason alone.
pub(crate) async fn set_info(
    tx: &mut Tx,
    id: AppInstanceId,
    info: &str,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(execute!(tx, SET_INFO, id, cut(info), now))
}

/// Gives the name free, the status staying what it is.
pub(crate) async fn let_name_go(tx: &mut Tx, id: AppInstanceId, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, LET_NAME_GO, id, false, now))
}

/// Keeps the controller's address.
pub(crate) async fn set_controller(
    tx: &mut Tx,
    id: AppInstanceId,
    ip: HostIp,
    port: Option<u16>,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(execute!(tx, SET_CONTROLLER, id, ip, port.map(i32::from), now))
}

/// Keeps what the package is: the digest of its file and its descriptor's rules.
pub(crate) async fn set_content(
    tx: &mut Tx,
    id: AppInstanceId,
    digest: &str,
    rules: Option<&Value>,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(execute!(tx, SET_CONTENT, id, digest, rules.map(Json), now))
}

/// Puts it back where it stood before an operation that never began; its name is free.
pub(crate) async fn revert(
    tx: &mut Tx,
    id: AppInstanceId,
    status: OperationalStatus,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(execute!(tx, REVERT, id, status.as_str(), false, now))
}

/// Notes, before the first byte goes out, that an instantiate is sent.
pub(crate) async fn set_sent(tx: &mut Tx, id: AppInstanceId, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, SET_SENT, id, now, true, now))
}

/// Notes that nothing was sent after all; `before`: something had been sent earlier.
pub(crate) async fn set_not_sent(
    tx: &mut Tx,
    id: AppInstanceId,
    before: bool,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(execute!(tx, SET_NOT_SENT, id, before, now))
}

/// Notes that no instantiate is without its answer.
pub(crate) async fn clear_sent(tx: &mut Tx, id: AppInstanceId, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(execute!(tx, CLEAR_SENT, id, now))
}

/// Marks it as being terminated, or as no longer being.
pub(crate) async fn set_terminating(
    tx: &mut Tx,
    id: AppInstanceId,
    terminating: bool,
    force: bool,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(execute!(tx, SET_TERMINATING, id, terminating, force, now))
}

/// Removes it, and with it its dependencies.
pub(crate) async fn delete(tx: &mut Tx, id: AppInstanceId) -> Result<u64, DbError> {
    Ok(execute!(tx, DELETE, id))
}

const ON_CONTROLLER: &str = "SELECT COUNT(*) FROM app_instances WHERE tenant = $1 AND controller_ip = $2
    AND controller_port = $3 AND holds_name AND ever_sent AND id <> $4";

/// How many other instances of the tenant are, or may be, on the controller.
pub(crate) async fn count_on_controller(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    port: i32,
    but: AppInstanceId,
) -> Result<i64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, ON_CONTROLLER, tenant, ip, port, but);
    Ok(count)
}

/// Texts of failures are kept to 250 characters and `...`, as v1.0's clients show them.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(250) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: [&str; 20] = [
    INSERT,
    GET,
    LIST,
    COUNT,
    COUNT_TENANTS,
    NAME_HOLDERS,
    HOLD_NAME,
    SET_STATUS,
    SET_CREATED,
    SET_INFO,
    LET_NAME_GO,
    SET_CONTROLLER,
    SET_CONTENT,
    REVERT,
    SET_SENT,
    SET_NOT_SENT,
    CLEAR_SENT,
    SET_TERMINATING,
    DELETE,
    ON_CONTROLLER,
];
#[cfg(test)]
pub(crate) const STATEMENTS_POSTGRES: [&str; 2] = [LIST_OF_POSTGRES, LOCK_OF_POSTGRES];
#[cfg(test)]
pub(crate) const STATEMENTS_SQLITE: [&str; 1] = [LIST_OF_SQLITE];
