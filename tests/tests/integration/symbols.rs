//! A run of a rare symbol is looked at wherever it stands: no token of it is unusual by itself.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_findings::{Finding, Kind, Severity};
use taster_planning::Parameters;
use taster_tests::{corpora, in_process};

const DOCUMENTS: usize = 1500;
const HOSTS: usize = 15;
/// Documents of each kind: one in so many.
const EVERY: usize = 50;
const RUN: &str = "｡｡｡｡｡";
const TYPOGRAPHY: &str = "————";

/// Texts of sixty words; some hold a run of a rare symbol, as many a line of dashes, each between words of its own and in
/// all hosts: neither place nor context tells of either.
fn corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(23);
    let texts = (0..DOCUMENTS).map(|row| {
        let mut words: Vec<String> =
            (0..60).map(|_| format!("w{}", random.random_range(0..60))).collect();
        let mark = match row % EVERY {
            3 => Some(RUN),
            8 => Some(TYPOGRAPHY),
            _ => None,
        };
        let at = random.random_range(5..55);
        words.splice(at..at, mark.map(str::to_owned));
        words.join(" ")
    });
    let texts: Vec<String> = texts.collect();
    let hosts = (0..DOCUMENTS).map(|row| format!("host{}.example", row / EVERY % HOSTS));
    corpora::write_columns(
        &folder.join("part-0.parquet"),
        [("text", texts), ("host", hosts.collect())],
    );
}

#[test]
fn a_run_of_a_rare_symbol_is_the_first_finding_whatever_stands_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let report = in_process::audit(folder.path(), Parameters::default(), 2, None).report;
    let first = report.findings.first().unwrap_or_else(|| panic!("expected the run"));
    assert!(first.text.contains(RUN) && first.kinds.contains(&Kind::CodePoints), "{first:?}");
    assert!(first.severity >= Severity::Medium, "{first:?}");
    assert_eq!(first.document_frequency, (DOCUMENTS / EVERY) as i64);
    let hides = |finding: &&Finding| finding.code_points > 0.0 && finding.text.contains(TYPOGRAPHY);
    assert!(!report.findings.iter().any(|finding| hides(&finding)), "dashes are typography");
}
