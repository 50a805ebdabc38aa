//! What a terminate asks of whom, and what it leaves when it fails.

use mecm_edge_sim::{Fault, Operation, When};

use super::*;
use crate::tests::sample::{PLAIN, WITH_RULES};

fn refuses(text: &str) -> Fault {
    Fault::Answer {
        status: 403,
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn a_text_that_no_database_takes_ends_it_all_the_same_and_is_kept_short() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        let text = format!("for\0bidden {}", "x".repeat(100_000));
        rig.edge(0)
            .fault(Operation::Terminate, refuses(&text), When::Next(1));
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiated");
        assert!(reason.starts_with("for bidden xxx"), "{reason}");
        let mut tx = rig.test.db.begin_read().await.unwrap();
        let kept = mecm_jobs::of_subject(&mut tx, &id).await.unwrap();
        let longest = kept
            .iter()
            .filter_map(|job| job.reason.as_ref())
            .map(String::len)
            .max();
        assert!(longest.unwrap() < 2_000, "{longest:?}");
    })
    .await;
}

#[tokio::test]
async fn an_instance_without_rules_needs_no_rule_manager() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.edge(0).fault(Operation::Rules, Fault::Down, When::Always);
        rig.peers.refuse_rules(Some(503));
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        rig.peers.refuse_rules(None);
        rig.pass(5).await;
        assert_eq!(rig.stands(&id).await, None);
    })
    .await;
}

#[tokio::test]
async fn one_that_is_forced_away_leaves_no_rules_in_inventory() {
    on_each(|rig| async move {
        let id = rig.running("zone", WITH_RULES, 0).await;
        rig.edge(0).fault(Operation::Rules, Fault::Down, When::Always);
        let path = format!("/app_instances/{id}?force=true");
        assert_eq!(rig.ask(Method::DELETE, &path, None).await.status, 202);
        rig.pass(300).await;
        assert_eq!(rig.stands(&id).await, None);
        assert!(rig.peers.rule_sets().is_empty(), "{:?}", rig.peers.rule_sets());
    })
    .await;
}

#[tokio::test]
async fn the_reason_says_that_the_rules_are_gone_however_long_the_controller_talks() {
    on_each(|rig| async move {
        let id = rig.running("zone", WITH_RULES, 0).await;
        rig.edge(0)
            .fault(Operation::Terminate, refuses(&"no ".repeat(200)), When::Next(1));
        rig.terminate(&id).await;
        rig.idle().await;
        let (_, reason) = rig.stands(&id).await.unwrap();
        assert!(
            reason.ends_with("; its app rules are removed already"),
            "{reason}"
        );
    })
    .await;
}

#[tokio::test]
async fn inventory_hears_of_what_it_missed_when_a_terminate_fails() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        rig.peers.refuse_writes(2);
        rig.instantiate(&id).await;
        rig.idle().await;
        assert_eq!(rig.peers.status_of(0, &id).as_deref(), Some("Created"));
        // It is being terminated while Inventory would be told again, and stays.
        let busy = Fault::Answer {
            status: 503,
            text: "busy".into(),
        };
        rig.edge(0).fault(Operation::Terminate, busy, When::Always);
        rig.terminate(&id).await;
        rig.pass(10).await;
        rig.edge(0).heal();
        rig.edge(0)
            .fault(Operation::Terminate, refuses("forbidden"), When::Always);
        rig.pass(30).await;
        assert_eq!(rig.stands(&id).await.unwrap().1, "forbidden");
        assert_eq!(rig.peers.status_of(0, &id).as_deref(), Some("Instantiated"));
    })
    .await;
}

#[tokio::test]
async fn an_edge_that_is_away_for_long_is_left_alone_and_its_operations_wait() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.edge(0).fault(Operation::Any, Fault::Down, When::Always);
        // Somebody looks at it, and finds it away.
        for _ in 0..5 {
            let path = format!("/hosts/{}/kpi", Rig::host(0));
            assert_ne!(rig.ask(Method::GET, &path, None).await.status, 200);
        }
        let waits = rig.create("other", WITH_RULES, 0).await;
        rig.instantiate(&waits).await;
        rig.terminate(&id).await;
        rig.pass(900).await;
        for (id, status) in [(&id, "Instantiated"), (&waits, "Created")] {
            let info = rig
                .ask(Method::GET, &format!("/app_instance_infos/{id}"), None)
                .await
                .body["response"]
                .take();
            assert_eq!(info["operationalStatus"], status, "{info}");
            assert_eq!(info["operation"]["state"], "waiting", "{info}");
        }
        rig.edge(0).heal();
        rig.pass(60).await;
        assert_eq!(rig.stands(&id).await, None);
        assert_eq!(rig.stands(&waits).await.unwrap().0, "Instantiated");
    })
    .await;
}

#[tokio::test]
async fn a_create_that_finds_no_controller_shows_where_it_should_be() {
    on_each(|rig| async move {
        rig.peers.move_controllers(0);
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        let path = format!("/app_instance_infos/{id}");
        let info = rig.ask(Method::GET, &path, None).await.body["response"].take();
        assert_eq!(info["operationInfo"], "applcm port not found");
        assert_eq!(info["applcmHost"], Rig::host(0).to_string());
    })
    .await;
}

#[tokio::test]
async fn a_controllers_404_is_passed_on_with_its_text() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        let text = "podmetrics.metrics.k8s.io not found";
        let fault = Fault::Answer {
            status: 404,
            text: text.into(),
        };
        rig.edge(0).fault(Operation::Query, fault, When::Next(1));
        let answer = rig.ask(Method::GET, &format!("/app_instances/{id}"), None).await;
        assert_eq!((answer.message(), answer.detail()), ((404, text), (404, text)));
        assert_eq!(answer.body["response"], text);
    })
    .await;
}
