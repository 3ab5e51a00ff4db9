#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use taster_planning::{Limits, QuarantineReason};

use crate::fixtures::*;
use crate::{ReadError, Want};

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

fn quarantine<T: std::fmt::Debug>(result: Result<T, ReadError>) -> (QuarantineReason, String) {
    match result {
        Err(ReadError::Shard(quarantine)) => (quarantine.reason, quarantine.detail),
        other => panic!("expected a quarantine, got {other:?}"),
    }
}

#[test]
fn every_kind_of_text_column_reads_the_same() {
    let values =
        vec![Some("eins"), None, Some(""), Some("ein längerer Text, der nicht in die Sicht passt")];
    let bytes: Vec<Option<&[u8]>> = values.iter().map(|v| v.map(str::as_bytes)).collect();
    let expected: Vec<_> = values.iter().map(|v| v.map(str::to_owned)).collect();
    let dictionary: DictionaryArray<Int32Type> = values.iter().copied().collect();
    let columns: [(&str, ArrayRef); 7] = [
        ("Utf8", column(StringArray::from(values.clone()))),
        ("LargeUtf8", column(LargeStringArray::from(values.clone()))),
        ("Utf8View", column(StringViewArray::from(values.clone()))),
        ("Binary", column(BinaryArray::from(bytes.clone()))),
        ("LargeBinary", column(LargeBinaryArray::from(bytes.clone()))),
        ("BinaryView", column(BinaryViewArray::from(bytes.clone()))),
        ("Dictionary", column(dictionary)),
    ];
    for (name, array) in columns {
        assert_eq!(texts(&parquet(&[("text", array)])), expected, "{name}");
    }
}

#[test]
fn every_encoding_codec_and_page_version_reads_the_same() {
    let values: Vec<_> = (0..3000).map(|i| format!("document {} number {i}", i % 7)).collect();
    let array = column(StringArray::from(values.clone()));
    let expected: Vec<_> = values.into_iter().map(Some).collect();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::BROTLI(parquet::basic::BrotliLevel::default()),
    ];
    let encodings = [
        Some(Encoding::PLAIN),
        Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        Some(Encoding::DELTA_BYTE_ARRAY),
        None,
    ];
    for (index, codec) in codecs.into_iter().enumerate() {
        for encoding in encodings {
            let version = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0][index % 2];
            let mut properties = WriterProperties::builder()
                .set_compression(codec)
                .set_writer_version(version)
                .set_data_page_row_count_limit(500)
                .set_write_batch_size(100);
            properties = match encoding {
                Some(encoding) => properties.set_dictionary_enabled(false).set_encoding(encoding),
                None => properties,
            };
            let file = parquet_with(&[("text", array.clone())], properties);
            assert_eq!(texts(&file), expected, "{codec} {encoding:?} {version:?}");
        }
    }
}

#[test]
fn nulls_in_delta_coded_pages() {
    let values: Vec<_> = (0..500).map(|i| (i % 3 > 0).then(|| format!("text {i}"))).collect();
    for encoding in [Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_writer_version(version)
                .set_encoding(encoding);
            let array = column(StringArray::from(values.clone()));
            assert_eq!(texts(&parquet_with(&[("text", array)], properties)), values);
            let nothing = column(StringArray::from(vec![None::<&str>; 5]));
            let properties = WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_writer_version(version)
                .set_encoding(encoding);
            assert_eq!(texts(&parquet_with(&[("text", nothing)], properties)), [const { None }; 5]);
        }
    }
}

#[test]
fn zero_rows_and_zero_row_groups() {
    let empty = column(StringArray::from(Vec::<&str>::new()));
    assert_eq!(texts(&parquet(&[("text", empty)])), []);
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
    let file = crate::write_table(&schema, &[]).unwrap();
    assert_eq!(texts(&file), []);
}

#[test]
fn axes_and_ids_come_as_text() {
    let folder = Folder::new();
    let date = Date32Array::from(vec![Some(19_782), None]);
    let file = parquet(&[
        ("id", column(UInt64Array::from(vec![u64::MAX, 1]))),
        ("text", column(StringArray::from(vec!["a", "b"]))),
        ("url", column(StringArray::from(vec!["http://Ex.org/x", "?"]))),
        ("date", column(date)),
        ("language", column(BinaryArray::from(vec![b"de".as_slice(), b"\xff"]))),
        ("source", column(BooleanArray::from(vec![Some(true), None]))),
    ]);
    folder.put("x/a.parquet", &file);
    let stamps = TimestampMillisecondArray::from(vec![0]).with_timezone("UTC");
    folder.put(
        "x/b.parquet",
        &parquet(&[
            ("date", column(stamps)),
            ("domain", column(StringArray::from(vec!["b.org"]))),
            ("content", column(StringArray::from(vec!["c"]))),
        ]),
    );
    folder.put(
        "c.parquet",
        &parquet(&[
            ("text", column(StringArray::from(vec!["d"]))),
            ("date", column(StringArray::from(vec!["2024-01-02T03:04:05Z"]))),
            ("doc_id", column(Int32Array::from(vec![-5]))),
        ]),
    );
    let frozen = freeze_folder(&folder);
    assert_eq!(frozen.manifest.axes, ["shard", "host", "source", "date", "language"]);
    let read = |ord| read_shard(&frozen, ord, &Limits::default()).unwrap();
    let values = |read: &Read| {
        (
            read.id.clone(),
            read.axes
                .iter()
                .map(|a| a.as_deref().unwrap_or("-").to_owned())
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    let all: Vec<_> = (0..3).flat_map(read).map(|read| values(&read)).collect();
    let expected = [
        ("-5", "c.parquet - - 2024-01-02 -"),
        ("18446744073709551615", "x/a.parquet ex.org true 2024-02-29 de"),
        ("1", "x/a.parquet - - - \u{fffd}"),
        ("x/b.parquet#0", "x/b.parquet b.org - 1970-01-01 -"),
    ];
    let expected = expected.map(|(id, axes)| (id.to_owned(), axes.to_owned()));
    assert_eq!(all, expected);
}

#[test]
fn invalid_utf8_is_repaired_and_counted() {
    let values: Vec<&[u8]> = vec![b"good", b"bad \xff\xfe end", "漢".as_bytes(), b"\xe6\xbc"];
    let binary = parquet(&[("text", column(BinaryArray::from(values.clone())))]);
    let read = read_bytes(&binary, &Limits::default()).unwrap();
    let found: Vec<_> = read.iter().map(|r| (r.text.as_deref().unwrap(), r.invalid)).collect();
    let expected =
        [("good", false), ("bad \u{fffd}\u{fffd} end", true), ("漢", false), ("\u{fffd}", true)];
    assert_eq!(found, expected);
}

#[test]
fn invalid_utf8_in_a_string_column_is_no_error() {
    // The annotation says UTF-8; the bytes are broken in the file itself.
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None);
    let array = column(StringArray::from(vec!["marker-text", "fine"]));
    let mut file = parquet_with(&[("text", array)], properties);
    let at = file.windows(11).position(|w| w == b"marker-text").unwrap();
    file[at] = 0xff;
    let read = read_bytes(&file, &Limits::default()).unwrap();
    assert_eq!(read[0].text.as_deref(), Some("\u{fffd}arker-text"));
    assert!(read[0].invalid && !read[1].invalid);
}

#[test]
fn long_documents_are_cut_at_a_character() {
    let limits = Limits { document_bytes: 4, ..Limits::default() };
    let values = StringArray::from(vec!["abcd", "abcde", "abc漢", "漢漢"]);
    let read = read_bytes(&parquet(&[("text", column(values))]), &limits).unwrap();
    let found: Vec<_> = read.iter().map(|r| (r.text.as_deref().unwrap(), r.truncated)).collect();
    assert_eq!(found, [("abcd", false), ("abcd", true), ("abc", true), ("漢", true)]);
    assert!(read.iter().all(|document| !document.invalid));
}

/// 5000 rows in groups of 1000, pages of 100.
fn paged() -> Vec<u8> {
    let texts: Vec<_> = (0..5000).map(|i| format!("text {i}")).collect();
    let ids: Vec<_> = (0..5000).map(|i| format!("id {i}")).collect();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1000))
        .set_data_page_row_count_limit(100)
        .set_write_batch_size(100)
        .set_dictionary_enabled(false);
    let columns =
        [("text", column(StringArray::from(texts))), ("id", column(StringArray::from(ids)))];
    parquet_with(&columns, properties)
}

#[test]
fn row_groups_and_rows_can_be_selected() {
    let folder = Folder::new();
    folder.put("a.parquet", &paged());
    let frozen = freeze_folder(&folder);
    let shard = &frozen.manifest.shards[0];
    let limits = Limits::default();
    let collect = |mut stream: crate::DocumentStream| {
        let mut all = Vec::new();
        while let Some(batch) = stream.next_batch().unwrap() {
            all.extend(reads(&batch, 0));
        }
        all
    };
    let whole = read_shard(&frozen, 0, &limits).unwrap();
    assert_eq!(whole.len(), 5000);
    let middle = frozen.sources.documents(0, shard, 1..3, ALL, &limits).unwrap();
    let middle: Vec<_> =
        collect(middle).iter().map(|r| (r.row, r.row_group, r.id.clone())).collect();
    let expected: Vec<_> =
        whole[1000..3000].iter().map(|r| (r.row, r.row_group, r.id.clone())).collect();
    assert_eq!(middle, expected);
    let rows = [0, 1, 999, 1000, 2345, 4998, 4999];
    let picked = frozen.sources.rows(0, shard, &rows, ALL, &limits).unwrap();
    let picked: Vec<_> = collect(picked).into_iter().map(|r| (r.row, r.text, r.id)).collect();
    let expected = rows.iter().map(|row| &whole[*row as usize]);
    let expected: Vec<_> = expected.map(|r| (r.row, r.text.clone(), r.id.clone())).collect();
    assert_eq!(picked, expected);
    let none = frozen.sources.rows(0, shard, &[], ALL, &limits).unwrap();
    assert_eq!(collect(none), []);
    for bad in [&[5000][..], &[2, 1], &[1, 1]] {
        let refused = frozen.sources.rows(0, shard, bad, ALL, &limits).map(|_| ());
        assert_eq!(quarantine(refused).0, QuarantineReason::Changed);
    }
}

#[test]
fn columns_that_are_not_wanted_are_not_read() {
    let folder = Folder::new();
    folder.put("a.parquet", &paged());
    let frozen = freeze_folder(&folder);
    let shard = &frozen.manifest.shards[0];
    let limits = Limits::default();
    let mut stream = frozen.sources.documents(0, shard, 0..1, Want::default(), &limits).unwrap();
    let batch = stream.next_batch().unwrap().unwrap();
    assert_eq!(batch.id(3), "a.parquet#3");
    assert_eq!(batch.axis(0, 0), None);
}

#[test]
fn a_changed_or_missing_file_is_a_result() {
    let folder = Folder::new();
    let path = folder.put("a.parquet", &paged());
    let frozen = freeze_folder(&folder);
    let shard = &frozen.manifest.shards[0];
    let limits = Limits::default();
    let mut stream = frozen.sources.documents(0, shard, 0..5, ALL, &limits).unwrap();
    stream.next_batch().unwrap().unwrap();
    // Same name and size, written again while it is read.
    std::thread::sleep(std::time::Duration::from_millis(20));
    std::fs::write(&path, paged()).unwrap();
    let rest = std::iter::repeat_with(|| stream.next_batch()).take(100);
    let error = rest.into_iter().find_map(Result::err).expect("a change is noticed");
    assert_eq!(quarantine(Err::<(), _>(error)).0, QuarantineReason::Changed);
    let reopened = read_shard(&frozen, 0, &limits);
    assert_eq!(quarantine(reopened).0, QuarantineReason::Changed);
    std::fs::remove_file(&path).unwrap();
    let gone = read_shard(&frozen, 0, &limits);
    assert_eq!(quarantine(gone).0, QuarantineReason::Changed);
}

/// Held by tests that need much memory or measure it, so that they do not run side by side.
static MEMORY: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn memory() -> std::sync::MutexGuard<'static, ()> {
    MEMORY.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_dictionary_bomb_is_stopped_by_the_budget() {
    let _memory = memory();
    // 200 000 rows of one value of 100 kB: 20 GB of text in a file of a few hundred bytes.
    let keys = Int32Array::from(vec![0; 200_000]);
    let values = StringArray::from(vec!["x".repeat(100_000)]);
    let bomb = DictionaryArray::new(keys, Arc::new(values));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None);
    let file = parquet_with(&[("text", column(bomb))], properties);
    assert!(file.len() < 2000, "{}", file.len());
    let folder = Folder::new();
    folder.put("a.parquet", &file);
    let frozen = freeze_folder(&folder);
    let shard = &frozen.manifest.shards[0];
    let limits = Limits::default();
    let before = resident();
    let mut stream = frozen.sources.documents(0, shard, 0..1, Want::default(), &limits).unwrap();
    let mut text = 0;
    let error = loop {
        match stream.next_batch() {
            Ok(batch) => text += batch.unwrap().decoded_bytes(),
            Err(error) => break error,
        }
    };
    let (reason, detail) = quarantine(Err::<(), _>(error));
    assert_eq!(reason, QuarantineReason::Limit, "{detail}");
    assert!(text <= limits.expansion_allowance_bytes + limits.expansion_ratio * shard.size);
    let grown = resident().saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} bytes for a dictionary bomb");
}

#[test]
fn a_page_bomb_is_stopped_by_its_header() {
    let _memory = memory();
    // One document of 100 MB in a few kilobytes of zstd.
    let values = StringArray::from(vec!["y".repeat(100 << 20)]);
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None);
    let file = parquet_with(&[("text", column(values))], properties);
    assert!(file.len() < 50_000, "{}", file.len());
    let (reason, detail) = quarantine(read_bytes(&file, &Limits::default()));
    assert_eq!(reason, QuarantineReason::Limit);
    assert!(detail.starts_with("page: expected at most 67108864 bytes, got 10485760"), "{detail}");
}

#[test]
fn many_large_pages_in_one_batch_are_stopped() {
    let _memory = memory();
    // The footer is made to say that documents are small: one batch would hold all of them.
    let limits = Limits { page_bytes: 1 << 20, ..Limits::default() };
    let mut values = vec![String::new(); 20_000];
    values[..100].fill("z".repeat(1 << 19));
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_write_batch_size(1)
        .set_data_page_size_limit(1 << 18)
        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None);
    let file = parquet_with(&[("text", column(StringArray::from(values)))], properties);
    let (reason, detail) = quarantine(read_bytes(&file, &limits));
    assert_eq!(reason, QuarantineReason::Limit);
    assert!(detail.starts_with("pages of one batch"), "{detail}");
}

#[test]
fn documents_larger_than_a_window_are_read() {
    let _memory = memory();
    // Incompressible, so that pages are larger than the window that is read at once.
    let mut state = 1_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (state >> 59) as u8 % 26)
    };
    let values: Vec<String> = (0..4).map(|_| (0..1_500_000).map(|_| letter()).collect()).collect();
    let properties = WriterProperties::builder().set_dictionary_enabled(false);
    let file = parquet_with(&[("text", column(StringArray::from(values.clone())))], properties);
    assert_eq!(texts(&file), values.into_iter().map(Some).collect::<Vec<_>>());
}

#[test]
fn mutations_end_in_text_or_quarantine() {
    let seed = std::env::var("TASTER_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7_u64);
    let mut state = seed;
    let mut below = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let texts: Vec<_> = (0..300).map(|i| format!("text {} of {i}", i % 9)).collect();
    let array = column(StringArray::from(texts));
    let files: Vec<_> = [Encoding::PLAIN, Encoding::DELTA_BYTE_ARRAY, Encoding::RLE_DICTIONARY]
        .into_iter()
        .map(|encoding| {
            let properties = WriterProperties::builder()
                .set_data_page_row_count_limit(100)
                .set_write_batch_size(50);
            let properties = match encoding {
                Encoding::RLE_DICTIONARY => properties,
                other => properties
                    .set_column_dictionary_enabled("text".into(), false)
                    .set_column_encoding("text".into(), other),
            };
            parquet_with(
                &[("text", array.clone()), ("id", column(Int64Array::from_iter_values(0..300)))],
                properties,
            )
        })
        .collect();
    for round in 0..600 {
        let mut file = files[round % files.len()].clone();
        for _ in 0..=below(3) {
            let at = below(file.len());
            file[at] = below(256) as u8;
        }
        if below(8) == 0 {
            file.truncate(below(file.len()));
        }
        match read_bytes(&file, &Limits::default()) {
            Ok(read) => assert!(read.len() <= 1 << 20, "seed {seed} round {round}"),
            Err(ReadError::Shard(_)) => {}
            Err(ReadError::Store(error)) => panic!("seed {seed} round {round}: {error}"),
        }
    }
}

#[test]
fn a_row_group_with_other_rows_than_stated_is_corrupt() {
    // Flip the row count in both places of the footer by writing two files and joining one's
    // pages with the other's footer.
    let file = |rows: usize| {
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true);
        parquet_with(&[("text", column(StringArray::from(vec!["same"; rows])))], properties)
    };
    let short = file(10);
    let footer_length = |file: &[u8]| {
        let at = file.len() - 8;
        u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize
    };
    let at = short.len() - 8 - footer_length(&short);
    let mut footer = short[at..].to_vec();
    // 10 rows are the zigzag number 20, in the footer, the row group and the column chunk.
    let places: Vec<_> = (0..footer.len() - 8).filter(|at| footer[*at] == 20).collect();
    for place in &places {
        footer[*place] = 24;
    }
    let joined = [&short[..at], &footer].concat();
    match read_bytes(&joined, &Limits::default()) {
        Err(ReadError::Shard(quarantine)) => {
            assert_eq!(quarantine.reason, QuarantineReason::Corrupt, "{quarantine:?}");
        }
        other => panic!("expected a quarantine, got {other:?}"),
    }
    assert_eq!(texts(&short), some(&["same"; 10]));
}
