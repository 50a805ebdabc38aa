//! The recorded exchanges, replayed against the simulator: the condition is set up, the call made, the answer compared.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::{Answer, Form, call};
use super::deployments::until;
use super::packages::{Shape, package, sample};
use super::{INSTANCE, OTHER, TENANT, World, instantiate, token, token_of};
use crate::{
    EXCHANGE_HOST, EXCHANGE_INSTANCE, EXCHANGE_TENANT, Exchange, ExchangePeer, Fault, Leaves, Operation,
    SimConfig, When, WorkloadState, exchanges,
};

#[tokio::test]
async fn the_simulator_answers_as_recorded() {
    assert_eq!(
        (EXCHANGE_TENANT, EXCHANGE_INSTANCE, EXCHANGE_HOST),
        (TENANT, INSTANCE, super::HOST)
    );
    for exchange in exchanges() {
        let world = World::with(SimConfig {
            close_after: Duration::from_secs(2),
            ..SimConfig::default()
        })
        .await;
        world.edge.behave(|edge| edge.deploy_time = Duration::ZERO);
        let to = match exchange.peer {
            ExchangePeer::Lcm => world.lcm(),
            ExchangePeer::Rules => world.rules(),
        };
        let (to, path) = set_up(&world, &exchange, to).await;
        let answer = if exchange.setup == "upload_cut" {
            half(to, &path, &exchange).await
        } else {
            send(to, &path, &exchange).await
        };
        compare(&exchange, answer);
        if let Some(leaves) = exchange.leaves {
            let held = || {
                let workload = world.edge.workloads().iter().any(|one| one.instance == INSTANCE);
                let record = world.edge.records().iter().any(|one| one == INSTANCE);
                match (workload, record) {
                    (true, true) => Leaves::Recorded,
                    (true, false) => Leaves::Unseen,
                    (false, true) => Leaves::RecordOnly,
                    (false, false) => Leaves::Nothing,
                }
            };
            if leaves == Leaves::Recorded {
                until(
                    &format!("{} leaves a workload and its record", exchange.id),
                    || held() == leaves,
                )
                .await;
            }
            assert_eq!(held(), leaves, "after {}", exchange.id);
        }
        world.sim.stop_now().await;
    }
}

fn compare(exchange: &Exchange, came: std::io::Result<Answer>) {
    match (&exchange.answer, came) {
        (None, Err(_)) => {}
        (None, Ok(came)) => panic!(
            "{}: nothing should have come, and this came: {came:?}",
            exchange.id
        ),
        (Some(_), Err(error)) => panic!("{}: no answer: {error}", exchange.id),
        (Some(recorded), Ok(came)) => assert!(
            recorded.fits(
                came.status,
                came.header("content-type").unwrap_or_default(),
                &came.body
            ),
            "{}: recorded {recorded:?}, came {came:?}",
            exchange.id
        ),
    }
}

fn token_for(exchange: &Exchange) -> String {
    match exchange.call.token.as_deref() {
        None => token(),
        Some("guest") => token_of(TENANT, "ROLE_MECM_GUEST"),
        Some("other") => token_of(OTHER, "ROLE_MECM_TENANT"),
        Some(other) => panic!("{}: whose token is {other}?", exchange.id),
    }
}

async fn send(to: SocketAddr, path: &str, exchange: &Exchange) -> std::io::Result<Answer> {
    let (token, method) = (token_for(exchange), exchange.call.method.as_str());
    let headers = [("access_token", token.as_str())];
    match (form(exchange), &exchange.call.body, exchange.call.bytes) {
        (Some(form), _, _) => form.send(to, method, path, &headers).await,
        (_, Some(body), _) => call(to, method, path, &headers, body.to_string().as_bytes()).await,
        (_, _, Some(bytes)) => call(to, method, path, &headers, &vec![b'x'; bytes]).await,
        _ => call(to, method, path, &headers, b"").await,
    }
}

/// Sends the first half of the body, and no more.
async fn half(to: SocketAddr, path: &str, exchange: &Exchange) -> std::io::Result<Answer> {
    let (content_type, body) = form(exchange).unwrap().finish();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\naccess_token: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        token_for(exchange),
        body.len()
    );
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body[..body.len() / 2]).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

fn form(exchange: &Exchange) -> Option<Form> {
    let wanted = exchange.call.form.as_ref()?;
    let base = Shape::default();
    let shape = |shape| package("sample", shape);
    let csar = match wanted.package.as_deref().unwrap_or("sample") {
        "sample" => shape(base),
        "no_manifest" => shape(Shape {
            manifest_name: Some("MainServiceTemplate.mf"),
            ..base
        }),
        "manifest_no_yaml" => shape(Shape {
            manifest: Some("a: b: c: ["),
            ..base
        }),
        "not_helm" => shape(Shape {
            manifest: Some("non_mano_artifact_sets:\n  applcm_k8s_chart_deployment: x\n"),
            ..base
        }),
        "too_many_entries" => shape(Shape {
            more_entries: 1_100,
            ..base
        }),
        "no_chart" => shape(Shape {
            no_chart: true,
            ..base
        }),
        "no_keys_in_chart" => shape(Shape {
            values: Some("image: x\n"),
            ..base
        }),
        "no_archive" => b"no archive".to_vec(),
        other => panic!("{}: which package is {other}?", exchange.id),
    };
    let mut form = Form::default();
    if let Some(name) = &wanted.file_name {
        form = form.file("file", name, &csar);
    }
    form = form
        .text("hostIp", &wanted.host_ip)
        .text("appName", &wanted.app_name);
    if let Some(id) = &wanted.package_id {
        form = form.text("packageId", id);
    }
    Some(form)
}

/// Brings the condition about; the address and path to call then.
async fn set_up(world: &World, exchange: &Exchange, to: SocketAddr) -> (SocketAddr, String) {
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
        "plugin_away" => before(Operation::Instantiate, 500, "Failed to get client"),
        "no_host_configuration" => edge.behave(|edge| edge.host_configuration = true),
        "release_taken" => deploy(OTHER).await,
        "tenants_full" => edge.behave(|edge| edge.max_tenants = 0),
        "instances_full" => edge.behave(|edge| edge.max_instances = 0),
        "release_not_found" => before(
            Operation::Terminate,
            500,
            "rpc error: code = Unknown desc = uninstall: Release not loaded: sample: release: not found",
        ),
        "meter_away" => before(Operation::Kpi, 500, "invalid cpu query"),
        other if other.starts_with("rules_") => set_rules_up(world, other).await,
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

async fn set_rules_up(world: &World, condition: &str) {
    let edge = &world.edge;
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
