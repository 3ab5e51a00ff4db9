//! Exact global df of one partition, and which n-grams of every run reach it.
//!
//! A table of the partition's n-grams sums their df over all runs; then every run takes back what
//! it holds, in its own order, which needs no sorting. The cost per entry does not grow with the
//! number of runs.

use crate::block::{BlockError, Columns};
use crate::count::PARTITION_BITS;

/// Sums the blocks of one partition and order; keeps its memory from one to the next.
///
/// Memory: 36 to 68 bytes per entry of the partition.
#[derive(Debug, Default)]
pub struct Frequencies {
    /// Open addressing with linear probing; at least twice as many as entries.
    slots: Vec<Slot>,
    shift: u32,
    /// Slot of every entry, run by run.
    entries: Vec<u32>,
    /// Ordinal of every run, and where its entries end.
    runs: Vec<(u32, usize)>,
    columns: Columns,
    distinct: u64,
}

/// A df of 0 is an empty slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    fingerprint: u64,
    df: u32,
}

impl Frequencies {
    /// Forgets everything and makes room for `entries`, the sum over all blocks to be added.
    pub fn reset(&mut self, entries: usize) {
        let slots = (2 * entries).next_power_of_two().max(2);
        self.shift = u64::BITS - slots.ilog2();
        self.slots.clear();
        self.slots.resize(slots, Slot::default());
        self.entries.clear();
        self.runs.clear();
        self.distinct = 0;
    }

    /// Adds the block of a run. All blocks must be of the same partition and order, each run
    /// at most once, and no more entries than there was made room for.
    ///
    /// # Errors
    /// If the block is damaged.
    pub fn add(&mut self, run: u32, block: &[u8]) -> Result<(), BlockError> {
        self.columns.decode(block)?;
        let before = self.entries.len();
        let fingerprints = self.columns.fingerprints();
        if before + fingerprints.len() > self.slots.len() / 2 {
            return Err(BlockError::Field("number of entries"));
        }
        self.entries.resize(before + fingerprints.len(), 0);
        let entries = &mut self.entries[before..];
        for (entry, &fingerprint) in entries.iter_mut().zip(fingerprints) {
            let at = probe(&self.slots, self.shift, fingerprint);
            let slot = &mut self.slots[at];
            self.distinct += u64::from(slot.df == 0);
            *slot = Slot { fingerprint, df: slot.df.saturating_add(1) };
            *entry = at as u32;
        }
        for &(index, df, _) in self.columns.counts() {
            let slot = &mut self.slots[entries[index as usize] as usize];
            slot.df = slot.df.saturating_add(df - 1);
        }
        self.runs.push((run, self.entries.len()));
        Ok(())
    }

    /// Different n-grams.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    /// Different n-grams with a df (cut off at [`u32::MAX`]) in `range`.
    #[must_use]
    pub fn within(&self, range: std::ops::RangeInclusive<u32>) -> u64 {
        let (from, to) = (*range.start().max(&1), *range.end());
        self.slots.iter().map(|slot| u64::from((from <= slot.df) & (slot.df <= to))).sum()
    }

    /// Appends to the columns of every run those of its n-grams that have a df of `least` or more
    /// over all runs, at least 2, with that df.
    pub fn keep(&self, least: u32, kept: &mut [Columns]) {
        let mut start = 0;
        for &(run, end) in &self.runs {
            let slots = self.entries[start..end].iter().map(|&slot| self.slots[slot as usize]);
            kept[run as usize].extend_from(slots.map(|slot| (slot.fingerprint, slot.df)), least);
            start = end;
        }
    }
}

/// The slot of a fingerprint, or the empty one where it belongs.
#[inline]
fn probe(slots: &[Slot], shift: u32, fingerprint: u64) -> usize {
    let mask = slots.len() - 1;
    let mut at = ((fingerprint << PARTITION_BITS) >> shift) as usize & mask;
    // One branch for both: whether an n-gram is new is as irregular as a coin, that its home is taken by another is rare.
    while (slots[at].fingerprint != fingerprint) & (slots[at].df != 0) {
        at = (at + 1) & mask;
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::block::{self, Entry, encode};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Runs = Vec<BTreeMap<u64, (u32, u32)>>;

    fn listed(columns: &Columns) -> Vec<(u64, u32)> {
        let mut block = Vec::new();
        columns.encode(&mut block);
        let mut all = Vec::new();
        block::decode(&block, |e| {
            assert_eq!(e.low, e.high);
            all.push((e.fingerprint, e.low));
        })
        .unwrap();
        all
    }

    fn check(frequencies: &mut Frequencies, runs: &Runs, least: u32) {
        let mut df: BTreeMap<u64, u32> = BTreeMap::new();
        frequencies.reset(runs.iter().map(BTreeMap::len).sum());
        for (run, map) in runs.iter().enumerate() {
            let entry = |(&k, &(low, more)): (&u64, &(u32, u32))| {
                *df.entry(k).or_default() += low;
                Entry { fingerprint: k, low, high: low + more }
            };
            let mut block = Vec::new();
            encode(&map.iter().map(entry).collect::<Vec<_>>(), &mut block);
            frequencies.add(run as u32, &block).unwrap();
        }
        let mut kept: Vec<Columns> = runs.iter().map(|_| Columns::default()).collect();
        frequencies.keep(least, &mut kept);
        for (map, kept) in runs.iter().zip(&kept) {
            let expected = map.keys().map(|k| (*k, df[k])).filter(|(_, df)| *df >= least);
            assert_eq!(listed(kept), expected.collect::<Vec<_>>());
        }
        assert_eq!(frequencies.distinct(), df.len() as u64);
        let within = df.values().filter(|df| (least..=least + 3).contains(df)).count();
        assert_eq!(frequencies.within(least..=least + 3), within as u64);
        assert_eq!(frequencies.within(0..=u32::MAX), df.len() as u64);
    }

    proptest! {
        #[test]
        fn equals_the_naive_sum(
            runs in prop::collection::vec(prop::collection::btree_map(prop_oneof![0u64..60, (0u64..60).prop_map(|k| k << 40), any::<u64>()], (1u32..5, 0u32..5), 0..30), 0..12),
            again in prop::collection::vec(prop::collection::btree_map(0u64..9, (1u32..5, 0u32..5), 0..9), 0..4),
            least in 2u32..9,
        ) {
            let mut frequencies = Frequencies::default();
            check(&mut frequencies, &runs, least);
            check(&mut frequencies, &again, least);
        }
    }

    #[test]
    fn more_entries_than_room_are_refused() {
        let mut block = Vec::new();
        let entry = |fingerprint| Entry { fingerprint, low: 1, high: 1 };
        encode(&(0..9).map(entry).collect::<Vec<_>>(), &mut block);
        let mut frequencies = Frequencies::default();
        frequencies.reset(3);
        frequencies.add(0, &block).unwrap_err();
    }
}
