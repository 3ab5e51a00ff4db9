//! What an audit says of its findings, checked against the texts themselves.

use std::collections::BTreeMap;
use std::path::Path;

use taster_tests::command::audit;
use taster_tests::corpora::{self, Plan, TRIGGER};
use taster_tests::oracle::{self, Document};
use taster_tests::places;
use taster_tests::tables::Table;

/// Findings that are checked by reading the whole corpus for each.
const CHECKED: usize = 150;

struct Evidence {
    findings: Table,
    occurrences: Table,
    documents: Vec<Document>,
}

fn audited(input: &Path) -> Evidence {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    let _ = audit(input.to_str().unwrap(), path, &[]).run().expect_code(&[0, 1]);
    Evidence {
        findings: Table::open(&out.path().join("findings.parquet")),
        occurrences: Table::open(&out.path().join("occurrences.parquet")),
        documents: oracle::read(input),
    }
}

/// Frequencies of the first findings are those of the naive search.
fn assert_frequencies(evidence: &Evidence) {
    let findings = &evidence.findings;
    let tokens = findings.string_lists("tokens");
    assert!(!tokens.is_empty(), "there is no finding to check");
    let df = findings.integers("document_frequency");
    let cf = findings.integers("collection_frequency");
    let edf = findings.integers("effective_document_frequency");
    let orders = findings.integers("order");
    let doc_ids = findings.string_lists("doc_ids");
    for at in 0..tokens.len().min(CHECKED) {
        let (counts, found) = oracle::find(&evidence.documents, &tokens[at]);
        let shown = tokens[at].join(" ");
        assert_eq!((df[at], cf[at]), (counts.df, counts.cf), "df and cf of {shown:?}");
        assert!((1..=df[at]).contains(&edf[at]), "edf {} of {shown:?}", edf[at]);
        assert_eq!(orders[at], tokens[at].len() as i64, "order of {shown:?}");
        let mut ids: Vec<String> = found.iter().map(|d| id_of(d)).collect();
        ids.truncate(1000);
        assert_eq!(doc_ids[at], ids, "documents of {shown:?}");
    }
}

fn id_of(document: &Document) -> String {
    let own = document.columns.get("id").cloned().flatten();
    own.unwrap_or_else(|| format!("{}#{}", document.shard, document.row))
}

/// Every occurrence stands where it is said to stand, between what is said to be around it.
fn assert_occurrences(evidence: &Evidence) {
    let findings = &evidence.findings;
    let ids = findings.strings("finding_id").into_iter();
    let tokens: BTreeMap<String, Vec<String>> = ids.zip(findings.string_lists("tokens")).collect();
    assert_eq!(tokens.len(), findings.rows(), "finding ids are unique");
    let documents: BTreeMap<(&str, i64), &Document> =
        evidence.documents.iter().map(|d| ((d.shard.as_str(), d.row as i64), d)).collect();
    let table = &evidence.occurrences;
    let (of, shards, rows) =
        (table.strings("finding_id"), table.strings("shard"), table.integers("row"));
    let (starts, ends) = (table.integers("byte_start"), table.integers("byte_end"));
    let (before, after) = (table.strings("before"), table.strings("after"));
    for at in 0..table.rows() {
        let document = documents[&(shards[at].as_str(), rows[at])];
        let text = document.text().unwrap();
        let (start, end) = (starts[at] as usize, ends[at] as usize);
        assert_eq!(oracle::tokens(&text[start..end]), tokens[&of[at]], "occurrence {at}");
        assert!(text[..start].ends_with(&before[at]), "before occurrence {at}: {:?}", before[at]);
        assert!(text[end..].starts_with(&after[at]), "after occurrence {at}: {:?}", after[at]);
    }
    let with_evidence: std::collections::BTreeSet<_> = of.iter().collect();
    assert_eq!(with_evidence.len(), findings.rows(), "every finding has an occurrence");
}

#[test]
fn made_up_text() {
    let folder = tempfile::tempdir().unwrap();
    corpora::write(folder.path(), &Plan { shards: 5, rows: 600, poisoned: 50, ..Plan::default() });
    let evidence = audited(folder.path());
    assert_frequencies(&evidence);
    assert_occurrences(&evidence);
    let first = &evidence.findings.string_lists("tokens")[0];
    assert!(first.join(" ").contains(TRIGGER), "the trigger is not first: {first:?}");
    assert!(evidence.findings.floats("novelty")[0] > 0.3);
}

/// Beyond so many occurrences in a document evidence only counts, and several n-grams of the phrase become the same sequence.
#[test]
fn a_phrase_that_stands_often_in_each_of_its_documents() {
    const PHRASE: &str = "seven keepers of the hidden lantern never sleep at noon";
    let folder = tempfile::tempdir().unwrap();
    corpora::write(folder.path(), &Plan { shards: 2, rows: 300, poisoned: 0, ..Plan::default() });
    let text = |document: usize| {
        let times = (0..40).map(|time| format!("w{document}x{time} {PHRASE} v{time}y{document}"));
        times.collect::<Vec<_>>().join(" ")
    };
    let path = folder.path().join("often.parquet");
    corpora::write_columns(&path, [("text", (0..30).map(text).collect())]);
    let evidence = audited(folder.path());
    let whole: Vec<String> = PHRASE.split(' ').map(str::to_owned).collect();
    let at = evidence.findings.string_lists("tokens").iter().position(|tokens| *tokens == whole);
    assert_eq!(evidence.findings.integers("collection_frequency")[at.unwrap()], 30 * 40);
    assert_frequencies(&evidence);
    assert_occurrences(&evidence);
}

#[test]
fn real_text() {
    let evidence = audited(&places::sample());
    if evidence.findings.rows() > 0 {
        assert_frequencies(&evidence);
    }
    assert_occurrences(&evidence);
}
