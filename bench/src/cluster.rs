//! A cluster on this machine beside the embedded audit: what coordination costs, and what a
//! second worker gains. All run the binaries beside this one over the same corpus, each from an
//! empty work folder.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::arguments::ClusterArguments;
use crate::error::BenchError;
use crate::files::{Scratch, digests, text, write_json};
use crate::table::print;

/// A coordinator that does not answer by then never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// One way to audit the corpus.
#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    workers: usize,
    threads: usize,
    seconds: f64,
    /// Seconds by those of the embedded audit with all threads.
    by_embedded: f64,
}

/// Measures and prints a table; false if reports differ.
///
/// # Errors
/// A process that does not start or does not do its work.
pub fn run(arguments: &ClusterArguments) -> Result<bool, BenchError> {
    let bench = Bench::new(arguments)?;
    let all = usize::from(arguments.threads);
    let embedded = bench.embedded(all)?;
    let mut rows = vec![row("embedded", 0, all, embedded, embedded)];
    for (workers, slots) in [(1, all), (1, all.div_ceil(2)), (2, all.div_ceil(2))] {
        let seconds = bench.cluster(workers, slots)?;
        rows.push(row("cluster", workers, workers * slots, seconds, embedded));
    }
    let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
    print(&["audit", "workers", "threads", "seconds", "by embedded"], &[], &cells);
    let same = bench.reports_agree(rows.len())?;
    println!("reports have the same bytes: {}", if same { "yes" } else { "NO" });
    if let Some(path) = &arguments.json {
        write_json(path, &rows)?;
    }
    Ok(same)
}

fn row(what: &'static str, workers: usize, threads: usize, seconds: f64, embedded: f64) -> Row {
    Row { what, workers, threads, seconds, by_embedded: seconds / embedded }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        vec![
            self.what.to_owned(),
            self.workers.to_string(),
            self.threads.to_string(),
            format!("{:.2}", self.seconds),
            format!("{:.2}", self.by_embedded),
        ]
    }
}

/// Processes that end when they are dropped.
#[derive(Default)]
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Bench {
    /// Folder of the binaries.
    binaries: PathBuf,
    input: String,
    scratch: Scratch,
    /// Audits so far; each has folders of its own.
    audits: std::cell::Cell<usize>,
}

fn failed(what: &'static str, detail: impl ToString) -> BenchError {
    BenchError::Child { what, detail: detail.to_string() }
}

impl Bench {
    fn new(arguments: &ClusterArguments) -> Result<Self, BenchError> {
        let program = std::env::current_exe().map_err(|error| failed("cluster", error))?;
        let input = std::fs::canonicalize(&arguments.input)
            .map_err(|error| BenchError::file("find", &arguments.input, error))?;
        Ok(Self {
            binaries: program.parent().map(Path::to_owned).unwrap_or_default(),
            input: text(&input)?.to_owned(),
            scratch: Scratch::create(arguments.work.as_deref())?,
            audits: std::cell::Cell::default(),
        })
    }

    /// Names of the next audit's report and work folders.
    fn folders(&self) -> Result<(String, String), BenchError> {
        let number = self.audits.get();
        self.audits.set(number + 1);
        let folder =
            |name: &str| text(&self.scratch.path(&format!("{name}-{number}"))).map(str::to_owned);
        Ok((folder("report")?, folder("work")?))
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Seconds of an embedded audit, the start of its process included.
    fn embedded(&self, threads: usize) -> Result<f64, BenchError> {
        let (out, work) = self.folders()?;
        let threads = threads.to_string();
        let line = ["audit", &self.input, "--out", &out, "--work", &work, "--threads", &threads];
        let start = Instant::now();
        let status = self.command("taster", &line).arg("--fail-on=never").status();
        expect_success("audit", status)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Seconds from the submission to the report, with workers that wait for it.
    fn cluster(&self, workers: usize, slots: usize) -> Result<f64, BenchError> {
        let (out, work) = self.folders()?;
        let address = free_address()?;
        let url = format!("http://{address}");
        let root = text(&self.scratch.path(""))?.to_owned();
        let mut processes = Processes::default();
        let mut start = |mut command: Command| {
            let child = command.spawn().map_err(|error| failed("cluster", error))?;
            processes.0.push(child);
            Ok::<_, BenchError>(())
        };
        let line = ["--work", &work, "--listen", &address, "--metrics-listen", "127.0.0.1:0"];
        let allowed = ["--allow", &self.input, "--allow", &root];
        start(self.command("taster-coordinator", &[&line[..], &allowed[..]].concat()))?;
        self.await_service(&url)?;
        let slots = slots.to_string();
        for _ in 0..workers {
            let line = ["--coordinator", &url, "--slots", &slots, "--metrics-listen", "off"];
            start(self.command("taster-worker", &line))?;
        }
        std::thread::sleep(Duration::from_millis(500));
        let line = ["submit", &self.input, "--out", &out, "--wait", "--fail-on=never"];
        let start = Instant::now();
        let status = self.command("taster", &line).args(["--coordinator", &url]).status();
        expect_success("submit", status)?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn await_service(&self, url: &str) -> Result<(), BenchError> {
        let start = Instant::now();
        loop {
            let status = self.command("taster", &["list", "--coordinator", url]).status();
            match expect_success("list", status) {
                Err(error) if start.elapsed() > PATIENCE => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Whether the first `audits` reports have the same bytes, but for what differs by design.
    fn reports_agree(&self, audits: usize) -> Result<bool, BenchError> {
        let report = |number: usize| {
            let mut files = digests(&self.scratch.path(&format!("report-{number}")))?;
            files.remove("run.json");
            Ok(files)
        };
        let reports = (0..audits).map(report).collect::<Result<Vec<_>, BenchError>>()?;
        Ok(reports.windows(2).all(|pair| pair[0] == pair[1]))
    }
}

fn expect_success(
    what: &'static str,
    status: std::io::Result<std::process::ExitStatus>,
) -> Result<(), BenchError> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(what, status)),
        Err(error) => Err(failed(what, error)),
    }
}

/// An address of this machine that is free now.
fn free_address() -> Result<String, BenchError> {
    let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    address.map(|address| address.to_string()).map_err(|error| failed("cluster", error))
}
