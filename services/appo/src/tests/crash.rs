//! Every step of every flow: the process dies right after it acted, the step runs twice, the step fails once. Each time the
//! end must be the same, and nothing done twice at the edge.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use mecm_jobs::{Job, Outcome, Step};
use tokio::sync::Notify;

use super::*;
use crate::tests::sample::WITH_RULES;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Nothing of it is recorded, and nothing runs any more.
    Dies,
    /// It runs once more before it is recorded.
    Repeats,
    /// What it did is not recorded; it is tried again.
    Fails,
}

/// The flows, with something going wrong at the n-th step.
struct Troubled {
    flows: Arc<dyn Flows>,
    trouble: Trouble,
    at: usize,
    count: AtomicUsize,
    died: Arc<Notify>,
}

impl Flows for Troubled {
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Step> {
        async move {
            let number = self.count.fetch_add(1, Ordering::SeqCst);
            if self.trouble == Trouble::Dies && number > self.at {
                // Dead processes do nothing.
                return std::future::pending().await;
            }
            let step = self.flows.run(job).await;
            if number != self.at {
                return step;
            }
            match self.trouble {
                Trouble::Dies => {
                    self.died.notify_one();
                    std::future::pending().await
                }
                Trouble::Repeats => {
                    let mut again = job.clone();
                    again.fresh = false;
                    self.flows.run(&again).await
                }
                Trouble::Fails => Outcome::Retry("made to fail".to_owned()).into(),
            }
        }
        .boxed()
    }
}

/// Brings an instance with rules up and down, with trouble at step `at` counted from the first; whether the trouble came.
async fn up_and_down(test: TestDb, trouble: Trouble, at: usize) -> bool {
    let died = Arc::new(Notify::new());
    let came = Arc::new(AtomicUsize::new(0));
    let wrap = {
        let died = died.clone();
        move |flows| {
            Arc::new(Troubled {
                flows,
                trouble,
                at,
                count: AtomicUsize::new(0),
                died,
            }) as Arc<dyn Flows>
        }
    };
    let mut rig = Rig::start_wrapped(test, |_| {}, wrap).await;
    let id = rig.create("zone", WITH_RULES, 0).await;
    rig.instantiate(&id).await;
    settle(&mut rig, trouble, &died, &came).await;
    assert_eq!(
        rig.stands(&id).await,
        Some(("Instantiated".into(), "success".into())),
        "{trouble:?} at step {at}"
    );
    assert_eq!(
        rig.peers.status_of(0, &id).as_deref(),
        Some("Instantiated"),
        "{trouble:?} at step {at}"
    );
    assert_eq!(rig.terminate(&id).await.status, 202);
    settle(&mut rig, trouble, &died, &came).await;
    rig.assert_nothing_left().await;
    let counts = rig.edge(0).counts();
    assert_eq!(
        (counts.deploys, counts.destroyed),
        (1, 0),
        "{trouble:?} at step {at}"
    );
    came.load(Ordering::SeqCst) > 0
}

/// Lets everything come to rest; a process that has died starts again.
async fn settle(rig: &mut Rig, trouble: Trouble, died: &Arc<Notify>, came: &Arc<AtomicUsize>) {
    if trouble != Trouble::Dies {
        rig.pass(60).await;
        return;
    }
    let dead = tokio::select! {
        () = died.notified() => true,
        idle = rig.engine().run_until_idle(LIMIT) => { idle.unwrap(); false }
    };
    if dead {
        came.fetch_add(1, Ordering::SeqCst);
        rig.restart(|flows| flows).await;
    }
    rig.pass(30).await;
}

/// Beyond the number of steps there are (a test of its own counts them).
const STEPS: usize = 17;

async fn with_trouble_at_each_step(trouble: Trouble) {
    let mut came = 0;
    for kind in mecm_common::db::testing::kinds() {
        for at in 0..STEPS {
            let test = TestDb::open(kind, &crate::migrations()).await.unwrap();
            came += usize::from(up_and_down(test, trouble, at).await);
        }
    }
    if trouble == Trouble::Dies {
        assert!(came >= 12, "it died at {came} steps only");
    }
}

#[tokio::test]
async fn a_process_may_die_after_any_step() {
    with_trouble_at_each_step(Trouble::Dies).await;
}

#[tokio::test]
async fn any_step_may_run_twice() {
    with_trouble_at_each_step(Trouble::Repeats).await;
}

#[tokio::test]
async fn any_step_may_fail_to_be_recorded() {
    with_trouble_at_each_step(Trouble::Fails).await;
}
