//! The n-grams that can still reach the floor, as shorter ones inside them do.
//!
//! An n-gram occurs in no more documents than each shorter one inside it, so one that holds a pair
//! (or a triple) below the floor is below it too, wherever it stands (the Apriori property: R. Agrawal
//! and R. Srikant, *Fast algorithms for mining association rules*, 1994). What is left out so is
//! left out by the exact *global* df of what is inside, never by what one shard holds, and at all of its
//! occurrences: the counts of what is left are exact.

use std::ops::Range;

use crate::Fingerprinter;
use crate::block::{self, BlockError};
use crate::fingerprint::Ngrams;
use crate::room::make_room;
use crate::segment::Segment;

/// The n-grams of one order and segment whose global df reaches the floor.
///
/// Open addressing in buckets of a few fingerprints, filled from the front: a bucket with room
/// ends every search. 0 is an empty place, so the fingerprints 0 and 1 are taken for one, which is
/// as likely as any other collision.
///
/// Memory: 16 to 32 bytes per n-gram.
#[derive(Debug, Default)]
pub struct Frequent {
    buckets: Vec<[u64; BUCKET]>,
    shift: u32,
    /// Those of the last block that was inserted.
    fingerprints: Vec<u64>,
}

const BUCKET: usize = 4;

/// N-grams that are looked up together: their buckets fill a fraction of the nearest cache.
const TOGETHER: usize = 64;

impl Frequent {
    /// Empties the set and makes room for `ngrams`.
    pub fn reset(&mut self, ngrams: usize) {
        let buckets = (2 * ngrams / BUCKET).next_power_of_two().max(2);
        self.shift = u64::BITS - buckets.ilog2();
        make_room(&mut self.buckets, buckets);
        self.buckets.resize(buckets, [0; BUCKET]);
    }

    /// Adds the entries of a screened block whose df is at least `floor`. The caller has reset the
    /// set for as many as there are.
    ///
    /// # Errors
    /// If the block is damaged, or has more entries than there was made room for.
    pub fn insert_block(&mut self, block: &[u8], floor: u32) -> Result<(), BlockError> {
        let mut fingerprints = std::mem::take(&mut self.fingerprints);
        fingerprints.clear();
        let decoded = block::decode(block, |entry| {
            if entry.low >= floor {
                fingerprints.push(entry.fingerprint);
            }
        });
        let mut fits = true;
        for together in fingerprints.chunks(TOGETHER) {
            self.approach(together);
            together.iter().for_each(|&fingerprint| fits &= self.insert(fingerprint));
        }
        self.fingerprints = fingerprints;
        decoded?;
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

    /// Whether the n-gram is one of them.
    #[inline]
    #[must_use]
    pub fn contains(&self, fingerprint: u64) -> bool {
        let fingerprint = fingerprint.max(1);
        let bucket = &self.buckets[self.home(fingerprint)];
        let is_here = holds(bucket, fingerprint);
        // Few buckets are full: the branch is one that is guessed right.
        if bucket[BUCKET - 1] == 0 || is_here { is_here } else { self.contains_beyond(fingerprint) }
    }

    /// Brings the buckets of some n-grams near. The set is larger than the caches, and a loop that does nothing but load
    /// has more of them under way than one that also compares.
    #[inline]
    fn approach(&self, fingerprints: &[u64]) {
        let first = |&fingerprint: &u64| self.buckets[self.home(fingerprint)][0];
        std::hint::black_box(fingerprints.iter().map(first).fold(0, |all, one| all ^ one));
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

/// Of how many frequent n-grams in a row begin at each position, up to a bound, to the same with a bound that is one more: a
/// loop that goes over all positions at once, where one from the last position to the first would wait for each.
fn lengthen(rows: &mut [u8]) {
    for at in 1..rows.len() {
        let is_frequent = u8::from(rows[at - 1] != 0);
        rows[at - 1] = is_frequent + rows[at] * is_frequent;
    }
}

/// An n-gram of the current order that is counted.
#[derive(Debug, Clone, Copy, Default)]
struct Survivor {
    /// Position of its first token in the segment.
    at: u32,
    /// Ordinal of its document.
    document: u16,
    /// Tokens of the longest n-gram that starts here and holds nothing infrequent.
    reach: u8,
}

/// The n-grams of a segment that hold nothing infrequent, order by order: those of an order are
/// among those of the order before, one token longer.
///
/// Memory: 8 bytes per n-gram of the first order that survives, 8 per token of the segment and 9 of the longest document.
#[derive(Debug, Default)]
pub struct Survivors {
    survivors: Vec<Survivor>,
    fingerprinter: Fingerprinter,
    order: u8,
    fingerprints: Vec<u64>,
    reach: Vec<u8>,
}

impl Survivors {
    /// Finds those that are one token longer than the n-grams of order `inner`, of which `frequent`
    /// holds those that count, as the first of the orders up to `last`. Those of orders up to
    /// `whole` are all found, whatever they hold.
    pub fn find(&mut self, segment: &Segment, frequent: &Frequent, inner: u8, last: u8, whole: u8) {
        self.order = inner + 1;
        self.survivors.clear();
        let mut fingerprinter = std::mem::take(&mut self.fingerprinter);
        fingerprinter.restart(segment.hashes());
        let ngrams = fingerprinter.of(inner.into());
        let least = if whole > inner { 0 } else { self.order };
        for (document, range) in segment.ngram_ranges(inner.into()).enumerate() {
            let start = range.start;
            self.measure(ngrams, range, frequent, inner, last);
            self.keep(start, document as u16, least);
        }
        self.fingerprinter = fingerprinter;
    }

    /// Fills `reach` for every position of a document that has an n-gram of the first order; `range` are those of its
    /// n-grams of order `inner`.
    fn measure(
        &mut self,
        ngrams: Ngrams<'_>,
        range: Range<usize>,
        frequent: &Frequent,
        inner: u8,
        last: u8,
    ) {
        self.fingerprints.clear();
        ngrams.append(range, &mut self.fingerprints);
        self.reach.clear();
        for together in self.fingerprints.chunks(TOGETHER) {
            frequent.approach(together);
            self.reach.extend(together.iter().map(|&ngram| u8::from(frequent.contains(ngram))));
        }
        let none = inner - 1;
        for _ in none + 1..last {
            lengthen(&mut self.reach);
        }
        self.reach.iter_mut().for_each(|reach| *reach += none);
        self.reach.pop();
    }

    /// Keeps the n-grams of the first order of a document that begins at `start` of the segment.
    fn keep(&mut self, start: usize, document: u16, least: u8) {
        let before = self.survivors.len();
        self.survivors.resize(before + self.reach.len(), Survivor::default());
        let mut kept = before;
        for (at, &reach) in (start as u32..).zip(&self.reach) {
            self.survivors[kept] = Survivor { at, document, reach };
            kept += usize::from(reach >= least);
        }
        self.survivors.truncate(kept);
    }

    /// Goes on to the next order of the same segment.
    pub fn advance(&mut self) {
        let mut kept = 0;
        for next in 0..self.survivors.len() {
            let survivor = self.survivors[next];
            self.survivors[kept] = survivor;
            kept += usize::from(survivor.reach > self.order);
        }
        self.survivors.truncate(kept);
        self.order += 1;
    }

    /// The current order.
    #[must_use]
    pub fn order(&self) -> u8 {
        self.order
    }

    /// Number of n-grams of the current order.
    pub(crate) fn len(&self) -> usize {
        self.survivors.len()
    }

    /// Appends the fingerprint of every n-gram of the current order, in text order.
    pub fn append(&self, out: &mut Vec<u64>) {
        let positions = self.survivors.iter().map(|survivor| survivor.at as usize);
        self.fingerprinter.of(self.order.into()).append_at(positions, out);
    }

    /// The document of every one.
    #[inline]
    pub fn documents(&self) -> impl Iterator<Item = u32> {
        self.survivors.iter().map(|survivor| u32::from(survivor.document))
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

    fn set_of(fingerprints: &BTreeSet<u64>) -> Frequent {
        let mut pairs = Frequent::default();
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
        inner: usize,
        order: usize,
        whole: u8,
    ) -> Vec<(u64, u32)> {
        let is_frequent = |ngram: &[u64]| frequent.contains(&fingerprint(ngram));
        let mut all = Vec::new();
        for (document, hashes) in segment.iter().enumerate() {
            for ngram in hashes.windows(order) {
                if order <= usize::from(whole) || ngram.windows(inner).all(is_frequent) {
                    all.push((fingerprint(ngram), document as u32));
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn set_holds_what_was_inserted(inside in prop::collection::btree_set(prop_oneof![any::<u64>(), 2u64..60, u64::MAX - 40..=u64::MAX], 0..300), others in prop::collection::vec(any::<u64>(), 0..50)) {
            let pairs = set_of(&inside);
            for &fingerprint in inside.iter().chain(&others) {
                prop_assert_eq!(pairs.contains(fingerprint), inside.contains(&fingerprint));
            }
        }

        #[test]
        fn survivors_equal_the_naive_twin(texts in prop::collection::vec("([abcd] ?){0,40}", 0..8), keep in any::<u64>(), inner in 2u8..=4, whole in 2u8..=3, longer in 1u8..=4) {
            let mut segment = Segment::default();
            texts.iter().for_each(|text| segment.push(text, &Words, 1));
            let (order, last) = (usize::from(inner), inner + longer);
            let all = segment.iter().flat_map(|hashes| hashes.windows(order).map(fingerprint).collect::<Vec<_>>());
            let frequent: BTreeSet<u64> = all.filter(|ngram| keep >> (ngram % 64) & 1 == 1).collect();
            let mut survivors = Survivors::default();
            survivors.find(&segment, &set_of(&frequent), inner, last, whole);
            for order in inner + 1..=last {
                prop_assert_eq!(survivors.order(), order);
                let mut fingerprints = Vec::new();
                survivors.append(&mut fingerprints);
                prop_assert_eq!(fingerprints.len(), survivors.len());
                let got: Vec<(u64, u32)> = fingerprints.into_iter().zip(survivors.documents()).collect();
                prop_assert_eq!(got, naive(&segment, &frequent, inner.into(), order.into(), whole));
                survivors.advance();
            }
        }
    }

    #[test]
    fn what_is_below_the_floor_and_damaged_blocks_are_left_out() {
        let entries = [(3, 9), (8, 10), (12, 11)].map(|(fingerprint, df)| Entry {
            fingerprint,
            low: df,
            high: df,
        });
        let mut block = Vec::new();
        encode(&entries, &mut block);
        let mut pairs = Frequent::default();
        pairs.reset(3);
        pairs.insert_block(&block, 10).unwrap();
        assert_eq!([3, 8, 12].map(|pair| pairs.contains(pair)), [false, true, true]);
        pairs.insert_block(&block[1..], 10).unwrap_err();
    }
}
