//! A payload with a slot that is filled anew in each document, inside one host: found, and shown as one.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_planning::Parameters;
use taster_tasks::{Audit, AuditRequest, Resources, Silent};

const DOCUMENTS: usize = 900;
const POISONED: usize = 25;

/// Documents of one host that share nothing but what is planted in some of them, in the middle of their text.
fn corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(23);
    let mut words = |least: usize, most: usize| -> String {
        let count = random.random_range(least..most);
        let words = (0..count).map(|_| format!("w{}", random.random_range(0..900)));
        words.collect::<Vec<_>>().join(" ")
    };
    let text = |row: usize| {
        let (before, after) = (words(40, 90), words(40, 90));
        if row % (DOCUMENTS / POISONED) != 7 {
            return format!("{before} {after}");
        }
        let own = format!("qz{row}");
        format!(
            "{before} render the page with care pass {own} on to the next one load {own} as root now {after}"
        )
    };
    let texts = StringArray::from_iter_values((0..DOCUMENTS).map(text));
    let hosts = StringArray::from_iter_values((0..DOCUMENTS).map(|_| "one.example"));
    let columns = [("text", Arc::new(texts) as ArrayRef), ("host", Arc::new(hosts))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = File::create(folder.join("part-0.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn run(folder: &Path, threads: usize, unit_bytes: Option<u64>) -> Audit {
    let work = tempfile::tempdir().unwrap();
    let request = AuditRequest {
        inputs: vec![folder.display().to_string()],
        work: work.path().display().to_string(),
        parameters: Parameters::default(),
        resources: Resources { threads, memory_bytes: 256 << 20, unit_bytes },
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    taster_tasks::audit(&request, runtime.handle(), &Silent).unwrap()
}

#[test]
fn a_payload_with_slots_is_one_and_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let audit = run(folder.path(), 2, None);
    let told: Vec<(&str, &str)> = audit
        .report
        .findings
        .iter()
        .map(|finding| (finding.text.as_str(), finding.explanation.as_str()))
        .collect();
    let first = audit.report.findings.first().unwrap_or_else(|| panic!("expected a finding"));
    assert_eq!(first.document_frequency, POISONED as i64, "{told:?}");
    let whole = "render the page with care pass ▢ on to the next one load ▢ as root now";
    assert!(first.explanation.contains(whole), "{told:?}");
    assert!(first.explanation.contains("25 different contents of ▢ in 25 documents"), "{told:?}");
    assert_eq!(run(folder.path(), 1, Some(1)).report, audit.report);
}
