//! No answer says a secret back: not the caller's own, not a service's, not what is only passing through.

use mecm::demo::api::At;
use mecm::keys;
use mecm_common::auth::keys::ServiceKey;
use mecm_common::client::Clients;
use mecm_common::db::testing::kinds;
use reqwest::{Client, Method, Response};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::callers::routes;
use super::documents::OPEN;
use super::rig::{Place, Rig};
use super::signatures::Signed;

/// What must not be said, by a name that may.
type Secrets = Vec<(&'static str, String)>;

async fn says_none(answer: Response, what: &str, secrets: &Secrets) -> u16 {
    let status = answer.status().as_u16();
    let text = format!("{:?} {}", answer.headers().clone(), answer.text().await.unwrap());
    for (name, secret) in secrets {
        assert!(secret.len() >= 16, "{name}");
        assert!(!text.contains(secret.as_str()), "{what}: {status} says {name}");
    }
    status
}

/// What the services keep secret, from their folder.
fn of_services(rig: &Rig) -> Secrets {
    let config = &rig.place.config;
    let read = |name: &str| std::fs::read_to_string(config.data_dir.join(name)).unwrap();
    let mut all = vec![
        (
            "APPO's secret key",
            keys::appo(config).unwrap().secret_key.expose().to_owned(),
        ),
        (
            "APM's secret key",
            keys::apm(config).unwrap().secret_key.expose().to_owned(),
        ),
        ("the jobs' key", read("job-key").trim().to_owned()),
    ];
    all.extend(
        read("master-key")
            .lines()
            .map(|line| ("the master key", line.to_owned())),
    );
    all
}

async fn walk(rig: &Rig, client: &Client, key: &ServiceKey, secrets: &Secrets) {
    let token = rig.api.token().expose_secret();
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let altered = format!("{first}{}", &signature[1..]);
    let of_another = format!("{rest}.{altered}");
    let nonsense = json!({"secretKey": key.secret_key.expose(), "name": "-", "appPkgPath": "-"});
    for (method, url) in routes(rig, rig.api.tenant()).await {
        if OPEN.iter().any(|open| url.ends_with(open)) {
            continue;
        }
        let with = |token: &str, body: &Value| {
            let request = client.request(method.clone(), &url).header("access_token", token);
            request
                .header("content-type", "application/json")
                .body(body.to_string())
        };
        // A token that does not hold, a body that is none, and a signature that does not fit.
        let mut said = secrets.clone();
        said.push(("the token's signature", altered.clone()));
        let what = format!("{method} {url}");
        let answer = with(&of_another, &json!({})).send().await.unwrap();
        assert_eq!(says_none(answer, &what, &said).await, 401, "{what}");
        says_none(with(token, &nonsense).send().await.unwrap(), &what, &said).await;

        let signed = Signed::new(key, &method, &url);
        let own = signed
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization")
            .unwrap();
        let digits = own.1.rsplit_once('=').unwrap().1.to_owned();
        let mut wrong = client.request(method.clone(), &url);
        for (name, value) in &signed.headers {
            wrong = wrong.header(*name, if *name == "x-request-id" { "another" } else { value });
        }
        said.push(("the signature", digits));
        let status = says_none(wrong.send().await.unwrap(), &what, &said).await;
        assert!(matches!(status, 401 | 403), "{what}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_says_a_secret_back() {
    for kind in kinds() {
        let mut place = Place::new(kind).await;
        place.config.apm.app_stores = vec!["127.9.9.9:8099".to_owned()];
        let rig = Rig::start(place).await;
        let client = Clients::new(&rig.place.config).unwrap().services;
        let made = json!({"name": "atp"});
        let made = rig
            .api
            .expect(At::Inventory, Method::POST, "/credentials", Some(&made), 201)
            .await
            .unwrap();
        let text = |member: &str| made[member].as_str().unwrap().to_owned();
        let key = ServiceKey {
            access_key: text("accessKey").parse().unwrap(),
            secret_key: text("secretKey").parse().unwrap(),
        };
        let mut secrets = of_services(&rig);
        secrets.push(("the key's secret", text("secretKey")));
        // Shown once: no longer told by whatever else tells of the key.
        for path in [
            "/credentials".to_owned(),
            format!("/credentials/{}", key.access_key),
            "/audit".to_owned(),
        ] {
            let answer = rig
                .api
                .ask(At::Inventory, Method::GET, &path, None)
                .await
                .unwrap();
            assert_eq!(answer.status.as_u16(), 200);
            assert!(
                secrets.iter().all(|(_, secret)| !answer.text().contains(secret)),
                "{path}"
            );
        }
        walk(&rig, &client, &key, &secrets).await;

        // A password in the address of a package.
        let password = "pass-word-of-the-store";
        let body = json!({"appPkgId": "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90", "appPkgName": "zone", "appPkgVersion": "1.0",
            "appId": "9f1d13fe8cf247bcbe0e95d4b1a0ad19", "mecHostInfo": [{"hostIp": "127.1.0.1"}],
            "appPkgPath": format!("http://user:{password}@127.9.9.9:8099/a.csar")});
        let answer = rig
            .api
            .ask(At::Apm, Method::POST, "/packages", Some(&body))
            .await
            .unwrap();
        assert!(!answer.text().contains(password), "{}", answer.text());
        let told = rig
            .api
            .ask(At::Apm, Method::GET, "/packages", None)
            .await
            .unwrap();
        assert!(!told.text().contains(password), "{}", told.text());
        let Rig { suite, place, .. } = rig;
        suite.stop().await;
        drop(place);
    }
}
