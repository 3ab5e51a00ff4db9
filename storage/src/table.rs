//! Parquet files as output. Their bytes depend on schema and rows alone: not on how the rows
//! come in batches, nor on the place they are written to.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use object_store::{ObjectStoreExt, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tokio::runtime::Handle;

use crate::{StorageError, Store};

/// Rows of a row group; also the rows that a writer holds in memory.
const GROUP_ROWS: usize = 16 << 10;
/// Parts of an upload that are under way at the same time, of 5 MiB each.
const PARTS_IN_FLIGHT: usize = 4;
/// Stands in every file; no version, so that files of two releases can be compared.
const CREATED_BY: &str = "taster";

/// Encodes all `batches` as one Parquet file, compressed with zstd.
///
/// # Errors
/// A batch that does not have `schema`, or a type that Parquet does not have.
pub fn write_table(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Bytes, StorageError> {
    write_batches(schema, batches.iter().cloned().map(Ok))
}

/// The same with batches that are made one after the other. Bytes do not depend on where batches end.
///
/// Memory: 16 384 rows and the file.
///
/// # Errors
/// As for [`write_table`]; the first error of `batches`.
pub fn write_batches<E: From<StorageError>>(
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, E>>,
) -> Result<Bytes, E> {
    let mut encoder = Encoder::new(schema, Vec::new()).map_err(|e| failed("table", e))?;
    for batch in batches {
        encoder.append(&batch?).map_err(|e| failed("table", e))?;
    }
    let bytes = encoder.finish().map_err(|e| failed("table", e))?;
    Ok(Bytes::from(bytes))
}

/// Writes a Parquet file to a [`Store`] batch by batch. It becomes visible, over whatever was
/// there, when it is finished; one that is dropped before leaves nothing.
///
/// Memory: 16 384 rows and 25 MiB of parts under way.
pub struct TableWriter {
    encoder: Encoder<Upload>,
    name: String,
}

impl TableWriter {
    /// Begins the table `key`.
    ///
    /// # Errors
    /// Trouble with the store, or a type that Parquet does not have.
    pub fn create(store: &Store, key: &str, schema: &SchemaRef) -> Result<Self, StorageError> {
        let path = store.path(key)?;
        let parts = store.block("write", key, store.client().put_multipart(&path))?;
        let upload =
            Upload { parts: Some(WriteMultipart::new(parts)), runtime: store.runtime().clone() };
        let name = store.name(key);
        let encoder = Encoder::new(schema, upload).map_err(|e| failed(&name, e))?;
        Ok(Self { encoder, name })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// A batch that does not have the table's schema, or trouble with the store.
    pub fn append(&mut self, batch: &RecordBatch) -> Result<(), StorageError> {
        let appended = self.encoder.append(batch);
        appended.map_err(|e| failed(&self.name, e))
    }

    /// Writes what is left and makes the table visible.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn finish(self) -> Result<(), StorageError> {
        let upload = self.encoder.finish().map_err(|e| failed(&self.name, e))?;
        upload.finish(&self.name)
    }
}

fn failed(name: &str, error: ParquetError) -> StorageError {
    StorageError::Io { action: "write", key: name.to_owned(), source: Box::new(error) }
}

/// Cuts rows into equal row groups and encodes each at once: pages would otherwise end where
/// batches end.
struct Encoder<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
}

impl<W: Write + Send> Encoder<W> {
    fn new(schema: &SchemaRef, sink: W) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(CREATED_BY.to_owned())
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        // Readers get the file's own types: an embedded Arrow schema would ask some of them for
        // types that they do not have.
        let options =
            ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(sink, schema.clone(), options)?;
        Ok(Self { writer, schema: schema.clone(), waiting: Vec::new(), waiting_rows: 0 })
    }

    fn append(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.check(batch)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let count = (GROUP_ROWS - self.waiting_rows).min(batch.num_rows() - start);
            self.waiting.push(batch.slice(start, count));
            self.waiting_rows += count;
            start += count;
            if self.waiting_rows == GROUP_ROWS {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn check(&self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let found = batch.schema_ref().fields().iter();
        let found = found.map(|field| (field.name(), field.data_type()));
        let expected = self.schema.fields().iter();
        if expected.map(|field| (field.name(), field.data_type())).eq(found) {
            return Ok(());
        }
        let message = format!("expected {}, got {}", self.schema, batch.schema_ref());
        Err(ParquetError::General(message))
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.waiting_rows == 0 {
            return Ok(());
        }
        let group = concat_batches(&self.schema, &self.waiting)?;
        self.waiting.clear();
        self.waiting_rows = 0;
        self.writer.write(&group)?;
        self.writer.flush()
    }

    fn finish(mut self) -> Result<W, ParquetError> {
        self.flush()?;
        self.writer.into_inner()
    }
}

/// A multipart upload that is written to from a plain thread.
struct Upload {
    /// Taken when the upload ends.
    parts: Option<WriteMultipart>,
    runtime: Handle,
}

impl Upload {
    fn finish(mut self, name: &str) -> Result<(), StorageError> {
        let Some(parts) = self.parts.take() else {
            return Ok(());
        };
        let finished = self.runtime.block_on(parts.finish());
        finished.map_err(|e| StorageError::store("write", name, e))?;
        Ok(())
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(parts) = &mut self.parts else {
            return Err(io::Error::other("the upload has ended"));
        };
        self.runtime.block_on(async {
            parts.wait_for_capacity(PARTS_IN_FLIGHT).await?;
            parts.write(bytes);
            Ok::<_, object_store::Error>(())
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            // A store that cannot be reached keeps the parts until its own rules delete them.
            _ = self.runtime.block_on(parts.abort());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::fixtures::{Folder, runtime};

    fn rows(count: usize) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..count as i64);
        let texts = StringArray::from_iter_values((0..count).map(|i| format!("row {i}")));
        let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(numbers), Arc::new(texts)];
        let fields = vec![
            Field::new("number", DataType::Int64, false),
            Field::new("text", DataType::Utf8, true),
        ];
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    #[test]
    fn bytes_do_not_depend_on_batches_or_place() {
        let all = rows(40_000);
        let once = write_table(&all.schema(), std::slice::from_ref(&all)).unwrap();
        let parts: Vec<_> = (0..40).map(|part| all.slice(part * 1000, 1000)).collect();
        assert_eq!(write_table(&all.schema(), &parts).unwrap(), once);
        let folder = Folder::new();
        let store = Store::open(&folder.name(""), runtime()).unwrap();
        let mut writer = TableWriter::create(&store, "x/t.parquet", &all.schema()).unwrap();
        for part in &parts {
            writer.append(part).unwrap();
        }
        assert_eq!(store.list("").unwrap(), []);
        writer.finish().unwrap();
        assert_eq!(store.get("x/t.parquet").unwrap().unwrap(), once);
    }

    #[test]
    fn an_unfinished_table_leaves_nothing() {
        let folder = Folder::new();
        let store = Store::open(&folder.name(""), runtime()).unwrap();
        let all = rows(20_000);
        let mut writer = TableWriter::create(&store, "t.parquet", &all.schema()).unwrap();
        writer.append(&all).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn other_columns_are_refused() {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, false)]));
        assert!(write_table(&schema, &[rows(1)]).is_err());
    }
}
