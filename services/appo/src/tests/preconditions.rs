//! What is answered 412, with which text.

use mecm_edge_sim::{Fault, Operation, When};

use super::rules::set;
use super::*;
use crate::tests::peers::Hold;
use crate::tests::sample::PLAIN;

impl Rig {
    /// All that may be asked for a change of rules.
    async fn each_rule_call(&self, id: &str) -> Vec<Answer> {
        let path = format!("/app_instances/{id}/appd_configuration");
        let mut answers = Vec::new();
        for (method, body) in [
            (Method::POST, set(&["a"])),
            (Method::PUT, set(&["a"])),
            (Method::DELETE, json!({"appTrafficRule": ["a"]})),
        ] {
            answers.push(self.ask(method, &path, Some(body)).await);
        }
        answers
    }

    /// What the batch says of the one instance.
    async fn batch_instantiate(&self, id: &str) -> Value {
        let body = json!({ "appInstanceIds": [id] });
        let answer = self
            .ask(Method::POST, "/app_instances/batch_instantiate", Some(body))
            .await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.body["response"][0]["status"].clone()
    }
}

impl Answer {
    /// Asserts a refusal as the portal shows it.
    fn is_refused(&self, text: &str) {
        assert_eq!((self.message(), self.detail()), ((412, text), (412, text)));
        assert_eq!(self.body["response"], text);
    }
}

fn busy() -> Fault {
    Fault::Answer {
        status: 503,
        text: "busy".to_owned(),
    }
}

#[tokio::test]
async fn while_it_is_being_terminated_nothing_else_begins() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.edge(0).fault(Operation::Terminate, busy(), When::Always);
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        assert_eq!(
            rig.stands(&id).await.unwrap().0,
            "Instantiated",
            "it keeps what it was"
        );

        let text = "Application instance is being terminated";
        rig.instantiate(&id).await.is_refused(text);
        for answer in rig.each_rule_call(&id).await {
            answer.is_refused(text);
        }
        let text = "Precondition failed, app instance is being terminated";
        assert_eq!(rig.batch_instantiate(&id).await, text);
        let mut body = Rig::create_body("zone", PLAIN);
        body["mecHost"] = Rig::host(0).to_string().into();
        let create = rig.ask(Method::POST, "/app_instances", Some(body)).await;
        create.is_refused("cannot re-use app name : zone");
        assert_eq!(rig.terminate(&id).await.status, 202);
        let workload = rig.ask(Method::GET, &format!("/app_instances/{id}"), None).await;
        assert_eq!(workload.status, 200, "it still runs: {workload:?}");

        rig.edge(0).heal();
        rig.pass(60).await;
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn one_that_never_ran_lets_its_name_go_while_it_is_being_terminated() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        rig.peers.hold(Some(Hold::Hosts));
        assert_eq!(rig.terminate(&id).await.status, 202);
        let refused = rig.instantiate(&id).await;
        refused.is_refused("Application instance is being terminated");
        let second = rig.create("zone", PLAIN, 0).await;
        rig.peers.hold(None);
        rig.idle().await;
        assert_eq!(rig.stands(&id).await, None);
        assert_eq!(rig.stands(&second).await.unwrap().0, "Created");
    })
    .await;
}

#[tokio::test]
async fn each_state_refuses_what_it_does_not_allow_and_names_itself() {
    on_each(|rig| async move {
        let refused = Fault::Answer {
            status: 500,
            text: "no room".to_owned(),
        };
        rig.edge(1).fault(Operation::Instantiate, refused, When::Always);
        let ids = [
            ("Instantiated", rig.running("alpha", PLAIN, 0).await),
            ("Instantiation failed", rig.running("beta", PLAIN, 1).await),
            ("Create failed", rig.create("c", PLAIN, peers::WITHOUT_GPU).await),
            ("Created", rig.create("d", PLAIN, 2).await),
        ];
        rig.idle().await;
        rig.peers.hold(Some(Hold::Hosts));
        let creating = ("Creating", rig.create("e", PLAIN, 3).await);

        for (status, id) in ids.iter().chain([&creating]) {
            assert_eq!(rig.stands(id).await.unwrap().0, *status);
            let text = format!("Application instance operational status is : {status}");
            if *status != "Instantiated" {
                let workload = rig.ask(Method::GET, &format!("/app_instances/{id}"), None).await;
                workload.is_refused(&text);
            }
            if ["Instantiated", "Create failed"].contains(status) {
                rig.instantiate(id).await.is_refused(&text);
                let text = format!("Precondition failed, app instance operational state: {status}");
                assert_eq!(rig.batch_instantiate(id).await, text);
            }
            if !["Instantiated", "Created"].contains(status) {
                let text =
                    format!("Pre condition failed, application instance operational status is : {status}");
                for answer in rig.each_rule_call(id).await {
                    answer.is_refused(&text);
                }
            }
        }
        rig.peers.hold(None);
        rig.idle().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_in_use_is_told_by_a_batch_instantiate_in_its_own_words() {
    on_each(|rig| async move {
        let second = rig.create("zone", PLAIN, 0).await;
        rig.running("zone", PLAIN, 0).await;
        assert_eq!(
            rig.batch_instantiate(&second).await,
            "cannot re-use app name: zone"
        );
    })
    .await;
}

#[tokio::test]
async fn what_others_need_is_refused_by_a_batch_too() {
    on_each(|rig| async move {
        let needed = rig.running("base", PLAIN, 0).await;
        rig.running("depends", sample::DEPENDENT, 0).await;
        let body = json!({ "appInstanceIds": [needed] });
        let answer = rig
            .ask(Method::POST, "/app_instances/batch_terminate", Some(body))
            .await;
        let text = "application instance depended by others";
        assert_eq!(answer.body["response"][0]["status"], text);
    })
    .await;
}
