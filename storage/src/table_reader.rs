//! Parquet files that this program wrote, read back batch by batch.

use std::io::{self, BufReader, Read};

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::contained::contained;
use crate::{StorageError, Store};

/// Rows of a batch.
const BATCH_ROWS: usize = 8 << 10;
/// Tables up to this size are read at once: one request instead of one for each page.
const HELD_BYTES: u64 = 32 << 20;
/// What is read of a page to see its header.
const HEADER_BYTES: usize = 4 << 10;

/// The rows of a table in a [`Store`], in order. Memory: 32 MiB, and what is decoded of a row
/// group.
///
/// For tables that are trusted as far as the folder is: what a stranger sends is a shard, and
/// goes through [`Sources::documents`](crate::Sources::documents) and its limits.
pub struct TableReader {
    reader: ParquetRecordBatchReader,
    name: String,
}

impl TableReader {
    /// Opens the table `key`; `None` if there is none.
    ///
    /// # Errors
    /// Trouble with the store, or an object that is no Parquet file.
    pub fn open(store: &Store, key: &str) -> Result<Option<Self>, StorageError> {
        let Some(size) = store.size(key)? else {
            return Ok(None);
        };
        let name = store.name(key);
        let object = TableObject::open(store, key, size)?;
        let opened = contained(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(object)?;
            builder.with_batch_size(BATCH_ROWS).build()
        });
        let reader =
            unreadable(&name, opened.map_err(ParquetError::General).and_then(|opened| opened))?;
        Ok(Some(Self { reader, name }))
    }
}

impl Iterator for TableReader {
    type Item = Result<RecordBatch, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = contained(|| self.reader.next().transpose().map_err(Into::into));
        unreadable(&self.name, read.map_err(ParquetError::General).and_then(|read| read))
            .transpose()
    }
}

fn unreadable<T>(name: &str, result: Result<T, ParquetError>) -> Result<T, StorageError> {
    result.map_err(|error| StorageError::Io {
        action: "read",
        key: name.to_owned(),
        source: Box::new(error),
    })
}

/// An object as the library wants it: by ranges.
#[derive(Clone)]
struct TableObject {
    store: Store,
    key: String,
    size: u64,
    /// All of it, if it is small.
    held: Option<Bytes>,
}

impl TableObject {
    fn open(store: &Store, key: &str, size: u64) -> Result<Self, StorageError> {
        let held = if size <= HELD_BYTES { store.get(key)? } else { None };
        Ok(Self { store: store.clone(), key: key.to_owned(), size, held })
    }

    fn range(&self, start: u64, length: u64) -> parquet::errors::Result<Bytes> {
        let start = start.min(self.size);
        let end = start.saturating_add(length).min(self.size);
        if let Some(held) = self.held.as_ref().filter(|held| held.len() as u64 == self.size) {
            return Ok(held.slice(start as usize..end as usize));
        }
        let read = self.store.get_range(&self.key, start..end);
        read.map_err(|error| ParquetError::External(Box::new(error)))
    }
}

impl Length for TableObject {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for TableObject {
    type T = BufReader<TableRead>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let read = TableRead { object: self.clone(), at: start };
        Ok(BufReader::with_capacity(HEADER_BYTES, read))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.range(start, length as u64)
    }
}

/// Reads an object from a place on, as much as is asked for.
struct TableRead {
    object: TableObject,
    at: u64,
}

impl Read for TableRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.object.range(self.at, into.len() as u64).map_err(io::Error::other)?;
        into[..bytes.len()].copy_from_slice(&bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;
    use crate::fixtures::{Folder, runtime};
    use crate::write_table;

    fn store(folder: &Folder) -> Store {
        Store::open(&folder.name(""), runtime()).unwrap()
    }

    #[test]
    fn what_was_written_is_read_in_order() {
        let folder = Folder::new();
        let store = store(&folder);
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let numbers = Int64Array::from_iter_values(0..50_000);
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(numbers)]).unwrap();
        store.replace("t.parquet", write_table(&schema, &[batch]).unwrap()).unwrap();
        let mut next = 0;
        for batch in TableReader::open(&store, "t.parquet").unwrap().unwrap() {
            let batch = batch.unwrap();
            let column = batch.column(0).as_primitive::<Int64Type>();
            assert!((0..column.len()).all(|at| column.value(at) == next + at as i64));
            next += column.len() as i64;
        }
        assert_eq!(next, 50_000);
    }

    #[test]
    fn absence_and_damage_are_told_apart() {
        let folder = Folder::new();
        let store = store(&folder);
        assert!(TableReader::open(&store, "none.parquet").unwrap().is_none());
        store.replace("bad.parquet", Bytes::from_static(b"no Parquet at all")).unwrap();
        let error = TableReader::open(&store, "bad.parquet").err().unwrap().to_string();
        assert!(error.contains("bad.parquet"), "{error}");
    }
}
