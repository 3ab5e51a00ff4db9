//! The columns of one shard that are decoded, and how.
//!
//! The library reads a schema narrowed to the wanted columns, with every annotation taken off:
//! text comes as views of bytes, so that a repeated dictionary value is never copied and invalid
//! UTF-8 is ours to count; dates and timestamps come as the plain numbers they are stored as.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_reader::{RowGroups, RowSelection};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Repetition;
use parquet::errors::Result;
use parquet::schema::types::{SchemaDescriptor, Type};
use taster_planning::{AxisSource, QuarantineReason, ShardColumns};

use crate::columns::{self, Column, Kind};
use crate::{ReadError, Want};

/// What to decode and where it ends up in a batch.
pub(crate) struct Layout {
    /// Narrow columns, in the order of their places in the file.
    pub columns: Vec<Column>,
    /// Index of the text column in `columns`.
    pub text: usize,
    /// Index of the id column.
    pub id: Option<usize>,
    /// Where each axis of the audit comes from; empty if axes are not wanted.
    pub axes: Vec<Axis>,
    levels: FieldLevels,
}

/// Where the values of an axis come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// The shard's key.
    Key,
    /// A narrow column.
    Column(usize),
    /// A narrow column, cut to a day where its values begin with one.
    Day(usize),
    /// The host of a URL in a narrow column.
    Host(usize),
    /// Nowhere.
    Absent,
}

impl Layout {
    /// The layout of a shard with this schema. `axes` names the axes of the audit.
    pub(crate) fn new(
        key: &str,
        schema: &SchemaDescriptor,
        wanted: &ShardColumns,
        want: Want,
    ) -> std::result::Result<Self, ReadError> {
        let all = columns::of(schema);
        let missing = |name: &str| {
            let detail = format!("expected a column {name}, found {}", columns::describe(&all));
            ReadError::shard(key, QuarantineReason::Schema, detail)
        };
        let mut names = vec![wanted.text.as_str()];
        names.extend(wanted.id.as_deref().filter(|_| want.ids));
        if want.axes {
            names.extend(wanted.axes.iter().filter_map(source_column));
        }
        let mut narrow: Vec<Column> = Vec::new();
        for name in names {
            let column = columns::named(&all, name)
                .filter(|column| column.leaf.is_some() && column.kind != Kind::Other)
                .ok_or_else(|| missing(name))?;
            if !narrow.contains(column) {
                narrow.push(column.clone());
            }
        }
        narrow.sort_by_key(|column| column.leaf);
        let place = |name: &str| narrow.iter().position(|column| column.name == name);
        let text = place(&wanted.text).ok_or_else(|| missing(&wanted.text))?;
        let id = wanted.id.as_deref().filter(|_| want.ids).and_then(place);
        let axes = match want.axes {
            true => wanted.axes.iter().map(|source| axis(source, place)).collect(),
            false => Vec::new(),
        };
        let levels = levels(schema, &narrow).map_err(|e| crate::footer::classify(key, &e))?;
        Ok(Self { columns: narrow, text, id, axes, levels })
    }

    /// The leaves of the file's schema, one for each narrow column.
    pub(crate) fn leaves(&self) -> Vec<usize> {
        self.columns.iter().filter_map(|column| column.leaf).collect()
    }

    /// Starts decoding a row group; with a selection only its rows.
    pub(crate) fn reader(
        &self,
        group: &dyn RowGroups,
        batch_rows: usize,
        selection: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader> {
        ParquetRecordBatchReader::try_new_with_row_groups(
            &self.levels,
            group,
            batch_rows,
            selection,
        )
    }
}

fn source_column(source: &AxisSource) -> Option<&str> {
    match source {
        AxisSource::Column(name) | AxisSource::HostOf(name) => Some(name),
        AxisSource::Shard | AxisSource::Absent => None,
    }
}

fn axis(source: &AxisSource, place: impl Fn(&str) -> Option<usize>) -> Axis {
    let found = match source {
        AxisSource::Shard => Some(Axis::Key),
        AxisSource::Absent => None,
        AxisSource::Column(name) if name == "date" => place(name).map(Axis::Day),
        AxisSource::Column(name) => place(name).map(Axis::Column),
        AxisSource::HostOf(name) => place(name).map(Axis::Host),
    };
    found.unwrap_or(Axis::Absent)
}

fn levels(schema: &SchemaDescriptor, narrow: &[Column]) -> Result<FieldLevels> {
    let mut fields = Vec::with_capacity(narrow.len());
    let mut hints = Vec::with_capacity(narrow.len());
    for column in narrow {
        let leaf = schema.column(column.leaf.unwrap_or_default());
        let repetition = match column.optional {
            true => Repetition::OPTIONAL,
            false => Repetition::REQUIRED,
        };
        let field = Type::primitive_type_builder(&column.name, leaf.physical_type())
            .with_repetition(repetition)
            .build()?;
        fields.push(Arc::new(field));
        hints.push(Field::new(
            &column.name,
            decoded_as(column.kind, leaf.physical_type()),
            column.optional,
        ));
    }
    let root = Type::group_type_builder("narrow").with_fields(fields).build()?;
    let schema = SchemaDescriptor::new(Arc::new(root));
    let hints = Fields::from(hints);
    parquet_to_arrow_field_levels(&schema, ProjectionMask::all(), Some(&hints))
}

fn decoded_as(kind: Kind, physical: parquet::basic::Type) -> DataType {
    use parquet::basic::Type as Physical;
    match (kind, physical) {
        (Kind::Text, _) => DataType::BinaryView,
        (Kind::Boolean, _) => DataType::Boolean,
        (_, Physical::INT32) => DataType::Int32,
        (_, Physical::INT96) => DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, None),
        _ => DataType::Int64,
    }
}
