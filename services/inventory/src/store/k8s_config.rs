//! Where a host's Kubernetes configuration goes.

use mecm_common::db::{DbError, Read};
use mecm_common::fetch_optional;
use mecm_common::models::ids::{HostIp, TenantId};

const CONTROLLER: &str = "SELECT h.controller_ip, c.port FROM hosts h
    LEFT JOIN lcm_controllers c ON c.tenant = h.tenant AND c.ip = h.controller_ip WHERE h.tenant = $1 AND h.ip = $2";

/// Every statement of this file, for the test that prepares them.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[CONTROLLER];

/// The LCM controller of a host.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Controller {
    /// Its IP, as the host has it.
    #[sqlx(rename = "controller_ip")]
    pub(crate) ip: HostIp,
    /// Its port, where it is registered.
    pub(crate) port: Option<String>,
}

/// The LCM controller of a host; `None` when there is no such host.
pub(crate) async fn controller(
    read: &mut Read,
    tenant: TenantId,
    ip: HostIp,
) -> Result<Option<Controller>, DbError> {
    Ok(fetch_optional!(read, CONTROLLER, tenant, ip))
}
