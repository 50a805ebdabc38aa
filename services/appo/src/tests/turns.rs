//! Turns at a controller, and what counts as sent.

use mecm_edge_sim::{Fault, Operation, When};

use super::*;

/// Creates an instance of a package of its own on the first host.
pub(super) async fn another(rig: &Rig, number: usize) -> String {
    let package = format!("3000000000004000800000000000000{number}");
    rig.peers
        .add_package(&package, sample::package(&format!("chart{number}"), "", ""));
    rig.create(&format!("zone{number}"), &package, 0).await
}

fn gateway() -> Fault {
    Fault::Answer {
        status: 504,
        text: "Gateway Time-out".into(),
    }
}

#[tokio::test]
async fn an_unanswered_one_keeps_its_turn_for_200_seconds_and_no_longer() {
    on_each(|rig| async move {
        let refuses = Fault::Answer {
            status: 401,
            text: "Authorization failed".into(),
        };
        rig.edge(0)
            .fault(Operation::Instantiate, gateway(), When::Next(1));
        rig.edge(0).fault(Operation::Query, refuses, When::Always);
        let (first, second) = (another(&rig, 1).await, another(&rig, 2).await);
        rig.idle().await;
        rig.instantiate(&first).await;
        rig.idle().await;
        rig.instantiate(&second).await;
        rig.pass(190).await;
        assert_eq!(rig.stands(&second).await.unwrap().0, "Created");
        rig.pass(60).await;
        assert_eq!(rig.stands(&second).await.unwrap().0, "Instantiated");
        assert_eq!(rig.stands(&first).await.unwrap().0, "Created");
        rig.edge(0).heal();
        rig.pass(60).await;
        assert_eq!(rig.stands(&first).await.unwrap().0, "Instantiated");
    })
    .await;
}

#[tokio::test]
async fn waiting_for_a_turn_has_a_deadline_of_its_own() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.jobs.deadline_seconds = 150).await;
        rig.edge(0)
            .fault(Operation::Instantiate, gateway(), When::Next(1));
        let (first, second) = (another(&rig, 1).await, another(&rig, 2).await);
        rig.idle().await;
        rig.instantiate(&first).await;
        rig.idle().await;
        rig.clock.advance(Duration::from_secs(1));
        rig.instantiate(&second).await;
        rig.pass(185).await;
        let (status, reason) = rig.stands(&second).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        let said = "no turn at the LCM controller";
        assert!(
            reason.starts_with(said) && reason.ends_with("within 150 s"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn what_never_reached_its_controller_is_terminated_without_it() {
    on_each(|rig| async move {
        // Nobody listens there.
        rig.peers.move_controllers(1);
        let id = another(&rig, 1).await;
        rig.instantiate(&id).await;
        rig.idle().await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Created");
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.pass(60).await;
        assert_eq!(rig.stands(&id).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_package_that_cannot_be_had_again_was_never_sent() {
    on_each(|rig| async move {
        let id = another(&rig, 1).await;
        rig.idle().await;
        rig.uncache();
        rig.peers.forget_package("30000000000040008000000000000001");
        rig.instantiate(&id).await;
        rig.pass(5).await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        assert!(
            reason.starts_with("Application package download failed"),
            "{reason}"
        );
        rig.peers.move_controllers(1);
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.pass(5).await;
        assert_eq!(rig.stands(&id).await, None);
    })
    .await;
}
