//! Exact merge of one fingerprint range over any number of runs.
//!
//! A partition's entries of all runs are brought together, sorted once by their uniform bits and
//! summed: the cost per entry does not grow with the number of runs, unlike a k-way heap. Memory
//! is the entries of one partition; a caller with too many runs merges in a tree.

use crate::block::{self, BlockError};
use crate::count::PARTITION_BITS;
use crate::sort::BinSort;

/// An n-gram of one run. Nearly all stand there once, so counts other than 1 are kept aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    fingerprint: u64,
    /// Ordinal of the run, as given to [`RangeMerge::add`].
    pub run: u32,
    /// 1 + index of the counts; 0 if both are 1.
    counts: u32,
}

/// Collects blocks of one partition and order and sums them.
#[derive(Debug, Default)]
pub struct RangeMerge {
    items: Vec<Part>,
    /// df and cf inside a run.
    counts: Vec<(u32, u32)>,
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
    /// The runs that hold it, in the order they were added.
    pub parts: &'a [Part],
}

impl RangeMerge {
    /// Adds the block of one run. All blocks between two merges must be of the same partition
    /// and order, and each run at most once.
    ///
    /// # Errors
    /// If the block is damaged.
    pub fn add(&mut self, run: u32, block: &[u8]) -> Result<(), BlockError> {
        let (items, counts) = (&mut self.items, &mut self.counts);
        block::decode(block, |entry| {
            if entry.high != 1 {
                counts.push((entry.low, entry.high));
            }
            items.push(Part {
                fingerprint: entry.fingerprint,
                run,
                counts: if entry.high == 1 { 0 } else { counts.len() as u32 },
            });
        })
    }

    /// Calls `each` for every distinct n-gram added since the last merge, by ascending
    /// fingerprint, and forgets them.
    pub fn merge(&mut self, mut each: impl FnMut(Merged<'_>)) {
        let key = |part: &Part| part.fingerprint << PARTITION_BITS;
        let sorted = self.sort.sort(&self.items, &mut self.memory, key);
        for parts in sorted.chunk_by(|a, b| a.fingerprint == b.fingerprint) {
            let (df, cf) = match parts {
                [once] if once.counts == 0 => (1, 1),
                _ => sum(parts, &self.counts),
            };
            each(Merged { fingerprint: parts[0].fingerprint, df, cf, parts });
        }
        self.items.clear();
        self.counts.clear();
    }
}

fn sum(parts: &[Part], counts: &[(u32, u32)]) -> (u64, u64) {
    let counts = parts.iter().map(|part| match part.counts {
        0 => (1, 1),
        next => counts[next as usize - 1],
    });
    counts.fold((0, 0), |sum, (df, cf)| (sum.0 + u64::from(df), sum.1 + u64::from(cf)))
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
