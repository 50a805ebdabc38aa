//! When whoever made the caller's token cannot be asked for its key: 502, and 504 where that is told to be a matter of time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use mecm::suite::{Suite, Which};
use mecm_common::auth::Role;
use mecm_common::auth::jwt::{NewToken, mint};
use mecm_common::auth::rsa::SigningKey;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::models::ids::TenantId;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::super::rig::Place;
use super::Ledger;

/// Longer than a key that could not be fetched is not asked for again.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn away(ledger: &Ledger) {
    let answer = Arc::new(AtomicU16::new(500));
    let clock = Clock::manual(Clock::System.now());
    let mut place = Place::new("sqlite").await;
    place.config.auth.auth_server = answering(&answer).await;
    let suite = Suite::start(Arc::new(place.config.clone()), Which::ALL, clock.clone())
        .await
        .unwrap();
    let client = Clients::new(&place.config).unwrap().services;
    let tenant = TenantId(Uuid::new_v4());
    let claims = NewToken {
        user_id: &tenant.to_string(),
        user_name: "x",
        authorities: &[Role::Tenant.as_str()],
        expires: clock.now() + TimeDelta::hours(1),
        jti: "x",
    };
    let token = mint(&SigningKey::generate(), &claims);
    for (says, status) in [(500, 502), (504, 504)] {
        answer.store(says, Ordering::SeqCst);
        for told in ledger
            .operations
            .iter()
            .filter(|told| told.listed.contains(&status))
        {
            clock.advance(PAUSE);
            let url = told.url(tenant);
            let path = reqwest::Url::parse(&url).unwrap().path().to_owned();
            let origin = match path.split('/').nth(1) {
                Some("inventory") => &suite.addresses.inventory,
                Some("apm") => &suite.addresses.apm,
                _ => &suite.addresses.appo,
            };
            let request = client
                .request(told.method.clone(), format!("{origin}{path}"))
                .header("access_token", token.expose_secret());
            let came = request.send().await.unwrap().status().as_u16();
            assert_eq!(came, status, "{} {path}", told.method);
            ledger.note(&told.method, &url, came);
        }
    }
    suite.stop().await;
}

/// A server that answers every request with this status.
async fn answering(status: &Arc<AtomicU16>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let status = Arc::clone(status);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let mut length = 0;
            while !asked[..length].ends_with(b"\r\n\r\n") {
                match stream.read(&mut asked[length..]).await {
                    Ok(more) if more > 0 => length += more,
                    _ => break,
                }
            }
            let status = status.load(Ordering::SeqCst);
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            // Who asked may have gone: then it is not missed.
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    url
}
