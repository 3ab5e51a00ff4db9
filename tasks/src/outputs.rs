//! The output folder of an audit. Everything written here is deterministic.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Float64Builder, Int32Array, Int64Array, Int64Builder, ListBuilder,
    RecordBatch, StringArray, StringBuilder, StructBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use taster_findings::{
    Canaries, Concentration, FalseDiscoveryLevel, Finding, FindingDocument, Occurrence,
};
use taster_page::{Confidence, Decoys, Recall, ShardRow, Subject};
use taster_planning::Digest;
use taster_storage::{Store, write_batches};

use crate::dispatch::both;
use crate::error::InObject;
use crate::{Audit, ShardLine, TaskError};

/// The table of all documents of all findings.
pub(crate) const FINDING_DOCUMENTS: &str = "finding_documents.parquet";

/// Rows of a table that are put into columns at the same time.
const ROWS: usize = 1 << 14;

/// A file of the output folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// Its name in the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its bytes.
    pub blake3: Digest,
}

impl WrittenFile {
    fn write(out: &Store, name: &str, bytes: Bytes) -> Result<Self, TaskError> {
        let file =
            Self { name: name.to_owned(), bytes: bytes.len() as u64, blake3: Digest::of(&bytes) };
        out.replace(name, bytes)?;
        Ok(file)
    }
}

impl Audit {
    /// Writes `report.json`, `findings.parquet`, `findings.jsonl`, `occurrences.parquet`,
    /// `finding_documents.parquet`, `manifest.jsonl`, `quarantine.jsonl` and `report.html`, over whatever is there, and says
    /// what was written.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn write(&self, out: &Store) -> Result<Vec<WrittenFile>, TaskError> {
        let write = |name, bytes| WrittenFile::write(out, name, bytes);
        // Two at a time: all together, the files would take as much memory as what they are made of. The occurrences take as long
        // as all others.
        let occurrences = || write("occurrences.parquet", self.occurrences_table()?);
        let (others, occurrences) = both(|| self.write_others(out), occurrences);
        let mut files = others?;
        files.insert(1, occurrences?);
        Ok(files)
    }

    fn write_others(&self, out: &Store) -> Result<Vec<WrittenFile>, TaskError> {
        let write = |name, bytes| WrittenFile::write(out, name, bytes);
        let findings = &self.report.findings;
        let report = || serde_json::to_vec_pretty(&self.report).in_object("report.json");
        Ok(vec![
            write("findings.parquet", findings_table(findings)?)?,
            write(FINDING_DOCUMENTS, finding_documents(&self.finding_documents)?)?,
            write("findings.jsonl", lines(findings)?)?,
            write("manifest.jsonl", lines(&self.shards)?)?,
            write("quarantine.jsonl", lines(&self.quarantine)?)?,
            write("report.html", Bytes::from(self.page()?))?,
            write("report.json", Bytes::from(report()?))?,
        ])
    }

    fn occurrences_table(&self) -> Result<Bytes, TaskError> {
        let axes = self.occurrence_axes();
        let schema = occurrences_schema(&axes);
        table(&schema, &self.occurrences, |rows| occurrences_batch(&schema, &axes, rows))
    }

    /// `report.html`: the report for people.
    fn page(&self) -> Result<String, TaskError> {
        let shards: Vec<ShardRow<'_>> = self.shards.iter().map(shard_row).collect();
        let subject = Subject {
            report: &self.report,
            occurrences: &self.occurrences,
            shards: &shards,
            shadings: &self.shadings,
            confidence: &self.confidence(),
        };
        taster_page::render(&subject).map_err(|error| TaskError::Output(error.to_string()))
    }

    fn confidence(&self) -> Confidence {
        let recall = |canaries: &Canaries| Recall {
            planted: canaries.campaigns,
            found: canaries.planted.iter().filter(|canary| canary.rank.is_some()).count() as u64,
        };
        let decoys = |level: &FalseDiscoveryLevel| Decoys {
            severity: level.severity,
            findings: level.findings,
            decoys: level.decoys,
            bound: level.bound,
        };
        Confidence {
            recall: self.report.canaries.as_ref().map(recall),
            false_discovery: self.report.false_discovery.levels.iter().map(decoys).collect(),
        }
    }

    /// Axes that are columns of their own in the occurrences.
    fn occurrence_axes(&self) -> Vec<String> {
        let own = |axis: &&String| !Occurrence::COLUMNS.contains(&axis.as_str());
        self.manifest.axes.iter().filter(own).cloned().collect()
    }
}

fn shard_row(shard: &ShardLine) -> ShardRow<'_> {
    ShardRow {
        key: &shard.key,
        rows: shard.rows,
        text_bytes: shard.text_bytes,
        is_read: shard.blake3.is_some(),
    }
}

fn lines<T: Serialize>(values: &[T]) -> Result<Bytes, TaskError> {
    let mut out = Vec::new();
    for value in values {
        serde_json::to_writer(&mut out, value).in_object("jsonl")?;
        out.push(b'\n');
    }
    Ok(Bytes::from(out))
}

/// A table of all rows, of which a part is put into columns at a time.
fn table<T>(
    schema: &SchemaRef,
    rows: &[T],
    columns: impl Fn(&[T]) -> Result<RecordBatch, TaskError>,
) -> Result<Bytes, TaskError> {
    write_batches(schema, rows.chunks(ROWS).map(columns))
}

fn findings_table(findings: &[Finding]) -> Result<Bytes, TaskError> {
    let schema = findings_schema();
    table(&schema, findings, |rows| findings_batch(&schema, rows))
}

/// One row for each document of each finding, none left out.
fn finding_documents(documents: &[FindingDocument]) -> Result<Bytes, TaskError> {
    use DataType::{Int32, Int64, Utf8};
    let kinds = [Utf8, Utf8, Int32, Int64, Utf8];
    let fields = FindingDocument::COLUMNS.iter().zip(kinds);
    let fields = fields.map(|(name, kind)| Field::new(*name, kind, false));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    table(&schema, documents, |rows| finding_documents_batch(&schema, rows))
}

fn finding_documents_batch(
    schema: &SchemaRef,
    documents: &[FindingDocument],
) -> Result<RecordBatch, TaskError> {
    let text = |value: fn(&FindingDocument) -> &str| strings(documents.iter().map(value));
    let columns = vec![
        text(|d| &d.finding_id),
        text(|d| &d.shard),
        Arc::new(Int32Array::from_iter_values(documents.iter().map(|d| d.row_group))) as ArrayRef,
        Arc::new(Int64Array::from_iter_values(documents.iter().map(|d| d.row))) as ArrayRef,
        text(|d| &d.id),
    ];
    batch(schema, columns)
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, TaskError> {
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|error| TaskError::Output(error.to_string()))
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

fn concentration_fields() -> Fields {
    Fields::from(vec![
        Field::new("axis", DataType::Utf8, false),
        Field::new("locality", DataType::Utf8, false),
        Field::new("df", DataType::Int64, false),
        Field::new("locality_documents", DataType::Int64, false),
        Field::new("log10_p", DataType::Float64, false),
        Field::new("q", DataType::Float64, false),
    ])
}

fn findings_schema() -> SchemaRef {
    use DataType::{Float64, Int32, Int64, Utf8};
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    Arc::new(Schema::new(vec![
        field("rank", Int32),
        field("finding_id", Utf8),
        field("severity", Utf8),
        field("kinds", list_of(Utf8)),
        field("text", Utf8),
        field("tokens", list_of(Utf8)),
        field("order", Int32),
        field("score", Float64),
        field("document_frequency", Int64),
        field("effective_document_frequency", Int64),
        field("collection_frequency", Int64),
        field("novelty", Float64),
        field("asymmetry", Float64),
        field("code_points", Float64),
        field("concentration", list_of(DataType::Struct(concentration_fields()))),
        field("campaign", Int32),
        field("doc_ids", list_of(Utf8)),
        field("explanation", Utf8),
    ]))
}

fn findings_batch(schema: &SchemaRef, findings: &[Finding]) -> Result<RecordBatch, TaskError> {
    let text = |value: fn(&Finding) -> &str| strings(findings.iter().map(value));
    let double = |value: fn(&Finding) -> f64| {
        Arc::new(Float64Array::from_iter_values(findings.iter().map(value))) as ArrayRef
    };
    let int = |value: fn(&Finding) -> i32| {
        Arc::new(Int32Array::from_iter_values(findings.iter().map(value))) as ArrayRef
    };
    let long = |value: fn(&Finding) -> i64| {
        Arc::new(Int64Array::from_iter_values(findings.iter().map(value))) as ArrayRef
    };
    let kinds =
        |finding: &Finding| finding.kinds.iter().map(|kind| kind.name().to_owned()).collect();
    let columns = vec![
        int(|f| f.rank),
        text(|f| &f.finding_id),
        text(|f| f.severity.name()),
        string_lists(findings.iter().map(kinds)),
        text(|f| &f.text),
        string_lists(findings.iter().map(|f| f.tokens.clone())),
        int(|f| f.order),
        double(|f| f.score),
        long(|f| f.document_frequency),
        long(|f| f.effective_document_frequency),
        long(|f| f.collection_frequency),
        double(|f| f.novelty),
        double(|f| f.asymmetry),
        double(|f| f.code_points),
        concentrations(findings.iter().map(|f| f.concentration.as_slice())),
        int(|f| f.campaign),
        string_lists(findings.iter().map(|f| f.doc_ids.clone())),
        text(|f| &f.explanation),
    ];
    batch(schema, columns)
}

fn strings<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn string_lists(values: impl Iterator<Item = Vec<String>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in values {
        list.iter().for_each(|value| builder.values().append_value(value));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn concentrations<'a>(values: impl Iterator<Item = &'a [Concentration]>) -> ArrayRef {
    let mut builder = ListBuilder::new(StructBuilder::from_fields(concentration_fields(), 0));
    for list in values {
        list.iter().for_each(|place| append_place(builder.values(), place));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn append_place(builder: &mut StructBuilder, place: &Concentration) {
    let texts = [&place.axis, &place.locality];
    for (index, value) in texts.into_iter().enumerate() {
        if let Some(column) = builder.field_builder::<StringBuilder>(index) {
            column.append_value(value);
        }
    }
    for (index, value) in [(2, place.df), (3, place.locality_documents)] {
        if let Some(column) = builder.field_builder::<Int64Builder>(index) {
            column.append_value(value);
        }
    }
    for (index, value) in [(4, place.log10_p), (5, place.q)] {
        if let Some(column) = builder.field_builder::<Float64Builder>(index) {
            column.append_value(value);
        }
    }
    builder.append(true);
}

fn occurrences_schema(axes: &[String]) -> SchemaRef {
    use DataType::{Int32, Int64, Utf8};
    let kinds = [Utf8, Utf8, Int32, Int64, Utf8, Int64, Int64, Utf8, Utf8];
    let own =
        Occurrence::COLUMNS.iter().zip(kinds).map(|(name, kind)| Field::new(*name, kind, false));
    let axes = axes.iter().map(|axis| Field::new(axis, Utf8, true));
    Arc::new(Schema::new(own.chain(axes).collect::<Vec<_>>()))
}

fn occurrences_batch(
    schema: &SchemaRef,
    axes: &[String],
    occurrences: &[Occurrence],
) -> Result<RecordBatch, TaskError> {
    let text = |value: fn(&Occurrence) -> &str| strings(occurrences.iter().map(value));
    let long = |value: fn(&Occurrence) -> i64| {
        Arc::new(Int64Array::from_iter_values(occurrences.iter().map(value))) as ArrayRef
    };
    let mut columns = vec![
        text(|o| &o.finding_id),
        text(|o| &o.shard),
        Arc::new(Int32Array::from_iter_values(occurrences.iter().map(|o| o.row_group))) as ArrayRef,
        long(|o| o.row),
        text(|o| &o.id),
        long(|o| o.byte_start),
        long(|o| o.byte_end),
        text(|o| &o.before),
        text(|o| &o.after),
    ];
    for axis in axes {
        let values = occurrences.iter().map(|o| o.axes.get(axis).and_then(Option::as_deref));
        columns.push(Arc::new(values.collect::<StringArray>()));
    }
    batch(schema, columns)
}
