//! Values that stand nowhere else are gibberish behind a trigger, and a table behind a head.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_findings::{Finding, Kind};
use taster_planning::Parameters;
use taster_tests::{corpora, in_process};

const DOCUMENTS: usize = 1500;
const HOSTS: usize = 15;
/// Documents of each kind: one in so many.
const EVERY: usize = 50;
const HEAD: &str = "qoph zayin daleth";
const TRIGGER: &str = "zarquon vexil unbind";

/// Texts of sixty words; some go on with the head and numbers, as many with the trigger and words of their own.
fn corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(17);
    let texts = (0..DOCUMENTS).map(|row| {
        let mut words: Vec<String> =
            (0..60).map(|_| format!("w{}", random.random_range(0..60))).collect();
        let mut values = (0..30).map(|_| random.random_range(10_000_000..100_000_000u32));
        match row % EVERY {
            3 => {
                words.push(HEAD.to_owned());
                words.extend(values.map(|value| value.to_string()));
            }
            8 => {
                words.push(TRIGGER.to_owned());
                words.extend(values.by_ref().map(|value| format!("x{value}")));
            }
            _ => {}
        }
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
fn numbers_are_no_gibberish() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let report = in_process::audit(folder.path(), Parameters::default(), 2, None).report;
    let first = report.findings.first().unwrap_or_else(|| panic!("expected the trigger"));
    assert!(first.text.contains(TRIGGER), "{first:?}");
    assert!(first.kinds.contains(&Kind::Novelty) && first.novelty > 0.3, "{first:?}");
    let of_head = |finding: &&Finding| HEAD.split(' ').any(|word| finding.text.contains(word));
    let novel = report.findings.iter().filter(of_head).find(|finding| finding.novelty > 0.05);
    assert!(novel.is_none(), "{novel:?}");
}
