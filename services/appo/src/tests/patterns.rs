//! What the pattern of a name takes comes back as it was sent, on either database; what it does not is refused with its text,
//! and nothing begins.

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};

use super::*;
use crate::tests::sample::PLAIN;

const NAME: &str = r"[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9_\-]{0,126}[a-zA-Z0-9]";
const TEXT: &str = "App name is invalid. It must start and end with alpha numeric character and special characters allowed are \
                    hyphen and underscore.";

fn on_each_sample<S: Strategy>(many: u32, samples: &S, check: impl AsyncFn(&Rig, S::Value)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for test in runtime.block_on(TestDb::all(&crate::migrations())) {
        let rig = runtime.block_on(Rig::start(test, |_| {}));
        let runs = Runs {
            cases: many,
            failure_persistence: None,
            ..Runs::default()
        };
        let tried = TestRunner::new(runs).run(samples, |sample| {
            runtime.block_on(check(&rig, sample));
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_name_and_a_description_come_back_as_they_were_sent() {
    let described = proptest::collection::vec(
        any::<char>().prop_filter("it cannot be kept", |c| *c != '\0'),
        1..256,
    );
    on_each_sample(12, &(NAME, described), async |rig, (name, described)| {
        let described = String::from_iter(described);
        let mut body = Rig::create_body(&name, PLAIN);
        body["mecHost"] = Rig::host(0).to_string().into();
        body["appInstanceDescription"] = described.as_str().into();
        let answer = rig.ask(Method::POST, "/app_instances", Some(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        rig.idle().await;
        let id = answer.body["response"]["app_instance_id"].as_str().unwrap();
        let path = format!("/app_instance_infos/{id}");
        let info = rig.ask(Method::GET, &path, None).await.body["response"].take();
        assert_eq!(info["appName"], name);
        assert_eq!(info["appDescriptor"], described);
        assert_eq!(rig.terminate(id).await.status, 202);
        rig.idle().await;
    });
}

#[test]
fn what_is_no_name_is_refused_with_its_text_and_nothing_begins() {
    let samples = prop_oneof![
        (NAME, "[!#$%/.,: \n\u{e9}\u{660}]", 0_usize..8).prop_map(|(good, bad, at)| {
            let mut all: Vec<char> = good.chars().take(100).collect();
            all.insert(at.min(all.len()), bad.chars().next().unwrap());
            String::from_iter(all)
        }),
        (r"[_\-]", "[a-z]{0,9}").prop_map(|(first, rest)| first + &rest),
        ("[a-z]{0,9}", r"[_\-]").prop_map(|(rest, last)| rest + &last),
    ];
    on_each_sample(48, &samples, async |rig, name| {
        let mut body = Rig::create_body(&name, PLAIN);
        body["mecHost"] = Rig::host(0).to_string().into();
        let answer = rig.ask(Method::POST, "/app_instances", Some(body)).await;
        assert_eq!(answer.detail(), (400, TEXT), "{name:?}");
        assert_eq!(
            rig.ask(Method::GET, "/app_instance_infos", None).await.status,
            404
        );
    });
}
