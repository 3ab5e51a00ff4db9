//! Exact counting of a segment: df and cf of every n-gram, by partitioning and sorting.
//!
//! Per order, every n-gram becomes one word: the fingerprint without its top bits, then the
//! document ordinal. The top bits choose one of 4096 partitions, so nothing is lost, and a sorted
//! partition lists the documents of each n-gram side by side. No hash table, no pruning.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::Fingerprinter;
use crate::block::Columns;
use crate::fingerprint::fingerprint;
use crate::longer::Survivors;
use crate::object::{Header, Kind, ObjectBuilder};
use crate::room::make_room;
use crate::segment::Segment;
use crate::sort::BinSort;

/// Bits of a fingerprint that choose its partition; as many as a document ordinal needs, so that
/// the rest of the fingerprint and the ordinal fill one 64-bit word.
pub const PARTITION_BITS: u32 = Segment::DOCUMENT_BITS;
/// Number of partitions.
pub const PARTITIONS: usize = 1 << PARTITION_BITS;
/// Slices of a run: each covers `PARTITIONS / SLICES` neighbouring partitions.
pub const SLICES: usize = 256;

/// The partition of a fingerprint.
#[inline]
#[must_use]
pub fn partition_of(fingerprint: u64) -> usize {
    (fingerprint >> (64 - PARTITION_BITS)) as usize
}

/// Label of the frame that holds one partition of one order.
#[must_use]
pub fn label(partition: usize, order: u8) -> u32 {
    (partition as u32) << 8 | u32::from(order)
}

/// The partition and order of a frame label.
#[must_use]
pub fn unlabel(label: u32) -> (usize, u8) {
    ((label >> 8) as usize, label as u8)
}

/// Counts segments; keeps its memory from one to the next.
///
/// Memory: 32 bytes per token of the largest segment, and the encoded run twice.
#[derive(Debug, Default)]
pub struct Counter {
    fingerprinter: Fingerprinter,
    /// Of the n-grams of one order, in text order.
    fingerprints: Vec<u64>,
    keys: Vec<u64>,
    sorted: Vec<u64>,
    columns: Columns,
    sort: BinSort,
    tokens: Tokens,
    /// Per order that is counted.
    blocks: Vec<OrderBlocks>,
    object: Vec<u8>,
}

/// The n-grams of one order of a segment.
trait Ngrams {
    /// How many there are at most.
    fn most(&self) -> usize;
    /// Appends the fingerprint of every one, in text order.
    fn fingerprints(&self, out: &mut Vec<u64>);
    /// Passes on all `fingerprints`, each with its document.
    fn each(&self, fingerprints: &[u64], take: impl FnMut(u64, u32));
}

/// All of them.
struct Whole<'a> {
    segment: &'a Segment,
    fingerprinter: &'a Fingerprinter,
    order: usize,
}

impl Ngrams for Whole<'_> {
    fn most(&self) -> usize {
        self.segment.tokens()
    }

    fn fingerprints(&self, out: &mut Vec<u64>) {
        let ngrams = self.fingerprinter.of(self.order);
        self.segment.ngram_ranges(self.order).for_each(|range| ngrams.append(range, out));
    }

    #[inline]
    fn each(&self, mut fingerprints: &[u64], mut take: impl FnMut(u64, u32)) {
        for (document, range) in self.segment.ngram_ranges(self.order).enumerate() {
            let (own, rest) = fingerprints.split_at(range.len());
            own.iter().for_each(|&ngram| take(ngram, document as u32));
            fingerprints = rest;
        }
    }
}

impl Ngrams for Survivors {
    fn most(&self) -> usize {
        self.len()
    }

    fn fingerprints(&self, out: &mut Vec<u64>) {
        self.append(out);
    }

    #[inline]
    fn each(&self, fingerprints: &[u64], mut take: impl FnMut(u64, u32)) {
        let documents = self.documents().zip(fingerprints);
        documents.for_each(|(document, &fingerprint)| take(fingerprint, document));
    }
}

/// All partitions of one order, encoded.
#[derive(Debug, Default)]
struct OrderBlocks {
    order: u8,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl OrderBlocks {
    fn clear(&mut self, order: u8) {
        self.order = order;
        self.bytes.clear();
        self.ends.clear();
    }

    /// Leaves all partitions before `partition` empty that have not been written.
    fn pad(&mut self, partition: usize) {
        self.ends.resize(partition, self.bytes.len());
    }
}

/// The different tokens of a segment with their counts.
#[derive(Debug, Default)]
struct Tokens {
    counts: Vec<Token>,
    memory: Vec<Token>,
    sort: BinSort,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    fingerprint: u64,
    occurrences: u32,
    documents: u32,
    /// 1 + ordinal of the last document that was counted.
    last: u32,
}

impl Tokens {
    /// By ascending fingerprint.
    fn count(&mut self, segment: &Segment) -> &[Token] {
        self.count_as(segment, |ordinal| ordinal);
        let is_twice = |tokens: &[Token]| tokens[0].fingerprint == tokens[1].fingerprint;
        if self.sorted().windows(2).any(is_twice) {
            let first = first_of_hash(segment.vocabulary());
            self.count_as(segment, |ordinal| first[ordinal as usize]);
            self.counts.retain(|token| token.occurrences > 0);
        }
        self.sorted()
    }

    /// Counts every token as that of the ordinal that `first` names.
    fn count_as(&mut self, segment: &Segment, first: impl Fn(u32) -> u32) {
        self.counts.clear();
        self.counts.extend(segment.vocabulary().iter().map(|&hash| Token {
            fingerprint: fingerprint(&[hash]),
            occurrences: 0,
            documents: 0,
            last: 0,
        }));
        for (document, range) in segment.ranges().enumerate() {
            let document = document as u32 + 1;
            for &ordinal in &segment.ordinals()[range] {
                let token = &mut self.counts[first(ordinal) as usize];
                token.occurrences += 1;
                token.documents += u32::from(token.last != document);
                token.last = document;
            }
        }
    }

    fn sorted(&mut self) -> &[Token] {
        self.sort.sort(&self.counts, &mut self.memory, |token| token.fingerprint)
    }
}

/// Of every token the first one that has its hash: different tokens of a segment can have the same.
fn first_of_hash(hashes: &[u64]) -> Vec<u32> {
    let mut firsts = BTreeMap::new();
    hashes.iter().zip(0..).map(|(hash, ordinal)| *firsts.entry(hash).or_insert(ordinal)).collect()
}

fn header(segment: &Segment, seed: u64, config: [u8; 32]) -> Header {
    let (documents, tokens) = (segment.documents() as u64, segment.tokens() as u64);
    Header { kind: Kind::Count, seed, config, documents, tokens }
}

impl Counter {
    /// The run of `segment`, with every n-gram of `orders`: an object of kind [`Kind::Count`].
    ///
    /// Cost: about 20 ns per token and order.
    pub fn count(
        &mut self,
        segment: &Segment,
        orders: RangeInclusive<u8>,
        seed: u64,
        config: [u8; 32],
    ) -> Vec<u8> {
        let mut fingerprinter = std::mem::take(&mut self.fingerprinter);
        fingerprinter.restart(segment.hashes());
        self.blocks.resize_with(orders.len(), OrderBlocks::default);
        for (index, order) in orders.enumerate() {
            self.blocks[index].clear(order);
            let whole = Whole { segment, fingerprinter: &fingerprinter, order: order.into() };
            match order {
                1 => self.count_tokens(segment, index),
                _ => self.count_order(&whole, index),
            }
        }
        self.fingerprinter = fingerprinter;
        self.assemble(header(segment, seed, config))
    }

    /// The run of the n-grams of `segment` that `survivors`, which begin at order 3, leave to be
    /// counted, up to order `last`: as [`Counter::count`].
    pub fn count_longer(
        &mut self,
        segment: &Segment,
        survivors: &mut Survivors,
        last: u8,
        seed: u64,
        config: [u8; 32],
    ) -> Vec<u8> {
        let orders = survivors.order()..=last;
        self.blocks.resize_with(orders.len(), OrderBlocks::default);
        for (index, order) in orders.enumerate() {
            self.blocks[index].clear(order);
            self.count_order(survivors, index);
            survivors.advance();
        }
        self.assemble(header(segment, seed, config))
    }

    /// That of the segment that was counted last by [`Counter::count`].
    #[must_use]
    pub fn fingerprinter(&self) -> &Fingerprinter {
        &self.fingerprinter
    }

    /// Takes back the memory of a run that was made here.
    pub fn recycle(&mut self, object: Vec<u8>) {
        self.object = object;
    }

    /// Counts the n-grams of one order into the blocks of this index.
    fn count_order(&mut self, ngrams: &impl Ngrams, index: usize) {
        let starts = self.scatter(ngrams);
        let blocks = &mut self.blocks[index];
        for partition in 0..PARTITIONS {
            let keys = &self.keys[starts[partition] as usize..starts[partition + 1] as usize];
            if !keys.is_empty() {
                let sorted = self.sort.sort(keys, &mut self.sorted, |&key| key);
                let top = (partition as u64) << (64 - PARTITION_BITS);
                self.columns.count(sorted, Segment::DOCUMENT_BITS, top);
                self.columns.encode(&mut blocks.bytes);
            }
            blocks.ends.push(blocks.bytes.len());
        }
    }

    /// Counts order 1, where the segment has numbered the different n-grams already.
    fn count_tokens(&mut self, segment: &Segment, index: usize) {
        let blocks = &mut self.blocks[index];
        let tokens = self.tokens.count(segment);
        for same in
            tokens.chunk_by(|a, b| partition_of(a.fingerprint) == partition_of(b.fingerprint))
        {
            blocks.pad(partition_of(same[0].fingerprint));
            self.columns.clear();
            for token in same {
                self.columns.push(token.fingerprint, token.documents, token.occurrences);
            }
            self.columns.encode(&mut blocks.bytes);
            blocks.ends.push(blocks.bytes.len());
        }
        blocks.pad(PARTITIONS);
    }

    /// Fills `keys` with all packed n-grams, partition by partition; returns where each partition
    /// starts.
    fn scatter(&mut self, ngrams: &impl Ngrams) -> Vec<u32> {
        let fingerprints = &mut self.fingerprints;
        make_room(fingerprints, ngrams.most());
        ngrams.fingerprints(fingerprints);
        let mut next = vec![0u32; PARTITIONS + 1];
        for &fingerprint in fingerprints.iter() {
            next[partition_of(fingerprint) + 1] += 1;
        }
        for partition in 0..PARTITIONS {
            next[partition + 1] += next[partition];
        }
        let starts = next.clone();
        // What is there from before is overwritten: filling more with zeros would cost as much.
        let keys = starts[PARTITIONS] as usize;
        if self.keys.len() < keys {
            make_room(&mut self.keys, keys);
            self.keys.resize(keys, 0);
        }
        ngrams.each(fingerprints, |fingerprint, document| {
            let at = &mut next[partition_of(fingerprint)];
            self.keys[*at as usize] = fingerprint << PARTITION_BITS | u64::from(document);
            *at += 1;
        });
        starts
    }

    /// Puts the blocks in partition order, all orders of a partition side by side, so that a reader
    /// of a fingerprint range reads one piece of the object.
    fn assemble(&mut self, header: Header) -> Vec<u8> {
        let blocks = &self.blocks;
        let bytes: usize = blocks.iter().map(|block| block.bytes.len() + 16 * PARTITIONS).sum();
        let memory = std::mem::take(&mut self.object);
        let mut builder = ObjectBuilder::in_memory(header, SLICES, bytes, memory);
        for partition in 0..PARTITIONS {
            for block in blocks {
                let start = if partition == 0 { 0 } else { block.ends[partition - 1] };
                let payload = &block.bytes[start..block.ends[partition]];
                if !payload.is_empty() {
                    builder.frame(label(partition, block.order), payload);
                }
            }
            if (partition + 1).is_multiple_of(PARTITIONS / SLICES) {
                builder.end_slice();
            }
        }
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Words;
    use crate::block;
    use crate::object::{Directory, take_frame};
    use proptest::prelude::*;

    type Counts = BTreeMap<(u8, u64), (u32, u32)>;

    fn naive(documents: &[String], orders: std::ops::RangeInclusive<u8>) -> Counts {
        let mut counts = Counts::new();
        for text in documents {
            let mut seen = std::collections::BTreeSet::new();
            let mut segment = Segment::default();
            segment.push(text, &Words, 3);
            for order in orders.clone() {
                for window in segment.iter().next().unwrap().windows(usize::from(order)) {
                    let key = (order, fingerprint(window));
                    let count = counts.entry(key).or_insert((0, 0));
                    count.0 += u32::from(seen.insert(key));
                    count.1 += 1;
                }
            }
        }
        counts
    }

    fn read_run(bytes: &[u8]) -> Counts {
        let directory = Directory::parse(bytes, bytes.len() as u64).unwrap();
        let range = directory.range(0, SLICES);
        let mut rest = &bytes[range.start as usize..range.end as usize];
        let mut counts = Counts::new();
        while let Some(frame) = take_frame(&mut rest).unwrap() {
            let (partition, order) = unlabel(frame.label);
            block::decode(frame.payload, |entry| {
                assert_eq!(partition_of(entry.fingerprint), partition);
                assert!(
                    counts.insert((order, entry.fingerprint), (entry.low, entry.high)).is_none()
                );
            })
            .unwrap();
        }
        counts
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn equals_the_naive_twin(documents in prop::collection::vec("([abc] ?){0,60}|\\PC{0,40}", 0..20), last in 1u8..=8) {
            let mut segment = Segment::default();
            for text in &documents {
                segment.push(text, &Words, 3);
            }
            let run = Counter::default().count(&segment, 1..=last, 3, [0; 32]);
            prop_assert_eq!(read_run(&run), naive(&documents, 1..=last));
        }
    }

    #[test]
    fn tokens_of_one_hash_are_one() {
        let counted = |ordinals: &[u32], vocabulary: &[u64]| {
            let mut segment = Segment::default();
            let put = |out: &mut Vec<u32>| out.extend_from_slice(ordinals);
            assert!(segment.restore([3, 2].into_iter(), vocabulary.iter().copied(), put));
            read_run(&Counter::default().count(&segment, 1..=2, 3, [0; 32]))
        };
        let one = counted(&[0, 1, 0, 2, 0], &[70, 80, 90]);
        assert_eq!(one[&(1, fingerprint(&[70]))], (2, 3));
        assert_eq!(counted(&[0, 1, 2, 3, 2], &[70, 80, 70, 90]), one);
    }

    #[test]
    fn memory_is_reused_without_leaking_counts() {
        let mut counter = Counter::default();
        let mut segment = Segment::default();
        segment.push("a b a b", &Words, 3);
        let first = counter.count(&segment, 1..=2, 3, [0; 32]);
        segment.clear();
        segment.push("c", &Words, 3);
        counter.count(&segment, 1..=2, 3, [0; 32]);
        segment.clear();
        segment.push("a b a b", &Words, 3);
        assert_eq!(counter.count(&segment, 1..=2, 3, [0; 32]), first);
    }
}
