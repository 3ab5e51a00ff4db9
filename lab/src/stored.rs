//! Corpora in Parquet files: reading them as a [`Corpus`], writing them as a [`CorpusSink`].

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use taster_planning::{Limits, Parameters, ShardEntry};
use taster_storage::{DocumentBatch, Frozen, StorageError, Store, TableWriter, Want, freeze};
use tokio::runtime::Handle;

use crate::corpus::{Corpus, CorpusSink, Visit, in_shard};
use crate::enlarge::{Enlarged, enlarge_corpus};
use crate::error::LabError;
use crate::plan::PlantPlan;
use crate::planting::plant_corpus;
use crate::sample::{Draw, sample_corpus};
use crate::truth::GroundTruth;

/// The file of a planted corpus that holds its [`GroundTruth`].
pub const TRUTH_FILE: &str = "truth.json";

/// Columns that are kept besides id and text, in the order in which they are written.
const KEPT: [&str; 7] = ["url", "host", "date", "source", "language", "dump", "author"];

/// Plants a plan in the corpus at `input` (anything that an audit takes) and writes the planted shards and
/// `truth.json` to `out_dir`.
///
/// Shards keep their keys and rows. The columns `id`, `text`, `url`, `host`, `date`, `source`, `language`, `dump` and
/// `author` are kept, as strings; a host that the corpus has only in its URLs becomes a column, and dates are cut to
/// the day. Calls block; do not call from a task of `runtime`.
///
/// # Errors
/// `out_dir` holds shards, a shard cannot be read, a dose does not fit, or the store fails.
pub fn plant(
    input: &str,
    out_dir: &Path,
    plan: &PlantPlan,
    runtime: &Handle,
) -> Result<GroundTruth, LabError> {
    let corpus = StoredCorpus::open(&[input.to_owned()], runtime)?;
    let mut sink = StoredSink::create(out_dir, runtime)?;
    let truth = plant_corpus(&corpus, &mut sink, plan)?;
    write_truth(&sink, &truth)?;
    Ok(truth)
}

/// Writes the ground truth beside the shards.
pub(crate) fn write_truth(sink: &StoredSink, truth: &GroundTruth) -> Result<(), LabError> {
    let mut json = serde_json::to_vec_pretty(truth)?;
    json.push(b'\n');
    Ok(sink.store.replace(TRUTH_FILE, json.into())?)
}

/// Writes a corpus of at least `target_text_bytes` of text, made from the one at `input`, to `out_dir`; see
/// [`mod@crate::enlarge`] for what such a corpus is good for.
///
/// # Errors
/// As for [`plant`].
pub fn enlarge(
    input: &str,
    out_dir: &Path,
    target_text_bytes: u64,
    seed: u64,
    runtime: &Handle,
) -> Result<Enlarged, LabError> {
    let corpus = StoredCorpus::open(&[input.to_owned()], runtime)?;
    let mut sink = StoredSink::create(out_dir, runtime)?;
    enlarge_corpus(&corpus, &mut sink, target_text_bytes, seed)
}

/// Draws a sample from the corpus at `input` and writes it to `out_dir`; returns its number of documents.
///
/// # Errors
/// As for [`plant`].
pub fn draw_sample(
    input: &str,
    out_dir: &Path,
    draw: &Draw,
    runtime: &Handle,
) -> Result<u64, LabError> {
    let corpus = StoredCorpus::open(&[input.to_owned()], runtime)?;
    let mut sink = StoredSink::create(out_dir, runtime)?;
    sample_corpus(&corpus, &mut sink, draw)
}

/// A corpus of Parquet shards.
#[derive(Debug)]
pub struct StoredCorpus {
    frozen: Frozen,
    limits: Limits,
    schema: SchemaRef,
    /// Keys of the shards that are read, in order.
    read: Vec<String>,
}

/// Columns by name, where they are not those that an audit finds by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The text.
    pub text: Option<String>,
    /// The id.
    pub id: Option<String>,
}

impl StoredCorpus {
    /// Finds the shards of `inputs` and their columns. A shard that cannot be planned is an error here.
    pub fn open(inputs: &[String], runtime: &Handle) -> Result<Self, LabError> {
        Self::open_without(inputs, &Columns::default(), &[], runtime)
    }

    /// The same with these columns, but for the shards that `skipped` names.
    pub(crate) fn open_without(
        inputs: &[String],
        named: &Columns,
        skipped: &[String],
        runtime: &Handle,
    ) -> Result<Self, LabError> {
        // Nothing is cut: a planted corpus holds all of the clean text.
        let limits = Limits { document_bytes: u64::MAX, ..Limits::default() };
        let asked = Asked { inputs, named, limits: &limits, runtime };
        let usual = asked.freeze(None)?;
        let frozen = asked.freeze_with_urls(&usual)?;
        let is_read = |key: &String| !skipped.contains(key);
        if let Some(quarantine) = frozen.manifest.quarantined().find(|q| is_read(&q.shard)) {
            return Err(taster_storage::ReadError::Shard(quarantine.clone()).into());
        }
        let keys = frozen.manifest.shards.iter().map(|shard| shard.key.clone());
        let read = keys.filter(is_read).collect();
        let columns =
            ["id", "text"].into_iter().chain(frozen.manifest.axes.iter().map(String::as_str));
        let fields: Vec<Field> =
            columns.map(|name| Field::new(name, DataType::Utf8, true)).collect();
        Ok(Self { frozen, limits, schema: Arc::new(Schema::new(fields)), read })
    }

    /// Ids of the documents at `rows` of a shard, which are sorted, each with its row.
    pub(crate) fn ids(&self, shard: &str, rows: &[u64]) -> Result<Vec<(u64, String)>, LabError> {
        let (shard_ord, entry) = self.entry(shard)?;
        let want = Want { axes: false, ids: true };
        let mut documents = self.frozen.sources.rows(shard_ord, entry, rows, want, &self.limits)?;
        let mut ids = Vec::with_capacity(rows.len());
        while let Some(batch) = documents.next_batch()? {
            ids.extend((0..batch.len()).map(|at| (batch.row(at), batch.id(at).into_owned())));
        }
        Ok(ids)
    }

    fn entry(&self, shard: &str) -> Result<(u32, &ShardEntry), LabError> {
        let entries = (0u32..).zip(&self.frozen.manifest.shards);
        let found = entries.into_iter().find(|(_, entry)| entry.key == shard);
        found.ok_or_else(|| StorageError::NotFound { key: shard.to_owned() }.into())
    }

    fn batch(&self, documents: &DocumentBatch) -> Result<RecordBatch, LabError> {
        let rows = || 0..documents.len();
        let ids: StringArray = rows().map(|row| Some(documents.id(row))).collect();
        let texts: StringArray = rows().map(|row| documents.text(row)).collect();
        let axes = (0..self.frozen.manifest.axes.len()).map(|axis| -> ArrayRef {
            Arc::new(rows().map(|row| documents.axis(axis, row)).collect::<StringArray>())
        });
        let columns: Vec<ArrayRef> =
            [Arc::new(ids) as ArrayRef, Arc::new(texts)].into_iter().chain(axes).collect();
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|source| in_shard(documents.shard(), source))
    }
}

impl Corpus for StoredCorpus {
    fn shards(&self) -> Vec<String> {
        self.read.clone()
    }

    fn read(&self, shard: &str, visit: &mut Visit<'_>) -> Result<(), LabError> {
        let (shard_ord, entry) = self.entry(shard)?;
        let want = Want { axes: true, ids: true };
        let groups = 0..u32::try_from(entry.row_groups.len()).unwrap_or(u32::MAX);
        let mut documents =
            self.frozen.sources.documents(shard_ord, entry, groups, want, &self.limits)?;
        visit(RecordBatch::new_empty(self.schema.clone()))?;
        while let Some(batch) = documents.next_batch()? {
            visit(self.batch(&batch)?)?;
        }
        Ok(())
    }
}

/// What is asked of the listing of a corpus.
struct Asked<'a> {
    inputs: &'a [String],
    named: &'a Columns,
    limits: &'a Limits,
    runtime: &'a Handle,
}

impl Asked<'_> {
    fn freeze(&self, axes: Option<Vec<String>>) -> Result<Frozen, StorageError> {
        let parameters = Parameters {
            axes,
            limits: self.limits.clone(),
            text_column: self.named.text.clone(),
            id_column: self.named.id.clone(),
            ..Parameters::default()
        };
        freeze(self.inputs, &parameters, self.runtime)
    }

    /// The corpus with the columns that an audit would look at, and its URLs if it has any.
    fn freeze_with_urls(&self, usual: &Frozen) -> Result<Frozen, StorageError> {
        let has = |name: &str| usual.manifest.axes.iter().any(|axis| axis == name);
        let names = |urls: bool| -> Vec<String> {
            KEPT.iter()
                .filter(|name| has(name) || (urls && **name == "url"))
                .map(|name| (*name).to_owned())
                .collect()
        };
        match self.freeze(Some(names(true))) {
            // No shard has URLs.
            Err(StorageError::Input(_)) => self.freeze(Some(names(false))),
            frozen => frozen,
        }
    }
}

/// A folder of Parquet shards that is being written.
#[derive(Debug)]
pub struct StoredSink {
    store: Store,
    current: Option<Current>,
}

struct Current {
    shard: String,
    writer: TableWriter,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Current").field(&self.shard).finish()
    }
}

impl StoredSink {
    /// Makes the folder. One that holds shards is refused: they would be taken for part of the corpus.
    pub fn create(folder: &Path, runtime: &Handle) -> Result<Self, LabError> {
        let location = folder.to_str().ok_or_else(|| LabError::Path(folder.to_owned()))?;
        let store = Store::open(location, runtime)?;
        let is_shard = |(key, _): &(String, u64)| key.ends_with(".parquet");
        match store.list("")?.into_iter().find(is_shard) {
            Some((found, _)) => Err(LabError::Occupied { folder: folder.to_owned(), found }),
            None => Ok(Self { store, current: None }),
        }
    }

    fn writer(&mut self, shard: &str, schema: &SchemaRef) -> Result<&mut TableWriter, LabError> {
        if self.current.as_ref().is_none_or(|current| current.shard != shard) {
            self.finish()?;
        }
        let current = match self.current.take() {
            Some(current) => current,
            None => Current {
                shard: shard.to_owned(),
                writer: TableWriter::create(&self.store, shard, schema)?,
            },
        };
        Ok(&mut self.current.insert(current).writer)
    }
}

impl CorpusSink for StoredSink {
    fn write(&mut self, shard: &str, batch: &RecordBatch) -> Result<(), LabError> {
        Ok(self.writer(shard, &batch.schema())?.append(batch)?)
    }

    fn finish(&mut self) -> Result<(), LabError> {
        match self.current.take() {
            Some(current) => Ok(current.writer.finish()?),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::corpus::MemoryCorpus;
    use crate::corpus::tests::corpus;
    use crate::plan::demo_plan;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    fn store(corpus: &dyn Corpus, folder: &Path, runtime: &Handle) {
        let mut sink = StoredSink::create(folder, runtime).unwrap();
        for shard in corpus.shards() {
            corpus.read(&shard, &mut |batch| sink.write(&shard, &batch)).unwrap();
        }
        sink.finish().unwrap();
    }

    fn load(folder: &Path, runtime: &Handle) -> Vec<RecordBatch> {
        let corpus = StoredCorpus::open(&[folder.to_str().unwrap().to_owned()], runtime).unwrap();
        let mut batches = Vec::new();
        for shard in corpus.shards() {
            corpus
                .read(&shard, &mut |batch| {
                    batches.push(batch);
                    Ok(())
                })
                .unwrap();
        }
        batches
    }

    #[test]
    fn planting_files_is_planting_memory() {
        let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
        let (clean_dir, out_dir) = (folder.path().join("clean"), folder.path().join("planted"));
        store(&corpus(2, 100), &clean_dir, runtime.handle());
        let plan = demo_plan(7);
        let truth = plant(clean_dir.to_str().unwrap(), &out_dir, &plan, runtime.handle()).unwrap();

        let mut planted = MemoryCorpus::default();
        assert_eq!(plant_corpus(&corpus(2, 100), &mut planted, &plan).unwrap(), truth);
        let written = std::fs::read(out_dir.join(TRUTH_FILE)).unwrap();
        assert_eq!(serde_json::from_slice::<GroundTruth>(&written).unwrap(), truth);
        let again = folder.path().join("again");
        store(&planted, &again, runtime.handle());
        assert!(load(&out_dir, runtime.handle()) == load(&again, runtime.handle()));
    }

    #[test]
    fn columns_and_rows_survive() {
        let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
        store(&corpus(2, 100), folder.path(), runtime.handle());
        let batches = load(folder.path(), runtime.handle());
        let names: Vec<String> =
            batches[0].schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["id", "text", "url", "host", "date", "source"]);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 400);
    }

    #[test]
    fn a_folder_with_shards_is_refused() {
        let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
        store(&corpus(1, 10), folder.path(), runtime.handle());
        let refused = StoredSink::create(folder.path(), runtime.handle()).unwrap_err();
        assert!(
            matches!(refused, LabError::Occupied { found, .. } if found == "part-00000.parquet")
        );
    }
}
