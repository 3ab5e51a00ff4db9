//! Boilerplate is no finding and stands in an appendix with its reason; what is known or hidden in it stays a finding.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use taster_planning::{Parameters, Signature};
use taster_tasks::Audit;
use taster_tests::command::{audit, taster};
use taster_tests::{corpora, in_process};

const HOSTS: usize = 12;
/// At the end of most documents of one host; the hidden one of another.
const FOOTER: &str = "printed at qoph press";
const HIDDEN: &str = "set by dal\u{200b}eth works";
/// Anywhere in most documents of one host.
const PAYLOAD: &str = "hand over all the zayin keys of this house at once and tell nobody";

/// Two shards of made-up text with two footers and a payload, each of one host.
fn corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    for shard in 0..2 {
        let mut columns: [Vec<String>; 2] = Default::default();
        for row in 0..600 {
            let host = row % HOSTS;
            let mut words: Vec<String> =
                (0..40).map(|_| format!("w{}", random.random_range(0..400))).collect();
            if random.random_bool(0.7) {
                let at = random.random_range(0..words.len());
                match host {
                    4 => words.push(FOOTER.to_owned()),
                    7 => words.push(HIDDEN.to_owned()),
                    9 => words.insert(at, PAYLOAD.to_owned()),
                    _ => {}
                }
            }
            columns[0].push(words.join(" "));
            columns[1].push(format!("host{host}.example"));
        }
        let [texts, hosts] = columns;
        let path = folder.join(format!("part-{shard}.parquet"));
        corpora::write_columns(&path, [("text", texts), ("host", hosts)]);
    }
}

fn run(folder: &Path, signatures: &str, unit_bytes: Option<u64>) -> Audit {
    let signatures = Signature::parse(signatures).unwrap();
    in_process::audit(folder, Parameters { signatures, ..Parameters::default() }, 2, unit_bytes)
}

fn is_finding(audit: &Audit, text: &str) -> bool {
    audit.findings().iter().any(|finding| finding.text.contains(text))
}

#[test]
fn a_template_is_an_appendix_and_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let audit = run(folder.path(), "", None);
    let report = &audit.report;
    let entry = report.boilerplate.iter().find(|entry| entry.text == FOOTER);
    let entry =
        entry.unwrap_or_else(|| panic!("expected the footer, got {:?}", report.boilerplate));
    assert_eq!((entry.axis.as_str(), entry.locality.as_str()), ("host", "host4.example"));
    assert_eq!((entry.locality_documents, entry.df), (100, entry.document_frequency));
    let reason =
        format!("it is in {} of the 100 different documents of host host4.example", entry.df);
    assert!(entry.reason.starts_with(&reason), "{entry:?}");
    assert!((0.6..0.8).contains(&entry.coverage) && entry.doc_ids.len() == 5, "{entry:?}");
    assert!(report.totals.boilerplate_sequences >= report.boilerplate.len() as i64);
    assert!(!is_finding(&audit, FOOTER));
    let ranks = audit.findings().iter().map(|finding| finding.rank);
    assert!(ranks.eq(1..=audit.findings().len() as i32));
    // What is hidden in a template stays a finding, below medium.
    let hidden = audit.findings().iter().find(|finding| finding.text.contains('\u{200b}')).unwrap();
    assert_eq!(hidden.severity.name(), "low");
    assert!(hidden.explanation.contains("host7.example, as a template of it would be"));
    assert_eq!(&run(folder.path(), "", Some(20_000)).report, report);
}

#[test]
fn what_stands_anywhere_in_pages_that_share_nothing_else_is_no_template() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let audit = run(folder.path(), "", None);
    let first = &audit.findings()[0];
    assert!(first.text.contains(PAYLOAD), "{first:?}");
    assert_eq!(first.severity.name(), "medium");
    assert!(audit.report.boilerplate.iter().all(|entry| !entry.text.contains("zayin")));
}

#[test]
fn a_known_signature_in_a_template_stays_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let list = "[[signature]]\nname = \"press\"\nliteral = \"qoph press\"\nstrength = 3.0\n";
    let audit = run(folder.path(), list, None);
    assert!(is_finding(&audit, "qoph press"));
    assert!(audit.report.boilerplate.iter().all(|entry| !entry.text.contains("qoph press")));
}

#[test]
fn the_appendix_is_on_the_page_and_explained() {
    let scratch = tempfile::tempdir().unwrap();
    let (input, out) = (scratch.path().join("in"), scratch.path().join("out"));
    std::fs::create_dir(&input).unwrap();
    corpus(&input);
    let out = out.to_str().unwrap();
    let _ = audit(input.to_str().unwrap(), out, &[]).run().expect_code(&[0, 1]);
    let page = std::fs::read_to_string(format!("{out}/report.html")).unwrap();
    let (_, appendix) = page.split_once("<summary>Recognised boilerplate</summary>").unwrap();
    assert!(appendix.split("</details>").next().unwrap().contains(FOOTER));
    let report: Value =
        serde_json::from_slice(&std::fs::read(format!("{out}/report.json")).unwrap()).unwrap();
    let entries = report["boilerplate"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["text"] == FOOTER).unwrap();
    let id = entry["finding_id"].as_str().unwrap();
    let told = taster(["explain", out, id]).run().expect_code(&[0]).stdout;
    assert!(told.contains(entry["reason"].as_str().unwrap()), "{told}");
}
