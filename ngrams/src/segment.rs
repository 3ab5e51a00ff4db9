//! A segment: as many whole documents as are counted at once in memory.

use crate::room::make_room;
use crate::vocabulary::Vocabulary;
use crate::{Span, Tokenizer};

/// Documents of one segment, as token hashes. The unit of exact counting: bounded in documents
/// (their ordinals are packed beside fingerprints) and, by the caller, in tokens.
#[derive(Debug, Default)]
pub struct Segment {
    hashes: Vec<u64>,
    /// Ordinal in the vocabulary, per token.
    ordinals: Vec<u32>,
    ends: Vec<u32>,
    vocabulary: Vocabulary,
    /// Tokens of the last document that was pushed.
    spans: Vec<Span>,
}

impl Segment {
    /// Bits of a document ordinal inside a segment.
    pub const DOCUMENT_BITS: u32 = 12;
    /// Most documents of a segment.
    pub const MAX_DOCUMENTS: usize = 1 << Self::DOCUMENT_BITS;

    /// Tokenises `text` and appends it as the next document. The segment must
    /// not be full of documents; tokenizer and seed must be the same for all of them.
    pub fn push(&mut self, text: &str, tokenizer: &dyn Tokenizer, seed: u64) {
        debug_assert!(self.ends.len() < Self::MAX_DOCUMENTS, "segment is full");
        let before = self.ordinals.len();
        self.spans.clear();
        tokenizer.spans(text, &mut self.spans);
        self.vocabulary.number(text, &self.spans, seed, &mut self.ordinals);
        let hashes = self.vocabulary.hashes();
        let of = |&ordinal: &u32| hashes[ordinal as usize];
        self.hashes.extend(self.ordinals[before..].iter().map(of));
        self.ends.push(self.hashes.len() as u32);
    }

    /// The tokens of the document that was pushed last: where they are in its text, and their hashes.
    #[must_use]
    pub fn last(&self) -> (&[Span], &[u64]) {
        (&self.spans, &self.hashes[self.hashes.len() - self.spans.len()..])
    }

    /// Forgets all documents and makes room for so many tokens.
    pub fn restart(&mut self, tokens: usize) {
        self.clear();
        make_room(&mut self.hashes, tokens);
        make_room(&mut self.ordinals, tokens);
    }

    /// Whether the segment must be counted before the next document: it holds its most documents
    /// or at least `token_budget` tokens (which the last document may exceed).
    #[must_use]
    pub fn is_full(&self, token_budget: usize) -> bool {
        self.ends.len() >= Self::MAX_DOCUMENTS || self.hashes.len() >= token_budget
    }

    /// Number of documents.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.ends.len()
    }

    /// Number of tokens of all documents.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.hashes.len()
    }

    /// Token hashes of all documents, one after the other.
    #[must_use]
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Hashes of the different tokens, by ordinal.
    #[must_use]
    pub fn vocabulary(&self) -> &[u64] {
        self.vocabulary.hashes()
    }

    /// Ordinals of all tokens in [`Segment::vocabulary`], as [`Segment::hashes`].
    #[must_use]
    pub fn ordinals(&self) -> &[u32] {
        &self.ordinals
    }

    /// Replaces everything by documents of these lengths, of tokens whose ordinals `put` appends;
    /// returns whether they fit.
    pub(crate) fn restore(
        &mut self,
        lengths: impl ExactSizeIterator<Item = u32>,
        vocabulary: impl Iterator<Item = u64>,
        put: impl FnOnce(&mut Vec<u32>),
    ) -> bool {
        self.clear();
        self.vocabulary.set(vocabulary);
        put(&mut self.ordinals);
        let hashes = self.vocabulary.hashes();
        let is_known = |&ordinal: &u32| (ordinal as usize) < hashes.len();
        if lengths.len() > Self::MAX_DOCUMENTS || !self.ordinals.iter().all(is_known) {
            return false;
        }
        make_room(&mut self.hashes, self.ordinals.len());
        self.hashes.extend(self.ordinals.iter().map(|&ordinal| hashes[ordinal as usize]));
        let mut end = 0u64;
        self.ends.extend(lengths.map(|length| {
            end += u64::from(length);
            end as u32
        }));
        end == self.hashes.len() as u64
    }

    /// Positions of each document in [`Segment::hashes`], in order.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let range = start..end as usize;
            start = end as usize;
            range
        })
    }

    /// Positions of the n-grams of `order` of each document, in order; empty where a document is
    /// shorter than the order.
    pub fn ngram_ranges(&self, order: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.ranges()
            .map(move |range| range.start..(range.end + 1).saturating_sub(order).max(range.start))
    }

    /// Token hashes of each document, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u64]> {
        self.ranges().map(|range| &self.hashes[range])
    }

    /// Forgets all documents and keeps the memory.
    pub fn clear(&mut self) {
        self.hashes.clear();
        self.ordinals.clear();
        self.ends.clear();
        self.spans.clear();
        self.vocabulary.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Words;

    #[test]
    fn documents_keep_their_borders() {
        let mut segment = Segment::default();
        for text in ["a b", "", "c"] {
            segment.push(text, &Words, 1);
        }
        let lengths: Vec<usize> = segment.iter().map(<[u64]>::len).collect();
        assert_eq!(lengths, [2, 0, 1]);
        assert_eq!((segment.documents(), segment.tokens()), (3, 3));
    }

    #[test]
    fn full_by_tokens_or_by_documents() {
        let mut segment = Segment::default();
        segment.push("a b c", &Words, 1);
        assert!(!segment.is_full(4));
        assert!(segment.is_full(3));
        for _ in 1..Segment::MAX_DOCUMENTS {
            assert!(!segment.is_full(4));
            segment.push("", &Words, 1);
        }
        assert!(segment.is_full(4));
        segment.clear();
        assert!(!segment.is_full(1));
    }
}
