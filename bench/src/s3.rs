//! An audit over S3 beside two floors of the same run: the raw rate at which the same objects can
//! be downloaded, and the same audit from disk.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::{MeasureArguments, Measured, S3Arguments};
use crate::child::measure_in;
use crate::error::BenchError;
use crate::files::{Scratch, text, write_json};
use crate::machine::Machine;
use crate::measure::{Audited, Measurement};
use crate::s3_server::Server;
use crate::table::print;
use crate::transfer::Transferred;

/// The bucket of all measurements.
const BUCKET: &str = "bench";

/// One line of the table.
#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    seconds: f64,
    /// MB of objects (10^6 bytes) per second.
    object_mb_per_second: f64,
    /// MB of decoded text per second; `None` if nothing was decoded.
    text_mb_per_second: Option<f64>,
    /// Its rate by the raw rate.
    by_download: f64,
    /// Its seconds by those of the audit from disk; `None` if it is no audit.
    by_disk: Option<f64>,
    /// Bytes that the audit left in its work location: written once, read about once.
    work_bytes: Option<u64>,
    peak_bytes: u64,
}

/// Measures and prints a table; false if an audit did not read the whole corpus.
///
/// # Errors
/// A measurement that fails.
pub fn run(arguments: &S3Arguments) -> Result<bool, BenchError> {
    let bench = Bench::new(arguments)?;
    println!("{}", Machine::here());
    println!("{} ms before every answer of the server", arguments.delay);
    let input = text(&arguments.input)?;
    let objects = bench.url("in");
    let up: Measurement<Transferred> = bench.measure(Measured::Upload, input, &objects)?;
    let raw: Measurement<Transferred> = bench.measure(Measured::Download, &objects, "")?;
    let disk_work = bench.scratch.path("disk");
    let mixed_work = bench.scratch.path("mixed");
    let audit = |input: &str, folder: &str| bench.measure(Measured::Audit, input, folder);
    let disk: Measurement<Audited> = audit(input, text(&disk_work)?)?;
    let mixed: Measurement<Audited> = audit(&objects, text(&mixed_work)?)?;
    let whole: Measurement<Audited> = audit(&objects, &bench.url("audit"))?;
    let corpus = up.facts.bytes;
    let raw_rate = rate(raw.facts.bytes, raw.seconds);
    let audited = |what, audit: &Measurement<Audited>| Row {
        what,
        seconds: audit.seconds,
        object_mb_per_second: rate(corpus, audit.seconds),
        text_mb_per_second: Some(rate(audit.facts.text_bytes, audit.seconds)),
        by_download: rate(corpus, audit.seconds) / raw_rate,
        by_disk: Some(audit.seconds / disk.seconds),
        work_bytes: Some(audit.facts.work_bytes),
        peak_bytes: audit.peak_bytes,
    };
    let rows = [
        moved("upload", &up, raw_rate),
        moved("raw download", &raw, raw_rate),
        audited("audit from disk", &disk),
        audited("audit of S3, work on disk", &mixed),
        audited("audit of S3, work on S3", &whole),
    ];
    let head =
        ["", "s", "MB/s of objects", "MB/s of text", "by raw", "by disk", "MB of work", "peak MiB"];
    print(&head, &[], &rows.iter().map(Row::cells).collect::<Vec<_>>());
    if let Some(path) = &arguments.json {
        write_json(path, &rows)?;
    }
    let read = |audit: &Measurement<Audited>| (audit.facts.text_bytes, audit.facts.findings);
    Ok(read(&disk) == read(&mixed) && read(&disk) == read(&whole) && whole.facts.quarantined == 0)
}

fn moved(what: &'static str, moved: &Measurement<Transferred>, raw_rate: f64) -> Row {
    let rate = rate(moved.facts.bytes, moved.seconds);
    Row {
        what,
        seconds: moved.seconds,
        object_mb_per_second: rate,
        text_mb_per_second: None,
        by_download: rate / raw_rate,
        by_disk: None,
        work_bytes: None,
        peak_bytes: moved.peak_bytes,
    }
}

fn rate(bytes: u64, seconds: f64) -> f64 {
    bytes as f64 / 1e6 / seconds
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let known = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
        vec![
            self.what.to_owned(),
            format!("{:.2}", self.seconds),
            format!("{:.1}", self.object_mb_per_second),
            self.text_mb_per_second.map_or(String::new(), |rate| format!("{rate:.1}")),
            format!("{:.3}", self.by_download),
            known(self.by_disk),
            self.work_bytes.map_or(String::new(), |bytes| (bytes / 1_000_000).to_string()),
            (self.peak_bytes >> 20).to_string(),
        ]
    }
}

struct Bench<'a> {
    arguments: &'a S3Arguments,
    scratch: Scratch,
    environment: BTreeMap<&'static str, String>,
    _server: Server,
}

impl<'a> Bench<'a> {
    fn new(arguments: &'a S3Arguments) -> Result<Self, BenchError> {
        let scratch = Scratch::create(arguments.work.as_deref())?;
        let folder = scratch.path("served");
        let bucket = folder.join(BUCKET);
        std::fs::create_dir_all(&bucket)
            .map_err(|error| BenchError::file("make folder", &bucket, error))?;
        let server = Server::start(&folder, arguments.delay)?;
        Ok(Self { arguments, scratch, environment: server.environment(), _server: server })
    }

    fn url(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    fn measure<F: DeserializeOwned>(
        &self,
        what: Measured,
        input: &str,
        folder: &str,
    ) -> Result<Measurement<F>, BenchError> {
        let arguments = MeasureArguments {
            what,
            input: input.to_owned(),
            threads: self.arguments.threads,
            memory: self.arguments.memory,
            folder: folder.to_owned(),
        };
        measure_in(&self.environment, &arguments)
    }
}
