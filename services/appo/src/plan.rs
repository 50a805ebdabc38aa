//! Decisions, and nothing else: from what is asked and what is there to what shall happen, or why not. No IO.
//!
//! The state table of the life cycle (docs/life-cycle.md) is [`instantiate`], [`terminate`] and [`rules`].

use std::collections::HashSet;

use mecm_common::models::app_instance::OperationalStatus;
use mecm_common::models::ids::HostIp;

/// The flows, by the names under which their jobs are kept.
pub(crate) mod kind {
    pub(crate) const CREATE: &str = "create";
    pub(crate) const INSTANTIATE: &str = "instantiate";
    pub(crate) const TERMINATE: &str = "terminate";
    pub(crate) const RULES: &str = "rules";
    pub(crate) const SYNC: &str = "sync";
}

/// Why something asked for does not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its status does not allow it.
    Status(OperationalStatus),
    /// Its status does not allow a change of rules.
    RulesStatus(OperationalStatus),
    /// It is being terminated.
    BeingTerminated,
    /// Another instance has the name on that host.
    NameInUse(String),
    /// Others need it.
    DependedOn,
    /// The host was named before in this batch.
    DuplicateHost,
}

impl Refusal {
    /// The `message` of a 412.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Status(status) => format!("Application instance operational status is : {status}"),
            Self::RulesStatus(status) => {
                format!("Pre condition failed, application instance operational status is : {status}")
            }
            Self::BeingTerminated => "Application instance is being terminated".to_owned(),
            Self::NameInUse(name) => format!("cannot re-use app name : {name}"),
            Self::DependedOn => "application instance depended by others".to_owned(),
            Self::DuplicateHost => "duplicate host".to_owned(),
        }
    }

    /// The `status` of a batch item.
    pub(crate) fn item(&self) -> String {
        match self {
            Self::Status(status) | Self::RulesStatus(status) => {
                format!("Precondition failed, app instance operational state: {status}")
            }
            Self::BeingTerminated => "Precondition failed, app instance is being terminated".to_owned(),
            Self::NameInUse(name) => format!("cannot re-use app name: {name}"),
            Self::DependedOn | Self::DuplicateHost => self.message(),
        }
    }
}

/// What a batch item is answered with when it was taken.
pub(crate) const ACCEPTED: &str = "Accepted";

/// One plan per host of a create, in the order of the request: go, or why not.
pub(crate) fn create(hosts: &[HostIp], name: &str, holding: &[HostIp]) -> Vec<(HostIp, Option<Refusal>)> {
    let mut seen = HashSet::new();
    hosts
        .iter()
        .map(|host| {
            let refusal = if !seen.insert(*host) {
                Some(Refusal::DuplicateHost)
            } else if holding.contains(host) {
                Some(Refusal::NameInUse(name.to_owned()))
            } else {
                None
            };
            (*host, refusal)
        })
        .collect()
}

/// Where an instance stands, with what is under way.
#[derive(Clone, Debug)]
pub(crate) struct Standing<'a> {
    /// Its status.
    pub(crate) status: OperationalStatus,
    /// Whether it is being terminated.
    pub(crate) terminating: bool,
    /// The kinds of its jobs that have not ended.
    pub(crate) open: Vec<&'a str>,
}

impl Standing<'_> {
    fn has(&self, kind: &str) -> bool {
        self.open.contains(&kind)
    }
}

/// What shall happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A new operation; its record reads this status from now on.
    Begin(OperationalStatus),
    /// What is asked for is under way: nothing new.
    Same,
}

/// The row "instantiate" of the state table.
pub(crate) fn instantiate(standing: &Standing<'_>) -> Result<Decision, Refusal> {
    use OperationalStatus::{Created, Creating, Instantiated, InstantiationFailed};
    if standing.terminating {
        return Err(Refusal::BeingTerminated);
    }
    match standing.status {
        Creating | Created if standing.has(kind::INSTANTIATE) => Ok(Decision::Same),
        // Queued behind the create: the portal sends it one second later without looking.
        Creating => Ok(Decision::Begin(Creating)),
        // From a failed instantiation it reads Created again: ATP stops at the failure otherwise.
        Created | InstantiationFailed => Ok(Decision::Begin(Created)),
        status @ (Instantiated | OperationalStatus::CreateFailed) => Err(Refusal::Status(status)),
    }
}

/// The row "terminate". `depended_on`: others that stay need it.
pub(crate) fn terminate(standing: &Standing<'_>, depended_on: bool) -> Result<Decision, Refusal> {
    if standing.terminating {
        return Ok(Decision::Same);
    }
    if depended_on {
        return Err(Refusal::DependedOn);
    }
    Ok(Decision::Begin(standing.status))
}

/// The row "rules".
pub(crate) fn rules(standing: &Standing<'_>) -> Result<Decision, Refusal> {
    use OperationalStatus::{Created, Instantiated};
    if standing.terminating {
        return Err(Refusal::BeingTerminated);
    }
    match standing.status {
        Created | Instantiated => Ok(Decision::Begin(standing.status)),
        status => Err(Refusal::RulesStatus(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OperationalStatus::{CreateFailed, Created, Creating, Instantiated, InstantiationFailed};

    fn standing(status: OperationalStatus, open: &[&'static str]) -> Standing<'static> {
        Standing {
            status,
            terminating: false,
            open: open.to_vec(),
        }
    }

    #[test]
    fn the_row_instantiate() {
        assert_eq!(
            instantiate(&standing(Creating, &["create"])),
            Ok(Decision::Begin(Creating))
        );
        assert_eq!(
            instantiate(&standing(Creating, &["create", "instantiate"])),
            Ok(Decision::Same)
        );
        assert_eq!(instantiate(&standing(Created, &[])), Ok(Decision::Begin(Created)));
        assert_eq!(
            instantiate(&standing(Created, &["instantiate"])),
            Ok(Decision::Same)
        );
        assert_eq!(
            instantiate(&standing(Created, &["rules"])),
            Ok(Decision::Begin(Created))
        );
        assert_eq!(
            instantiate(&standing(Instantiated, &[])),
            Err(Refusal::Status(Instantiated))
        );
        assert_eq!(
            instantiate(&standing(Instantiated, &["rules"])),
            Err(Refusal::Status(Instantiated))
        );
        assert_eq!(
            instantiate(&standing(InstantiationFailed, &[])),
            Ok(Decision::Begin(Created))
        );
        assert_eq!(
            instantiate(&standing(CreateFailed, &[])),
            Err(Refusal::Status(CreateFailed))
        );
        for status in OperationalStatus::ALL {
            let gone = Standing {
                terminating: true,
                ..standing(status, &["terminate"])
            };
            assert_eq!(instantiate(&gone), Err(Refusal::BeingTerminated));
        }
    }

    #[test]
    fn the_row_terminate() {
        for status in OperationalStatus::ALL {
            assert_eq!(
                terminate(&standing(status, &[]), false),
                Ok(Decision::Begin(status))
            );
            let gone = Standing {
                terminating: true,
                ..standing(status, &["terminate"])
            };
            assert_eq!(terminate(&gone, true), Ok(Decision::Same));
        }
        assert_eq!(
            terminate(&standing(Instantiated, &[]), true),
            Err(Refusal::DependedOn)
        );
    }

    #[test]
    fn the_row_rules() {
        for status in [Created, Instantiated] {
            assert_eq!(
                rules(&standing(status, &["instantiate"])),
                Ok(Decision::Begin(status))
            );
        }
        for status in [Creating, CreateFailed, InstantiationFailed] {
            assert_eq!(rules(&standing(status, &[])), Err(Refusal::RulesStatus(status)));
        }
        let gone = Standing {
            terminating: true,
            ..standing(Instantiated, &[])
        };
        assert_eq!(rules(&gone), Err(Refusal::BeingTerminated));
    }

    #[test]
    fn of_one_host_named_twice_the_second_is_refused_and_so_is_a_name_in_use() {
        let [a, b, c]: [HostIp; 3] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|ip| ip.parse().unwrap());
        let plans = create(&[a, b, a, c], "zone", &[c]);
        let refusals: Vec<_> = plans.into_iter().map(|(_, refusal)| refusal).collect();
        assert_eq!(
            refusals,
            [
                None,
                None,
                Some(Refusal::DuplicateHost),
                Some(Refusal::NameInUse("zone".to_owned()))
            ]
        );
    }

    #[test]
    fn texts_are_the_interfaces_own() {
        assert_eq!(
            Refusal::NameInUse("x".into()).message(),
            "cannot re-use app name : x"
        );
        assert_eq!(Refusal::NameInUse("x".into()).item(), "cannot re-use app name: x");
        assert_eq!(
            Refusal::Status(Creating).item(),
            "Precondition failed, app instance operational state: Creating"
        );
        assert_eq!(
            Refusal::RulesStatus(Creating).message(),
            "Pre condition failed, application instance operational status is : Creating"
        );
    }
}
