//! A table of document ids, for tools that remove by id.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use taster_storage::write_table;

use crate::TaskError;

/// The ids as a Parquet file with one column, sorted, in row groups with statistics, so that a
/// reader that looks for a range of ids skips the others.
///
/// # Errors
/// Parquet cannot be written.
pub fn id_table(column: &str, ids: &BTreeSet<&str>) -> Result<Bytes, TaskError> {
    let schema = Arc::new(Schema::new(vec![Field::new(column, DataType::Utf8, false)]));
    let values = StringArray::from_iter_values(ids);
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(values)])
        .map_err(|error| TaskError::Output(error.to_string()))?;
    Ok(write_table(&schema, &[batch])?)
}
