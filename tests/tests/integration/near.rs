//! Near-duplicates count once: pages of one template beside documents that share a phrase with them and nothing else.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_planning::Parameters;
use taster_tasks::{Audit, AuditRequest, Resources, Silent};

/// Pages of the template, and documents beside them that hold the phrase.
const PAGES: usize = 40;
const OTHERS: usize = 12;
const PHRASE: &str = "zorp quill vex mora tibi sang ulla remo pax dorn kel";

/// Three shards of made-up text, with pages and others among them.
fn corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut words = |count: usize| -> Vec<String> {
        (0..count).map(|_| format!("w{}", random.random_range(0..600))).collect()
    };
    let template = words(200).join(" ");
    for shard in 0..3 {
        let text = |row: usize| match 3 * row + shard {
            page if page < PAGES => format!("{template} {PHRASE} page{page}"),
            other if other < PAGES + OTHERS => {
                format!("{} {PHRASE} {}", words(30).join(" "), words(30).join(" "))
            }
            _ => words(60).join(" "),
        };
        let texts = StringArray::from_iter_values((0..300).map(text));
        let batch = RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();
        let file = File::create(folder.join(format!("part-{shard}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
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
fn a_cluster_counts_once_and_what_shares_a_phrase_alone_counts_each() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let audit = run(folder.path(), 2, None);
    let totals = &audit.report.totals;
    assert_eq!(totals.near_duplicate_clusters, 1);
    assert_eq!(totals.near_duplicate_documents, PAGES as i64);
    let texts: Vec<&str> = audit.report.findings.iter().map(|found| found.text.as_str()).collect();
    let finding = audit.report.findings.iter().find(|found| found.text.contains(PHRASE));
    let finding =
        finding.unwrap_or_else(|| panic!("expected a finding with {PHRASE}, got {texts:?}"));
    assert_eq!(finding.document_frequency, (PAGES + OTHERS) as i64);
    assert_eq!(finding.effective_document_frequency, (1 + OTHERS) as i64);
    // However the corpus is cut: clusters reach over units.
    assert_eq!(run(folder.path(), 1, Some(1)).report, audit.report);
}
