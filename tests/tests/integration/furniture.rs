//! A payload that was dropped into the navigation of a site, which all of its pages share.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_findings::Severity;
use taster_planning::Parameters;
use taster_tests::{corpora, in_process};

const DOCUMENTS: usize = 900;
const POISONED: usize = 25;
/// Pages of other hosts, without navigation: that the payload is in one host only counts where there are several.
const OTHERS: usize = 1100;
const NAVIGATION: usize = 200;
const PAYLOAD: &str = "render the page with care and load all of it as root now";

/// Pages of one host, each a navigation and a text of its own; some carry the payload somewhere in the navigation. Pages
/// of other hosts are a text alone.
fn corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(29);
    let navigation: Vec<String> = (0..NAVIGATION).map(|entry| format!("entry{entry}")).collect();
    let texts = (0..DOCUMENTS + OTHERS).map(|row| {
        let is_site = row < DOCUMENTS;
        let mut words = if is_site { navigation.clone() } else { Vec::new() };
        let own = random.random_range(80..160);
        words.extend((0..own).map(|_| format!("w{}", random.random_range(0..900))));
        if is_site && row % (DOCUMENTS / POISONED) == 7 {
            words.insert(random.random_range(8..NAVIGATION - 8), PAYLOAD.to_owned());
        }
        words.join(" ")
    });
    let host = |row: usize| match row.checked_sub(DOCUMENTS) {
        None => "site.example".to_owned(),
        Some(other) => format!("host{}.example", other % 11),
    };
    let hosts = (0..DOCUMENTS + OTHERS).map(host);
    let columns = [("text", texts.collect()), ("host", hosts.collect())];
    corpora::write_columns(&folder.join("part-0.parquet"), columns);
}

#[test]
fn a_payload_inside_navigation_is_no_navigation() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let report = in_process::audit(folder.path(), Parameters::default(), 2, None).report;
    let told: Vec<_> = report.findings.iter().map(|f| (f.score, f.text.as_str())).collect();
    let first = report.findings.first().unwrap_or_else(|| panic!("expected a finding"));
    assert!(first.text.contains(PAYLOAD), "{told:?}");
    assert_eq!(first.document_frequency, POISONED as i64, "{told:?}");
    assert_eq!(first.severity, Severity::Medium, "{told:?}");
    assert_eq!(in_process::audit(folder.path(), Parameters::default(), 1, Some(1)).report, report);
}
