//! A cluster on this machine: a coordinator and workers as processes, which can be killed, frozen
//! and replaced.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Outcome, Taster, binary, taster};

/// What does not happen in this time never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a cluster is set up.
#[derive(Debug, Clone)]
pub struct ClusterPlan {
    /// Folder or URL of the work store.
    pub work: String,
    /// URL prefixes that submissions may name.
    pub allow: Vec<String>,
    /// Variables of all processes.
    pub environment: BTreeMap<String, String>,
    /// Silence after which tasks are given to others.
    pub lease: &'static str,
    /// How long audits wait without a worker.
    pub worker_grace: &'static str,
    /// Largest unit: small, so that a small corpus has many tasks.
    pub unit_bytes: &'static str,
    /// More arguments of the coordinator.
    pub coordinator: Vec<String>,
    /// More arguments of every worker.
    pub worker: Vec<String>,
    /// A program that becomes each process, given its path and arguments; empty for none.
    pub under: Vec<String>,
}

impl ClusterPlan {
    /// A cluster that works in `work` and may read and write below `allow`.
    #[must_use]
    pub fn new(work: &str, allow: &[&str]) -> Self {
        Self {
            work: work.to_owned(),
            allow: allow.iter().map(ToString::to_string).collect(),
            environment: BTreeMap::new(),
            lease: "2s",
            worker_grace: "60s",
            unit_bytes: "64KiB",
            coordinator: Vec::new(),
            worker: Vec::new(),
            under: Vec::new(),
        }
    }
}

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(name: &str, log: PathBuf, arguments: &[String], plan: &ClusterPlan) -> Self {
        let program = binary().with_file_name(name);
        let path = program.to_str().expect("a path in UTF-8").to_owned();
        let line = [plan.under.clone(), vec![path], arguments.to_vec()].concat();
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).env_clear().envs(&plan.environment).stdin(Stdio::null());
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let file = File::create(&log).expect("a log file");
        command.stdout(file.try_clone().expect("a log file")).stderr(file);
        let child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        Self { child, log }
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&mut self, signal: &str) {
        // A process that has ended and was not waited for keeps its number, so no other is hit.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let kill = format!("kill -{signal} {}", self.child.id());
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
    }

    /// Ends it without any warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end; the exit code, `None` if a signal ended it.
    ///
    /// # Panics
    /// If it does not end within `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                return status.code();
            }
            assert!(started.elapsed() < patience, "not ended after {patience:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Everything it wrote so far.
    #[must_use]
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal("CONT");
        self.kill();
    }
}

/// A coordinator and its workers. All end when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    plan: ClusterPlan,
    ports: Ports,
    logs: TempDir,
    started: usize,
    /// The coordinator.
    pub coordinator: Process,
    /// The workers, oldest first.
    pub workers: Vec<Process>,
}

/// Where a coordinator listens on this machine.
#[derive(Debug, Clone, Copy)]
struct Ports {
    grpc: u16,
    page: u16,
}

impl Ports {
    fn free() -> Self {
        Self { grpc: free_port(), page: free_port() }
    }
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

impl Cluster {
    /// Starts a coordinator and `workers` workers.
    ///
    /// # Panics
    /// If the coordinator does not serve in time.
    #[must_use]
    pub fn start(plan: ClusterPlan, workers: usize) -> Self {
        let logs = tempfile::tempdir().expect("a temporary folder");
        let ports = Ports::free();
        let coordinator = coordinator(&plan, ports, logs.path().join("coordinator-0"));
        let mut cluster = Self { plan, ports, logs, started: 1, coordinator, workers: Vec::new() };
        cluster.await_service();
        (0..workers).for_each(|_| cluster.add_worker());
        cluster
    }

    /// Where the coordinator listens, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.grpc)
    }

    /// Starts one more worker.
    pub fn add_worker(&mut self) {
        let log = self.log("worker");
        let worker = self.worker(log);
        self.workers.push(worker);
    }

    /// Puts a new worker in the place of one.
    pub fn replace_worker(&mut self, index: usize) {
        let log = self.log("worker");
        self.workers[index] = self.worker(log);
    }

    /// Starts a new coordinator at the same address; the old one must have ended.
    pub fn restart_coordinator(&mut self) {
        let log = self.log("coordinator");
        self.coordinator = coordinator(&self.plan, self.ports, log);
        self.await_service();
    }

    /// Starts a second coordinator on the same work store, at another address.
    #[must_use]
    pub fn rival(&mut self) -> Process {
        let log = self.log("rival");
        coordinator(&self.plan, Ports::free(), log)
    }

    /// Submits an audit under `id` and does not wait.
    ///
    /// # Panics
    /// If that is refused.
    pub fn submit(&self, id: &str, input: &str, out: &str) {
        let _ = self.client(["submit", input, "--out", out, "--id", id]).run().expect_code(&[0]);
    }

    /// Waits for the end of an audit.
    #[must_use]
    pub fn watch(&self, id: &str) -> Outcome {
        self.client(["watch", id]).run()
    }

    /// A client command for this coordinator.
    pub fn client<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Taster {
        let mut all: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        all.extend(["--coordinator".to_owned(), self.url()]);
        taster(&all)
    }

    /// The sum of the coordinator's metrics whose line begins so.
    ///
    /// # Panics
    /// If its page cannot be read.
    #[must_use]
    pub fn metric(&self, begin: &str) -> u64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports.page)).expect("a page");
        let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("the page listens");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("the page answers");
        let lines = page.lines().filter(|line| line.starts_with(begin));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Tasks of an audit, over all stages that it has begun.
    ///
    /// # Panics
    /// If the coordinator does not know the audit.
    #[must_use]
    pub fn tasks(&self, id: &str) -> u64 {
        let listed = self.client(["list", "--output", "jsonl"]).run().expect_code(&[0]).stdout;
        let mut audits = listed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let audit = audits.find(|audit| audit["audit"] == id).expect("the audit is listed");
        let stages = audit["stages"].as_array().expect("an audit has stages");
        stages.iter().filter_map(|stage| stage["tasks"].as_u64()).sum()
    }

    /// How often every task was carried out to its end by any worker so far, from their logs, which
    /// must be JSON and of level debug. What was found done does not count.
    ///
    /// # Panics
    /// If logs cannot be read.
    #[must_use]
    pub fn carried_out(&self) -> BTreeMap<String, u64> {
        let mut times = BTreeMap::new();
        for entry in std::fs::read_dir(self.logs.path()).expect("the logs are there") {
            let text = std::fs::read(entry.expect("a log").path()).expect("a log is readable");
            for line in String::from_utf8_lossy(&text).lines() {
                let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
                if line["message"] == "task ended" && line["reused"] == false {
                    let task = line["task"].as_str().unwrap_or_default().to_owned();
                    *times.entry(task).or_default() += 1;
                }
            }
        }
        times
    }

    /// What the processes said, for a test that fails.
    #[must_use]
    pub fn said(&self) -> String {
        let workers = self.workers.iter().map(Process::said);
        let all: Vec<_> = std::iter::once(self.coordinator.said()).chain(workers).collect();
        all.join("\n--\n")
    }

    fn log(&mut self, what: &str) -> PathBuf {
        self.started += 1;
        self.logs.path().join(format!("{what}-{}", self.started))
    }

    fn worker(&self, log: PathBuf) -> Process {
        let fixed = [
            "--coordinator",
            &self.url(),
            "--slots",
            "2",
            "--memory",
            "1GiB",
            "--metrics-listen",
            "off",
        ];
        let mut arguments: Vec<String> = fixed.iter().map(ToString::to_string).collect();
        arguments.extend(self.plan.worker.clone());
        Process::start("taster-worker", log, &arguments, &self.plan)
    }

    /// Waits until the coordinator answers.
    fn await_service(&mut self) {
        let started = Instant::now();
        while self.client(["list", "--quiet"]).run().code != Some(0) {
            let waits = started.elapsed() < PATIENCE && self.coordinator.runs();
            assert!(waits, "no service: {}", self.coordinator.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn coordinator(plan: &ClusterPlan, ports: Ports, log: PathBuf) -> Process {
    let fixed = [
        "--work",
        &plan.work,
        "--listen",
        &format!("127.0.0.1:{}", ports.grpc),
        "--metrics-listen",
        &format!("127.0.0.1:{}", ports.page),
        "--lease",
        plan.lease,
        "--worker-grace",
        plan.worker_grace,
        "--unit-bytes",
        plan.unit_bytes,
        "--segment-tokens",
        "65536",
    ];
    let mut arguments: Vec<String> = fixed.iter().map(ToString::to_string).collect();
    for prefix in &plan.allow {
        arguments.extend(["--allow".to_owned(), prefix.clone()]);
    }
    arguments.extend(plan.coordinator.clone());
    Process::start("taster-coordinator", log, &arguments, plan)
}
