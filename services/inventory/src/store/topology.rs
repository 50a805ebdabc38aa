//! What is where: the few columns of many rows that a topology is made of.

use mecm_common::db::{DbError, Tx};
use mecm_common::fetch_all;
use mecm_common::models::host::{HardwareCapability, SoftwareCapability};
use mecm_common::models::ids::{AppInstanceId, TenantId};
use sqlx::types::Json;

const HOSTS: &str =
    "SELECT ip, name, config_status, coordinates, controller_ip, rule_manager_ip, hardware, software
    FROM hosts WHERE tenant = $1 ORDER BY seq";
const CONTROLLERS: &str = "SELECT ip, name FROM lcm_controllers WHERE tenant = $1 ORDER BY seq";
const RULE_MANAGERS: &str = "SELECT ip, name FROM rule_managers WHERE tenant = $1 ORDER BY seq";
const APPLICATIONS: &str = "SELECT a.id, a.name, a.status, a.capabilities, h.ip, h.coordinates
    FROM applications a JOIN hosts h ON h.seq = a.host WHERE a.tenant = $1 ORDER BY a.seq";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[HOSTS, CONTROLLERS, RULE_MANAGERS, APPLICATIONS];

/// A host.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct HostRow {
    pub(crate) ip: String,
    pub(crate) name: String,
    pub(crate) config_status: Option<String>,
    pub(crate) coordinates: String,
    pub(crate) controller_ip: String,
    /// Null and empty mean none.
    pub(crate) rule_manager_ip: Option<String>,
    pub(crate) hardware: Json<Vec<HardwareCapability>>,
    pub(crate) software: Json<Vec<SoftwareCapability>>,
}

/// A controller or a rule manager.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct PeerRow {
    pub(crate) ip: String,
    pub(crate) name: String,
}

/// An application and where it is.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct ApplicationRow {
    pub(crate) id: AppInstanceId,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) capabilities: Json<Vec<String>>,
    /// Its host's.
    pub(crate) ip: String,
    /// Its host's.
    pub(crate) coordinates: String,
}

/// Everything of a tenant, each kind oldest first.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) hosts: Vec<HostRow>,
    pub(crate) controllers: Vec<PeerRow>,
    pub(crate) rule_managers: Vec<PeerRow>,
    pub(crate) applications: Vec<ApplicationRow>,
}

/// Reads everything of a tenant. Hosts come first: an application may be read whose host was added after.
pub(crate) async fn read(tx: &mut Tx, tenant: TenantId) -> Result<Rows, DbError> {
    Ok(Rows {
        hosts: fetch_all!(tx, HOSTS, tenant),
        controllers: fetch_all!(tx, CONTROLLERS, tenant),
        rule_managers: fetch_all!(tx, RULE_MANAGERS, tenant),
        applications: fetch_all!(tx, APPLICATIONS, tenant),
    })
}
