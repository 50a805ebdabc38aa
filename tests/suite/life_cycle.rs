//! The main job, with the sample and with real packages.

use std::path::PathBuf;

use mecm::demo::api::At;
use mecm::sample;
use reqwest::Method;

use super::rig::on_each;

#[tokio::test(flavor = "multi_thread")]
async fn a_package_goes_to_many_edges_and_away_again_and_leaves_nothing() {
    on_each(async |rig| {
        let hosts = rig.edges(6, 5).await;
        let package = rig.upload(sample::build().unwrap()).await;
        let ids = rig.create(&package, "sample", &hosts).await;
        let all = rig.settled().await;
        let statuses: Vec<_> = all.iter().map(|(_, status, _)| status.as_str()).collect();
        assert_eq!(
            statuses,
            [
                "Created",
                "Created",
                "Created",
                "Created",
                "Created",
                "Create failed"
            ]
        );
        assert_eq!(all[5].2, "Hardware capability match failed: GPU");
        rig.batch("instantiate", &ids[..5]).await;
        let all = rig.settled().await;
        assert!(
            all[..5]
                .iter()
                .all(|(_, status, reason)| status == "Instantiated" && reason == "success"),
            "{all:?}"
        );
        assert_eq!(rig.sim.totals().workloads, 5);
        assert_eq!(rig.sim.totals().rule_sets, 5);

        // Inventory knows who uses the GPU, and keeps the hosts that applications run on.
        let path = format!("/mechosts/{}/capabilities/GPU/applications", hosts[0]);
        let users = rig
            .api
            .expect(At::Inventory, Method::GET, &path, None, 200)
            .await
            .unwrap();
        assert_eq!(users["apps"][0]["appInstanceId"], ids[0].as_str());
        let path = format!("/mechosts/{}", hosts[0]);
        rig.api
            .expect(At::Inventory, Method::DELETE, &path, None, 412)
            .await
            .unwrap();

        rig.batch("terminate", &ids).await;
        assert!(rig.settled().await.is_empty());
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
        for host in &hosts {
            let path = format!("/mechosts/{host}/apps");
            rig.api
                .expect(At::Inventory, Method::GET, &path, None, 404)
                .await
                .unwrap();
        }
        let path = format!("/packages/{}", package.0);
        rig.api
            .expect(At::Apm, Method::DELETE, &path, None, 200)
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_packages_end_as_a_v1_controller_has_it() {
    let folder = std::env::var_os("MECM_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/csar"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        println!("skipped: there are no packages in {}", folder.display());
        return;
    }
    on_each(async |rig| {
        let hosts = rig.edges(5, 5).await;
        let rows = [
            ("apprules.csar", "Instantiated", "success"),
            ("positioning_with_mepagent_new.csar", "Instantiated", "success"),
            ("sampleapp.csar", "Instantiated", "success"),
            ("older-layout.csar", "Instantiation failed", "Failed to read file"),
            (
                "dependencies.csar",
                "Create failed",
                "dependency APP not deployed",
            ),
        ];
        let mut ids = Vec::new();
        for (index, (file, ..)) in rows.iter().enumerate() {
            let package = rig.upload(std::fs::read(folder.join(file)).unwrap()).await;
            ids.extend(rig.create(&package, "realapp", &hosts[index..=index]).await);
        }
        rig.settled().await;
        rig.batch("instantiate", &ids).await;
        for ((file, status, reason), (_, came, why)) in rows.iter().zip(rig.settled().await) {
            assert!(
                came == *status && why.starts_with(reason),
                "{file}: {came} ({why})"
            );
        }
        rig.batch("terminate", &ids).await;
        assert!(rig.settled().await.is_empty());
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
    })
    .await;
}
