//! The form of an upload: any order, any name that may be, and what is missing or wrong.

use super::*;

#[tokio::test]
async fn fields_may_come_in_any_order_and_as_query_parameters() {
    on_each(|rig| async move {
        let file = package("zone");
        let last = Form::default()
            .text("hostList", "10.0.0.2")
            .text("unknown", "x")
            .text("appPackageVersion", "")
            .text("appPackageName", "")
            .file("sample.CSAR", &file);
        assert_eq!(
            rig.upload(&last).await.status,
            202,
            "empty name and version are taken"
        );
        let alone = Form::default().file("sample.csar", &file);
        let token = rig.token(TENANT, "ROLE_MECM_TENANT", 60);
        let query = "appPackageName=q&appPackageVersion=1&hostList=10.0.0.2%2C10.0.0.3";
        let request = Request::post(format!("/apm/v1/tenants/{TENANT}/packages/upload?{query}"))
            .header("access_token", token)
            .header("content-type", alone.content_type())
            .body(Body::from(alone.bytes()))
            .unwrap();
        let answer = rig.send(request).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let list = rig.get("/packages").await.json();
        assert_eq!(list[1]["appPkgName"], "q");
        assert_eq!(list[1]["mecHostInfo"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named_and_nothing_is_kept() {
    on_each(|rig| async move {
        let file = package("zone");
        let good = Form::of(&file);
        let long = "x".repeat(256);
        let rows: Vec<(Form, u16, &str)> = vec![
            (good.clone().without("file"), 400, "Required part 'file' is not present"),
            (good.clone().without("appPackageName"), 400, "Required part 'appPackageName' is not present"),
            (good.clone().without("appPackageVersion"), 400, "Required part 'appPackageVersion' is not present"),
            (good.clone().without("hostList"), 400, "Required part 'hostList' is not present"),
            (good.clone().without("hostList").text("hostList", ""), 400, "host ip address is invalid"),
            (good.clone().without("hostList").text("hostList", "10.0.0.2,x"), 400, "host ip address is invalid"),
            (good.clone().without("appPackageName").text("appPackageName", &long), 400, "appPkgName must not exceed more than 255 characters"),
            (good.clone().without("appPackageVersion").text("appPackageVersion", &long), 400, "appPkgName must not exceed more than 255 characters"),
            (good.clone().without("appPackageName").text("appPackageName", "-x"), 400, "appPkgName is invalid. It must start with alpha numeric characters and special characters allowed are hyphen and underscore."),
            (good.clone().without("file").file("a b.csar", &file), 400, "a b.csar :fileName contain blank"),
            (good.clone().without("file").file("a.zip", &file), 400, "a.zip :fileName is Illegal"),
            (good.clone().without("file").file("a.csar.", &file), 400, "a.csar. :fileName is Illegal"),
            (good.clone().text("appPackageName", "\0").without("none"), 400, "a text with the character U+0000 cannot be kept"),
        ];
        for (form, status, detail) in rows {
            let answer = rig.upload(&form).await;
            assert_eq!(answer.detail(), (status, detail.to_owned()));
            rig.assert_nothing(detail).await;
        }
        let none = Request::post(format!("/apm/v1/tenants/{TENANT}/packages/upload"))
            .header("access_token", rig.token(TENANT, "ROLE_MECM_TENANT", 60))
            .header("content-type", "application/json")
            .body(Body::from("{}"))
            .unwrap();
        assert_eq!(rig.send(none).await.detail().0, 400);
    })
    .await;
}

#[tokio::test]
async fn names_of_any_script_come_as_they_are_or_encoded() {
    on_each(|rig| async move {
        let file = package("zone");
        let rest = Form::of(&file).without("file");
        assert_eq!(
            rig.upload(&rest.clone().file("视频.csar", &file)).await.status,
            202
        );
        let encoded = "name=\"file\"; filename*=UTF-8''%E8%A7%86%E9%A2%91.csar";
        let form = rest.clone().part(encoded, "application/octet-stream", &file);
        assert_eq!(rig.upload(&form).await.status, 202);
        let bad = "name=\"file\"; filename=\"fine.csar\"; filename*=UTF-8''bad%20name.csar";
        let form = rest.part(bad, "application/octet-stream", &file);
        assert_eq!(
            rig.upload(&form).await.detail(),
            (400, "bad name.csar :fileName contain blank".into())
        );
    })
    .await;
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_and_gone() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.limits.package = 200_000).await;
        let answer = rig.upload(&Form::of(&vec![7; 300_000])).await;
        assert_eq!(answer.detail(), (413, "sample.csar :fileSize is too big".into()));
        rig.assert_nothing("too big").await;
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    on_each(|rig| async move {
        let form = Form::of(&package("zone"));
        let whole = form.bytes();
        for end in [10, 150, whole.len() / 2, whole.len() - 5] {
            let request = Request::post(format!("/apm/v1/tenants/{TENANT}/packages/upload"))
                .header("access_token", rig.token(TENANT, "ROLE_MECM_TENANT", 60))
                .header("content-type", form.content_type())
                .body(Body::from(whole[..end].to_vec()))
                .unwrap();
            assert_eq!(rig.send(request).await.status, 400, "cut after {end}");
            rig.assert_nothing("cut").await;
        }
        // The client goes away in the middle: the handler is dropped where it is.
        let pieces = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(&whole[..400]))]);
        let request = Request::post(format!("/apm/v1/tenants/{TENANT}/packages/upload"))
            .header("access_token", rig.token(TENANT, "ROLE_MECM_TENANT", 60))
            .header("content-type", form.content_type())
            .body(Body::from_stream(futures::StreamExt::chain(
                pieces,
                futures::stream::pending(),
            )))
            .unwrap();
        let sent = tokio::time::timeout(std::time::Duration::from_millis(200), rig.send(request)).await;
        assert!(sent.is_err(), "it waits for more");
        rig.assert_nothing("gone away").await;
    })
    .await;
}

#[tokio::test]
async fn a_large_upload_is_never_in_memory() {
    on_each(|rig| async move {
        // 200 MiB in pieces of 1 MiB, each made when it is asked for. What is made and not yet dropped is counted.
        use std::sync::atomic::{AtomicUsize, Ordering};
        struct Piece(Vec<u8>, Arc<AtomicUsize>);
        impl AsRef<[u8]> for Piece {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        impl Drop for Piece {
            fn drop(&mut self) {
                self.1.fetch_sub(self.0.len(), Ordering::SeqCst);
            }
        }
        let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let form = Form::of(b"@@").bytes();
        let at = form.windows(2).position(|two| two == b"@@").unwrap();
        let head = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(&form[..at]))]);
        let tail = futures::stream::iter([Ok(Bytes::copy_from_slice(&form[at + 2..]))]);
        let middle = {
            let (alive, most) = (alive.clone(), most.clone());
            futures::stream::iter((0..200).map(move |_| {
                let now = alive.fetch_add(1 << 20, Ordering::SeqCst) + (1 << 20);
                most.fetch_max(now, Ordering::SeqCst);
                Ok(Bytes::from_owner(Piece(vec![7; 1 << 20], alive.clone())))
            }))
        };
        use futures::StreamExt;
        let request = Request::post(format!("/apm/v1/tenants/{TENANT}/packages/upload"))
            .header("access_token", rig.token(TENANT, "ROLE_MECM_TENANT", 60))
            .header("content-type", Form::of(b"").content_type())
            .body(Body::from_stream(head.chain(middle).chain(tail)))
            .unwrap();
        let answer = rig.send(request).await;
        assert_eq!(answer.status, 400, "no package: {answer:?}");
        assert!(most.load(Ordering::SeqCst) <= 8 << 20, "{most:?} bytes at once");
        rig.assert_nothing("no package").await;
    })
    .await;
}
