//! One simulated edge: what it holds, and the handle by which a test looks at it and disturbs it.

mod counts;
mod plugin;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use mecm_common::auth::signature::{AccessKey, SecretKey};
use mecm_common::clock::Clock;
use tokio::time::Instant;

pub use self::counts::{Counts, Totals};
pub(crate) use self::plugin::{Plugin, REFUSED_STREAM};
use crate::config::Behaviour;
use crate::faults::{Fault, FaultRule, Faults, Operation, Plan, When};
use crate::mep::{Capability, Platform};
use crate::rules::RuleSet;

/// A workload that runs on an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The app instance it was deployed for.
    pub instance: String,
    /// The tenant who did it.
    pub tenant: String,
    /// The name that came with the request.
    pub app_name: String,
    /// The host that came with the request.
    pub host: String,
    /// The release's name: the chart's.
    pub release: String,
    /// When the plugin had deployed it.
    pub since: DateTime<Utc>,
    /// Whether the controller has a record of it; without one it runs unseen.
    pub recorded: bool,
}

/// What the controller writes down about an instance, last of all.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) tenant: String,
    pub(crate) host: String,
    pub(crate) package: Option<String>,
}

/// An edge: shared by its connections.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) ip: Ipv4Addr,
    pub(crate) clock: Clock,
    /// Instantiations in a plugin now, over all edges, and the most there were.
    pub(crate) everywhere: Arc<Everywhere>,
    state: Mutex<State>,
    faults: Mutex<Faults>,
}

#[derive(Debug, Default)]
pub(crate) struct Everywhere {
    now: AtomicU64,
    most: AtomicU64,
}

impl Everywhere {
    pub(crate) fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

/// What an edge holds. Empty maps take no memory, so that a thousand idle edges take little.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) behaviour: Behaviour,
    pub(crate) counts: Counts,
    pub(crate) records: HashMap<String, Record>,
    pub(crate) tenants: HashSet<String>,
    pub(crate) workloads: HashMap<String, Workload>,
    /// Releases that somebody removed from the cluster by hand, by instance.
    pub(crate) removed_by_hand: HashMap<String, String>,
    pub(crate) configured_hosts: HashSet<String>,
    pub(crate) plugin: Plugin,
    pub(crate) rules: BTreeMap<String, RuleSet>,
    pub(crate) rules_busy: HashSet<String>,
    pub(crate) platform: Platform,
    window: Option<(Instant, u32)>,
}

impl State {
    /// Whether the controller (or rule manager) takes one more call in this second.
    pub(crate) fn takes_call(&mut self) -> bool {
        let now = Instant::now();
        let (since, calls) = match self.window {
            Some((since, calls)) if now.duration_since(since).as_secs() == 0 => (since, calls + 1),
            _ => (now, 1),
        };
        self.window = Some((since, calls));
        calls <= self.behaviour.calls_per_second
    }
}

impl Edge {
    pub(crate) fn new(
        ip: Ipv4Addr,
        clock: Clock,
        behaviour: Behaviour,
        seed: u64,
        all: Arc<Everywhere>,
    ) -> Self {
        Self {
            ip,
            clock,
            everywhere: all,
            state: Mutex::new(State {
                behaviour,
                counts: Counts::default(),
                records: HashMap::new(),
                tenants: HashSet::new(),
                workloads: HashMap::new(),
                removed_by_hand: HashMap::new(),
                configured_hosts: HashSet::new(),
                plugin: Plugin::default(),
                rules: BTreeMap::new(),
                rules_busy: HashSet::new(),
                platform: Platform::default(),
                window: None,
            }),
            faults: Mutex::new(Faults::new(seed ^ u64::from(u32::from(ip)))),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_down(&self) -> bool {
        self.faults().is_down()
    }

    pub(crate) fn plan(&self, operation: Operation) -> Plan {
        let plan = self.faults().plan(operation);
        if plan.fault.is_some() {
            self.state().counts.faults += 1;
        }
        plan
    }

    pub(crate) fn add_to(&self, totals: &mut Totals) {
        let state = self.state();
        totals.edges += 1;
        totals.counts += state.counts;
        totals.workloads += state.workloads.len();
        totals.records += state.records.len();
        totals.rule_sets += state.rules.len();
        totals.keys += state.platform.keys();
        totals.services += state.platform.services();
    }
}

/// Looks at one edge and disturbs it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EdgeHandle {
    pub(crate) edge: Arc<Edge>,
}

impl EdgeHandle {
    /// The edge's address: its controller's, rule manager's and platform's alike.
    pub fn ip(&self) -> Ipv4Addr {
        self.edge.ip
    }

    /// Lets something go wrong from now on. Several faults may be there at once: delays add up, of the others the
    /// one that was asked for first comes first.
    pub fn fault(&self, operation: Operation, fault: Fault, when: When) {
        self.edge.faults().add(FaultRule {
            operation,
            fault,
            when,
        });
    }

    /// What is set to go wrong, in the order in which it was asked for.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.edge.faults().rules().to_vec()
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        self.edge.faults().clear();
    }

    /// Changes how the edge behaves from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.edge.state().behaviour);
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.edge.state().counts
    }

    /// The workloads that run now, recorded or not, ordered by instance.
    pub fn workloads(&self) -> Vec<Workload> {
        let mut all: Vec<_> = self.edge.state().workloads.values().cloned().collect();
        all.sort_by(|a, b| a.instance.cmp(&b.instance));
        all
    }

    /// The instances that the controller has a record of, in order.
    pub fn records(&self) -> Vec<String> {
        sorted(self.edge.state().records.keys())
    }

    /// The instances that have rules, in order.
    pub fn rule_sets(&self) -> Vec<String> {
        sorted(self.edge.state().rules.keys())
    }

    /// The ids of an instance's traffic and DNS rules; `None` where it has no rules.
    pub fn rule_ids(&self, instance: &str) -> Option<(Vec<String>, Vec<String>)> {
        self.edge.state().rules.get(instance).map(RuleSet::ids)
    }

    /// The instances that have keys at MEP-auth, in order.
    pub fn keys(&self) -> Vec<String> {
        self.edge.state().platform.instances_with_keys()
    }

    /// The access key and secret key in the environment of an instance's agent.
    pub fn app_key(&self, instance: &str) -> Option<(AccessKey, SecretKey)> {
        self.edge.state().platform.key_of(instance)
    }

    /// The hosts that have a Kubernetes configuration, in order.
    pub fn configured_hosts(&self) -> Vec<String> {
        sorted(&self.edge.state().configured_hosts)
    }

    /// Capabilities that the platform has of its own, besides the services that applications registered.
    pub fn set_capabilities(&self, capabilities: Vec<Capability>) {
        self.edge.state().platform.preset = capabilities;
    }

    /// Lets a workload vanish from the cluster while the controller's record stays: its release is not found then.
    pub fn lose_workload(&self, instance: &str) {
        let mut state = self.edge.state();
        if let Some(workload) = state.workloads.remove(instance) {
            state
                .removed_by_hand
                .insert(instance.to_owned(), workload.release);
        }
    }
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<_> = names.into_iter().cloned().collect();
    names.sort();
    names
}
