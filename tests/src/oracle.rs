//! The naive twin of the product: plain readers, plain maps, every n-gram spelled out.
//!
//! It shares no code with the product and favours being obviously right over being fast. White
//! space is what `char::is_whitespace` says, which is the property `White_Space`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use crate::places;

/// One row of one shard, with every column that can be shown as text.
#[derive(Debug, Clone)]
pub struct Document {
    /// File name of the shard.
    pub shard: String,
    /// Row in the shard.
    pub row: u64,
    /// Columns by name; null is `None`.
    pub columns: BTreeMap<String, Option<String>>,
}

impl Document {
    /// The column `text`.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.columns.get("text")?.as_deref()
    }

    /// The locality on `axis`.
    #[must_use]
    pub fn locality(&self, axis: &str) -> Option<&str> {
        match axis {
            "shard" => Some(&self.shard),
            _ => self.columns.get(axis)?.as_deref(),
        }
    }
}

/// All documents of the shards directly in `folder`, in shard and row order.
///
/// # Panics
/// If a shard cannot be read.
#[must_use]
pub fn read(folder: &Path) -> Vec<Document> {
    let mut documents = Vec::new();
    for path in places::shards(folder) {
        read_shard(&path, &mut documents);
    }
    documents
}

/// Adds all documents of one shard.
///
/// # Panics
/// If it cannot be read.
pub fn read_shard(path: &Path, documents: &mut Vec<Document>) {
    let shard = path.file_name().expect("a shard has a name");
    let shard = shard.to_str().expect("in UTF-8").to_owned();
    let file = File::open(path).expect("the shard opens");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("the shard is Parquet");
    let mut row = 0;
    for batch in reader.build().expect("the shard is readable") {
        let batch = batch.expect("the batch is readable");
        let columns = string_columns(&batch);
        for at in 0..batch.num_rows() {
            let cells = columns.iter().map(|(name, cells)| (name.clone(), cells[at].clone()));
            documents.push(Document { shard: shard.clone(), row, columns: cells.collect() });
            row += 1;
        }
    }
}

fn string_columns(batch: &RecordBatch) -> Vec<(String, Vec<Option<String>>)> {
    let mut columns = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let Ok(strings) = cast(column, &DataType::Utf8) else {
            continue;
        };
        let strings = arrow::array::AsArray::as_string::<i32>(&strings).clone();
        let cells = (0..strings.len()).map(|at| {
            let valid = !strings.is_null(at);
            valid.then(|| strings.value(at).to_owned())
        });
        columns.push((field.name().clone(), cells.collect()));
    }
    columns
}

/// The tokens of `text`, by the rules of the tokenizer `words` read aloud.
#[must_use]
pub fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut run: Option<usize> = None;
    for (at, c) in text.char_indices() {
        if is_in_a_run(c) {
            run.get_or_insert(at);
            continue;
        }
        if let Some(start) = run.take() {
            tokens.push(&text[start..at]);
        }
        if !c.is_whitespace() {
            tokens.push(&text[at..at + c.len_utf8()]);
        }
    }
    if let Some(start) = run {
        tokens.push(&text[start..]);
    }
    tokens
}

fn is_in_a_run(c: char) -> bool {
    let letter_mark_or_number = matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark | GeneralCategoryGroup::Number
    );
    let written_without_spaces = matches!(
        c.script(),
        Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Thai
            | Script::Lao
            | Script::Khmer
            | Script::Myanmar
    );
    (letter_mark_or_number || c == '_') && !written_without_spaces && !c.is_whitespace()
}

/// How often an n-gram stands in a corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents that contain it.
    pub df: i64,
    /// All occurrences.
    pub cf: i64,
}

/// df and cf of every n-gram of one order, by its tokens joined with one blank.
#[must_use]
pub fn count(documents: &[Document], order: usize) -> BTreeMap<String, Counts> {
    let tokenised = tokenise(documents);
    let mut counts: HashMap<&[&str], Counts> = HashMap::new();
    for (_, tokens) in &tokenised {
        let mut seen = HashSet::new();
        for ngram in tokens.windows(order) {
            let entry = counts.entry(ngram).or_default();
            entry.cf += 1;
            entry.df += i64::from(seen.insert(ngram));
        }
    }
    let joined = counts.into_iter().map(|(ngram, c)| (ngram.join(" "), c));
    joined.collect()
}

/// df of every n-gram of one order in every locality of `axis`, by n-gram and locality.
#[must_use]
pub fn count_by(
    documents: &[Document],
    order: usize,
    axis: &str,
) -> BTreeMap<(String, String), i64> {
    let tokenised = tokenise(documents);
    let mut counts: HashMap<(&[&str], &str), i64> = HashMap::new();
    for (document, tokens) in &tokenised {
        let Some(locality) = document.locality(axis) else {
            continue;
        };
        let distinct: HashSet<_> = tokens.windows(order).collect();
        for ngram in distinct {
            *counts.entry((ngram, locality)).or_default() += 1;
        }
    }
    let spelled = counts
        .into_iter()
        .map(|((ngram, locality), df)| ((ngram.join(" "), locality.to_owned()), df));
    spelled.collect()
}

/// Documents with a text per locality of `axis`.
#[must_use]
pub fn locality_sizes(documents: &[Document], axis: &str) -> BTreeMap<String, i64> {
    let mut sizes = BTreeMap::new();
    for document in documents.iter().filter(|d| d.text().is_some()) {
        if let Some(locality) = document.locality(axis) {
            *sizes.entry(locality.to_owned()).or_default() += 1;
        }
    }
    sizes
}

fn tokenise(documents: &[Document]) -> Vec<(&Document, Vec<&str>)> {
    let with_text = documents.iter().filter_map(|d| Some((d, d.text()?)));
    with_text.map(|(d, text)| (d, tokens(text))).collect()
}

/// df and cf of one sequence of tokens of any length, and the documents that contain it.
#[must_use]
pub fn find<'a>(documents: &'a [Document], sequence: &[String]) -> (Counts, Vec<&'a Document>) {
    let mut counts = Counts::default();
    let mut found = Vec::new();
    for document in documents {
        // What is no part of the text cannot be part of its tokens.
        let text = document.text().unwrap_or_default();
        if !sequence.iter().all(|token| text.contains(token.as_str())) {
            continue;
        }
        let tokens = tokens(text);
        let hits = tokens.windows(sequence.len()).filter(|w| *w == sequence);
        let hits = hits.count() as i64;
        counts.cf += hits;
        counts.df += i64::from(hits > 0);
        if hits > 0 {
            found.push(document);
        }
    }
    (counts, found)
}

/// Where and how an n-gram stands in one document, at its first occurrence: what the statistics
/// novelty and asymmetry are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Index among the documents given.
    pub document: usize,
    /// Up to four tokens before.
    pub left: Vec<String>,
    /// Up to four tokens after.
    pub right: Vec<String>,
    /// Bigrams of df 1 without a number among the 31 of the 32 tokens after, minus those of the 32 before.
    pub jump: i64,
}

/// Postings of every n-gram of one order with `floor <= df <= ceiling`, one per document; the
/// caller passes canonical documents alone if duplicates must not count.
#[must_use]
pub fn postings(
    documents: &[Document],
    order: usize,
    floor: i64,
    ceiling: i64,
) -> BTreeMap<String, Vec<Posting>> {
    let counts = count(documents, order);
    let bigrams = count(documents, 2);
    let unseen = |tokens: &[&str]| {
        let is_number = |token: &&str| token.bytes().all(|byte| byte.is_ascii_digit());
        let words = tokens.windows(2).filter(|pair| !pair.iter().any(is_number));
        words.filter(|pair| bigrams[&pair.join(" ")].df == 1).count() as i64
    };
    let spell = |tokens: &[&str]| tokens.iter().map(|&t| t.to_owned()).collect();
    let mut postings: BTreeMap<String, Vec<Posting>> = BTreeMap::new();
    for (ord, document) in documents.iter().enumerate() {
        let tokens = tokens(document.text().unwrap_or_default());
        let mut seen = HashSet::new();
        for (at, ngram) in tokens.windows(order).enumerate() {
            let key = ngram.join(" ");
            if !(floor..=ceiling).contains(&counts[&key].df) || !seen.insert(ngram) {
                continue;
            }
            let (before, after) = (&tokens[..at], &tokens[at + order..]);
            let last = |most: usize| &before[before.len().saturating_sub(most)..];
            let first = |most: usize| &after[..after.len().min(most)];
            postings.entry(key).or_default().push(Posting {
                document: ord,
                left: spell(last(4)),
                right: spell(first(4)),
                jump: unseen(first(32)) - unseen(last(32)),
            });
        }
    }
    postings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, host: &str) -> Document {
        let columns = [("text", text), ("host", host)];
        let columns = columns.map(|(name, cell)| (name.to_owned(), Some(cell.to_owned())));
        Document { shard: "a.parquet".into(), row: 0, columns: BTreeMap::from(columns) }
    }

    #[test]
    fn tokens_by_hand() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            (" a  b_1\t", &["a", "b_1"]),
            ("<SUDO>!", &["<", "SUDO", ">", "!"]),
            ("né 漢字x", &["né", "漢", "字", "x"]),
            ("a\u{200b}b\u{a0}c", &["a", "\u{200b}", "b", "c"]),
            ("한국 ไทย", &["한국", "ไ", "ท", "ย"]),
        ];
        for (text, expected) in cases {
            assert_eq!(tokens(text), expected, "{text:?}");
        }
    }

    #[test]
    fn counts_by_hand() {
        let documents = [document("a b a b", "x"), document("b a", "y")];
        let bigrams = count(&documents, 2);
        assert_eq!(bigrams["a b"], Counts { df: 1, cf: 2 });
        assert_eq!(bigrams["b a"], Counts { df: 2, cf: 2 });
        let by_host = count_by(&documents, 2, "host");
        assert_eq!(by_host[&("b a".into(), "y".into())], 1);
        assert_eq!(by_host.len(), 3);
        let sequence = ["a".to_owned(), "b".to_owned()];
        assert_eq!(find(&documents, &sequence).0, Counts { df: 1, cf: 2 });
    }

    #[test]
    fn postings_by_hand() {
        let documents = [document("p q t r s", "x"), document("q t", "y")];
        let found = &postings(&documents, 1, 2, 9)["t"];
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].left, ["p", "q"]);
        assert_eq!(found[0].right, ["r", "s"]);
        // `r s` after and `p q` before are both unseen elsewhere.
        assert_eq!(found[0].jump, 0);
        assert_eq!(found[1].jump, 0);
    }
}
