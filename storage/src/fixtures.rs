//! Files, folders and limits for the tests of this crate.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use taster_planning::{Limits, Parameters};
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};

use crate::{DocumentBatch, Frozen, ReadError, Want, freeze};

/// The runtime that all tests share.
pub(crate) fn runtime() -> &'static Handle {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    });
    RUNTIME.handle()
}

/// A folder that is deleted when it is dropped.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn name(&self, below: &str) -> String {
        self.0.path().join(below).display().to_string()
    }

    /// Writes a file, with the folders it is in.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

pub(crate) fn column(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

/// A Parquet file of these columns; nullable where there are nulls.
pub(crate) fn parquet(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    parquet_with(columns, WriterProperties::builder())
}

pub(crate) fn parquet_with(
    columns: &[(&str, ArrayRef)],
    properties: WriterPropertiesBuilder,
) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(crate) fn freeze_folder(folder: &Folder) -> Frozen {
    freeze_with(folder, &Parameters::default())
}

pub(crate) fn freeze_with(folder: &Folder, parameters: &Parameters) -> Frozen {
    freeze(&[folder.name("")], parameters, runtime()).unwrap()
}

/// Everything that can be asked about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub row: u64,
    pub row_group: u32,
    pub text: Option<String>,
    pub truncated: bool,
    pub invalid: bool,
    pub id: String,
    pub axes: Vec<Option<String>>,
}

pub(crate) fn reads(batch: &DocumentBatch, axes: usize) -> Vec<Read> {
    let read = |index| Read {
        row: batch.row(index),
        row_group: batch.row_group(index),
        text: batch.text(index).map(str::to_owned),
        truncated: batch.truncated(index),
        invalid: batch.invalid_utf8(index),
        id: batch.id(index).into_owned(),
        axes: (0..axes).map(|axis| batch.axis(axis, index).map(str::to_owned)).collect(),
    };
    (0..batch.len()).map(read).collect()
}

pub(crate) const ALL: Want = Want { axes: true, ids: true };

/// All documents of the shard `ord`.
pub(crate) fn read_shard(
    frozen: &Frozen,
    ord: u32,
    limits: &Limits,
) -> Result<Vec<Read>, ReadError> {
    let shard = &frozen.manifest.shards[ord as usize];
    let groups = 0..shard.row_groups.len() as u32;
    let mut stream = frozen.sources.documents(ord, shard, groups, ALL, limits)?;
    let mut all = Vec::new();
    while let Some(batch) = stream.next_batch()? {
        all.extend(reads(&batch, frozen.manifest.axes.len()));
    }
    Ok(all)
}

/// All documents of the only shard, which is `bytes`.
pub(crate) fn read_bytes(bytes: &[u8], limits: &Limits) -> Result<Vec<Read>, ReadError> {
    let folder = Folder::new();
    folder.put("a.parquet", bytes);
    read_shard(&freeze_folder(&folder), 0, limits)
}

pub(crate) fn texts(bytes: &[u8]) -> Vec<Option<String>> {
    let read = read_bytes(bytes, &Limits::default()).unwrap();
    read.into_iter().map(|document| document.text).collect()
}
