//! The screened n-grams of one segment, as a hash table.

use crate::block::{self, BlockError, Entry};

/// Exact map from fingerprint to global df, with the marks that the context wave makes while it
/// walks over documents. Open addressing by the fingerprint's top bits, linear probing, at most
/// half full.
///
/// Memory: 16 bytes per slot, 2 to 4 slots per entry.
#[derive(Debug, Default)]
pub struct Screened {
    slots: Vec<Slot>,
    shift: u32,
}

/// An empty slot has df 0.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    fingerprint: u64,
    df: u32,
    /// Bit 31: extended. Below: 1 + the last document that was marked.
    marks: u32,
}

/// Where a fingerprint stands in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotOrd(u32);

impl SlotOrd {
    /// Stands for "not in the table".
    pub const NONE: Self = Self(u32::MAX);
}

const EXTENDED: u32 = 1 << 31;

impl Screened {
    /// Empties the table and makes room for `entries`.
    pub fn reset(&mut self, entries: usize) {
        let capacity = (2 * entries).next_power_of_two().max(16);
        self.slots.clear();
        self.slots.resize(capacity, Slot::default());
        self.shift = 64 - capacity.ilog2();
    }

    /// Inserts all entries of a block; their counts are global dfs. The caller has reset the
    /// table for at least as many.
    ///
    /// # Errors
    /// If the block is damaged.
    pub fn insert_block(&mut self, block: &[u8]) -> Result<(), BlockError> {
        block::decode(block, |entry| self.insert(entry))
    }

    fn insert(&mut self, entry: Entry) {
        let mut at = (entry.fingerprint >> self.shift) as usize;
        while self.slots[at].df != 0 && self.slots[at].fingerprint != entry.fingerprint {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot {
            fingerprint: entry.fingerprint,
            df: entry.low,
            marks: 0,
        };
    }

    /// The slot of a fingerprint and its df; `(NONE, 0)` if it is not in the table.
    #[inline]
    #[must_use]
    pub fn get(&self, fingerprint: u64) -> (SlotOrd, u32) {
        let mut at = (fingerprint >> self.shift) as usize;
        loop {
            let slot = &self.slots[at];
            if slot.df == 0 {
                return (SlotOrd::NONE, 0);
            }
            if slot.fingerprint == fingerprint {
                return (SlotOrd(at as u32), slot.df);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Marks an n-gram as extended: some longer n-gram has the same document set.
    #[inline]
    pub fn mark_extended(&mut self, slot: SlotOrd) {
        self.slots[slot.0 as usize].marks |= EXTENDED;
    }

    /// Whether this is the first call for a closed n-gram in this document; always false for an
    /// extended one. Documents must come in ascending order.
    #[inline]
    pub fn first_in_document(&mut self, slot: SlotOrd, document: u32) -> bool {
        let marks = &mut self.slots[slot.0 as usize].marks;
        if *marks & EXTENDED != 0 || *marks == document + 1 {
            return false;
        }
        *marks = document + 1;
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_exactly_what_was_inserted(keys in prop::collection::btree_map(any::<u64>(), 1u32..1000, 0..200), others in prop::collection::vec(any::<u64>(), 0..50)) {
            let entries: Vec<Entry> = keys.iter().map(|(&fingerprint, &df)| Entry { fingerprint, low: df, high: df }).collect();
            let mut block = Vec::new();
            block::encode(&entries, &mut block);
            let mut table = Screened::default();
            table.reset(entries.len());
            table.insert_block(&block).unwrap();
            for (&key, &df) in &keys {
                prop_assert_eq!(table.get(key).1, df);
            }
            for key in others.iter().filter(|key| !keys.contains_key(key)) {
                prop_assert_eq!(table.get(*key), (SlotOrd::NONE, 0));
            }
        }
    }

    #[test]
    fn marks_are_per_document_and_extended_is_final() {
        let mut table = Screened::default();
        table.reset(1);
        table.insert(Entry {
            fingerprint: 5,
            low: 2,
            high: 2,
        });
        let slot = table.get(5).0;
        assert!(table.first_in_document(slot, 0));
        assert!(!table.first_in_document(slot, 0));
        assert!(table.first_in_document(slot, 1));
        table.mark_extended(slot);
        assert!(!table.first_in_document(slot, 2));
    }
}
