//! A caller that goes away while the controller works.

use tokio::sync::Notify;

use super::*;

#[tokio::test]
async fn what_the_controller_does_is_noted_although_the_caller_has_gone() {
    for bench in benches_with_patience(20).await {
        let (arrived, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let gate = (arrived.clone(), open.clone());
        let slow = Router::new().fallback(move || async move {
            gate.0.notify_one();
            gate.1.notified().await;
            StatusCode::OK
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, slow).await });
        bench.host_of("127.0.0.1", port).await;
        tokio::select! {
            answer = bench.upload(CONFIG.as_bytes()) => panic!("{answer:?}"),
            () = arrived.notified() => {}
        }
        assert_eq!(bench.status().await, "null");
        open.notify_one();
        tokio::time::timeout(Duration::from_secs(20), async {
            while bench.status().await != "Uploaded" {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("it is noted");
    }
}
