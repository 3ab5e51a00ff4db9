//! Tests: shards in a store are read ahead, and read as files are.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::StringArray;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::file::properties::WriterProperties;
use taster_planning::{Limits, QuarantineReason};

use crate::fixtures::*;
use crate::object::Place;
use crate::{DocumentStream, Frozen, ReadError, Sources};

const WINDOW: u64 = 4 << 20;

/// A shard in a store: two columns that do not compress, of 9 MB and 1 MB, in row groups of so
/// many documents.
struct Remote {
    client: Arc<InMemory>,
    frozen: Frozen,
    expected: Vec<Read>,
}

fn bytes(seed: u64, group_rows: usize) -> Vec<u8> {
    let mut state = seed;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + (state >> 57) as u8 % 90)
    };
    let mut column_of = |length: usize| {
        let values = (0..1000).map(|_| (0..length).map(|_| letter()).collect::<String>());
        column(StringArray::from(values.collect::<Vec<_>>()))
    };
    let columns = [("text", column_of(9000)), ("id", column_of(1000))];
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .set_dictionary_enabled(false);
    parquet_with(&columns, properties)
}

impl Remote {
    fn new(group_rows: usize) -> Self {
        let (folder, file) = (Folder::new(), bytes(1, group_rows));
        folder.put("a.parquet", &file);
        let mut frozen = freeze_folder(&folder);
        let expected = read_shard(&frozen, 0, &Limits::default()).unwrap();
        let (client, path) = (Arc::new(InMemory::new()), Path::from("a.parquet"));
        let put = client.put(&path, PutPayload::from(file));
        let etag = runtime().block_on(put).unwrap().e_tag;
        frozen.manifest.shards[0].etag = etag;
        let place = Place::Object { client: client.clone(), bucket: "b".to_owned(), path };
        frozen.sources = Sources::new(vec![place], runtime());
        Self { client, frozen, expected }
    }

    fn stream(&self) -> DocumentStream {
        let shard = &self.frozen.manifest.shards[0];
        let groups = 0..shard.row_groups.len() as u32;
        self.frozen.sources.documents(0, shard, groups, ALL, &Limits::default()).unwrap()
    }
}

/// First bytes of what is under way.
fn underway(stream: &DocumentStream) -> Vec<u64> {
    stream.reader.ahead.starts()
}

#[test]
fn what_is_read_ahead_is_what_a_file_has() {
    for group_rows in [1000, 300, 17] {
        let remote = Remote::new(group_rows);
        let mut stream = remote.stream();
        let (mut documents, mut most) = (Vec::new(), 0);
        while let Some(batch) = stream.next_batch().unwrap() {
            documents.extend(reads(&batch, remote.frozen.manifest.axes.len()));
            most = most.max(underway(&stream).len());
        }
        assert!(documents == remote.expected, "groups of {group_rows}");
        assert!((1..=2).contains(&most), "{most} windows under way, one per column at most");
        assert!(underway(&stream).is_empty(), "all that was begun was used");
    }
}

#[test]
fn the_next_window_is_on_its_way_while_one_is_decoded() {
    let remote = Remote::new(1000);
    let mut stream = remote.stream();
    assert!(underway(&stream).is_empty());
    let _ = stream.next_batch().unwrap().unwrap();
    let [start] = underway(&stream)[..] else { panic!("{:?}", underway(&stream)) };
    assert!((WINDOW..WINDOW + 100).contains(&start), "{start}");
    let remote = Remote::new(100);
    let mut stream = remote.stream();
    let _ = stream.next_batch().unwrap().unwrap();
    assert_eq!(underway(&stream).len(), 2, "both columns of the next row group");
}

#[test]
fn listed_rows_are_not_read_ahead() {
    let remote = Remote::new(300);
    let shard = &remote.frozen.manifest.shards[0];
    let rows = [0, 1, 299, 300, 650, 999];
    let sources = &remote.frozen.sources;
    let mut stream = sources.rows(0, shard, &rows, ALL, &Limits::default()).unwrap();
    let mut documents = Vec::new();
    while let Some(batch) = stream.next_batch().unwrap() {
        assert!(underway(&stream).is_empty());
        documents.extend(reads(&batch, remote.frozen.manifest.axes.len()));
    }
    let expected = rows.iter().map(|row| remote.expected[*row as usize].clone());
    assert!(documents == expected.collect::<Vec<_>>());
}

#[test]
fn row_22_an_object_that_changes_under_a_read_ahead_is_found_out() {
    for group_rows in [1000, 100] {
        let remote = Remote::new(group_rows);
        let mut stream = remote.stream();
        let first = stream.next_batch().unwrap().unwrap();
        let mut documents = reads(&first, remote.frozen.manifest.axes.len());
        let other = PutPayload::from(bytes(2, group_rows));
        runtime().block_on(remote.client.put(&Path::from("a.parquet"), other)).unwrap();
        let end = loop {
            match stream.next_batch() {
                Ok(Some(batch)) => {
                    documents.extend(reads(&batch, remote.frozen.manifest.axes.len()))
                }
                end => break end,
            }
        };
        let Err(ReadError::Shard(quarantine)) = end else { panic!("it went unnoticed") };
        assert_eq!(quarantine.reason, QuarantineReason::Changed);
        assert!(documents == remote.expected[..documents.len()], "a mix of two versions");
    }
}
