//! Files that are damaged or mean harm: no panic, bounded memory, the right reason, and the audit
//! goes on.

use std::collections::BTreeMap;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::runtime::Runtime;

use taster_planning::{Parameters, QuarantineReason};
use taster_storage::{ReadError, Want, freeze};
use taster_tests::command::{Outcome, audit};
use taster_tests::corpora::{self, Plan};
use taster_tests::hostile_files::{
    dictionary_bomb, document_bomb, honest, parquet, put, unreadable,
};
use taster_tests::places;
use taster_tests::tables::json_lines;

/// Damaged files per honest one.
const MUTANTS: usize = 2000;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// What became of a shard.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Read(usize),
    Quarantined(QuarantineReason),
}

/// Plans and reads one file as an audit does; anything but a fate fails the test.
fn fate(file: &Path, runtime: &Runtime) -> Fate {
    let parameters = Parameters::default();
    let inputs = [file.to_str().unwrap().to_owned()];
    let frozen = freeze(&inputs, &parameters, runtime.handle()).unwrap();
    assert_eq!(frozen.manifest.shards.len(), 1);
    let shard = &frozen.manifest.shards[0];
    if let Some(quarantine) = &shard.quarantine {
        return Fate::Quarantined(quarantine.reason);
    }
    let want = Want { axes: true, ids: true };
    let groups = 0..shard.row_groups.len() as u32;
    let read = || {
        let mut stream = frozen.sources.documents(0, shard, groups, want, &parameters.limits)?;
        let mut documents = 0;
        while let Some(batch) = stream.next_batch()? {
            documents += (0..batch.len()).filter(|&at| batch.text(at).is_some()).count();
        }
        Ok(documents)
    };
    match read() {
        Ok(documents) => Fate::Read(documents),
        Err(ReadError::Shard(quarantine)) => Fate::Quarantined(quarantine.reason),
        Err(ReadError::Store(error)) => {
            panic!("a damaged file is no trouble of the store: {error}")
        }
    }
}

fn mutate(honest: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    match random.random_range(0..10) {
        0 => bytes.truncate(random.random_range(0..bytes.len())),
        1 => bytes.drain(..random.random_range(0..honest.len())).for_each(drop),
        2 => {
            let at = random.random_range(0..bytes.len());
            let length = random.random_range(1..64).min(bytes.len() - at);
            bytes.drain(at..at + length);
        }
        3 => {
            let at = random.random_range(0..bytes.len());
            bytes.splice(at..at, (0..16).map(|_| random.random::<u8>()));
        }
        4..7 => flip(&mut bytes, random, 0),
        // Most of what can mislead a reader is in the footer.
        _ => flip(&mut bytes, random, honest.len() / 2),
    }
    bytes
}

fn flip(bytes: &mut [u8], random: &mut ChaCha8Rng, from: usize) {
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(from..bytes.len());
        bytes[at] = random.random();
    }
}

#[test]
fn honest_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime();
    for (name, bytes) in honest() {
        assert!((1000..10_000).contains(&bytes.len()), "{name}: {} bytes", bytes.len());
        let file = folder.path().join("shard.parquet");
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(fate(&file, &runtime), Fate::Read(40), "{name}");
    }
}

#[test]
fn damaged_files_are_read_or_quarantined() {
    let seed = places::seed();
    let (fates, total) = std::thread::scope(|scope| {
        let threads: Vec<_> = honest()
            .into_iter()
            .enumerate()
            .map(|(at, (_, bytes))| scope.spawn(move || fates(&bytes, seed ^ at as u64)))
            .collect();
        let mut sum: BTreeMap<&str, usize> = BTreeMap::new();
        for (kind, count) in threads.into_iter().flat_map(|t| t.join().unwrap()) {
            *sum.entry(kind).or_default() += count;
        }
        let total = sum.values().sum::<usize>();
        (sum, total)
    });
    eprintln!("{total} damaged files: {fates:?}");
    assert!(total >= 8 * MUTANTS);
    // Damage that always shows, or never, would mean that the reader was not reached.
    assert!(fates["read"] > total / 50 && fates["corrupt"] > total / 5, "{fates:?}");
}

fn fates(honest: &[u8], seed: u64) -> BTreeMap<&'static str, usize> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shard.parquet");
    let runtime = runtime();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut fates = BTreeMap::new();
    for _ in 0..MUTANTS {
        std::fs::write(&file, mutate(honest, &mut random)).unwrap();
        let kind = match fate(&file, &runtime) {
            Fate::Read(_) => "read",
            Fate::Quarantined(QuarantineReason::Corrupt) => "corrupt",
            Fate::Quarantined(QuarantineReason::Panic) => "panic contained",
            Fate::Quarantined(_) => "other reasons",
        };
        *fates.entry(kind).or_default() += 1;
    }
    fates
}

/// Reasons by shard, as the audit writes them.
fn quarantine(out: &Path) -> BTreeMap<String, String> {
    let lines = json_lines(&out.join("quarantine.jsonl"));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    lines.iter().map(|line| (text(&line["shard"]), text(&line["reason"]))).collect()
}

/// Audits `folder` with little memory and without findings that could change the exit code.
fn audit_of(folder: &Path, out: &Path, more: &[&str]) -> Outcome {
    let fixed = ["--fail-on", "never", "--threads", "2", "--memory", "256MiB"];
    let more: Vec<_> = fixed.iter().chain(more).copied().collect();
    audit(folder.to_str().unwrap(), out.to_str().unwrap(), &more).run()
}

#[test]
fn unreadable_files_are_quarantined_and_the_audit_goes_on() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    corpora::write(folder.path(), &Plan { shards: 1, ..Plan::default() });
    let mut expected = BTreeMap::new();
    for (name, bytes, reason) in unreadable() {
        put(folder.path(), name, &bytes);
        expected.insert(name.to_owned(), reason.to_owned());
    }
    let outcome = audit_of(folder.path(), out.path(), &[]).expect_code(&[3]);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert_eq!(quarantine(out.path()), expected);
    let manifest = json_lines(&out.path().join("manifest.jsonl"));
    assert_eq!(manifest.len(), expected.len() + 1, "every shard is in the manifest");
    let most = expected.len().to_string();
    let again = tempfile::tempdir().unwrap();
    let _ = audit_of(folder.path(), again.path(), &["--max-quarantine", &most]).expect_code(&[0]);
}

#[test]
fn bombs_are_bounded() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    corpora::write(folder.path(), &Plan { shards: 1, ..Plan::default() });
    let plain = audit_of(folder.path(), out.path(), &[]).expect_code(&[0]);
    // 20 GB of text in less than 2 kB, and one document of 300 MB.
    let (dictionary, document) = (dictionary_bomb(200_000), document_bomb(300_000_000));
    assert!(dictionary.len() < 2000, "{} bytes", dictionary.len());
    assert!(document.len() < 100_000, "{} bytes", document.len());
    put(folder.path(), "dictionary.parquet", &dictionary);
    put(folder.path(), "document.parquet", &document);
    let bombed = audit_of(folder.path(), out.path(), &[]).expect_code(&[3]);
    let expected = [("dictionary.parquet", "limit"), ("document.parquet", "limit")];
    let expected = expected.map(|(name, reason)| (name.to_owned(), reason.to_owned()));
    assert_eq!(quarantine(out.path()), BTreeMap::from(expected));
    let mebibytes = [plain.peak_bytes, bombed.peak_bytes].map(|bytes| bytes >> 20);
    eprintln!("peak without and with bombs: {mebibytes:?} MiB");
    assert!(bombed.peak_bytes > 0, "memory was not seen");
    assert!(bombed.peak_bytes < 320 << 20, "{mebibytes:?} MiB");
}

#[test]
fn a_shard_without_documents_is_no_fault() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    corpora::write(folder.path(), &Plan { shards: 1, ..Plan::default() });
    let none = std::sync::Arc::new(arrow::array::StringArray::from(Vec::<String>::new()));
    put(folder.path(), "none.parquet", &parquet(vec![("text", none)], Default::default()));
    let nulls = std::sync::Arc::new(arrow::array::StringArray::new_null(9));
    put(folder.path(), "nulls.parquet", &parquet(vec![("text", nulls)], Default::default()));
    let _ = audit_of(folder.path(), out.path(), &[]).expect_code(&[0]);
    assert!(quarantine(out.path()).is_empty());
}

#[test]
fn nothing_but_bad_files_is_incomplete() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(folder.path(), "a.parquet", b"");
    put(folder.path(), "b.parquet", b"no");
    let _ = audit_of(folder.path(), out.path(), &[]).expect_code(&[3]);
    assert_eq!(quarantine(out.path()).len(), 2);
}
