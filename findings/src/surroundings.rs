//! What the documents of one sequence have in common besides it.
//!
//! A poison is dropped into documents that share nothing else; a site's furniture stands among other furniture, at
//! the same place of every page. Both are measured after verification, from the tokens around each occurrence.

use serde::{Deserialize, Serialize};
use taster_ngrams::fingerprint::fingerprint;
use taster_ngrams::sort::BinSort;

/// Tokens of a piece of surrounding text that two documents can share: three words in a row are seldom shared by
/// chance, and often by template.
pub const PIECE: usize = 3;

/// What the surroundings of a sequence say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Company {
    /// Chance that a piece around the sequence in one document is absent around it in another: 0 for copies of one
    /// page, near 1 for unrelated documents.
    pub dissimilarity: f64,
    /// Largest share of the documents that have the sequence at one and the same distance from their start, or from
    /// their end.
    pub pinned: f64,
}

impl Company {
    /// What is assumed before any document was read: nothing against the sequence.
    pub const UNKNOWN: Self = Self { dissimilarity: 1.0, pinned: 0.0 };
}

/// The surroundings of one sequence in its documents; keeps its memory from one sequence to the next.
///
/// Memory: 32 bytes per piece.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// Documents so far.
    documents: u32,
    /// Hashes of the pieces before and after the sequence, without those that hold a part of it, each with its document.
    pieces: Vec<(u64, u32)>,
    sorted: Vec<(u64, u32)>,
    sort: BinSort,
    /// Tokens before the sequence, of the documents of which that is known.
    starts: Vec<u32>,
    /// Tokens after it.
    ends: Vec<u32>,
}

impl Surroundings {
    /// Forgets all documents.
    pub fn clear(&mut self) {
        self.documents = 0;
        self.pieces.clear();
        self.starts.clear();
        self.ends.clear();
    }

    /// Adds a document by the hashes of the tokens `before` the sequence and `after` it, in reading order, and by whether they are
    /// all that stand there.
    pub fn push(&mut self, before: &[u64], after: &[u64], is_start: bool, is_end: bool) {
        let document = self.documents;
        self.documents += 1;
        for side in [before, after] {
            let pieces = side.windows(PIECE).map(|piece| (fingerprint(piece), document));
            self.pieces.extend(pieces);
        }
        self.starts.extend(is_start.then_some(before.len() as u32));
        self.ends.extend(is_end.then_some(after.len() as u32));
    }

    /// What the documents have in common. One document, or none, says nothing.
    pub fn company(&mut self) -> Company {
        if self.documents < 2 {
            return Company::UNKNOWN;
        }
        let most = most_common(&mut self.starts).max(most_common(&mut self.ends));
        let pinned = most as f64 / f64::from(self.documents);
        Company { dissimilarity: self.dissimilarity(), pinned }
    }

    /// 1 - Σ c(c-1) / ((n-1)·Σ c) over pieces with c documents each: one minus the mean, over ordered pairs of documents
    /// weighted by pieces, of the share of the one's pieces that the other has (containment, A. Broder, *On the
    /// resemblance and containment of documents*, 1997). Documents without surroundings are copies of each other: 0.
    fn dissimilarity(&mut self) -> f64 {
        // Sorted, equal pieces are side by side, and those of a document next to each other: a map of some hundred thousand takes
        // several times as long.
        let sorted = self.sort.sort(&self.pieces, &mut self.sorted, |&(piece, _)| piece);
        let (mut all, mut shared) = (0, 0);
        for same in sorted.chunk_by(|a, b| a.0 == b.0) {
            let others = same.windows(2).filter(|two| two[0].1 != two[1].1).count() as u64;
            all += others + 1;
            shared += (others + 1) * others;
        }
        if all == 0 {
            return 0.0;
        }
        1.0 - shared as f64 / (all * u64::from(self.documents - 1)) as f64
    }
}

/// How often the most common distance occurs; puts them in order.
fn most_common(distances: &mut [u32]) -> usize {
    distances.sort_unstable();
    distances.chunk_by(|a, b| a == b).map(<[u32]>::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The company of documents with these tokens before the sequence, all of them or not, and none after it.
    fn company(documents: &[(&[u64], bool)]) -> Company {
        let mut surroundings = Surroundings::default();
        surroundings.push(&[9, 9, 9, 9], &[8], true, true);
        surroundings.clear();
        documents.iter().for_each(|(before, whole)| surroundings.push(before, &[], *whole, false));
        surroundings.company()
    }

    /// Every ordered pair, piece by piece.
    fn naive(documents: &[(Vec<u64>, Vec<u64>)]) -> f64 {
        let pieces = |(before, after): &(Vec<u64>, Vec<u64>)| -> BTreeSet<Vec<u64>> {
            before.windows(PIECE).chain(after.windows(PIECE)).map(<[u64]>::to_vec).collect()
        };
        let documents: Vec<BTreeSet<Vec<u64>>> = documents.iter().map(pieces).collect();
        let (mut absent, mut all) = (0.0, 0.0);
        for (i, one) in documents.iter().enumerate() {
            for (_, other) in documents.iter().enumerate().filter(|(j, _)| *j != i) {
                for piece in one {
                    all += 1.0;
                    absent += f64::from(u8::from(!other.contains(piece)));
                }
            }
        }
        if all == 0.0 { 0.0 } else { absent / all }
    }

    #[test]
    fn copies_and_strangers() {
        let copy: (&[u64], bool) = (&[1, 2, 3, 4], true);
        let copies = company(&[copy; 3]);
        assert_eq!((copies.dissimilarity, copies.pinned), (0.0, 1.0));
        let apart = company(&[(&[1, 2, 3, 1], true), (&[4, 5, 6], true), (&[7, 8, 9], false)]);
        assert_eq!((apart.dissimilarity, apart.pinned), (1.0, 1.0 / 3.0));
        assert_eq!(company(&[(&[1, 2, 3], true)]), Company::UNKNOWN);
        assert_eq!(company(&[(&[1, 2], false), (&[], false)]).dissimilarity, 0.0);
    }

    proptest! {
        #[test]
        fn equals_the_twin(documents in prop::collection::vec(
            (prop::collection::vec(0u64..3, 0..9), prop::collection::vec(0u64..3, 0..9)), 2..8)) {
            let mut surroundings = Surroundings::default();
            documents.iter().for_each(|(before, after)| surroundings.push(before, after, false, false));
            prop_assert!((surroundings.company().dissimilarity - naive(&documents)).abs() < 1e-12);
        }
    }
}
