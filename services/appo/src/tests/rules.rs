//! App rules: of the descriptor, and of the user.

use mecm_edge_sim::{Fault, Operation, When};

use super::*;
use crate::tests::sample::{PLAIN, WITH_RULES};

pub(super) fn set(ids: &[&str]) -> Value {
    let rules: Vec<Value> = ids
        .iter()
        .map(|id| json!({"trafficRuleId": id, "filterType": "FLOW", "priority": 2, "action": "DROP", "trafficFilter": []}))
        .collect();
    json!({"appName": "zone", "appSupportMp1": false, "appTrafficRule": rules})
}

pub(super) async fn change(rig: &Rig, method: Method, id: &str, body: Value) -> (String, Value) {
    let answer = rig
        .ask(
            method,
            &format!("/app_instances/{id}/appd_configuration"),
            Some(body),
        )
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let task = answer.body["response"]["apprule_task_id"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.pass(5).await;
    let info = rig
        .ask(Method::GET, &format!("/apprule_task_infos/{task}"), None)
        .await;
    (task, info.body["response"].clone())
}

#[tokio::test]
async fn a_descriptors_rules_come_with_the_instance_and_go_with_it() {
    on_each(|rig| async move {
        let id = rig.running("zone", WITH_RULES, 0).await;
        assert_eq!(
            rig.stands(&id).await,
            Some(("Instantiated".into(), "success".into()))
        );
        let ids = (vec!["own-1".to_owned()], vec!["own-dns".to_owned()]);
        assert_eq!(rig.edge(0).rule_ids(&id), Some(ids));
        assert_eq!(
            rig.peers.rule_sets()[&id]["appTrafficRule"][0]["trafficRuleId"],
            "own-1"
        );
        let task = rig
            .ask(Method::GET, &format!("/apprule_task_infos/{id}"), None)
            .await;
        assert_eq!(task.body["response"]["configResult"], "SUCCESS", "{task:?}");
        rig.terminate(&id).await;
        rig.idle().await;
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn rules_that_cannot_be_set_fail_the_instantiation_and_the_workload_goes() {
    on_each(|rig| async move {
        rig.edge(0).behave(|edge| edge.rule_configuration = false);
        let id = rig.running("zone", WITH_RULES, 0).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiation failed");
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
        let task = rig
            .ask(Method::GET, &format!("/apprule_task_infos/{id}"), None)
            .await;
        assert_eq!(task.body["response"]["configResult"], "FAILURE");
        assert!(!task.body["response"]["detailed"].as_str().unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn where_inventory_does_not_tell_the_rules_the_workload_goes_too() {
    on_each(|rig| async move {
        rig.peers.refuse_rules(Some(400));
        let id = rig.running("zone", WITH_RULES, 0).await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        assert!(reason.contains("no rules today"), "{reason}");
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
    })
    .await;
}

#[tokio::test]
async fn an_instantiate_that_is_stopped_ends_the_task_of_its_rules() {
    on_each(|rig| async move {
        rig.edge(0).fault(Operation::Rules, Fault::Down, When::Always);
        let id = rig.running("zone", WITH_RULES, 0).await;
        let path = format!("/apprule_task_infos/{id}");
        let task = rig.ask(Method::GET, &path, None).await;
        assert_eq!(task.body["response"]["configResult"], "PROCESSING", "{task:?}");
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.edge(0).heal();
        rig.pass(60).await;
        assert_eq!(rig.stands(&id).await, None);
        let task = rig.ask(Method::GET, &path, None).await;
        assert_eq!(task.body["response"]["configResult"], "FAILURE", "{task:?}");
        assert_eq!(task.body["response"]["detailed"], "cancelled", "{task:?}");
    })
    .await;
}

#[tokio::test]
async fn an_instantiate_that_fails_leaves_the_user_the_rules_he_had() {
    on_each(|rig| async move {
        let id = rig.create("zone", WITH_RULES, 0).await;
        rig.idle().await;
        change(&rig, Method::POST, &id, set(&["mine"])).await;
        let before = rig.peers.rule_sets()[&id].clone();
        let fault = Fault::AnswerAfter {
            status: 400,
            body: json!({"configResult": "FAILURE", "detailed": "not today"}).to_string(),
        };
        rig.edge(0).fault(Operation::Rules, fault, When::Next(1));
        rig.instantiate(&id).await;
        rig.pass(60).await;
        let failed = ("Instantiation failed".to_owned(), "not today".to_owned());
        assert_eq!(rig.stands(&id).await, Some(failed));
        assert_eq!(rig.peers.rule_sets()[&id], before);
        assert_eq!(rig.edge(0).rule_ids(&id).unwrap().0, ["mine"]);
    })
    .await;
}

#[tokio::test]
async fn the_descriptors_rules_go_under_the_name_of_the_instance() {
    on_each(|rig| async move {
        let id = rig.running("zone", WITH_RULES, 0).await;
        let kept = rig.peers.rule_sets()[&id].clone();
        assert_eq!(kept["appName"], "zone", "the descriptor says ruled: {kept}");
        assert_eq!(rig.edge(0).rule_ids(&id).unwrap().0, ["own-1"]);
    })
    .await;
}

#[tokio::test]
async fn what_the_user_has_set_wins_over_the_descriptor() {
    on_each(|rig| async move {
        let id = rig.create("zone", WITH_RULES, 0).await;
        rig.idle().await;
        let (_, info) = change(&rig, Method::POST, &id, set(&["own-1", "mine"])).await;
        assert_eq!(info["configResult"], "SUCCESS", "{info}");
        rig.instantiate(&id).await;
        rig.pass(5).await;
        assert_eq!(
            rig.stands(&id).await.unwrap(),
            ("Instantiated".to_owned(), "success".to_owned())
        );
        let kept = rig.peers.rule_sets()[&id].clone();
        assert_eq!(
            kept["appTrafficRule"][0]["priority"], 2,
            "the user's own-1: {kept}"
        );
        assert_eq!(kept["appName"], "zone");
        let ids = (
            vec!["mine".to_owned(), "own-1".to_owned()],
            vec!["own-dns".to_owned()],
        );
        let mut there = rig.edge(0).rule_ids(&id).unwrap();
        there.0.sort();
        assert_eq!(there, ids);
    })
    .await;
}

#[tokio::test]
async fn rules_are_added_replaced_and_taken_away_and_the_empty_set_stays() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        let (_, info) = change(&rig, Method::DELETE, &id, json!({"appTrafficRule": ["x"]})).await;
        assert_eq!(
            (&info["configResult"], &info["taskId"]),
            (&json!("SUCCESS"), &Value::Null),
            "nothing is sent"
        );
        for (method, ids) in [(Method::PUT, vec!["a"]), (Method::POST, vec!["b", "a"])] {
            let (task, info) = change(&rig, method, &id, set(&ids)).await;
            assert_eq!(info["configResult"], "SUCCESS", "{info}");
            assert!(
                info["taskId"].is_string() && info["taskId"] != task,
                "the manager's own: {info}"
            );
            assert_eq!(info["appInstanceId"], id);
        }
        assert_eq!(rig.edge(0).rule_ids(&id).unwrap().0, ["a", "b"]);
        let (_, info) = change(&rig, Method::DELETE, &id, json!({"appTrafficRule": ["a", "b"]})).await;
        assert_eq!(info["configResult"], "SUCCESS", "{info}");
        assert_eq!(rig.peers.rule_sets()[&id]["appTrafficRule"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_the_tasks_reason_and_nothing_is_kept() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        let mut bad = set(&["a"]);
        bad["appTrafficRule"][0]["priority"] = 0.into();
        let (_, info) = change(&rig, Method::POST, &id, bad).await;
        assert_eq!(info["configResult"], "FAILURE");
        assert!(info["detailed"].as_str().unwrap().contains("Priority"), "{info}");
        let ids: Vec<String> = (0..16).map(|n| n.to_string()).collect();
        let many: Vec<&str> = ids.iter().map(String::as_str).collect();
        rig.peers.set_rules(&id, set(&["other"]));
        let (_, info) = change(&rig, Method::POST, &id, set(&many)).await;
        assert_eq!(
            (&info["configResult"], &info["detailed"]),
            (&json!("FAILURE"), &json!("rules exceed max limit"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_of_the_rule_manager_is_asked_for() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.edge(0)
            .fault(Operation::Rules, Fault::LoseAnswer, When::Next(1));
        let (_, info) = change(&rig, Method::POST, &id, set(&["a"])).await;
        assert_eq!(info["configResult"], "SUCCESS", "{info}");
        assert_eq!(rig.edge(0).rule_ids(&id).unwrap().0, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn rules_wait_for_the_instantiate_before_them_and_fail_with_it() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        rig.edge(0)
            .behave(|edge| edge.deploy_time = Duration::from_millis(200));
        let fault = Fault::AnswerAfter {
            status: 500,
            body: "\"Failed to get client\"".into(),
        };
        rig.edge(0).fault(Operation::Instantiate, fault, When::Next(1));
        rig.instantiate(&id).await;
        let (_, info) = change(&rig, Method::POST, &id, set(&["a"])).await;
        let text = "Pre condition failed, application instance operational status is : Instantiation failed";
        assert_eq!(
            (&info["configResult"], &info["detailed"]),
            (&json!("FAILURE"), &json!(text))
        );
    })
    .await;
}
