//! Bodies of the life cycle: create, and the batches.

use super::*;
use crate::tests::on_each;
use crate::tests::sample::PLAIN;

const PACKAGE_ID: &str =
    "Package ID is invalid. It must be lowercase letters or digits with length of 32 characters.";
const APP_ID: &str = "Application instance ID is invalid. It must be lowercase letters or digits with length of 32 characters.";
const CAPABILITIES: &str = "capabilities exceeds max limit 10";

/// What create and batch create have in common.
const COMMON: &[Field] = &[
    field("/appPackageId", 64, "Package ID is mandatory", PACKAGE_ID),
    field("/appName", 128, "Application name is mandatory", APP_NAME),
    field("/appId", 64, "Application instance ID is mandatory", APP_ID),
    field(
        "/appInstanceDescription",
        256,
        "Application instance description is mandatory",
        "",
    ),
];
const HOST: &[Field] = &[field(
    "/mecHost",
    15,
    "MEC host is mandatory",
    "MEC host IP is invalid",
)];

fn create(path: &str, host: Value) -> Call {
    let mut good = Rig::create_body("zone", PLAIN);
    good["mecHost"] = host;
    good["swCapabilities"] = json!([]);
    Call {
        method: Method::POST,
        path: format!("/app_instances/{path}").trim_end_matches('/').to_owned(),
        good,
        taken: 202,
    }
}

fn one() -> Call {
    create("", Rig::host(0).to_string().into())
}

fn many() -> Call {
    create("batch_create", json!([Rig::host(0).to_string()]))
}

/// All calls that name instances.
fn by_id() -> [Call; 3] {
    let paths = [
        (Method::POST, "instantiate"),
        (Method::POST, "terminate"),
        (Method::DELETE, "terminate"),
    ];
    paths.map(|(method, path)| Call {
        method,
        path: format!("/app_instances/batch_{path}"),
        good: json!({"appInstanceIds": [UNKNOWN]}),
        taken: 202,
    })
}

async fn instances(rig: &Rig) -> usize {
    let all = rig.ask(Method::GET, "/app_instance_infos", None).await;
    all.body["response"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn each_constraint_of_a_create_has_its_text_and_what_is_refused_leaves_nothing() {
    on_each(|rig| async move {
        let mut taken = each_field(&rig, &one(), COMMON).await;
        taken += each_field(&rig, &one(), HOST).await;
        taken += each_field(&rig, &many(), COMMON).await;
        assert_eq!(instances(&rig).await, taken);
    })
    .await;
}

#[tokio::test]
async fn a_create_names_ten_capabilities_of_each_kind_at_most() {
    on_each(|rig| async move {
        for call in [one(), many()] {
            for at in ["/hwCapabilities", "/swCapabilities"] {
                for fits in [Value::Null, json!([]), json!(vec!["GPU"; 10])] {
                    call.says(&rig, at, &fits, &[]).await;
                }
                let text = [CAPABILITIES.to_owned()];
                call.says(&rig, at, &json!(vec!["GPU"; 11]), &text).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_create_lacks_is_told_in_the_order_of_its_fields() {
    on_each(|rig| async move {
        let mandatory: Vec<_> = COMMON.iter().chain(HOST).map(|field| field.empty).collect();
        for call in [one(), many()] {
            let empty = rig.ask(call.method.clone(), &call.path, Some(json!({}))).await;
            empty.is_invalid("nothing", &mandatory);
        }
        // One text per constraint, whatever else is broken: of one field its length before its pattern.
        let mut body = one().good;
        for (member, value) in [
            ("mecHost", json!("10.0.0.256")),
            ("swCapabilities", json!(vec!["x"; 11])),
            ("hwCapabilities", json!(vec!["x"; 11])),
            ("appId", Value::Null),
            ("appName", json!("-".repeat(129))),
        ] {
            body[member] = value;
        }
        let broken = rig.ask(Method::POST, "/app_instances", Some(body)).await;
        broken.is_invalid(
            "much",
            &[
                &size(128),
                APP_NAME,
                "Application instance ID is mandatory",
                CAPABILITIES,
                CAPABILITIES,
                "MEC host IP is invalid",
            ],
        );
        assert_eq!(instances(&rig).await, 0);
    })
    .await;
}

#[tokio::test]
async fn each_item_of_a_batch_is_looked_at_and_one_that_is_wrong_refuses_them_all() {
    on_each(|rig| async move {
        let good = Rig::host(0).to_string();
        for call in [many()].iter().chain(&by_id()) {
            let (at, item, mandatory, pattern) = if call.good["mecHost"].is_array() {
                ("/mecHost", good.as_str(), "MEC host is mandatory", HOST_IP)
            } else {
                let mandatory = "Application instance IDs mandatory";
                ("/appInstanceIds", UNKNOWN, mandatory, INSTANCE_ID)
            };
            for none in [Value::Null, json!([])] {
                call.says(&rig, at, &none, &[mandatory.to_owned()]).await;
            }
            for wrong in [json!("x"), json!(""), json!(format!("{item} ")), Value::Null] {
                let one_wrong = [pattern.to_owned()];
                call.says(&rig, at, &json!([item, wrong]), &one_wrong).await;
            }
            let both_wrong = [pattern.to_owned(), pattern.to_owned()];
            call.says(&rig, at, &json!(["10.0.0.256", item, "x"]), &both_wrong)
                .await;
            let too_many = json!(vec![item; 1001]);
            call.says(&rig, at, &too_many, &[size(1000)]).await;
        }
        assert_eq!(instances(&rig).await, 0);
        for call in by_id() {
            let answer = call
                .with(&rig, "/appInstanceIds", &json!(vec![UNKNOWN; 1000]))
                .await;
            assert_eq!(answer.body["response"].as_array().map(Vec::len), Some(1000));
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_is_an_address_and_nothing_else() {
    on_each(|rig| async move {
        for wrong in ["10.0.0.256", "10.0.0.01", "10.0.0", "10.0.0.1/8", "::1", "edge-1"] {
            let text = ["MEC host IP is invalid".to_owned()];
            one().says(&rig, "/mecHost", &json!(wrong), &text).await;
        }
        // The longest there is.
        one().says(&rig, "/mecHost", &json!("255.255.255.255"), &[]).await;
    })
    .await;
}
