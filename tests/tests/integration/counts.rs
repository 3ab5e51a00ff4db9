//! `taster ngrams` against the naive twin: every row of every table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use taster_tests::command::taster;
use taster_tests::corpora::{self, Plan};
use taster_tests::oracle::{self, Document};
use taster_tests::places;
use taster_tests::tables::Table;

/// The folder with the first `count` shards of `corpus`.
fn some_shards(corpus: &Path, count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let shards = places::shards(corpus);
    assert!(shards.len() >= count, "expected {count} shards");
    for shard in shards.iter().take(count) {
        std::fs::copy(shard, folder.path().join(shard.file_name().unwrap())).unwrap();
    }
    folder
}

/// The table that `taster ngrams` writes.
fn ngrams(input: &Path, order: usize, min_df: i64, more: &[&str]) -> Table {
    let scratch = tempfile::tempdir().unwrap();
    let out: PathBuf = scratch.path().join("table.parquet");
    let work = scratch.path().join("work");
    let (order, min_df) = (order.to_string(), min_df.to_string());
    let fixed = ["ngrams", input.to_str().unwrap(), "--order", &order, "--min-df", &min_df];
    let places = ["--out", out.to_str().unwrap(), "--work", work.to_str().unwrap(), "--quiet"];
    let _ = taster(fixed.iter().chain(&places).chain(more)).run().expect_code(&[0]);
    Table::open(&out)
}

fn assert_counts_equal(documents: &[Document], input: &Path, order: usize, min_dfs: &[i64]) {
    let all = oracle::count(documents, order);
    for &min_df in min_dfs {
        let table = ngrams(input, order, min_df, &[]);
        let what = format!("order {order}, min-df {min_df}");
        let expected = all.iter().filter(|(_, counts)| counts.df >= min_df);
        let mut expected = expected.map(|(ngram, c)| (ngram.clone(), (c.df, c.cf))).peekable();
        assert!(expected.peek().is_some(), "{what}: nothing to compare");
        let counts = table.integers("df").into_iter().zip(table.integers("cf"));
        assert_rows_equal(&what, expected, table.strings("ngram").into_iter().zip(counts));
        assert!(table.integers("n").iter().all(|n| *n == order as i64), "{what}");
    }
}

/// Compares tables row by row and in their order; the whole would be too long to print.
fn assert_rows_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: impl Iterator<Item = T>,
    got: impl Iterator<Item = T>,
) {
    let (expected, got): (Vec<_>, Vec<_>) = (expected.collect(), got.collect());
    for (at, (expected, got)) in expected.iter().zip(&got).enumerate() {
        assert_eq!(expected, got, "{what}: row {at}");
    }
    assert_eq!(expected.len(), got.len(), "{what}: rows");
}

fn assert_localities_equal(
    documents: &[Document],
    input: &Path,
    order: usize,
    axis: &str,
    min_df: i64,
) {
    let table = ngrams(input, order, min_df, &["--by", axis]);
    let counts = oracle::count(documents, order);
    let sizes = oracle::locality_sizes(documents, axis);
    let mut expected = oracle::count_by(documents, order, axis);
    expected.retain(|(ngram, _), _| counts[ngram].df >= min_df);
    assert!(!expected.is_empty(), "nothing to compare at order {order} by {axis}");
    let (df, of) = (table.integers("df"), table.integers("locality_documents"));
    let rows = table.strings("ngram").into_iter().zip(table.strings("locality"));
    let rows = rows.zip(df.into_iter().zip(of));
    let expected = expected.into_iter().map(|(key, df)| {
        let of = sizes[&key.1];
        (key, (df, of))
    });
    assert_rows_equal(&format!("order {order} by {axis}, min-df {min_df}"), expected, rows);
}

#[test]
fn sample_equals_the_oracle() {
    let folder = some_shards(&places::sample(), 2);
    let documents = oracle::read(folder.path());
    for order in 1..=5 {
        assert_counts_equal(&documents, folder.path(), order, &[1, 2, 10]);
    }
}

#[test]
fn sample_by_locality_equals_the_oracle() {
    let folder = some_shards(&places::sample(), 2);
    let documents = oracle::read(folder.path());
    for (order, axis, min_df) in [(1, "shard", 1), (2, "shard", 2), (3, "host", 2), (5, "host", 5)]
    {
        assert_localities_equal(&documents, folder.path(), order, axis, min_df);
    }
}

#[test]
fn awkward_text_equals_the_oracle() {
    let folder = tempfile::tempdir().unwrap();
    corpora::write(folder.path(), &Plan::default());
    let documents = oracle::read(folder.path());
    for order in 1..=8 {
        assert_counts_equal(&documents, folder.path(), order, &[1]);
    }
    for axis in ["shard", "host", "date", "source", "language"] {
        assert_localities_equal(&documents, folder.path(), 2, axis, 1);
    }
}

#[test]
fn small_memory_and_units_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { rows: 2000, group_rows: 100, ..Plan::default() };
    corpora::write(folder.path(), &plan);
    let documents = oracle::read(folder.path());
    let expected = oracle::count(&documents, 3);
    for more in [["--memory", "64MiB", "--threads", "3"], ["--memory", "1GiB", "--threads", "1"]] {
        let table = ngrams(folder.path(), 3, 1, &more);
        let rows = table.strings("ngram").into_iter().zip(table.integers("df"));
        let expected = expected.iter().map(|(ngram, counts)| (ngram.clone(), counts.df));
        assert_rows_equal(&format!("{more:?}"), expected, rows);
    }
}

#[test]
fn a_large_real_shard_equals_the_oracle() {
    let Some(corpus) = places::corpus() else {
        return;
    };
    let folder = some_shards(&corpus, 1);
    let documents = oracle::read(folder.path());
    for order in [1, 2, 5] {
        assert_counts_equal(&documents, folder.path(), order, &[1]);
    }
    assert_localities_equal(&documents, folder.path(), 2, "date", 10);
}

#[test]
fn documents_are_read_as_the_oracle_reads_them() {
    // Guards the comparison itself: a sample of nothing would pass everything above.
    let documents = oracle::read(&places::sample());
    let mut shards: BTreeMap<&str, usize> = BTreeMap::new();
    for document in documents.iter().filter(|d| d.text().is_some_and(|t| !t.is_empty())) {
        *shards.entry(document.shard.as_str()).or_default() += 1;
    }
    assert!(shards.len() >= 2, "{shards:?}");
    assert!(shards.values().all(|&texts| texts >= 50), "{shards:?}");
}
