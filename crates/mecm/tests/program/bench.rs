//! The measurements work; what they say is for the machine to decide.

use mecm_common::db::testing::{POSTGRES_VARIABLE, Scratch, kinds};

use super::process::{ended, mecm};

#[test]
fn a_small_bench_runs_and_says_how_it_was_taken() {
    for kind in kinds() {
        let folder = Scratch::new().unwrap();
        let mut command = mecm(&folder);
        command.args(["bench", "batch", "--hosts", "5", "--runs", "1", "--samples", "3"]);
        if kind == "postgres" {
            command
                .arg("--postgres")
                .env(POSTGRES_VARIABLE, std::env::var_os(POSTGRES_VARIABLE).unwrap());
        }
        let (output, errors, status) = ended(&mut command);
        assert!(status.success(), "{errors}");
        let database = if kind == "postgres" {
            "database: PostgreSQL 1"
        } else {
            "database: SQLite 3."
        };
        says(
            &output,
            &[
                database,
                "data folder: on ",
                "the simulator and the measuring client in another",
                "20 hosts at 1 s: instantiate",
                "5 hosts at 50 ms: create",
                "5 hosts at 50 ms: memory at most",
                "a create beside a batch of 200, p99",
                "creates timed",
                "appo ready after",
                "all in one process",
            ],
        );
    }
}

/// What `mecm bench` prints, run with these arguments on PostgreSQL; `None`: there is none here.
#[expect(clippy::print_stderr, reason = "who runs the tests is told what was not")]
fn printed(arguments: &[&str]) -> Option<String> {
    let Some(postgres) = std::env::var_os(POSTGRES_VARIABLE) else {
        eprintln!("skipped: {POSTGRES_VARIABLE} names no server");
        return None;
    };
    let folder = Scratch::new().unwrap();
    let mut command = mecm(&folder);
    command
        .env(POSTGRES_VARIABLE, postgres)
        .arg("bench")
        .args(arguments);
    let (output, errors, status) = ended(&mut command);
    assert!(status.success(), "{errors}");
    Some(output)
}

fn says(output: &str, all: &[&str]) {
    for said in all {
        assert!(output.contains(said), "{said:?} is not in:\n{output}");
    }
}

#[test]
fn requests_are_measured_beside_what_they_wrap() {
    let arguments = [
        "api",
        "--runs",
        "1",
        "--millis",
        "20",
        "--connections",
        "2",
        "--hosts",
        "100",
    ];
    let Some(output) = printed(&arguments) else { return };
    says(
        &output,
        &[
            "database: PostgreSQL 1",
            "2 connections for 20ms each",
            "GET …/mechosts/{ip}: service to bare handler",
            "GET …/mechosts/{ip}/capabilities: bare handler, CPU per 1,000",
            "GET …/app_instance_infos (50): query alone, p99",
            "POST …/apps: service, rate",
            "GET /inventory/v1/health",
            "a page of 100 by a type that one in a hundred has, p99",
        ],
    );
}

#[test]
fn signatures_are_measured_beside_tokens() {
    let arguments = ["auth", "--runs", "1", "--millis", "50", "--connections", "4"];
    let Some(output) = printed(&arguments) else { return };
    says(
        &output,
        &[
            "database: PostgreSQL 1",
            "4 connections for 50ms each",
            "verifications on one core",
            "POST at Inventory signed, rate",
            "POST at APPO signed, p99",
            "POST at APPO: a signature more than a token, p50",
        ],
    );
}

#[test]
fn a_configuration_is_refused_where_none_is_used() {
    let folder = Scratch::new().unwrap();
    let (output, errors, status) = ended(mecm(&folder).args(["--config", "/nowhere.toml", "bench", "batch"]));
    assert!(!status.success() && output.is_empty());
    assert!(errors.contains("takes no configuration"), "{errors}");
}
