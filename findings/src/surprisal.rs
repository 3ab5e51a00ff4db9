//! Documents in which some stretch is far more surprising than in other documents of their length.
//!
//! The statistic is the *peak*: bits per token of the stretch of 32 tokens that takes most (see
//! [`taster_ngrams::context::Surprisal`]). Null: none fitted; told is how many robust standard deviations (1.4826 median
//! absolute deviations) it is above the median of documents of its length class, which is floor(log2 tokens), as the largest
//! of many stretches takes more. Nothing rests on it: a list beside the findings. Tried as well: the peak above the mean of
//! its own document, which loses documents that are gibberish for the most part (`ARCHITECTURE.md`).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taster_ngrams::context::{STEPS, STRETCH, Surprisal};

/// Documents kept per class: as many as are listed at least, so that those of a union are among those of its parts.
const KEPT: usize = 20;
/// Steps of a stretch per cell of a histogram: a sixteenth of a bit per token.
const CELL: u64 = STEPS as u64 * STRETCH as u64 / 16;
/// A class of fewer documents borrows from its neighbours.
const LEAST_DOCUMENTS: u64 = 200;
/// Standard deviations per median absolute deviation of a normal distribution.
const PER_DEVIATION: f64 = 1.4826;

/// What the tokens of one document take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredDocument {
    /// Ordinal of its shard; not known to the part of a unit.
    #[serde(skip)]
    pub shard_ord: u32,
    /// Row in the shard.
    pub row: u64,
    /// Its tokens, at least [`STRETCH`].
    pub tokens: u32,
    /// Steps that all of them take, [`STEPS`] per bit.
    pub total: u64,
    /// Steps of the stretch that takes most.
    pub peak: u32,
    /// Where it begins, in tokens.
    pub peak_at: u32,
}

impl MeasuredDocument {
    /// A document in this row.
    #[must_use]
    pub fn new(row: u64, measured: &Surprisal) -> Self {
        let Surprisal { tokens, total, peak, peak_at, .. } = *measured;
        Self { shard_ord: 0, row, tokens, total, peak, peak_at }
    }

    /// Bits per token.
    #[must_use]
    pub fn mean_bits(&self) -> f64 {
        self.total as f64 / (f64::from(STEPS) * f64::from(self.tokens.max(1)))
    }

    /// Bits per token of the stretch that takes most.
    #[must_use]
    pub fn peak_bits(&self) -> f64 {
        f64::from(self.peak) / (f64::from(STEPS) * STRETCH as f64)
    }

    /// Steps of a stretch, on average.
    fn mean(&self) -> u64 {
        STRETCH as u64 * self.total / u64::from(self.tokens.max(1))
    }

    /// The order of a class: the largest peak first, then by place.
    fn key(&self) -> (Reverse<u32>, u32, u64) {
        (Reverse(self.peak), self.shard_ord, self.row)
    }
}

/// Documents of one length class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Class {
    /// Documents by the cell of their mean and of their peak.
    means: BTreeMap<u64, u64>,
    peaks: BTreeMap<u64, u64>,
    /// Those of the largest peak, the largest first.
    best: Vec<MeasuredDocument>,
}

impl Class {
    fn keep(&mut self, document: MeasuredDocument) {
        let at = self.best.partition_point(|kept| kept.key() < document.key());
        if at < KEPT {
            self.best.insert(at, document);
            self.best.truncate(KEPT);
        }
    }

    fn count(&mut self, other: &Self) {
        for (mine, theirs) in [(&mut self.means, &other.means), (&mut self.peaks, &other.peaks)] {
            theirs.iter().for_each(|(cell, count)| *mine.entry(*cell).or_default() += count);
        }
    }

    fn documents(&self) -> u64 {
        self.means.values().sum()
    }
}

/// What is kept of measured documents: counts, and those that may be listed. Parts of a corpus merge to the same whatever
/// the parts are.
///
/// Memory and bytes: some hundred counts and [`KEPT`] documents per class, of which there are at most 32.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurprisalTally {
    classes: BTreeMap<u32, Class>,
}

impl SurprisalTally {
    /// Adds one document.
    pub fn add(&mut self, document: MeasuredDocument) {
        let class = self.classes.entry(document.tokens.max(1).ilog2()).or_default();
        *class.means.entry(document.mean() / CELL).or_default() += 1;
        *class.peaks.entry(u64::from(document.peak) / CELL).or_default() += 1;
        class.keep(document);
    }

    /// Adds a part whose documents are all of one shard.
    pub fn merge(&mut self, part: &Self, shard_ord: u32) {
        for (class, theirs) in &part.classes {
            let mine = self.classes.entry(*class).or_default();
            mine.count(theirs);
            theirs.best.iter().for_each(|kept| mine.keep(MeasuredDocument { shard_ord, ..*kept }));
        }
    }

    /// The `most` documents, at most [`KEPT`], that stand out most in their class; of equal ones the first by place.
    #[must_use]
    pub fn ranked(&self, most: usize) -> Vec<RankedDocument> {
        let mut all: Vec<RankedDocument> =
            self.classes.keys().flat_map(|class| self.ranked_in(*class)).collect();
        all.sort_by(|a, b| {
            let by_z = b.z.total_cmp(&a.z);
            by_z.then_with(|| a.document.key().cmp(&b.document.key()))
        });
        all.truncate(most);
        all
    }

    fn ranked_in(&self, class: u32) -> Vec<RankedDocument> {
        let pooled = self.pooled(class);
        let (means, peaks) = (Normal::of(&pooled.means), Normal::of(&pooled.peaks));
        let ranked = |document: &MeasuredDocument| RankedDocument {
            document: *document,
            z: peaks.z(u64::from(document.peak)),
            mean_z: means.z(document.mean()),
        };
        self.classes[&class].best.iter().map(ranked).collect()
    }

    /// The class with as many neighbours on both sides as it takes; without documents of their own.
    fn pooled(&self, class: u32) -> Class {
        let mut pooled = Class::default();
        for reach in 0..=u32::BITS {
            pooled = Class::default();
            let near = class.saturating_sub(reach)..=class + reach;
            self.classes.range(near).for_each(|(_, one)| pooled.count(one));
            if pooled.documents() >= LEAST_DOCUMENTS {
                break;
            }
        }
        pooled
    }
}

/// Median and deviation of a histogram, in cells.
struct Normal {
    median: f64,
    deviation: f64,
}

impl Normal {
    fn of(histogram: &BTreeMap<u64, u64>) -> Self {
        let median = median(histogram);
        let mut apart: BTreeMap<u64, u64> = BTreeMap::new();
        for (cell, count) in histogram {
            *apart.entry(cell.abs_diff(median)).or_default() += count;
        }
        let apart = self::median(&apart);
        // Half of the documents in one cell say that the deviation is below it.
        Self { median: median as f64 + 0.5, deviation: PER_DEVIATION * apart.max(1) as f64 }
    }

    fn z(&self, steps: u64) -> f64 {
        (steps as f64 / CELL as f64 - self.median) / self.deviation
    }
}

/// The lower median of counted values.
fn median(counts: &BTreeMap<u64, u64>) -> u64 {
    let all: u64 = counts.values().sum();
    let mut below = 0;
    let reaches_half = |(_, count): &(&u64, &u64)| {
        below += *count;
        2 * below >= all
    };
    counts.iter().find(reaches_half).map_or(0, |(value, _)| *value)
}

/// A document with how far it stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedDocument {
    /// The document.
    pub document: MeasuredDocument,
    /// Robust standard deviations of its peak above the median of its class.
    pub z: f64,
    /// The same for its mean.
    pub mean_z: f64,
}

/// A document with a stretch that is far more surprising than in other documents of its length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnusualDocument {
    /// Key of its shard, relative to the input root.
    pub shard: String,
    /// Row group in the shard.
    pub row_group: i32,
    /// Row in the shard, from 0.
    pub row: i64,
    /// Document id.
    pub id: String,
    /// Its values on all axes.
    pub axes: BTreeMap<String, Option<String>>,
    /// Its tokens.
    pub tokens: i64,
    /// Bits per token.
    pub mean_bits: f64,
    /// Bits per token of the 32 consecutive tokens that take most.
    pub peak_bits: f64,
    /// Where these begin, in tokens.
    pub peak_token: i64,
    /// Robust standard deviations of `peak_bits` above the median of documents of its length.
    pub z: f64,
    /// The same for `mean_bits`.
    pub mean_z: f64,
    /// How these tokens begin.
    pub excerpt: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn document(row: u64, tokens: u32, mean: u32, peak: u32) -> MeasuredDocument {
        let total = u64::from(tokens) * u64::from(mean);
        let peak = peak * STRETCH as u32;
        MeasuredDocument { shard_ord: 0, row, tokens, total, peak, peak_at: 0 }
    }

    #[test]
    fn what_stands_out_of_its_length_is_first() {
        let mut tally = SurprisalTally::default();
        for row in 0..1000 {
            let wide = (row % 64) as u32 * 4;
            tally.add(document(row, 100, 6 * STEPS, 8 * STEPS + wide));
            tally.add(document(1000 + row, 5000, 6 * STEPS, 12 * STEPS + wide));
        }
        tally.add(document(2000, 100, 6 * STEPS, 12 * STEPS));
        let ranked = tally.ranked(5);
        assert_eq!((ranked.len(), ranked[0].document.row), (5, 2000));
        assert!(ranked[0].z > 8.0 && ranked[1].z < 3.0, "{ranked:?}");
        assert!(ranked[0].mean_z.abs() < 1.0, "{ranked:?}");
        let bits = (ranked[0].document.mean_bits(), ranked[0].document.peak_bits());
        assert_eq!(bits, (6.0, 12.0));
    }

    #[test]
    fn a_small_class_borrows() {
        let mut tally = SurprisalTally::default();
        (0..300).for_each(|row| tally.add(document(row, 100, 6 * STEPS, 8 * STEPS)));
        tally.add(document(300, 70_000, 6 * STEPS, 12 * STEPS));
        assert_eq!(tally.ranked(1)[0].document.row, 300);
        assert_eq!(SurprisalTally::default().ranked(3), []);
    }

    /// Sorts all values.
    fn naive_z(all: &[u64], value: u64) -> f64 {
        let median = |mut values: Vec<u64>| {
            values.sort_unstable();
            values[(values.len() - 1) / 2]
        };
        let cells: Vec<u64> = all.iter().map(|value| value / CELL).collect();
        let middle = median(cells.clone());
        let apart = median(cells.iter().map(|cell| cell.abs_diff(middle)).collect()).max(1);
        let place = value as f64 / CELL as f64 - middle as f64 - 0.5;
        place / (1.4826 * apart as f64)
    }

    fn documents() -> impl Strategy<Value = Vec<(u32, u32, u32)>> {
        prop::collection::vec((32u32..300, 0u32..2000, 0u32..2000), 1..60)
    }

    proptest! {
        #[test]
        fn equals_the_twin(all in documents()) {
            let mut tally = SurprisalTally::default();
            let all: Vec<MeasuredDocument> = (0..).zip(all)
                .map(|(row, (tokens, mean, above))| document(row, tokens, mean, mean + above))
                .collect();
            all.iter().for_each(|one| tally.add(*one));
            let peaks: Vec<u64> = all.iter().map(|one| u64::from(one.peak)).collect();
            let means: Vec<u64> = all.iter().map(MeasuredDocument::mean).collect();
            let ranked = tally.ranked(KEPT);
            prop_assert_eq!(ranked.len(), all.len().min(KEPT));
            // So few borrow from all the others.
            for one in &ranked {
                prop_assert!((one.z - naive_z(&peaks, u64::from(one.document.peak))).abs() < 1e-9);
                prop_assert!((one.mean_z - naive_z(&means, one.document.mean())).abs() < 1e-9);
            }
            let mut sorted = peaks.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            sorted.truncate(KEPT);
            let listed: Vec<u64> = ranked.iter().map(|one| u64::from(one.document.peak)).collect();
            prop_assert_eq!(listed, sorted);
        }

        #[test]
        fn parts_merge_to_the_whole(all in documents(), cut in 0usize..60) {
            let all: Vec<MeasuredDocument> = (0..).zip(all)
                .map(|(row, (tokens, mean, above))| document(row, tokens, mean, mean + above))
                .collect();
            let tally = |documents: &[MeasuredDocument]| {
                let mut tally = SurprisalTally::default();
                documents.iter().for_each(|one| tally.add(*one));
                let json = serde_json::to_string(&tally).unwrap();
                serde_json::from_str::<SurprisalTally>(&json).unwrap()
            };
            let (a, b) = all.split_at(cut.min(all.len()));
            let (mut ab, mut ba) = (SurprisalTally::default(), SurprisalTally::default());
            for (whole, parts) in [(&mut ab, [a, b]), (&mut ba, [b, a])] {
                parts.iter().for_each(|part| whole.merge(&tally(part), 3));
            }
            let mut whole = SurprisalTally::default();
            whole.merge(&tally(&all), 3);
            prop_assert_eq!(ab.ranked(KEPT), whole.ranked(KEPT));
            prop_assert_eq!(ba.ranked(KEPT), whole.ranked(KEPT));
        }
    }
}
