//! Each statistic gets its own empirical null: how often do n-grams of this corpus that are about
//! as frequent score as high? Only then can statistics of different kinds be compared.
//!
//! The null is the corpus itself. That is sound because poison is rare: the bulk of a million
//! n-grams is clean, the threshold of the fitted tail is a quantile, and its slope is told by those
//! just above the threshold: how far out the highest are cannot move it.

use std::f64::consts::LN_10;

use libm::log;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Histogram cells per unit of score: fine enough that two thirds of 50 tail values are not one
/// cell, coarse enough that a histogram is 256 KiB at most.
pub const STEPS_PER_UNIT: i32 = 512;

/// Frequency bins: log2(edf) is 0..=31.
pub const BINS: usize = 32;

/// Scores run from -1 to 1, both inside.
const CELLS: usize = 2 * STEPS_PER_UNIT as usize + 1;

/// A bin with fewer n-grams is pooled with its neighbours: below a thousand the one-in-a-thousand
/// tail is not even observed.
const MIN_BIN_TOTAL: u64 = 1000;

/// The tail is fitted to this share of the largest scores: as far down as it is exponential on real text, since a
/// campaign has dozens of n-grams and several would lift the slope of a smaller share, that is hide each other …
const TAIL_SHARE: f64 = 3e-2;

/// … but to no fewer than 50 (fewer are noise) …
const TAIL_POINTS_MIN: u64 = 50;

/// … and no more than 10 000: beyond, the fit would describe the bulk again.
const TAIL_POINTS_MAX: u64 = 10_000;

/// One in three of them, the highest, only counts as being there: campaigns are among them.
const CENSORED: u64 = 3;

/// The fitted mean excess is at least this much score: a tail that is empty or one cell wide must
/// not turn a difference of 0.1 into fifty orders of magnitude.
const MEAN_EXCESS_MIN: f64 = 0.02;

/// Robust standard deviations are at least one cell.
const ROBUST_SD_MIN: f64 = 1.0 / STEPS_PER_UNIT as f64;

/// Interquartile range of the standard normal distribution.
const NORMAL_IQR: f64 = 1.349;

const MAGIC: &[u8; 8] = b"TSTHIST1";

/// A histogram that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HistogramError {
    /// Other bytes than a histogram of this version.
    #[error("score histogram: expected it to begin with TSTHIST1, got {0:?}")]
    Magic(Vec<u8>),
    /// Too few or too many bytes.
    #[error("score histogram: expected {expected} bytes, got {got}")]
    Length {
        /// What the header announces.
        expected: usize,
        /// What is there.
        got: usize,
    },
    /// A cell outside of the table.
    #[error("score histogram: expected a cell below {expected}, got {got}")]
    Cell {
        /// Number of cells.
        expected: usize,
        /// The cell that was named.
        got: u32,
    },
}

/// floor(log2(edf)), 0..=31; 0 for 0.
#[must_use]
pub fn frequency_bin(edf: u64) -> usize {
    (edf.max(1).ilog2() as usize).min(BINS - 1)
}

/// How many n-grams scored how high, per frequency bin. Integers only: merging parts in any order
/// gives the same histogram.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreHistogram {
    /// Per bin `CELLS` counts, or none: an audit needs few bins, and has a histogram per task.
    bins: Vec<Vec<u64>>,
}

impl Default for ScoreHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl ScoreHistogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self { bins: vec![Vec::new(); BINS] }
    }

    /// Counts one n-gram. Scores outside -1..=1 fall into the outermost cells, NaN into the first.
    pub fn add(&mut self, score: f64, edf: u64) {
        self.count(frequency_bin(edf), cell(score), 1);
    }

    fn count(&mut self, bin: usize, cell: usize, times: u64) {
        let bin = &mut self.bins[bin];
        if bin.is_empty() {
            bin.resize(CELLS, 0);
        }
        bin[cell] += times;
    }

    /// Adds another part of the same corpus.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            if mine.len() < theirs.len() {
                mine.resize(CELLS, 0);
            }
            mine.iter_mut().zip(theirs).for_each(|(all, one)| *all += one);
        }
    }

    /// N-grams counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bins.iter().flatten().sum()
    }

    /// Magic, number of occupied cells, then (cell u32, count u64) in rising order, little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let cells = |(bin, counts): (usize, &'_ Vec<u64>)| {
            let first = bin * CELLS;
            let counts = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            counts.map(|(cell, count)| (first + cell, *count)).collect::<Vec<_>>()
        };
        let occupied: Vec<(usize, u64)> = self.bins.iter().enumerate().flat_map(cells).collect();
        let mut bytes = MAGIC.to_vec();
        bytes.extend((occupied.len() as u32).to_le_bytes());
        for (index, count) in occupied {
            bytes.extend((index as u32).to_le_bytes());
            bytes.extend(count.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// Wrong magic, wrong length, or a cell outside of the table.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HistogramError> {
        let body = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| HistogramError::Magic(bytes.iter().take(8).copied().collect()))?;
        let (length, entries) = body
            .split_first_chunk::<4>()
            .ok_or(HistogramError::Length { expected: 12, got: bytes.len() })?;
        let expected = (u32::from_le_bytes(*length) as usize).saturating_mul(12);
        if entries.len() != expected {
            return Err(HistogramError::Length { expected: expected + 12, got: bytes.len() });
        }
        let mut histogram = Self::new();
        entries.chunks_exact(12).try_for_each(|entry| histogram.read_entry(entry))?;
        Ok(histogram)
    }

    fn read_entry(&mut self, entry: &[u8]) -> Result<(), HistogramError> {
        let number = |part: &[u8]| part.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte));
        let index = number(&entry[..4]) as usize;
        if index >= BINS * CELLS {
            return Err(HistogramError::Cell { expected: BINS * CELLS, got: index as u32 });
        }
        self.count(index / CELLS, index % CELLS, number(&entry[4..]));
        Ok(())
    }

    fn bins_in_use(&self) -> u64 {
        self.bins.iter().filter(|bin| !bin.is_empty()).count() as u64
    }

    /// Counts of a bin with as many neighbours on both sides as it takes to be large enough.
    fn pooled(&self, bin: usize) -> Vec<u64> {
        let mut sum = vec![0; CELLS];
        for reach in 0..BINS {
            let (low, high) = (bin.saturating_sub(reach), (bin + reach).min(BINS - 1));
            sum.fill(0);
            for part in &self.bins[low..=high] {
                sum.iter_mut().zip(part).for_each(|(all, one)| *all += one);
            }
            if sum.iter().sum::<u64>() >= MIN_BIN_TOTAL {
                break;
            }
        }
        sum
    }
}

/// Cell of a score: the largest grid point that is not above it.
fn cell(score: f64) -> usize {
    let steps = (score.clamp(-1.0, 1.0) * f64::from(STEPS_PER_UNIT)).floor();
    // NaN becomes 0 in the cast, so it is sent to the bottom explicitly.
    if steps.is_nan() { 0 } else { (steps as i32 + STEPS_PER_UNIT) as usize }
}

/// Score at the lower border of a cell.
fn score_of(cell: usize) -> f64 {
    (cell as f64 - f64::from(STEPS_PER_UNIT)) / f64::from(STEPS_PER_UNIT)
}

/// The fitted null of one statistic: per frequency bin the empirical tail, and an exponential tail
/// beyond it (the zero-shape case of the Pickands–Balkema–de Haan theorem: excesses over a high
/// threshold). Heavier tails than exponential make clean scores look a little too surprising.
#[derive(Debug, Clone, PartialEq)]
pub struct NullModel {
    bins: Vec<BinNull>,
    bins_in_use: u64,
    total: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct BinNull {
    /// n-grams in this cell or above.
    at_or_above: Vec<u64>,
    threshold: f64,
    log10_threshold_tail: f64,
    mean_excess: f64,
    median: f64,
    robust_sd: f64,
}

impl NullModel {
    /// Fits the null to all n-grams of the corpus.
    #[must_use]
    pub fn fit(histogram: &ScoreHistogram) -> Self {
        Self {
            bins: (0..BINS).map(|bin| BinNull::fit(histogram.pooled(bin))).collect(),
            bins_in_use: histogram.bins_in_use(),
            total: histogram.total(),
        }
    }

    /// N-grams behind the null.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// log10 of the number of comparisons that a surprise at this frequency stands against: all
    /// n-grams, or those about as frequent times the number of frequency bins in use, whichever is
    /// less, times two. That is a weighted Bonferroni (half of the allowance by size, half evenly
    /// per bin), so that a frequent trigger does not pay for the mass of rare n-grams.
    #[must_use]
    pub fn log10_comparisons(&self, edf: u64) -> f64 {
        let peers = self.bin(edf).at_or_above[0].saturating_mul(self.bins_in_use);
        log(2.0 * peers.min(self.total).max(1) as f64) / LN_10
    }

    /// (n-grams at least as high + 1)/(n-grams + 1) among those about as frequent; in 0..=1.
    #[must_use]
    pub fn tail(&self, score: f64, edf: u64) -> f64 {
        self.bin(edf).tail(cell(score))
    }

    /// -log10 of the tail, extrapolated beyond the fitted threshold; at least 0.
    #[must_use]
    pub fn surprise(&self, score: f64, edf: u64) -> f64 {
        let bin = self.bin(edf);
        if score <= bin.threshold {
            return (-log(bin.tail(cell(score))) / LN_10).max(0.0);
        }
        (score - bin.threshold) / (bin.mean_excess * LN_10) - bin.log10_threshold_tail
    }

    /// Distance from the median in robust standard deviations (interquartile range / 1.349).
    #[must_use]
    pub fn robust_deviations(&self, score: f64, edf: u64) -> f64 {
        let bin = self.bin(edf);
        (score - bin.median) / bin.robust_sd
    }

    fn bin(&self, edf: u64) -> &BinNull {
        &self.bins[frequency_bin(edf)]
    }
}

impl BinNull {
    fn fit(mut counts: Vec<u64>) -> Self {
        for index in (0..counts.len() - 1).rev() {
            counts[index] += counts[index + 1];
        }
        let total = counts[0];
        let wanted = (total as f64 * TAIL_SHARE) as u64;
        let points = wanted.clamp(TAIL_POINTS_MIN, TAIL_POINTS_MAX).min(total);
        let threshold = highest_with(&counts, points.max(1));
        let tail = (counts[threshold] + 1) as f64 / (total + 1) as f64;
        let quartile = |quarters: u64| score_of(highest_with(&counts, total * quarters / 4));
        Self {
            threshold: score_of(threshold),
            log10_threshold_tail: log(tail) / LN_10,
            mean_excess: mean_excess(&counts, threshold).max(MEAN_EXCESS_MIN),
            median: quartile(2),
            robust_sd: ((quartile(1) - quartile(3)) / NORMAL_IQR).max(ROBUST_SD_MIN),
            at_or_above: counts,
        }
    }

    fn tail(&self, cell: usize) -> f64 {
        (self.at_or_above[cell] + 1) as f64 / (self.at_or_above[0] + 1) as f64
    }
}

/// Mean excess over a threshold, in units of score, of an exponential tail of which the highest third is censored: what
/// all points exceed it by, counted up to the censored ones, per point below these (the maximum likelihood of B. Epstein
/// and M. Sobel, *Life testing*, Journal of the American Statistical Association 48, 1953).
fn mean_excess(at_or_above: &[u64], threshold: usize) -> f64 {
    let censored = highest_with(at_or_above, at_or_above[threshold].div_ceil(CENSORED).max(1));
    // A point adds one to every cell that it reaches.
    let excess: u64 = at_or_above[threshold + 1..=censored.max(threshold)].iter().sum();
    let below = at_or_above[threshold] - at_or_above[censored];
    excess as f64 / below.max(1) as f64 / f64::from(STEPS_PER_UNIT)
}

/// The highest cell that at least `points` n-grams reach; the lowest when none does.
fn highest_with(at_or_above: &[u64], points: u64) -> usize {
    at_or_above.partition_point(|&count| count >= points).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn scores() -> impl Strategy<Value = Vec<(f64, u64)>> {
        prop::collection::vec((-1.1f64..1.1, 1u64..5000), 0..200)
    }

    fn filled(scores: &[(f64, u64)]) -> ScoreHistogram {
        let mut histogram = ScoreHistogram::new();
        scores.iter().for_each(|(score, edf)| histogram.add(*score, *edf));
        histogram
    }

    /// `count` scores whose upper tail is exponential with this mean, without random numbers.
    fn exponential(count: u32, mean: f64) -> Vec<(f64, u64)> {
        let quantile = |i: u32| -mean * (f64::from(i + 1) / f64::from(count + 1)).ln() - 0.5;
        (0..count).map(|i| (quantile(i), 12)).collect()
    }

    #[test]
    fn tail_counts_what_is_as_high() {
        let mut histogram = filled(&vec![(0.0, 10); 1500]);
        (0..3).for_each(|_| histogram.add(0.5, 10));
        let null = NullModel::fit(&histogram);
        assert_eq!(null.tail(0.5, 10), 4.0 / 1504.0);
        assert_eq!(null.tail(0.6, 10), 1.0 / 1504.0);
        assert_eq!(null.tail(-1.0, 10), 1.0);
        assert_eq!(null.total(), 1503);
    }

    #[test]
    fn extrapolation_follows_the_tail() {
        let null = NullModel::fit(&filled(&exponential(200_000, 0.05)));
        for decades in [2.0, 4.0, 6.0, 9.0] {
            let score = 0.05 * decades * LN_10 - 0.5;
            let got = null.surprise(score, 12);
            assert!((got - decades).abs() < 0.06 * decades + 0.05, "{decades} {got}");
        }
    }

    #[test]
    fn a_campaign_does_not_move_the_null() {
        let mut poisoned = exponential(200_000, 0.05);
        let clean = NullModel::fit(&filled(&poisoned)).surprise(0.9, 12);
        poisoned.extend(vec![(0.9, 12); 20]);
        let null = NullModel::fit(&filled(&poisoned));
        assert!((null.surprise(0.9, 12) - clean).abs() < 0.25 * clean);
        assert!(null.robust_deviations(0.9, 12) > 10.0);
    }

    #[test]
    fn several_campaigns_do_not_hide_each_other() {
        let mut poisoned = exponential(80_000, 0.05);
        let clean = NullModel::fit(&filled(&poisoned)).surprise(0.9, 12);
        poisoned.extend(vec![(0.9, 12); 120]);
        let null = NullModel::fit(&filled(&poisoned));
        assert!((null.surprise(0.9, 12) - clean).abs() < 0.15 * clean);
    }

    #[test]
    fn the_slope_is_that_of_the_tail_whatever_is_censored() {
        for mean in [0.03, 0.05, 0.08] {
            let mut counts = filled(&exponential(200_000, mean)).pooled(3);
            (0..CELLS - 1).rev().for_each(|cell| counts[cell] += counts[cell + 1]);
            let fitted = mean_excess(&counts, highest_with(&counts, 6000));
            assert!((fitted / mean - 1.0).abs() < 0.05, "{mean} {fitted}");
        }
        let mut one_cell = vec![0; CELLS];
        one_cell[..=40].fill(77);
        assert_eq!(mean_excess(&one_cell, 40), 0.0);
        assert_eq!(mean_excess(&[0; CELLS], 0), 0.0);
    }

    #[test]
    fn sparse_bins_borrow_and_empty_ones_stay_calm() {
        let mut histogram = filled(&exponential(5000, 0.05));
        histogram.add(0.1, 100_000);
        let null = NullModel::fit(&histogram);
        assert!((null.surprise(0.1, 100_000) - null.surprise(0.1, 12)).abs() < 0.2);
        let empty = NullModel::fit(&ScoreHistogram::new());
        assert!(empty.surprise(0.3, 12).is_finite());
        assert_eq!(empty.tail(0.3, 12), 1.0);
    }

    #[test]
    fn many_rare_peers_do_not_weigh_on_the_frequent() {
        let mut items = exponential(100_000, 0.05);
        items.extend(exponential(2000, 0.05).into_iter().map(|(score, _)| (score, 400)));
        let null = NullModel::fit(&filled(&items));
        assert!((null.log10_comparisons(12) - 204_000f64.log10()).abs() < 1e-9);
        assert!((null.log10_comparisons(400) - 8000f64.log10()).abs() < 1e-9);
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert_eq!(ScoreHistogram::from_bytes(b"no"), Err(HistogramError::Magic(b"no".to_vec())));
        let mut bytes = filled(&[(0.5, 10)]).to_bytes();
        bytes.pop();
        assert!(matches!(
            ScoreHistogram::from_bytes(&bytes),
            Err(HistogramError::Length { expected: 24, got: 23 })
        ));
        bytes.push(0);
        bytes[12..16].fill(0xff);
        assert!(matches!(ScoreHistogram::from_bytes(&bytes), Err(HistogramError::Cell { .. })));
        assert!(ScoreHistogram::from_bytes(b"TSTHIST1").is_err());
    }

    #[test]
    fn nan_is_the_lowest() {
        assert_eq!((cell(f64::NAN), cell(-2.0), cell(2.0)), (0, 0, CELLS - 1));
        assert_eq!((frequency_bin(0), frequency_bin(1), frequency_bin(u64::MAX)), (0, 0, 31));
    }

    proptest! {
        #[test]
        fn merging_commutes_and_associates(a in scores(), b in scores(), c in scores()) {
            let mut left = filled(&a);
            left.merge(&filled(&b));
            left.merge(&filled(&c));
            let mut right = filled(&c);
            right.merge(&filled(&b));
            let mut all = filled(&a);
            all.merge(&right);
            prop_assert_eq!(&left, &all);
            prop_assert_eq!(left, filled(&[a, b, c].concat()));
        }

        #[test]
        fn bytes_round_trip(a in scores()) {
            let histogram = filled(&a);
            prop_assert_eq!(ScoreHistogram::from_bytes(&histogram.to_bytes()).unwrap(), histogram);
        }

        #[test]
        fn surprise_rises(a in scores(), edf in 1u64..5000) {
            let null = NullModel::fit(&filled(&a));
            let surprises: Vec<f64> = (-100..=100).map(|i| null.surprise(f64::from(i) / 100.0, edf)).collect();
            prop_assert!(surprises.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
        }

        #[test]
        fn tail_equals_the_twin(a in scores(), score in -1.0f64..1.0) {
            // So few that all bins are one.
            let grid = |s: f64| (s.clamp(-1.0, 1.0) * 512.0).floor();
            let higher = a.iter().filter(|(other, _)| grid(*other) >= grid(score)).count();
            let expected = (higher + 1) as f64 / (a.len() + 1) as f64;
            prop_assert_eq!(NullModel::fit(&filled(&a)).tail(score, 40), expected);
        }
    }
}
