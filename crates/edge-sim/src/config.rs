//! What a simulator and its edges can be told in advance.

use std::net::Ipv4Addr;
use std::time::Duration;

use mecm_common::clock::Clock;

use crate::faults::FaultRule;

/// How a simulator is started. `SimConfig::default()` behaves like EdgeGallery v1.0 with a quick cluster.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Port of the LCM controllers; 0 takes any free one.
    pub lcm_port: u16,
    /// Port of the app rule managers; 0 takes any free one.
    pub rule_port: u16,
    /// Port of the platforms (MEP-auth, service registry); 0 takes any free one.
    pub mep_port: u16,
    /// How long after a request's header was read the connection is closed, answered or not. EdgeGallery v1.0: 10 s.
    pub close_after: Duration,
    /// Where the random faults start from: the same seed gives the same faults.
    pub seed: u64,
    /// What is set to go wrong at every edge from its first call on.
    pub faults: Vec<FaultRule>,
    /// Whose time decides about tokens, heartbeats and samples. Delays and deploy times are always real.
    pub clock: Clock,
    /// How each edge behaves until its handle says otherwise.
    pub behaviour: Behaviour,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            lcm_port: 0,
            rule_port: 0,
            mep_port: 0,
            close_after: Duration::from_secs(10),
            seed: 1,
            faults: Vec::new(),
            clock: Clock::System,
            behaviour: Behaviour::default(),
        }
    }
}

/// How one edge behaves where EdgeGallery v1.0 leaves it to the installation, and its limits.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// How long the plugin takes for a deployment.
    pub deploy_time: Duration,
    /// How long the controller takes from the deployment to its record; v1.0: hardly anything.
    pub record_time: Duration,
    /// How long the plugin takes to remove a release.
    pub terminate_time: Duration,
    /// How long a rule change takes.
    pub rule_time: Duration,
    /// For how long after a deployment the cluster has no metrics of its pods, so that a query is answered 404.
    pub metrics_after: Duration,
    /// What a query says of a workload that is there and has metrics.
    pub workload: WorkloadState,
    /// What the host's meters say; `None`: the meter has no data yet.
    pub load: Option<Load>,
    /// Whether the controller reaches its plugin.
    pub plugin: bool,
    /// Whether the controller reaches what meters its host.
    pub meters: bool,
    /// Whether MEP-auth can be reached by the controller.
    pub mep_auth: bool,
    /// Whether the platform has a rule configuration. A v1.0 MEP has none: `false` ends every rule change in FAILURE.
    pub rule_configuration: bool,
    /// Whether a host needs a Kubernetes configuration (`POST /configuration`) before anything runs on it.
    pub host_configuration: bool,
    /// Calls a second that a controller or rule manager takes, of all callers together. v1.0: 200.
    pub calls_per_second: u32,
    /// Calls that the controller's plugin takes in a burst; then one a second. v1.0: 200.
    pub plugin_burst: u32,
    /// Tenants that a controller records. v1.0: 20.
    pub max_tenants: usize,
    /// Instances of one tenant that a controller records. v1.0: 50.
    pub max_instances: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            deploy_time: Duration::from_millis(50),
            record_time: Duration::ZERO,
            terminate_time: Duration::ZERO,
            rule_time: Duration::ZERO,
            metrics_after: Duration::ZERO,
            workload: WorkloadState::Running,
            load: Some(Load {
                cpu: 0.12,
                memory: 0.34,
                disk: 0.56,
            }),
            plugin: true,
            meters: true,
            mep_auth: true,
            rule_configuration: true,
            host_configuration: false,
            calls_per_second: 200,
            plugin_burst: 200,
            max_tenants: 20,
            max_instances: 50,
        }
    }
}

/// What a controller's query finds of a deployed workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadState {
    /// Pods with their metrics.
    Running,
    /// `{"status":"not running"}`: the release has no pods.
    NotRunning,
    /// The bare text `Failure`.
    Failure,
}

/// Shares of a host's resources in use, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Processor.
    pub cpu: f64,
    /// Memory.
    pub memory: f64,
    /// Disk.
    pub disk: f64,
}

/// The address of the edge number `index`, counted from 0: 127.1.0.1, 127.1.0.2, … 127.1.0.250, 127.1.1.1, …
///
/// 250 to a /24, so that no address ends in 0 or 255; good for some 63,000 edges, then it starts again.
pub fn edge_address(index: usize) -> Ipv4Addr {
    let index = u32::try_from(index % 63_000).unwrap_or(0);
    Ipv4Addr::from(0x7f01_0000 + ((index / 250) << 8) + index % 250 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_v1() {
        let default = Behaviour::default();
        assert_eq!((default.max_tenants, default.max_instances), (20, 50));
        assert_eq!((default.calls_per_second, default.plugin_burst), (200, 200));
        assert_eq!(SimConfig::default().close_after, Duration::from_secs(10));
    }

    #[test]
    fn edges_have_addresses_of_their_own_in_the_loopback_network() {
        let addresses: std::collections::HashSet<_> = (0..5_000).map(edge_address).collect();
        assert_eq!(addresses.len(), 5_000);
        assert!(addresses.iter().all(Ipv4Addr::is_loopback));
        assert_eq!(edge_address(0), Ipv4Addr::new(127, 1, 0, 1));
        assert_eq!(edge_address(250), Ipv4Addr::new(127, 1, 1, 1));
    }
}
