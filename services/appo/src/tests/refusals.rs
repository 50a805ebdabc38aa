//! What is refused, with which text; and that nothing changes then.

use super::*;
use crate::tests::sample::PLAIN;

#[tokio::test]
async fn a_name_is_held_by_one_instance_of_a_host() {
    on_each(|rig| async move {
        let first = rig.create("zone", PLAIN, 0).await;
        let second = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        assert_eq!(rig.instantiate(&first).await.status, 202);
        assert_eq!(
            rig.instantiate(&second).await.message(),
            (412, "cannot re-use app name : zone")
        );
        rig.idle().await;
        let mut body = Rig::create_body("zone", PLAIN);
        body["mecHost"] = Rig::host(0).to_string().into();
        let third = rig.ask(Method::POST, "/app_instances", Some(body.clone())).await;
        assert_eq!(third.message(), (412, "cannot re-use app name : zone"));
        body["mecHost"] = json!([
            Rig::host(0).to_string(),
            Rig::host(1).to_string(),
            Rig::host(1).to_string()
        ]);
        let batch = rig
            .ask(Method::POST, "/app_instances/batch_create", Some(body))
            .await;
        let told: Vec<_> = batch.body["response"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["status"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            told,
            ["cannot re-use app name: zone", "Accepted", "duplicate host"]
        );
        let ids: Vec<&Value> = batch.body["response"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["appInstanceId"])
            .collect();
        assert!(
            ids.iter().all(|id| id.is_string()),
            "a refused item has an id too: {ids:?}"
        );
        // Free again when the first is gone.
        rig.terminate(&first).await;
        rig.idle().await;
        assert_eq!(rig.instantiate(&second).await.status, 202);
        rig.idle().await;
        assert_eq!(rig.stands(&second).await.unwrap().0, "Instantiated");
    })
    .await;
}

#[tokio::test]
async fn two_instantiates_at_once_take_a_name_once() {
    on_each(|rig| async move {
        let mut ids = Vec::new();
        for _ in 0..6 {
            ids.push(rig.create("zone", PLAIN, 0).await);
        }
        rig.idle().await;
        let answers = futures::future::join_all(ids.iter().map(|id| rig.instantiate(id))).await;
        let taken = answers.iter().filter(|answer| answer.status == 202).count();
        let refused = answers.iter().filter(|answer| answer.status == 412).count();
        assert_eq!((taken, refused), (1, 5), "{answers:?}");
        rig.idle().await;
        assert_eq!(rig.sim.totals().workloads, 1);
    })
    .await;
}

#[tokio::test]
async fn the_same_asked_twice_is_done_once() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        let body = json!({"appInstanceIds": [id, id]});
        for _ in 0..2 {
            let answer = rig
                .ask(
                    Method::POST,
                    "/app_instances/batch_instantiate",
                    Some(body.clone()),
                )
                .await;
            let told = answer.body["response"].as_array().unwrap();
            assert!(
                told.len() == 2 && told.iter().all(|item| item["status"] == "Accepted"),
                "{told:?}"
            );
        }
        rig.idle().await;
        assert_eq!(rig.edge(0).counts().uploads, 1);
        let again = rig.instantiate(&id).await;
        assert_eq!(
            again.message(),
            (412, "Application instance operational status is : Instantiated")
        );
        for _ in 0..2 {
            assert_eq!(rig.terminate(&id).await.status, 202);
        }
        rig.idle().await;
        rig.assert_nothing_left().await;
        assert_eq!(rig.edge(0).counts().terminates, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    on_each(|rig| async move {
        let id = "00000000-0000-4000-8000-000000000000";
        let text = format!("Record does not exist, app instance id: {id}");
        for (method, path) in [
            (Method::POST, format!("/app_instances/{id}")),
            (Method::GET, format!("/app_instances/{id}")),
            (Method::DELETE, format!("/app_instances/{id}")),
            (Method::GET, format!("/app_instance_infos/{id}")),
            (Method::GET, format!("/apprule_task_infos/{id}")),
        ] {
            let answer = rig.ask(method.clone(), &path, None).await;
            assert_eq!(answer.detail(), (404, text.as_str()), "{method} {path}");
        }
        for path in [
            "/app_instance_infos".to_owned(),
            format!("/app_instance_infos?appinstanceids={id}"),
            format!("/hosts/{}/kpi", "10.9.9.9"),
        ] {
            assert_eq!(
                rig.ask(Method::GET, &path, None).await.detail(),
                (404, "Record not found"),
                "{path}"
            );
        }
        let body = json!({"appInstanceIds": [id]});
        let batch = rig
            .ask(Method::POST, "/app_instances/batch_terminate", Some(body))
            .await;
        assert_eq!(
            (batch.status, &batch.body["response"][0]["status"]),
            (202, &json!(text))
        );
        assert_eq!(batch.body["response"][0]["host"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn every_spelling_of_the_filter_finds_the_same_in_the_order_of_their_making() {
    on_each(|rig| async move {
        let mut ids = Vec::new();
        for host in 0..3 {
            ids.push(rig.create("zone", PLAIN, host).await);
        }
        rig.idle().await;
        let (a, b) = (&ids[0], &ids[2]);
        for path in [
            format!("/app_instance_infos?appinstanceids={b},{a}"),
            format!("/app_instance_infos?appinstanceids={b}&appinstanceids={a}"),
            format!("/app_instance_infos?appInstId={a}&appInstId={b}"),
            format!("/app_instance_infos/appinstanceids?appinstanceids={a},{b}"),
            format!(
                "/app_instance_infos?appinstanceids={}",
                format!("{a},{b}").to_uppercase()
            ),
        ] {
            let answer = rig.ask(Method::GET, &path, None).await;
            let found: Vec<_> = answer.body["response"]
                .as_array()
                .unwrap()
                .iter()
                .map(|info| info["appInstanceId"].as_str().unwrap())
                .collect();
            assert_eq!(found, [a, b], "{path}");
        }
        let all = rig.ask(Method::GET, "/app_instance_infos", None).await;
        assert_eq!(all.body["response"].as_array().unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_batch_may_have_as_many_items_as_is_configured() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.limits.batch = 3).await;
        for (hosts, status) in [(3, 202), (4, 400)] {
            let mut body = Rig::create_body("zone", PLAIN);
            body["mecHost"] = json!(
                (0..hosts)
                    .map(|index| Rig::host(index).to_string())
                    .collect::<Vec<_>>()
            );
            let answer = rig
                .ask(Method::POST, "/app_instances/batch_create", Some(body))
                .await;
            assert_eq!(answer.status, status, "{answer:?}");
            if status == 400 {
                assert_eq!(answer.body["details"], json!(["size must be between 0 and 3"]));
            }
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_who_may_not_and_nobody_sees_another_tenants() {
    on_each(|rig| async move {
        let id = rig.create("zone", PLAIN, 0).await;
        rig.idle().await;
        let host = Rig::host(0);
        let all: Vec<(Method, String)> = vec![
            (Method::POST, "/app_instances".into()),
            (Method::POST, "/app_instances/batch_create".into()),
            (Method::POST, "/app_instances/batch_instantiate".into()),
            (Method::POST, "/app_instances/batch_terminate".into()),
            (Method::DELETE, "/app_instances/batch_terminate".into()),
            (Method::POST, format!("/app_instances/{id}")),
            (Method::GET, format!("/app_instances/{id}")),
            (Method::DELETE, format!("/app_instances/{id}")),
            (Method::GET, "/app_instance_infos".into()),
            (Method::GET, "/app_instance_infos/appinstanceids".into()),
            (Method::GET, format!("/app_instance_infos/{id}")),
            (Method::GET, format!("/hosts/{host}/kpi")),
            (Method::GET, format!("/hosts/{host}/mep_capabilities")),
            (Method::GET, format!("/hosts/{host}/mep_capabilities/x")),
            (Method::POST, format!("/app_instances/{id}/appd_configuration")),
            (Method::PUT, format!("/app_instances/{id}/appd_configuration")),
            (Method::DELETE, format!("/app_instances/{id}/appd_configuration")),
            (Method::GET, format!("/apprule_task_infos/{id}")),
        ];
        let other = rig.token(OTHER_TENANT, "ROLE_MECM_TENANT", 60);
        let guest = rig.token(TENANT, "ROLE_MECM_GUEST", 60);
        let expired = rig.token(TENANT, "ROLE_MECM_TENANT", -2);
        for (method, path) in all {
            let ask = |token: String| {
                let (rig, method, path) = (&rig, method.clone(), path.clone());
                async move {
                    let answer = rig.ask_as(&token, method, &path, None).await;
                    (
                        answer.status,
                        answer.body["message"].as_str().unwrap_or_default().to_owned(),
                    )
                }
            };
            assert_eq!(
                ask(String::new()).await,
                (401, "Access token is empty".into()),
                "{method} {path}"
            );
            assert_eq!(
                ask(expired.clone()).await,
                (401, "Invalid access token".into()),
                "{method} {path}"
            );
            assert_eq!(
                ask("[object Object]".into()).await,
                (400, "malformed access token".into()),
                "{method} {path}"
            );
            assert_eq!(
                ask(other.clone()).await,
                (401, "Illegal tenant ID".into()),
                "{method} {path}"
            );
            if method != Method::GET {
                assert_eq!(
                    ask(guest.clone()).await,
                    (403, "Forbidden".into()),
                    "{method} {path}"
                );
            }
        }
        // The other tenant, on its own path, does not find it.
        let path = format!("/appo/v1/tenants/{OTHER_TENANT}/app_instance_infos/{id}");
        assert_eq!(rig.ask_at(&other, Method::GET, &path, None).await.status, 404);
    })
    .await;
}
