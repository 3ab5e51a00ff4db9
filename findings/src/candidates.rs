//! Candidates and the selection of the best of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scores::Scores;
use crate::summary::Summary;

/// An n-gram that a statistic flags; not yet verified token by token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// 64-bit fingerprint of its tokens.
    pub fingerprint: u64,
    /// What was measured.
    pub summary: Summary,
    /// Its statistics.
    pub scores: Scores,
}

/// Best first: higher score, then lower fingerprint. A total order, also over NaN and -0.
#[derive(Debug, Clone, Copy)]
struct Key {
    score: f64,
    fingerprint: u64,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        by_score.then(self.fingerprint.cmp(&other.fingerprint))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// The `capacity` best values by (score descending, fingerprint ascending). The best of a union is
/// the best of the parts' bests, whatever the parts; equal keys count once.
#[derive(Debug, Clone)]
pub struct TopK<V> {
    capacity: usize,
    entries: BTreeMap<Key, V>,
}

impl<V> TopK<V> {
    /// Keeps at most `capacity` values.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, entries: BTreeMap::new() }
    }

    /// Whether [`Self::insert`] would keep this key now: ask before building a costly value.
    #[must_use]
    pub fn admits(&self, score: f64, fingerprint: u64) -> bool {
        let key = Key { score, fingerprint };
        let worst = self.entries.last_key_value();
        self.entries.len() < self.capacity
            || (self.capacity > 0 && worst.is_some_and(|(worst, _)| key < *worst))
    }

    /// Offers a value; drops the worst when there are too many.
    pub fn insert(&mut self, score: f64, fingerprint: u64, value: V) {
        if self.admits(score, fingerprint) {
            self.entries.insert(Key { score, fingerprint }, value);
        }
        if self.entries.len() > self.capacity {
            self.entries.pop_last();
        }
    }

    /// Offers all values of another selection.
    pub fn merge(&mut self, other: Self) {
        for (key, value) in other.entries {
            self.insert(key.score, key.fingerprint, value);
        }
    }

    /// Number of values kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// (score, fingerprint, value), best first.
    pub fn into_best_first(self) -> impl Iterator<Item = (f64, u64, V)> {
        let entries = self.entries.into_iter();
        entries.map(|(key, value)| (key.score, key.fingerprint, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn best(items: &[(i8, u64)], capacity: usize) -> TopK<i8> {
        let mut top = TopK::new(capacity);
        items.iter().for_each(|(score, print)| top.insert(f64::from(*score), *print, *score));
        top
    }

    fn listed(top: TopK<i8>) -> Vec<(i8, u64)> {
        top.into_best_first().map(|(_, print, value)| (value, print)).collect()
    }

    #[test]
    fn odd_scores_have_an_order() {
        let mut top = TopK::new(3);
        for (print, score) in [(1, f64::NEG_INFINITY), (2, 0.0), (3, -0.0), (4, 1.0)] {
            top.insert(score, print, ());
        }
        let prints: Vec<u64> = top.into_best_first().map(|(_, print, ())| print).collect();
        assert_eq!(prints, [4, 2, 3]);
        let mut none = TopK::new(0);
        none.insert(1.0, 1, ());
        assert!(none.is_empty() && !none.admits(9.0, 1));
    }

    proptest! {
        #[test]
        fn equals_sorting(items in prop::collection::vec((-5i8..5, 0u64..50), 0..60), capacity in 0usize..20) {
            let mut sorted = items.clone();
            sorted.sort_by_key(|(score, print)| (-score, *print));
            sorted.dedup();
            sorted.truncate(capacity);
            prop_assert_eq!(listed(best(&items, capacity)), sorted);
        }

        #[test]
        fn best_of_bests_is_best_of_all(items in prop::collection::vec((-5i8..5, 0u64..50), 0..60), cut in 0usize..60, capacity in 0usize..20) {
            let (a, b) = items.split_at(cut.min(items.len()));
            let (mut ab, mut ba) = (best(a, capacity), best(b, capacity));
            ab.merge(best(b, capacity));
            ba.merge(best(a, capacity));
            let all = listed(best(&items, capacity));
            prop_assert_eq!(listed(ab), all.clone());
            prop_assert_eq!(listed(ba), all);
        }
    }
}
