//! A peer that holds its answers back, to see how many calls come at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use futures::future::join_all;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::*;
use crate::client::Clients;
use crate::config::Config;

#[tokio::test]
async fn no_more_calls_than_places_are_under_way_to_one_service() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let answered = Arc::new(AtomicUsize::new(0));
    let app = Router::new().route(
        "/",
        get({
            let (gate, answered) = (gate.clone(), answered.clone());
            async move || {
                arrived.send(()).unwrap();
                drop(gate.acquire().await.unwrap());
                answered.fetch_add(1, Ordering::Relaxed);
                "{}"
            }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());

    let peer = ServicePeer::new(
        "Inventory",
        &origin,
        Clients::new(&Config::defaults()).unwrap().services,
        ServiceKey::generate(),
        Clock::System,
        Duration::from_secs(60),
    )
    .unwrap();
    let context = CallContext::background();
    let wanted = CALLS_AT_ONCE + 8;
    let calls = join_all((0..wanted).map(|_| peer.call(&context, Method::GET, "/", None)));
    let held = async {
        for _ in 0..CALLS_AT_ONCE {
            arrivals.recv().await.unwrap();
        }
        let one_more = timeout(Duration::from_millis(200), arrivals.recv()).await;
        assert!(one_more.is_err(), "a call came for which there was no place");
        gate.add_permits(wanted);
    };
    let (answers, ()) = tokio::join!(calls, held);
    for answer in answers {
        assert!(answer.is_ok(), "{answer:?}");
    }
    assert_eq!(answered.load(Ordering::Relaxed), wanted);
}
