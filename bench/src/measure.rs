//! One measurement, alone in its process, so that its peak memory is its own.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use taster_planning::Parameters;
use taster_storage::Store;
use taster_tasks::{Audit, AuditRequest, Resources, audit};
use tokio::runtime::Handle;

use crate::arguments::{MeasureArguments, Measured};
use crate::error::BenchError;
use crate::machine::peak_bytes;
use crate::reading::{Read, read};
use crate::transfer::{Transferred, download, upload};
use crate::waves::{Stopwatch, WaveTime};

/// Name of the folder in which an audit leaves its report.
pub const REPORT: &str = "report";
/// Name of its work folder.
const WORK: &str = "work";

/// What a measurement gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measurement<F> {
    /// From the listing of the corpus to the last result, without the start of the process.
    pub seconds: f64,
    /// Largest resident set of the process.
    pub peak_bytes: u64,
    /// What else is known.
    #[serde(flatten)]
    pub facts: F,
}

/// What is known of an audit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Audited {
    /// Documents; a row without text is none.
    pub documents: u64,
    /// Bytes of decoded text.
    pub text_bytes: u64,
    /// Tokens.
    pub tokens: u64,
    /// Distinct n-grams of all orders.
    pub distinct_ngrams: u64,
    /// Findings.
    pub findings: u64,
    /// Shards that could not be read.
    pub quarantined: u64,
    /// Bytes in the work folder at the end.
    pub work_bytes: u64,
    /// The waves.
    pub waves: Vec<WaveTime>,
}

/// Measures and prints the measurement as JSON.
///
/// # Errors
/// As what is measured.
pub fn run(arguments: &MeasureArguments, runtime: &Handle) -> Result<bool, BenchError> {
    let resources = Resources {
        threads: arguments.threads.into(),
        memory_bytes: arguments.memory.0,
        unit_bytes: None,
    };
    let input = arguments.input.as_str();
    let json = match arguments.what {
        Measured::Scan => reading(input, &resources, false, runtime)?,
        Measured::Tokenise => reading(input, &resources, true, runtime)?,
        Measured::Audit => auditing(input, resources, &arguments.folder, runtime)?,
        Measured::Upload => transferring(|| upload(input, &arguments.folder, runtime))?,
        Measured::Download => transferring(|| download(input, resources.threads, runtime))?,
    };
    println!("{json}");
    Ok(true)
}

fn reading(
    input: &str,
    resources: &Resources,
    tokens: bool,
    runtime: &Handle,
) -> Result<String, BenchError> {
    let start = Instant::now();
    let facts: Read = read(input, resources, tokens, runtime)?;
    measured(start, facts)
}

fn auditing(
    input: &str,
    resources: Resources,
    folder: &str,
    runtime: &Handle,
) -> Result<String, BenchError> {
    let work = format!("{folder}/{WORK}");
    let request = AuditRequest {
        inputs: vec![input.to_owned()],
        work: work.clone(),
        parameters: Parameters::default(),
        resources,
    };
    let watch = Stopwatch::default();
    let start = Instant::now();
    let audit = audit(&request, runtime, &watch)?;
    audit.write(&Store::open(&format!("{folder}/{REPORT}"), runtime)?)?;
    let measurement = Measurement::since(start, ());
    let work = Store::open(&work, runtime)?.list("")?;
    let work_bytes = work.iter().map(|(_, bytes)| bytes).sum();
    let facts = Audited::new(&audit, work_bytes, watch.waves());
    Ok(serde_json::to_string(&measurement.with(facts))?)
}

fn transferring(
    transfer: impl FnOnce() -> Result<Transferred, BenchError>,
) -> Result<String, BenchError> {
    let start = Instant::now();
    let facts = transfer()?;
    measured(start, facts)
}

fn measured<F: Serialize>(start: Instant, facts: F) -> Result<String, BenchError> {
    Ok(serde_json::to_string(&Measurement::since(start, facts))?)
}

impl<F> Measurement<F> {
    fn since(start: Instant, facts: F) -> Self {
        let seconds = start.elapsed().as_secs_f64();
        Self { seconds, peak_bytes: peak_bytes(), facts }
    }

    fn with<G>(self, facts: G) -> Measurement<G> {
        Measurement { seconds: self.seconds, peak_bytes: self.peak_bytes, facts }
    }
}

impl Audited {
    fn new(audit: &Audit, work_bytes: u64, waves: Vec<WaveTime>) -> Self {
        let totals = &audit.report.totals;
        Self {
            documents: totals.documents.cast_unsigned(),
            text_bytes: totals.text_bytes.cast_unsigned(),
            tokens: totals.tokens.cast_unsigned(),
            distinct_ngrams: totals.distinct_ngrams.cast_unsigned(),
            findings: audit.findings().len() as u64,
            quarantined: audit.quarantine.len() as u64,
            work_bytes,
            waves,
        }
    }

    /// The wave that counts. An audit that starts over because of a bad shard has two; the first
    /// does all the work.
    pub fn counting(&self) -> Option<&WaveTime> {
        self.waves.iter().find(|time| time.wave == taster_tasks::Wave::Count.name())
    }
}
