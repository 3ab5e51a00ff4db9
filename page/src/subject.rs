//! What a page is made of.

use taster_findings::{Occurrence, Report};
use taster_planning::Parameters;

use crate::confidence::Confidence;

/// All that a page shows.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The report.
    pub report: &'a Report<Parameters>,
    /// The occurrences of its findings: those of a finding side by side, in shard and row order.
    pub occurrences: &'a [Occurrence],
    /// The shards of the corpus, by key.
    pub shards: &'a [ShardRow<'a>],
    /// How rare the text around some occurrences is, by index of the occurrence; see
    /// [`shaded`](crate::shaded).
    pub shadings: &'a [Shading],
    /// What was measured of the audit itself.
    pub confidence: &'a Confidence,
}

/// A shard of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardRow<'a> {
    /// Key relative to the input root.
    pub key: &'a str,
    /// Rows according to its footer.
    pub rows: u64,
    /// Bytes of text that were read.
    pub text_bytes: u64,
    /// Whether it was read.
    pub is_read: bool,
}

/// How rare the tokens before, in and after one occurrence are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shading {
    /// Index of the occurrence.
    pub occurrence: usize,
    /// Tokens of the n-grams that are looked up: 2 or 3.
    pub order: usize,
    /// Tokens of which the rarity is known, ascending.
    pub tokens: Vec<RareToken>,
}

/// One token and how many documents hold the n-gram that ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RareToken {
    /// Its first byte in the text before the occurrence, the finding's text, and the text after it,
    /// joined.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// Documents of the whole corpus, at least 1.
    pub documents: u32,
}
