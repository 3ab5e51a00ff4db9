//! `taster ngrams`: the exact table of n-grams of one order.
//!
//! The count wave, then three steps: the merge decides which n-grams reach the wanted df and
//! sends each back to the runs that hold it; each run re-reads its text and writes the rows it
//! can name as a sorted chunk; the chunks are merged into one Parquet file in n-gram order.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use taster_ngrams::block::{self, Entry};
use taster_ngrams::merge::RangeMerge;
use taster_ngrams::object::Kind;
use taster_planning::{MergeRange, Orders, Quarantine};
use taster_storage::{Store, TableWriter};
use tokio::runtime::Handle;

use crate::audit::Driver;
use crate::chunks::{Row, merge_chunks};
use crate::corpus::{Corpus, Counted};
use crate::count::Run;
use crate::naming::{Naming, name_unit};
use crate::screen::{Frames, add_frames, open_runs, ranges, read_slices};
use crate::workspace::{Opened, Workspace};
use crate::{AuditRequest, Progress, TaskError, Wave};

/// Rows that are handed to the Parquet writer at once.
const BATCH_ROWS: usize = 8192;

/// One table.
#[derive(Debug, Clone)]
pub struct NgramsRequest {
    /// Inputs, work location, tokenizer, limits and resources.
    pub audit: AuditRequest,
    /// Order of the n-grams, 1..=8.
    pub order: u8,
    /// Smallest df over the whole corpus, at least 1.
    pub min_df: u64,
    /// Axis by whose localities df is split.
    pub by: Option<String>,
}

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NgramsFacts {
    /// Its rows.
    pub rows: u64,
    /// Shards that could not be read, by key.
    pub quarantine: Vec<Quarantine>,
}

/// Writes the table to the local file `out`: columns `ngram`, `n`, `df`, `cf`, or with
/// [`NgramsRequest::by`] `ngram`, `n`, `locality`, `df`, `locality_documents`; sorted by n-gram,
/// then locality.
///
/// # Errors
/// As for [`crate::audit`]; an axis that the corpus does not have.
pub fn ngrams(
    request: &NgramsRequest,
    out: &Path,
    runtime: &Handle,
    progress: &dyn Progress,
) -> Result<NgramsFacts, TaskError> {
    let mut audit = request.audit.clone();
    audit.parameters.orders = Orders { first: request.order, last: request.order };
    if request.order == 0 || request.order > Orders::MAX || request.min_df == 0 {
        let message = format!(
            "expected order 1 to 8 and min-df of 1 or more, got {} and {}",
            request.order, request.min_df
        );
        return Err(TaskError::Parameter(message));
    }
    audit.parameters.label_column = None;
    if let Some(axis) = &request.by {
        audit.parameters.axes = Some(vec![axis.clone()]);
    }
    let mut driver = Driver::open_as_is(&audit, runtime, progress)?;
    let counted = driver.count()?;
    let corpus = Corpus::merge(&driver.workspace, &counted)?;
    let wanted = want(&mut driver, &counted, request)?;
    let axis = request.by.as_ref().map(|_| 0);
    let chunks = name_all(&mut driver, &counted, &corpus, &wanted, axis)?;
    let rows = write(&driver.workspace, &chunks, &corpus, request, out, runtime)?;
    chunks.iter().try_for_each(|(key, _)| driver.workspace.store.delete(key))?;
    driver.workspace.settle()?;
    Ok(NgramsFacts { rows, quarantine: driver.quarantine() })
}

/// Per run, the n-grams it has to name: blocks of (df, cf).
type Wanted = Vec<Vec<Vec<u8>>>;

/// Decides which n-grams are in the table. Without localities each is named by the first run
/// that holds it; with localities every run that holds it counts its share.
fn want(
    driver: &mut Driver<'_>,
    counted: &[Counted],
    request: &NgramsRequest,
) -> Result<Wanted, TaskError> {
    let runs: Vec<&Run> = counted.iter().flat_map(|counted| &counted.receipt.runs).collect();
    let opened = open_runs(&driver.workspace, runs.iter().copied(), Kind::Count)?;
    let bytes: u64 = runs.iter().map(|run| run.output.bytes).sum();
    let ranges = ranges(bytes);
    let each = bytes / ranges.len().max(1) as u64;
    let parts = driver.wave(
        Wave::Screen,
        &ranges,
        |_| each,
        |workspace, range| Ok((want_range(workspace, &opened, *range, request)?, false)),
    )?;
    let mut wanted: Wanted = vec![Vec::new(); runs.len()];
    for (run, block) in parts.into_iter().flatten() {
        wanted[run].push(block);
    }
    Ok(wanted)
}

fn want_range(
    workspace: &Workspace,
    runs: &[Opened],
    range: MergeRange,
    request: &NgramsRequest,
) -> Result<Vec<(usize, Vec<u8>)>, TaskError> {
    let slices = read_slices(workspace, runs, range)?;
    let frames = Frames::index(runs, &slices)?;
    let mut kept: Vec<Vec<Entry>> = vec![Vec::new(); runs.len()];
    let mut merge = RangeMerge::default();
    for partition in frames.partitions(request.order) {
        add_frames(&mut merge, partition, runs)?;
        merge.merge(|ngram| {
            if ngram.df < request.min_df {
                return;
            }
            let saturated = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
            let (low, high) = (saturated(ngram.df), saturated(ngram.cf));
            let entry = Entry { fingerprint: ngram.fingerprint, low, high };
            let holders = if request.by.is_some() { ngram.parts } else { &ngram.parts[..1] };
            holders.iter().for_each(|part| kept[part.run as usize].push(entry));
        });
    }
    let encoded =
        kept.iter().enumerate().filter(|(_, entries)| !entries.is_empty()).map(|(run, entries)| {
            let mut bytes = Vec::new();
            block::encode(entries, &mut bytes);
            (run, bytes)
        });
    Ok(encoded.collect())
}

/// Names the n-grams of all runs; the chunks with their sizes.
fn name_all(
    driver: &mut Driver<'_>,
    counted: &[Counted],
    corpus: &Corpus,
    wanted: &Wanted,
    axis: Option<usize>,
) -> Result<Vec<(String, u64)>, TaskError> {
    let mut first_run = 0;
    let mut units = Vec::with_capacity(counted.len());
    for counted in counted {
        let runs = counted.receipt.runs.len();
        units.push(Naming {
            counted,
            wanted: &wanted[first_run..first_run + runs],
            first_run,
            corpus,
            axis,
        });
        first_run += runs;
    }
    let chunks = driver.wave(
        Wave::Context,
        &units,
        |naming| naming.counted.unit.text_bytes,
        |workspace, naming| Ok((name_unit(workspace, naming)?, false)),
    )?;
    Ok(chunks.into_iter().flatten().collect())
}

fn schema(by: bool) -> SchemaRef {
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    let mut fields = vec![field("ngram", DataType::Utf8), field("n", DataType::Int32)];
    if by {
        fields.push(field("locality", DataType::Utf8));
    }
    fields.push(field("df", DataType::Int64));
    fields.push(field(if by { "locality_documents" } else { "cf" }, DataType::Int64));
    Arc::new(Schema::new(fields))
}

fn write(
    workspace: &Workspace,
    chunks: &[(String, u64)],
    corpus: &Corpus,
    request: &NgramsRequest,
    out: &Path,
    runtime: &Handle,
) -> Result<u64, TaskError> {
    let (folder, name) = split(out)?;
    let store = Store::open(&folder, runtime)?;
    let schema = schema(request.by.is_some());
    let mut table = Table {
        writer: TableWriter::create(&store, &name, &schema)?,
        schema,
        order: request.order,
        localities: request
            .by
            .as_ref()
            .map(|_| (corpus.values[0].as_slice(), corpus.documents_by_locality[0].as_slice())),
        rows: Vec::with_capacity(BATCH_ROWS),
        written: 0,
    };
    merge_chunks(&workspace.store, chunks, |row| table.push(row))?;
    table.flush()?;
    let Table { writer, written, .. } = table;
    writer.finish()?;
    Ok(written)
}

fn split(out: &Path) -> Result<(String, String), TaskError> {
    let unusable = || {
        TaskError::Parameter(format!("expected a file name for the table, got {}", out.display()))
    };
    let name = out.file_name().and_then(|name| name.to_str()).ok_or_else(unusable)?;
    let parent =
        out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent.to_str().ok_or_else(unusable)?.to_owned(), name.to_owned()))
}

struct Table<'a> {
    writer: TableWriter,
    schema: SchemaRef,
    order: u8,
    /// Values and documents of the localities, when df is split by them.
    localities: Option<(&'a [String], &'a [u64])>,
    rows: Vec<Row>,
    written: u64,
}

impl Table<'_> {
    fn push(&mut self, row: Row) -> Result<(), TaskError> {
        self.rows.push(row);
        if self.rows.len() < BATCH_ROWS {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), TaskError> {
        let rows = &self.rows;
        let long = |value: &dyn Fn(&Row) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| value(row).cast_signed())))
        };
        let ngrams = rows.iter().map(|row| String::from_utf8_lossy(&row.ngram));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(ngrams)),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|_| i32::from(self.order)))),
        ];
        match self.localities {
            None => columns.extend([long(&|row| row.df), long(&|row| row.cf)]),
            Some((values, documents)) => {
                let values = rows.iter().map(|row| &values[row.locality as usize]);
                columns.push(Arc::new(StringArray::from_iter_values(values)));
                columns
                    .extend([long(&|row| row.df), long(&|row| documents[row.locality as usize])]);
            }
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        self.writer.append(&batch.map_err(|error| TaskError::Output(error.to_string()))?)?;
        self.written += self.rows.len() as u64;
        self.rows.clear();
        Ok(())
    }
}

/// Commits a chunk; chunks are deleted once they are merged, so an older one may be in the way.
pub(crate) fn put_chunk(
    workspace: &Workspace,
    key: &str,
    bytes: Vec<u8>,
) -> Result<(String, u64), TaskError> {
    let size = bytes.len() as u64;
    workspace.store.replace(key, Bytes::from(bytes))?;
    Ok((key.to_owned(), size))
}
