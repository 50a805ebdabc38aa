//! Why what was accepted failed all the same: the reason in the record, or in the task.

use mecm_edge_sim::{Fault, Operation, When};

use super::rules::{change, set};
use super::*;
use crate::tests::sample::{PLAIN, WITH_RULES};

const NO_RULE_MANAGER: &str = "apprule port not found";

fn failed(status: &str, reason: &str) -> Option<(String, String)> {
    Some((status.to_owned(), reason.to_owned()))
}

#[tokio::test]
async fn a_host_without_a_controller_gets_no_instance() {
    on_each(|rig| async move {
        let reason = "applcm IP not configured in host";
        let made = rig.create("made", PLAIN, 0).await;
        rig.idle().await;
        for (name, nothing) in [("a", Value::Null), ("b", json!(""))] {
            rig.peers.change_host(0, "applcmIp", nothing);
            let id = rig.create(name, PLAIN, 0).await;
            rig.idle().await;
            assert_eq!(rig.stands(&id).await, failed("Create failed", reason));
            let info = rig
                .ask(Method::GET, &format!("/app_instance_infos/{id}"), None)
                .await;
            assert_eq!(info.body["response"]["applcmHost"], Value::Null, "{info:?}");
            let status = rig.peers.status_of(0, &id);
            assert_eq!(
                status.as_deref(),
                Some("Create failed"),
                "Inventory is told all the same"
            );
        }
        let kpi = format!("/hosts/{}/kpi", Rig::host(0));
        assert_eq!(
            rig.ask(Method::GET, &kpi, None).await.detail(),
            (404, "Record not found")
        );
        // It may have lost it since the create.
        rig.instantiate(&made).await;
        rig.idle().await;
        assert_eq!(rig.stands(&made).await, failed("Instantiation failed", reason));
    })
    .await;
}

#[tokio::test]
async fn a_package_with_rules_needs_a_rule_manager_and_one_without_does_not() {
    on_each(|rig| async move {
        let made = rig.create("made", WITH_RULES, 0).await;
        rig.idle().await;
        rig.peers.change_host(1, "appRuleIp", Value::Null);
        rig.peers.change_host(2, "appRuleIp", json!(""));
        for host in [1, 2] {
            let ruled = rig.create("ruled", WITH_RULES, host).await;
            let plain = rig.create("plain", PLAIN, host).await;
            rig.idle().await;
            assert_eq!(rig.stands(&ruled).await, failed("Create failed", NO_RULE_MANAGER));
            assert_eq!(rig.stands(&plain).await, failed("Created", "success"));
        }
        // The host names one that Inventory does not know.
        rig.peers.move_rule_managers(0);
        let ruled = rig.create("ruled", WITH_RULES, 3).await;
        rig.instantiate(&made).await;
        rig.idle().await;
        assert_eq!(rig.stands(&ruled).await, failed("Create failed", NO_RULE_MANAGER));
        assert_eq!(
            rig.stands(&made).await,
            failed("Instantiation failed", NO_RULE_MANAGER)
        );
        assert!(rig.sim.totals().is_empty(), "nothing was sent");
    })
    .await;
}

#[tokio::test]
async fn a_change_of_rules_where_there_is_no_rule_manager_says_so() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.peers.change_host(0, "appRuleIp", json!(""));
        let (_, none) = change(&rig, Method::POST, &id, set(&["a"])).await;
        rig.peers
            .change_host(0, "appRuleIp", json!(Rig::host(0).to_string()));
        rig.peers.move_rule_managers(0);
        let (_, unknown) = change(&rig, Method::PUT, &id, set(&["a"])).await;
        for info in [none, unknown] {
            let told = (&info["configResult"], &info["detailed"]);
            assert_eq!(told, (&json!("FAILURE"), &json!(NO_RULE_MANAGER)));
        }
        assert!(rig.peers.rule_sets().is_empty());
    })
    .await;
}

#[tokio::test]
async fn rules_that_wait_when_their_instance_is_terminated_fail_and_say_why() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.edge(0).fault(Operation::Rules, Fault::Down, When::Always);
        let path = format!("/app_instances/{id}/appd_configuration");
        let mut tasks = Vec::new();
        for rule in ["first", "second"] {
            let answer = rig.ask(Method::POST, &path, Some(set(&[rule]))).await;
            let task = answer.body["response"]["apprule_task_id"]
                .as_str()
                .unwrap()
                .to_owned();
            tasks.push(format!("/apprule_task_infos/{task}"));
            rig.idle().await;
        }
        assert_eq!(rig.terminate(&id).await.status, 202);
        // At once: it was never begun.
        let second = rig.ask(Method::GET, &tasks[1], None).await.body["response"].take();
        assert_eq!(second["configResult"], "FAILURE", "{second}");
        assert_eq!(second["detailed"], "application instance is being terminated");
        rig.edge(0).heal();
        rig.pass(60).await;
        rig.assert_nothing_left().await;
        let first = rig.ask(Method::GET, &tasks[0], None).await.body["response"].take();
        assert_ne!(first["configResult"], "PROCESSING", "{first}");
    })
    .await;
}

#[tokio::test]
async fn beyond_the_limit_of_a_controller_nothing_is_sent_to_it() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| {
            config.appo.max_instances_per_tenant_and_controller = 1;
        })
        .await;
        let first = rig.running("first", PLAIN, 0).await;
        let reason = "Maximum number of app info records are exceeded for given tenant";
        let second = rig.running("second", WITH_RULES, 0).await;
        assert_eq!(rig.stands(&second).await, failed("Instantiation failed", reason));
        assert_eq!(rig.edge(0).counts().uploads, 1);
        let elsewhere = rig.running("third", PLAIN, 1).await;
        assert_eq!(rig.stands(&elsewhere).await, failed("Instantiated", "success"));
        // There is room again.
        rig.terminate(&first).await;
        rig.idle().await;
        rig.instantiate(&second).await;
        rig.idle().await;
        assert_eq!(rig.stands(&second).await, failed("Instantiated", "success"));
    }
}

#[tokio::test]
async fn the_limit_that_a_controller_has_of_its_own_is_told_in_its_words() {
    on_each(|rig| async move {
        rig.edge(0).behave(|edge| edge.max_instances = 1);
        rig.running("first", PLAIN, 0).await;
        let second = rig.running("second", WITH_RULES, 0).await;
        let (status, reason) = rig.stands(&second).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        let text = "Maximum number of app info records are exceeded for given tenant";
        assert!(reason.starts_with(text) && reason.contains("may run"), "{reason}");
    })
    .await;
}
