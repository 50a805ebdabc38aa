//! Simulated edges as a process of their own.

use mecm_common::client::Clients;
use mecm_common::config::Config;
use mecm_common::db::testing::Scratch;

use super::process::{Running, ended, mecm};

#[tokio::test]
async fn it_fails_as_it_was_told_at_its_start_and_says_how_it_is_reached() {
    let folder = Scratch::new().unwrap();
    let mut edges = Running::start(mecm(&folder).args([
        "edge-sim",
        "--lcm-port",
        "0",
        "--rule-port",
        "0",
        "--mep-port",
        "0",
        "--seed",
        "7",
        "--fault",
        "kpi=answer:500:from the start@next:2",
        "--fault",
        "query=lose@0.25",
    ]));
    let said = edges.until("curl -X DELETE");
    for needed in [
        "MECM_PEERS__EDGE_SCHEME=http",
        "MECM_EGRESS__ALLOW='[\"127.0.0.0/8\"]'",
    ] {
        assert!(said.iter().any(|line| line.contains(needed)), "{said:#?}");
    }
    let faults = said.last().unwrap().rsplit(' ').next().unwrap();
    let client = Clients::new(&Config::defaults()).unwrap().services;
    let told = client.get(faults).send().await.unwrap().text().await.unwrap();
    assert_eq!(told, "kpi=answer:500:from the start@next:2\nquery=lose@0.25\n");
    assert!(edges.terminate().await.success());
}

#[test]
fn what_is_no_fault_is_refused_with_what_there_is() {
    let folder = Scratch::new().unwrap();
    let (_, errors, status) = ended(mecm(&folder).args(["edge-sim", "--fault", "query=explode"]));
    assert_eq!(status.code(), Some(2));
    assert!(errors.contains("there are delay"), "{errors}");
}
