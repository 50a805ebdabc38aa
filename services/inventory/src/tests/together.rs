//! Several requests at once, and how much a tenant may keep.

use futures::future::join_all;
use http::Method;
use serde_json::Value;

use super::{Bench, OTHER, host, kinds};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_equal_additions_at_once_one_wins() {
    for bench in Bench::all().await {
        for kind in kinds() {
            let answers = join_all((0..8).map(|_| bench.post(kind.path, &kind.sample))).await;
            let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
            assert_eq!(won.len(), 1);
            lost.iter()
                .for_each(|answer| answer.is_illegal("Record already exist"));
            assert_eq!(bench.get(kind.path).await.each(kind.ip), ["10.0.0.1"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replacements_at_once_leave_one_of_them_whole() {
    for bench in Bench::all().await {
        bench.post("/mechosts", &host("10.0.0.1")).await.is_done("Saved");
        let variant = |n: usize| {
            let mut record = host("10.0.0.1");
            record["mechostName"] = Value::from(format!("N{n}"));
            record["hwcapabilities"] = serde_json::json!([{"hwType": format!("T{n}")}]);
            record
        };
        let records: Vec<_> = (0..8).map(variant).collect();
        for answer in join_all(
            records
                .iter()
                .map(|record| bench.put("/mechosts/10.0.0.1", record)),
        )
        .await
        {
            answer.is_done("Updated");
        }
        let last = bench.get("/mechosts/10.0.0.1").await.body;
        let name = last["mechostName"].as_str().unwrap();
        let kind = last["hwcapabilities"][0]["hwType"].as_str().unwrap();
        assert_eq!(name[1..], kind[1..]);
        // Found by what it has, and by nothing of the others.
        for n in 0..8 {
            let found = bench.get(&format!("/mechosts?hwCapabilities=T{n}")).await;
            assert_eq!(found.status == 200, kind == format!("T{n}"), "T{n} of {last}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tenant_keeps_as_many_of_a_kind_as_it_may() {
    for bench in Bench::all_with(|config| config.limits.records = 3).await {
        for (kind, what) in
            kinds()
                .iter()
                .zip(["LCM controllers", "app rule managers", "app stores", "edge hosts"])
        {
            let records: Vec<_> = (1..=6).map(|last| kind.of(&format!("10.0.0.{last}"))).collect();
            let answers = join_all(records.iter().map(|record| bench.post(kind.path, record))).await;
            let quota = format!("{what}: 3");
            let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
            assert_eq!(refused.len(), 3);
            for answer in refused {
                assert_eq!(
                    answer.error(),
                    (409, "Max record limit exceeded", vec![quota.as_str()])
                );
            }
            let kept = bench.get(kind.path).await;
            let kept = kept.each(kind.ip);
            assert_eq!(kept.len(), 3);
            // One that is there is there, whatever the quota.
            bench
                .post(kind.path, &kind.of(kept[0]))
                .await
                .is_illegal("Record already exist");
            bench
                .delete(&format!("{}/{}", kind.path, kept[0]))
                .await
                .is_done("Deleted");
            bench.post(kind.path, &kind.of("10.0.0.7")).await.is_done("Saved");
        }
    }
}

#[tokio::test]
async fn tenants_are_counted_while_they_have_records() {
    for bench in Bench::all_with(|config| config.limits.tenants = 1).await {
        let theirs = host("10.0.0.1").to_string();
        bench.post("/mechosts", &host("10.0.0.1")).await.is_done("Saved");
        let refused = bench.ask_in(OTHER, Method::POST, "/mechosts", &theirs).await;
        assert_eq!(
            refused.error(),
            (409, "Max record limit exceeded", vec!["tenants: 1"])
        );
        bench.post("/mechosts", &host("10.0.0.2")).await.is_done("Saved");
        bench.delete("/mechosts").await.is_done("Deleted");
        bench
            .ask_in(OTHER, Method::POST, "/mechosts", &theirs)
            .await
            .is_done("Saved");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_new_tenants_at_once_no_more_come_in_than_may() {
    for bench in Bench::all_with(|config| config.limits.tenants = 2).await {
        let body = host("10.0.0.1").to_string();
        let names: Vec<_> = (0..6)
            .map(|n| format!("0000000{n}-0000-4000-8000-000000000001"))
            .collect();
        let first = |tenant| bench.ask_in(tenant, Method::POST, "/mechosts", &body);
        let answers = join_all(names.iter().map(|tenant| first(tenant))).await;
        let (inside, refused): (Vec<_>, Vec<_>) = names
            .iter()
            .zip(&answers)
            .partition(|(_, answer)| answer.status == 200);
        assert_eq!(inside.len(), 2);
        for (_, answer) in refused {
            assert_eq!(
                answer.error(),
                (409, "Max record limit exceeded", vec!["tenants: 2"])
            );
        }
        // Who is in stays in, with records of another kind too, and where all are deleted while one is added.
        for (tenant, _) in inside {
            let controller = kinds()[0].sample.to_string();
            let path = kinds()[0].path;
            bench
                .ask_in(tenant, Method::POST, path, &controller)
                .await
                .is_done("Saved");
            bench
                .ask_in(tenant, Method::DELETE, "/mechosts", "")
                .await
                .is_done("Deleted");
            bench
                .ask_in(tenant, Method::POST, "/mechosts", &body)
                .await
                .is_done("Saved");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_deleted_with_its_host_does_not_count_any_more() {
    for bench in Bench::all_with(|config| config.limits.app_instances = 2).await {
        let app = |n: usize| {
            serde_json::json!({"appInstanceId": format!("0000000{n}-0000-4000-8000-000000000001"), "appName": "zone",
                "packageId": "30000000000040008000000000000001", "status": "Created"})
        };
        for round in 0..3 {
            bench.post("/mechosts", &host("10.0.0.1")).await.is_done("Saved");
            let path = "/mechosts/10.0.0.1/apps";
            let apps: Vec<_> = (0..5).map(app).collect();
            let answers = join_all(apps.iter().map(|app| bench.post(path, app))).await;
            let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
            assert_eq!(refused.len(), 3, "round {round}");
            for answer in refused {
                assert_eq!(
                    answer.error(),
                    (409, "Max record limit exceeded", vec!["applications: 2"])
                );
            }
            if round == 0 {
                let kept = bench.get(path).await;
                let kept = kept.each("appInstanceId");
                bench
                    .delete(&format!("{path}/{}", kept[0]))
                    .await
                    .is_done("Deleted");
                bench
                    .delete(&format!("{path}/{}", kept[0]))
                    .await
                    .is_done("Deleted");
                bench.post(path, &app(7)).await.is_done("Saved");
            }
            let all = ["/mechosts", "/mechosts/10.0.0.1"][round % 2];
            bench.delete(all).await.is_done("Deleted");
        }
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_404_however_full_it_is() {
    for bench in Bench::all_with(|config| config.limits.tenants = 1).await {
        bench.post("/mechosts", &host("10.0.0.1")).await.is_done("Saved");
        let app = serde_json::json!({"appInstanceId": "00000001-0000-4000-8000-000000000001", "appName": "zone",
            "packageId": "30000000000040008000000000000001", "status": "Created"});
        let path = "/mechosts/10.0.0.1/apps";
        let answer = bench.ask_in(OTHER, Method::POST, path, &app.to_string()).await;
        assert_eq!(answer.error().0, 404);
    }
}
