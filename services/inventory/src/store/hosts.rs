//! Edge hosts.

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Read, Tx};
use mecm_common::models::host::{HardwareCapability, Host, HostInfo, SoftwareCapability};
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::service::wire_time;
use mecm_common::{execute, fetch_all, fetch_optional};
use sqlx::types::Json;

use super::capabilities::{self, Trait};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT h.seq, h.ip, h.name, h.zip_code, h.city, h.address, h.affinity, h.user_name, h.edgerepo_name,
             h.edgerepo_ip, h.edgerepo_port, h.edgerepo_username, h.controller_ip, h.rule_manager_ip, h.coordinates,
             h.hardware, h.software, h.config_status, h.created, h.modified FROM ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO hosts (tenant, ip, name, zip_code, city, address, affinity, user_name, edgerepo_name,
    edgerepo_ip, edgerepo_port, edgerepo_username, controller_ip, rule_manager_ip, coordinates, hardware, software,
    created, modified)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)
    ON CONFLICT (tenant, ip) DO NOTHING RETURNING seq";
const UPDATE: &str = "UPDATE hosts SET name = $3, zip_code = $4, city = $5, address = $6, affinity = $7, user_name = $8,
    edgerepo_name = $9, edgerepo_ip = $10, edgerepo_port = $11, edgerepo_username = $12, controller_ip = $13,
    rule_manager_ip = $14, coordinates = $15, hardware = $16, modified = $17 WHERE tenant = $1 AND ip = $2 RETURNING seq";
const SET_CONFIG_STATUS: &str =
    "UPDATE hosts SET config_status = $3, modified = $4 WHERE tenant = $1 AND ip = $2";
const GET: &str = select!("hosts h WHERE h.tenant = $1 AND h.ip = $2");
const LIST: &str = select!("hosts h WHERE h.tenant = $1 AND h.seq > $2 ORDER BY h.seq LIMIT $3");
/// Walks the hosts of one trait in the order of the index and asks of each whether it has the others. The order is spelt as
/// the primary key is, and each look-up fenced by `OFFSET 0`: a prepared statement's plan is made without knowing the values,
/// and PostgreSQL would rather read every host, or every trait, once.
const FIND_POSTGRES: &str = select!(
    "(SELECT t.host FROM host_traits t
         WHERE t.tenant = $1 AND t.kind = $4 AND t.name = $5 AND t.host > $2
         AND NOT EXISTS (SELECT 1 FROM jsonb_to_recordset($6) AS w (kind text, name text)
             LEFT JOIN LATERAL (SELECT o.host FROM host_traits o WHERE o.tenant = $1 AND o.kind = w.kind
                 AND o.name = w.name AND o.host = t.host OFFSET 0) AS has ON true
             WHERE has.host IS NULL OFFSET 0)
         ORDER BY t.tenant, t.kind, t.name, t.host LIMIT $3) AS page
     CROSS JOIN LATERAL (SELECT * FROM hosts WHERE hosts.seq = page.host OFFSET 0) AS h ORDER BY h.seq"
);
const FIND_SQLITE: &str = select!(
    "host_traits t CROSS JOIN hosts h ON h.seq = t.host
     WHERE t.tenant = $1 AND t.kind = $4 AND t.name = $5 AND t.host > $2
     AND NOT EXISTS (SELECT 1 FROM json_each($6) w WHERE NOT EXISTS (
         SELECT 1 FROM host_traits o
         WHERE o.tenant = $1 AND o.kind = w.value ->> 'kind' AND o.name = w.value ->> 'name' AND o.host = t.host))
     ORDER BY t.host LIMIT $3"
);
/// How many hosts have each trait, counted no further than is needed to tell a rare one.
const RARITY_POSTGRES: &str = "SELECT w.place, (SELECT count(*) FROM (SELECT 1 FROM host_traits t
        WHERE t.tenant = $1 AND t.kind = w.asked ->> 'kind' AND t.name = w.asked ->> 'name' LIMIT 1000) AS few)
    FROM jsonb_array_elements($2) WITH ORDINALITY AS w (asked, place) ORDER BY 2, 1";
const RARITY_SQLITE: &str = "SELECT w.key + 1, (SELECT count(*) FROM (SELECT 1 FROM host_traits t
        WHERE t.tenant = $1 AND t.kind = w.value ->> 'kind' AND t.name = w.value ->> 'name' LIMIT 1000))
    FROM json_each($2) w ORDER BY 2, 1";
const HOLD: &str = "SELECT seq FROM hosts WHERE tenant = $1 AND ip = $2";
const HOLD_POSTGRES: &str = "SELECT seq FROM hosts WHERE tenant = $1 AND ip = $2 FOR KEY SHARE";
const LOCK_POSTGRES: &str = "SELECT seq FROM hosts WHERE tenant = $1 AND ip = $2 FOR UPDATE";
const LOCK_ALL: &str = "SELECT seq FROM hosts WHERE tenant = $1";
const LOCK_ALL_POSTGRES: &str = "SELECT seq FROM hosts WHERE tenant = $1 ORDER BY seq FOR UPDATE";
const DELETE_POSTGRES: &str =
    "DELETE FROM hosts WHERE seq IN (SELECT h::bigint FROM jsonb_array_elements_text($1) AS h)";
const DELETE_SQLITE: &str = "DELETE FROM hosts WHERE seq IN (SELECT value FROM json_each($1))";

/// Every statement of this file, for the test that prepares them: on both databases, on PostgreSQL, on SQLite.
#[cfg(test)]
pub(crate) const STATEMENTS: [&[&str]; 3] = [
    &[INSERT, UPDATE, SET_CONFIG_STATUS, GET, LIST, HOLD, LOCK_ALL],
    &[
        FIND_POSTGRES,
        RARITY_POSTGRES,
        HOLD_POSTGRES,
        LOCK_POSTGRES,
        LOCK_ALL_POSTGRES,
        DELETE_POSTGRES,
    ],
    &[FIND_SQLITE, RARITY_SQLITE, DELETE_SQLITE],
];

/// A host as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct StoredHost {
    /// Its place in "oldest first"; also what other tables refer to.
    pub(crate) seq: i64,
    ip: String,
    name: String,
    zip_code: Option<String>,
    city: String,
    address: String,
    affinity: Option<String>,
    user_name: Option<String>,
    edgerepo_name: Option<String>,
    edgerepo_ip: String,
    edgerepo_port: String,
    edgerepo_username: Option<String>,
    controller_ip: String,
    rule_manager_ip: Option<String>,
    coordinates: String,
    hardware: Json<Vec<HardwareCapability>>,
    software: Json<Vec<SoftwareCapability>>,
    config_status: Option<String>,
    created: DateTime<Utc>,
    modified: DateTime<Utc>,
}

impl From<StoredHost> for HostInfo {
    fn from(row: StoredHost) -> Self {
        Self {
            host: Host {
                mechost_ip: Some(row.ip),
                mechost_name: Some(row.name),
                zip_code: row.zip_code,
                city: Some(row.city),
                address: Some(row.address),
                affinity: row.affinity,
                user_name: row.user_name,
                edgerepo_name: row.edgerepo_name,
                edgerepo_ip: Some(row.edgerepo_ip),
                edgerepo_port: Some(row.edgerepo_port),
                edgerepo_username: row.edgerepo_username,
                applcm_ip: Some(row.controller_ip),
                app_rule_ip: row.rule_manager_ip,
                coordinates: Some(row.coordinates),
                hwcapabilities: row.hardware.0,
            },
            swcapabilities: row.software.0,
            config_upload_status: row.config_status,
            created_time: wire_time(row.created),
            modified_time: wire_time(row.modified),
        }
    }
}

/// Which hosts are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// All of these.
    pub(crate) traits: Vec<Trait>,
    /// Behind this one.
    pub(crate) after: i64,
    /// At most so many.
    pub(crate) limit: Option<i64>,
}

/// Adds a host; `false` when the tenant has one of that IP.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    new: &Host,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let added: Option<(i64,)> = fetch_optional!(
        tx,
        INSERT,
        tenant,
        ip,
        &new.mechost_name,
        &new.zip_code,
        &new.city,
        &new.address,
        &new.affinity,
        &new.user_name,
        &new.edgerepo_name,
        &new.edgerepo_ip,
        &new.edgerepo_port,
        &new.edgerepo_username,
        &new.applcm_ip,
        &new.app_rule_ip,
        &new.coordinates,
        Json(&new.hwcapabilities),
        Json(Vec::<SoftwareCapability>::new()),
        now
    );
    let Some((host,)) = added else {
        return Ok(false);
    };
    capabilities::index(tx, tenant, host, new).await?;
    Ok(true)
}

/// Replaces what a host's record holds; its applications, software and configuration status stay. `false` when it is not
/// there.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    new: &Host,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let changed: Option<(i64,)> = fetch_optional!(
        tx,
        UPDATE,
        tenant,
        ip,
        &new.mechost_name,
        &new.zip_code,
        &new.city,
        &new.address,
        &new.affinity,
        &new.user_name,
        &new.edgerepo_name,
        &new.edgerepo_ip,
        &new.edgerepo_port,
        &new.edgerepo_username,
        &new.applcm_ip,
        &new.app_rule_ip,
        &new.coordinates,
        Json(&new.hwcapabilities),
        now
    );
    let Some((host,)) = changed else {
        return Ok(false);
    };
    capabilities::index(tx, tenant, host, new).await?;
    Ok(true)
}

/// Notes what was done last with a host's Kubernetes configuration; `false` when there is no such host.
pub(crate) async fn set_config_status(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    status: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    Ok(execute!(tx, SET_CONFIG_STATUS, tenant, ip, status, now) == 1)
}

/// One host.
pub(crate) async fn get(
    read: &mut Read,
    tenant: TenantId,
    ip: HostIp,
) -> Result<Option<StoredHost>, DbError> {
    Ok(fetch_optional!(read, GET, tenant, ip))
}

/// The hosts that have everything that is wanted, oldest first. The search reads the index of traits alone; whole rows are
/// read only of the hosts it gives back.
pub(crate) async fn list(
    read: &mut Read,
    tenant: TenantId,
    wanted: &Wanted,
) -> Result<Vec<StoredHost>, DbError> {
    let limit = wanted.limit.unwrap_or(i64::MAX);
    if wanted.traits.is_empty() {
        return Ok(fetch_all!(read, LIST, tenant, wanted.after, limit));
    }
    let Some((first, others)) = rarest_first(read, tenant, &wanted.traits).await? else {
        return Ok(Vec::new());
    };
    let sql = read.pick(FIND_POSTGRES, FIND_SQLITE);
    let rows = fetch_all!(
        read,
        sql,
        tenant,
        wanted.after,
        limit,
        first.kind.as_str(),
        &first.name,
        Json(others)
    );
    Ok(rows)
}

/// The trait of the fewest hosts, all of which a search has to look at, and the others; `None` when one is of no host.
pub(crate) async fn rarest_first<'a>(
    read: &mut Read,
    tenant: TenantId,
    traits: &'a [Trait],
) -> Result<Option<(&'a Trait, Vec<&'a Trait>)>, DbError> {
    if let [only] = traits {
        return Ok(Some((only, Vec::new())));
    }
    let sql = read.pick(RARITY_POSTGRES, RARITY_SQLITE);
    let counted: Vec<(i64, i64)> = fetch_all!(read, sql, tenant, Json(traits));
    if counted.iter().any(|(_, hosts)| *hosts == 0) {
        return Ok(None);
    }
    let mut sorted = counted
        .iter()
        .filter_map(|(place, _)| traits.get(usize::try_from(place - 1).ok()?));
    Ok(sorted.next().map(|first| (first, sorted.collect())))
}

/// The key by which other tables refer to a host, which is kept from being deleted until the transaction ends. `None` when
/// there is no such host.
pub(crate) async fn hold(tx: &mut Tx, tenant: TenantId, ip: HostIp) -> Result<Option<i64>, DbError> {
    let sql = tx.pick(HOLD_POSTGRES, HOLD);
    let row: Option<(i64,)> = fetch_optional!(tx, sql, tenant, ip);
    Ok(row.map(|(seq,)| seq))
}

/// As [`hold`], before the host is deleted: nothing can be added to it meanwhile.
pub(crate) async fn lock(tx: &mut Tx, tenant: TenantId, ip: HostIp) -> Result<Option<i64>, DbError> {
    let sql = tx.pick(LOCK_POSTGRES, HOLD);
    let row: Option<(i64,)> = fetch_optional!(tx, sql, tenant, ip);
    Ok(row.map(|(seq,)| seq))
}

/// As [`lock`], of all hosts of a tenant.
pub(crate) async fn lock_all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<i64>, DbError> {
    let sql = tx.pick(LOCK_ALL_POSTGRES, LOCK_ALL);
    let rows: Vec<(i64,)> = fetch_all!(tx, sql, tenant);
    Ok(rows.into_iter().map(|(seq,)| seq).collect())
}

/// Deletes hosts that were locked; how many there were. Their applications go before.
pub(crate) async fn delete(tx: &mut Tx, hosts: &[i64]) -> Result<u64, DbError> {
    let sql = tx.pick(DELETE_POSTGRES, DELETE_SQLITE);
    Ok(execute!(tx, sql, Json(hosts)))
}
