//! The lists beside the findings: what they say equals what a naive twin counts, and they change no finding.

use std::collections::BTreeSet;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_planning::Parameters;
use taster_tests::oracle::{self, Document};
use taster_tests::{corpora, in_process};

const HOSTS: usize = 12;

/// Two shards of made-up text. `qoph` stands in most documents of one host, in ever other words, and
/// in few of the others; `zayin` in as many, anywhere.
fn corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    std::fs::create_dir_all(folder).unwrap();
    for shard in 0..2 {
        let mut columns: [Vec<String>; 2] = Default::default();
        for row in 0..600 {
            let host = row % HOSTS;
            let mut words: Vec<String> =
                (0..40).map(|_| format!("w{}", random.random_range(0..400))).collect();
            let at = random.random_range(0..words.len());
            if random.random_bool(if host == 4 { 0.7 } else { 0.01 }) {
                words[at] = "qoph".into();
            } else if random.random_bool(0.06) {
                words[at] = "zayin".into();
            }
            columns[0].push(words.join(" "));
            columns[1].push(format!("host{host}.example"));
        }
        let [texts, hosts] = columns;
        let path = folder.join(format!("part-{shard}.parquet"));
        corpora::write_columns(&path, [("text", texts), ("host", hosts)]);
    }
}

/// Documents with a text, each text once.
fn canonical(folder: &Path) -> Vec<Document> {
    let mut documents = oracle::read(folder);
    let mut seen = BTreeSet::new();
    documents.retain(|document| document.text().is_some_and(|text| seen.insert(text.to_owned())));
    documents
}

#[test]
fn spikes_are_counted_like_the_twin() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let audit = in_process::audit(folder.path(), Parameters::default(), 2, None);
    let spikes = &audit.report.token_spikes;
    assert_eq!((spikes[0].token.as_str(), spikes[0].locality.as_str()), ("qoph", "host4.example"));
    assert!(spikes[0].q < 1e-6, "{spikes:?}");
    assert!(spikes.iter().all(|spike| spike.token != "zayin"), "{spikes:?}");
    let documents = canonical(folder.path());
    for spike in spikes {
        let by = oracle::count_by(&documents, 1, &spike.axis);
        let known: i64 =
            by.iter().filter(|((token, _), _)| *token == spike.token).map(|(_, df)| *df).sum();
        assert_eq!(by[&(spike.token.clone(), spike.locality.clone())], spike.df, "{spike:?}");
        assert_eq!(known, spike.documents, "{spike:?}");
        let sizes = oracle::locality_sizes(&documents, &spike.axis);
        assert_eq!(sizes[&spike.locality], spike.locality_documents, "{spike:?}");
        let share = spike.locality_documents as f64 / sizes.values().sum::<i64>() as f64;
        assert!((spike.expected - known as f64 * share).abs() < 1e-9, "{spike:?}");
    }
    let other = in_process::audit(folder.path(), Parameters::default(), 2, Some(20_000));
    assert_eq!(other.report, audit.report);
}
