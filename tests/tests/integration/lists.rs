//! The lists beside the findings: what they say equals what a naive twin counts, and they change no finding.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_planning::Parameters;
use taster_tasks::{Audit, AuditRequest, Resources, Silent};
use taster_tests::oracle::{self, Document};

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
        let named = ["text", "host"].into_iter().zip(columns);
        let arrays = named.map(|(name, values)| {
            (name, Arc::new(StringArray::from_iter_values(values)) as ArrayRef)
        });
        let batch = RecordBatch::try_from_iter(arrays).unwrap();
        let file = File::create(folder.join(format!("part-{shard}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
}

fn run(folder: &Path, parameters: Parameters, unit_bytes: Option<u64>) -> Audit {
    let work = tempfile::tempdir().unwrap();
    let request = AuditRequest {
        inputs: vec![folder.display().to_string()],
        work: work.path().display().to_string(),
        parameters,
        resources: Resources { threads: 2, memory_bytes: 256 << 20, unit_bytes },
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    taster_tasks::audit(&request, runtime.handle(), &Silent).unwrap()
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
    let audit = run(folder.path(), Parameters::default(), None);
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
    let other = run(folder.path(), Parameters::default(), Some(20_000));
    assert_eq!(other.report, audit.report);
}
