//! What `speed` prints.

use crate::acceptance::{SPEED_MIN, TIMES_PEER_MIN, at_least, verdict};
use crate::measure::{Audited, Measurement};
use crate::speed::SpeedReport;
use crate::table::print;

/// Columns of the main table.
const HEAD: [&str; 7] = [
    "measurement",
    "seconds",
    "fastest–slowest",
    "MB/s",
    "MB/s per core",
    "peak RSS MiB",
    "× Polars",
];

/// The first rows only read: they do not do what the peer does, so a ratio would mean nothing.
const READING_ROWS: usize = 2;

/// One time and one memory.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seconds: f64,
    peak_bytes: u64,
}

/// Samples of one thing.
#[derive(Debug)]
struct Row {
    name: String,
    samples: Vec<Sample>,
}

/// Prints everything.
pub fn show(report: &SpeedReport) {
    println!("machine: {}", report.machine);
    show_corpus(report);
    println!(
        "threads: {}; MB are 10^6 bytes of decoded text; per core is text / (wall time × threads); \
         peak RSS is of the process alone; median of {} rounds, page cache warm\n",
        report.threads,
        report.scans.len()
    );
    show_rows(report);
    show_memory(report);
    show_required(report);
    if let Some((memory, audit)) =
        report.audits.first().and_then(|(m, audits)| Some((m, audits.first()?)))
    {
        println!("\nwaves of the first audit with {memory}, each until its last task was done:");
        show_waves(audit);
    }
    show_ending(report);
}

fn show_corpus(report: &SpeedReport) {
    let size = &report.size;
    println!("corpus: {}", report.corpus.origin);
    println!(
        "        {} documents, {} tokens, {} bytes of text; {} shards, {} bytes",
        size.documents, size.tokens, size.text_bytes, size.shards, size.file_bytes
    );
}

fn show_rows(report: &SpeedReport) {
    let rows = rows(report);
    let peer = rows.last().and_then(Row::median);
    let text_mb = report.size.text_bytes as f64 / 1e6;
    let threads = f64::from(report.threads);
    let cells = rows.iter().enumerate().map(|(index, row)| {
        let comparable = peer.filter(|_| index >= READING_ROWS);
        row.cells(text_mb, threads, comparable)
    });
    print(&HEAD, &[], &cells.collect::<Vec<_>>());
    println!(
        "Polars counts document frequencies and their spread over hosts, each order from the files on, by tokens of a \
         regular expression; the start of Python is left out, as is that of the other processes"
    );
    if report.peers.is_empty() {
        println!("\n*** Polars NOT RUN: {} ***", report.peer_not_run);
    }
}

fn rows(report: &SpeedReport) -> Vec<Row> {
    let mut rows = vec![
        Row::of("scan alone", &report.scans),
        Row::of("scan and tokenising", &report.tokenisings),
        counting(report),
    ];
    for (memory, audits) in &report.audits {
        rows.push(Row::of(format!("audit, orders 1–5, {memory}"), audits));
    }
    let version = report.peers.first().map(|run| format!(" {}", run.version));
    let version = version.unwrap_or_default();
    let runs = report.peers.iter();
    let samples = runs.map(|run| Sample { seconds: run.seconds, peak_bytes: run.peak_bytes });
    let name = format!("Polars{version} by host, orders 1–5");
    rows.push(Row { name, samples: samples.collect() });
    rows
}

/// The count waves of the audits with the first memory.
fn counting(report: &SpeedReport) -> Row {
    let audits = report.audits.first().map_or(&[][..], |(_, audits)| audits);
    let waves = audits.iter().filter_map(|audit| audit.facts.counting());
    let samples = waves.map(|wave| Sample { seconds: wave.seconds, peak_bytes: wave.peak_bytes });
    Row { name: "scan, tokenising, counting".to_owned(), samples: samples.collect() }
}

impl Row {
    fn of<F>(name: impl Into<String>, measurements: &[Measurement<F>]) -> Self {
        let sample = |taken: &Measurement<F>| Sample {
            seconds: taken.seconds,
            peak_bytes: taken.peak_bytes,
        };
        Self { name: name.into(), samples: measurements.iter().map(sample).collect() }
    }

    /// Seconds in order.
    fn seconds(&self) -> Vec<f64> {
        let mut seconds: Vec<f64> = self.samples.iter().map(|sample| sample.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    }

    /// The median of the seconds, the slower one of two.
    fn median(&self) -> Option<f64> {
        let seconds = self.seconds();
        seconds.get(seconds.len() / 2).copied()
    }

    fn cells(&self, text_mb: f64, threads: f64, peer: Option<f64>) -> Vec<String> {
        let mut cells = vec![self.name.clone()];
        let Some(median) = self.median() else {
            cells.push("not run".to_owned());
            cells.resize(HEAD.len(), "–".to_owned());
            return cells;
        };
        let (seconds, speed) = (self.seconds(), text_mb / median);
        let peak = self.samples.iter().map(|sample| sample.peak_bytes).max().unwrap_or(0);
        cells.push(format!("{median:.2}"));
        cells.push(format!("{:.2}–{:.2}", seconds[0], seconds[seconds.len() - 1]));
        cells.push(format!("{speed:.1}"));
        cells.push(format!("{:.2}", speed / threads));
        cells.push(format!("{:.0}", mib(peak)));
        cells.push(peer.map_or("–".to_owned(), |peer| format!("{:.2}", peer / median)));
        cells
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// How the memory that was used compares with what was allowed.
fn show_memory(report: &SpeedReport) {
    println!();
    for (memory, audits) in &report.audits {
        let peak = audits.iter().map(|audit| audit.peak_bytes).max().unwrap_or(0);
        let word = if peak <= memory.0 { "within" } else { "MORE THAN" };
        let percent = 100.0 * peak as f64 / memory.0 as f64;
        println!(
            "memory {memory}: peak {:.0} MiB, {percent:.0} %, {word} what was allowed",
            mib(peak)
        );
    }
}

/// What is required of the audits with the first memory, and whether it holds.
fn show_required(report: &SpeedReport) {
    let audit = report.audits.first().and_then(|(_, audits)| Row::of("", audits).median());
    let peer = rows(report).last().and_then(Row::median);
    let core_seconds = audit.map(|seconds| seconds * f64::from(report.threads));
    let speed = core_seconds.map(|seconds| report.size.text_bytes as f64 / 1e6 / seconds);
    let times = audit.zip(peer).map(|(audit, peer)| peer / audit);
    verdict(&[
        at_least(SPEED_MIN, "MB of text per second and core", speed),
        at_least(TIMES_PEER_MIN, "times as fast as Polars", times),
    ]);
}

fn show_waves(audit: &Measurement<Audited>) {
    let row = |wave: &crate::waves::WaveTime| {
        let seconds = format!("{:.2}", wave.seconds);
        vec![
            wave.wave.clone(),
            wave.tasks.to_string(),
            seconds,
            format!("{:.0}", mib(wave.peak_bytes)),
        ]
    };
    let rows: Vec<_> = audit.facts.waves.iter().map(row).collect();
    print(&["wave", "tasks", "seconds", "peak RSS MiB so far"], &[], &rows);
    let sum: f64 = audit.facts.waves.iter().map(|wave| wave.seconds).sum();
    let facts = &audit.facts;
    println!(
        "between the waves and writing the report: {:.2} s; {} findings, {} distinct n-grams, {:.1} MB in the work folder",
        audit.seconds - sum,
        facts.findings,
        facts.distinct_ngrams,
        facts.work_bytes as f64 / 1e6
    );
}

fn show_ending(report: &SpeedReport) {
    println!();
    let audits: usize = report.audits.iter().map(|(_, audits)| audits.len()).sum();
    let files = report.reports.first().map_or(0, std::collections::BTreeMap::len);
    if report.reports.len() == 1 {
        println!("reports of all {audits} audits are identical, byte by byte ({files} files)");
    }
    for problem in &report.problems {
        println!("PROBLEM: {problem}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_the_median_and_its_ratio_to_the_peer() {
        let samples = [3.0, 1.0, 2.0].map(|seconds| Sample { seconds, peak_bytes: 5 << 20 });
        let row = Row { name: "x".into(), samples: samples.into() };
        let cells = row.cells(100.0, 2.0, Some(8.0));
        assert_eq!(cells, ["x", "2.00", "1.00–3.00", "50.0", "25.00", "5", "4.00"]);
        let none = Row { name: "y".into(), samples: vec![] };
        assert_eq!(none.cells(100.0, 2.0, None)[..3], ["y", "not run", "–"]);
    }
}
