//! What the documents of one sequence have in common besides it.
//!
//! A poison is dropped into documents that share nothing else; a site's furniture stands among other furniture, at
//! the same place of every page. Both are measured after verification, from the tokens around each occurrence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Tokens of a piece of surrounding text that two documents can share: three words in a row are seldom shared by
/// chance, and often by template.
pub const PIECE: usize = 3;

/// The surroundings of a sequence in one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surrounding {
    /// Hashes of the pieces before and after it, without those that hold a part of it; rising, each once.
    pub pieces: Vec<u64>,
    /// Tokens before it in the document; `None` if there are more than were looked at.
    pub from_start: Option<u32>,
    /// Tokens after it in the document; `None` if there are more than were looked at.
    pub to_end: Option<u32>,
}

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

/// What `documents` have in common. One document, or none, says nothing.
#[must_use]
pub fn company(documents: &[Surrounding]) -> Company {
    if documents.len() < 2 {
        return Company::UNKNOWN;
    }
    let starts = documents.iter().map(|document| document.from_start);
    let ends = documents.iter().map(|document| document.to_end);
    let pinned = most_common(starts).max(most_common(ends)) as f64 / documents.len() as f64;
    Company { dissimilarity: dissimilarity(documents), pinned }
}

/// 1 - Σ c(c-1) / ((n-1)·Σ c) over pieces with c documents each: one minus the mean, over ordered pairs of documents
/// weighted by pieces, of the share of the one's pieces that the other has (containment, A. Broder, *On the
/// resemblance and containment of documents*, 1997). Documents without surroundings are copies of each other: 0.
fn dissimilarity(documents: &[Surrounding]) -> f64 {
    // Sorted, equal pieces are side by side: a map of some hundred thousand takes several times as long.
    let mut pieces: Vec<u64> =
        documents.iter().flat_map(|document| document.pieces.iter().copied()).collect();
    pieces.sort_unstable();
    let holders = pieces.chunk_by(|a, b| a == b).map(|same| same.len() as u64);
    let shared: u64 = holders.map(|count| count * (count - 1)).sum();
    let all = pieces.len() as u64;
    if all == 0 {
        return 0.0;
    }
    1.0 - shared as f64 / (all * (documents.len() as u64 - 1)) as f64
}

/// How often the most common known distance occurs.
fn most_common(distances: impl Iterator<Item = Option<u32>>) -> u64 {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for distance in distances.flatten() {
        *counts.entry(distance).or_insert(0) += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(pieces: &[u64], from_start: Option<u32>) -> Surrounding {
        Surrounding { pieces: pieces.to_vec(), from_start, to_end: None }
    }

    /// Every ordered pair, piece by piece.
    fn naive(documents: &[Surrounding]) -> f64 {
        let (mut absent, mut all) = (0.0, 0.0);
        for (i, one) in documents.iter().enumerate() {
            for (j, other) in documents.iter().enumerate().filter(|(j, _)| *j != i) {
                let _ = j;
                for piece in &one.pieces {
                    all += 1.0;
                    absent += f64::from(u8::from(!other.pieces.contains(piece)));
                }
            }
        }
        if all == 0.0 { 0.0 } else { absent / all }
    }

    #[test]
    fn copies_and_strangers() {
        let copy = document(&[1, 2, 3], Some(4));
        let copies = company(&[copy.clone(), copy.clone(), copy.clone()]);
        assert_eq!((copies.dissimilarity, copies.pinned), (0.0, 1.0));
        let strangers =
            [document(&[1, 2], Some(4)), document(&[3, 4], Some(9)), document(&[5], None)];
        let apart = company(&strangers);
        assert_eq!((apart.dissimilarity, apart.pinned), (1.0, 1.0 / 3.0));
        assert_eq!(company(&[copy]), Company::UNKNOWN);
        assert_eq!(company(&[document(&[], None), document(&[], None)]).dissimilarity, 0.0);
    }

    proptest! {
        #[test]
        fn equals_the_twin(sets in prop::collection::vec(prop::collection::btree_set(0u64..12, 0..6), 2..8)) {
            let documents: Vec<Surrounding> =
                sets.into_iter().map(|set| document(&set.into_iter().collect::<Vec<_>>(), None)).collect();
            prop_assert!((company(&documents).dissimilarity - naive(&documents)).abs() < 1e-12);
        }
    }
}
