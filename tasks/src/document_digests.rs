//! `documents.parquet`, on request: every document with the digest of its text, for comparisons
//! with a later audit.

use std::sync::Arc;

use arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use taster_planning::{Digest, Parameters};
use taster_storage::{DocumentBatch, Store, TableReader, TableWriter};
use tokio::runtime::Handle;

use crate::finished::{longs, texts};
use crate::{FinishedAudit, Reread, ShardLine, TaskError, WrittenFile};

/// Name of the table.
pub(crate) const DOCUMENTS: &str = "documents.parquet";

/// Bytes that are digested at once.
const PIECE_BYTES: u64 = 8 << 20;

/// One document and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentDigest {
    /// Key relative to the input root.
    pub shard: String,
    /// Row in the shard.
    pub row: i64,
    /// Document id.
    pub id: String,
    /// Value of the column `url`, if there is one.
    pub url: Option<String>,
    /// BLAKE3 of the text, as hexadecimal digits.
    pub blake3: String,
}

impl DocumentDigest {
    /// What the document is called in another audit: its URL, else its id.
    #[must_use]
    pub fn name(&self) -> &str {
        self.url.as_deref().unwrap_or(&self.id)
    }
}

fn schema() -> SchemaRef {
    use DataType::{Int64, Utf8};
    Arc::new(Schema::new(vec![
        Field::new("shard", Utf8, false),
        Field::new("row", Int64, false),
        Field::new("id", Utf8, false),
        Field::new("url", Utf8, true),
        Field::new("blake3", Utf8, false),
    ]))
}

/// Reads the inputs again and writes `documents.parquet` to `out`: one row per document with a
/// text, in shard and row order. `lines` are the audit's shards.
///
/// # Errors
/// As for [`Reread::rows`].
pub fn write_document_digests(
    inputs: &[String],
    parameters: &Parameters,
    lines: &[ShardLine],
    out: &Store,
    runtime: &Handle,
) -> Result<WrittenFile, TaskError> {
    let reread = Reread::with_urls(inputs, parameters, lines.to_vec(), runtime)?;
    let schema = schema();
    let mut writer = TableWriter::create(out, DOCUMENTS, &schema)?;
    for key in reread.keys() {
        let mut rows = Rows::default();
        reread.rows(key, |batch, index| {
            rows.push(batch, index, reread.url(batch, index));
            match rows.is_full() {
                true => Ok(writer.append(&std::mem::take(&mut rows).batch(&schema)?)?),
                false => Ok(()),
            }
        })?;
        writer.append(&rows.batch(&schema)?)?;
    }
    writer.finish()?;
    written(out)
}

/// Rows of the table that wait to be written.
#[derive(Default)]
struct Rows {
    shards: Vec<String>,
    rows: Vec<i64>,
    ids: Vec<String>,
    urls: Vec<Option<String>>,
    digests: Vec<String>,
}

impl Rows {
    fn push(&mut self, batch: &DocumentBatch, index: usize, url: Option<&str>) {
        let Some(text) = batch.text(index) else {
            return;
        };
        self.shards.push(batch.shard().to_owned());
        self.rows.push(batch.row(index).cast_signed());
        self.ids.push(batch.id(index).into_owned());
        self.urls.push(url.map(str::to_owned));
        self.digests.push(blake3::hash(text.as_bytes()).to_hex().to_string());
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= 4096
    }

    fn batch(self, schema: &SchemaRef) -> Result<RecordBatch, TaskError> {
        let batch = RecordBatch::try_new(
            Arc::clone(schema),
            vec![
                Arc::new(StringArray::from(self.shards)),
                Arc::new(Int64Array::from(self.rows)),
                Arc::new(StringArray::from(self.ids)),
                Arc::new(StringArray::from(self.urls)),
                Arc::new(StringArray::from(self.digests)),
            ],
        );
        batch.map_err(|error| TaskError::Output(error.to_string()))
    }
}

/// Size and digest of the table, read back piece by piece: it has a row for every document.
fn written(out: &Store) -> Result<WrittenFile, TaskError> {
    let bytes = out.size(DOCUMENTS)?.unwrap_or(0);
    let mut hasher = blake3::Hasher::new();
    let mut at = 0;
    while at < bytes {
        let end = (at + PIECE_BYTES).min(bytes);
        hasher.update(&out.get_range(DOCUMENTS, at..end)?);
        at = end;
    }
    let blake3 = Digest(*hasher.finalize().as_bytes());
    Ok(WrittenFile { name: DOCUMENTS.to_owned(), bytes, blake3 })
}

impl FinishedAudit {
    /// Hands every document of `documents.parquet` to `visit`; false if the audit was not asked
    /// for it.
    ///
    /// # Errors
    /// Trouble with the store, or a damaged file.
    pub fn document_digests(
        &self,
        mut visit: impl FnMut(DocumentDigest),
    ) -> Result<bool, TaskError> {
        // A table that an earlier audit left there is not of this one.
        if !self.run.outputs.iter().any(|file| file.name == DOCUMENTS) {
            return Ok(false);
        }
        let Some(table) = TableReader::open(self.store(), DOCUMENTS)? else {
            return Ok(false);
        };
        for batch in table {
            let batch = batch?;
            let unexpected = || TaskError::damaged(DOCUMENTS, "its columns are others");
            each(&batch, &mut visit).ok_or_else(unexpected)?;
        }
        Ok(true)
    }
}

fn each(batch: &RecordBatch, visit: &mut impl FnMut(DocumentDigest)) -> Option<()> {
    let text = |name: &str| texts(batch, name);
    let (shards, ids, digests) = (text("shard")?, text("id")?, text("blake3")?);
    let (rows, urls) = (longs(batch, "row")?, text("url")?);
    for at in 0..batch.num_rows() {
        visit(DocumentDigest {
            shard: shards.value(at).to_owned(),
            row: rows.value(at),
            id: ids.value(at).to_owned(),
            url: urls.is_valid(at).then(|| urls.value(at).to_owned()),
            blake3: digests.value(at).to_owned(),
        });
    }
    Some(())
}
