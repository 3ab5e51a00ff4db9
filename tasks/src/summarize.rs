//! From the postings of one n-gram to its summary: exact integers only.

use std::cmp::Reverse;

use taster_findings::{
    AxisSummary, CorpusTotals, DispersionAccumulator, Summary, TopPlace, exchange_sides,
    most_associated,
};
use taster_ngrams::posting::{Record, RecordHead, is_common};

/// A document that holds an n-gram: ordinal of its run, and of the document in the run's segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posted(pub u32, pub u32);

/// Collects postings; keeps its memory from one n-gram to the next.
#[derive(Debug)]
pub(crate) struct Summarizer {
    left: Vec<u32>,
    right: Vec<u32>,
    /// Per axis, locality ordinals shifted by one (0 stands for none), and how many neighbouring
    /// documents are there.
    places: Vec<Vec<(u32, u32)>>,
    jumps: i64,
    squares: u64,
    tally: Tally,
    distinct: Distinct,
    publishers: Vec<Option<u32>>,
}

impl Summarizer {
    pub(crate) fn new(axes: usize) -> Self {
        Self {
            left: Vec::new(),
            right: Vec::new(),
            places: vec![Vec::new(); axes],
            jumps: 0,
            squares: 0,
            tally: Tally::default(),
            distinct: Distinct::default(),
            publishers: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.left.clear();
        self.right.clear();
        self.places.iter_mut().for_each(Vec::clear);
        (self.jumps, self.squares) = (0, 0);
    }

    /// Adds the postings of one run. An axis that the record does not have is without values.
    pub(crate) fn add(&mut self, record: &Record<'_>) {
        let postings = record.postings();
        // Room first: two lists that grow by one each ask for it at every posting.
        let before = self.left.len();
        self.left.resize(before + postings.len(), 0);
        self.right.resize(before + postings.len(), 0);
        let sides = self.left[before..].iter_mut().zip(&mut self.right[before..]);
        for (posting, (left, right)) in postings.zip(sides) {
            (*left, *right) = (posting.left, posting.right);
            self.jumps += i64::from(posting.jump);
            self.squares += square(posting.jump);
        }
        for (axis, places) in self.places.iter_mut().enumerate().take(record.axes()) {
            match record.only_locality(axis) {
                Some(locality) => places.push((locality, record.head.postings)),
                None => places.extend(record.localities(axis).map(|locality| (locality, 1))),
            }
        }
    }

    /// Adds those postings of one run that are kept: a flag per posting.
    pub(crate) fn add_some(&mut self, record: &Record<'_>, kept: &[bool]) {
        let is_kept = |&(_, kept): &(_, &bool)| *kept;
        let postings = record.postings().zip(kept).filter(|(_, kept)| **kept);
        for (posting, _) in postings {
            self.left.push(posting.left);
            self.right.push(posting.right);
            self.jumps += i64::from(posting.jump);
            self.squares += square(posting.jump);
        }
        for (axis, places) in self.places.iter_mut().enumerate().take(record.axes()) {
            let localities = record.localities(axis).zip(kept).filter(is_kept);
            places.extend(localities.map(|(locality, _)| (locality, 1)));
        }
    }

    /// The summary of what was added since the last [`Summarizer::clear`]; counts its places into
    /// `dispersion`.
    pub(crate) fn summary(
        &mut self,
        head: &RecordHead,
        totals: &CorpusTotals,
        dispersion: &mut DispersionAccumulator,
    ) -> Summary {
        let tally = &mut self.tally;
        let axes = self.places.iter().zip(&totals.axes).enumerate();
        let places = axes.map(|(axis, (places, sizes))| {
            let (mut summary, pairs) = axis_summary(places, &sizes.localities, tally);
            if sizes.is_label {
                summary.top = most_associated(tally.localities(), sizes);
            }
            dispersion.add(axis, summary.with_value, u128::from(pairs));
            summary
        });
        let places = places.collect();
        let (left, right) =
            (self.distinct.contexts(&self.left), self.distinct.contexts(&self.right));
        Summary {
            order: head.order,
            df: u64::from(head.df),
            places,
            edf: self.left.len() as u64,
            distinct_left: left.distinct,
            distinct_right: right.distinct,
            varied_left: left.varied,
            varied_right: right.varied,
            scattered: if left.varied >= right.varied { left.common } else { right.common },
            novelty_sum: self.jumps,
            novelty_sum_squares: self.squares,
        }
    }
}

impl Summarizer {
    /// Varied contexts before and after what was added since the last [`Summarizer::clear`], after
    /// [`exchange_sides`] among the publishers on `axis`; spoils the contexts.
    pub(crate) fn exchanged_sides(&mut self, fingerprint: u64, axis: Option<usize>) -> (u64, u64) {
        self.publishers.clear();
        if let Some(places) = axis.and_then(|axis| self.places.get(axis)) {
            let each = |&(place, times): &(u32, u32)| std::iter::repeat_n(place, times as usize);
            let places = places.iter().flat_map(each);
            self.publishers.extend(places.map(|place| place.checked_sub(1)));
        }
        self.publishers.resize(self.left.len(), None);
        exchange_sides(fingerprint, &self.publishers, &mut self.left, &mut self.right);
        (self.distinct.contexts(&self.left).varied, self.distinct.contexts(&self.right).varied)
    }
}

fn square(jump: i8) -> u64 {
    u64::from(jump.unsigned_abs()).pow(2)
}

/// The documents of an n-gram: those of its records, each with the ordinal of its run.
pub(crate) fn documents<'a>(records: impl Iterator<Item = (u32, Record<'a>)>) -> Vec<Posted> {
    let of_run = |(run, record): (u32, Record<'a>)| {
        record.postings().map(move |posting| Posted(run, posting.document))
    };
    records.flat_map(of_run).collect()
}

/// Counts equal numbers: the small ones, which nearly all are, each in a place of its own, the others in a hash table.
#[derive(Debug, Default)]
struct Tally {
    /// Counts of the numbers below [`Tally::NEAR`], as many as were needed.
    near: Vec<u32>,
    /// Those of them that are not 0.
    seen: Vec<u32>,
    /// Number and count; a count of 0 is an empty slot. Open addressing with linear probing.
    far: Vec<(u32, u32)>,
    shift: u32,
}

impl Tally {
    /// A quarter of a megabyte of counts, of which an n-gram touches few.
    const NEAR: u32 = 1 << 16;
    /// Spreads neighbouring numbers: 2³² divided by the golden ratio.
    const MULTIPLIER: u32 = 0x9e37_79b9;

    /// Counts numbers anew: each as often as is told with it.
    fn count(&mut self, numbers: &[(u32, u32)]) {
        for &number in &self.seen {
            self.near[number as usize] = 0;
        }
        self.far.clear();
        self.seen.resize(numbers.len(), 0);
        let mut seen = 0;
        for &(number, times) in numbers {
            if number < Self::NEAR {
                if number as usize >= self.near.len() {
                    self.near.resize(number as usize + 1, 0);
                }
                let count = &mut self.near[number as usize];
                self.seen[seen] = number;
                seen += usize::from(*count == 0);
                *count += times;
            } else {
                self.count_far(number, times, numbers.len());
            }
        }
        self.seen.truncate(seen);
    }

    /// `numbers` are all that can come.
    fn count_far(&mut self, number: u32, times: u32, numbers: usize) {
        if self.far.is_empty() {
            let capacity = (2 * numbers).next_power_of_two().max(16);
            self.shift = u32::BITS - capacity.ilog2();
            self.far.resize(capacity, (0, 0));
        }
        let mask = self.far.len() - 1;
        let mut at = (number.wrapping_mul(Self::MULTIPLIER) >> self.shift) as usize;
        while self.far[at & mask].1 > 0 && self.far[at & mask].0 != number {
            at += 1;
        }
        let slot = &mut self.far[at & mask];
        *slot = (number, slot.1 + times);
    }

    /// Every number and its count, in no particular order.
    fn counts(&self) -> impl Iterator<Item = (u32, u64)> + Clone {
        let near = self.seen.iter().map(|&number| (number, self.near[number as usize]));
        let far = self.far.iter().copied().filter(|slot| slot.1 > 0);
        near.chain(far).map(|(number, count)| (number, u64::from(count)))
    }

    /// The same for localities that were shifted by one; those that stood for none are left out.
    fn localities(&self) -> impl Iterator<Item = (u32, u64)> + Clone {
        self.counts().filter_map(|(place, count)| Some((place.checked_sub(1)?, count)))
    }
}

/// The contexts on one side of an n-gram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Contexts {
    distinct: u64,
    /// The same with every common one counted as often as it occurs.
    varied: u64,
    /// Distinct ones that are common.
    common: u64,
}

/// Counts different hashes; keeps its memory.
#[derive(Debug, Default)]
struct Distinct {
    /// Open addressing with linear probing; 0 is an empty slot.
    slots: Vec<u32>,
    common: Vec<u32>,
}

impl Distinct {
    fn contexts(&mut self, contexts: &[u32]) -> Contexts {
        let distinct = self.count(contexts);
        let mut common = std::mem::take(&mut self.common);
        common.resize(contexts.len(), 0);
        let mut length = 0;
        // Each is written, and kept or overwritten: which are common is too irregular for a branch.
        for &context in contexts {
            common[length] = context;
            length += usize::from(is_common(context));
        }
        common.truncate(length);
        let distinct_common = self.count(&common);
        let varied = distinct + common.len() as u64 - distinct_common;
        self.common = common;
        Contexts { distinct, varied, common: distinct_common }
    }

    /// So few hashes are compared with each other, several at once, rather than put in a table.
    const FEW: usize = 48;

    fn count(&mut self, hashes: &[u32]) -> u64 {
        if hashes.len() > Self::FEW {
            return self.count_many(hashes);
        }
        let is_new = |(before, &hash): (usize, &u32)| {
            let seen = hashes[..before].iter().fold(false, |seen, &other| seen | (other == hash));
            u64::from(!seen)
        };
        hashes.iter().enumerate().map(is_new).sum()
    }

    fn count_many(&mut self, hashes: &[u32]) -> u64 {
        let capacity = (4 * hashes.len()).next_power_of_two();
        let (mask, shift) = (capacity - 1, u32::BITS - capacity.ilog2());
        self.slots.clear();
        self.slots.resize(capacity, 0);
        let slots = &mut self.slots[..capacity];
        let (mut distinct, mut has_zero) = (0, false);
        for &hash in hashes {
            let mut at = (hash >> shift) as usize & mask;
            while (slots[at & mask] != 0) & (slots[at & mask] != hash) {
                at += 1;
            }
            distinct += u64::from(slots[at & mask] == 0 && hash != 0);
            has_zero |= hash == 0;
            slots[at & mask] = hash;
        }
        distinct + u64::from(has_zero)
    }
}

/// The places of one axis, and the ordered pairs of documents in the same place
/// ([`taster_findings::same_place_pairs`]).
fn axis_summary(places: &[(u32, u32)], sizes: &[u64], tally: &mut Tally) -> (AxisSummary, u64) {
    let (mut summary, mut pairs, mut top) = (AxisSummary::default(), 0, (0, Reverse(u32::MAX)));
    tally.count(places);
    for (locality, documents) in tally.localities() {
        summary.with_value += documents;
        summary.distinct += 1;
        pairs += documents * (documents - 1);
        top = top.max((documents, Reverse(locality)));
    }
    let (edf, Reverse(locality)) = top;
    summary.top = (edf > 0).then(|| TopPlace {
        locality,
        edf,
        locality_documents: sizes.get(locality as usize).copied().unwrap_or(0),
    });
    (summary, pairs)
}

/// Serialises documents as text, `run:gap gap …;run:…` with the gaps from one ordinal to the next:
/// a third of what lists of pairs take, for the largest part of a receipt.
pub(crate) mod compact {
    use std::fmt::Write;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Posted;

    pub(crate) fn serialize<S: Serializer>(
        documents: &[Posted],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(documents).map_err(serde::ser::Error::custom)?)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Posted>, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            D::Error::custom(format!("expected documents as run:gap gap …, got {text:?}"))
        })
    }

    pub(super) fn text(documents: &[Posted]) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(4 * documents.len());
        for same_run in documents.chunk_by(|a, b| a.0 == b.0) {
            let mut previous = 0;
            for (index, &Posted(run, document)) in same_run.iter().enumerate() {
                match index {
                    0 if text.is_empty() => write!(text, "{run}:{document}")?,
                    0 => write!(text, ";{run}:{document}")?,
                    _ => write!(text, " {}", document.wrapping_sub(previous))?,
                }
                previous = document;
            }
        }
        Ok(text)
    }

    pub(super) fn parse(text: &str) -> Option<Vec<Posted>> {
        let mut documents = Vec::new();
        for same_run in text.split(';').filter(|part| !part.is_empty()) {
            let (run, gaps) = same_run.split_once(':')?;
            let (run, mut document) = (run.parse().ok()?, 0u32);
            for gap in gaps.split(' ') {
                document = document.wrapping_add(gap.parse().ok()?);
                documents.push(Posted(run, document));
            }
        }
        Some(documents)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeMap;
    use taster_findings::same_place_pairs;

    /// Numbers that look random, without a generator.
    fn scrambled(seed: u32, length: u32, different: u32) -> Vec<u32> {
        (0..length)
            .map(|i| (i ^ seed).wrapping_mul(0x85eb_ca6b).rotate_left(13) % different)
            .collect()
    }

    /// Every document by itself.
    fn single(places: &[u32]) -> Vec<(u32, u32)> {
        places.iter().map(|&place| (place, 1)).collect()
    }

    #[test]
    fn top_place_and_pairs() {
        let (summary, pairs) =
            axis_summary(&single(&[4, 2, 0, 4, 2, 3]), &[9, 8, 7, 6], &mut Tally::default());
        assert_eq!((summary.with_value, summary.distinct), (5, 3));
        assert_eq!(summary.top, Some(TopPlace { locality: 1, edf: 2, locality_documents: 8 }));
        assert_eq!(pairs, 4);
        assert_eq!(axis_summary(&[], &[], &mut Tally::default()).0, AxisSummary::default());
    }

    #[test]
    fn counts_equal_the_naive_twin() {
        let (mut tally, mut distinct) = (Tally::default(), Distinct::default());
        for (seed, length, different) in [
            (1, 0, 1),
            (2, 1, 5),
            (3, 40, 3),
            (4, 300, 20),
            (5, 900, 2000),
            (6, 70, 1),
            (7, 600, 90_000),
        ] {
            let places = scrambled(seed, length, different);
            let mut counts = BTreeMap::new();
            places
                .iter()
                .filter(|&&place| place > 0)
                .for_each(|place| *counts.entry(place - 1).or_insert(0u64) += 1);
            let (summary, pairs) = axis_summary(&single(&places), &[], &mut tally);
            let runs = places.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32));
            let by_run = axis_summary(&runs.collect::<Vec<_>>(), &[], &mut tally);
            assert_eq!((&by_run.0, by_run.1), (&summary, pairs));
            assert_eq!(
                (summary.with_value, summary.distinct),
                (counts.values().sum(), counts.len() as u64)
            );
            let top = counts.iter().max_by_key(|(place, count)| (**count, Reverse(**place)));
            assert_eq!(
                summary.top.map(|top| (top.locality, top.edf)),
                top.map(|(place, count)| (*place, *count))
            );
            assert_eq!(u128::from(pairs), same_place_pairs(counts.into_values()));
            let mut sorted = places.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(distinct.count(&places), sorted.len() as u64);
            let spread: Vec<u32> = places.iter().map(|place| place.rotate_right(9)).collect();
            assert_eq!(distinct.count(&spread), sorted.len() as u64);
        }
    }

    #[test]
    fn common_contexts_count_in_every_document() {
        let mut distinct = Distinct::default();
        let mut contexts = |all: &[u32]| {
            let Contexts { distinct, varied, common } = distinct.contexts(all);
            (distinct, varied, common)
        };
        assert_eq!(contexts(&[2, 2, 2, 4]), (2, 2, 0));
        assert_eq!(contexts(&[3, 3, 3, 2, 2, 5]), (3, 5, 2));
        let many: Vec<u32> = (0..200).map(|at| if at % 2 == 0 { 9 } else { 8 }).collect();
        assert_eq!(contexts(&many), (2, 101, 1));
    }

    #[test]
    fn documents_round_trip() {
        let documents = [Posted(0, 3), Posted(0, 4), Posted(2, 0), Posted(7, 9), Posted(7, 4000)];
        for length in 0..=documents.len() {
            let text = compact::text(&documents[..length]).unwrap();
            assert_eq!(compact::parse(&text).unwrap(), documents[..length]);
        }
        assert_eq!(compact::text(&documents).unwrap(), "0:3 1;2:0;7:9 3991");
        for damaged in ["1", "1:", "x:1", "1:2  3", "1:-1"] {
            assert_eq!(compact::parse(damaged), None, "{damaged}");
        }
    }
}
