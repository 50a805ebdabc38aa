//! What a host offers, and the rows by which hosts are searched for it.

use mecm_common::db::{DbError, Read, Tx};
use mecm_common::models::host::{Capabilities, HardwareCapability, Host, SoftwareCapability};
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_common::{execute, fetch_optional};
use serde::Serialize;
use sqlx::types::Json;

const GET: &str = "SELECT hardware, software FROM hosts WHERE tenant = $1 AND ip = $2";
const SET_SOFTWARE: &str = "UPDATE hosts SET software = $3 WHERE tenant = $1 AND ip = $2 RETURNING seq";
const FORGET: &str = "DELETE FROM host_traits WHERE host = $1 AND kind <> 'software'";
const FORGET_SOFTWARE: &str = "DELETE FROM host_traits WHERE host = $1 AND kind = 'software'";
const INSERT_POSTGRES: &str = "INSERT INTO host_traits (tenant, kind, name, host)
    SELECT $1, t.kind, t.name, $2 FROM jsonb_to_recordset($3) AS t (kind text, name text) ON CONFLICT DO NOTHING";
const INSERT_SQLITE: &str = "INSERT INTO host_traits (tenant, kind, name, host)
    SELECT $1, t.value ->> 'kind', t.value ->> 'name', $2 FROM json_each($3) t WHERE true ON CONFLICT DO NOTHING";

/// Every statement of this file, for the test that prepares them: on both databases, on PostgreSQL, on SQLite.
#[cfg(test)]
pub(crate) const STATEMENTS: [&[&str]; 3] = [
    &[GET, SET_SOFTWARE, FORGET, FORGET_SOFTWARE],
    &[INSERT_POSTGRES],
    &[INSERT_SQLITE],
];

#[derive(sqlx::FromRow)]
struct Row {
    hardware: Json<Vec<HardwareCapability>>,
    software: Json<Vec<SoftwareCapability>>,
}

/// What a host can be searched by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Trait {
    /// Which of its properties.
    pub(crate) kind: TraitKind,
    /// Its value, exactly.
    pub(crate) name: String,
}

/// A property of a host that can be searched by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TraitKind {
    /// The `hwType` of a hardware capability.
    Hardware,
    /// The `capabilityName` of a software capability.
    Software,
    /// A member of its affinity list.
    Affinity,
    /// Its city.
    City,
}

impl TraitKind {
    /// As the database has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Software => "software",
            Self::Affinity => "affinity",
            Self::City => "city",
        }
    }
}

/// What a host offers; `None` when there is no such host.
pub(crate) async fn get(
    read: &mut Read,
    tenant: TenantId,
    ip: HostIp,
) -> Result<Option<Capabilities>, DbError> {
    let row: Option<Row> = fetch_optional!(read, GET, tenant, ip);
    Ok(row.map(|row| Capabilities {
        hwcapabilities: row.hardware.0,
        swcapabilities: row.software.0,
    }))
}

/// Replaces the software capabilities of a host; `false` when there is no such host.
pub(crate) async fn set_software(
    tx: &mut Tx,
    tenant: TenantId,
    ip: HostIp,
    software: &[SoftwareCapability],
) -> Result<bool, DbError> {
    let host: Option<(i64,)> = fetch_optional!(tx, SET_SOFTWARE, tenant, ip, Json(software));
    let Some((host,)) = host else {
        return Ok(false);
    };
    execute!(tx, FORGET_SOFTWARE, host);
    let names = software
        .iter()
        .map(|software| software.capability_name.as_deref());
    insert(tx, tenant, host, of_kind(TraitKind::Software, names)).await?;
    Ok(true)
}

/// Makes a host be found by what is in its record; its software stays.
pub(super) async fn index(tx: &mut Tx, tenant: TenantId, host: i64, record: &Host) -> Result<(), DbError> {
    execute!(tx, FORGET, host);
    let types = record
        .hwcapabilities
        .iter()
        .map(|hardware| hardware.hw_type.as_deref());
    let mut traits = of_kind(TraitKind::Hardware, types);
    let members = record.affinity.iter().flat_map(|list| list.split(','));
    traits.extend(of_kind(TraitKind::Affinity, members.map(Some)));
    traits.extend(of_kind(TraitKind::City, [record.city.as_deref()]));
    insert(tx, tenant, host, traits).await
}

fn of_kind<'a>(kind: TraitKind, names: impl IntoIterator<Item = Option<&'a str>>) -> Vec<Trait> {
    let names = names.into_iter().flatten().filter(|name| !name.is_empty());
    names
        .map(|name| Trait {
            kind,
            name: name.to_owned(),
        })
        .collect()
}

async fn insert(tx: &mut Tx, tenant: TenantId, host: i64, traits: Vec<Trait>) -> Result<(), DbError> {
    let sql = tx.pick(INSERT_POSTGRES, INSERT_SQLITE);
    execute!(tx, sql, tenant, host, Json(&traits));
    Ok(())
}
