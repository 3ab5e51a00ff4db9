#![allow(clippy::unwrap_used, clippy::panic, clippy::too_many_lines)]

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use taster_planning::{AxisSource, Limits, Parameters, QuarantineReason};

use crate::fixtures::*;
use crate::{Sources, StorageError, freeze};

fn small() -> Vec<u8> {
    parquet(&[("text", column(StringArray::from(vec!["a", "b"])))])
}

fn keys(inputs: &[String]) -> Vec<String> {
    let frozen = freeze(inputs, &Parameters::default(), runtime()).unwrap();
    frozen.manifest.shards.into_iter().map(|shard| shard.key).collect()
}

#[test]
fn keys_of_every_form_of_input() {
    let folder = Folder::new();
    for name in [
        "c/b.parquet",
        "c/a/x.parquet",
        "c/a/y.parquet",
        "d/z.parquet",
        "c/_temporary/t.parquet",
        "c/.hidden.parquet",
        "c/readme.md",
    ] {
        folder.put(name, &small());
    }
    let list = format!("# a comment\n\n{}\n{}\n", folder.name("c/b.parquet"), folder.name("c/a"));
    folder.put("list.txt", list.as_bytes());
    let list = format!("@{}", folder.name("list.txt"));
    let cases: [(&[&str], &[&str]); 8] = [
        (&["c/b.parquet"], &["b.parquet"]),
        (&["c"], &["a/x.parquet", "a/y.parquet", "b.parquet"]),
        (&["c/"], &["a/x.parquet", "a/y.parquet", "b.parquet"]),
        (&["c/*.parquet"], &["b.parquet"]),
        (&["c/**/*.parquet"], &["a/x.parquet", "a/y.parquet", "b.parquet"]),
        (&["*"], &["c/a/x.parquet", "c/a/y.parquet", "c/b.parquet", "d/z.parquet"]),
        (&["c/a", "d", "c/a/x.parquet"], &["c/a/x.parquet", "c/a/y.parquet", "d/z.parquet"]),
        (&["c/a/x.parquet", "c/a/y.parquet"], &["x.parquet", "y.parquet"]),
    ];
    for (inputs, expected) in cases {
        let inputs: Vec<_> = inputs.iter().map(|input| folder.name(input)).collect();
        assert_eq!(keys(&inputs), expected, "{inputs:?}");
    }
    assert_eq!(keys(&[list]), ["a/x.parquet", "a/y.parquet", "b.parquet"]);
    let url = format!("file://{}", folder.name("c/a"));
    assert_eq!(keys(&[url]), ["x.parquet", "y.parquet"]);
}

#[test]
fn inputs_that_name_nothing_are_errors() {
    let folder = Folder::new();
    folder.put("empty/readme.md", b"x");
    for input in ["empty", "missing.parquet", "no/*.parquet", "missing/"] {
        let input = folder.name(input);
        let error =
            freeze(std::slice::from_ref(&input), &Parameters::default(), runtime()).unwrap_err();
        assert!(error.to_string().contains(input.trim_end_matches('/')), "{error}");
    }
    for input in ["", "gs://bucket/x", "s3:///x", "s3://bucket/../x"] {
        let error = freeze(&[input.to_owned()], &Parameters::default(), runtime()).unwrap_err();
        assert!(matches!(error, StorageError::Location { .. }), "{input}: {error}");
    }
    assert!(freeze(&[], &Parameters::default(), runtime()).is_err());
}

#[test]
fn damaged_files_are_quarantined_and_the_rest_is_read() {
    let folder = Folder::new();
    let good = small();
    let length_at = good.len() - 8;
    let mut wrong_length = good.clone();
    wrong_length[length_at..length_at + 4].copy_from_slice(&1_000_000_u32.to_le_bytes());
    let mut huge_length = good.clone();
    huge_length[length_at..length_at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut encrypted = good.clone();
    encrypted.truncate(good.len() - 1);
    encrypted.push(b'E');
    let cases: [(&str, &[u8], QuarantineReason, &str); 8] = [
        ("a0.parquet", b"", QuarantineReason::Corrupt, "expected at least 12 bytes, got 0"),
        ("a1.parquet", b"PAR1PAR1", QuarantineReason::Corrupt, "expected at least 12 bytes, got 8"),
        (
            "a2.parquet",
            b"this is not a parquet file",
            QuarantineReason::Corrupt,
            "not Parquet: expected PAR1 at the end",
        ),
        (
            "a3.parquet",
            &good[..good.len() - 1],
            QuarantineReason::Corrupt,
            "not Parquet: expected PAR1 at the end",
        ),
        (
            "a4.parquet",
            &wrong_length,
            QuarantineReason::Corrupt,
            "footer of 1000000 bytes does not fit a file of",
        ),
        (
            "a5.parquet",
            &huge_length,
            QuarantineReason::Limit,
            "footer: expected at most 67108864 bytes, got 4294967295",
        ),
        ("a6.parquet", &encrypted, QuarantineReason::Unsupported, "the footer is encrypted"),
        (
            "a7.parquet",
            b"PAR1\x00\x00\x00\x00\x00\x04\x00\x00\x00PAR1",
            QuarantineReason::Corrupt,
            "",
        ),
    ];
    for (name, bytes, _, _) in cases {
        folder.put(name, bytes);
    }
    folder.put("good.parquet", &good);
    let frozen = freeze_folder(&folder);
    for (index, (name, _, reason, detail)) in cases.into_iter().enumerate() {
        let shard = &frozen.manifest.shards[index];
        let quarantine = shard.quarantine.as_ref().unwrap();
        assert_eq!(
            (quarantine.shard.as_str(), quarantine.reason),
            (name, reason),
            "{quarantine:?}"
        );
        assert!(quarantine.detail.starts_with(detail), "{quarantine:?}");
        assert_eq!((shard.rows, shard.row_groups.len()), (0, 0));
        assert!(shard.columns.is_none());
    }
    assert_eq!(frozen.manifest.quarantined().count(), 8);
    assert_eq!(frozen.manifest.rows(), 2);
    let read = read_shard(&frozen, 8, &Limits::default()).unwrap();
    assert_eq!(read.len(), 2);
}

fn list_of_text() -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    builder.append_value([Some("x")]);
    column(builder.finish())
}

#[test]
fn schemas_without_text_are_quarantined_with_what_was_found() {
    let folder = Folder::new();
    let fields = vec![Arc::new(Field::new("text", DataType::Utf8, false))];
    let nested = StructArray::new(fields.into(), vec![column(StringArray::from(vec!["x"]))], None);
    let cases: [(&str, ArrayRef, &str); 5] = [
        (
            "body",
            column(StringArray::from(vec!["x"])),
            "expected a column text, content or raw_content, found body (byte_array utf8)",
        ),
        (
            "text",
            column(Int64Array::from(vec![1])),
            "expected text in column text, found text (int64)",
        ),
        ("text", list_of_text(), "expected text in column text, found text (list)"),
        ("text", column(nested), "expected text in column text, found text (struct)"),
        (
            "text",
            column(Decimal128Array::from(vec![1])),
            "expected text in column text, found text (fixed_len_byte_array decimal)",
        ),
    ];
    for (index, (name, array, _)) in cases.iter().enumerate() {
        folder.put(&format!("{index}.parquet"), &parquet(&[(name, array.clone())]));
    }
    let frozen = freeze_folder(&folder);
    for (shard, (_, _, detail)) in frozen.manifest.shards.iter().zip(&cases) {
        let quarantine = shard.quarantine.as_ref().unwrap();
        assert_eq!(quarantine.reason, QuarantineReason::Schema);
        assert_eq!(&quarantine.detail, detail);
    }
    assert_eq!(frozen.manifest.axes, ["shard"]);
}

#[test]
fn columns_are_found_per_shard() {
    let folder = Folder::new();
    let texts = || column(StringArray::from(vec!["x"]));
    folder.put(
        "a.parquet",
        &parquet(&[
            ("source", texts()),
            ("raw_content", texts()),
            ("content", texts()),
            ("id", list_of_text()),
        ]),
    );
    folder.put("b.parquet", &parquet(&[("url", texts()), ("text", texts()), ("doc_id", texts())]));
    let frozen = freeze_folder(&folder);
    assert_eq!(frozen.manifest.axes, ["shard", "host", "source"]);
    let columns: Vec<_> =
        frozen.manifest.shards.iter().map(|s| s.columns.clone().unwrap()).collect();
    assert_eq!((columns[0].text.as_str(), columns[0].id.as_deref()), ("content", None));
    assert_eq!((columns[1].text.as_str(), columns[1].id.as_deref()), ("text", Some("doc_id")));
    assert_eq!(
        columns[0].axes,
        [AxisSource::Shard, AxisSource::Absent, AxisSource::Column("source".into())]
    );
    assert_eq!(
        columns[1].axes,
        [AxisSource::Shard, AxisSource::HostOf("url".into()), AxisSource::Absent]
    );
}

#[test]
fn columns_can_be_asked_for() {
    let folder = Folder::new();
    let texts = || column(StringArray::from(vec!["x"]));
    folder.put("a.parquet", &parquet(&[("body", texts()), ("key", texts()), ("forum", texts())]));
    let asked = |axes: &[&str], id: Option<&str>| Parameters {
        text_column: Some("body".into()),
        id_column: id.map(str::to_owned),
        axes: Some(axes.iter().map(|axis| (*axis).to_owned()).collect()),
        ..Parameters::default()
    };
    let frozen = freeze_with(&folder, &asked(&["forum", "shard"], Some("key")));
    assert_eq!(frozen.manifest.axes, ["shard", "forum"]);
    let frozen = freeze_with(&folder, &asked(&["forum"], None));
    assert_eq!(frozen.manifest.axes, ["forum"]);
    for parameters in [asked(&["nope"], None), asked(&[], Some("nope"))] {
        let error = freeze(&[folder.name("")], &parameters, runtime()).unwrap_err().to_string();
        assert!(error.contains("nope") && error.contains("forum (byte_array utf8)"), "{error}");
    }
}

#[test]
fn labels_are_an_axis_that_must_be_there() {
    let folder = Folder::new();
    let texts = || column(StringArray::from(vec!["x"]));
    let flags = column(BooleanArray::from(vec![true]));
    folder.put("a.parquet", &parquet(&[("text", texts()), ("host", texts()), ("spam", flags)]));
    folder.put("b.parquet", &parquet(&[("text", texts()), ("tags", list_of_text())]));
    let asked = |axes: Option<&str>, label: &str| Parameters {
        axes: axes.map(|axis| vec![axis.to_owned()]),
        label_column: Some(label.into()),
        ..Parameters::default()
    };
    let axes = |parameters| freeze_with(&folder, &parameters).manifest.axes;
    assert_eq!(axes(asked(None, "spam")), ["shard", "host", "spam"]);
    assert_eq!(axes(asked(Some("host"), "spam")), ["host", "spam"]);
    assert_eq!(axes(asked(None, "host")), ["shard", "host"]);
    for name in ["nope", "tags"] {
        let error = freeze(&[folder.name("")], &asked(None, name), runtime()).unwrap_err();
        let told = format!("no shard has a column for label column \"{name}\" that holds text");
        assert!(error.to_string().contains(&told), "{error}");
    }
}

#[test]
fn a_list_pins_what_it_says() {
    let folder = Folder::new();
    let path = folder.put("a.parquet", &small());
    let size = small().len();
    let frozen = freeze_folder(&folder);
    let etag = frozen.manifest.shards[0].etag.clone().unwrap();
    let quarantine = |line: &str| {
        folder.put("list.txt", line.as_bytes());
        let list = format!("@{}", folder.name("list.txt"));
        let frozen = freeze(&[list], &Parameters::default(), runtime())?;
        let found = frozen.manifest.shards[0].quarantine.clone();
        Ok::<_, StorageError>(found.map(|quarantine| quarantine.reason))
    };
    let path = path.display();
    assert_eq!(quarantine(&format!("{path}\n")).unwrap(), None);
    assert_eq!(quarantine(&format!("{path} {size}\n")).unwrap(), None);
    assert_eq!(quarantine(&format!("{path}\t{size}  {etag}\n")).unwrap(), None);
    let bare = etag.trim_matches('"');
    assert_eq!(quarantine(&format!("{path} {size} {bare}")).unwrap(), None);
    let changed = Some(QuarantineReason::Changed);
    assert_eq!(quarantine(&format!("{path} {}", size + 1)).unwrap(), changed);
    assert_eq!(quarantine(&format!("{path} {size} \"other\"")).unwrap(), changed);
    assert_eq!(quarantine(&format!("{path}x 100")).unwrap(), changed);
    for line in [format!("{path} big"), format!("{path} 1 2 3")] {
        assert!(matches!(quarantine(&line), Err(StorageError::Location { .. })), "{line}");
    }
}

#[test]
fn sources_can_be_opened_again() {
    let folder = Folder::new();
    folder.put("a.parquet", &small());
    let frozen = freeze_folder(&folder);
    let again = Sources::open(&frozen.sources.locations(), runtime()).unwrap();
    let shard = &frozen.manifest.shards[0];
    let stream = again.documents(0, shard, 0..1, ALL, &Limits::default());
    assert!(stream.unwrap().next_batch().unwrap().is_some());
    assert!(again.documents(1, shard, 0..1, ALL, &Limits::default()).is_err());
}
