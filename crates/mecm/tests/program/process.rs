//! A `mecm` that runs, killed when it is dropped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mecm_common::db::testing::Scratch;

/// Longer than anything here takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A `mecm` of a test's own: on free ports, with its data in a folder that goes with the test.
pub(crate) fn mecm(folder: &Scratch) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mecm"));
    command
        .env_clear()
        .env("MECM_DATA_DIR", &folder.0)
        .env("TMPDIR", std::env::temp_dir())
        .stdin(Stdio::null());
    for service in ["INVENTORY", "APM", "APPO"] {
        command.env(format!("MECM_{service}__PORT"), "0");
    }
    command
}

/// A running program: what it says, line by line.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        Self::reading(child, output)
    }

    /// The same with what it logs.
    pub(crate) fn start_logging(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stderr.take().unwrap();
        Self::reading(child, output)
    }

    fn reading(child: Child, output: impl Read + Send + 'static) -> Self {
        let output = BufReader::new(output);
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// All lines up to the first that has this in it.
    pub(crate) fn until(&mut self, has: &str) -> Vec<String> {
        let deadline = Instant::now() + LIMIT;
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline - Instant::now()) {
                Ok(line) => {
                    let found = line.contains(has);
                    said.push(line);
                    if found {
                        return said;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without saying {has:?}: {said:#?}"),
                Err(RecvTimeoutError::Timeout) => panic!("it never said {has:?}: {said:#?}"),
            }
        }
    }

    /// Tells it to stop, as an operator or an engine does.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        let told = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status();
        assert!(told.unwrap().success());
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "told to stop, it runs on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a program that ends by itself said: standard output, standard error, and how it ended.
pub(crate) fn ended(command: &mut Command) -> (String, String, ExitStatus) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        errors.read_to_string(&mut said).map(|_| said)
    });
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    let status = child.wait().unwrap();
    (output, reader.join().unwrap().unwrap(), status)
}
