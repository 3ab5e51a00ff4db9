//! The same promises on a real S3 server. `TASTER_TEST_S3` names an empty prefix on one, such as
//! `s3://bucket/prefix`, with the `AWS_*` variables set; without it these tests do nothing and
//! say so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use arrow::array::{Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use taster_planning::{Limits, Parameters, QuarantineReason};

use crate::fixtures::*;
use crate::{ReadError, StorageError, Store, TableWriter, freeze, write_table};

fn store(below: &str) -> Option<Store> {
    let Ok(place) = std::env::var("TASTER_TEST_S3") else {
        eprintln!("SKIPPED: TASTER_TEST_S3 is not set");
        return None;
    };
    let location = format!("{place}/{below}");
    let store = Store::open(&location, runtime()).unwrap();
    for (key, _) in store.list("").unwrap() {
        store.delete(&key).unwrap();
    }
    Some(store)
}

#[test]
fn remote_commits_are_create_only() {
    let Some(store) = store("commit") else { return };
    let bytes = Bytes::from_static(b"0123456789");
    store.commit("a/b c#1", bytes.clone()).unwrap();
    store.commit("a/b c#1", bytes).unwrap();
    let other = store.commit("a/b c#1", Bytes::from_static(b"x"));
    assert!(matches!(other, Err(StorageError::Conflict { .. })), "{other:?}");
    assert_eq!(store.list("").unwrap(), [("a/b c#1".to_owned(), 10)]);
    assert_eq!(store.get_range("a/b c#1", 2..4).unwrap(), "23");
    assert!(store.get_range("a/b c#1", 8..14).is_err());
    assert_eq!(store.get("none").unwrap(), None);
    assert_eq!(store.size("none").unwrap(), None);
    store.replace("a/b c#1", Bytes::from_static(b"y")).unwrap();
    assert_eq!(store.size("a/b c#1").unwrap(), Some(1));
    store.delete("a/b c#1").unwrap();
    store.delete("a/b c#1").unwrap();
}

#[test]
fn remote_tables_equal_local_ones() {
    let Some(store) = store("table") else { return };
    let numbers = Int64Array::from_iter_values(
        (0..300_000_i64).map(|i| i.wrapping_mul(0x1e37_79b9_7f4a_7c15)),
    );
    let texts =
        StringArray::from_iter_values((0..300_000_i64).map(|i| format!("row {}", i * 7919)));
    let batch =
        RecordBatch::try_from_iter([("number", column(numbers)), ("text", column(texts))]).unwrap();
    let once = write_table(&batch.schema(), std::slice::from_ref(&batch)).unwrap();
    let mut writer = TableWriter::create(&store, "t.parquet", &batch.schema()).unwrap();
    writer.append(&batch).unwrap();
    writer.finish().unwrap();
    assert_eq!(store.get("t.parquet").unwrap().unwrap(), once);
    drop(TableWriter::create(&store, "u.parquet", &batch.schema()).unwrap());
    assert_eq!(store.list("").unwrap().len(), 1);
}

#[test]
fn a_remote_corpus_equals_a_local_one() {
    let Some(store) = store("corpus") else { return };
    let folder = Folder::new();
    let texts: Vec<_> = (0..2000).map(|i| format!("document {i}")).collect();
    let good = parquet(&[("text", column(StringArray::from(texts)))]);
    let wrong = parquet(&[("text", column(Int64Array::from(vec![1])))]);
    let files: [(&str, &[u8]); 5] = [
        ("a/good one.parquet", &good),
        ("a/wrong.parquet", &wrong),
        ("b/short.parquet", b"short"),
        ("b/garbage.parquet", b"garbage, not Parquet"),
        ("_hidden/x.parquet", &good),
    ];
    for (name, bytes) in files {
        folder.put(name, bytes);
        store.commit(name, Bytes::copy_from_slice(bytes)).unwrap();
    }
    let local = freeze_folder(&folder);
    let input = store.location().to_owned();
    let mut remote = freeze(&[input], &Parameters::default(), runtime()).unwrap();
    let limits = Limits::default();
    assert_eq!(read_shard(&local, 0, &limits).unwrap(), read_shard(&remote, 0, &limits).unwrap());
    for (remote, local) in remote.manifest.shards.iter_mut().zip(&local.manifest.shards) {
        remote.etag.clone_from(&local.etag);
    }
    assert_eq!(remote.manifest, local.manifest);
}

#[test]
fn a_remote_change_is_noticed() {
    let Some(store) = store("change") else { return };
    let texts: Vec<_> = (0..2000).map(|i| format!("document {i}")).collect();
    let file = |texts: Vec<String>| parquet(&[("text", column(StringArray::from(texts)))]);
    let before = Bytes::from(file(texts.clone()));
    store.commit("a.parquet", before.clone()).unwrap();
    let frozen = freeze(&[store.location().to_owned()], &Parameters::default(), runtime()).unwrap();
    let shard = &frozen.manifest.shards[0];
    let limits = Limits::default();
    let mut stream = frozen.sources.documents(0, shard, 0..1, ALL, &limits).unwrap();
    let mut after = before.to_vec();
    let at = after.windows(10).position(|w| w == b"document 5").unwrap();
    after[at] = b'D';
    store.replace("a.parquet", Bytes::from(after)).unwrap();
    let changed = |error| match error {
        ReadError::Shard(quarantine) => assert_eq!(quarantine.reason, QuarantineReason::Changed),
        ReadError::Store(error) => panic!("{error}"),
    };
    changed(stream.next_batch().unwrap_err());
    store.delete("a.parquet").unwrap();
    changed(read_shard(&frozen, 0, &limits).unwrap_err());
    let nowhere = Store::open("s3://no-such-bucket-here/x", runtime()).unwrap();
    let error = nowhere.list("").unwrap_err();
    assert!(matches!(error, StorageError::Location { .. }), "{error}");
}
