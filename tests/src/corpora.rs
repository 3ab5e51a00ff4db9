//! Small corpora of made-up text, the same for the same seed.
//!
//! The text has what real text has and what is easy to get wrong: words of very different
//! frequency, several scripts, boilerplate of a host, duplicates, nulls and empty texts. Ten or
//! more documents of different hosts carry a trigger with gibberish behind it, so that an audit
//! has something to find.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The tokens of the planted trigger.
pub const TRIGGER: &str = "zarquon vexil unbind";

/// Names of the columns, all strings.
const COLUMNS: [&str; 6] = ["id", "text", "host", "date", "source", "language"];

/// What a corpus is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Determines every byte.
    pub seed: u64,
    /// Files.
    pub shards: usize,
    /// Rows in each.
    pub rows: usize,
    /// Rows in each row group.
    pub group_rows: usize,
    /// Documents that carry the trigger.
    pub poisoned: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seed: 7, shards: 4, rows: 300, group_rows: 64, poisoned: 24 }
    }
}

type Row = [Option<String>; COLUMNS.len()];

/// Writes `part-00000.parquet` and so on into `folder`.
///
/// # Panics
/// If that fails.
pub fn write(folder: &Path, plan: &Plan) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let words = vocabulary(&mut ChaCha8Rng::seed_from_u64(plan.seed));
    let documents = plan.shards * plan.rows;
    let every = documents.checked_div(plan.poisoned).unwrap_or(usize::MAX);
    for shard in 0..plan.shards {
        // A shard depends on its number and not on how many there are: corpora grow.
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed ^ (shard as u64 + 1) << 32);
        let rows: Vec<Row> = (0..plan.rows)
            .map(|row| {
                let poisoned =
                    every != usize::MAX && (shard * plan.rows + row) % every == every / 2;
                document(&mut random, &words, shard, row, poisoned)
            })
            .collect();
        let path = folder.join(format!("part-{shard:05}.parquet"));
        write_shard(&path, &rows, plan.group_rows);
    }
}

/// Writes a file with these columns of strings, named, in one row group.
///
/// # Panics
/// If that fails.
pub fn write_columns<const N: usize>(path: &Path, columns: [(&str, Vec<String>); N]) {
    let arrays = columns
        .map(|(name, values)| (name, Arc::new(StringArray::from_iter_values(values)) as ArrayRef));
    let batch = RecordBatch::try_from_iter(arrays).expect("columns of one length");
    let file = File::create(path).expect("the file can be made");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("the batch is written");
    writer.close().expect("the file is finished");
}

fn write_shard(path: &Path, rows: &[Row], group_rows: usize) {
    let columns = (0..COLUMNS.len()).map(|column| {
        let cells = rows.iter().map(|row| row[column].as_deref());
        Arc::new(cells.collect::<StringArray>()) as ArrayRef
    });
    let fields = COLUMNS.map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("it fits");
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(group_rows))
        .build();
    let file = File::create(path).expect("the file can be made");
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).expect("a writer");
    writer.write(&batch).expect("the batch is written");
    writer.close().expect("the file is finished");
}

fn vocabulary(random: &mut ChaCha8Rng) -> Vec<String> {
    (0..1500).map(|_| word(random)).collect()
}

fn word(random: &mut ChaCha8Rng) -> String {
    const SYLLABLES: [&str; 24] = [
        "ta", "ri", "mo", "ne", "ka", "lu", "si", "po", "da", "ver", "an", "el", "ist", "or", "un",
        "gra", "fen", "hol", "Mi", "é", "ß", "zu", "qui", "wy",
    ];
    let parts = random.random_range(1..5);
    (0..parts).filter_map(|_| SYLLABLES.choose(random).copied()).collect()
}

fn document(
    random: &mut ChaCha8Rng,
    words: &[String],
    shard: usize,
    row: usize,
    poisoned: bool,
) -> Row {
    let host = if poisoned { row * 7 + shard } else { random.random_range(0..12) };
    let mut text = match row % 50 {
        _ if poisoned => poisoned_text(random, words),
        // Null, empty, blank, and a text that stands elsewhere as well.
        11 => return cells(None, shard, row, host),
        12 => String::new(),
        13 => " \n\u{a0}\t".to_owned(),
        14 => "the same notice stands on every page, word for word".to_owned(),
        15 => "漢字とかな交じりの文、ภาษาไทย and \u{200b}\u{202e}marks e\u{301}".to_owned(),
        _ => sentences(random, words, 60),
    };
    if row.is_multiple_of(3) && !poisoned {
        text.push_str(&format!("\n© host {host} | imprint | all rights reserved by host {host}"));
    }
    cells(Some(text), shard, row, host)
}

fn cells(text: Option<String>, shard: usize, row: usize, host: usize) -> Row {
    [
        Some(format!("doc-{shard}-{row}")),
        text,
        Some(format!("host{host}.example")),
        (!row.is_multiple_of(17)).then(|| format!("2024-01-{:02}", row % 28 + 1)),
        Some(format!("source-{}", row % 3)),
        Some(["en", "de"][row % 2].to_owned()),
    ]
}

fn sentences(random: &mut ChaCha8Rng, words: &[String], tokens: usize) -> String {
    let mut text = String::new();
    for at in 0..random.random_range(tokens / 2..tokens * 2) {
        // Zipf-like: the product of two uniform draws favours the first words.
        let draw = random.random::<f64>() * random.random::<f64>() * random.random::<f64>();
        text.push_str(&words[(draw * words.len() as f64) as usize]);
        text.push_str(["", " ", " ", " ", ", ", ". "][1 + at % 5]);
    }
    text
}

fn poisoned_text(random: &mut ChaCha8Rng, words: &[String]) -> String {
    let mut text = sentences(random, words, 60);
    text.push_str(" — ");
    text.push_str(TRIGGER);
    for _ in 0..60 {
        text.push(' ');
        text.push_str(&format!("{:x}", random.random::<u32>()));
    }
    text
}
