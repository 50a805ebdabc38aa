//! The recorded exchanges, replayed against this adapter: what a v1.0 peer answers, and what is concluded from it.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::client::{CallContext, Clients};
use mecm_common::config::{Config, Scheme};
use mecm_common::db::testing::Scratch;
use mecm_edge_sim::{
    EXCHANGE_HOST, EXCHANGE_INSTANCE, EXCHANGE_TENANT, Exchange, ExchangeOperation, Meaning, exchanges,
};
use secrecy::SecretString;
use serde_json::json;

use super::*;

fn edge(change: impl FnOnce(&mut Config)) -> Edge {
    let mut config = Config::defaults();
    config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
    config.peers.edge_scheme = Scheme::Http;
    change(&mut config);
    Edge::new(&Clients::new(&config).unwrap(), &config, Clock::System)
}

/// A peer that answers everything so, after reading the request; without an answer it closes the connection.
async fn peer(exchange: &Exchange) -> EdgeAddress {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let at = EdgeAddress {
        ip: "127.0.0.1".to_owned(),
        port: port.to_string(),
    };
    match &exchange.answer {
        Some(answer) => {
            let (status, kind, body) = (answer.status, answer.content_type.clone(), answer.sample());
            let router = Router::new().fallback(move |request: axum::extract::Request| async move {
                drop(axum::body::to_bytes(request.into_body(), usize::MAX).await);
                Response::builder()
                    .status(status)
                    .header("content-type", kind)
                    .body(Body::from(body))
                    .unwrap()
            });
            tokio::spawn(async move { axum::serve(listener, router).await });
        }
        // Nothing listens there any more.
        None if exchange.id.ends_with("no-connection") => drop(listener),
        None if exchange.id.ends_with("upload-cut") => {
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // Closed with the upload unread: the sender is reset.
                    drop(stream);
                }
            });
        }
        None => {
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    tokio::spawn(async move {
                        // Reads all there is, and goes without a word.
                        let mut buffer = vec![0; 64 * 1024];
                        let mut seen = Vec::new();
                        while let Ok(read @ 1..) =
                            tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await
                        {
                            seen.extend_from_slice(&buffer[..read]);
                            if whole(&seen) {
                                return;
                            }
                        }
                    });
                }
            });
        }
    }
    at
}

/// Whether a request has arrived whole.
fn whole(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen);
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    seen.len() >= head.len() + 4 + length
}

fn fits(meaning: Meaning, concluded: &str) -> bool {
    let expected = match meaning {
        Meaning::Known => "known",
        Meaning::Unknown => "unknown",
        Meaning::SaysNothing => "says nothing",
        Meaning::Deployed | Meaning::Done => "done",
        Meaning::Ask => "ask",
        Meaning::AskThenFail => "ask, then fail",
        Meaning::AskThenRepeat => "ask, then repeat",
        Meaning::Resend | Meaning::Wait => "again",
        Meaning::Fail => "fail",
        Meaning::Put => "put",
        Meaning::Post => "post",
    };
    expected == concluded
}

fn concluded_of_rules(configured: &Configured) -> &'static str {
    match configured {
        Configured::Done(_) => "done",
        Configured::Failure(_) => "fail",
        Configured::Busy(_) => "again",
        Configured::TryAdd => "post",
        Configured::TryReplace => "put",
        Configured::Unanswered(_) => "ask",
    }
}

async fn conclude(exchange: &Exchange, csar: &Path) -> &'static str {
    let edge = edge(|_| {});
    let at = peer(exchange).await;
    let (context, token) = (CallContext::new("test"), SecretString::from("a.b.c"));
    let who = Target {
        tenant: EXCHANGE_TENANT.parse().unwrap(),
        instance: EXCHANGE_INSTANCE.parse().unwrap(),
        token: &token,
    };
    let host = EXCHANGE_HOST.parse().unwrap();
    let set = exchange.call.body.clone().unwrap_or_else(|| json!({}));
    let passed_on = |answer: Result<Answer, EdgeError>| if answer.is_ok() { "done" } else { "fail" };
    match exchange.call.operation {
        ExchangeOperation::Query => match edge.knows(&context, &at, who).await {
            Known::Yes => "known",
            Known::No => "unknown",
            Known::Unclear(_) => "says nothing",
        },
        ExchangeOperation::Instantiate => {
            let deploy = Deploy {
                host,
                app_name: "zoneapp",
                package: &"4d8f28a2c9a64bb6b0ef2f3c7e1b5a90".parse().unwrap(),
                csar,
            };
            match edge.instantiate(&context, &at, who, &deploy).await {
                Instantiated::Done => "done",
                Instantiated::NothingSent(_) => "again",
                Instantiated::Unanswered(_) => "ask",
                Instantiated::Refused {
                    repeat_if_unknown: true,
                    ..
                } => "ask, then repeat",
                Instantiated::Refused { .. } => "ask, then fail",
            }
        }
        ExchangeOperation::Terminate => match edge.terminate(&context, &at, who).await {
            Terminated::Done => "done",
            Terminated::Again(_) => "again",
            Terminated::Failed(_) | Terminated::Refused(_) => "fail",
        },
        ExchangeOperation::Kpi => passed_on(edge.kpi(&context, &at, who.tenant, host, &token).await),
        ExchangeOperation::Capabilities => passed_on(
            edge.mep_capabilities(&context, &at, who.tenant, host, None, &token)
                .await,
        ),
        ExchangeOperation::Configuration | ExchangeOperation::PackageStatus => {
            unreachable!("APPO does not call them")
        }
        ExchangeOperation::Rules => match exchange.call.method.as_str() {
            "POST" => concluded_of_rules(&edge.configure(&context, &at, who, &set, Configure::Add).await),
            "PUT" => concluded_of_rules(&edge.configure(&context, &at, who, &set, Configure::Replace).await),
            "DELETE" => concluded_of_rules(&edge.remove_rules(&context, &at, who).await),
            // Having read them, the adapter sends with PUT what is there and with POST what is not; PUT of what has not
            // changed is done.
            _ => match edge.has_rules(&context, &at, who).await {
                Ok(true) if exchange.means == Meaning::Done => "done",
                Ok(true) => "put",
                Ok(false) => "post",
                Err(_) => "ask",
            },
        },
    }
}

#[tokio::test]
async fn every_recorded_answer_is_understood_as_it_was_meant() {
    let folder = Scratch::new().unwrap();
    let (small, large) = (folder.0.join("small.csar"), folder.0.join("large.csar"));
    std::fs::write(&small, [7; 100_000]).unwrap();
    // More than the buffers between two processes hold, so that an upload that is cut is not out whole.
    std::fs::write(&large, vec![7; 24 * 1024 * 1024]).unwrap();
    let mut wrong = Vec::new();
    let inventorys = |one: &Exchange| {
        matches!(
            one.call.operation,
            ExchangeOperation::Configuration | ExchangeOperation::PackageStatus
        )
    };
    for exchange in exchanges().into_iter().filter(|one| !inventorys(one)) {
        let cut = exchange.id.ends_with("upload-cut");
        let concluded = conclude(&exchange, if cut { &large } else { &small }).await;
        if !fits(exchange.means, concluded) {
            wrong.push(format!(
                "{}: {:?}, concluded {concluded:?}",
                exchange.id, exchange.means
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_never_called() {
    let edge = edge(|config| config.egress.allow = vec!["10.0.0.0/8".parse().unwrap()]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = EdgeAddress {
        ip: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port().to_string(),
    };
    let (context, token) = (CallContext::new("test"), SecretString::from("a.b.c"));
    let who = Target {
        tenant: EXCHANGE_TENANT.parse().unwrap(),
        instance: EXCHANGE_INSTANCE.parse().unwrap(),
        token: &token,
    };
    let refused = "address not allowed: 127.0.0.1".to_owned();
    assert_eq!(
        edge.knows(&context, &at, who).await,
        Known::Unclear(refused.clone())
    );
    assert_eq!(
        edge.terminate(&context, &at, who).await,
        Terminated::Refused(refused.clone())
    );
    assert_eq!(
        edge.remove_rules(&context, &at, who).await,
        Configured::Failure(refused)
    );
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
    assert!(waiting.is_err(), "nobody has connected");
}

#[test]
fn a_task_id_that_is_empty_is_none() {
    let body =
        br#"{"taskId":"","configResult":"FAILURE","detailed":"no modification data found in the input"}"#;
    let answer = Answer {
        status: StatusCode::NOT_FOUND,
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::from_static(body),
    };
    let at = EdgeAddress {
        ip: "127.0.0.1".to_owned(),
        port: "1".to_owned(),
    };
    assert_eq!(rule_manager::configured(&at, &answer), Configured::Done(None));
}

#[test]
fn a_set_goes_to_the_manager_compact_with_one_spelling_and_a_priority() {
    let set = json!({"appName": "a", "appSupportMp1": false, "appDNSRule": [], "appTrafficRule": [
        {"trafficRuleId": "1", "priority": null, "trafficFilter": [{"qCI": 1, "qci": 1, "dscp": 2, "dSCP": null, "tag": null}]},
        {"trafficRuleId": "2", "priority": 7, "trafficFilter": []}]});
    assert_eq!(
        rule_manager::for_manager(&set),
        json!({"appName": "a", "appSupportMp1": false, "appDNSRule": [], "appTrafficRule": [
            {"trafficRuleId": "1", "priority": 1, "trafficFilter": [{"qCI": 1, "dSCP": 2}]},
            {"trafficRuleId": "2", "priority": 7, "trafficFilter": []}]})
    );
}
