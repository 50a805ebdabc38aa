//! Uploads that come slowly, stand still, or are not the ones that were signed.

use futures::StreamExt;
use http::header::HOST;
use mecm_common::auth::signature::{RequestParts, hash_body, sign};

use super::*;

fn stalling(bytes: &[u8]) -> Body {
    let sent = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(bytes))]);
    Body::from_stream(sent.chain(futures::stream::pending()))
}

#[tokio::test]
async fn an_upload_that_stands_still_is_cut_off_and_one_that_moves_is_not() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.limits.read_seconds = 1).await;
        let form = Form::of(&package("zone"));
        let (kind, bytes) = (form.content_type(), form.bytes());
        let answer = rig.send(rig.upload_of("", &kind, stalling(&bytes[..400]))).await;
        assert_eq!(answer.status, 408, "{answer:?}");
        rig.assert_nothing("stood still").await;
        // Longer in all than it may stand still.
        let pieces: Vec<Bytes> = bytes
            .chunks(bytes.len() / 5)
            .map(Bytes::copy_from_slice)
            .collect();
        let pieces = futures::stream::iter(pieces).then(|piece| async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok::<_, std::io::Error>(piece)
        });
        let answer = rig
            .send(rig.upload_of("", &kind, Body::from_stream(pieces)))
            .await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
}

#[tokio::test]
async fn a_refused_upload_is_answered_though_its_sender_keeps_the_stream_open() {
    on_each(|rig| async move {
        let form = Form::of(&package("zone")).without("hostList");
        let request = rig.upload_of("", &form.content_type(), stalling(&form.bytes()));
        // The time to stand still is the default, half a minute.
        let answer = tokio::time::timeout(Duration::from_secs(15), rig.send(request))
            .await
            .unwrap();
        assert_eq!(
            answer.detail(),
            (400, "Required part 'hostList' is not present".into())
        );
    })
    .await;
}

impl Rig {
    /// A request as another service of the suite signs it, with the hash of `signed` as its body's.
    fn signed(&self, method: Method, path: &str, kind: &str, body: &[u8], hash: &str) -> Request<Body> {
        let path = format!("/apm/v1/tenants/{TENANT}{path}");
        let id = uuid::Uuid::new_v4().to_string();
        let headers: [(&str, &[u8]); 4] = [
            ("host", b"apm"),
            ("x-sdk-content-sha256", hash.as_bytes()),
            ("x-request-id", id.as_bytes()),
            ("content-type", kind.as_bytes()),
        ];
        let parts = RequestParts {
            method: method.as_str(),
            path: &path,
            query: "",
            headers: &headers,
        };
        let signed = sign(
            &SERVICE.access_key,
            &SERVICE.secret_key,
            &parts,
            hash,
            self.clock.now(),
        );
        let mut request = Request::builder()
            .method(method)
            .uri(&path)
            .header(HOST, "apm")
            .header("x-request-id", &id)
            .header("x-sdk-content-sha256", hash)
            .header("content-type", kind);
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        request.body(Body::from(body.to_vec())).unwrap()
    }
}

#[tokio::test]
async fn services_bring_packages_and_the_body_is_the_one_that_was_signed() {
    on_each(|rig| async move {
        let form = Form::of(&package("zone"));
        let (kind, bytes) = (form.content_type(), form.bytes());
        let upload = |hash: &str| rig.signed(Method::POST, "/packages/upload", &kind, &bytes, hash);
        let other = rig.send(upload(&hash_body(b"another body"))).await;
        assert_eq!(other.status, 400, "{other:?}");
        rig.assert_nothing("another body").await;
        for hash in [&hash_body(&bytes), "UNSIGNED-PAYLOAD"] {
            let taken = rig.send(upload(hash)).await;
            assert_eq!(taken.status, 202, "{hash} {taken:?}");
            let id = taken.json()["appPackageId"].as_str().unwrap().to_owned();
            let path = format!("/packages/{id}");
            let gone = rig
                .send(rig.signed(Method::DELETE, &path, "text/plain", b"", &hash_body(b"")))
                .await;
            assert_eq!(gone.status, 200, "{gone:?}");
        }
        rig.assert_nothing("deleted").await;
    })
    .await;
}
