//! `mecm bench auth`: what a signature costs. Verifications alone on one core; then POSTs that pass every check and end in a
//! 404, signed with a tenant's key and with an access token, at Inventory and at APPO, which asks Inventory about each
//! signature. On PostgreSQL, which MECM_TEST_POSTGRES names.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use mecm_common::auth::Role;
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::signature::{Form, RequestParts, SecretKey, hash_body, sign, verify};
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::models::ids::TenantId;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::figures::{Figures, quantile};
use super::load::{self, Measuring, Requests};
use super::machine;
use super::process::{Place, Process};
use crate::demo::api::{Api, At};
use crate::output::{result, say};
use crate::suite;

/// A POST that is answered 404 once its caller and its body are accepted.
struct Asked {
    name: &'static str,
    server: SocketAddr,
    path: String,
    body: String,
}

/// How it shows who it is from.
#[derive(Clone)]
enum By {
    Token(String),
    Key(ServiceKey),
}

pub(super) async fn run(options: &Measuring) -> Result<()> {
    let place = Place::new("postgres").await?;
    let suite = Process::start(&place, "up", &["inventory", "apm", "appo"]).await?;
    let config = place.config();
    let tenant = TenantId(Uuid::new_v4());
    let life = TimeDelta::hours(12);
    let token = suite::token(&config, &Clock::System, tenant, "bench", &[Role::Tenant], life)?;
    let by_token = By::Token(token.expose_secret().to_owned());
    let api = Api::new(&Clients::new(&config)?, &place.addresses, tenant, token);
    let made = json!({"name": "bench"});
    let made = api
        .expect(At::Inventory, Method::POST, "/credentials", Some(&made), 201)
        .await?;
    let text = |member: &str| made[member].as_str().context("a made key has both parts");
    let by_key = By::Key(ServiceKey {
        access_key: text("accessKey")?.parse()?,
        secret_key: text("secretKey")?.parse()?,
    });
    let at = |origin: &str| -> Result<SocketAddr> {
        let address = origin
            .strip_prefix("http://")
            .context("the services speak HTTP here")?;
        Ok(address.parse()?)
    };
    let application = json!({"appInstanceId": Uuid::new_v4(), "appName": "bench",
        "packageId": Uuid::new_v4().simple().to_string(), "status": "Created"});
    let asked = [
        Asked {
            name: "POST at Inventory",
            server: at(&place.addresses.inventory)?,
            path: format!("/inventory/v1/tenants/{tenant}/mechosts/10.0.0.1/apps"),
            body: application.to_string(),
        },
        Asked {
            name: "POST at APPO",
            server: at(&place.addresses.appo)?,
            path: format!("/appo/v1/tenants/{tenant}/app_instances/{}", Uuid::new_v4()),
            body: String::new(),
        },
    ];
    let (time, connections) = (options.time(), options.connections());
    let mut figures = Figures::default();
    for number in 1..=options.runs {
        say(&format!("run {number} of {}", options.runs));
        figures.add("verifications on one core", "1/s", "", verifications(time)?);
        for asked in &asked {
            let mut p50s = Vec::new();
            for (how, by) in [("with a token", &by_token), ("signed", &by_key)] {
                let before = suite.cpu()?;
                let requests = asked.requests(by);
                let mut load = load::expecting(404, asked.server, requests, connections, time).await?;
                let cpu = suite.cpu()? - before;
                let mut add = |what: &str, unit, value| {
                    figures.add(
                        &format!("{} {how}, {what}", asked.name),
                        unit,
                        "all in one",
                        value,
                    );
                };
                add("rate", "1/s", load.rate());
                let answered = load.seconds.len() as f64;
                let p50 = quantile(&mut load.seconds, 0.5) * 1_000.0;
                let p99 = quantile(&mut load.seconds, 0.99) * 1_000.0;
                add("p50", "ms", p50);
                add("p99", "ms", p99);
                add("CPU per 1,000", "ms", cpu * 1_000_000.0 / answered);
                p50s.push((p50, p99));
            }
            if let [token, signed] = p50s[..] {
                let name = format!("{}: a signature more than a token", asked.name);
                figures.add(&format!("{name}, p50"), "ms", "all in one", signed.0 - token.0);
                figures.add(&format!("{name}, p99"), "ms", "all in one", signed.1 - token.1);
            }
        }
    }
    result(&format!(
        "mecm bench auth, {} profile\n{}\n{connections} connections for {time:?} each; every POST passes all checks and is answered 404",
        if cfg!(debug_assertions) { "dev" } else { "release" },
        machine::describe("postgres").await,
    ))?;
    result(&figures.table())?;
    Ok(())
}

/// Verifications of one request, as a service does them: both forms, every step from the header to the comparison.
fn verifications(time: Duration) -> Result<f64> {
    let (access_key, secret_key) = ("QUtBS0FLQUtBS0FLQUs=".parse()?, SecretKey::generate());
    let (now, hash) = (Clock::System.now(), hash_body(b"{}"));
    let mut headers: Vec<(&str, &[u8])> = vec![
        ("host", b"127.0.0.1:8093"),
        ("content-type", b"application/json"),
        ("x-request-id", b"5c1b2c86-1d5c-4d0e-9d3e-111111111111"),
    ];
    let parts = RequestParts {
        method: "POST",
        path: "/inventory/v1/tenants/1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77/mechosts/10.0.0.1/apps",
        query: "",
        headers: &headers.clone(),
    };
    let signed = sign(&access_key, &secret_key, &parts, &hash, now);
    headers.extend(signed.headers().map(|(name, value)| (name, value.as_bytes())));
    let parts = RequestParts {
        headers: &headers,
        ..parts
    };
    let began = Instant::now();
    let mut count = 0_u32;
    while began.elapsed() < time {
        for _ in 0..100 {
            if verify(&secret_key, black_box(&parts), &[&hash], &Form::ALL, now).is_err() {
                bail!("a good signature is refused");
            }
        }
        count += 100;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

impl Asked {
    /// Each is another one.
    fn requests(&self, by: &By) -> Requests {
        let (host, path, body, by) = (
            self.server.to_string(),
            self.path.clone(),
            self.body.clone(),
            by.clone(),
        );
        let hash = hash_body(body.as_bytes());
        Arc::new(move || {
            let id = Uuid::new_v4().to_string();
            let mut request = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\nx-request-id: {id}\r\n");
            match &by {
                By::Token(token) => request.push_str(&format!("access_token: {token}\r\n")),
                By::Key(key) => {
                    let parts = RequestParts {
                        method: "POST",
                        path: &path,
                        query: "",
                        headers: &[("host", host.as_bytes()), ("x-request-id", id.as_bytes())],
                    };
                    let signed = sign(
                        &key.access_key,
                        &key.secret_key,
                        &parts,
                        &hash,
                        Clock::System.now(),
                    );
                    for (name, value) in signed.headers() {
                        request.push_str(&format!("{name}: {value}\r\n"));
                    }
                }
            }
            if !body.is_empty() {
                request.push_str("content-type: application/json\r\n");
            }
            request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
            request.into_bytes()
        })
    }
}
