//! The map of all nodes, and what is shown of one that is clicked.

use mecm_edge_sim::{Capability, Fault, Operation, When, edge_address};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_map_shows_every_node_and_of_one_its_load_what_it_offers_and_what_runs_there() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        // For this, and not for an empty list, the map is drawn without nodes.
        assert_eq!(
            portal.get("inventory", "/mechosts").await.detail(),
            (404, "Record not found")
        );
        let hosts = rig.edges(2, 2).await;
        let nodes = portal.get("inventory", "/mechosts").await;
        assert_eq!(is_array(&nodes.body).len(), 2);
        for (node, host) in is_array(&nodes.body).iter().zip(&hosts) {
            let place = node["coordinates"].as_str().expect("it is split").split(',');
            let place: Vec<f64> = place.map(|number| number.parse().unwrap()).collect();
            assert_eq!(place.len(), 2, "longitude and latitude: {node}");
            assert!(
                node["city"].is_string() && node["mechostName"].is_string(),
                "{node}"
            );
            assert_eq!(node["mechostIp"], host.as_str());
        }

        let package = rig.upload(sample::build().unwrap()).await;
        let ids = rig.create(&package, "zoneapp", &hosts).await;
        rig.settled().await;
        rig.batch("instantiate", &ids[..1]).await;
        rig.settled().await;
        rig.sim
            .edge(edge_address(0))
            .set_capabilities(vec![Capability::active("face")]);

        let at = format!("/hosts/{}", hosts[0]);
        let (load, hardware, offered) = (
            format!("{at}/kpi"),
            format!("/mechosts/{}/capabilities", hosts[0]),
            format!("{at}/mep_capabilities"),
        );
        let (load, hardware, offered, instances) = tokio::join!(
            portal.get("appo", &load),
            portal.get("inventory", &hardware),
            portal.get("appo", &offered),
            portal.get("appo", "/app_instance_infos"),
        );
        let load = load.parsed("response");
        for (gauge, percent) in [("cpuusage", 12.0), ("memusage", 34.0), ("diskusage", 56.0)] {
            let used = &load[gauge]["used"];
            let used = used
                .as_f64()
                .or_else(|| used.as_str().and_then(|text| text.parse().ok()));
            assert!((used.unwrap() * 100.0 - percent).abs() < 0.01, "{gauge}: {load}");
        }
        let hardware = &is_array(&hardware.body["hwcapabilities"])[0];
        for text in ["hwType", "hwVendor", "hwModel"] {
            assert!(hardware[text].is_string(), "{text}: {hardware}");
        }
        let offered = offered.parsed("response");
        let offered = &is_array(&offered)[0];
        assert_eq!(
            (&offered["capabilityName"], &offered["status"]),
            (&json!("face"), &json!("ACTIVE"))
        );
        assert!(offered["version"].is_string(), "{offered}");
        let here = is_array(&instances.body["response"])
            .iter()
            .filter(|one| one["mecHost"] == hosts[0].as_str() && one["operationalStatus"] == "Instantiated");
        let here: Vec<_> = here.collect();
        assert_eq!(here.len(), 1);
        assert_eq!(
            (&here[0]["appName"], &here[0]["appInstanceId"]),
            (&json!("zoneapp"), &json!(ids[0]))
        );
        assert_eq!(
            (&here[0]["appPackageId"], &here[0]["appId"]),
            (&json!(package.0), &json!(package.1))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_managed_shows_its_pods_or_why_not_and_nobody_is_logged_out() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        let hosts = rig.edges(1, 1).await;
        let package = rig.upload(sample::build().unwrap()).await;
        let ids = rig.create(&package, "zoneapp", &hosts).await;
        rig.settled().await;
        let path = format!("/app_instances/{}", ids[0]);
        let early = portal.get("appo", &path).await;
        let text = "Application instance operational status is : Created";
        assert_eq!((early.status, &early.body["response"]), (412, &json!(text)));

        rig.batch("instantiate", &ids).await;
        rig.settled().await;
        let workload = portal.get("appo", &path).await.parsed("response");
        let pod = &is_array(&workload["pods"])[0];
        assert!(
            pod["podname"].is_string() && pod["podstatus"] == "Running",
            "{pod}"
        );
        let container = &is_array(&pod["containers"])[0];
        assert!(container["containername"].is_string(), "{container}");
        for gauge in ["cpuusage", "memusage", "diskusage"] {
            let halves = container["metricsusage"][gauge].as_str().unwrap().split('/');
            let halves: Vec<f64> = halves.map(|half| half.parse().unwrap()).collect();
            assert!(halves.len() == 2 && halves[1] > 0.0, "{gauge}: {container}");
        }

        // Just deployed, the cluster has no metrics yet: the page asks for patience.
        let edge = rig.sim.edge(edge_address(0));
        edge.behave(|edge| edge.metrics_after = std::time::Duration::from_secs(3600));
        let delayed = portal.get("appo", &path).await;
        assert_eq!(delayed.status, 404, "{}", delayed.body);
        // A 401 of an edge, passed on, would send the user to the log-in page.
        let refuses = Fault::Answer {
            status: 401,
            text: "Authorization failed".to_owned(),
        };
        edge.fault(Operation::Any, refuses, When::Always);
        for path in [
            path,
            format!("/hosts/{}/kpi", hosts[0]),
            format!("/hosts/{}/mep_capabilities", hosts[0]),
        ] {
            let refused = portal.get("appo", &path).await;
            assert_eq!(refused.status, 502, "{path}: {}", refused.body);
            assert_eq!(refused.detail().1, "Authorization failed", "{path}");
        }
    })
    .await;
}
