//! What instances' packages need on the same host.
//!
//! A package is *present* on a host for a tenant when an instance of it is Instantiated there and not being terminated.
//! The ids are what descriptors write: 32 hexadecimal digits, a UUID, or anything else, which then is never present.

use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::{AppInstanceId, HostIp, PackageId, TenantId};
use mecm_common::{execute, fetch_all};

use super::app_instances::AppInstance;

/// One thing that a package needs.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) package: String,
}

const INSERT: &str = "INSERT INTO dependencies (instance, name, package) VALUES ($1, $2, $3)";
const CLEAR: &str = "DELETE FROM dependencies WHERE instance = $1";
const OF: &str = "SELECT name, package FROM dependencies WHERE instance = $1 ORDER BY seq";

/// Replaces what the instance needs.
pub(crate) async fn replace(
    tx: &mut Tx,
    instance: AppInstanceId,
    needs: &[Dependency],
) -> Result<(), DbError> {
    execute!(&mut *tx, CLEAR, instance);
    for need in needs {
        execute!(&mut *tx, INSERT, instance, &need.name, &need.package);
    }
    Ok(())
}

/// What the instance needs.
pub(crate) async fn of(tx: &mut Tx, instance: AppInstanceId) -> Result<Vec<Dependency>, DbError> {
    Ok(fetch_all!(tx, OF, instance))
}

const PRESENT: &str = "SELECT id FROM app_instances
    WHERE tenant = $1 AND host = $2 AND package = $3 AND status = 'Instantiated' AND NOT terminating";
const PRESENT_LOCKED: &str = "SELECT id FROM app_instances
    WHERE tenant = $1 AND host = $2 AND package = $3 AND status = 'Instantiated' AND NOT terminating FOR UPDATE";

/// The instances that make a package present on a host. With `lock` they stay so until the transaction ends: their
/// terminate waits, and then sees who needs them.
pub(crate) async fn present(
    tx: &mut Tx,
    tenant: TenantId,
    host: HostIp,
    package: PackageId,
    lock: bool,
) -> Result<Vec<AppInstanceId>, DbError> {
    let sql = if lock {
        tx.pick(PRESENT_LOCKED, PRESENT)
    } else {
        PRESENT
    };
    let rows: Vec<(AppInstanceId,)> = fetch_all!(tx, sql, tenant, host, package);
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The package that a descriptor's text names, in either form of a UUID; `None` when it names none.
pub(crate) fn package_named(text: &str) -> Option<PackageId> {
    uuid::Uuid::try_parse(text.trim()).ok().map(PackageId)
}

/// Those of `needs` whose package is not present on the host.
pub(crate) async fn missing(
    tx: &mut Tx,
    tenant: TenantId,
    host: HostIp,
    needs: &[Dependency],
    lock: bool,
) -> Result<Vec<String>, DbError> {
    let mut missing = Vec::new();
    for need in needs {
        let there = match package_named(&need.package) {
            Some(package) => !present(tx, tenant, host, package, lock).await?.is_empty(),
            None => false,
        };
        if !there {
            missing.push(need.name.clone());
        }
    }
    Ok(missing)
}

/// Names what is missing, as an instance's `operationInfo` does.
pub(crate) fn not_deployed(missing: &[String]) -> String {
    format!("dependency APP not deployed: {}", missing.join(", "))
}

const DEPENDENTS: &str = "SELECT app_instances.id, app_instances.terminating FROM app_instances
    WHERE tenant = $1 AND host = $2 AND holds_name AND id <> $3
    AND EXISTS (SELECT 1 FROM dependencies WHERE dependencies.instance = app_instances.id
        AND replace(lower(trim(dependencies.package)), '-', '') = $4)";

/// Who needs an instance's package on its host: Instantiated, or with an instantiate queued or running; and whether each
/// is being terminated itself. Empty while another instance makes the package present too.
pub(crate) async fn dependents(
    tx: &mut Tx,
    instance: &AppInstance,
) -> Result<Vec<(AppInstanceId, bool)>, DbError> {
    let others = present(tx, instance.tenant, instance.host, instance.package, false).await?;
    if others.iter().any(|id| *id != instance.id) {
        return Ok(Vec::new());
    }
    let package = instance.package.to_string();
    Ok(fetch_all!(
        tx,
        DEPENDENTS,
        instance.tenant,
        instance.host,
        instance.id,
        package
    ))
}

#[cfg(test)]
pub(crate) const STATEMENTS: [&str; 5] = [INSERT, CLEAR, OF, PRESENT, DEPENDENTS];
#[cfg(test)]
pub(crate) const STATEMENTS_POSTGRES: [&str; 1] = [PRESENT_LOCKED];
