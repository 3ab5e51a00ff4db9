//! The command as a process.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use taster_proto::v1::converse_request::Message as Said;
use taster_proto::v1::finished::Outcome;

use crate::scripted::{Coordinator, Demands, PATIENCE};
use crate::workbench::{get, until};

const LEASE: Duration = Duration::from_secs(5);

/// A process that does not outlive its test.
pub struct Process(Option<Child>);

impl Process {
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taster-worker"));
        command.args(arguments).env_clear();
        Self(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    pub fn signal(&self, signal: &str) {
        let id = self.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Waits for the end; panics if it does not come.
    pub fn end(mut self) -> Output {
        let began = Instant::now();
        while self.0.as_mut().unwrap().try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "the process does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn usage_is_2_and_help_is_0() {
    let nothing = Process::start(&[]).end();
    assert_eq!(nothing.status.code(), Some(2));
    assert!(stderr(&nothing).starts_with("taster-worker: error: coordinator: expected "));
    assert_eq!(Process::start(&["--slots", "x"]).end().status.code(), Some(2));
    let help = Process::start(&["--help"]).end();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("taster-worker --coordinator http"));
}

#[test]
fn an_address_in_use_is_4() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output =
        Process::start(&["--coordinator", "http://127.0.0.1:1", "--metrics-listen", &address]);
    let output = output.end();
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains(&format!("cannot listen on {address}: ")));
}

#[test]
fn a_refusal_is_4_with_the_reason() {
    let coordinator = Coordinator::start();
    let process = Process::start(&["--coordinator", &coordinator.url(), "--metrics-listen", "off"]);
    coordinator.accept().refuse("formats: expected 2, got 1");
    let output = process.end();
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("refused this worker: formats: expected 2, got 1"));
}

#[test]
fn row_16_signals_end_it_as_supervisors_expect() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let coordinator = Coordinator::start();
        let process =
            Process::start(&["--coordinator", &coordinator.url(), "--metrics-listen", "off"]);
        let mut conversation = coordinator.welcome(1, LEASE);
        conversation.only_beats(Duration::from_millis(300));
        process.signal(signal);
        assert!(matches!(conversation.next(), Some(Said::Draining(_))));
        assert_eq!(process.end().status.code(), Some(code));
    }
}

#[test]
fn row_2_a_worker_that_was_frozen_longer_than_the_lease_begins_anew() {
    let lease = Duration::from_secs(1);
    let coordinator = Coordinator::start();
    let process = Process::start(&["--coordinator", &coordinator.url(), "--metrics-listen", "off"]);
    let mut before = coordinator.welcome(1, lease);
    before.only_beats(Duration::from_millis(300));
    process.signal("-STOP");
    coordinator.stays_alone(lease * 2);
    process.signal("-CONT");
    let after = coordinator.accept();
    assert_eq!(after.hello.worker_id, before.hello.worker_id);
    assert_eq!(after.hello.epoch, 1);
}

#[test]
fn row_47_secrets_are_in_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let canary = "canary-7f3a";
    let token = folder.path().join("token");
    std::fs::write(&token, canary).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (page, token) = (free.to_string(), token.to_str().unwrap().to_owned());
    let coordinator = Coordinator::demanding(Demands { tls: None, token: Some(canary.into()) });
    let process = Process::start(&[
        "--coordinator",
        &coordinator.url(),
        "--metrics-listen",
        &page,
        "--token-file",
        &token,
        "--log",
        "json",
        "--log-level",
        "debug",
    ]);
    let mut conversation = coordinator.accept();
    conversation.welcome_at(1, LEASE, folder.path().to_str().unwrap());
    conversation.assign(1, 1);
    let finished = conversation.finished();
    assert!(matches!(finished.outcome, Some(Outcome::Trouble(_))), "there is no such audit");
    let metrics = page_text(free);
    conversation.hang_up();
    drop(coordinator.accept());
    process.signal("-TERM");
    let log = stderr(&process.end());
    assert!(metrics.contains("taster_build_info") && log.contains("conversation begins"), "{log}");
    for line in log.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "not JSON: {line}");
    }
    assert!(!log.contains(canary) && !metrics.contains(canary), "{log}");
}

fn page_text(page: SocketAddr) -> String {
    until("the page is there", || std::net::TcpStream::connect(page).is_ok());
    get(page, "/metrics").1
}
