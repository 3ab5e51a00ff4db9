//! Which columns of a shard are read, found by name, and what their types allow.

use std::fmt::Write;

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::{SchemaDescriptor, Type};
use taster_planning::{AxisSource, Parameters, QuarantineReason};

use crate::ReadError;

/// Names of the text column, best first.
const TEXT_NAMES: [&str; 3] = ["text", "content", "raw_content"];
/// Names of the id column, best first.
const ID_NAMES: [&str; 2] = ["id", "doc_id"];
/// The axes that are used where a shard has them, in the order of their ordinals.
const AXIS_NAMES: [&str; 7] = ["shard", "host", "source", "dump", "date", "author", "language"];

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes of any length, taken as UTF-8.
    Text,
    /// Whole numbers.
    Integer { signed: bool },
    /// True or false.
    Boolean,
    /// Days since 1970.
    Date,
    /// Units since 1970.
    Timestamp(Unit),
    /// Nothing that can be read as one text value.
    Other,
}

/// The unit of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Millis,
    Micros,
    Nanos,
    /// The twelve bytes that older writers use.
    Int96,
}

/// A top-level column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    pub kind: Kind,
    /// The type in short words, for messages.
    pub shown: String,
    /// Its place among the leaves of the schema; `None` for a group.
    pub leaf: Option<usize>,
    /// Whether values may be null.
    pub optional: bool,
}

/// The top-level columns of a schema, in its order.
pub(crate) fn of(schema: &SchemaDescriptor) -> Vec<Column> {
    let Type::GroupType { fields, .. } = schema.root_schema() else {
        return Vec::new();
    };
    let leaf = |name: &str| {
        let mut leaves = schema.columns().iter();
        leaves.position(|leaf| matches!(leaf.path().parts(), [only] if only == name))
    };
    let column = |field: &std::sync::Arc<Type>| Column {
        name: field.name().to_owned(),
        kind: kind(field),
        shown: shown(field),
        leaf: leaf(field.name()),
        optional: field.is_optional(),
    };
    fields.iter().map(column).collect()
}

fn is_repeated(field: &Type) -> bool {
    let info = field.get_basic_info();
    info.has_repetition() && info.repetition() == Repetition::REPEATED
}

fn kind(field: &Type) -> Kind {
    if !field.is_primitive() || is_repeated(field) {
        return Kind::Other;
    }
    let info = field.get_basic_info();
    match (field.get_physical_type(), info.logical_type_ref()) {
        (_, Some(LogicalType::Unknown)) => Kind::Other,
        (Physical::BYTE_ARRAY, logical) => bytes_kind(logical, info.converted_type()),
        (Physical::INT96, _) => Kind::Timestamp(Unit::Int96),
        (Physical::BOOLEAN, None) => Kind::Boolean,
        (Physical::INT32, Some(LogicalType::Date)) => Kind::Date,
        (Physical::INT64, Some(LogicalType::Timestamp(timestamp))) => {
            Kind::Timestamp(match timestamp.unit {
                TimeUnit::MILLIS => Unit::Millis,
                TimeUnit::MICROS => Unit::Micros,
                TimeUnit::NANOS => Unit::Nanos,
            })
        }
        (Physical::INT32 | Physical::INT64, logical) => {
            integer_kind(logical, info.converted_type())
        }
        _ => Kind::Other,
    }
}

fn bytes_kind(logical: Option<&LogicalType>, converted: ConvertedType) -> Kind {
    let plain =
        matches!(logical, None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Json));
    match plain && converted != ConvertedType::DECIMAL {
        true => Kind::Text,
        false => Kind::Other,
    }
}

fn integer_kind(logical: Option<&LogicalType>, converted: ConvertedType) -> Kind {
    match (logical, converted) {
        (Some(LogicalType::Integer(integer)), _) => Kind::Integer { signed: integer.is_signed },
        (Some(_), _) => Kind::Other,
        (None, ConvertedType::DATE) => Kind::Date,
        (None, ConvertedType::TIMESTAMP_MILLIS) => Kind::Timestamp(Unit::Millis),
        (None, ConvertedType::TIMESTAMP_MICROS) => Kind::Timestamp(Unit::Micros),
        (
            None,
            ConvertedType::DECIMAL | ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS,
        ) => Kind::Other,
        (None, converted) => Kind::Integer { signed: !is_unsigned(converted) },
    }
}

fn is_unsigned(converted: ConvertedType) -> bool {
    matches!(
        converted,
        ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64
    )
}

fn shown(field: &Type) -> String {
    let info = field.get_basic_info();
    if !field.is_primitive() {
        return match info.converted_type() {
            ConvertedType::LIST => "list".to_owned(),
            ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => "map".to_owned(),
            _ => "struct".to_owned(),
        };
    }
    let logical = match info.converted_type() {
        ConvertedType::NONE => String::new(),
        converted => format!(" {converted}"),
    };
    let repeated = if is_repeated(field) { "repeated " } else { "" };
    format!("{repeated}{}{logical}", field.get_physical_type()).to_lowercase()
}

/// Columns and their types as one line: `id (int64), text (list)`.
pub(crate) fn describe(columns: &[Column]) -> String {
    let mut line = String::new();
    for column in columns {
        let separator = if line.is_empty() { "" } else { ", " };
        _ = write!(line, "{separator}{} ({})", column.name, column.shown);
    }
    match line.is_empty() {
        true => "no columns".to_owned(),
        false => line,
    }
}

/// A column by name, whatever its type.
pub(crate) fn named<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    columns.iter().find(|column| column.name == name)
}

/// A column by name whose values can be read.
fn usable<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    named(columns, name).filter(|column| column.kind != Kind::Other)
}

/// The text column: the one named by the parameters, or the first of the usual names.
pub(crate) fn text<'a>(
    key: &str,
    columns: &'a [Column],
    parameters: &Parameters,
) -> Result<&'a Column, ReadError> {
    let found = match &parameters.text_column {
        Some(name) => named(columns, name),
        None => TEXT_NAMES.iter().find_map(|name| named(columns, name)),
    };
    let wanted = parameters.text_column.as_deref().unwrap_or("text, content or raw_content");
    let schema = |detail| ReadError::shard(key, QuarantineReason::Schema, detail);
    let column = found.ok_or_else(|| {
        schema(format!("expected a column {wanted}, found {}", describe(columns)))
    })?;
    match column.kind {
        Kind::Text => Ok(column),
        _ => Err(schema(format!(
            "expected text in column {}, found {}",
            column.name,
            describe(columns)
        ))),
    }
}

/// The id column's name, or `None` if ids are made of key and row.
pub(crate) fn id(columns: &[Column], parameters: &Parameters) -> Option<String> {
    let found = match &parameters.id_column {
        Some(name) => usable(columns, name),
        None => ID_NAMES.iter().find_map(|name| usable(columns, name)),
    };
    found.map(|column| column.name.clone())
}

/// Names of the axes that an audit may have, in the order of their ordinals: those asked for,
/// `shard` first if it is among them, or else the usual ones, and that of labels if it is not one of them.
pub(crate) fn axis_names(parameters: &Parameters) -> Vec<String> {
    let usual = || AXIS_NAMES.map(str::to_owned).to_vec();
    let wanted = parameters.axes.clone().unwrap_or_else(usual);
    let mut names: Vec<String> = Vec::new();
    for name in wanted.iter().chain(&parameters.label_column) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names.sort_by_key(|name| name != "shard");
    names
}

/// Where the values of the axis `name` come from in a shard with these columns.
pub(crate) fn axis(columns: &[Column], name: &str) -> AxisSource {
    let column =
        |name: &str| usable(columns, name).map(|column| AxisSource::Column(column.name.clone()));
    let url = || {
        let url = usable(columns, "url").filter(|column| column.kind == Kind::Text)?;
        Some(AxisSource::HostOf(url.name.clone()))
    };
    let source = match name {
        "shard" => Some(AxisSource::Shard),
        "host" => column("host").or_else(|| column("domain")).or_else(url),
        other => column(other),
    };
    source.unwrap_or(AxisSource::Absent)
}

/// Uncompressed and compressed bytes of the column chunk `leaf` in every row group.
pub(crate) fn sizes(metadata: &ParquetMetaData, leaf: usize) -> Option<Vec<(u64, u64)>> {
    let size = |value: i64| u64::try_from(value).ok();
    let groups = metadata.row_groups().iter();
    groups
        .map(|group| {
            let chunk = group.columns().get(leaf)?;
            Some((size(chunk.uncompressed_size())?, size(chunk.compressed_size())?))
        })
        .collect()
}
