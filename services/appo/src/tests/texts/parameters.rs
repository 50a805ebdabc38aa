//! Paths and queries.

use super::*;
use crate::tests::{TENANT, on_each};

/// Asserts that the parameter of that name is refused there.
async fn refused(rig: &Rig, method: Method, path: &str, name: &str) {
    let answer = rig.ask(method.clone(), path, None).await;
    let texts = ["URL parameter validation failed", name];
    answer.is_invalid(&format!("{method} {path}"), &texts);
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_wherever_it_stands_and_either_case_is_one() {
    on_each(|rig| async move {
        let calls = [
            (Method::POST, "/app_instances/{}"),
            (Method::GET, "/app_instances/{}"),
            (Method::DELETE, "/app_instances/{}"),
            (Method::GET, "/app_instance_infos/{}"),
            (Method::POST, "/app_instances/{}/appd_configuration"),
            (Method::PUT, "/app_instances/{}/appd_configuration"),
            (Method::DELETE, "/app_instances/{}/appd_configuration"),
            (Method::GET, "/apprule_task_infos/{}"),
        ];
        for (method, path) in calls {
            let name = if path.contains("task") {
                "apprule_task_id"
            } else {
                "app_instance_id"
            };
            for wrong in [
                "undefined",
                &UNKNOWN.replace('-', ""),
                &UNKNOWN.replace("-4000-", "-400-"),
                &UNKNOWN.replace('8', "g"),
                &format!("{UNKNOWN}0"),
                &format!("{UNKNOWN}%0A"),
                &format!("%7B{UNKNOWN}%7D"),
                &"0".repeat(65),
            ] {
                refused(&rig, method.clone(), &path.replace("{}", wrong), name).await;
            }
        }
        let upper = "ABCDEF00-0000-4000-8000-000000000000";
        for path in ["/app_instance_infos", "/apprule_task_infos"] {
            let answer = rig.ask(Method::GET, &format!("{path}/{upper}"), None).await;
            assert_eq!(answer.status, 404, "{answer:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_and_a_capability_that_are_none_are_refused() {
    on_each(|rig| async move {
        for path in ["kpi", "mep_capabilities", "mep_capabilities/x"] {
            for wrong in [
                "10.0.0.256",
                "10.0.0.01",
                "10.0.0.1%2F8",
                "10.0.0",
                "255.255.255.2550",
                "x",
            ] {
                refused(&rig, Method::GET, &format!("/hosts/{wrong}/{path}"), "host_ip").await;
            }
        }
        let capability = |id: &str| format!("/hosts/10.9.9.9/mep_capabilities/{id}");
        for wrong in ["-x", "x_", "a%20b", "a.b", "%C3%A9", &"x".repeat(65)] {
            refused(&rig, Method::GET, &capability(wrong), "capability_id").await;
        }
        for good in ["x", "a-b_c", &"x".repeat(64)] {
            let unknown_host = rig.ask(Method::GET, &capability(good), None).await;
            assert_eq!(unknown_host.detail(), (404, "Record not found"), "{good}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_filter_names_a_thousand_ids_at_most_and_each_is_one() {
    on_each(|rig| async move {
        for path in ["/app_instance_infos", "/app_instance_infos/appinstanceids"] {
            for name in ["appinstanceids", "appInstId"] {
                let again_and_again = |count: usize| vec![format!("{name}={UNKNOWN}"); count].join("&");
                let with_commas = |count: usize| format!("{name}={}", vec![UNKNOWN; count].join(","));
                for query in [again_and_again(1000), with_commas(1000)] {
                    let answer = rig.ask(Method::GET, &format!("{path}?{query}"), None).await;
                    assert_eq!(answer.detail(), (404, "Record not found"), "{answer:?}");
                }
                for query in [
                    again_and_again(1001),
                    with_commas(1001),
                    format!("{name}=x"),
                    format!("{name}="),
                    format!("{name}={UNKNOWN},"),
                    format!("{name}={UNKNOWN}&{name}={}", &UNKNOWN[1..]),
                ] {
                    refused(&rig, Method::GET, &format!("{path}?{query}"), name).await;
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_tenant_that_is_none_is_refused_even_to_who_says_to_be_it() {
    on_each(|rig| async move {
        for tenant in [
            "null",
            &TENANT.to_uppercase(),
            &TENANT.replace('-', ""),
            &format!("{TENANT}0"),
        ] {
            let token = rig.token(tenant, "ROLE_MECM_TENANT", 60);
            let path = format!("/appo/v1/tenants/{tenant}/app_instance_infos");
            let answer = rig.ask_at(&token, Method::GET, &path, None).await;
            answer.is_invalid(tenant, &["URL parameter validation failed", "tenant_id"]);
        }
    })
    .await;
}
