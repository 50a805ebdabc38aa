//! Random operations on a few hosts while edges fail before or after they have acted, Inventory is away, and the process
//! dies. When all is well again, what APPO says must be what runs: nothing lost, nothing doubled, nothing left behind.

use std::collections::BTreeSet;

use mecm_edge_sim::{Fault, Operation, When};

use super::*;
use crate::tests::sample::{PLAIN, WITH_RULES};

const HOSTS: usize = 3;
const ACTIONS: usize = 40;

/// A generator of its own, so that a seed tells the whole story (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(mixed).unwrap() % most
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// What may happen to a call at an edge: before it acts, after it, or instead of an answer.
fn fault(dice: &mut Dice) -> (Operation, Fault) {
    let busy = Fault::Answer {
        status: 503,
        text: "busy".to_owned(),
    };
    let refused = Fault::Answer {
        status: 500,
        text: "Failed to do it".to_owned(),
    };
    let done_all_the_same = Fault::AnswerAfter {
        status: 500,
        body: "\"something in front of it\"".to_owned(),
    };
    let faults = [busy, refused, done_all_the_same, Fault::LoseAnswer, Fault::Down];
    let operations = [
        Operation::Instantiate,
        Operation::Instantiate,
        Operation::Terminate,
        Operation::Query,
        Operation::Rules,
        Operation::RulesRead,
    ];
    (dice.one_of(&operations), dice.one_of(&faults))
}

/// One story; what it ends with must be so whatever happened.
async fn live_through(kind: &str, seed: u64) {
    let test = TestDb::open(kind, &crate::migrations()).await.unwrap();
    let mut rig = Rig::start(test, |_| {}).await;
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut ids: Vec<String> = Vec::new();
    for number in 0..ACTIONS {
        match dice.below(12) {
            0..=2 => {
                let package = dice.one_of(&[PLAIN, WITH_RULES]);
                let host = dice.below(HOSTS);
                let id = rig.create(&format!("app{number}"), package, host).await;
                println!("create {id} of {package} on {host}");
                ids.push(id);
            }
            3..=5 if !ids.is_empty() => {
                let id = dice.one_of(&ids);
                println!("instantiate {id}: {}", rig.instantiate(&id).await.status);
            }
            6 | 7 if !ids.is_empty() => {
                let id = dice.one_of(&ids);
                println!("terminate {id}: {}", rig.terminate(&id).await.status);
            }
            8 | 9 => {
                let (operation, fault) = fault(&mut dice);
                let times = u32::try_from(1 + dice.below(2)).unwrap();
                let host = dice.below(HOSTS);
                println!("{times} times {fault:?} of {operation:?} on {host}");
                rig.edge(host).fault(operation, fault, When::Next(times));
            }
            10 => {
                println!("Inventory is away");
                rig.peers.refuse_writes(1 + dice.below(2));
            }
            _ => match dice.below(4) {
                0 => {
                    println!("the process dies");
                    rig.restart(|flows| flows).await;
                }
                steps => {
                    println!("{steps} times five seconds");
                    rig.pass(5 * steps as u64).await;
                }
            },
        }
    }
    rig.sim.heal();
    rig.peers.refuse_writes(0);
    rig.pass(600).await;

    let mut running = BTreeSet::new();
    for id in &ids {
        let Some((status, info)) = rig.stands(id).await else {
            continue;
        };
        let ended = ["Created", "Instantiated", "Instantiation failed"];
        assert!(ended.contains(&status.as_str()), "{id} is {status}: {info}");
        if status == "Instantiated" {
            running.insert(id.clone());
        }
        let told = (0..HOSTS).find_map(|host| rig.peers.status_of(host, id));
        assert_eq!(
            told.as_deref(),
            Some(status.as_str()),
            "what Inventory knows of {id}"
        );
    }
    let mut found = BTreeSet::new();
    for host in 0..HOSTS {
        let counts = rig.edge(host).counts();
        assert_eq!(
            (counts.destroyed, counts.overlaps),
            (0, 0),
            "host {host}: {counts:?}"
        );
        for workload in rig.edge(host).workloads() {
            assert!(
                found.insert(workload.instance.clone()),
                "{} runs twice",
                workload.instance
            );
        }
    }
    // What could not be taken away is said to run still.
    for id in found.difference(&running) {
        let (status, info) = rig.stands(id).await.expect("what runs has its record");
        assert!(
            info.contains("workload") && status != "Created",
            "{id} runs and is {status}: {info}"
        );
    }
    for id in &running {
        assert!(found.contains(id), "{id} is said to run");
    }

    for id in &ids {
        rig.terminate(id).await;
    }
    rig.pass(600).await;
    rig.assert_nothing_left().await;
}

#[tokio::test]
async fn whatever_happens_what_is_said_to_run_runs_once_and_nothing_is_left() {
    // More, or others: MECM_TEST_STORIES=1..500.
    let wanted = std::env::var("MECM_TEST_STORIES").unwrap_or_else(|_| "1..7".to_owned());
    let (first, end) = wanted.split_once("..").expect("first..end");
    let stories = first.parse::<u64>().unwrap()..end.parse::<u64>().unwrap();
    for kind in mecm_common::db::testing::kinds() {
        for seed in stories.clone() {
            println!("the story {seed} on {kind}");
            live_through(kind, seed).await;
        }
    }
}
