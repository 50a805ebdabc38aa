//! Packages, one row each.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::{AppId, PackageId, TenantId};
use mecm_common::models::package::{AppPackage, MecHostInfo, OperationalInfo};
use mecm_common::service::wire_time;
use mecm_common::{execute, fetch_all, fetch_one, fetch_optional};
use sqlx::types::Json;

use crate::blobs::Digest;

pub(crate) const COUNT: &str = "SELECT count(*) FROM packages WHERE tenant = $1";
pub(crate) const COUNT_TENANTS: &str =
    "SELECT count(*) FROM (SELECT DISTINCT tenant FROM packages) AS tenants";
pub(crate) const INSERT: &str =
    "INSERT INTO packages (tenant, id, app_id, name, version, path, provider, description, affinity, icon_url, sha256, size,
    warnings, operational_info, created, modified)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15) RETURNING seq";
pub(crate) const DESCRIBE: &str =
    "UPDATE packages SET app_id = $3, name = $4, version = $5, path = $6, provider = $7, description = $8, affinity = $9,
    icon_url = $10, modified = $11 WHERE tenant = $1 AND id = $2 RETURNING seq";
pub(crate) const SET_FILE: &str =
    "UPDATE packages SET sha256 = $2, size = $3, warnings = $4, operational_info = $5
    WHERE seq = $1 AND path = $6 AND sha256 IS NULL";
pub(crate) const SOURCE: &str = "SELECT seq, path, sha256 FROM packages WHERE tenant = $1 AND id = $2";
pub(crate) const LIST: &str =
    "SELECT seq, id, app_id, name, version, path, provider, description, affinity, icon_url,
    sha256, size, warnings, operational_info, created, modified FROM packages WHERE tenant = $1 ORDER BY seq";
pub(crate) const GET: &str =
    "SELECT seq, id, app_id, name, version, path, provider, description, affinity, icon_url,
    sha256, size, warnings, operational_info, created, modified FROM packages WHERE tenant = $1 AND id = $2";
pub(crate) const FILE: &str = "SELECT sha256 FROM packages WHERE tenant = $1 AND id = $2";
pub(crate) const DELETE: &str = "DELETE FROM packages WHERE tenant = $1 AND id = $2 RETURNING sha256";
pub(crate) const DIGESTS: &str = "SELECT DISTINCT sha256 FROM packages WHERE sha256 IS NOT NULL";
pub(crate) const REFERENCES: &str = "SELECT count(*) FROM packages WHERE sha256 = $1";

/// A package that is about to be written down.
#[derive(Clone, Debug)]
pub(crate) struct NewPackage {
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// Its id.
    pub(crate) id: PackageId,
    /// Its application.
    pub(crate) app_id: AppId,
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// What an app store says of it.
    pub(crate) said: Said,
}

/// What an app store says of a package; nothing of an upload.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Where its file is.
    pub(crate) path: Option<String>,
    /// Who offers it.
    pub(crate) provider: Option<String>,
    /// What it is.
    pub(crate) description: Option<String>,
    /// What hosts it is made for.
    pub(crate) affinity: Option<String>,
    /// Its icon's address.
    pub(crate) icon_url: Option<String>,
}

/// Where a package's file comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The package's place.
    pub(crate) seq: i64,
    /// Its address; `None`: it was uploaded.
    pub(crate) path: Option<String>,
    /// Where it is by now.
    pub(crate) file: FileOf,
}

/// What is known of a package's file once it is checked.
#[derive(Clone, Debug)]
pub(crate) struct CheckedFile {
    /// Its SHA-256.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// What was let pass.
    pub(crate) warnings: Vec<String>,
    /// What the package says about itself.
    pub(crate) operational_info: OperationalInfo,
}

/// A stored package.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct PackageRow {
    /// Its place among all: older is smaller. Hosts refer to it.
    pub(crate) seq: i64,
    id: PackageId,
    app_id: AppId,
    name: String,
    version: String,
    path: Option<String>,
    provider: Option<String>,
    description: Option<String>,
    affinity: Option<String>,
    icon_url: Option<String>,
    sha256: Option<String>,
    size: Option<i64>,
    warnings: Json<Vec<String>>,
    operational_info: Option<Json<OperationalInfo>>,
    created: DateTime<Utc>,
    modified: DateTime<Utc>,
}

impl PackageRow {
    /// As the interface shows it.
    pub(crate) fn into_package(self, hosts: Vec<MecHostInfo>) -> AppPackage {
        AppPackage {
            app_pkg_id: self.id,
            app_pkg_name: self.name,
            app_pkg_version: self.version,
            app_pkg_path: self.path,
            app_provider: self.provider,
            app_pkg_desc: self.description,
            app_pkg_affinity: self.affinity,
            app_icon_url: self.icon_url,
            created_time: wire_time(self.created),
            modified_time: wire_time(self.modified),
            app_id: self.app_id,
            mec_host_info: hosts,
            size: self.size.and_then(|size| u64::try_from(size).ok()),
            sha256: self.sha256,
            warnings: self.warnings.0,
            operational_info: self.operational_info.map(|info| info.0),
        }
    }
}

/// Where a package's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileOf {
    /// There.
    Present(Digest),
    /// Still to be fetched, or it could not be.
    Missing,
}

/// How many packages a tenant has.
pub(crate) async fn count(tx: &mut Tx, tenant: TenantId) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, COUNT, tenant);
    Ok(count.unsigned_abs())
}

/// How many tenants have packages.
pub(crate) async fn count_tenants(tx: &mut Tx) -> Result<u64, DbError> {
    let (count,): (i64,) = fetch_one!(tx, COUNT_TENANTS);
    Ok(count.unsigned_abs())
}

/// Adds a package, with its file or before that is there, and gives its place.
pub(crate) async fn insert(
    tx: &mut Tx,
    package: &NewPackage,
    file: Option<&CheckedFile>,
    now: DateTime<Utc>,
) -> Result<i64, DbError> {
    let said = &package.said;
    let warnings = file.map(|file| file.warnings.as_slice()).unwrap_or_default();
    let (seq,): (i64,) = fetch_one!(
        tx,
        INSERT,
        package.tenant,
        package.id,
        package.app_id,
        &package.name,
        &package.version,
        &said.path,
        &said.provider,
        &said.description,
        &said.affinity,
        &said.icon_url,
        file.map(|file| file.digest.as_str()),
        file.map(|file| size(file.size)).transpose()?,
        Json(warnings),
        file.map(|file| Json(&file.operational_info)),
        now,
    );
    Ok(seq)
}

/// Replaces what is said of a package and where its file comes from, and gives its place; `None`: there is none.
pub(crate) async fn describe(
    tx: &mut Tx,
    package: &NewPackage,
    now: DateTime<Utc>,
) -> Result<Option<i64>, DbError> {
    let said = &package.said;
    let row: Option<(i64,)> = fetch_optional!(
        tx,
        DESCRIBE,
        package.tenant,
        package.id,
        package.app_id,
        &package.name,
        &package.version,
        &said.path,
        &said.provider,
        &said.description,
        &said.affinity,
        &said.icon_url,
        now,
    );
    Ok(row.map(|(seq,)| seq))
}

/// Gives a package the file that was fetched from `path`; `false` when it has one, comes from elsewhere by now, or is gone.
pub(crate) async fn set_file(tx: &mut Tx, seq: i64, path: &str, file: &CheckedFile) -> Result<bool, DbError> {
    let changed = execute!(
        tx,
        SET_FILE,
        seq,
        file.digest.as_str(),
        size(file.size)?,
        Json(&file.warnings),
        Json(&file.operational_info),
        path,
    );
    Ok(changed == 1)
}

/// Where a package's file comes from; `None` when there is no such package.
pub(crate) async fn source(tx: &mut Tx, tenant: TenantId, id: PackageId) -> Result<Option<Source>, DbError> {
    let row: Option<(i64, Option<String>, Option<String>)> = fetch_optional!(tx, SOURCE, tenant, id);
    row.map(|(seq, path, sha256)| {
        let file = file_of(sha256)?;
        Ok(Source { seq, path, file })
    })
    .transpose()
}

/// A tenant's packages, oldest first.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<PackageRow>, DbError> {
    Ok(fetch_all!(tx, LIST, tenant))
}

/// One package.
pub(crate) async fn get(tx: &mut Tx, tenant: TenantId, id: PackageId) -> Result<Option<PackageRow>, DbError> {
    Ok(fetch_optional!(tx, GET, tenant, id))
}

/// Where a package's file is; `None` when there is no such package.
pub(crate) async fn file(tx: &mut Tx, tenant: TenantId, id: PackageId) -> Result<Option<FileOf>, DbError> {
    let row: Option<(Option<String>,)> = fetch_optional!(tx, FILE, tenant, id);
    row.map(|(sha256,)| file_of(sha256)).transpose()
}

/// Removes a package with its hosts, and says where its file was; `None` when there was no such package.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: PackageId) -> Result<Option<FileOf>, DbError> {
    let row: Option<(Option<String>,)> = fetch_optional!(tx, DELETE, tenant, id);
    row.map(|(sha256,)| file_of(sha256)).transpose()
}

/// Whether any package of any tenant refers to this file.
pub(crate) async fn is_referred_to(tx: &mut Tx, digest: &Digest) -> Result<bool, DbError> {
    let (count,): (i64,) = fetch_one!(tx, REFERENCES, digest.as_str());
    Ok(count > 0)
}

/// The SHA-256 of every file that a package refers to.
pub(crate) async fn digests(tx: &mut Tx) -> Result<HashSet<String>, DbError> {
    let rows: Vec<(String,)> = fetch_all!(tx, DIGESTS);
    Ok(rows.into_iter().map(|(sha256,)| sha256).collect())
}

fn file_of(sha256: Option<String>) -> Result<FileOf, DbError> {
    let Some(text) = sha256 else {
        return Ok(FileOf::Missing);
    };
    Digest::parse(&text)
        .map(FileOf::Present)
        .ok_or_else(|| DbError::Inconsistent(format!("a package's sha256 is {text:?}")))
}

fn size(bytes: u64) -> Result<i64, DbError> {
    i64::try_from(bytes).map_err(|_| DbError::Inconsistent(format!("a package of {bytes} bytes")))
}
