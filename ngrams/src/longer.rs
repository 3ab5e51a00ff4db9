//! The n-grams longer than pairs that can still reach the floor.
//!
//! An n-gram occurs in no more documents than each pair of neighbours inside it, so one that holds
//! a pair below the floor is below it too, wherever it stands (the Apriori property: R. Agrawal
//! and R. Srikant, *Fast algorithms for mining association rules*, 1994). What is left out so is
//! left out by the exact *global* df of its pairs, never by what one shard holds, and at all of its
//! occurrences: the counts of what is left are exact.

use crate::block::{self, BlockError};
use crate::fingerprint::{finish, step};
use crate::segment::Segment;

/// The pairs of one segment whose global df reaches the floor.
///
/// Open addressing in buckets of a few fingerprints, filled from the front: a bucket with room
/// ends every search. 0 is an empty place, so the fingerprints 0 and 1 are taken for one, which is
/// as likely as any other collision.
///
/// Memory: 16 to 32 bytes per pair.
#[derive(Debug, Default)]
pub struct FrequentPairs {
    buckets: Vec<[u64; BUCKET]>,
    shift: u32,
}

const BUCKET: usize = 4;

impl FrequentPairs {
    /// Empties the set and makes room for `pairs`.
    pub fn reset(&mut self, pairs: usize) {
        let buckets = (2 * pairs / BUCKET).next_power_of_two().max(2);
        self.shift = u64::BITS - buckets.ilog2();
        self.buckets.clear();
        self.buckets.resize(buckets, [0; BUCKET]);
    }

    /// Adds the entries of a screened block whose df is at least `floor`. The caller has reset the
    /// set for as many as there are.
    ///
    /// # Errors
    /// If the block is damaged, or has more entries than there was made room for.
    pub fn insert_block(&mut self, block: &[u8], floor: u32) -> Result<(), BlockError> {
        let mut fits = true;
        block::decode(block, |entry| {
            if entry.low >= floor {
                fits &= self.insert(entry.fingerprint);
            }
        })?;
        fits.then_some(()).ok_or(BlockError::Field("number of entries"))
    }

    /// Whether there was room.
    fn insert(&mut self, fingerprint: u64) -> bool {
        let fingerprint = fingerprint.max(1);
        let (home, mask) = (self.home(fingerprint), self.buckets.len() - 1);
        let free = (0..self.buckets.len()).find_map(|next| {
            let bucket = (home + next) & mask;
            let place = self.buckets[bucket].iter().position(|&there| there == 0)?;
            Some((bucket, place))
        });
        if let Some((bucket, place)) = free {
            self.buckets[bucket][place] = fingerprint;
        }
        free.is_some()
    }

    #[inline]
    fn home(&self, fingerprint: u64) -> usize {
        (fingerprint >> self.shift) as usize
    }

    /// Whether the pair is one of them.
    #[inline]
    #[must_use]
    pub fn contains(&self, fingerprint: u64) -> bool {
        let fingerprint = fingerprint.max(1);
        let bucket = &self.buckets[self.home(fingerprint)];
        let is_here = holds(bucket, fingerprint);
        // Few buckets are full: the branch is one that is guessed right.
        if bucket[BUCKET - 1] == 0 || is_here { is_here } else { self.contains_beyond(fingerprint) }
    }

    #[cold]
    fn contains_beyond(&self, fingerprint: u64) -> bool {
        let (home, mask) = (self.home(fingerprint), self.buckets.len() - 1);
        for next in 1..self.buckets.len() {
            let bucket = &self.buckets[(home + next) & mask];
            if holds(bucket, fingerprint) {
                return true;
            }
            if bucket[BUCKET - 1] == 0 {
                return false;
            }
        }
        false
    }
}

#[inline]
fn holds(bucket: &[u64; BUCKET], fingerprint: u64) -> bool {
    bucket.iter().fold(false, |held, &there| held | (there == fingerprint))
}

/// An n-gram of the current order that is counted.
#[derive(Debug, Clone, Copy, Default)]
struct Survivor {
    /// Position of its first token in the segment.
    at: u32,
    /// Ordinal of its document.
    document: u16,
    /// Tokens up to the end of the longest n-gram that starts here and consists of frequent pairs.
    reach: u8,
}

/// The n-grams of a segment that consist of frequent pairs, order by order: those of an order are
/// among those of the order before, one token longer.
///
/// Memory: 16 bytes per n-gram of order 3 that survives.
#[derive(Debug, Default)]
pub struct Survivors {
    survivors: Vec<Survivor>,
    /// Polynomial of each, see [`crate::fingerprint`].
    sums: Vec<u64>,
    order: u8,
    reach: Vec<u8>,
}

impl Survivors {
    /// Finds those of order 3 in `segment`. Those of orders up to `whole` (3 at most) are counted
    /// without asking for their pairs.
    pub fn find(&mut self, segment: &Segment, pairs: &FrequentPairs, last: u8, whole: u8) {
        self.order = 3;
        self.survivors.clear();
        self.sums.clear();
        for (document, range) in segment.ranges().enumerate() {
            let start = range.start;
            self.measure(&segment.hashes()[range], pairs, last);
            let least = if whole >= 3 { 2 } else { 3 };
            self.keep(&segment.hashes()[start..], start, document, least);
        }
    }

    /// Fills `reach` for every position of a document that has an n-gram of order 3: 2, or more
    /// if the pairs from there on are frequent.
    fn measure(&mut self, hashes: &[u64], pairs: &FrequentPairs, last: u8) {
        let pair = |pair: &[u64]| finish(step(step(0, pair[0]), pair[1]), 2);
        self.reach.clear();
        self.reach.extend(hashes.windows(2).map(|two| u8::from(pairs.contains(pair(two)))));
        let mut reach = 1;
        for at in self.reach.iter_mut().rev() {
            // Frequent: one token more than from the next position. Else: one token.
            reach = (reach * *at + 1).min(last);
            *at = reach;
        }
        self.reach.pop();
    }

    /// Keeps the n-grams of order 3 of a document that begins at `start` of the segment; `hashes`
    /// are those of the segment from there on.
    fn keep(&mut self, hashes: &[u64], start: usize, document: usize, least: u8) {
        let (before, more) = (self.survivors.len(), self.reach.len());
        self.survivors.resize(before + more, Survivor::default());
        self.sums.resize(before + more, 0);
        let mut kept = before;
        for (at, (&reach, three)) in self.reach.iter().zip(hashes.windows(3)).enumerate() {
            let (at, document) = ((start + at) as u32, document as u16);
            self.survivors[kept] = Survivor { at, document, reach };
            self.sums[kept] = three.iter().fold(0, |sum, &hash| step(sum, hash));
            kept += usize::from(least == 2 || reach >= least);
        }
        self.survivors.truncate(kept);
        self.sums.truncate(kept);
    }

    /// Goes on to the next order of the same segment, whose token hashes are `hashes`.
    pub fn advance(&mut self, hashes: &[u64]) {
        let order = usize::from(self.order);
        let mut kept = 0;
        for next in 0..self.survivors.len() {
            let survivor = self.survivors[next];
            let is_longer = usize::from(survivor.reach) > order;
            // What does not survive may end where the segment does.
            let at = survivor.at as usize + if is_longer { order } else { 0 };
            self.sums[kept] = step(self.sums[next], hashes[at]);
            self.survivors[kept] = survivor;
            kept += usize::from(is_longer);
        }
        self.survivors.truncate(kept);
        self.sums.truncate(kept);
        self.order += 1;
    }

    /// The current order.
    #[must_use]
    pub fn order(&self) -> u8 {
        self.order
    }

    /// Fingerprint and document of every n-gram of the current order, in text order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        let order = u64::from(self.order);
        self.sums
            .iter()
            .zip(&self.survivors)
            .map(move |(&sum, survivor)| (finish(sum, order), u32::from(survivor.document)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Words;
    use crate::block::{Entry, encode};
    use crate::fingerprint::fingerprint;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn pairs_of(fingerprints: &BTreeSet<u64>) -> FrequentPairs {
        let mut pairs = FrequentPairs::default();
        pairs.reset(fingerprints.len());
        let entry = |&fingerprint: &u64| Entry { fingerprint, low: 7, high: 7 };
        let mut block = Vec::new();
        encode(&fingerprints.iter().map(entry).collect::<Vec<_>>(), &mut block);
        pairs.insert_block(&block, 7).unwrap();
        pairs
    }

    fn naive(
        segment: &Segment,
        frequent: &BTreeSet<u64>,
        order: usize,
        whole: u8,
    ) -> Vec<(u64, u32)> {
        let is_frequent = |pair: &[u64]| frequent.contains(&fingerprint(pair));
        let mut all = Vec::new();
        for (document, hashes) in segment.iter().enumerate() {
            for ngram in hashes.windows(order) {
                if order <= usize::from(whole) || ngram.windows(2).all(is_frequent) {
                    all.push((fingerprint(ngram), document as u32));
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn set_holds_what_was_inserted(inside in prop::collection::btree_set(prop_oneof![any::<u64>(), 2u64..60, u64::MAX - 40..=u64::MAX], 0..300), others in prop::collection::vec(any::<u64>(), 0..50)) {
            let pairs = pairs_of(&inside);
            for &fingerprint in inside.iter().chain(&others) {
                prop_assert_eq!(pairs.contains(fingerprint), inside.contains(&fingerprint));
            }
        }

        #[test]
        fn survivors_equal_the_naive_twin(texts in prop::collection::vec("([abcd] ?){0,40}", 0..8), keep in any::<u64>(), whole in 2u8..=3, last in 3u8..=8) {
            let mut segment = Segment::default();
            texts.iter().for_each(|text| segment.push(text, &Words, 1));
            let all = segment.iter().flat_map(|hashes| hashes.windows(2).map(fingerprint).collect::<Vec<_>>());
            let frequent: BTreeSet<u64> = all.filter(|pair| keep >> (pair % 64) & 1 == 1).collect();
            let mut survivors = Survivors::default();
            survivors.find(&segment, &pairs_of(&frequent), last, whole);
            for order in 3..=last {
                prop_assert_eq!(survivors.order(), order);
                let got: Vec<(u64, u32)> = survivors.iter().collect();
                prop_assert_eq!(got, naive(&segment, &frequent, usize::from(order), whole));
                survivors.advance(segment.hashes());
            }
        }
    }

    #[test]
    fn pairs_below_the_floor_and_damaged_blocks_are_left_out() {
        let entries = [(3, 9), (8, 10), (12, 11)].map(|(fingerprint, df)| Entry {
            fingerprint,
            low: df,
            high: df,
        });
        let mut block = Vec::new();
        encode(&entries, &mut block);
        let mut pairs = FrequentPairs::default();
        pairs.reset(3);
        pairs.insert_block(&block, 10).unwrap();
        assert_eq!([3, 8, 12].map(|pair| pairs.contains(pair)), [false, true, true]);
        pairs.insert_block(&block[1..], 10).unwrap_err();
    }
}
