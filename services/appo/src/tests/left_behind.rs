//! What must not be left behind, or taken away, when something goes wrong in the middle: a name, a workload, rules, a turn.

use mecm_edge_sim::{Fault, Operation, When};

use super::*;
use crate::tests::sample::{PLAIN, WITH_RULES};

fn refusal(status: u16, text: &str) -> Fault {
    Fault::Answer {
        status,
        text: text.to_owned(),
    }
}

async fn task(rig: &Rig, id: &str) -> Value {
    let path = format!("/apprule_task_infos/{id}");
    rig.ask(Method::GET, &path, None).await.body["response"].take()
}

fn own_rule(id: &str) -> Value {
    json!({"appName": "zone", "appSupportMp1": false, "appTrafficRule": [
        {"trafficRuleId": id, "filterType": "FLOW", "priority": 2, "action": "DROP", "trafficFilter": []}]})
}

#[tokio::test]
async fn an_instantiate_taken_while_the_create_ends_keeps_the_name() {
    on_each(|rig| async move {
        let gate = rig.peers.hold_next_addition();
        let id = rig.create("zone", PLAIN, 0).await;
        tokio::time::timeout(LIMIT, gate.arrived.notified())
            .await
            .unwrap();
        assert_eq!(rig.instantiate(&id).await.status, 202);
        let busy = refusal(503, "Service Unavailable");
        rig.edge(0).fault(Operation::Instantiate, busy, When::Next(1));
        gate.open.notify_one();
        rig.idle().await;
        let mut body = Rig::create_body("zone", PLAIN);
        body["mecHost"] = Rig::host(0).to_string().into();
        let again = rig.ask(Method::POST, "/app_instances", Some(body)).await;
        assert_eq!(again.message(), (412, "cannot re-use app name : zone"));
        rig.pass(10).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
    })
    .await;
}

#[tokio::test]
async fn a_read_of_what_is_being_created_waits_for_its_end_and_not_for_ever() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.appo.long_poll_seconds = 1).await;
        let gate = rig.peers.hold_next_addition();
        let id = rig.create("zone", PLAIN, 0).await;
        let path = format!("/app_instance_infos/{id}");
        let early = rig.ask(Method::GET, &path, None).await;
        let info = &early.body["response"];
        assert_eq!(
            (&info["operationalStatus"], &info["operation"]["type"]),
            (&json!("Creating"), &json!("create"))
        );
        tokio::time::timeout(LIMIT, gate.arrived.notified())
            .await
            .unwrap();
        gate.open.notify_one();
        let read = rig.ask(Method::GET, &path, None).await;
        assert_eq!(read.body["response"]["operationalStatus"], "Created", "{read:?}");
    }
}

#[tokio::test]
async fn a_workload_goes_when_its_rules_cannot_be_read() {
    on_each(|rig| async move {
        rig.peers.refuse_rule_reads(1_000);
        let id = rig.running("zone", WITH_RULES, 0).await;
        assert_eq!(rig.edge(0).counts().deploys, 1);
        rig.pass(400).await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        assert!(reason.contains("Inventory"), "{reason}");
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
    })
    .await;
}

#[tokio::test]
async fn a_rule_task_ends_with_the_instantiate_that_it_belongs_to() {
    on_each(|rig| async move {
        rig.edge(0).fault(Operation::Rules, Fault::Down, When::Always);
        let id = rig.running("zone", WITH_RULES, 0).await;
        assert_eq!(task(&rig, &id).await["configResult"], "PROCESSING");
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.edge(0).heal();
        rig.pass(60).await;
        assert_eq!(rig.stands(&id).await, None);
        let task = task(&rig, &id).await;
        assert_eq!(
            (&task["configResult"], &task["detailed"]),
            (&json!("FAILURE"), &json!("cancelled"))
        );
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn the_users_rules_come_back_when_the_descriptors_cannot_be_set() {
    on_each(|rig| async move {
        let id = rig.create("zone", WITH_RULES, 0).await;
        rig.idle().await;
        let path = format!("/app_instances/{id}/appd_configuration");
        let set = rig.ask(Method::POST, &path, Some(own_rule("mine"))).await;
        assert_eq!(set.status, 202, "{set:?}");
        rig.idle().await;
        let before = rig.peers.rule_sets()[&id].clone();
        let refused = refusal(400, "duplicate dns entry");
        rig.edge(0).fault(Operation::Rules, refused, When::Next(1));
        rig.instantiate(&id).await;
        rig.pass(10).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiation failed");
        assert!(rig.edge(0).workloads().is_empty());
        assert_eq!(rig.peers.rule_sets()[&id], before);
        assert_eq!(rig.edge(0).rule_ids(&id), Some((vec!["mine".to_owned()], vec![])));
        assert_eq!(task(&rig, &id).await["configResult"], "FAILURE");
    })
    .await;
}

#[tokio::test]
async fn what_never_reached_a_controller_needs_none_to_go() {
    on_each(|rig| async move {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        rig.peers.set_controller_port(nobody.port());
        let id = rig.running("zone", PLAIN, 0).await;
        rig.pass(300).await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiation failed");
        assert!(reason.contains("cannot be reached"), "{reason}");
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        assert_eq!(rig.stands(&id).await, None);
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn an_instance_of_which_nothing_can_be_told_does_not_keep_the_controller_from_others() {
    on_each(|rig| async move {
        let first = rig.create("first", PLAIN, 0).await;
        let second = rig.create("second", PLAIN, 0).await;
        rig.idle().await;
        let front = refusal(504, "Gateway Time-out");
        rig.edge(0).fault(Operation::Instantiate, front, When::Next(1));
        let secretive = refusal(401, "Authorization failed");
        rig.edge(0).fault(Operation::Query, secretive, When::Always);
        rig.instantiate(&first).await;
        rig.idle().await;
        rig.instantiate(&second).await;
        rig.pass(190).await;
        assert_eq!(
            rig.stands(&second).await.unwrap().0,
            "Created",
            "its 200 s are not over"
        );
        rig.pass(60).await;
        assert_eq!(rig.stands(&second).await.unwrap().0, "Instantiated");
        rig.edge(0).heal();
        rig.pass(60).await;
        // The package's release is there once: the first is sent again, and refused by the plugin.
        let (status, reason) = rig.stands(&first).await.unwrap();
        assert_eq!(status, "Instantiation failed", "{reason}");
        assert_eq!(rig.edge(0).counts().deploys, 1);
    })
    .await;
}

#[tokio::test]
async fn whatever_an_edge_says_can_be_kept() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        let text = format!("no\0 way\n{}", "x".repeat(5_000));
        rig.edge(0)
            .fault(Operation::Terminate, refusal(400, &text), When::Next(1));
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiated");
        assert!(reason.starts_with("no  way xxx"), "{reason:?}");
        assert!(reason.ends_with("...") && reason.len() == 253, "{}", reason.len());
    })
    .await;
}

#[tokio::test]
async fn a_terminate_that_is_tried_again_asks_no_rule_manager_where_there_are_no_rules() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.edge(0).fault(Operation::Rules, Fault::Down, When::Always);
        rig.peers.refuse_rule_reads(1);
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.pass(10).await;
        assert_eq!(rig.stands(&id).await, None);
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn a_forced_terminate_leaves_no_rules_in_inventory() {
    on_each(|rig| async move {
        let id = rig.running("zone", WITH_RULES, 0).await;
        assert_eq!(rig.peers.rule_sets().len(), 1);
        rig.edge(0).fault(Operation::Rules, Fault::Down, When::Always);
        let path = format!("/app_instances/{id}?force=true");
        assert_eq!(rig.ask(Method::DELETE, &path, None).await.status, 202);
        rig.pass(400).await;
        assert_eq!(rig.stands(&id).await, None);
        assert!(rig.peers.rule_sets().is_empty(), "{:?}", rig.peers.rule_sets());
    })
    .await;
}

#[tokio::test]
async fn the_controller_of_a_host_is_shown_though_inventory_does_not_know_it() {
    on_each(|rig| async move {
        rig.peers.forget_controller(0);
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        assert_eq!(
            rig.stands(&id).await,
            Some(("Create failed".into(), "applcm port not found".into()))
        );
        let path = format!("/app_instance_infos/{id}");
        let info = rig.ask(Method::GET, &path, None).await;
        assert_eq!(info.body["response"]["applcmHost"], Rig::host(0).to_string());
    })
    .await;
}

#[tokio::test]
async fn what_v1_keeps_no_record_of_is_told_of() {
    on_each(|rig| async move {
        let unrecorded = refusal(500, "Maximum number of tenant records are exceeded");
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
