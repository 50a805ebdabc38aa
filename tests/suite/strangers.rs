//! What those learn who may not see a record: whether it is there is not among it. And that nobody reaches a record of another
//! tenant, or an application through another host, by its id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mecm::demo::api::{Api, At};
use mecm::suite;
use mecm_common::auth::Role;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::db::testing::kinds;
use mecm_common::models::ids::TenantId;
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::callers::{routes, routes_to};
use super::documents::{Ids, OPEN};
use super::rig::{Place, Rig, on_each};

/// A tenant's records, one of each kind.
async fn records(rig: &Rig) -> Ids {
    let hosts = rig.edges(2, 2).await;
    let store = json!({"appstoreIp": hosts[0], "appstorePort": "8099", "uri": "/x", "appstoreName": "store"});
    let post = Method::POST;
    rig.api
        .expect(At::Inventory, post.clone(), "/appstores", Some(&store), 200)
        .await
        .unwrap();
    let package = rig.upload(mecm::sample::build().unwrap()).await;
    let ids = rig.create(&package, "sample", &hosts[..1]).await;
    rig.settled().await;
    rig.batch("instantiate", &ids).await;
    rig.settled().await;
    let path = format!("/app_instances/{}/appd_configuration", ids[0]);
    let told = rig
        .api
        .expect(At::Appo, post, &path, Some(&rules()), 202)
        .await
        .unwrap();
    Ids {
        package: package.0,
        instance: ids[0].clone(),
        task: told["response"]["apprule_task_id"].as_str().unwrap().to_owned(),
        host: hosts[0].clone(),
    }
}

fn rules() -> Value {
    json!({"appName": "sample", "appDNSRule": [{"dnsRuleId": "d1", "domainName": "example.org",
        "ipAddressType": "IP_V4", "ipAddress": "10.1.1.1", "ttl": 30}]})
}

/// What is answered, without what differs from call to call.
async fn told(client: &Client, method: &Method, url: &str, token: Option<&str>) -> (u16, String) {
    let mut request = client.request(method.clone(), url);
    if let Some(token) = token {
        request = request.header("access_token", token);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let Ok(mut body) = serde_json::from_str::<Value>(&text) else {
        return (status, text);
    };
    if let Some(members) = body.as_object_mut() {
        for differs in ["timestamp", "requestId", "path"] {
            members.remove(differs);
        }
    }
    (status, body.to_string())
}

fn token(rig: &Rig, tenant: TenantId, role: Role, minutes: i64) -> String {
    let life = TimeDelta::minutes(minutes);
    suite::token(&rig.place.config, &Clock::System, tenant, "x", &[role], life)
        .unwrap()
        .expose_secret()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_see_a_record_does_not_learn_whether_it_is_there() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let tenant = rig.api.tenant();
        let there = routes_to(rig, tenant, &records(rig).await).await;
        let absent = routes(rig, tenant).await;
        let callers = [
            None,
            Some("[object Object]".to_owned()),
            Some(token(rig, tenant, Role::Tenant, -5)),
            Some(token(rig, TenantId(Uuid::new_v4()), Role::Tenant, 5)),
            Some(token(rig, TenantId(Uuid::new_v4()), Role::Admin, 5)),
            Some(token(rig, tenant, Role::Guest, 5)),
        ];
        let mut compared = 0;
        for ((method, there), (_, absent)) in there.iter().zip(&absent) {
            if OPEN.iter().any(|open| there.ends_with(open)) || there == absent {
                continue;
            }
            for (index, caller) in callers.iter().enumerate() {
                if index == callers.len() - 1 && *method == Method::GET {
                    // A guest reads.
                    continue;
                }
                let seen = told(&client, method, there, caller.as_deref()).await;
                assert!(matches!(seen.0, 400 | 401 | 403), "{method} {there}: {seen:?}");
                let unseen = told(&client, method, absent, caller.as_deref()).await;
                assert_eq!(seen, unseen, "{method} {there}");
                compared += 1;
            }
        }
        assert!(compared > 150, "{compared}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_reaches_nothing_of_another_by_its_id() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let ids = records(rig).await;
        let other: Api = rig.place.api(&rig.suite, TenantId(Uuid::new_v4()), Role::Tenant);
        let before = seen(rig, &client, &ids).await;
        for (at, method, path, body) in calls(&ids) {
            let answer = other.ask(at, method.clone(), &path, body.as_ref()).await.unwrap();
            assert_eq!(answer.status.as_u16(), 404, "{method} {path}");
        }
        let batch = json!({"appInstanceIds": [ids.instance]});
        for (method, what) in [
            (Method::POST, "instantiate"),
            (Method::POST, "terminate"),
            (Method::DELETE, "terminate"),
        ] {
            let path = format!("/app_instances/batch_{what}");
            let answer = other
                .expect(At::Appo, method, &path, Some(&batch), 202)
                .await
                .unwrap();
            assert_eq!(answer["response"][0]["host"], Value::Null, "{path}: {answer}");
        }
        assert_eq!(
            seen(rig, &client, &ids).await,
            before,
            "and nothing of it has changed"
        );
    })
    .await;
}

/// What the owner reads of the records themselves.
async fn seen(rig: &Rig, client: &Client, ids: &Ids) -> Vec<(String, (u16, String))> {
    rig.settled().await;
    let token = token(rig, rig.api.tenant(), Role::Tenant, 5);
    let mut all = Vec::new();
    for (method, url) in routes_to(rig, rig.api.tenant(), ids).await {
        let of_records = [
            "mechosts",
            "applcms",
            "apprulemanagers",
            "appstores",
            "packages",
            "app_instance",
        ]
        .iter()
        .any(|noun| url.contains(noun));
        if method == Method::GET && of_records && !url.contains("/app_instances/") {
            let told = told(client, &method, &url, Some(&token)).await;
            all.push((url, told));
        }
    }
    all
}

/// Every kind of record, read, changed and deleted, with bodies that are right.
fn calls(ids: &Ids) -> Vec<(At, Method, String, Option<Value>)> {
    let (host, instance) = (&ids.host, &ids.instance);
    let one = format!("/mechosts/{host}");
    let app = json!({"appInstanceId": instance, "appName": "a", "packageId": ids.package, "capabilities": ["GPU"],
        "status": "Created"});
    let of_inventory = [
        (
            "mechosts",
            json!({"mechostIp": host, "mechostName": "a", "city": "a", "address": "a",
            "edgerepoIp": host, "edgerepoPort": "443", "applcmIp": host, "coordinates": "1,1"}),
        ),
        (
            "applcms",
            json!({"applcmIp": host, "applcmName": "a", "applcmPort": "1"}),
        ),
        (
            "apprulemanagers",
            json!({"appRuleIp": host, "appRuleName": "a", "appRulePort": "1"}),
        ),
        (
            "appstores",
            json!({"appstoreIp": host, "appstorePort": "1", "uri": "/x"}),
        ),
    ];
    let mut all = Vec::new();
    for (noun, body) in of_inventory {
        let path = format!("/{noun}/{host}");
        all.push((At::Inventory, Method::GET, path.clone(), None));
        all.push((At::Inventory, Method::PUT, path.clone(), Some(body)));
        all.push((At::Inventory, Method::DELETE, path, None));
    }
    let rule_set = format!("/app_instances/{instance}/appd_configuration");
    let remove = json!({"appDNSRule": ["d1"]});
    for (at, method, path, body) in [
        (At::Inventory, Method::DELETE, format!("{one}?force=true"), None),
        (At::Inventory, Method::GET, format!("{one}/capabilities"), None),
        (
            At::Inventory,
            Method::GET,
            format!("{one}/capabilities/GPU/applications"),
            None,
        ),
        (
            At::Inventory,
            Method::PUT,
            format!("{one}/capabilities/software"),
            Some(json!({"swcapabilities": []})),
        ),
        (At::Inventory, Method::GET, format!("{one}/apps"), None),
        (
            At::Inventory,
            Method::POST,
            format!("{one}/apps"),
            Some(app.clone()),
        ),
        (At::Inventory, Method::GET, format!("{one}/apps/{instance}"), None),
        (
            At::Inventory,
            Method::PUT,
            format!("{one}/apps/{instance}"),
            Some(app),
        ),
        (
            At::Inventory,
            Method::DELETE,
            format!("{one}/apps/{instance}"),
            None,
        ),
        (At::Inventory, Method::DELETE, format!("{one}/k8sconfig"), None),
        (At::Inventory, Method::GET, rule_set.clone(), None),
        (At::Inventory, Method::PUT, rule_set.clone(), Some(rules())),
        (At::Apm, Method::GET, format!("/packages/{}", ids.package), None),
        (
            At::Apm,
            Method::GET,
            format!("/packages/{}/download", ids.package),
            None,
        ),
        (
            At::Apm,
            Method::DELETE,
            format!("/packages/{}", ids.package),
            None,
        ),
        (
            At::Appo,
            Method::GET,
            format!("/app_instance_infos/{instance}"),
            None,
        ),
        (
            At::Appo,
            Method::GET,
            format!("/app_instance_infos?appinstanceids={instance}"),
            None,
        ),
        (At::Appo, Method::GET, format!("/app_instances/{instance}"), None),
        (At::Appo, Method::POST, format!("/app_instances/{instance}"), None),
        (
            At::Appo,
            Method::DELETE,
            format!("/app_instances/{instance}"),
            None,
        ),
        (
            At::Appo,
            Method::DELETE,
            format!("/app_instances/{instance}?force=true"),
            None,
        ),
        (At::Appo, Method::POST, rule_set.clone(), Some(rules())),
        (At::Appo, Method::PUT, rule_set.clone(), Some(rules())),
        (At::Appo, Method::DELETE, rule_set, Some(remove)),
        (
            At::Appo,
            Method::GET,
            format!("/apprule_task_infos/{}", ids.task),
            None,
        ),
        (At::Appo, Method::GET, format!("/hosts/{host}/kpi"), None),
        (
            At::Appo,
            Method::GET,
            format!("/hosts/{host}/mep_capabilities"),
            None,
        ),
    ] {
        all.push((at, method, path, body));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_not_reached_through_another_host() {
    on_each(async |rig| {
        let ids = records(rig).await;
        let hosts = rig
            .api
            .expect(At::Inventory, Method::GET, "/mechosts", None, 200)
            .await
            .unwrap();
        let elsewhere = hosts
            .as_array()
            .unwrap()
            .iter()
            .find_map(|host| host["mechostIp"].as_str().filter(|ip| *ip != ids.host))
            .unwrap();
        let path = format!("/mechosts/{elsewhere}/apps/{}", ids.instance);
        let app = json!({"appInstanceId": ids.instance, "appName": "other", "packageId": ids.package, "status": "Created"});
        for (method, body, status) in [
            (Method::GET, None, 404),
            (Method::PUT, Some(&app), 404),
            // There is nothing of it there, which is what was asked for.
            (Method::DELETE, None, 200),
        ] {
            rig.api
                .expect(At::Inventory, method, &path, body, status)
                .await
                .unwrap();
        }
        let path = format!("/mechosts/{}/apps/{}", ids.host, ids.instance);
        let told = rig
            .api
            .expect(At::Inventory, Method::GET, &path, None, 200)
            .await
            .unwrap();
        assert_eq!(told["appName"], "sample");
    })
    .await;
}

/// A token with these claims besides a tenant's own, signed with a key that the services believe.
fn signed(tenant: TenantId, key: &str, more: &Value) -> String {
    let mut claims = json!({"userId": tenant.to_string(), "user_name": "x", "jti": "x",
        "authorities": [Role::Tenant.as_str()], "exp": (Clock::System.now() + TimeDelta::minutes(5)).timestamp()});
    claims
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let parts = [json!({"alg": "HS256", "typ": "JWT"}), claims];
    let signed = parts
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
        .join(".");
    let mut code = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    code.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(code.finalize().into_bytes());
    format!("{signed}.{signature}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_opens_no_route() {
    const HMAC: &str = "an hmac key of thirty-two bytes or more";
    for kind in kinds() {
        let mut place = Place::new(kind).await;
        place.config.auth.hmac_key = HMAC.to_owned().into();
        let rig = Rig::start(place).await;
        let client = Clients::new(&rig.place.config).unwrap().services;
        let tenant = rig.api.tenant();
        let access = signed(tenant, HMAC, &json!({}));
        let refresh = signed(tenant, HMAC, &json!({"ati": "7d0e"}));
        for (method, url) in routes(&rig, tenant).await {
            if OPEN.iter().any(|open| url.ends_with(open)) {
                continue;
            }
            let (status, body) = told(&client, &method, &url, Some(&refresh)).await;
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (status, &body["message"]),
                (401, &json!("Invalid access token")),
                "{method} {url}"
            );
            if url.contains("/tenants/") {
                let (status, _) = told(&client, &method, &url, Some(&access)).await;
                assert_ne!(status, 401, "{method} {url}: without `ati` it is an access token");
            }
        }
        let Rig { suite, place, .. } = rig;
        suite.stop().await;
        drop(place);
    }
}
