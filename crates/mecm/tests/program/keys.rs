//! Access keys from the command line, against services that log all there is.

use std::net::TcpListener;
use std::process::Command;

use mecm_common::auth::signature::SecretKey;
use mecm_common::db::testing::{Guard, Scratch, fresh_url, kinds};
use serde_json::Value;

use super::process::{Running, ended, mecm};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// A suite on known ports, and what its command line is told of it.
struct Place {
    folder: Scratch,
    variables: Vec<(String, String)>,
}

impl Place {
    /// For services on ports that nobody has, with a database of this kind; and where each service will be.
    async fn new(kind: &str) -> (Self, Vec<Guard>, [String; 3]) {
        let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let (mut variables, mut guards) = (Vec::new(), Vec::new());
        for (service, listener) in ["INVENTORY", "APM", "APPO"].into_iter().zip(&free) {
            let port = listener.local_addr().unwrap().port();
            variables.push((format!("MECM_{service}__PORT"), port.to_string()));
            if kind == "postgres" {
                let (url, guard) = fresh_url(kind).await.unwrap();
                variables.push((format!("MECM_{service}__DATABASE"), url));
                guards.push(guard);
            }
        }
        let origins = free.map(|listener| format!("http://{}", listener.local_addr().unwrap()));
        let folder = Scratch::new().unwrap();
        (Self { folder, variables }, guards, origins)
    }

    /// So many services, all or one, logging what this filter lets through; and what they logged so far.
    fn start(&self, command: &str, services: usize, filter: &str) -> (Running, Vec<String>) {
        let mut up = Running::start_logging(self.mecm(&[command]).env("MECM_LOG__FILTER", filter));
        let mut log = Vec::new();
        for _ in 0..services {
            log.extend(up.until(": ready"));
        }
        (up, log)
    }

    fn mecm(&self, arguments: &[&str]) -> Command {
        let mut command = mecm(&self.folder);
        command.envs(self.variables.iter().cloned()).args(arguments);
        command
    }

    /// What a command prints, which must work.
    fn said(&self, arguments: &[&str]) -> String {
        let (output, errors, status) = ended(&mut self.mecm(arguments));
        assert!(status.success(), "{arguments:?}: {errors}");
        output
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.said(arguments)).unwrap()
    }

    /// With an access key in the environment.
    fn with(&self, key: &Value, arguments: &[&str]) -> (String, bool) {
        let mut command = self.mecm(arguments);
        command
            .env("MECM_AK", key["accessKey"].as_str().unwrap())
            .env("MECM_SK", key["secretKey"].as_str().unwrap());
        let (output, _, status) = ended(&mut command);
        (output, status.success())
    }
}

/// The status that is answered, asked as the printed line says.
async fn asked(line: &str) -> u16 {
    answered(line).await.0
}

/// What is answered, asked as the printed line says.
async fn answered(line: &str) -> (u16, String) {
    // curl -X METHOD 'URL' -H 'name: value' … --data-raw 'body'
    let mut parts = line.trim().split('\'');
    let method = parts.next().unwrap().split_ascii_whitespace().nth(2).unwrap();
    let url = parts.next().unwrap();
    let client = mecm_common::client::Clients::new(&mecm_common::config::Config::defaults())
        .unwrap()
        .services;
    let mut request = client.request(method.parse().unwrap(), url);
    while let (Some(flag), Some(value)) = (parts.next(), parts.next()) {
        match flag.trim() {
            "-H" => {
                let (name, value) = value.split_once(": ").unwrap();
                request = request.header(name, value);
            }
            "--data-raw" => request = request.body(value.to_owned()),
            other => panic!("{other}"),
        }
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_used_and_managed_and_no_secret_is_in_a_log_that_says_all() {
    for kind in kinds() {
        let (place, guards, [inventory, _, appo]) = Place::new(kind).await;
        let (mut up, mut log) = place.start("up", 3, "trace");

        let of = ["--tenant", TENANT];
        let key = place.json(
            &[
                &["key", "create"],
                &of[..],
                &["--name", "atp", "--source", "127.0.0.0/8"],
            ]
            .concat(),
        );
        let access_key = key["accessKey"].as_str().unwrap();
        let hosts = format!("{inventory}/inventory/v1/tenants/{TENANT}/mechosts");
        let infos = format!("{appo}/appo/v1/tenants/{TENANT}/app_instance_infos");
        let (line, _) = place.with(&key, &["sign", "GET", &hosts]);
        assert_eq!(asked(&line).await, 404);
        let (line, _) = place.with(&key, &["sign", "GET", &infos]);
        assert_eq!(asked(&line).await, 404);
        let (line, _) = place.with(&key, &["sign", "POST", &hosts, "--data", r#"{"a":"b c"}"#]);
        assert_eq!(asked(&line).await, 400, "the body is none of a host");
        assert_eq!(asked(&line).await, 401, "a replay");
        let (token, made) = place.with(&key, &["token"]);
        assert!(made && token.starts_with("eyJ"));

        let (ak, rotate) = ([access_key], ["key", "rotate", "--grace-seconds", "0"]);
        let rotated = place.json(&[&rotate[..], &of, &ak].concat());
        let (line, _) = place.with(&key, &["sign", "GET", &hosts]);
        assert_eq!(asked(&line).await, 401, "the old secret");
        place.said(&["key", "rotate-master"]);
        let (line, _) = place.with(&rotated, &["sign", "GET", &hosts]);
        assert_eq!(asked(&line).await, 404);
        let master = std::fs::read_to_string(place.folder.0.join("master-key")).unwrap();
        assert_eq!(master.lines().count(), 2);
        place.said(&[&["key", "disable"], &of[..], &ak].concat());
        assert!(!place.with(&rotated, &["token"]).1);
        let listed = place.json(&[&["key", "list"], &of[..]].concat());
        assert_eq!(listed[0]["status"], "DISABLED");
        assert!(!listed.to_string().contains("secretKey"));
        place.said(&[&["key", "delete"], &of[..], &ak].concat());
        let (_, errors, status) = ended(&mut place.mecm(&[&["key", "delete"], &of[..], &ak].concat()));
        assert!(
            !status.success() && errors.contains("404: Record not found"),
            "{errors}"
        );

        // A word that must be in a log that says all; then nothing is that must not.
        let canary = "canary-of-the-log";
        let client = mecm_common::client::Clients::new(&mecm_common::config::Config::defaults()).unwrap();
        let last = client.services.get(&hosts).header("x-request-id", canary);
        assert_eq!(last.send().await.unwrap().status().as_u16(), 401);
        log.extend(up.until(canary));
        let log = log.join("\n");
        assert!(log.contains(access_key) && log.contains("TRACE"), "it says a lot");
        let read = |name: &str| std::fs::read_to_string(place.folder.0.join(name)).unwrap();
        let service: Value = serde_json::from_str(&read("appo-key.json")).unwrap();
        let (signature, job) = (token.trim(), read("job-key"));
        let mut secrets = vec![
            key["secretKey"].as_str().unwrap(),
            rotated["secretKey"].as_str().unwrap(),
            service["secretKey"].as_str().unwrap(),
            signature,
            job.trim(),
        ];
        secrets.extend(master.lines());
        for secret in secrets {
            assert!(
                secret.len() >= 32 && !log.contains(secret),
                "{kind}: a secret is in the log"
            );
        }
        assert!(up.terminate().await.success());
        drop(guards);
    }
}

/// What was asked of the database according to a log, in no order; without what a new connection begins with.
fn statements(log: &[String]) -> Vec<String> {
    let mut all: Vec<String> = log
        .iter()
        .filter(|line| line.contains("sqlx::query"))
        .filter_map(|line| line.split_once("summary=\"")?.1.split_once("\" db.statement"))
        .map(|(summary, _)| summary.to_owned())
        .filter(|summary| !summary.starts_with("PRAGMA") && !summary.starts_with("SET"))
        .collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_key_is_there_is_not_to_be_told_from_what_its_database_has_to_do() {
    for kind in kinds() {
        let (place, guards, [inventory, ..]) = Place::new(kind).await;
        let (mut up, _) = place.start("inventory", 1, "info,sqlx::query=debug");
        let client = mecm_common::client::Clients::new(&mecm_common::config::Config::defaults())
            .unwrap()
            .services;
        let hosts = format!("{inventory}/inventory/v1/tenants/{TENANT}/mechosts");
        let known = place.json(&["key", "create", "--tenant", TENANT, "--name", "atp"]);
        let unknown = "QUtBS0FLQUtBS0FLQUs=";
        let mut told = Vec::new();
        for access_key in [known["accessKey"].as_str().unwrap(), unknown] {
            let secret = SecretKey::generate();
            let wrong = serde_json::json!({"accessKey": access_key, "secretKey": secret.expose()});
            let mut of_key = Vec::new();
            for (request, method) in ["GET", "POST", "GET", "GET"].into_iter().enumerate() {
                // What the marker itself takes is nothing.
                let mark = async |name: &str| {
                    let id = format!("{name}-{request}-{access_key}").replace('=', "");
                    let marker = client.get(&hosts).header("x-request-id", &id);
                    assert_eq!(marker.send().await.unwrap().status().as_u16(), 401);
                    id
                };
                let begin = mark("begin").await;
                let (line, _) = place.with(&wrong, &["sign", method, &hosts]);
                let status = asked(&line).await;
                let end = mark("end").await;
                up.until(&begin);
                of_key.push((status, statements(&up.until(&end))));
            }
            told.push(of_key);
        }
        let statuses: Vec<u16> = told[0].iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [401, 401, 401, 403], "{kind}");
        assert!(
            told[0].iter().all(|(_, statements)| statements.len() >= 3),
            "{kind}: {told:?}"
        );
        assert_eq!(told[0], told[1], "{kind}");
        assert!(up.terminate().await.success());
        drop(guards);
    }
}
