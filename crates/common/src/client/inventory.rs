//! What APPO and APM ask of Inventory. Records are read for what the callers need of them and nothing else, so that an
//! Inventory of another version is understood.

use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::context::CallContext;
use super::service::{PeerError, ServicePeer};
use crate::models::ids::{AppInstanceId, HostIp, TenantId};

/// Inventory, as its callers see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inventory(pub ServicePeer);

/// A hardware capability.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HardwareSeen {
    /// Its kind, `GPU` and the like.
    pub hw_type: Option<String>,
}

/// A software capability as last seen on the host's platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SoftwareSeen {
    /// The platform's id of it.
    pub capability_id: Option<String>,
    /// What applications ask for.
    pub capability_name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// `ACTIVE` where it can be used.
    pub status: Option<String>,
}

/// An edge host.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostSeen {
    /// Its address: its key.
    pub mechost_ip: String,
    /// What people call it.
    #[serde(default)]
    pub mechost_name: Option<String>,
    /// Its LCM controller.
    #[serde(default)]
    pub applcm_ip: Option<String>,
    /// Its app rule manager; absent and empty mean none.
    #[serde(default)]
    pub app_rule_ip: Option<String>,
    /// What hardware it offers.
    #[serde(default)]
    pub hwcapabilities: Vec<HardwareSeen>,
    /// What software it offered when it was looked at last.
    #[serde(default)]
    pub swcapabilities: Vec<SoftwareSeen>,
}

/// An app store.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppStoreSeen {
    /// Its address.
    pub appstore_ip: String,
    /// Where it listens.
    pub appstore_port: String,
    /// Where its interface begins.
    pub uri: String,
}

/// Where a controller or a rule manager listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EdgeAddress {
    /// IPv4 address.
    pub ip: String,
    /// Port.
    pub port: String,
}

impl std::fmt::Display for EdgeAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.ip, self.port)
    }
}

/// An application on a host, as Inventory keeps it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationState {
    /// The instance.
    pub app_instance_id: String,
    /// Its name.
    pub app_name: String,
    /// Its package.
    pub package_id: String,
    /// The hardware it asked for; absent where it asked for none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Its operational status.
    pub status: String,
}

impl Inventory {
    /// A host, or `None` where there is none of that address.
    ///
    /// # Errors
    /// [`PeerError`], as of every call here.
    pub async fn host(
        &self,
        context: &CallContext,
        tenant: TenantId,
        host: HostIp,
    ) -> Result<Option<HostSeen>, PeerError> {
        self.0
            .find(
                context,
                &format!("/inventory/v1/tenants/{tenant}/mechosts/{host}"),
            )
            .await
    }

    /// Where the LCM controller of that address listens.
    pub async fn controller(
        &self,
        context: &CallContext,
        tenant: TenantId,
        ip: &str,
    ) -> Result<Option<EdgeAddress>, PeerError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Seen {
            applcm_ip: String,
            applcm_port: String,
        }
        let path = format!("/inventory/v1/tenants/{tenant}/applcms/{ip}");
        let seen = self.0.find::<Seen>(context, &path).await?;
        Ok(seen.map(|seen| EdgeAddress {
            ip: seen.applcm_ip,
            port: seen.applcm_port,
        }))
    }

    /// Where the app rule manager of that address listens.
    pub async fn rule_manager(
        &self,
        context: &CallContext,
        tenant: TenantId,
        ip: &str,
    ) -> Result<Option<EdgeAddress>, PeerError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Seen {
            app_rule_ip: String,
            app_rule_port: String,
        }
        let path = format!("/inventory/v1/tenants/{tenant}/apprulemanagers/{ip}");
        let seen = self.0.find::<Seen>(context, &path).await?;
        Ok(seen.map(|seen| EdgeAddress {
            ip: seen.app_rule_ip,
            port: seen.app_rule_port,
        }))
    }

    /// The tenant's app stores.
    pub async fn app_stores(
        &self,
        context: &CallContext,
        tenant: TenantId,
    ) -> Result<Vec<AppStoreSeen>, PeerError> {
        let path = format!("/inventory/v1/tenants/{tenant}/appstores");
        Ok(self.0.find(context, &path).await?.unwrap_or_default())
    }

    /// Brings Inventory's record of an application to this state, whether there is one or not.
    pub async fn put_application(
        &self,
        context: &CallContext,
        tenant: TenantId,
        host: HostIp,
        state: &ApplicationState,
    ) -> Result<(), PeerError> {
        let all = format!("/inventory/v1/tenants/{tenant}/mechosts/{host}/apps");
        let one = format!("{all}/{}", state.app_instance_id);
        let put = self.0.send(context, Method::PUT, &one, state).await;
        match put {
            Err(error) if error.is_not_found() => {}
            other => return other.map(drop),
        }
        match self.0.send(context, Method::POST, &all, state).await {
            Err(error) if error.already_exists() => {
                self.0.send(context, Method::PUT, &one, state).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Takes an application off a host. `Ok` too where application or host are not there.
    pub async fn delete_application(
        &self,
        context: &CallContext,
        tenant: TenantId,
        host: HostIp,
        instance: AppInstanceId,
    ) -> Result<(), PeerError> {
        let path = format!("/inventory/v1/tenants/{tenant}/mechosts/{host}/apps/{instance}");
        gone(self.0.call(context, Method::DELETE, &path, None).await)
    }

    /// The rule set of an instance.
    pub async fn rules<R: DeserializeOwned>(
        &self,
        context: &CallContext,
        tenant: TenantId,
        instance: AppInstanceId,
    ) -> Result<Option<R>, PeerError> {
        self.0.find(context, &rules_path(tenant, instance)).await
    }

    /// Keeps the rule set of an instance, whether there is one or not.
    pub async fn put_rules(
        &self,
        context: &CallContext,
        tenant: TenantId,
        instance: AppInstanceId,
        rules: &impl Serialize,
    ) -> Result<(), PeerError> {
        let path = rules_path(tenant, instance);
        match self.0.send(context, Method::PUT, &path, rules).await {
            Err(error) if error.is_not_found() => {}
            other => return other.map(drop),
        }
        match self.0.send(context, Method::POST, &path, rules).await {
            Err(error) if error.already_exists() => {
                self.0.send(context, Method::PUT, &path, rules).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Forgets the rule set of an instance. `Ok` too where there is none.
    pub async fn delete_rules(
        &self,
        context: &CallContext,
        tenant: TenantId,
        instance: AppInstanceId,
    ) -> Result<(), PeerError> {
        let path = rules_path(tenant, instance);
        gone(self.0.call(context, Method::DELETE, &path, None).await)
    }

    /// Tells what software a host's platform offers now.
    pub async fn put_software(
        &self,
        context: &CallContext,
        tenant: TenantId,
        host: HostIp,
        software: &[SoftwareSeen],
    ) -> Result<(), PeerError> {
        #[derive(Serialize)]
        struct Body<'a> {
            swcapabilities: &'a [SoftwareSeen],
        }
        let path = format!("/inventory/v1/tenants/{tenant}/mechosts/{host}/capabilities/software");
        let body = Body {
            swcapabilities: software,
        };
        self.0.send(context, Method::PUT, &path, &body).await.map(drop)
    }
}

fn rules_path(tenant: TenantId, instance: AppInstanceId) -> String {
    format!("/inventory/v1/tenants/{tenant}/app_instances/{instance}/appd_configuration")
}

/// What is not there is gone.
fn gone<T>(deleted: Result<T, PeerError>) -> Result<(), PeerError> {
    match deleted {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
