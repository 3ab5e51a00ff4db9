//! Extends an n-gram to the longest sequence with the same documents.
//!
//! Greedy, one token at a time, first to the right until nothing fits, then to the left. A token
//! fits when every document keeps at least one occurrence that continues with it; occurrences
//! that do not are dropped. Where several tokens fit (documents with several occurrences), the one
//! that keeps most occurrences wins, then the smallest hash: input order never decides. Extending
//! left only drops occurrences, so it cannot open a new way to the right: the result is closed.

use std::collections::BTreeMap;

/// Token hashes around one occurrence, in reading order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window<'a> {
    /// Tokens before it; the last is its neighbour.
    pub left: &'a [u64],
    /// Tokens after it; the first is its neighbour.
    pub right: &'a [u64],
}

/// How far the sequence reaches beyond the n-gram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Tokens added in front.
    pub left: usize,
    /// Tokens added behind.
    pub right: usize,
    /// Per document, which of its occurrences carry the whole sequence (indices, rising).
    pub occurrences: Vec<Vec<usize>>,
}

/// Extends over all documents; each is the list of its occurrences. Nothing is added without
/// documents or when a document has no occurrence; windows bound the reach.
#[must_use]
pub fn extend(documents: &[Vec<Window<'_>>]) -> Extension {
    let mut occurrences: Vec<Vec<usize>> =
        documents.iter().map(|windows| (0..windows.len()).collect()).collect();
    let right = grow(documents, &mut occurrences, |window, step| window.right.get(step));
    let left = grow(documents, &mut occurrences, |window, step| {
        let index = window.left.len().checked_sub(step + 1)?;
        window.left.get(index)
    });
    Extension { left, right, occurrences }
}

/// Grows one side as far as it goes; returns the number of tokens added.
fn grow(
    documents: &[Vec<Window<'_>>],
    occurrences: &mut [Vec<usize>],
    token: impl for<'a> Fn(&Window<'a>, usize) -> Option<&'a u64>,
) -> usize {
    let mut added = 0;
    loop {
        let next =
            |document: usize, index: usize| token(&documents[document][index], added).copied();
        let Some(best) = shared_token(occurrences, next) else {
            return added;
        };
        for (document, kept) in occurrences.iter_mut().enumerate() {
            kept.retain(|&index| next(document, index) == Some(best));
        }
        added += 1;
    }
}

/// The token that continues at least one occurrence of every document: most occurrences first,
/// then the smallest hash.
fn shared_token(
    occurrences: &[Vec<usize>],
    next: impl Fn(usize, usize) -> Option<u64>,
) -> Option<u64> {
    let mut shared: BTreeMap<u64, u64> = BTreeMap::new();
    for (document, kept) in occurrences.iter().enumerate() {
        let mut here: BTreeMap<u64, u64> = BTreeMap::new();
        for token in kept.iter().filter_map(|&index| next(document, index)) {
            *here.entry(token).or_insert(0) += 1;
        }
        if document > 0 {
            here.retain(|token, count| {
                shared.get(token).is_some_and(|before| {
                    *count += before;
                    true
                })
            });
        }
        shared = here;
    }
    let best = shared.into_iter().max_by_key(|&(token, count)| (count, std::cmp::Reverse(token)));
    best.map(|(token, _)| token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Owned = Vec<Vec<(Vec<u64>, Vec<u64>)>>;

    fn windows(documents: &Owned) -> Vec<Vec<Window<'_>>> {
        documents
            .iter()
            .map(|d| d.iter().map(|(left, right)| Window { left, right }).collect())
            .collect()
    }

    /// Compares whole strings at every step: which one-token extension of (left, right) still
    /// stands in every document, and how often?
    fn naive(documents: &Owned) -> (usize, usize) {
        let (mut left, mut right): (Vec<u64>, Vec<u64>) = (vec![], vec![]);
        for rightwards in [true, false] {
            loop {
                let mut best: Option<(usize, Vec<u64>, Vec<u64>)> = None;
                for token in 0..10u64 {
                    let (mut l, mut r) = (left.clone(), right.clone());
                    if rightwards {
                        r.push(token)
                    } else {
                        l.insert(0, token)
                    }
                    let fits = |o: &&(Vec<u64>, Vec<u64>)| o.0.ends_with(&l) && o.1.starts_with(&r);
                    let counts: Vec<usize> =
                        documents.iter().map(|d| d.iter().filter(fits).count()).collect();
                    let all: usize = counts.iter().sum();
                    let everywhere = !counts.is_empty() && counts.iter().all(|count| *count > 0);
                    if everywhere && best.as_ref().is_none_or(|(most, _, _)| all > *most) {
                        best = Some((all, l, r));
                    }
                }
                let Some((_, l, r)) = best else { break };
                (left, right) = (l, r);
            }
        }
        (left.len(), right.len())
    }

    #[test]
    fn grows_as_far_as_all_agree() {
        let documents = vec![
            vec![(vec![9, 1, 2], vec![3, 4, 5])],
            vec![(vec![8, 8], vec![7]), (vec![7, 1, 2], vec![3, 4, 6])],
        ];
        let extension = extend(&windows(&documents));
        assert_eq!((extension.left, extension.right), (2, 2));
        assert_eq!(extension.occurrences, [vec![0], vec![1]]);
    }

    #[test]
    fn nothing_to_grow() {
        assert_eq!(extend(&[]).right, 0);
        assert_eq!(extend(&[vec![]]).right, 0);
        let one_empty = vec![vec![(vec![1], vec![1])], vec![]];
        assert_eq!(extend(&windows(&one_empty)).right, 0);
    }

    fn occurrence() -> impl Strategy<Value = (Vec<u64>, Vec<u64>)> {
        let side = || prop::collection::vec(0u64..3, 0..5);
        (side(), side())
    }

    proptest! {
        #[test]
        fn equals_the_twin(documents in prop::collection::vec(prop::collection::vec(occurrence(), 1..4), 0..4)) {
            let extension = extend(&windows(&documents));
            prop_assert_eq!((extension.left, extension.right), naive(&documents));
            prop_assert!(extension.occurrences.iter().all(|kept| !kept.is_empty()));
        }

        #[test]
        fn order_of_documents_does_not_matter(mut documents in prop::collection::vec(prop::collection::vec(occurrence(), 1..4), 1..4)) {
            let forth = extend(&windows(&documents));
            documents.reverse();
            let back = extend(&windows(&documents));
            prop_assert_eq!((forth.left, forth.right), (back.left, back.right));
        }
    }
}
