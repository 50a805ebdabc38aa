//! The conditions of the recorded exchanges, by their names.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::client::{Form, call};
use super::super::deployments::until;
use super::super::packages::sample;
use super::super::{INSTANCE, OTHER, TENANT, World, form, instantiate, token};
use crate::{
    Capability, EXCHANGE_HOST, EXCHANGE_PACKAGE, Exchange, Fault, Leaves, Operation, When, WorkloadState,
};

/// Brings the condition about; the address and path to call then.
pub(super) async fn set_up(world: &World, exchange: &Exchange, to: SocketAddr) -> (SocketAddr, String) {
    let path = exchange.call.path.clone();
    let edge = &world.edge;
    let front = |operation, status, body: &str| {
        edge.fault(
            operation,
            Fault::AnswerAfter {
                status,
                body: body.to_owned(),
            },
            When::Always,
        );
    };
    let before = |operation, status, text: &str| {
        edge.fault(
            operation,
            Fault::Answer {
                status,
                text: text.to_owned(),
            },
            When::Always,
        );
    };
    let deploy = async |instance: &str| {
        let answer = instantiate(world.lcm(), instance, &sample("sample"))
            .await
            .unwrap();
        assert!(answer.is(200, "null"), "{answer:?}");
    };
    match exchange.setup.as_str() {
        "nothing" | "upload_cut" => {}
        "deployed" => deploy(INSTANCE).await,
        "deploying" | "another_deploys" => {
            edge.behave(|edge| edge.deploy_time = Duration::from_millis(400));
            let lcm = world.lcm();
            let instance = if exchange.setup == "deploying" {
                INSTANCE
            } else {
                OTHER
            };
            tokio::spawn(async move { instantiate(lcm, instance, &sample("other")).await });
            until("the plugin is at work", || edge.counts().max_concurrent == 1).await;
        }
        "no_metrics_yet" => {
            edge.behave(|edge| edge.metrics_after = Duration::from_secs(3_600));
            deploy(INSTANCE).await;
        }
        "release_lost" => {
            deploy(INSTANCE).await;
            edge.lose_workload(INSTANCE);
        }
        "no_pods" | "bare_failure" => {
            deploy(INSTANCE).await;
            let none = exchange.setup == "no_pods";
            edge.behave(|edge| {
                edge.workload = if none {
                    WorkloadState::NotRunning
                } else {
                    WorkloadState::Failure
                };
            });
        }
        "wrong_path" => {
            deploy(INSTANCE).await;
            return (to, path.replace("/v1/", "/v2/"));
        }
        "nobody_listens" => {
            let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
            return (free.local_addr().unwrap(), path);
        }
        "too_many_calls" => {
            if exchange.leaves == Some(Leaves::Recorded) {
                deploy(INSTANCE).await;
            }
            edge.behave(|edge| edge.calls_per_second = 0);
        }
        "plugin_exhausted" => edge.behave(|edge| edge.plugin_burst = 0),
        "plugin_exhausted_after" => {
            deploy(INSTANCE).await;
            edge.behave(|edge| edge.plugin_burst = 0);
        }
        "front_page_not_found" => {
            front(Operation::Query, 200, "<html><body>page not found</body></html>");
        }
        "front_502" => front(Operation::Any, 502, "<html>Bad Gateway</html>"),
        "front_504" => front(Operation::Any, 504, "<html>Gateway Time-out</html>"),
        "front_503_before" => before(Operation::Instantiate, 503, "Service Unavailable"),
        "nonsense" => edge.fault(Operation::Any, Fault::Nonsense, When::Always),
        "deployed_nonsense" => {
            deploy(INSTANCE).await;
            edge.fault(Operation::Terminate, Fault::Nonsense, When::Always);
        }
        "lost" => edge.fault(Operation::Any, Fault::LoseAnswer, When::Always),
        "deployed_lost" => {
            deploy(INSTANCE).await;
            edge.fault(Operation::Terminate, Fault::LoseAnswer, When::Always);
        }
        "deployed_front_502" => {
            deploy(INSTANCE).await;
            front(Operation::Terminate, 502, "<html>Bad Gateway</html>");
        }
        "mep_auth_away" => edge.behave(|edge| edge.mep_auth = false),
        "deployed_mep_auth_away" | "half_terminated" => {
            deploy(INSTANCE).await;
            edge.behave(|edge| edge.mep_auth = false);
            if exchange.setup == "half_terminated" {
                assert_eq!(world.terminate(INSTANCE).await.status, 500);
            }
        }
        "plugin_away" => edge.behave(|edge| edge.plugin = false),
        "no_host_configuration" => edge.behave(|edge| edge.host_configuration = true),
        "release_taken" => deploy(OTHER).await,
        "tenants_full" => edge.behave(|edge| edge.max_tenants = 0),
        "instances_full" => edge.behave(|edge| edge.max_instances = 0),
        "meter_away" => edge.behave(|edge| edge.meters = false),
        "no_meter_data" => edge.behave(|edge| edge.load = None),
        "one_capability" => edge.set_capabilities(vec![Capability {
            capability_id: "16384563dca094183778a41ea7701d15".to_owned(),
            version: "1.0.0".to_owned(),
            ..Capability::active("location")
        }]),
        "deployed_with_package_id" => {
            let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{INSTANCE}/instantiate");
            let answer = form(INSTANCE, &sample("sample"))
                .text("packageId", EXCHANGE_PACKAGE)
                .send(world.lcm(), "POST", &path, &[("access_token", &token())])
                .await
                .unwrap();
            assert!(answer.is(200, "null"), "{answer:?}");
        }
        "host_configured" => {
            let headers = [("access_token", token()), ("X-Real-IP", "127.0.0.1".to_owned())];
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            let answer = Form::default()
                .file("configFile", "kubeconfig", b"kind: Config\n")
                .text("hostIp", EXCHANGE_HOST)
                .send(world.lcm(), "POST", "/lcmcontroller/v1/configuration", &headers)
                .await
                .unwrap();
            assert!(answer.is(200, "null"), "{answer:?}");
        }
        other if other.starts_with("rules_") => set_rules_up(world, exchange).await,
        other => panic!("{}: what is the condition {other}?", exchange.id),
    }
    (to, path)
}

fn rules(app_name: &str, domain: &str, change: (&str, &str)) -> Value {
    let mut rule = json!({"trafficRuleId": "TR1", "filterType": "FLOW", "priority": 1, "action": "DROP",
        "trafficFilter": [{"srcAddress": ["10.0.0.2/32"], "srcPort": ["8080"], "qCI": 1}]});
    rule[change.0] = json!(change.1);
    json!({
        "appName": app_name,
        "appSupportMp1": true,
        "appTrafficRule": [rule],
        "appDNSRule": [{"dnsRuleId": "DNS1", "domainName": domain, "ipAddressType": "IP_V4",
            "ipAddress": "10.0.0.2", "ttl": 85_000}],
    })
}

async fn set_rules_up(world: &World, exchange: &Exchange) {
    let edge = &world.edge;
    let condition = exchange.setup.as_str();
    let post = async |instance: &str, rules: Value| {
        let path = format!("/apprulemgr/v1/tenants/{TENANT}/app_instances/{instance}/appd_configuration");
        let headers = [("access_token", token())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = call(
            world.rules(),
            "POST",
            &path,
            &headers,
            rules.to_string().as_bytes(),
        )
        .await
        .unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let same = ("action", "DROP");
    match condition {
        "rules_same" => post(INSTANCE, rules("zoneapp", "example.org", same)).await,
        "rules_dropped" => post(INSTANCE, exchange.lost.clone().unwrap().sent).await,
        "rules_same_ids" => {
            post(
                INSTANCE,
                rules("zoneapp", "example.org", ("action", "PASSTHROUGH")),
            )
            .await
        }
        "rules_other" | "rules_other_lost" => {
            post(
                INSTANCE,
                rules("zoneapp", "example.org", ("trafficRuleId", "TR9")),
            )
            .await;
            if condition == "rules_other_lost" {
                edge.fault(Operation::Rules, Fault::LoseAnswer, When::Always);
            }
        }
        "rules_name_taken" => post(OTHER, rules("zoneapp", "example.com", same)).await,
        "rules_domain_taken" => post(OTHER, rules("otherapp", "example.org", same)).await,
        "rules_busy" => {
            edge.behave(|edge| edge.rule_time = Duration::from_secs(60));
            let world_rules = world.rules();
            tokio::spawn(async move {
                let path =
                    format!("/apprulemgr/v1/tenants/{TENANT}/app_instances/{INSTANCE}/appd_configuration");
                let body = rules("zoneapp", "example.org", ("action", "DROP")).to_string();
                call(
                    world_rules,
                    "POST",
                    &path,
                    &[("access_token", &token())],
                    body.as_bytes(),
                )
                .await
            });
            until("the change is under way", || {
                !edge.edge.state().rules_busy.is_empty()
            })
            .await;
        }
        "rules_v1_platform" => edge.behave(|edge| edge.rule_configuration = false),
        "rules_refused_400" => {
            let refusal = Fault::Answer {
                status: 400,
                text: "app instance not found".to_owned(),
            };
            edge.fault(Operation::Rules, refusal, When::Always);
        }
        "rules_failure_200" => {
            let body = json!({"taskId": "", "appInstanceId": INSTANCE, "configResult": "FAILURE",
                "configPhase": "", "detailed": "configuration failed"});
            let fault = Fault::AnswerAfter {
                status: 200,
                body: body.to_string(),
            };
            edge.fault(Operation::Rules, fault, When::Always);
        }
        other => panic!("what is the condition {other}?"),
    }
}
