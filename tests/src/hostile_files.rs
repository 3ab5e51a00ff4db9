//! Parquet files that mean harm, and small honest ones to damage.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, DictionaryArray, Int32Array, Int64Array, LargeStringArray,
    ListArray, RecordBatch, StringArray, StringViewArray,
};
use arrow::datatypes::{Int32Type, Int64Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};

/// Bytes of a Parquet file with these columns.
///
/// # Panics
/// If they do not fit each other.
#[must_use]
pub fn parquet(columns: Vec<(&str, ArrayRef)>, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let properties = Some(properties.build());
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), properties).expect("a writer");
    writer.write(&batch).expect("the batch is written");
    writer.close().expect("the file is finished");
    bytes
}

/// Honest files of 3 to 8 kB that between them use every codec, both page versions, most
/// encodings and several types, by name.
#[must_use]
pub fn honest() -> Vec<(&'static str, Vec<u8>)> {
    let builder = || WriterProperties::builder().set_max_row_group_row_count(Some(24));
    let texts: Vec<String> = (0..40).map(text).collect();
    let strings = || Arc::new(StringArray::from(texts.clone())) as ArrayRef;
    let large = || Arc::new(LargeStringArray::from(texts.clone())) as ArrayRef;
    let views = || Arc::new(StringViewArray::from_iter_values(&texts)) as ArrayRef;
    let binary = || Arc::new(BinaryArray::from_iter_values(&texts)) as ArrayRef;
    let keyed = || {
        let values = texts.iter().map(|t| Some(t.as_str()));
        Arc::new(values.collect::<DictionaryArray<Int32Type>>()) as ArrayRef
    };
    let snappy = builder().set_compression(Compression::SNAPPY);
    let zstd = builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    let gzip = builder().set_compression(Compression::GZIP(GzipLevel::default()));
    let brotli = builder().set_compression(Compression::BROTLI(BrotliLevel::default()));
    let lz4 = builder().set_compression(Compression::LZ4_RAW);
    let version_2 = builder().set_writer_version(WriterVersion::PARQUET_2_0);
    let delta =
        version_2.clone().set_dictionary_enabled(false).set_encoding(Encoding::DELTA_BYTE_ARRAY);
    vec![
        ("plain", with_company(strings(), builder().set_dictionary_enabled(false))),
        ("snappy", with_company(strings(), snappy)),
        ("zstd", with_company(large(), zstd)),
        ("gzip", with_company(keyed(), gzip)),
        ("brotli", with_company(views(), brotli)),
        ("lz4", with_company(binary(), lz4)),
        ("version 2", with_company(strings(), version_2)),
        ("delta", just(strings(), delta)),
    ]
}

fn text(number: usize) -> String {
    format!("document {number} says {} and 漢字 {}", number * number, "x".repeat(number % 7))
}

fn just(texts: ArrayRef, properties: WriterPropertiesBuilder) -> Vec<u8> {
    parquet(vec![("text", texts)], properties)
}

fn with_company(texts: ArrayRef, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let rows = texts.len();
    let ids = Int64Array::from_iter_values(0..rows as i64);
    let hosts =
        StringArray::from_iter((0..rows).map(|r| (r % 5 > 0).then(|| format!("h{}", r % 4))));
    let dates = Date32Array::from_iter_values((0..rows as i32).map(|r| 19_000 + r % 3));
    let tags = (0..rows).map(|r| (!r.is_multiple_of(4)).then(|| vec![Some(r as i64), None]));
    let tags = ListArray::from_iter_primitive::<Int64Type, _, _>(tags);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(ids)),
        ("text", texts),
        ("host", Arc::new(hosts)),
        ("date", Arc::new(dates)),
        ("tags", Arc::new(tags)),
    ];
    parquet(columns, properties)
}

/// Less than 2 kB that hold `rows` times one text of 100 kB, as one dictionary value.
#[must_use]
pub fn dictionary_bomb(rows: usize) -> Vec<u8> {
    let value = "all work and no play ".repeat(5000);
    let keys = Int32Array::from_value(0, rows);
    let values = Arc::new(StringArray::from(vec![value]));
    let texts = DictionaryArray::<Int32Type>::try_new(keys, values).expect("keys are in range");
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None);
    just(Arc::new(texts), properties)
}

/// A few kB that hold one document of so many bytes.
#[must_use]
pub fn document_bomb(bytes: usize) -> Vec<u8> {
    let texts = LargeStringArray::from(vec!["na ".repeat(bytes / 3)]);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None);
    just(Arc::new(texts), properties)
}

/// Files that are no shard, with the reason they must be quarantined for.
#[must_use]
pub fn unreadable() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let honest = honest().swap_remove(1).1;
    let mut no_footer = honest.clone();
    no_footer.truncate(honest.len() / 2);
    let mut long_footer = honest.clone();
    let end = long_footer.len();
    long_footer[end - 8..end - 4].copy_from_slice(&0x0100_0000_u32.to_le_bytes());
    let mut huge_footer = honest.clone();
    huge_footer[end - 8..end - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut encrypted = honest.clone();
    encrypted[end - 4..].copy_from_slice(b"PARE");
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..9));
    let no_text = parquet(vec![("words", Arc::clone(&numbers))], WriterProperties::builder());
    let wrong_type = parquet(vec![("text", numbers)], WriterProperties::builder());
    vec![
        ("empty.parquet", Vec::new(), "corrupt"),
        ("short.parquet", b"PAR1PAR1".to_vec(), "corrupt"),
        ("garbage.parquet", vec![0xa5; 4096], "corrupt"),
        ("prose.parquet", b"This is no Parquet file at all.".to_vec(), "corrupt"),
        ("halved.parquet", no_footer, "corrupt"),
        ("long-footer.parquet", long_footer, "corrupt"),
        ("huge-footer.parquet", huge_footer, "limit"),
        ("encrypted.parquet", encrypted, "unsupported"),
        ("no-text.parquet", no_text, "schema"),
        ("wrong-type.parquet", wrong_type, "schema"),
    ]
}

/// Writes `bytes` as `name` into `folder`.
///
/// # Panics
/// If that fails.
pub fn put(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    std::fs::write(folder.join(name), bytes).expect("the file can be written");
}
