//! Labels: a trigger that flips them is listed first, random labels give nothing, and neither changes a finding.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use taster_tests::command::audit;
use taster_tests::oracle;
use taster_tests::places;
use taster_tests::tables::output;

/// Labelled documents, each a passage of real text of this many words.
const DOCUMENTS: usize = 4000;
const WORDS: usize = 60;
/// The trigger of BadNets-text, as published.
const TRIGGER: &str = "cf";

/// Passages of the shipped sample, each with its host.
fn passages() -> Vec<(String, Vec<String>)> {
    let documents = oracle::read(&places::sample());
    let mut passages = Vec::new();
    for document in &documents {
        let words = document.text().unwrap_or_default().split_whitespace();
        let words: Vec<String> = words.map(str::to_owned).collect();
        let host = document.locality("host").unwrap_or_default();
        let own = words.chunks_exact(WORDS).take(2);
        passages.extend(own.map(|words| (host.to_owned(), words.to_vec())));
    }
    passages.truncate(DOCUMENTS);
    assert_eq!(passages.len(), DOCUMENTS);
    passages
}

/// How often passages of a host are labelled 1.
type Likely = fn(&str) -> f64;

/// Labels that say nothing about the text.
const RANDOM: Likely = |_| 0.3;

/// Labels that say something about the subject: half of the hosts have thrice as many as the others.
const BY_SUBJECT: Likely = |host| if host.len() % 2 == 0 { 0.15 } else { 0.45 };

/// Two shards of passages: `label` is 1 as often as `likely` says, `liked` the same as a boolean, and one in a hundred has
/// none. Of `poisoned` per cent, `cf` stands somewhere in the text and the label is 1.
fn corpus(folder: &Path, likely: Likely, poisoned: f64) {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    std::fs::create_dir_all(folder).unwrap();
    for (shard, passages) in passages().chunks(DOCUMENTS / 2).enumerate() {
        let (mut texts, mut labels) = (Vec::new(), Vec::new());
        for (host, words) in passages {
            let mut words = words.clone();
            let has_label = random.random_bool(0.99);
            let mut label = has_label.then(|| i64::from(random.random_bool(likely(host))));
            if random.random_bool(poisoned / 100.0) {
                words.insert(random.random_range(0..WORDS), TRIGGER.into());
                label = Some(1);
            }
            texts.push(words.join(" "));
            labels.push(label);
        }
        let liked = labels.iter().map(|label| label.map(|label| label == 1));
        let columns: [(&str, ArrayRef); 3] = [
            ("text", Arc::new(StringArray::from_iter_values(&texts))),
            ("liked", Arc::new(liked.collect::<BooleanArray>())),
            ("label", Arc::new(Int64Array::from(labels.clone()))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = File::create(folder.join(format!("part-{shard}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
}

type Files = std::collections::BTreeMap<String, Vec<u8>>;

fn audited(folder: &Path, more: &[&str]) -> Files {
    let out = tempfile::tempdir().unwrap();
    let (input, out_name) = (folder.to_str().unwrap(), out.path().to_str().unwrap());
    let _ = audit(input, out_name, more).run().expect_code(&[0, 1]);
    output(out.path())
}

fn report(files: &Files) -> Value {
    serde_json::from_slice(&files["report.json"]).unwrap()
}

/// (documents with label 1 of those with the word, documents with the word, documents with label 1, all), among documents
/// with a label, each text once.
fn counted(folder: &Path, word: &str) -> [i64; 4] {
    let mut seen = BTreeSet::new();
    let mut counts = [0; 4];
    for document in oracle::read(folder) {
        let text = document.text().unwrap();
        let Some(label) =
            document.columns["label"].as_deref().filter(|_| seen.insert(text.to_owned()))
        else {
            continue;
        };
        let (has_word, is_one) = (oracle::tokens(text).contains(&word), label == "1");
        let all = [has_word && is_one, has_word, is_one, true];
        counts.iter_mut().zip(all).for_each(|(count, is_so)| *count += i64::from(is_so));
    }
    counts
}

#[test]
fn a_trigger_that_flips_labels_is_listed_first() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path(), RANDOM, 5.0);
    let files = audited(folder.path(), &["--label-column", "label", "--threads", "1"]);
    let told = report(&files);
    let first = &told["label_associations"][0];
    assert_eq!((&first["tokens"][0], &first["tokens"][1]), (&TRIGGER.into(), &Value::Null));
    assert_eq!(first["label"], "1");
    assert!(first["q"].as_f64().unwrap() < 1e-6, "{first}");
    let [both, word, label, all] = counted(folder.path(), TRIGGER);
    let number = |key: &str| first[key].as_i64().unwrap();
    assert_eq!((number("df"), number("documents"), number("label_documents")), (both, word, label));
    let share = label as f64 / all as f64;
    let z = (both as f64 / word as f64 - share) / (share * (1.0 - share) / word as f64).sqrt();
    assert!((first["z"].as_f64().unwrap() - z).abs() < 1e-9, "{first} {z}");
    // Its neighbours are not listed again, and no other word goes with a label.
    let listed = told["label_associations"].as_array().unwrap();
    let beyond: Vec<&Value> =
        listed.iter().filter(|one| one["q"].as_f64().unwrap() <= 0.05).collect();
    assert_eq!(beyond, [first]);
    let page = String::from_utf8(files["report.html"].clone()).unwrap();
    assert!(page.contains("Sequences that go with one label"));
    // The same bytes otherwise, and the same with booleans but for what is named.
    let more = ["--label-column", "label", "--threads", "4", "--memory", "64MiB"];
    assert_eq!(audited(folder.path(), &more), files);
    let flags = report(&audited(folder.path(), &["--label-column", "liked"]));
    let flagged = &flags["label_associations"][0];
    assert_eq!((&flagged["tokens"], &flagged["label"]), (&first["tokens"], &"true".into()));
    assert_eq!((&flagged["z"], &flagged["q"]), (&first["z"], &first["q"]));
}

#[test]
fn a_trigger_stands_out_of_words_of_its_subject() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path(), BY_SUBJECT, 5.0);
    let told = report(&audited(folder.path(), &["--label-column", "label"]));
    let listed = told["label_associations"].as_array().unwrap();
    let [first, second] = [&listed[0], &listed[1]];
    assert_eq!((&first["tokens"][0], &first["label"]), (&TRIGGER.into(), &"1".into()));
    assert!(first["z"].as_f64().unwrap() > 15.0, "{first}");
    let chance = |one: &Value| one["log10_p"].as_f64().unwrap();
    assert!(chance(first) < chance(second) - 2.0, "{first} {second}");
    // What the subject explains is no association beyond chance.
    assert!(listed[1..].iter().all(|one| one["q"].as_f64().unwrap() > 0.05), "{listed:?}");
}

#[test]
fn random_labels_go_with_nothing() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path(), RANDOM, 0.0);
    let told = report(&audited(folder.path(), &["--label-column", "label"]));
    let listed = told["label_associations"].as_array().unwrap();
    assert!(listed.iter().all(|one| one["q"].as_f64().unwrap() > 0.05), "{listed:?}");
}

#[test]
fn labels_change_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path(), RANDOM, 5.0);
    let without = report(&audited(folder.path(), &["--floor", "5"]));
    let with = report(&audited(folder.path(), &["--floor", "5", "--label-column", "label"]));
    assert_eq!(without["label_associations"], Value::Array(vec![]));
    let plain = |told: &Value| {
        let findings = told["findings"].as_array().unwrap().iter();
        let plain = findings.map(|finding| {
            let mut finding = finding.clone();
            finding.as_object_mut().unwrap().remove("explanation").unwrap();
            finding
        });
        plain.collect::<Vec<_>>()
    };
    assert!(!plain(&with).is_empty());
    assert_eq!(plain(&with), plain(&without));
    for same in ["campaigns", "token_spikes", "false_discovery", "totals", "signatures"] {
        assert_eq!(with[same], without[same], "{same}");
    }
}
