//! A corpus as the laboratory sees it: named shards of record batches, read in order, written in order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::error::LabError;

/// Names of the text column, best first.
pub const TEXT_COLUMNS: [&str; 3] = ["text", "content", "raw_content"];
/// Names of the id column, best first.
pub const ID_COLUMNS: [&str; 2] = ["id", "doc_id"];

/// A corpus that can be read several times and is the same each time.
pub trait Corpus {
    /// The shards' keys relative to the corpus, in its order.
    fn shards(&self) -> Vec<String>;

    /// Visits the batches of one shard in order: at least one, which may be empty.
    fn read(&self, shard: &str, visit: &mut Visit<'_>) -> Result<(), LabError>;
}

/// What is done with each batch; an error ends the reading.
pub type Visit<'a> = dyn FnMut(RecordBatch) -> Result<(), LabError> + 'a;

/// Where a corpus is written, one shard after the other.
pub trait CorpusSink {
    /// Adds a batch to the shard of this key. Another key than the last one begins another shard.
    fn write(&mut self, shard: &str, batch: &RecordBatch) -> Result<(), LabError>;

    /// Completes the last shard. What was written before is a corpus from here on.
    fn finish(&mut self) -> Result<(), LabError>;
}

/// A corpus in memory, for tests and small samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryCorpus {
    shards: Vec<(String, Vec<RecordBatch>)>,
}

impl Corpus for MemoryCorpus {
    fn shards(&self) -> Vec<String> {
        self.shards.iter().map(|(name, _)| name.clone()).collect()
    }

    fn read(&self, shard: &str, visit: &mut Visit<'_>) -> Result<(), LabError> {
        let found = self.shards.iter().find(|(name, _)| name == shard);
        found.iter().flat_map(|(_, batches)| batches).try_for_each(|batch| visit(batch.clone()))
    }
}

impl CorpusSink for MemoryCorpus {
    fn write(&mut self, shard: &str, batch: &RecordBatch) -> Result<(), LabError> {
        match self.shards.last_mut() {
            Some((name, batches)) if name == shard => batches.push(batch.clone()),
            _ => self.shards.push((shard.to_owned(), vec![batch.clone()])),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), LabError> {
        Ok(())
    }
}

/// The text column of a batch, as UTF-8 strings.
pub(crate) fn texts(shard: &str, batch: &RecordBatch) -> Result<StringArray, LabError> {
    let position = text_position(shard, batch)?;
    as_strings(batch.column(position)).map_err(|source| in_shard(shard, source))
}

/// The first column of one of these names as strings (numbers and dates are written out), if there is one.
pub(crate) fn optional(
    shard: &str,
    batch: &RecordBatch,
    names: &[&str],
) -> Result<Option<StringArray>, LabError> {
    let column = names.iter().find_map(|name| batch.column_by_name(name));
    column.map(as_strings).transpose().map_err(|source| in_shard(shard, source))
}

/// The batch with other texts; the column keeps its name and its type.
pub(crate) fn with_texts(
    shard: &str,
    batch: &RecordBatch,
    texts: StringArray,
) -> Result<RecordBatch, LabError> {
    replace(shard, batch, text_position(shard, batch)?, texts)
}

/// The batch with another column of this name, if it has one.
pub(crate) fn with_column(
    shard: &str,
    batch: RecordBatch,
    name: &str,
    values: StringArray,
) -> Result<RecordBatch, LabError> {
    match batch.schema().index_of(name) {
        Ok(position) => replace(shard, &batch, position, values),
        Err(_) => Ok(batch),
    }
}

/// An arrow error with the shard it is about.
pub(crate) fn in_shard(shard: &str, source: ArrowError) -> LabError {
    LabError::Batch { shard: shard.to_owned(), source }
}

fn replace(
    shard: &str,
    batch: &RecordBatch,
    position: usize,
    values: StringArray,
) -> Result<RecordBatch, LabError> {
    let mut columns = batch.columns().to_vec();
    let values: ArrayRef = Arc::new(values);
    columns[position] =
        cast(&values, columns[position].data_type()).map_err(|source| in_shard(shard, source))?;
    RecordBatch::try_new(batch.schema(), columns).map_err(|source| in_shard(shard, source))
}

fn text_position(shard: &str, batch: &RecordBatch) -> Result<usize, LabError> {
    let schema = batch.schema();
    let is_text = |position: &usize| holds_strings(schema.field(*position).data_type());
    let found = TEXT_COLUMNS.iter().filter_map(|name| schema.index_of(name).ok()).find(is_text);
    found.ok_or_else(|| LabError::Column {
        shard: shard.to_owned(),
        expected: TEXT_COLUMNS.join(" or "),
        got: schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

fn holds_strings(column: &DataType) -> bool {
    match column {
        DataType::Dictionary(_, values) => holds_strings(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        _ => false,
    }
}

fn as_strings(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

/// The value of a row, or nothing where it is null.
pub(crate) fn value(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use arrow::array::{Int64Array, LargeStringArray};

    use super::*;

    /// `shards` shards of two batches of `rows` documents each, five hosts, thirty days.
    pub(crate) fn corpus(shards: usize, rows: usize) -> MemoryCorpus {
        let mut corpus = MemoryCorpus::default();
        for shard in 0..shards {
            for half in 0..2 {
                let first = (shard * 2 + half) * rows;
                corpus
                    .write(&format!("part-{shard:05}.parquet"), &batch(first..first + rows))
                    .unwrap();
            }
        }
        corpus
    }

    fn batch(rows: std::ops::Range<usize>) -> RecordBatch {
        let column = |value: &dyn Fn(usize) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.clone().map(value)))
        };
        let columns = [
            ("id", column(&|row| format!("doc/{row}"))),
            (
                "text",
                column(&|row| {
                    format!(
                        "Document {row} begins.\nIts word is w{row}. It ends, as all do.\nGoodbye."
                    )
                }),
            ),
            ("url", column(&|row| format!("https://h{}.example/{row}", row % 5))),
            ("host", column(&|row| format!("h{}.example", row % 5))),
            ("date", column(&|row| format!("2024-05-{:02}", row % 30 + 1))),
            ("source", column(&|row| format!("s{}", row % 2))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn a_text_column_keeps_its_type() {
        let texts_before: ArrayRef = Arc::new(LargeStringArray::from(vec![Some("a"), None]));
        let batch = RecordBatch::try_from_iter([("content", texts_before)]).unwrap();
        let after = with_texts("s", &batch, StringArray::from(vec![Some("b"), None])).unwrap();
        assert_eq!(after.schema(), batch.schema());
        assert_eq!(value(&texts("s", &after).unwrap(), 0), Some("b"));
        assert_eq!(value(&texts("s", &after).unwrap(), 1), None);
    }

    #[test]
    fn a_missing_text_column_is_named() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let batch = RecordBatch::try_from_iter([("text", numbers)]).unwrap();
        let message = texts("part-0", &batch).unwrap_err().to_string();
        assert_eq!(
            message,
            "shard part-0: expected a string column text or content or raw_content, got columns text"
        );
    }
}
