//! Distribution records: how far a package is on its way to each host.

use std::collections::HashMap;

use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::{HostIp, PackageId, TenantId};
use mecm_common::models::package::{DistributionStatus, MecHostInfo};
use mecm_common::{execute, fetch_all, fetch_one};
use sqlx::types::Json;

/// All hosts in one statement, in the order of the list; the dialects read a JSON list differently.
pub(crate) const ADD_POSTGRES: &str = "INSERT INTO package_hosts (package, host_ip, status, error)
    SELECT $1, host.ip, $2, $3 FROM jsonb_array_elements_text($4) WITH ORDINALITY AS host (ip, place) ORDER BY host.place";
pub(crate) const ADD_SQLITE: &str = "INSERT INTO package_hosts (package, host_ip, status, error)
    SELECT $1, host.value, $2, $3 FROM json_each($4) AS host ORDER BY host.key";
/// Named again, one is under way again.
pub(crate) const ANNOUNCE_POSTGRES: &str = "INSERT INTO package_hosts (package, host_ip, status, error)
    SELECT $1, host.ip, 'Processing', NULL FROM jsonb_array_elements_text($2) WITH ORDINALITY AS host (ip, place)
    ORDER BY host.place ON CONFLICT (package, host_ip) DO UPDATE SET status = 'Processing', error = NULL";
pub(crate) const ANNOUNCE_SQLITE: &str = "INSERT INTO package_hosts (package, host_ip, status, error)
    SELECT $1, host.value, 'Processing', NULL FROM json_each($2) AS host WHERE true ORDER BY host.key
    ON CONFLICT (package, host_ip) DO UPDATE SET status = 'Processing', error = NULL";
pub(crate) const COUNT: &str = "SELECT count(*) FROM package_hosts WHERE package = $1";
pub(crate) const WAITING: &str =
    "SELECT count(*) FROM package_hosts WHERE package = $1 AND status = 'Processing'";
pub(crate) const END: &str =
    "UPDATE package_hosts SET status = $2, error = $3 WHERE package = $1 AND status = 'Processing'";
pub(crate) const OF_TENANT: &str = "SELECT h.package, h.host_ip, h.status, h.error FROM package_hosts h
    JOIN packages p ON p.seq = h.package WHERE p.tenant = $1 ORDER BY h.seq";
pub(crate) const OF_PACKAGE: &str =
    "SELECT package, host_ip, status, error FROM package_hosts WHERE package = $1 ORDER BY seq";
pub(crate) const DELETE: &str = "DELETE FROM package_hosts WHERE host_ip = $3
    AND package IN (SELECT seq FROM packages WHERE tenant = $1 AND id = $2)";

type HostRow = (i64, HostIp, String, Option<String>);

fn record((package, host_ip, status, error): HostRow) -> Result<(i64, MecHostInfo), DbError> {
    let status = DistributionStatus::parse(&status)
        .ok_or_else(|| DbError::Inconsistent(format!("a distribution is {status:?}")))?;
    Ok((
        package,
        MecHostInfo {
            host_ip,
            status,
            error,
        },
    ))
}

/// Adds a record for each host, none of which the package has yet.
pub(crate) async fn add(
    tx: &mut Tx,
    package: i64,
    hosts: &[HostIp],
    status: DistributionStatus,
    error: Option<&str>,
) -> Result<(), DbError> {
    let sql = tx.pick(ADD_POSTGRES, ADD_SQLITE);
    execute!(tx, sql, package, status.as_str(), error, Json(hosts));
    Ok(())
}

/// Puts hosts on their way, those that the package has already too.
pub(crate) async fn announce(tx: &mut Tx, package: i64, hosts: &[HostIp]) -> Result<(), DbError> {
    let sql = tx.pick(ANNOUNCE_POSTGRES, ANNOUNCE_SQLITE);
    execute!(tx, sql, package, Json(hosts));
    Ok(())
}

/// How many hosts a package is for.
pub(crate) async fn count(tx: &mut Tx, package: i64) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, COUNT, package);
    Ok(count.unsigned_abs())
}

/// How many of them are under way.
pub(crate) async fn waiting(tx: &mut Tx, package: i64) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, WAITING, package);
    Ok(count.unsigned_abs())
}

/// Ends the way of those that are under way.
pub(crate) async fn end(
    tx: &mut Tx,
    package: i64,
    status: DistributionStatus,
    error: &str,
) -> Result<(), DbError> {
    execute!(tx, END, package, status.as_str(), error);
    Ok(())
}

/// The records of all packages of a tenant, by the package's place.
pub(crate) async fn of_tenant(
    tx: &mut Tx,
    tenant: TenantId,
) -> Result<HashMap<i64, Vec<MecHostInfo>>, DbError> {
    let rows: Vec<HostRow> = fetch_all!(tx, OF_TENANT, tenant);
    let mut all: HashMap<i64, Vec<MecHostInfo>> = HashMap::new();
    for row in rows {
        let (package, host) = record(row)?;
        all.entry(package).or_default().push(host);
    }
    Ok(all)
}

/// The records of one package.
pub(crate) async fn of_package(tx: &mut Tx, package: i64) -> Result<Vec<MecHostInfo>, DbError> {
    let rows: Vec<HostRow> = fetch_all!(tx, OF_PACKAGE, package);
    rows.into_iter().map(|row| Ok(record(row)?.1)).collect()
}

/// Removes the record of one host; none is fine.
pub(crate) async fn delete(
    tx: &mut Tx,
    tenant: TenantId,
    id: PackageId,
    host: HostIp,
) -> Result<(), DbError> {
    execute!(tx, DELETE, tenant, id, host);
    Ok(())
}
