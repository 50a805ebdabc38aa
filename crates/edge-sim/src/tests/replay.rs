//! The recorded exchanges, replayed against the simulator: the condition is set up, the call made, the answer compared.

mod conditions;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::conditions::set_up;
use super::client::{Answer, Form, call};
use super::deployments::until;
use super::packages::{Shape, package};
use super::{INSTANCE, OTHER, TENANT, World, token, token_of};
use crate::{
    EXCHANGE_HOST, EXCHANGE_INSTANCE, EXCHANGE_TENANT, Exchange, ExchangePeer, Leaves, SimConfig, exchanges,
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
        assert_eq!(
            !world.edge.faults().is_empty(),
            exchange.injected,
            "{}: what a fault brings about is marked so, and nothing else is",
            exchange.id
        );
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
    let mut headers = vec![("access_token", token.as_str())];
    let sent = &exchange.call;
    if let Some(ip) = &sent.real_ip {
        headers.push(("X-Real-IP", ip));
    }
    if sent.urlencoded.is_some() {
        headers.push(("Content-Type", "application/x-www-form-urlencoded"));
    }
    if let Some(form) = form(exchange).or_else(|| configuration(exchange)) {
        return form.send(to, method, path, &headers).await;
    }
    let body = match (&sent.body, sent.bytes, &sent.urlencoded) {
        (Some(body), _, _) => body.to_string().into_bytes(),
        (_, Some(bytes), _) => vec![b'x'; bytes],
        (_, _, Some(form)) => form.clone().into_bytes(),
        _ => Vec::new(),
    };
    call(to, method, path, &headers, &body).await
}

fn configuration(exchange: &Exchange) -> Option<Form> {
    let parts = exchange.call.configuration.as_ref()?;
    let mut form = Form::default();
    if let Some(name) = &parts.file_name {
        form = form.file(
            "configFile",
            name,
            parts.file.as_deref().unwrap_or_default().as_bytes(),
        );
    }
    Some(match &parts.host_ip {
        Some(host) => form.text("hostIp", host),
        None => form,
    })
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
        "entry_too_large" => shape(Shape {
            large: &[101],
            ..base
        }),
        "all_too_large" => shape(Shape {
            large: &[60, 60],
            ..base
        }),
        "no_directories" => shape(Shape {
            no_directories: true,
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
