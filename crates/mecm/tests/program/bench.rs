//! `mecm bench batch` works; what it says is for the machine to decide.

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
        for said in [
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
        ] {
            assert!(output.contains(said), "{said:?} is not in:\n{output}");
        }
    }
}

#[test]
fn a_configuration_is_refused_where_none_is_used() {
    let folder = Scratch::new().unwrap();
    let (output, errors, status) = ended(mecm(&folder).args(["--config", "/nowhere.toml", "bench", "batch"]));
    assert!(!status.success() && output.is_empty());
    assert!(errors.contains("takes no configuration"), "{errors}");
}
