//! The screened n-grams of one segment, as a hash table.

use std::hint::select_unpredictable;

use crate::block::{self, BlockError, Entry};
use crate::room::make_room;

/// Exact map from fingerprint to global df, with the marks that the context wave makes while it
/// walks over documents.
///
/// Open addressing with linear probing over slots in ascending order of fingerprints (O. Amble
/// and D. Knuth, *Ordered hash tables*, 1974): a search for what is not there ends at the first
/// larger fingerprint, and slots in ascending order are n-grams in ascending order.
///
/// Memory: 16 bytes per slot, 3 slots per entry: a search that goes on costs more than the room.
#[derive(Debug, Default)]
pub struct Screened {
    slots: Vec<Slot>,
    /// Number of slots that a fingerprint may call its home; some more follow.
    homes: usize,
    /// The last block that was inserted.
    entries: Vec<Entry>,
}

/// Entries that are inserted together: their slots fill a fraction of the nearest cache.
const TOGETHER: usize = 64;

/// An empty slot has df 0 and the largest fingerprint.
#[derive(Debug, Clone, Copy)]
struct Slot {
    fingerprint: u64,
    df: u32,
    /// Bit 31: extended. Below: 1 + the last document that was marked.
    marks: u32,
}

const EMPTY: Slot = Slot { fingerprint: u64::MAX, df: 0, marks: 0 };

/// Where a fingerprint stands in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Ordinal of its slot; of no meaning if df is 0.
    pub slot: u32,
    /// Its global df; 0 if it is not in the table.
    pub df: u32,
}

const EXTENDED_BIT: u32 = 31;
const EXTENDED: u32 = 1 << EXTENDED_BIT;

impl Screened {
    /// Empties the table and makes room for `entries`.
    pub fn reset(&mut self, entries: usize) {
        self.homes = 3 * entries.max(1);
        make_room(&mut self.slots, self.homes + 1);
        self.slots.resize(self.homes + 1, EMPTY);
    }

    /// Inserts all entries of a block; their counts are global dfs. The caller has reset the
    /// table for at least as many.
    ///
    /// # Errors
    /// If the block is damaged.
    pub fn insert_block(&mut self, block: &[u8]) -> Result<(), BlockError> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        let decoded = block::decode(block, |entry| entries.push(entry));
        for together in entries.chunks(TOGETHER) {
            self.approach(together);
            together.iter().for_each(|&entry| self.insert(entry));
        }
        self.entries = entries;
        decoded
    }

    /// Brings the slots of some entries near: the table is larger than the caches, and a loop that does nothing but load has
    /// more of them under way than one that also inserts.
    fn approach(&self, entries: &[Entry]) {
        let first = |entry: &Entry| self.slots[self.home(entry.fingerprint)].fingerprint;
        std::hint::black_box(entries.iter().map(first).fold(0, |all, one| all ^ one));
    }

    /// The slot where a search begins; rises with the fingerprint.
    #[inline]
    fn home(&self, fingerprint: u64) -> usize {
        ((u128::from(fingerprint) * self.homes as u128) >> 64) as usize
    }

    /// The first slot from `at` on that does not hold a smaller fingerprint. The last slot of
    /// the table is empty and stops every search.
    #[inline]
    fn probe(&self, mut at: usize, fingerprint: u64) -> usize {
        while self.slots[at].fingerprint < fingerprint {
            at += 1;
        }
        at
    }

    /// Inserts one entry; its smaller count is what [`Screened::get`] answers.
    pub fn insert(&mut self, entry: Entry) {
        let mut carried = Slot { fingerprint: entry.fingerprint, df: entry.low, marks: 0 };
        let mut at = self.probe(self.home(entry.fingerprint), entry.fingerprint);
        while carried.df != 0 {
            std::mem::swap(&mut self.slots[at], &mut carried);
            at += 1;
            if at == self.slots.len() {
                self.slots.push(EMPTY);
            }
        }
    }

    /// Number of slots; ordinals of slots are below.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The fingerprint and df in a slot.
    #[inline]
    #[must_use]
    pub fn entry(&self, slot: u32) -> (u64, u32) {
        let slot = &self.slots[slot as usize];
        (slot.fingerprint, slot.df)
    }

    /// Looks up all `fingerprints`; `found` becomes the answers in their order. What `unfinished` held is lost.
    ///
    /// The first loop has no branch that depends on the table, so that the processor waits for
    /// many slots at once; the few searches that go on find theirs in the cache.
    pub fn look_up(&self, fingerprints: &[u64], found: &mut Vec<Found>, unfinished: &mut Vec<u32>) {
        found.resize(fingerprints.len(), Found::default());
        unfinished.resize(fingerprints.len(), 0);
        let mut going_on = 0;
        for (at, (found, &fingerprint)) in found.iter_mut().zip(fingerprints).enumerate() {
            let home = self.home(fingerprint);
            let slot = &self.slots[home];
            let is_found = slot.fingerprint == fingerprint;
            *found = Found { slot: home as u32, df: select_unpredictable(is_found, slot.df, 0) };
            unfinished[going_on] = at as u32;
            going_on += usize::from(slot.fingerprint < fingerprint);
        }
        for &at in &unfinished[..going_on] {
            found[at as usize] = self.get(fingerprints[at as usize]);
        }
    }

    /// The slot of a fingerprint and its df.
    #[inline]
    #[must_use]
    pub fn get(&self, fingerprint: u64) -> Found {
        let at = self.probe(self.home(fingerprint), fingerprint);
        let slot = &self.slots[at];
        let is_found = slot.fingerprint == fingerprint;
        Found { slot: at as u32, df: if is_found { slot.df } else { 0 } }
    }

    /// Takes note of an occurrence of an n-gram in a document, and of whether it `is_extended` there: whether some longer n-gram
    /// has the same document set. Answers whether it is the first of the document, unless the n-gram is known to be
    /// extended, here or elsewhere. Documents must come in ascending order.
    #[inline]
    pub fn note(&mut self, slot: u32, document: u32, is_extended: bool) -> bool {
        let marks = &mut self.slots[slot as usize].marks;
        // In this form no branch is made of what is as irregular as a coin.
        let marked = *marks | u32::from(is_extended) << EXTENDED_BIT;
        *marks = marked & EXTENDED | (document + 1);
        (marked < EXTENDED) & (marked != document + 1)
    }

    /// Whether some occurrence of an n-gram was extended.
    #[inline]
    #[must_use]
    pub fn is_extended(&self, slot: u32) -> bool {
        self.slots[slot as usize].marks & EXTENDED != 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Uniform, or crowded at either end.
    fn key() -> impl Strategy<Value = u64> {
        prop_oneof![any::<u64>(), 0u64..100, u64::MAX - 100..=u64::MAX]
    }

    proptest! {
        #[test]
        fn finds_exactly_what_was_inserted(keys in prop::collection::btree_map(key(), 1u32..1000, 0..200), others in prop::collection::vec(key(), 0..50), order in any::<u64>()) {
            let entries: Vec<Entry> = keys.iter().map(|(&fingerprint, &df)| Entry { fingerprint, low: df, high: df }).collect();
            let mut table = Screened::default();
            table.reset(entries.len());
            let parts = entries.iter().partition::<Vec<_>, _>(|entry| (entry.fingerprint ^ order) % 2 == 0);
            for part in [parts.0, parts.1] {
                let mut block = Vec::new();
                block::encode(&part, &mut block);
                table.insert_block(&block).unwrap();
            }
            let all: Vec<u64> = keys.keys().chain(&others).copied().collect();
            let (mut found, mut unfinished) = (vec![Found { slot: 7, df: 7 }; 3], Vec::new());
            table.look_up(&all, &mut found, &mut unfinished);
            prop_assert_eq!(found.len(), all.len());
            for (key, found) in all.iter().zip(&found) {
                prop_assert_eq!(found.df, keys.get(key).copied().unwrap_or(0));
                prop_assert_eq!(*found, table.get(*key));
                prop_assert!(found.df == 0 || table.entry(found.slot) == (*key, found.df));
            }
            let slots = keys.keys().map(|&key| table.get(key).slot).collect::<Vec<_>>();
            prop_assert!(slots.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn marks_are_per_document_and_extended_is_final() {
        let mut table = Screened::default();
        table.reset(1);
        table.insert(Entry { fingerprint: 5, low: 2, high: 2 });
        let slot = table.get(5).slot;
        assert!(table.note(slot, 0, false));
        assert!(!table.note(slot, 0, false));
        assert!(table.note(slot, 1, false));
        assert!(!table.is_extended(slot));
        assert!(!table.note(slot, 2, true));
        assert!(!table.note(slot, 3, false));
        assert!(table.is_extended(slot));
    }
}
