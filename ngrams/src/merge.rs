//! Exact merge of one fingerprint range over any number of runs.
//!
//! A partition's entries of all runs are brought together, sorted once by their uniform bits and
//! summed: the cost per entry does not grow with the number of runs, unlike a k-way heap. Memory
//! is the entries of one partition; a caller with too many runs merges in a tree.

use crate::block::{self, BlockError};
use crate::count::PARTITION_BITS;
use crate::sort::BinSort;

/// What one run holds of an n-gram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The fingerprint.
    pub fingerprint: u64,
    /// Ordinal of the run, as given to [`RangeMerge::add`].
    pub run: u32,
    /// df inside the run.
    pub df: u32,
    /// cf inside the run.
    pub cf: u32,
}

/// Collects blocks of one partition and order and sums them.
#[derive(Debug, Default)]
pub struct RangeMerge {
    items: Vec<Part>,
    memory: Vec<Part>,
    sort: BinSort,
}

/// An n-gram summed over all runs.
#[derive(Debug, Clone, Copy)]
pub struct Merged<'a> {
    /// The fingerprint.
    pub fingerprint: u64,
    /// Documents of the corpus that contain it.
    pub df: u64,
    /// Its occurrences in the corpus.
    pub cf: u64,
    /// What each run contributed, in the order the runs were added.
    pub parts: &'a [Part],
}

impl RangeMerge {
    /// Adds the block of one run. All blocks between two merges must be of the same partition
    /// and order, and each run at most once.
    ///
    /// # Errors
    /// If the block is damaged.
    pub fn add(&mut self, run: u32, block: &[u8]) -> Result<(), BlockError> {
        let items = &mut self.items;
        block::decode(block, |entry| {
            items.push(Part {
                fingerprint: entry.fingerprint,
                run,
                df: entry.low,
                cf: entry.high,
            });
        })
    }

    /// Calls `each` for every distinct n-gram added since the last merge, by ascending
    /// fingerprint, and forgets them.
    pub fn merge(&mut self, mut each: impl FnMut(Merged<'_>)) {
        let key = |part: &Part| part.fingerprint << PARTITION_BITS;
        let sorted = self.sort.sort(&self.items, &mut self.memory, key);
        for parts in sorted.chunk_by(|a, b| a.fingerprint == b.fingerprint) {
            let df = parts.iter().map(|part| u64::from(part.df)).sum();
            let cf = parts.iter().map(|part| u64::from(part.cf)).sum();
            each(Merged {
                fingerprint: parts[0].fingerprint,
                df,
                cf,
                parts,
            });
        }
        self.items.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::block::{Entry, encode};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn equals_the_naive_sum(runs in prop::collection::vec(prop::collection::btree_map(0u64..60, (1u32..5, 0u32..5), 0..30), 0..12)) {
            let mut expected: BTreeMap<u64, (u64, u64, Vec<u32>)> = BTreeMap::new();
            let mut merge = RangeMerge::default();
            for (run, map) in runs.iter().enumerate() {
                let entries: Vec<Entry> = map.iter()
                    .map(|(&k, &(df, more))| Entry { fingerprint: k << 40, low: df, high: df + more }).collect();
                for entry in &entries {
                    let sum = expected.entry(entry.fingerprint).or_default();
                    sum.0 += u64::from(entry.low);
                    sum.1 += u64::from(entry.high);
                    sum.2.push(run as u32);
                }
                let mut block = Vec::new();
                encode(&entries, &mut block);
                merge.add(run as u32, &block).unwrap();
            }
            let mut got = BTreeMap::new();
            merge.merge(|m| {
                got.insert(m.fingerprint, (m.df, m.cf, m.parts.iter().map(|p| p.run).collect::<Vec<_>>()));
            });
            prop_assert_eq!(got, expected);
            let mut more = 0;
            merge.merge(|_| more += 1);
            prop_assert_eq!(more, 0, "nothing was added since");
        }
    }
}
