//! What a v1.0 controller refuses, and what it says then.

use super::client::{Answer, Form, call};
use super::packages::{Shape, package, sample};
use super::{HOST, INSTANCE, TENANT, World, form, instantiate, token, token_of};

const GUEST: &str = "ROLE_MECM_GUEST";

fn path(tenant: &str, instance: &str) -> String {
    format!("/lcmcontroller/v1/tenants/{tenant}/app_instances/{instance}/instantiate")
}

async fn send(world: &World, form: Form, tenant: &str, instance: &str, token: &str) -> Answer {
    form.send(
        world.lcm(),
        "POST",
        &path(tenant, instance),
        &[("access_token", token)],
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_bad_form_is_refused_with_the_text_for_it() {
    let world = World::start().await;
    let csar = sample("positioning");
    let file = |name: &str| Form::default().file("file", name, &csar);
    let good = |form: Form| form.text("hostIp", HOST).text("appName", "zoneapp");
    let named = |name: &str| file("x.csar").text("hostIp", HOST).text("appName", name);
    let long = format!("{}.csar", "a".repeat(60));
    for (form, text) in [
        (
            file("x.csar").text("appName", "zoneapp"),
            "HostIp address is invalid",
        ),
        (
            file("x.csar").text("hostIp", "10.0.0.256"),
            "HostIp address is invalid",
        ),
        (good(Form::default()), "Failed to get csar file"),
        (named("abc"), "AppName is invalid"),
        (named(&"a".repeat(129)), "AppName is invalid"),
        (named("zone app"), "AppName is invalid"),
        (
            good(file("x.zip")),
            "File doesn't contain csar extension or filename is larger than max size",
        ),
        (
            good(file(&long)),
            "File doesn't contain csar extension or filename is larger than max size",
        ),
    ] {
        assert_eq!(
            send(&world, form, TENANT, INSTANCE, &token()).await.error(),
            (400, text.to_owned())
        );
    }
    let upper = INSTANCE.to_uppercase();
    let answer = send(&world, form(INSTANCE, &csar), TENANT, &upper, &token()).await;
    assert_eq!(answer.error(), (400, "App instance is invalid".to_owned()));
    let answer = send(&world, form(INSTANCE, &csar), "tenant", INSTANCE, &token()).await;
    assert_eq!(answer.error(), (400, "Tenant id is invalid".to_owned()));
    assert!(world.sim.totals().is_empty());
    assert_eq!(world.edge.counts().deploys, 0);
}

#[tokio::test]
async fn tokens_are_looked_at() {
    let world = World::start().await;
    let csar = sample("positioning");
    for (token, status, text) in [
        (token_of(TENANT, GUEST), 403, "forbidden"),
        (token_of(TENANT, "ROLE_MECM_ADMIN"), 401, "Authorization failed"),
        (
            token_of("0a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77", "ROLE_MECM_TENANT"),
            401,
            "Authorization failed",
        ),
        ("[object Object]".to_owned(), 401, "Authorization failed"),
    ] {
        let answer = send(&world, form(INSTANCE, &csar), TENANT, INSTANCE, &token).await;
        assert_eq!(answer.error(), (status, text.to_owned()));
    }
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/hosts/{HOST}/kpi");
    let guest = token_of(TENANT, GUEST);
    let read = call(world.lcm(), "GET", &path, &[("access_token", &guest)], b"")
        .await
        .unwrap();
    assert_eq!(read.status, 200);
    let none = call(world.lcm(), "GET", &path, &[], b"").await.unwrap();
    assert_eq!(none.error(), (401, "Authorization failed".to_owned()));
}

#[tokio::test]
async fn a_package_that_v1_cannot_deploy_is_refused_with_its_reason() {
    let world = World::start().await;
    let base = Shape::default();
    for (shape, status, text) in [
        (
            Shape {
                manifest_name: Some("sample.mf"),
                ..base
            },
            400,
            "Failed to read file",
        ),
        (
            Shape {
                manifest: Some("a: b: c: ["),
                ..base
            },
            400,
            "failed to convert from YAML to JSON",
        ),
        (
            Shape {
                manifest: Some("non_mano_artifact_sets:\n  applcm_k8s_chart_deployment: x\n"),
                ..base
            },
            500,
            "Deployment type is not helm based",
        ),
        (
            Shape {
                no_chart: true,
                ..base
            },
            500,
            "Artifact not available in application package.",
        ),
        (
            Shape {
                values: Some("image: x\n"),
                ..base
            },
            500,
            "rpc error: code = Unavailable desc = transport is closing",
        ),
    ] {
        let answer = instantiate(world.lcm(), INSTANCE, &package("positioning", shape))
            .await
            .unwrap();
        assert_eq!(answer.error(), (status, text.to_owned()));
        assert!(world.sim.totals().is_empty(), "nothing of it is left");
    }
    let no_archive = instantiate(world.lcm(), INSTANCE, b"no archive").await.unwrap();
    assert!(no_archive.is(500, ""));
    let cut = sample("positioning");
    assert!(
        instantiate(world.lcm(), INSTANCE, &cut[..cut.len() / 2])
            .await
            .unwrap()
            .is(500, "")
    );
    let answer = instantiate(
        world.lcm(),
        INSTANCE,
        &package(
            "x",
            Shape {
                no_directories: true,
                ..base
            },
        ),
    )
    .await
    .unwrap();
    assert_eq!(answer.status, 500);
    assert!(
        answer.body.starts_with("\"The output file is nil\""),
        "{answer:?}"
    );
    assert!(answer.body.ends_with("\"Failed to read file\""), "{answer:?}");
    assert_eq!(world.edge.counts().deploys, 0);
}

#[tokio::test]
async fn some_errors_do_not_keep_v1_from_deploying() {
    let world = World::start().await;
    let form = form(INSTANCE, &sample("positioning")).text("packageId", "no-uuid");
    let answer = send(&world, form, TENANT, INSTANCE, &token()).await;
    assert!(
        answer.is(400, "\"package id is invalid\"\"package id is invalid\""),
        "{answer:?}"
    );
    assert_eq!(world.query(INSTANCE).await.status, 200, "deployed and recorded");
    assert_eq!(world.terminate(INSTANCE).await.status, 200);

    let many = package(
        "positioning",
        Shape {
            more_entries: 1_100,
            ..Shape::default()
        },
    );
    let answer = instantiate(world.lcm(), INSTANCE, &many).await.unwrap();
    assert!(
        answer.is(
            500,
            "\"File size limit is exceeded\"\"File size limit is exceeded\""
        ),
        "{answer:?}"
    );
    assert_eq!((world.edge.records().len(), world.edge.counts().deploys), (1, 2));
}

#[tokio::test]
async fn large_bodies_and_many_calls_are_refused() {
    let world = World::start().await;
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{INSTANCE}/terminate");
    let large = vec![b'x'; 4_097];
    let answer = call(world.lcm(), "POST", &path, &[("access_token", &token())], &large)
        .await
        .unwrap();
    assert_eq!(answer.error(), (400, "request body too large".to_owned()));

    world.edge.behave(|edge| edge.calls_per_second = 0);
    let answer = world.query(INSTANCE).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, None));

    world.edge.behave(|edge| {
        edge.calls_per_second = 200;
        edge.plugin_burst = 0;
    });
    let answer = world.instantiate(INSTANCE).await.error();
    assert!(
        answer.0 == 500 && answer.1.ends_with("REFUSED_STREAM"),
        "{answer:?}"
    );
    assert!(world.sim.totals().is_empty());
}

#[tokio::test]
async fn a_host_needs_its_configuration_where_the_edge_is_told_so() {
    let world = World::start().await;
    world.edge.behave(|edge| edge.host_configuration = true);
    let missing = world.instantiate(INSTANCE).await.error();
    let told =
        format!("rpc error: code = Unknown desc = stat /usr/app/config/{HOST}: no such file or directory");
    assert_eq!(missing, (500, told));

    let path = "/lcmcontroller/v1/configuration";
    let own = token();
    let headers = [("access_token", own.as_str()), ("X-Real-IP", "127.0.0.1")];
    let upload = |name: &str, text: &[u8]| {
        Form::default()
            .file("configFile", name, text)
            .text("hostIp", HOST)
    };
    let yaml = b"apiVersion: v1\nkind: Config\n";
    for (form, text) in [
        (
            upload("10.0.0.2", yaml),
            "File shouldn't contains any extension or filename is larger than max size",
        ),
        (
            upload("kubeconfig", b"a: b: ["),
            "KubeConfig file validation is failed",
        ),
        (
            upload("kubeconfig", &vec![b'a'; 5 * 1024 * 1024]),
            "File size is larger than max size",
        ),
        (Form::default().text("hostIp", HOST), "Upload config file error"),
    ] {
        let answer = form.send(world.lcm(), "POST", path, &headers).await.unwrap();
        assert_eq!(answer.error(), (400, text.to_owned()));
    }
    let nobody = upload("kubeconfig", yaml)
        .send(world.lcm(), "POST", path, &headers[..1])
        .await
        .unwrap();
    assert_eq!(nobody.error(), (400, "cientIp address is invalid".to_owned()));

    let done = upload("kubeconfig", yaml)
        .send(world.lcm(), "POST", path, &headers)
        .await
        .unwrap();
    assert!(done.is(200, "null"));
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    let form = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        headers[0],
        headers[1],
    ];
    let unread = call(world.lcm(), "DELETE", path, &form, b"hostIp=10.0.0.2")
        .await
        .unwrap();
    assert_eq!(unread.error(), (400, "HostIp address is invalid".to_owned()));
    let gone = Form::default()
        .text("hostIp", HOST)
        .send(world.lcm(), "DELETE", path, &headers)
        .await
        .unwrap();
    assert!(gone.is(200, "null"));
    assert!(world.edge.configured_hosts().is_empty());
}

#[tokio::test]
async fn it_says_what_it_is_and_what_it_has_not() {
    let world = World::start().await;
    let index = world.get("/").await;
    assert!(
        index.body.starts_with("mecm-edge-sim: a simulated edge"),
        "{index:?}"
    );
    let nothing = world.get("/lcmcontroller/v2/tenants").await;
    assert!(nothing.is(404, "404 page not found\n"), "{nothing:?}");
    assert!(world.get("/lcmcontroller/v1/health").await.is(200, "ok"));
}
