//! The output folder of an audit, read back: for whatever is done with findings afterwards.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use taster_findings::{FindingDocument, Occurrence, Report};
use taster_planning::Parameters;
use taster_storage::{Store, TableReader};
use tokio::runtime::Handle;

use crate::error::InObject;
use crate::outputs::FINDING_DOCUMENTS;
use crate::{ShardLine, TaskError, WrittenFile};

/// The table of occurrences.
const OCCURRENCES: &str = "occurrences.parquet";

/// What `run.json` says to those who read an audit again: the rest of it is for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The inputs, as they can be read again.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// The files of the audit with their checksums.
    #[serde(default)]
    pub outputs: Vec<WrittenFile>,
    /// When it began, RFC 3339; absent where a cluster's last task wrote it.
    #[serde(default)]
    pub started: Option<String>,
    /// When it ended.
    #[serde(default)]
    pub finished: Option<String>,
}

/// A finished audit in a folder or a store.
#[derive(Debug)]
pub struct FinishedAudit {
    store: Store,
    /// `run.json`.
    pub run: RunFacts,
    /// `report.json`.
    pub report: Report<Parameters>,
}

impl FinishedAudit {
    /// Opens the output of an audit in `out`.
    ///
    /// # Errors
    /// Trouble with the store; a place without an audit, or with one of another layout.
    pub fn open(out: &str, runtime: &Handle) -> Result<Self, TaskError> {
        let store = Store::open(out, runtime)?;
        let run = read_json(&store, "run.json")?;
        let report = read_json(&store, "report.json")?;
        Ok(Self { store, run, report })
    }

    /// Where it is.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// `manifest.jsonl`, in shard order.
    ///
    /// # Errors
    /// Trouble with the store, or a damaged file.
    pub fn shards(&self) -> Result<Vec<ShardLine>, TaskError> {
        read_lines(&self.store, "manifest.jsonl")
    }

    /// All documents of all findings, by rank, shard and row.
    ///
    /// # Errors
    /// Trouble with the store, or a damaged file; an audit of a version that did not write it.
    pub fn finding_documents(&self) -> Result<Vec<FindingDocument>, TaskError> {
        let mut documents = Vec::new();
        for batch in self.table(FINDING_DOCUMENTS)? {
            append_documents(&batch?, &mut documents)
                .ok_or_else(|| unexpected(FINDING_DOCUMENTS))?;
        }
        Ok(documents)
    }

    /// The listed occurrences of all findings, by rank, shard and row.
    ///
    /// # Errors
    /// Trouble with the store, or a damaged file.
    pub fn occurrences(&self) -> Result<Vec<Occurrence>, TaskError> {
        let mut occurrences = Vec::new();
        for batch in self.table(OCCURRENCES)? {
            append_occurrences(&batch?, &mut occurrences).ok_or_else(|| unexpected(OCCURRENCES))?;
        }
        Ok(occurrences)
    }

    fn table(&self, name: &str) -> Result<TableReader, TaskError> {
        let table = TableReader::open(&self.store, name)?;
        table.ok_or_else(|| {
            TaskError::Parameter(format!(
                "expected {name} in {}, which audits of this version write; run the audit again, \
                 it reuses what it has counted",
                self.store.location()
            ))
        })
    }
}

fn unexpected(name: &str) -> TaskError {
    TaskError::damaged(name, "its columns are not those of this version")
}

/// Reads a JSON file that every audit has.
pub(crate) fn read_json<T: DeserializeOwned>(store: &Store, name: &str) -> Result<T, TaskError> {
    let bytes = store.get(name)?.ok_or_else(|| {
        TaskError::Parameter(format!(
            "expected an audit's output in {}, found no {name}",
            store.location()
        ))
    })?;
    serde_json::from_slice(&bytes).in_object(name)
}

/// Reads a JSON Lines file; none is empty.
pub(crate) fn read_lines<T: DeserializeOwned>(
    store: &Store,
    name: &str,
) -> Result<Vec<T>, TaskError> {
    let bytes = store.get(name)?.unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).in_object(name)).collect()
}

/// A column of texts, by name.
pub(crate) fn texts<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Option<&'a arrow::array::StringArray> {
    batch.column_by_name(name)?.as_string_opt()
}

/// A column of numbers, by name.
pub(crate) fn longs<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Option<&'a arrow::array::Int64Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()
}

fn ints<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a arrow::array::Int32Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Int32Type>()
}

/// The same text as the one before, or its own.
fn shared(last: &mut Arc<str>, text: &str) -> Arc<str> {
    if &**last != text {
        *last = Arc::from(text);
    }
    Arc::clone(last)
}

fn append_documents(batch: &RecordBatch, documents: &mut Vec<FindingDocument>) -> Option<()> {
    let (findings, shards) = (texts(batch, "finding_id")?, texts(batch, "shard")?);
    let (groups, rows) = (ints(batch, "row_group")?, longs(batch, "row")?);
    let ids = texts(batch, "id")?;
    let (mut finding, mut shard): (Arc<str>, Arc<str>) = (Arc::from(""), Arc::from(""));
    documents.extend((0..batch.num_rows()).map(|at| FindingDocument {
        finding_id: shared(&mut finding, findings.value(at)),
        shard: shared(&mut shard, shards.value(at)),
        row_group: groups.value(at),
        row: rows.value(at),
        id: Arc::from(ids.value(at)),
    }));
    Some(())
}

fn append_occurrences(batch: &RecordBatch, occurrences: &mut Vec<Occurrence>) -> Option<()> {
    let text = |name: &str| texts(batch, name);
    let (findings, shards, ids) = (text("finding_id")?, text("shard")?, text("id")?);
    let (before, after) = (text("before")?, text("after")?);
    let (groups, rows) = (ints(batch, "row_group")?, longs(batch, "row")?);
    let (starts, ends) = (longs(batch, "byte_start")?, longs(batch, "byte_end")?);
    let schema = batch.schema();
    let names = schema.fields().iter().skip(Occurrence::COLUMNS.len()).map(|field| field.name());
    let axes: Option<Vec<_>> = names.map(|name| Some((name.clone(), text(name)?))).collect();
    let axes = axes?;
    let (mut finding, mut shard): (Arc<str>, Arc<str>) = (Arc::from(""), Arc::from(""));
    for at in 0..batch.num_rows() {
        let values = axes.iter().map(|(name, column)| {
            (name.clone(), column.is_valid(at).then(|| column.value(at).to_owned()))
        });
        occurrences.push(Occurrence {
            finding_id: shared(&mut finding, findings.value(at)),
            shard: shared(&mut shard, shards.value(at)),
            row_group: groups.value(at),
            row: rows.value(at),
            id: Arc::from(ids.value(at)),
            byte_start: starts.value(at),
            byte_end: ends.value(at),
            before: before.value(at).to_owned(),
            after: after.value(at).to_owned(),
            axes: Arc::new(values.collect()),
        });
    }
    Some(())
}
