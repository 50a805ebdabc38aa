//! The simulator: three listeners, any number of edges.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::Peer;
use crate::config::{Behaviour, SimConfig};
use crate::edge::{Edge, EdgeHandle, Everywhere, Totals};
use crate::faults::FaultRule;
use crate::server::{Shared, listen};

/// More addresses than anybody simulates; beyond it new ones get no answer.
const MOST_EDGES: usize = 100_000;
/// Connections that wait to be taken: a batch of a thousand hosts connects at once.
const BACKLOG: u32 = 4096;

/// A running simulator. Dropping it stops it at once.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    lcm: u16,
    rules: u16,
    mep: u16,
}

impl Simulator {
    /// Opens the three listeners on the wildcard IPv4 address and answers from then on, to connections over the
    /// loopback network only.
    ///
    /// # Errors
    /// A port that is taken or not allowed.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
        let lcm = bind(config.lcm_port)?;
        let rules = bind(config.rule_port)?;
        let mep = bind(config.mep_port)?;
        let simulator = |shared: &Arc<Shared>| {
            Ok::<_, io::Error>(Self {
                shared: Arc::clone(shared),
                lcm: lcm.local_addr()?.port(),
                rules: rules.local_addr()?.port(),
                mep: mep.local_addr()?.port(),
            })
        };
        let shared = Arc::new(Shared {
            close_after: config.close_after,
            edges: Edges {
                behaviour: RwLock::new(config.behaviour),
                faults: RwLock::new(config.faults.clone()),
                config,
                known: RwLock::default(),
                everywhere: Arc::default(),
            },
            stopping: CancellationToken::new(),
            stopped: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let simulator = simulator(&shared)?;
        for (listener, peer) in [(lcm, Peer::Lcm), (rules, Peer::Rules), (mep, Peer::Mep)] {
            shared.tasks.spawn(listen(listener, peer, Arc::clone(&shared)));
        }
        tracing::info!(
            lcm_port = simulator.lcm,
            rule_port = simulator.rules,
            mep_port = simulator.mep,
            "simulated edges answer on every address of 127.0.0.0/8"
        );
        Ok(simulator)
    }

    /// Port of the LCM controllers.
    pub fn lcm_port(&self) -> u16 {
        self.lcm
    }

    /// Port of the app rule managers.
    pub fn rule_port(&self) -> u16 {
        self.rules
    }

    /// Port of the platforms.
    pub fn mep_port(&self) -> u16 {
        self.mep
    }

    /// The edge at this address; it begins to exist when it is first called or asked for.
    ///
    /// # Panics
    /// Where `ip` is not in 127.0.0.0/8, or a hundred thousand edges are there already.
    pub fn edge(&self, ip: Ipv4Addr) -> EdgeHandle {
        assert!(
            ip.is_loopback(),
            "{ip} is no address of a simulated edge: they are in 127.0.0.0/8"
        );
        let edge = self
            .shared
            .edges
            .get(ip)
            .expect("fewer than a hundred thousand edges");
        EdgeHandle { edge }
    }

    /// All edges that were called or asked for, together.
    pub fn totals(&self) -> Totals {
        self.shared.edges.totals()
    }

    /// Changes how all edges behave from now on, those that were called already and those to come.
    pub fn behave(&self, change: impl Fn(&mut Behaviour)) {
        self.shared.edges.behave(change);
    }

    /// Lets something go wrong at every edge from now on, those that were called already and those to come. "The next
    /// calls" are each edge's own.
    pub fn fault(&self, rule: &FaultRule) {
        self.shared.edges.fault(rule);
    }

    /// Takes all faults away, everywhere.
    pub fn heal(&self) {
        self.shared.edges.heal();
    }

    /// Stops: takes no connection any more, lets the calls that are being answered end, for 5 s at most.
    pub async fn shutdown(self) {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        if timeout(Duration::from_secs(5), self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("calls still under way after 5 s are cut off");
        }
        self.shared.stopped.cancel();
        self.shared.tasks.wait().await;
    }

    /// Stops at once, as a machine that loses power: connections break, deployments under way never end.
    pub async fn stop_now(self) {
        self.shared.stopping.cancel();
        self.shared.stopped.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
        self.shared.stopped.cancel();
    }
}

fn bind(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)))?;
    socket.listen(BACKLOG)
}

/// The edges that are known, by address.
#[derive(Debug)]
pub(crate) struct Edges {
    config: SimConfig,
    behaviour: RwLock<Behaviour>,
    /// Those of edges that are called for the first time.
    faults: RwLock<Vec<FaultRule>>,
    known: RwLock<HashMap<Ipv4Addr, Arc<Edge>>>,
    everywhere: Arc<Everywhere>,
}

impl Edges {
    pub(crate) fn get(&self, ip: Ipv4Addr) -> Option<Arc<Edge>> {
        let known = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&ip)
            .cloned();
        known.or_else(|| {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST_EDGES && !known.contains_key(&ip) {
                return None;
            }
            let edge = known.entry(ip).or_insert_with(|| {
                let config = &self.config;
                let edge = Edge::new(
                    ip,
                    config.clock.clone(),
                    *self.behaviour.read().unwrap_or_else(PoisonError::into_inner),
                    config.seed,
                    Arc::clone(&self.everywhere),
                );
                for rule in &*self.faults.read().unwrap_or_else(PoisonError::into_inner) {
                    edge.faults().add(rule.clone());
                }
                Arc::new(edge)
            });
            Some(Arc::clone(edge))
        })
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals {
            max_concurrent: self.everywhere.most(),
            ..Totals::default()
        };
        for edge in self.known.read().unwrap_or_else(PoisonError::into_inner).values() {
            edge.add_to(&mut totals);
        }
        totals
    }

    /// What goes wrong at edges that are called for the first time.
    pub(crate) fn faults(&self) -> Vec<FaultRule> {
        self.faults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    // For both, the list is held while the edges are changed: an edge that begins to exist meanwhile has it once.
    pub(crate) fn fault(&self, rule: &FaultRule) {
        let known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        self.faults
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(rule.clone());
        for edge in known.values() {
            edge.faults().add(rule.clone());
        }
    }

    pub(crate) fn heal(&self) {
        let known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        self.faults
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        for edge in known.values() {
            edge.faults().clear();
        }
    }

    fn behave(&self, change: impl Fn(&mut Behaviour)) {
        change(&mut self.behaviour.write().unwrap_or_else(PoisonError::into_inner));
        for edge in self.known.read().unwrap_or_else(PoisonError::into_inner).values() {
            change(&mut edge.state().behaviour);
        }
    }
}
