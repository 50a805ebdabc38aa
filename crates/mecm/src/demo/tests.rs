use std::io::Write;
use std::path::Path;

use mecm_common::config;
use mecm_common::db::testing::Scratch;

use super::*;

fn config(folder: &Path) -> Config {
    let mut environment = vec![("MECM_DATA_DIR".to_owned(), folder.display().to_string())];
    for service in ["INVENTORY", "APM", "APPO"] {
        environment.push((format!("MECM_{service}__PORT"), "0".to_owned()));
    }
    config::load(None, environment).unwrap()
}

fn options(hosts: u16, package: Option<PathBuf>) -> Options {
    Options {
        keep: false,
        hosts,
        package,
        json: false,
    }
}

async fn demo(options: &Options, config: Config) -> Result<Report> {
    show(options, config, Teller::Nobody, std::future::pending()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_of_each_host_what_became_of_it() {
    let folder = Scratch::new().unwrap();
    let report = demo(&options(6, None), config(&folder.0)).await.unwrap();
    let report = serde_json::to_value(&report).unwrap();
    let hosts: Vec<_> = report["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| {
            let text = |member: &str| host[member].as_str().unwrap();
            (text("host"), text("status"), text("reason"))
        })
        .collect();
    let runs = |host| (host, "Instantiated", "success");
    assert_eq!(
        hosts,
        [
            runs("127.1.0.1"),
            runs("127.1.0.2"),
            runs("127.1.0.3"),
            ("127.1.0.4", "Instantiation failed", "Failed to get client"),
            runs("127.1.0.5"),
            (
                "127.1.0.6",
                "Create failed",
                "Hardware capability match failed: GPU"
            ),
        ]
    );
    for member in ["createSeconds", "instantiateSeconds", "terminateSeconds"] {
        assert!(report[member].as_f64().unwrap() > 0.0, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_package_is_a_surprise() {
    let folder = Scratch::new().unwrap();
    let path = folder.0.join("letter.csar");
    std::fs::File::create(&path)
        .unwrap()
        .write_all(b"Dear reader")
        .unwrap();
    let error = demo(&options(1, Some(path)), config(&folder.0))
        .await
        .unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("expected 202, came 400"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_itself_to_this_machine_alone() {
    let folder = Scratch::new().unwrap();
    let mut config = config(&folder.0);
    config.listen.address = "0.0.0.0".parse().unwrap();
    let error = demo(&options(1, None), config).await.unwrap_err().to_string();
    assert!(error.contains("loopback only"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let folder = Scratch::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&folder.0);
    config.apm.port = taken.local_addr().unwrap().port();
    let wanted = format!("port {} is taken", config.apm.port);
    let error = demo(&options(1, None), config).await.unwrap_err().to_string();
    assert!(error.starts_with(&wanted), "{error}");
}

#[test]
fn an_application_is_called_after_its_package_where_that_makes_a_name() {
    for (file, name) in [
        ("mecmsample.csar", "mecmsample"),
        ("older-layout.csar", "olderlayout"),
        ("positioning_with_mepagent_new.csar", "positioningwithm"),
        ("v1.csar", "mecmsample"),
        ("\u{5e94}\u{7528}.csar", "mecmsample"),
        ("camera", "camera"),
    ] {
        assert_eq!(app_name(file), name);
    }
}

#[test]
fn where_the_databases_are_is_said_as_it_is() {
    let folder = Scratch::new().unwrap();
    let mut config = config(&folder.0);
    assert!(kept_in(&config).starts_with("databases and packages in "));
    config.apm.database = "postgres://mecm:secret@db/apm".into();
    let told = kept_in(&config);
    assert!(told.starts_with("databases as configured"), "{told}");
    assert!(!told.contains("secret"), "{told}");
}
