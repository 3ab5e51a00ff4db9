//! A payload with a slot that is filled anew in each document, inside one host: found, and shown as one.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_planning::Parameters;
use taster_tests::{corpora, in_process};

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
    let texts = (0..DOCUMENTS).map(text).collect();
    let hosts = vec!["one.example".to_owned(); DOCUMENTS];
    corpora::write_columns(&folder.join("part-0.parquet"), [("text", texts), ("host", hosts)]);
}

#[test]
fn a_payload_with_slots_is_one_and_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let audit = in_process::audit(folder.path(), Parameters::default(), 2, None);
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
    assert_eq!(
        in_process::audit(folder.path(), Parameters::default(), 1, Some(1)).report,
        audit.report
    );
}
