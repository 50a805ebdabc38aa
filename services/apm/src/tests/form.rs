//! The form of an upload: any order, any name that may be, and what is missing or wrong.

use std::sync::atomic::{AtomicUsize, Ordering};

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
            (good.clone().without("hostList").text("hostList", "10.0.0.2,"), 400, "host ip address is invalid"),
            (good.clone().without("hostList").text("hostList", &"1".repeat((1 << 20) + 1)), 413, "request content exceeded limit of 1048576"),
            (good.clone().without("appPackageName").text("appPackageName", &long), 400, "appPkgName must not exceed more than 255 characters"),
            (good.clone().without("appPackageVersion").text("appPackageVersion", &long), 400, "appPkgName must not exceed more than 255 characters"),
            (good.clone().without("appPackageName").text("appPackageName", "-x"), 400, "appPkgName is invalid. It must start with alpha numeric characters and special characters allowed are hyphen and underscore."),
            (good.clone().without("file").file("a b.csar", &file), 400, "a b.csar :fileName contain blank"),
            (good.clone().without("file").file("a.zip", &file), 400, "a.zip :fileName is Illegal"),
            (good.clone().without("file").file("a.csar.", &file), 400, "a.csar. :fileName is Illegal"),
            (good.clone().without("appPackageName").text("appPackageName", "\0"), 400, "a text with the character U+0000 cannot be kept"),
        ];
        for (form, status, detail) in rows {
            let answer = rig.upload(&form).await;
            assert_eq!(answer.detail(), (status, detail.to_owned()));
            rig.assert_nothing(detail).await;
        }
        let query = good.clone().without("appPackageVersion");
        let body = Body::from(query.bytes());
        let nul = rig.upload_of("?appPackageVersion=%00", &query.content_type(), body);
        let answer = rig.send(nul).await;
        assert_eq!(answer.detail(), (400, "a text with the character U+0000 cannot be kept".into()));
        rig.assert_nothing("nul").await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_form_is_told_so() {
    on_each(|rig| async move {
        let form = Form::of(&package("zone"));
        for (kind, status, detail) in [
            ("application/json", 415, "Unsupported Media Type"),
            ("multipart/mixed; boundary=x", 415, "Unsupported Media Type"),
            ("multipart/form-data", 400, "the Content-Type names no boundary"),
            (
                "multipart/form-data; boundary=\"",
                400,
                "the Content-Type names no boundary",
            ),
        ] {
            let answer = rig.send(rig.upload_of("", kind, Body::from(form.bytes()))).await;
            assert_eq!(answer.detail(), (status, detail.to_owned()), "{kind}");
        }
        rig.assert_nothing("no form").await;
    })
    .await;
}

#[tokio::test]
async fn a_host_list_may_be_long_and_a_host_counts_once() {
    on_each(|rig| async move {
        let list: Vec<String> = (0..1000)
            .map(|at| format!("10.1.{}.{}", at / 250, at % 250))
            .collect();
        let list = format!("{},{}", list.join(","), list.join(" , "));
        assert!(list.len() > 255);
        let form = Form::of(&package("zone"))
            .without("hostList")
            .text("hostList", &list);
        let answer = rig.upload(&form).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let list = rig.get("/packages").await.json();
        assert_eq!(list[0]["mecHostInfo"].as_array().unwrap().len(), 1000);
    })
    .await;
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.limits.records = 1).await;
        let refused = rig.upload(&Form::of(&package("zone"))).await;
        assert_eq!(refused.detail(), (409, "hosts of a package: 1".into()));
        rig.assert_nothing("two hosts").await;
    }
}

/// Spring's form converter, as ATP has it: the boundary after the charset and without blanks, the file first.
#[tokio::test]
async fn the_bytes_that_atp_sends_are_taken() {
    on_each(|rig| async move {
        let file = package("demo");
        let boundary = "C-LJRdreVw6ImWxiw6qUA9HJdMK1V0_H";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"8a9c_demo.csar\"\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            file.len()
        )
        .into_bytes();
        body.extend(&file);
        for (name, text) in [
            ("hostList", "10.0.0.2"),
            ("appPackageName", "demoapp"),
            ("appPackageVersion", "1.0"),
        ] {
            body.extend(
                format!(
                    "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\
                     Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                )
                .into_bytes(),
            );
        }
        body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
        for kind in [
            format!("multipart/form-data;boundary={boundary}"),
            format!("multipart/form-data;charset=UTF-8;boundary={boundary}"),
            format!("multipart/form-data;boundary={boundary};charset=UTF-8"),
        ] {
            let answer = rig.send(rig.upload_of("", &kind, Body::from(body.clone()))).await;
            assert_eq!(answer.status, 202, "{kind} {answer:?}");
            // At once: ATP creates an instance within milliseconds.
            let id = answer.json()["appPackageId"].as_str().unwrap().to_owned();
            assert_eq!(rig.get(&format!("/packages/{id}/download")).await.body, file);
        }
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
        let form = Form::of(b"")
            .without("file")
            .file("ｓample.csar", &vec![7; 300_000]);
        let answer = rig.upload(&form).await;
        assert_eq!(answer.detail(), (413, "ｓample.csar :fileSize is too big".into()));
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
        // 100 MiB in pieces of 1 MiB, each made when it is asked for and all there to be asked for at once. By then, nearly
        // everything that was made before has to be on the disk.
        const PIECE: usize = 1 << 20;
        let form = Form::of(b"@@").bytes();
        let at = form.windows(2).position(|two| two == b"@@").unwrap();
        let incoming = rig.folder.0.join("packages/incoming");
        let on_disk = move || -> usize {
            let files = std::fs::read_dir(&incoming).unwrap();
            files
                .map(|file| file.unwrap().metadata().unwrap().len())
                .sum::<u64>()
                .try_into()
                .unwrap()
        };
        let most = Arc::new(AtomicUsize::new(0));
        let middle = {
            let most = most.clone();
            (0..100).map(move |number| {
                most.fetch_max((number * PIECE).saturating_sub(on_disk()), Ordering::SeqCst);
                Bytes::from(vec![7; PIECE])
            })
        };
        let head = std::iter::once(Bytes::copy_from_slice(&form[..at]));
        let tail = std::iter::once(Bytes::copy_from_slice(&form[at + 2..]));
        let body = head.chain(middle).chain(tail).map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures::stream::iter(body));
        let answer = rig
            .send(rig.upload_of("", &Form::of(b"").content_type(), body))
            .await;
        assert_eq!(answer.status, 400, "no package: {answer:?}");
        assert!(
            most.load(Ordering::SeqCst) <= 4 * PIECE,
            "{most:?} bytes made and not written"
        );
        rig.assert_nothing("no package").await;
    })
    .await;
}
