//! Faults on demand: what goes wrong, at which operation, how often.

use std::time::Duration;

pub use self::text::FaultRule;

mod text;

/// What a call asks of an edge, as far as faults tell calls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Any of the others.
    Any,
    /// `POST …/instantiate` of the LCM controller.
    Instantiate,
    /// `POST …/terminate` of the LCM controller.
    Terminate,
    /// `GET …/app_instances/{id}` of the LCM controller.
    Query,
    /// `GET …/kpi` of the LCM controller.
    Kpi,
    /// `GET …/mep_capabilities` of the LCM controller.
    Capabilities,
    /// `POST` and `DELETE /configuration` of the LCM controller.
    Configuration,
    /// `GET …/packages/{id}/status` of the LCM controller.
    PackageStatus,
    /// `POST`, `PUT` and `DELETE` of the app rule manager.
    Rules,
    /// `GET` of the app rule manager.
    RulesRead,
    /// MEP-auth: keys and tokens.
    MepAuth,
    /// The platform's registry of services, heartbeats included.
    Services,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The work begins this much later.
    Delay(Duration),
    /// Nothing is done, and this is answered: the text as the peer writes its own errors.
    Answer {
        /// HTTP status.
        status: u16,
        /// What the error says.
        text: String,
    },
    /// The work is done, and the connection closed without an answer.
    LoseAnswer,
    /// The work is done, and this is answered all the same, as by something in front of the peer.
    AnswerAfter {
        /// HTTP status.
        status: u16,
        /// The whole body, as it is.
        body: String,
    },
    /// Nothing is done, nothing is answered, and the connection stays open until the caller gives up.
    Hang,
    /// Nothing is done, and 200 comes with a web page instead of what was asked for.
    Nonsense,
    /// The connection is closed before the request's body was read. With [`Operation::Any`] and [`When::Always`] no
    /// request is read at all: new connections are reset as soon as they are there.
    Down,
}

/// How often a fault happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// At each call.
    Always,
    /// At this share of the calls, 0 to 1, as the simulator's seed has it.
    Rate(f64),
    /// At the next so many calls, then never again.
    Next(u32),
}

/// The faults of one edge.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<FaultRule>,
    random: u64,
}

/// What happens to one call.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            random: seed,
        }
    }

    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    /// Those that are there, in the order in which they were asked for.
    pub(crate) fn rules(&self) -> &[FaultRule] {
        &self.rules
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Whether no connection is taken at all.
    pub(crate) fn is_down(&self) -> bool {
        let down = FaultRule {
            operation: Operation::Any,
            fault: Fault::Down,
            when: When::Always,
        };
        self.rules.contains(&down)
    }

    /// What happens to the next call of this kind: delays add up, of the others the first that is due comes.
    pub(crate) fn plan(&mut self, operation: Operation) -> Plan {
        let mut plan = Plan::default();
        let random = &mut self.random;
        self.rules.retain_mut(|rule| {
            let FaultRule {
                operation: at,
                fault,
                when,
            } = rule;
            if (*at != Operation::Any && *at != operation)
                || (plan.fault.is_some() && !matches!(fault, Fault::Delay(_)))
            {
                return true;
            }
            let due = match when {
                When::Always => true,
                When::Rate(rate) => share(random) < *rate,
                When::Next(left) => *left > 0,
            };
            if due {
                match fault {
                    Fault::Delay(by) => plan.delay += *by,
                    other => plan.fault = Some(other.clone()),
                }
                if let When::Next(left) = when {
                    *left -= 1;
                }
            }
            !matches!(when, When::Next(0))
        });
        plan
    }
}

/// The next number of the sequence, 0 to 1 (SplitMix64: small, seedable, good enough for dice).
fn share(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let bits = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(faults: &mut Faults, operation: Operation, fault: Fault, when: When) {
        faults.add(FaultRule {
            operation,
            fault,
            when,
        });
    }

    #[test]
    fn the_next_calls_fail_and_those_after_them_do_not() {
        let mut faults = Faults::new(7);
        add(&mut faults, Operation::Query, Fault::Hang, When::Next(2));
        assert_eq!(faults.plan(Operation::Terminate).fault, None);
        assert_eq!(faults.plan(Operation::Query).fault, Some(Fault::Hang));
        assert_eq!(faults.plan(Operation::Query).fault, Some(Fault::Hang));
        assert_eq!(faults.plan(Operation::Query).fault, None);
    }

    #[test]
    fn a_rate_is_kept_about_and_a_seed_repeats_it() {
        let run = |seed| -> Vec<bool> {
            let mut faults = Faults::new(seed);
            add(&mut faults, Operation::Any, Fault::Nonsense, When::Rate(0.25));
            (0..1_000)
                .map(|_| faults.plan(Operation::Kpi).fault.is_some())
                .collect()
        };
        let hits = run(3).iter().filter(|hit| **hit).count();
        assert!((200..300).contains(&hits), "{hits} of 1000 at a rate of 0.25");
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn delays_add_up_and_go_with_another_fault() {
        let mut faults = Faults::new(1);
        add(
            &mut faults,
            Operation::Any,
            Fault::Delay(Duration::from_millis(20)),
            When::Always,
        );
        add(&mut faults, Operation::Kpi, Fault::Hang, When::Always);
        add(&mut faults, Operation::Kpi, Fault::Down, When::Next(1));
        add(
            &mut faults,
            Operation::Kpi,
            Fault::Delay(Duration::from_millis(5)),
            When::Always,
        );
        let plan = faults.plan(Operation::Kpi);
        assert_eq!(
            (plan.delay, plan.fault),
            (Duration::from_millis(25), Some(Fault::Hang))
        );
        assert!(!faults.is_down());
        add(&mut faults, Operation::Any, Fault::Down, When::Always);
        assert!(faults.is_down());
    }
}
