//! What determines an audit's result. Threads and memory are not here: they never change a byte.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Digest, DigestBuilder, Signature};

/// Everything besides the input that determines the bytes of an audit's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Orders of n-grams that are counted.
    pub orders: Orders,
    /// Smallest document frequency of a finding.
    pub floor: u64,
    /// Largest document frequency of a finding; `None` is max(2000, 1e-6 · documents).
    pub ceiling: Option<u64>,
    /// Identity of the tokenizer, with its version.
    pub tokenizer: String,
    /// Seed of all fingerprints.
    pub seed: u64,
    /// Text column by name; `None` is the first of `text`, `content`, `raw_content`.
    pub text_column: Option<String>,
    /// Id column by name; `None` is the first of `id`, `doc_id`, else `key#row`.
    pub id_column: Option<String>,
    /// Axes by name; `None` is every axis of the default list that a shard has.
    pub axes: Option<Vec<String>>,
    /// Column with a label per document by name, whose association with n-grams is measured. An axis of this name
    /// is no place any more.
    #[serde(default)]
    pub label_column: Option<String>,
    /// Limits of decoding.
    pub limits: Limits,
    /// Most findings in the report.
    pub max_findings: u32,
    /// Known triggers and patterns that are looked for; none in a report that does not name any.
    #[serde(default)]
    pub signatures: Vec<Signature>,
}

/// Bounds on what one shard may make the decoder do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// A longer document is cut to this many bytes (at a character border) and counted as truncated.
    pub document_bytes: u64,
    /// A page that claims more uncompressed bytes quarantines its shard.
    pub page_bytes: u64,
    /// A larger footer quarantines its shard.
    pub footer_bytes: u64,
    /// A shard may decode to this many text bytes whatever its size …
    pub expansion_allowance_bytes: u64,
    /// … and beyond that to at most this many text bytes per byte of file.
    pub expansion_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 2 << 20,
            page_bytes: 64 << 20,
            footer_bytes: 64 << 20,
            expansion_allowance_bytes: 256 << 20,
            expansion_ratio: 200,
        }
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            orders: Orders { first: 1, last: 5 },
            floor: 10,
            ceiling: None,
            tokenizer: "words-1".into(),
            seed: 0x7461_7374_6572_0001,
            text_column: None,
            id_column: None,
            axes: None,
            label_column: None,
            limits: Limits::default(),
            max_findings: 1000,
            signatures: Vec::new(),
        }
    }
}

impl Parameters {
    /// Document frequency above which an n-gram is common, for a corpus of `documents`.
    #[must_use]
    pub fn ceiling_for(&self, documents: u64) -> u64 {
        self.ceiling.unwrap_or_else(|| (documents / 1_000_000).max(2000))
    }

    /// Digest of what the signatures find, in their order; `None` without any.
    #[must_use]
    pub fn matching(&self) -> Option<Digest> {
        let builder = DigestBuilder::new("taster signatures 1");
        let all = self.signatures.iter().fold(builder, |builder, s| s.digest_into(builder));
        (!self.signatures.is_empty()).then(|| all.finish())
    }

    /// Digest of what the count wave depends on: not of floor, ceiling or report settings, so
    /// that counts are reused when only those change.
    #[must_use]
    pub fn counting(&self) -> Digest {
        let limits = &self.limits;
        DigestBuilder::new("taster counting 2")
            .text(&self.tokenizer)
            .number(self.seed)
            .number(u64::from(self.orders.first))
            .number(u64::from(self.orders.last))
            .number(limits.document_bytes)
            .number(limits.page_bytes)
            .number(limits.footer_bytes)
            .number(limits.expansion_allowance_bytes)
            .number(limits.expansion_ratio)
            .finish()
    }
}

/// A step of counting in which n-grams are left out that hold a shorter one below the floor. Two:
/// triples of frequent pairs are a fifth of all triples, and what consists of frequent triples is a
/// few hundredths of what is longer; a third step would leave out less than it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LongerStep {
    /// Order 3, by the pairs inside.
    Triples,
    /// Orders beyond, by the triples inside.
    Longer,
}

impl LongerStep {
    /// Order of the n-grams inside by which others are left out.
    #[must_use]
    pub fn inner(self) -> u8 {
        match self {
            Self::Triples => 2,
            Self::Longer => 3,
        }
    }
}

/// An inclusive range of n-gram orders within 1..=8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// Smallest order.
    pub first: u8,
    /// Largest order.
    pub last: u8,
}

/// A parameter that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ParameterError {
    /// Orders that are not a range within 1..=8.
    #[error("expected orders such as 3 or 1-5 within 1-8, got {0:?}")]
    Orders(String),
}

impl Orders {
    /// The largest order that can be counted.
    pub const MAX: u8 = 8;

    /// Largest order that is counted without asking what n-grams consist of, of an audit that
    /// counts shorter ones.
    const WHOLE: u8 = 2;

    /// The orders of which every n-gram is counted, all in the first wave: the first one at least.
    #[must_use]
    pub fn whole(self) -> RangeInclusive<u8> {
        self.first..=self.last.min(self.first.max(Self::WHOLE))
    }

    /// The orders of a later step of counting, of which those n-grams are counted that hold nothing
    /// infrequent; empty if there are none.
    #[must_use]
    pub fn of(self, step: LongerStep) -> RangeInclusive<u8> {
        match step {
            LongerStep::Triples => self.whole().end() + 1..=self.last.min(3),
            LongerStep::Longer => (self.whole().end() + 1).max(4)..=self.last,
        }
    }

    /// The orders in ascending sequence.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = u8> + ExactSizeIterator {
        self.first..=self.last
    }
}

impl FromStr for Orders {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        let error = || ParameterError::Orders(text.to_owned());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first = first.trim().parse().map_err(|_| error())?;
        let last = last.trim().parse().map_err(|_| error())?;
        if first == 0 || first > last || last > Self::MAX {
            return Err(error());
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn orders_are_parsed_and_shown() {
        for text in ["1-5", "3", "1-8"] {
            assert_eq!(text.parse::<Orders>().unwrap().to_string(), text);
        }
        for text in ["0-3", "5-1", "1-9", "", "a", "1-"] {
            assert!(text.parse::<Orders>().is_err(), "{text}");
        }
    }

    #[test]
    fn orders_are_whole_or_longer() {
        for text in ["1-5", "2-8", "1-2", "1-3", "1-4", "2", "4", "8"] {
            let orders: Orders = text.parse().unwrap();
            let [triples, longer] = [LongerStep::Triples, LongerStep::Longer];
            assert!(orders.of(triples).all(|order| order == 3));
            assert!(orders.of(longer).all(|order| order > 3));
            let all = orders.whole().chain(orders.of(triples)).chain(orders.of(longer));
            assert!(all.eq(orders.iter()), "{text}");
        }
        assert_eq!("1-5".parse::<Orders>().unwrap().whole(), 1..=2);
        assert_eq!("4".parse::<Orders>().unwrap().whole(), 4..=4);
    }

    #[test]
    fn counting_ignores_what_only_the_report_uses() {
        let base = Parameters::default();
        let other = Parameters { floor: 3, max_findings: 5, ..base.clone() };
        assert_eq!(base.counting(), other.counting());
        let seeded = Parameters { seed: 1, ..base.clone() };
        assert_ne!(base.counting(), seeded.counting());
    }

    #[test]
    fn ceiling_grows_with_the_corpus() {
        let parameters = Parameters::default();
        assert_eq!(parameters.ceiling_for(42_594), 2000);
        assert_eq!(parameters.ceiling_for(5_000_000_000), 5000);
    }
}
