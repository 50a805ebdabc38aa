//! What layers and extractors answer before a handler is asked: without a log-in, without a role, with a body that is too large,
//! no JSON, or stands still.

use std::time::Duration;

use futures::future::join_all;
use mecm::{keys, suite};
use mecm_common::auth::Role;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::config::OF_STRANGERS;
use reqwest::Client;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::documents::Operation;
use super::super::rig::{Place, Rig};
use super::super::signatures::Signed;
use super::{JSON_BYTES, Ledger, PACKAGE_BYTES};

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=b";

pub(super) async fn closed(rig: &Rig, ledger: &Ledger) {
    let client = Clients::new(&rig.place.config).unwrap().services;
    let nobody = token(rig, &[]);
    let tenant = token(rig, &[Role::Tenant]);
    for told in &ledger.operations {
        let ask = async |token: Option<&str>| {
            let mut request = client.request(told.method.clone(), told.url(rig.api.tenant()));
            if let Some(token) = token {
                request = request.header("access_token", token);
            }
            let status = request.send().await.unwrap().status().as_u16();
            ledger.note(&told.method, &told.url(rig.api.tenant()), status);
            status
        };
        if told.open {
            assert_eq!(ask(None).await, 200, "{}", told.path);
            continue;
        }
        assert_eq!(ask(None).await, 401, "{} {}", told.method, told.path);
        assert_eq!(
            ask(Some("[object Object]")).await,
            400,
            "{} {}",
            told.method,
            told.path
        );
        let large = client
            .request(told.method.clone(), told.url(rig.api.tenant()))
            .header("x-large", "x".repeat(rig.place.config.limits.header));
        let status = large.send().await.unwrap().status().as_u16();
        assert_eq!(status, 431, "{} {}", told.method, told.path);
        ledger.note(&told.method, &told.url(rig.api.tenant()), status);
        // Who signs with a service's own key has no tenant to get a token for.
        if told.path.ends_with("/v1/token") {
            assert_eq!(signed(rig, told, &client, JSON, Vec::new()).await, 403);
            ledger.note(&told.method, &told.url(rig.api.tenant()), 403);
        } else {
            let role = if told.by_signature() { &tenant } else { &nobody };
            assert_eq!(ask(Some(role)).await, 403, "{} {}", told.method, told.path);
        }
    }
    of_bodies(rig, ledger, &client, &tenant).await;
    let still = ledger.operations.iter().filter(|told| told.listed.contains(&408));
    join_all(still.map(|told| async {
        let status = stood_still(rig, told, &tenant).await;
        assert_eq!(status, 408, "{} {}", told.method, told.path);
        ledger.note(&told.method, &told.url(rig.api.tenant()), status);
    }))
    .await;
}

/// When there is no room for another body.
pub(super) async fn crowded(ledger: &Ledger) {
    let mut place = Place::new("sqlite").await;
    place.config.limits.bodies = OF_STRANGERS;
    let rig = Rig::start(place).await;
    let client = Clients::new(&rig.place.config).unwrap().services;
    let token = token(&rig, &[Role::Tenant]);
    for told in Operation::all(&rig)
        .await
        .iter()
        .filter(|told| told.listed.contains(&429))
    {
        let (kind, body) = if told.form {
            (FORM, form(10))
        } else {
            (JSON, b"{\"a\": 1}".to_vec())
        };
        let status = if told.by_signature() || told.bodyless() {
            signed(&rig, told, &client, kind, body).await
        } else {
            let request = client.request(told.method.clone(), told.url(rig.api.tenant()));
            let request = request
                .header("access_token", &token)
                .header("content-type", kind);
            let answer = request.body(body).send().await.unwrap();
            let again = answer
                .headers()
                .get("retry-after")
                .map(|seconds| seconds.as_bytes());
            assert_eq!(again, Some(b"1".as_slice()), "{} {}", told.method, told.path);
            answer.status().as_u16()
        };
        assert_eq!(status, 429, "{} {}", told.method, told.path);
        ledger.note(&told.method, &told.url(rig.api.tenant()), status);
    }
    rig.suite.stop().await;
}

fn token(rig: &Rig, roles: &[Role]) -> String {
    let (tenant, life) = (rig.api.tenant(), chrono::TimeDelta::minutes(10));
    suite::token(&rig.place.config, &Clock::System, tenant, "x", roles, life)
        .unwrap()
        .expose_secret()
        .to_owned()
}

async fn signed(rig: &Rig, told: &Operation, client: &Client, kind: &str, body: Vec<u8>) -> u16 {
    with_signature(rig, told, kind, body).send(client).await.0
}

/// Signed with a service's own key. Nobody reads the body of what takes none, but to learn a hash that is not stated.
fn with_signature(rig: &Rig, told: &Operation, kind: &str, body: Vec<u8>) -> Signed {
    let own = keys::appo(&rig.place.config).unwrap();
    let (url, more) = (told.url(rig.api.tenant()), [("content-type", kind)]);
    if told.bodyless() {
        Signed::with_hash_as_told(&own, &told.method, &url, &more, body)
    } else {
        Signed::with(&own, &told.method, &url, &more, body)
    }
}

async fn of_bodies(rig: &Rig, ledger: &Ledger, client: &Client, token: &str) {
    for told in &ledger.operations {
        let large = match told.form {
            false => vec![b' '; JSON_BYTES + 1],
            true => form(usize::try_from(PACKAGE_BYTES).unwrap().max(6 * 1024 * 1024)),
        };
        let kind = if told.form { FORM } else { JSON };
        for (status, kind, body) in [(413, kind, large), (415, "text/plain", b"x".to_vec())] {
            if !told.listed.contains(&status) {
                continue;
            }
            let came = if told.by_signature() {
                signed(rig, told, client, kind, body).await
            } else {
                let request = client.request(told.method.clone(), told.url(rig.api.tenant()));
                let request = request.header("access_token", token).header("content-type", kind);
                request.body(body).send().await.unwrap().status().as_u16()
            };
            assert_eq!(came, status, "{} {}", told.method, told.path);
            ledger.note(&told.method, &told.url(rig.api.tenant()), came);
        }
    }
}

/// A form with a file of so many bytes.
fn form(bytes: usize) -> Vec<u8> {
    let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"");
    let text = format!("{}\r\n\r\n127.1.0.1\r\n", part("hostList"));
    let mut form = format!("{text}{}; filename=\"a.csar\"\r\n\r\n", part("file")).into_bytes();
    form.resize(form.len() + bytes, b'x');
    form.extend_from_slice(b"\r\n--b--\r\n");
    form
}

/// What is answered when a body of a hundred bytes begins and does not go on.
async fn stood_still(rig: &Rig, told: &Operation, token: &str) -> u16 {
    let url = reqwest::Url::parse(&told.url(rig.api.tenant())).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let kind = if told.form { FORM } else { JSON };
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\nconnection: close\r\n",
        told.method,
        url.path()
    );
    if told.by_signature() || told.bodyless() {
        let signed = with_signature(rig, told, kind, vec![b' '; 100]);
        for (name, value) in &signed.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    } else {
        head.push_str(&format!("access_token: {token}\r\ncontent-type: {kind}\r\n"));
    }
    let start = if told.form { "--b\r\n" } else { " " };
    let mut stream = TcpStream::connect(&host).await.unwrap();
    stream
        .write_all(format!("{head}\r\n{start}").as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let status = answer
        .strip_prefix("HTTP/1.1 ")
        .unwrap_or_else(|| panic!("{}: {answer}", told.path));
    status[..3].parse().unwrap()
}
