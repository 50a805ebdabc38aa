//! From create to gone, one host and many.

use mecm_edge_sim::{Fault, Operation, When};

use super::unanswered::until;
use super::*;
use crate::tests::peers::Hold;
use crate::tests::sample::PLAIN;

#[tokio::test]
async fn an_instance_comes_into_being_runs_and_leaves_nothing() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        let info = rig
            .ask(Method::GET, &format!("/app_instance_infos/{id}"), None)
            .await
            .body["response"]
            .take();
        assert_eq!(info["operationalStatus"], "Created");
        assert_eq!(info["operationInfo"], "success");
        assert_eq!(info["applcmHost"], Rig::host(0).to_string());
        assert_eq!(info["appDescriptor"], "a test");
        assert_eq!(info["operation"], Value::Null);
        assert_eq!(rig.peers.status_of(0, &id).as_deref(), Some("Created"));
        let early = rig.ask(Method::GET, &format!("/app_instances/{id}"), None).await;
        let text = "Application instance operational status is : Created";
        assert_eq!(early.message(), (412, text));
        assert_eq!(early.body["response"], text, "the portal shows this member");

        let answer = rig.instantiate(&id).await;
        assert_eq!(
            (answer.status, &answer.body["response"]),
            (202, &json!("ACCEPTED"))
        );
        rig.idle().await;
        assert_eq!(
            rig.stands(&id).await,
            Some(("Instantiated".into(), "success".into()))
        );
        assert_eq!(rig.peers.status_of(0, &id).as_deref(), Some("Instantiated"));
        let running = rig.edge(0).workloads();
        assert_eq!((running.len(), running[0].instance.as_str()), (1, id.as_str()));

        let status = rig.ask(Method::GET, &format!("/app_instances/{id}"), None).await;
        assert!(
            status.body["response"].as_str().unwrap().contains("\"pods\""),
            "{status:?}"
        );
        let host = Rig::host(0);
        let kpi = rig.ask(Method::GET, &format!("/hosts/{host}/kpi"), None).await;
        assert!(
            kpi.body["response"].as_str().unwrap().contains("cpuusage"),
            "{kpi:?}"
        );
        let offered = rig
            .ask(Method::GET, &format!("/hosts/{host}/mep_capabilities"), None)
            .await;
        assert_eq!((offered.status, &offered.body["response"]), (200, &json!("[]")));

        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        assert_eq!(rig.stands(&id).await, None);
        rig.assert_nothing_left().await;
        assert_eq!(rig.edge(0).counts().deploys, 1);
    })
    .await;
}

#[tokio::test]
async fn of_twelve_hosts_ten_are_created_one_of_them_fails_to_deploy_and_all_go_again() {
    on_each(|rig| async move {
        let hosts: Vec<String> = (0..12).map(|index| Rig::host(index).to_string()).collect();
        let mut body = Rig::create_body("zone", PLAIN);
        body["mecHost"] = json!(hosts);
        let answer = rig
            .ask(Method::POST, "/app_instances/batch_create", Some(body))
            .await;
        assert_eq!(answer.status, 202);
        let items = answer.body["response"].as_array().unwrap().clone();
        let told: Vec<_> = items
            .iter()
            .map(|item| (item["host"].as_str().unwrap(), item["status"].as_str().unwrap()))
            .collect();
        let expected: Vec<_> = hosts.iter().map(|host| (host.as_str(), "Accepted")).collect();
        assert_eq!(told, expected, "in the order of the request");
        rig.idle().await;
        assert_eq!(rig.peers.downloads(), 1, "one download for all hosts");

        let ids: Vec<&str> = items
            .iter()
            .map(|item| item["appInstanceId"].as_str().unwrap())
            .collect();
        for id in &ids[..10] {
            assert_eq!(rig.stands(id).await.unwrap().0, "Created");
        }
        for id in &ids[10..] {
            let missing = "Hardware capability match failed: GPU".to_owned();
            assert_eq!(rig.stands(id).await, Some(("Create failed".to_owned(), missing)));
        }
        assert_eq!(rig.peers.status_of(11, ids[11]).as_deref(), Some("Create failed"));

        let fault = Fault::Answer {
            status: 500,
            text: "Failed to get client".into(),
        };
        rig.edge(3).fault(Operation::Instantiate, fault, When::Always);
        let body = json!({ "appInstanceIds": ids });
        let answer = rig
            .ask(
                Method::POST,
                "/app_instances/batch_instantiate",
                Some(body.clone()),
            )
            .await;
        let text = "Precondition failed, app instance operational state: Create failed";
        assert_eq!(answer.body["response"][10]["status"], text);
        assert_eq!(answer.body["response"][0]["status"], "Accepted");
        rig.idle().await;
        for (index, id) in ids[..10].iter().enumerate() {
            let expected = if index == 3 {
                (
                    "Instantiation failed".to_owned(),
                    "Failed to get client".to_owned(),
                )
            } else {
                ("Instantiated".to_owned(), "success".to_owned())
            };
            assert_eq!(rig.stands(id).await, Some(expected), "host {index}");
        }
        assert_eq!(rig.sim.totals().workloads, 9);

        let answer = rig
            .ask(Method::DELETE, "/app_instances/batch_terminate", Some(body))
            .await;
        assert_eq!(answer.status, 202, "{answer:?}");
        rig.idle().await;
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn an_instantiate_sent_right_behind_its_create_waits_for_it() {
    on_each(|rig| async move {
        rig.peers.hold(Some(Hold::Hosts));
        let good = rig.create("good", PLAIN, 0).await;
        assert_eq!(rig.instantiate(&good).await.status, 202);
        let bad = rig.create("bad", PLAIN, 11).await;
        assert_eq!(rig.instantiate(&bad).await.status, 202);
        rig.peers.hold(None);
        rig.idle().await;
        assert_eq!(rig.stands(&good).await.unwrap().0, "Instantiated");
        let missing = "Hardware capability match failed: GPU".to_owned();
        assert_eq!(
            rig.stands(&bad).await,
            Some(("Create failed".to_owned(), missing))
        );
        let mut tx = rig.test.db.begin_read().await.unwrap();
        let history = mecm_jobs::of_subject(&mut tx, &bad).await.unwrap();
        drop(tx);
        let waited = history.iter().find(|job| job.kind == "instantiate").unwrap();
        assert_eq!(
            (waited.state.as_str(), waited.reason.as_deref()),
            ("failed", Some("create failed"))
        );
        assert_eq!(rig.terminate(&bad).await.status, 202);
        rig.idle().await;
        assert_eq!(
            rig.stands(&bad).await,
            None,
            "nothing was sent for it: no controller is needed"
        );
    })
    .await;
}

#[tokio::test]
async fn a_name_stays_taken_by_an_instantiate_that_comes_while_inventory_hears_of_the_create() {
    on_each(|rig| async move {
        rig.peers.hold(Some(Hold::Writes));
        let id = rig.create("zone", PLAIN, 0).await;
        until("Inventory is told", || rig.peers.waiting() == 1).await;
        rig.edge(0).fault(Operation::Any, Fault::Down, When::Always);
        assert_eq!(rig.instantiate(&id).await.status, 202);
        rig.peers.hold(None);
        rig.idle().await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Created");
        let mut body = Rig::create_body("zone", PLAIN);
        body["mecHost"] = Rig::host(0).to_string().into();
        let second = rig.ask(Method::POST, "/app_instances", Some(body)).await;
        assert_eq!(second.status, 412, "{second:?}");
    })
    .await;
}

#[tokio::test]
async fn a_read_of_what_is_being_created_waits_for_its_end_and_not_for_ever() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.appo.long_poll_seconds = 1).await;
        rig.peers.hold(Some(Hold::Writes));
        let id = rig.create("zone", PLAIN, 0).await;
        let path = format!("/app_instance_infos/{id}");
        let early = rig.ask(Method::GET, &path, None).await;
        assert_eq!(
            early.body["response"]["operationalStatus"], "Creating",
            "{early:?}"
        );
        assert_eq!(early.body["response"]["operation"]["type"], "create", "{early:?}");
        let (read, ()) = tokio::join!(rig.ask(Method::GET, &path, None), async {
            until("Inventory is told", || rig.peers.waiting() == 1).await;
            rig.peers.hold(None);
        });
        assert_eq!(read.body["response"]["operationalStatus"], "Created", "{read:?}");
    }
}

#[tokio::test]
async fn a_package_that_is_not_there_and_one_that_is_none_fail_the_create_and_say_so() {
    on_each(|rig| async move {
        let nowhere = rig.create("a", "20000000000040008000000000000009", 0).await;
        rig.peers
            .add_package("20000000000040008000000000000008", b"PK no zip at all".to_vec());
        let broken = rig.create("b", "20000000000040008000000000000008", 0).await;
        rig.idle().await;
        let (status, reason) = rig.stands(&nowhere).await.unwrap();
        assert_eq!(status, "Create failed");
        assert_eq!(reason, "Application package download failed: Record not found");
        let (status, reason) = rig.stands(&broken).await.unwrap();
        assert_eq!(status, "Create failed");
        assert!(
            reason.starts_with("Downloaded package is not valid: "),
            "{reason}"
        );
        assert_eq!(rig.cached(), 0, "nothing half-written stays");
    })
    .await;
}

#[tokio::test]
async fn inventory_being_away_delays_nothing_but_what_it_is_told() {
    on_each(|rig| async move {
        rig.peers.refuse_writes(3);
        let id = rig.running("zone", PLAIN, 0).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        rig.pass(30).await;
        assert_eq!(rig.peers.status_of(0, &id).as_deref(), Some("Instantiated"));
        rig.peers.refuse_writes(2);
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.pass(30).await;
        rig.assert_nothing_left().await;
    })
    .await;
}

#[tokio::test]
async fn a_host_that_is_gone_from_inventory_is_terminated_at_the_address_it_had() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.peers.forget_host(0);
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.idle().await;
        assert_eq!(rig.stands(&id).await, None);
        assert!(rig.edge(0).workloads().is_empty());
    })
    .await;
}

#[tokio::test]
async fn where_host_and_controller_are_gone_a_running_one_stays_until_it_is_forced() {
    on_each(|rig| async move {
        let id = rig.running("zone", PLAIN, 0).await;
        rig.peers.forget_host(0);
        rig.edge(0).fault(Operation::Any, Fault::Down, When::Always);
        assert_eq!(rig.terminate(&id).await.status, 202);
        rig.pass(400).await;
        let (status, reason) = rig.stands(&id).await.unwrap();
        assert_eq!(status, "Instantiated");
        assert!(reason.contains("the LCM controller"), "{reason}");
        let path = format!("/app_instances/{id}?force=true");
        assert_eq!(rig.ask(Method::DELETE, &path, None).await.status, 202);
        rig.pass(400).await;
        assert_eq!(rig.stands(&id).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_callers_token_that_has_ended_does_not_end_its_work() {
    on_each(|rig| async move {
        let token = rig.token(TENANT, "ROLE_MECM_TENANT", 2);
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        rig.edge(0)
            .fault(Operation::Instantiate, Fault::Down, When::Next(1));
        let path = format!("/app_instances/{id}");
        assert_eq!(rig.ask_as(&token, Method::POST, &path, None).await.status, 202);
        rig.idle().await;
        rig.clock.advance(Duration::from_secs(300));
        rig.pass(20).await;
        assert_eq!(rig.stands(&id).await.unwrap().0, "Instantiated");
        assert!(rig.peers.tokens_made() > 0, "Inventory made one");
    })
    .await;
}

#[tokio::test]
async fn what_is_started_with_a_token_keeps_it_encrypted_and_then_not_at_all() {
    on_each(|rig| async move {
        rig.edge(0)
            .fault(Operation::Instantiate, Fault::Down, When::Always);
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        let token = rig.token(TENANT, "ROLE_MECM_TENANT", 60);
        let path = format!("/app_instances/{id}");
        assert_eq!(rig.ask_as(&token, Method::POST, &path, None).await.status, 202);
        rig.idle().await;
        let secrets = || async {
            let mut tx = rig.test.db.begin_read().await.unwrap();
            let read: Result<Vec<(Option<Vec<u8>>,)>, mecm_common::db::DbError> = async {
                Ok(mecm_common::fetch_all!(
                    &mut tx,
                    "SELECT secret FROM jobs ORDER BY seq"
                ))
            }
            .await;
            read.unwrap()
        };
        let kept = secrets().await;
        let open = kept.last().unwrap().0.clone().unwrap();
        let payload = token.split('.').nth(1).unwrap().as_bytes();
        assert!(!open.windows(payload.len()).any(|window| window == payload));
        rig.edge(0).heal();
        rig.pass(300).await;
        assert!(secrets().await.iter().all(|(secret,)| secret.is_none()));
    })
    .await;
}
