//! A segment: as many whole documents as are counted at once in memory.

use crate::Tokenizer;

/// Documents of one segment, as token hashes. The unit of exact counting: bounded in documents
/// (their ordinals are packed beside fingerprints) and, by the caller, in tokens.
#[derive(Debug, Default)]
pub struct Segment {
    hashes: Vec<u64>,
    ends: Vec<u32>,
}

impl Segment {
    /// Bits of a document ordinal inside a segment.
    pub const DOCUMENT_BITS: u32 = 12;
    /// Most documents of a segment.
    pub const MAX_DOCUMENTS: usize = 1 << Self::DOCUMENT_BITS;

    /// Tokenises `text` and appends it as the next document. The caller must have checked
    /// [`Segment::has_room`].
    pub fn push(&mut self, text: &str, tokenizer: &dyn Tokenizer, seed: u64) {
        debug_assert!(self.ends.len() < Self::MAX_DOCUMENTS, "segment is full");
        tokenizer.hashes(text, seed, &mut self.hashes);
        self.ends.push(self.hashes.len() as u32);
    }

    /// Whether a document of at most `tokens` more tokens may be appended: an empty segment takes
    /// any document, so that progress never depends on the budget.
    #[must_use]
    pub fn has_room(&self, tokens: usize, token_budget: usize) -> bool {
        self.ends.is_empty()
            || (self.ends.len() < Self::MAX_DOCUMENTS && self.hashes.len() + tokens <= token_budget)
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

    /// Token hashes of each document, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u64]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let document = &self.hashes[start as usize..end as usize];
            start = end;
            document
        })
    }

    /// Forgets all documents and keeps the memory.
    pub fn clear(&mut self) {
        self.hashes.clear();
        self.ends.clear();
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
    fn room_is_bounded_by_tokens_and_documents() {
        let mut segment = Segment::default();
        assert!(segment.has_room(1000, 10));
        segment.push("a b c", &Words, 1);
        assert!(segment.has_room(7, 10));
        assert!(!segment.has_room(8, 10));
        for _ in 1..Segment::MAX_DOCUMENTS {
            segment.push("", &Words, 1);
        }
        assert!(!segment.has_room(0, 10));
    }
}
