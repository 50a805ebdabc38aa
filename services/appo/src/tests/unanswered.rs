//! Lost answers, refusals and edges that are away: at most one attempt in flight, by asking and waiting.

use mecm_edge_sim::{Fault, Operation, When};

use super::*;
use crate::tests::sample::PLAIN;

#[tokio::test]
async fn a_lost_answer_is_asked_for_and_nothing_is_deployed_twice() {
    on_each(|rig| async move {
        rig.edge(0)
            .fault(Operation::Instantiate, Fault::LoseAnswer, When::Next(1));
        let id = rig.running("zone", PLAIN, 0).await;
        rig.pass(10).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        let counts = rig.edge(0).counts();
        assert_eq!((counts.deploys, counts.uploads, counts.destroyed), (1, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn an_instantiate_that_is_never_known_is_sent_again_only_after_200_seconds() {
    on_each(|rig| async move {
        // Something in front of the controller answers; the controller has seen nothing.
        let gateway = Fault::Answer {
            status: 504,
            text: "Gateway Time-out".into(),
        };
        rig.edge(0).fault(Operation::Instantiate, gateway, When::Next(1));
        let id = rig.running("zone", PLAIN, 0).await;
        rig.pass(190).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Created");
        assert_eq!(rig.edge(0).counts().deploys, 0);
        rig.pass(20).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        assert_eq!(rig.edge(0).counts().deploys, 1);
    })
    .await;
}

#[tokio::test]
async fn an_edge_that_is_away_for_a_while_gets_it_when_it_is_back() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        rig.edge(0).fault(Operation::Any, Fault::Down, When::Always);
        rig.instantiate(&id).await;
        rig.pass(20).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Created");
        rig.edge(0).heal();
        // A connection that breaks may have carried the whole upload: then it is asked for, up to 200 s.
        rig.pass(300).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        assert_eq!(rig.edge(0).counts().deploys, 1);
    })
    .await;
}

#[tokio::test]
async fn an_edge_that_never_answers_fails_the_instantiate_and_says_why() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        rig.edge(0).fault(Operation::Any, Fault::Down, When::Always);
        rig.instantiate(&id).await;
        // A connection that breaks may have carried the whole upload: then it is asked for until the deadline of an hour.
        rig.pass(3_700).await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        assert!(reason.contains("the LCM controller"), "{reason}");
    })
    .await;
}

#[tokio::test]
async fn an_edge_that_hangs_is_given_up_and_asked_and_nothing_hangs_for_ever() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| {
            (config.peers.lcm_deploy_seconds, config.peers.lcm_seconds) = (1, 1);
        })
        .await;
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        rig.edge(0)
            .fault(Operation::Instantiate, Fault::Hang, When::Next(1));
        rig.instantiate(&id).await;
        rig.pass(210).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        assert_eq!(rig.edge(0).counts().deploys, 1);
        rig.edge(0).fault(Operation::Query, Fault::Hang, When::Next(1));
        let slow = rig.ask(Method::GET, &format!("/app_instances/{id}"), None).await;
        assert_eq!(slow.status, 504, "{slow:?}");
    }
}

#[tokio::test]
async fn a_busy_controller_is_asked_and_tried_again() {
    on_each(|rig| async move {
        let busy = Fault::Answer {
            status: 503,
            text: "Service Unavailable".into(),
        };
        rig.edge(0).fault(Operation::Instantiate, busy, When::Next(2));
        let id = rig.running("zone", PLAIN, 0).await;
        rig.pass(20).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        assert_eq!(rig.edge(0).counts().deploys, 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_deployed_although_an_error_came_is_taken_away_again() {
    on_each(|rig| async move {
        let error = Fault::AnswerAfter {
            status: 500,
            body: "\"File size limit is exceeded\"".into(),
        };
        rig.edge(0).fault(Operation::Instantiate, error, When::Next(1));
        let id = rig.running("zone", PLAIN, 0).await;
        rig.idle().await;
        let expected = (
            "Instantiation failed".to_owned(),
            "File size limit is exceeded".to_owned(),
        );
        assert_eq!(rig.stands(&id).await, Some(expected));
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
        assert_eq!(
            rig.peers.status_of(0, &id).as_deref(),
            Some("Instantiation failed")
        );

        // And again: the controller is asked first, then it is sent anew.
        assert_eq!(rig.instantiate(&id).await.status, 202);
        rig.idle().await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        assert_eq!(rig.edge(0).workloads().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_workload_that_cannot_be_taken_away_is_told_of_and_found_by_the_next_instantiate() {
    on_each(|rig| async move {
        let error = Fault::AnswerAfter {
            status: 500,
            body: "\"File size limit is exceeded\"".into(),
        };
        let refuses = Fault::Answer {
            status: 400,
            text: "App instance is invalid".into(),
        };
        rig.edge(0).fault(Operation::Instantiate, error, When::Next(1));
        rig.edge(0).fault(Operation::Terminate, refuses, When::Next(1));
        let id = rig.running("zone", PLAIN, 0).await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        assert!(reason.contains("the workload still runs"), "{reason}");
        assert_eq!(rig.instantiate(&id).await.status, 202);
        rig.idle().await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        let counts = rig.edge(0).counts();
        assert_eq!((counts.deploys, counts.uploads), (1, 1), "the upload is skipped");
    })
    .await;
}

#[tokio::test]
async fn a_terminate_without_its_answer_is_sent_again() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.edge(0)
            .fault(Operation::Terminate, Fault::LoseAnswer, When::Next(2));
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.pass(10).await;
        assert_eq!(rig.stands(&id).await, None);
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn a_terminate_that_is_refused_leaves_the_instance_what_it_was() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        let refuses = Fault::Answer {
            status: 403,
            text: "forbidden".into(),
        };
        rig.edge(0).fault(Operation::Terminate, refuses, When::Next(1));
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        assert_eq!(
            rig.stands(&id).await,
            Some(("Instantiated".into(), "forbidden".into()))
        );
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn a_terminate_stops_an_unanswered_instantiate_only_when_it_is_settled() {
    on_each(|rig| async move {
        let gateway = Fault::Answer {
            status: 502,
            text: "Bad Gateway".into(),
        };
        rig.edge(0).fault(Operation::Instantiate, gateway, When::Next(1));
        let id = rig.running("zone", PLAIN, 0).await;
        rig.pass(20).await;
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.pass(100).await;
        assert_eq!(
            rig.stands(&id).await.unwrap().0,
            "Created",
            "sooner, the deploy could end after the terminate"
        );
        rig.pass(120).await;
        assert_eq!(rig.stands(&id).await, None);
        rig.assert_nothing_left().await;
        let counts = rig.edge(0).counts();
        assert_eq!(
            (counts.uploads, counts.deploys),
            (1, 0),
            "and it was not sent again"
        );
    })
    .await;
}

#[tokio::test]
async fn a_terminate_during_a_slow_deploy_takes_away_what_came_of_it() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        rig.edge(0)
            .behave(|edge| edge.deploy_time = Duration::from_millis(300));
        rig.instantiate(&id).await;
        let edge = rig.edge(0);
        until("the plugin is at work", || edge.counts().max_concurrent == 1).await;
        assert_eq!(rig.terminate(&id).await.status, 202);
        assert_eq!(
            rig.instantiate(&id).await.message(),
            (412, "Application instance is being terminated")
        );
        rig.pass(10).await;
        assert_eq!(rig.stands(&id).await, None);
        rig.assert_nothing_left().await;
        assert_eq!(rig.edge(0).counts().deploys, 1);
    })
    .await;
}

/// Waits until something holds that another task brings about.
pub(super) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + LIMIT;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn one_controller_has_one_instantiation_at_a_time() {
    on_each(|rig| async move {
        rig.edge(0)
            .behave(|edge| edge.deploy_time = Duration::from_millis(30));
        let mut ids = Vec::new();
        for number in 0..4 {
            let id = turns::another(&rig, number).await;
            rig.instantiate(&id).await;
            ids.push(id);
        }
        rig.idle().await;
        for id in &ids {
            assert_eq!(rig.stands(id).await.unwrap().0, "Instantiated");
        }
        let counts = rig.edge(0).counts();
        assert_eq!(
            (counts.max_concurrent, counts.overlaps, counts.deploys),
            (1, 0, 4)
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_controller_keeps_no_record_of_is_told_of() {
    on_each(|rig| async move {
        let unrecorded = Fault::Answer {
            status: 500,
            text: "Maximum number of tenant records are exceeded".into(),
        };
        rig.edge(0)
            .fault(Operation::Instantiate, unrecorded, When::Next(1));
        let id = rig.running("zone", PLAIN, 0).await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        assert!(
            reason.starts_with("Maximum number of tenant records") && reason.contains("may run"),
            "{reason}"
        );
    })
    .await;
}
