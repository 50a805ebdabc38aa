//! Packages that need others on the same host.

use super::*;
use crate::tests::sample::{DEPENDENT, PLAIN};

#[tokio::test]
async fn what_a_package_needs_must_run_on_the_host_at_create_and_at_instantiate() {
    on_each(|rig| async move {
        let alone = rig.create("depends", DEPENDENT, 0).await;
        rig.idle().await;
        let reason = "dependency APP not deployed: plain".to_owned();
        assert_eq!(
            rig.stands(&alone).await,
            Some(("Create failed".to_owned(), reason.clone()))
        );

        let needed = rig.running("base", PLAIN, 0).await;
        let dependent = rig.create("depends", DEPENDENT, 0).await;
        rig.idle().await;
        assert_eq!(rig.stands(&dependent).await.unwrap().0, "Created");
        // One that is only Created does not block, and fails then.
        rig.terminate(&needed).await;
        rig.idle().await;
        rig.instantiate(&dependent).await;
        rig.idle().await;
        assert_eq!(
            rig.stands(&dependent).await,
            Some(("Instantiation failed".to_owned(), reason))
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_needed_stays_and_goes_last_in_a_batch() {
    on_each(|rig| async move {
        let needed = rig.running("base", PLAIN, 0).await;
        let dependent = rig.running("depends", DEPENDENT, 0).await;
        assert_eq!(rig.stands(&dependent).await.unwrap().0, "Instantiated");
        let refused = rig.terminate(&needed).await;
        assert_eq!(
            refused.message(),
            (412, "application instance depended by others")
        );
        let body = json!({"appInstanceIds": [needed, dependent]});
        let answer = rig
            .ask(Method::POST, "/app_instances/batch_terminate", Some(body))
            .await;
        let told = answer.body["response"].as_array().unwrap();
        assert!(told.iter().all(|item| item["status"] == "Accepted"), "{told:?}");
        rig.pass(10).await;
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn the_needed_one_stays_when_the_one_that_needs_it_cannot_go() {
    on_each(|rig| async move {
        let needed = rig.running("base", PLAIN, 0).await;
        let dependent = rig.running("depends", DEPENDENT, 0).await;
        let refuses = mecm_edge_sim::Fault::Answer {
            status: 403,
            text: "forbidden".into(),
        };
        rig.edge(0).fault(
            mecm_edge_sim::Operation::Terminate,
            refuses,
            mecm_edge_sim::When::Next(1),
        );
        let body = json!({"appInstanceIds": [needed, dependent]});
        rig.ask(Method::POST, "/app_instances/batch_terminate", Some(body))
            .await;
        rig.pass(10).await;
        assert_eq!(
            rig.stands(&dependent).await,
            Some(("Instantiated".into(), "forbidden".into()))
        );
        let text = "application instance depended by others".to_owned();
        assert_eq!(rig.stands(&needed).await, Some(("Instantiated".into(), text)));
    })
    .await;
}
