//! The Kubernetes configuration of a host goes to its LCM controller: a simulated one of v1.0, and stand-ins that tell what
//! they were sent.

mod gone;
mod recorded;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use mecm_common::auth::jwt::Unverified;
use mecm_common::auth::signature::{RequestParts, hash_body, sign};
use mecm_common::auth::{Role, Roles};
use mecm_common::config::Scheme;
use mecm_edge_sim::{SimConfig, Simulator, edge_address};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Answer, Bench, SERVICE, SIGNING, TENANT, host};

const PATH: &str = "/mechosts/10.0.0.1/k8sconfig";
const CONFIG: &str = "apiVersion: v1\nkind: Config\nclusters: []\n";

/// Inventories that may call the loopback network, over http.
async fn benches() -> Vec<Bench> {
    benches_with_patience(1).await
}

/// As [`benches`], where a controller may take so many seconds.
async fn benches_with_patience(seconds: u64) -> Vec<Bench> {
    let change = move |config: &mut mecm_common::config::Config| {
        config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
        config.peers.edge_scheme = Scheme::Http;
        config.peers.lcm_seconds = seconds;
    };
    Bench::all_with(change).await
}

impl Bench {
    /// The host 10.0.0.1, with its controller at this address.
    async fn host_of(&self, controller: &str, port: u16) {
        let mut host = host("10.0.0.1");
        host["applcmIp"] = controller.into();
        self.post("/mechosts", &host).await.is_done("Saved");
        let controller = json!({"applcmIp": controller, "applcmPort": port, "applcmName": "lcm"});
        self.post("/applcms", &controller).await.is_done("Saved");
    }

    /// Uploads `file` as a member of the tenant with this token.
    async fn upload_as(&self, token: &str, part: &str, name: &str, file: &[u8]) -> Answer {
        let mut body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"extra\"\r\n\r\nx\r\n--b\r\n\
             Content-Disposition: form-data; name=\"{part}\"; filename=\"{name}\"\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let request = Request::post(format!("/inventory/v1/tenants/{TENANT}{PATH}"))
            .header("access_token", token)
            .header("content-type", "multipart/form-data; boundary=b")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    async fn upload(&self, file: &[u8]) -> Answer {
        let token = self.token(TENANT, "ROLE_MECM_TENANT");
        self.upload_as(&token, "file", "10.0.0.1.yaml", file).await
    }

    async fn status(&self) -> String {
        let host = self.get("/mechosts/10.0.0.1").await.body;
        host["configUploadStatus"].as_str().unwrap_or("null").to_owned()
    }
}

/// What a stand-in was sent.
type Seen = Arc<Mutex<Vec<(Method, Uri, HeaderMap, Bytes)>>>;

/// A stand-in that answers everything with this; its port, and what it was sent.
async fn stand_in(status: u16, body: &'static str) -> (u16, Seen) {
    let seen = Seen::default();
    let answer = async move |State(seen): State<Seen>, method, uri, headers, sent: Bytes| {
        seen.lock().unwrap().push((method, uri, headers, sent));
        (StatusCode::from_u16(status).unwrap(), body).into_response()
    };
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::disable())
        .with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(axum::serve(listener, router).into_future());
    (port, seen)
}

#[tokio::test]
async fn a_v1_controller_takes_a_configuration_and_forgets_it() {
    for bench in benches().await {
        let clock = bench.clock.clone();
        let sim = Simulator::start(SimConfig {
            clock,
            ..SimConfig::default()
        })
        .await
        .unwrap();
        let edge = edge_address(0);
        bench.host_of(&edge.to_string(), sim.lcm_port()).await;
        assert_eq!(bench.status().await, "null");

        let answer = bench.upload(CONFIG.as_bytes()).await;
        assert_eq!((answer.status, answer.body), (200, json!(null)));
        assert_eq!(bench.status().await, "Uploaded");
        assert_eq!(sim.edge(edge).configured_hosts(), ["10.0.0.1"]);

        let answer = bench.delete(PATH).await;
        assert_eq!((answer.status, answer.body), (200, json!(null)));
        assert_eq!(bench.status().await, "Deleted");
        assert!(sim.edge(edge).configured_hosts().is_empty());
        sim.shutdown().await;
    }
}

#[tokio::test]
async fn the_controller_is_sent_the_file_under_a_name_that_it_takes() {
    for bench in benches().await {
        let (port, seen) = stand_in(200, "null").await;
        bench.host_of("127.0.0.1", port).await;
        let token = bench.token(TENANT, "ROLE_MECM_TENANT");
        assert_eq!(
            bench
                .upload_as(&token, "file", "10.0.0.1", CONFIG.as_bytes())
                .await
                .status,
            200
        );
        assert_eq!(bench.delete(PATH).await.status, 200);
        let seen = seen.lock().unwrap();
        let (method, uri, headers, body) = &seen[0];
        assert_eq!(
            (method, uri.to_string().as_str()),
            (&Method::POST, "/lcmcontroller/v1/configuration")
        );
        assert_eq!(headers["access_token"], token.as_str());
        assert_eq!(headers["x-real-ip"], "127.0.0.1");
        assert!(headers.contains_key("x-request-id"));
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains("name=\"configFile\"; filename=\"kubeconfig\""),
            "{body}"
        );
        assert!(body.contains(CONFIG) && !body.contains("extra"), "{body}");
        let (_, host) = body.split_once("name=\"hostIp\"\r\n\r\n").unwrap();
        assert!(host.starts_with("10.0.0.1\r\n"), "{body}");
        let (method, uri, headers, _) = &seen[1];
        assert_eq!(
            (method, uri.to_string().as_str()),
            (&Method::DELETE, "/lcmcontroller/v1/configuration?hostIp=10.0.0.1")
        );
        assert_eq!(headers["x-real-ip"], "127.0.0.1");
    }
}

#[tokio::test]
async fn a_caller_whose_token_cannot_serve_there_gets_one_made() {
    for bench in benches().await {
        let (port, seen) = stand_in(200, "null").await;
        bench.host_of("127.0.0.1", port).await;
        // An administrator's token, one that is about to end, and a signature.
        let admin = bench.token(TENANT, "ROLE_MECM_ADMIN");
        let ending = bench.token(TENANT, "ROLE_MECM_TENANT");
        assert_eq!(
            bench
                .upload_as(&admin, "file", "f", CONFIG.as_bytes())
                .await
                .status,
            200
        );
        bench.clock.advance(Duration::from_secs(3541));
        assert_eq!(
            bench
                .upload_as(&ending, "file", "f", CONFIG.as_bytes())
                .await
                .status,
            200
        );
        let path = format!("/inventory/v1/tenants/{TENANT}{PATH}");
        let signed = bench.ask_signed(&SERVICE, Method::DELETE, &path, "").await;
        assert_eq!(signed.status, 200);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3);
        for ((_, _, headers, _), name) in seen.iter().zip(["somebody", "somebody", "appo"]) {
            let token = headers["access_token"].to_str().unwrap();
            let token = Unverified::parse(token).unwrap();
            assert!(token.is_signed_by(SIGNING.public()), "{name}");
            let claims = token.claims().unwrap();
            let roles = Roles::of_token(claims.authorities.iter().map(String::as_str));
            assert_eq!(
                (claims.user_id.as_str(), claims.user_name.as_str()),
                (TENANT, name)
            );
            assert!(roles.has(Role::Tenant), "{roles:?}");
        }
    }
}

#[tokio::test]
async fn what_the_controller_refuses_is_told_and_noted_nowhere() {
    let cases = [
        (401, "\"Authorization failed\"\n", "Authorization failed"),
        (500, "\"one\"\"two\"", "one two"),
        (404, "404 page not found", "404 page not found"),
        (302, "elsewhere", "elsewhere"),
    ];
    for bench in benches().await {
        for (status, body, text) in cases {
            let (port, _) = stand_in(status, body).await;
            bench.host_of("127.0.0.1", port).await;
            let told = format!("the LCM controller 127.0.0.1:{port} answered {status}");
            for answer in [bench.upload(CONFIG.as_bytes()).await, bench.delete(PATH).await] {
                assert_eq!(answer.error(), (502, told.as_str(), vec![text]));
            }
            assert_eq!(bench.status().await, "null");
            bench.delete("/mechosts").await.is_done("Deleted");
            bench.delete("/applcms").await.is_done("Deleted");
        }
        let (port, _) = stand_in(500, "").await;
        bench.host_of("127.0.0.1", port).await;
        let told = format!("the LCM controller 127.0.0.1:{port} answered 500");
        let silent = format!("{told} without a word");
        assert_eq!(
            bench.delete(PATH).await.error(),
            (502, told.as_str(), vec![silent.as_str()])
        );
    }
}

#[tokio::test]
async fn what_a_controller_says_comes_back_as_it_is_and_never_as_a_page() {
    for bench in benches().await {
        for (body, kind) in [
            ("{\"done\": true}", "application/json"),
            ("<script>1</script>", "text/plain; charset=utf-8"),
        ] {
            let (port, _) = stand_in(201, body).await;
            bench.host_of("127.0.0.1", port).await;
            let answer = bench.upload(CONFIG.as_bytes()).await;
            assert_eq!(
                (answer.status, answer.headers["content-type"].to_str().unwrap()),
                (200, kind)
            );
            let same = answer.body == serde_json::from_str(body).unwrap_or_else(|_| json!(body));
            assert!(same, "{}", answer.body);
            bench.delete("/mechosts").await.is_done("Deleted");
            bench.delete("/applcms").await.is_done("Deleted");
        }
    }
}

#[tokio::test]
async fn a_controller_that_cannot_be_reached_or_is_too_slow_says_so() {
    for bench in benches().await {
        let held = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = held.local_addr().unwrap().port();
        bench.host_of("127.0.0.1", port).await;
        // It takes the connection and says nothing.
        let (status, message, details) = {
            let answer = bench.delete(PATH).await;
            let (status, message, details) = answer.error();
            (status, message.to_owned(), details.join("; "))
        };
        let told = format!("the LCM controller 127.0.0.1:{port} did not answer: operation timed out");
        assert_eq!((status, &message, &details), (504, &told, &told));
        drop(held);
        let answer = bench.upload(CONFIG.as_bytes()).await;
        let (status, _, details) = answer.error();
        assert!(
            status == 502 && details[0].contains("cannot be reached"),
            "{details:?}"
        );
        assert_eq!(bench.status().await, "null");
    }
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_called() {
    for bench in Bench::all_with(|config| config.peers.edge_scheme = Scheme::Http).await {
        let (port, seen) = stand_in(200, "null").await;
        bench.host_of("127.0.0.1", port).await;
        for answer in [bench.upload(CONFIG.as_bytes()).await, bench.delete(PATH).await] {
            assert_eq!(
                answer.error(),
                (
                    502,
                    "address not allowed: 127.0.0.1",
                    vec!["address not allowed: 127.0.0.1"]
                )
            );
        }
        assert!(seen.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_host_or_a_controller_that_is_not_there_is_not_found() {
    for bench in benches().await {
        bench.upload(CONFIG.as_bytes()).await.is_not_found();
        bench.delete(PATH).await.is_not_found();
        bench.post("/mechosts", &host("10.0.0.1")).await.is_done("Saved");
        let missing = "the LCM controller 10.0.0.9 of the host is not registered";
        for answer in [bench.upload(CONFIG.as_bytes()).await, bench.delete(PATH).await] {
            assert_eq!(
                answer.error(),
                (404, "No such element", vec!["Record not found", missing])
            );
        }
    }
}

#[tokio::test]
async fn a_file_that_is_none_goes_nowhere() {
    const MOST: usize = 5 * 1024 * 1024 - 1;
    // A comment that fills the file up to its size.
    let filled = |size: usize| {
        let mut file = CONFIG.as_bytes().to_vec();
        file.push(b'#');
        file.resize(size, b'x');
        file
    };
    for bench in benches().await {
        let (port, seen) = stand_in(200, "null").await;
        bench.host_of("127.0.0.1", port).await;
        let token = bench.token(TENANT, "ROLE_MECM_TENANT");
        for file in ["", "# nothing\n", "a: [1", "a: b: c", "\t- x\n\0"] {
            bench
                .upload(file.as_bytes())
                .await
                .is_invalid(&["file is not a YAML document"]);
        }
        let missing = &["Required part 'file' is not present"];
        let other = bench
            .upload_as(&token, "configFile", "f", CONFIG.as_bytes())
            .await;
        other.is_invalid(missing);
        let form = bench.ask(Method::POST, PATH, "{}").await;
        let text = "Unsupported Media Type";
        assert_eq!(form.error(), (415, text, vec![text]));
        let large = bench.upload(&filled(MOST + 1)).await;
        let text = "request content exceeded limit of 5242879";
        assert_eq!(large.error(), (413, text, vec![text]));
        assert!(seen.lock().unwrap().is_empty(), "nothing was sent");

        let broken = Request::post(format!("/inventory/v1/tenants/{TENANT}{PATH}"))
            .header("access_token", &token)
            .header("content-type", "multipart/form-data; boundary=b")
            .body(Body::from(
                "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\na: 1",
            ))
            .unwrap();
        assert_eq!(bench.send(broken).await.error().1, "malformed request body");

        assert_eq!(bench.upload(&filled(MOST)).await.status, 200);
        assert!(seen.lock().unwrap()[0].3.len() > MOST);
    }
}

#[tokio::test]
async fn keys_and_tokens_do_not_print() {
    for bench in benches().await {
        let roles = [Role::Tenant].into_iter().collect();
        let token = bench
            .app
            .signing
            .token(TENANT.parse().unwrap(), "u", roles, bench.clock.now());
        let shown = format!("{:?} {:?}", bench.app.signing, token);
        assert!(
            !shown.contains(token.expose_secret()) && !shown.contains("PRIVATE"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_signed_upload_is_the_one_that_was_signed() {
    let form = |text: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{text}\r\n--b--\r\n")
    };
    let path = format!("/inventory/v1/tenants/{TENANT}{PATH}");
    for bench in benches().await {
        let (port, seen) = stand_in(200, "null").await;
        bench.host_of("127.0.0.1", port).await;
        let send = async |stated: &str, sent: String| {
            let headers: [(&str, &[u8]); 2] = [
                ("host", b"localhost"),
                ("x-sdk-content-sha256", stated.as_bytes()),
            ];
            let parts = RequestParts {
                method: "POST",
                path: &path,
                query: "",
                headers: &headers,
            };
            let signed = sign(
                &SERVICE.access_key,
                &SERVICE.secret_key,
                &parts,
                stated,
                bench.clock.now(),
            );
            let mut request = Request::post(&path)
                .header("host", "localhost")
                .header("x-sdk-content-sha256", stated)
                .header("content-type", "multipart/form-data; boundary=b");
            for (name, value) in signed.headers() {
                request = request.header(name, value);
            }
            bench.send(request.body(Body::from(sent)).unwrap()).await
        };
        let other = send(&hash_body(form("a: 1").as_bytes()), form("a: 2")).await;
        assert_eq!(other.status, 400, "{}", other.body);
        assert!(seen.lock().unwrap().is_empty());
        assert_eq!(bench.status().await, "null");
        assert_eq!(
            send(&hash_body(form("a: 3").as_bytes()), form("a: 3"))
                .await
                .status,
            200
        );
        assert_eq!(send("UNSIGNED-PAYLOAD", form("a: 4")).await.status, 200);
        assert_eq!(seen.lock().unwrap().len(), 2);
    }
}
