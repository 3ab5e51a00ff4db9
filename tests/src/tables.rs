//! Output files as a stranger's reader sees them: the plain Parquet reader, JSON lines, bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// The one file of an audit that may differ from run to run.
const RUN: &str = "run.json";

/// A Parquet file in memory.
#[derive(Debug, Clone)]
pub struct Table(RecordBatch);

impl Table {
    /// Reads it.
    ///
    /// # Panics
    /// If the plain reader cannot.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
        let schema = reader.schema().clone();
        let batches: Result<Vec<_>, _> = reader.build().expect("readable").collect();
        let batch = concat_batches(&schema, &batches.expect("readable batches"));
        Self(batch.expect("batches of one schema"))
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.0.num_rows()
    }

    /// `name: type` of every column, with types as users name them.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let schema = self.0.schema();
        let fields = schema.fields().iter();
        fields.map(|field| format!("{}: {}", field.name(), type_name(field.data_type()))).collect()
    }

    /// Whether there is such a column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.0.column_by_name(column).is_some()
    }

    /// A column of strings; null is empty.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn strings(&self, column: &str) -> Vec<String> {
        let cells = cast(self.column(column), &DataType::Utf8).expect("a column of strings");
        let cells = cells.as_string::<i32>();
        let texts = cells.iter().map(|cell| cell.unwrap_or_default().to_owned());
        texts.collect()
    }

    /// A column of whole numbers.
    ///
    /// # Panics
    /// If it is none or holds a null.
    #[must_use]
    pub fn integers(&self, column: &str) -> Vec<i64> {
        let cells = self.column(column);
        assert_eq!(cells.null_count(), 0, "{column} holds nulls");
        match cells.data_type() {
            DataType::Int32 => {
                let cells = cells.as_primitive::<Int32Type>().values();
                cells.iter().map(|&cell| i64::from(cell)).collect()
            }
            _ => cells.as_primitive::<Int64Type>().values().to_vec(),
        }
    }

    /// A column of numbers.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn floats(&self, column: &str) -> Vec<f64> {
        self.column(column).as_primitive::<Float64Type>().values().to_vec()
    }

    /// A column of lists of strings.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn string_lists(&self, column: &str) -> Vec<Vec<String>> {
        let lists = self.column(column).as_list::<i32>().clone();
        let lists = (0..lists.len()).map(|at| {
            let items = cast(&lists.value(at), &DataType::Utf8).expect("a list of strings");
            let items = items.as_string::<i32>();
            items.iter().map(|item| item.unwrap_or_default().to_owned()).collect()
        });
        lists.collect()
    }

    fn column(&self, name: &str) -> &dyn Array {
        let column = self.0.column_by_name(name);
        let columns = self.columns();
        column.unwrap_or_else(|| panic!("expected column {name}, found {columns:?}"))
    }
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        DataType::Int32 => "int32".into(),
        DataType::Int64 => "int64".into(),
        DataType::Float64 => "double".into(),
        DataType::List(item) | DataType::LargeList(item) => {
            format!("list<{}>", type_name(item.data_type()))
        }
        DataType::Struct(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|f| format!("{}: {}", f.name(), type_name(f.data_type())));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// The lines of a JSON Lines file.
///
/// # Panics
/// If it is missing or a line is no JSON.
#[must_use]
pub fn json_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    lines.collect()
}

/// A JSON file.
///
/// # Panics
/// If it is missing or no JSON.
#[must_use]
pub fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("a JSON document")
}

/// The files of an output folder whose bytes depend on the corpus and the parameters alone: all
/// but `run.json`, and but folders, where the work is kept.
///
/// # Panics
/// If the folder is missing.
#[must_use]
pub fn output(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder entry can be read").path();
        if path.is_file() {
            let name = path.file_name().expect("a file has a name");
            let bytes = std::fs::read(&path).expect("the file is readable");
            files.insert(name.to_string_lossy().into_owned(), bytes);
        }
    }
    files.remove(RUN);
    files
}

/// Compares the files of two audits byte by byte.
///
/// # Panics
/// If a file differs, with the place, or if there is none to compare.
pub fn assert_same(
    what: &str,
    expected: &BTreeMap<String, Vec<u8>>,
    got: &BTreeMap<String, Vec<u8>>,
) {
    let names: Vec<_> = expected.keys().collect();
    assert_eq!(names, got.keys().collect::<Vec<_>>(), "{what}");
    assert!(names.len() >= 6, "{what}: expected the files of an audit, found {names:?}");
    for (name, expected) in expected {
        let got = &got[name];
        if expected == got {
            continue;
        }
        let at = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
        let around = |bytes: &[u8]| {
            let part = &bytes[at.saturating_sub(80)..bytes.len().min(at + 80)];
            String::from_utf8_lossy(part).into_owned()
        };
        panic!(
            "{what}: {name} differs at byte {at} of {} and {}\nexpected …{}…\ngot …{}…",
            expected.len(),
            got.len(),
            around(expected),
            around(got)
        );
    }
}
