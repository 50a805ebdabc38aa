//! Access keys from the command line, against services that log all there is.

use std::net::TcpListener;
use std::process::Command;

use mecm_common::db::testing::{Scratch, fresh_url, kinds};
use serde_json::Value;

use super::process::{Running, ended, mecm};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// A suite on known ports, and what its command line is told of it.
struct Place {
    folder: Scratch,
    variables: Vec<(String, String)>,
}

impl Place {
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

/// What the address is answered with, asked as the printed line says.
async fn asked(line: &str) -> u16 {
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
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_used_and_managed_and_no_secret_is_in_a_log_that_says_all() {
    for kind in kinds() {
        let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let mut variables = Vec::new();
        let mut guards = Vec::new();
        for (service, listener) in ["INVENTORY", "APM", "APPO"].into_iter().zip(&free) {
            let port = listener.local_addr().unwrap().port();
            variables.push((format!("MECM_{service}__PORT"), port.to_string()));
            if kind == "postgres" {
                let (url, guard) = fresh_url(kind).await.unwrap();
                variables.push((format!("MECM_{service}__DATABASE"), url));
                guards.push(guard);
            }
        }
        let origin = |service: usize| format!("http://{}", free[service].local_addr().unwrap());
        let (inventory, appo) = (origin(0), origin(2));
        drop(free);
        let place = Place {
            folder: Scratch::new().unwrap(),
            variables,
        };
        let mut up = Running::start_logging(place.mecm(&["up"]).env("MECM_LOG__FILTER", "trace"));
        let mut log = Vec::new();
        for _ in 0..3 {
            log.extend(up.until(": ready"));
        }

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
