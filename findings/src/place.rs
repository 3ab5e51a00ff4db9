//! Statistic C: an n-gram's documents fall into one locality far more often than that locality's
//! size explains.
//!
//! Two null models. Sampling without replacement (hypergeometric) asks whether the documents are
//! a random draw; nearly everything a site repeats fails that. The over-dispersed null
//! (beta-binomial, its correlation fitted to the n-grams of this corpus that are about as
//! frequent) asks whether the n-gram is *more* concentrated than its peers: the unexplained part.

use std::f64::consts::LN_10;

use serde::{Deserialize, Serialize};

use crate::calibration::{BINS, frequency_bin};
use crate::multiple_testing::benjamini_yekutieli_log10;
use crate::report::Concentration;
use crate::summary::{AxisSummary, AxisTotals, CorpusTotals, Summary, TopPlace};
use crate::tails::{beta_binomial_upper_log10, hypergeometric_upper_log10};

/// One document is always in one place; from two on there is something to test.
const MIN_DOCUMENTS: u64 = 2;

/// A frequency bin with fewer n-grams borrows from its neighbours: the moment estimate of a
/// correlation is too noisy below about a hundred.
const MIN_NGRAMS_PER_BIN: u64 = 100;

/// A fitted correlation above this would make every concentration expected, even in a corpus that
/// is one site; the cap keeps the tail informative.
const RHO_CAP: f64 = 0.95;

/// No honest tail is smaller (a million decades take more documents than a ceiling allows); a
/// contradiction between counts must not put an infinity, which JSON cannot hold, in a report.
const LOG10_P_MIN: f64 = -1e6;

/// How concentrated an n-gram is on one axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlaceScore {
    /// Axis ordinal.
    pub axis: u32,
    /// Locality ordinal of the place that holds most of the documents.
    pub locality: u32,
    /// Canonical documents of the n-gram in it.
    pub edf: u64,
    /// Canonical documents of the n-gram that have a locality on this axis.
    pub known: u64,
    /// Canonical documents of the locality.
    pub locality_documents: u64,
    /// log10 of the chance under random placement, times the number of localities; at most 0.
    pub log10_p: f64,
    /// The same under the over-dispersed null; equal to `log10_p` without one.
    pub log10_p_dispersed: f64,
}

impl PlaceScore {
    /// The entry of a report, with names for the ordinals and the place's log10 q.
    #[must_use]
    pub fn describe(&self, axis: &str, locality: &str, log10_q: f64) -> Concentration {
        Concentration {
            axis: axis.into(),
            locality: locality.into(),
            df: self.edf.cast_signed(),
            locality_documents: self.locality_documents.cast_signed(),
            log10_p: self.log10_p,
            q: libm::exp10(log10_q.min(0.0)),
        }
    }
}

/// One score per axis of places on which the n-gram has at least two documents with a locality.
///
/// The top place was chosen among all localities of the axis, not only among those that occur:
/// any of them could have been the top. So the factor (Bonferroni, valid for any dependence) is
/// the number of localities; the number of *distinct* ones that occur would shrink with the very
/// concentration that is tested.
#[must_use]
pub fn place_scores(
    summary: &Summary,
    totals: &CorpusTotals,
    dispersion: Option<&Dispersion>,
) -> Vec<PlaceScore> {
    let axes = summary.places.iter().zip(&totals.axes).enumerate();
    axes.filter_map(|(ordinal, (place, axis))| {
        let top = place.top.filter(|_| is_tested(place, axis))?;
        let rho = dispersion.map_or(0.0, |fit| fit.rho(ordinal, place.with_value));
        Some(place_score(ordinal, place.with_value, top, axis, rho))
    })
    .collect()
}

/// Whether there is something to test, and the axis is one of places.
fn is_tested(place: &AxisSummary, axis: &AxisTotals) -> bool {
    place.with_value >= MIN_DOCUMENTS && !axis.is_label
}

/// The score on one axis, over-dispersed by `rho`; also for labels.
pub(crate) fn place_score(
    ordinal: usize,
    known: u64,
    top: TopPlace,
    axis: &AxisTotals,
    rho: f64,
) -> PlaceScore {
    let choices = libm::log(axis.localities.len().max(1) as f64) / LN_10;
    let random =
        hypergeometric_upper_log10(axis.with_value, top.locality_documents, known, top.edf);
    let log10_p = (random + choices).clamp(LOG10_P_MIN, 0.0);
    PlaceScore {
        axis: ordinal as u32,
        locality: top.locality,
        edf: top.edf,
        known,
        locality_documents: top.locality_documents,
        log10_p,
        // A fitted null is never allowed to be stricter than random placement.
        log10_p_dispersed: if rho > 0.0 {
            let share = top.locality_documents as f64 / axis.with_value.max(1) as f64;
            let dispersed = beta_binomial_upper_log10(known, share, rho, top.edf) + choices;
            dispersed.min(0.0).max(log10_p)
        } else {
            log10_p
        },
    }
}

/// The largest -log10 p over the axes under random placement, at least 0.
#[must_use]
pub(crate) fn concentration(summary: &Summary, totals: &CorpusTotals) -> f64 {
    let places = place_scores(summary, totals, None);
    places.iter().fold(0.0, |most, place| most.max(-place.log10_p))
}

/// What [`concentration`] cannot exceed, for the price of one logarithm per axis.
#[must_use]
pub(crate) fn concentration_bound(summary: &Summary, totals: &CorpusTotals) -> f64 {
    let axes = summary.places.iter().zip(&totals.axes);
    let bounds = axes.map(|(place, axis)| match place.top {
        Some(top) if is_tested(place, axis) => bound(place.with_value, top, axis),
        _ => 0.0,
    });
    bounds.fold(0.0, f64::max)
}

/// At least `k` of the drawn documents are in the locality if the first `k` drawn are, and each of
/// those is with a chance of (K-k+1)/N or more.
fn bound(known: u64, top: TopPlace, axis: &AxisTotals) -> f64 {
    let (inside, size, all) = (top.edf, top.locality_documents, axis.with_value);
    if inside > size || size > all || known > all {
        return -LOG10_P_MIN;
    }
    let least_chance = (size - inside + 1) as f64 / all as f64;
    let bound = -(inside as f64) * libm::log(least_chance) / LN_10;
    // The exact tail is a rounded number, too.
    bound.max(0.0) * (1.0 + 1e-9) + 1e-6
}

/// log10 of the q-values of many n-grams' places, in input order. `tests` is the number of
/// (n-gram, axis) pairs in the whole corpus, also those that are not in the list.
#[must_use]
pub fn q_values(places: &[PlaceScore], tests: u64) -> Vec<f64> {
    let log10_p: Vec<f64> = places.iter().map(|place| place.log10_p_dispersed).collect();
    benjamini_yekutieli_log10(&log10_p, tests)
}

/// Σ x(x-1) over an n-gram's document counts per locality: ordered pairs in the same place.
#[must_use]
pub fn same_place_pairs(counts: impl IntoIterator<Item = u64>) -> u128 {
    let pairs = |x: u64| u128::from(x) * u128::from(x.saturating_sub(1));
    counts.into_iter().map(pairs).sum()
}

/// Integer moments of one frequency bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PairCounts {
    ngrams: u64,
    same: u128,
    all: u128,
}

impl PairCounts {
    fn plus(self, other: Self) -> Self {
        Self {
            ngrams: self.ngrams + other.ngrams,
            same: self.same + other.same,
            all: self.all + other.all,
        }
    }
}

/// Counts pairs of documents in the same place, per axis and frequency bin. Integers only, so
/// parts merge in any order to the same sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispersionAccumulator {
    axes: Vec<Vec<PairCounts>>,
}

impl DispersionAccumulator {
    /// An empty accumulator for a number of axes.
    #[must_use]
    pub fn new(axes: usize) -> Self {
        Self { axes: vec![vec![PairCounts::default(); BINS]; axes] }
    }

    /// Adds one n-gram on one axis: `known` documents with a locality, of which `same_pairs`
    /// ordered pairs share one ([`same_place_pairs`]). An axis out of range is ignored.
    pub fn add(&mut self, axis: usize, known: u64, same_pairs: u128) {
        if known < MIN_DOCUMENTS {
            return;
        }
        if let Some(bin) = self.bin_mut(axis, known) {
            *bin = bin.plus(PairCounts {
                ngrams: 1,
                same: same_pairs,
                all: same_place_pairs([known]),
            });
        }
    }

    fn bin_mut(&mut self, axis: usize, known: u64) -> Option<&mut PairCounts> {
        self.axes.get_mut(axis)?.get_mut(frequency_bin(known))
    }

    /// Adds another part of the same corpus.
    pub fn merge(&mut self, other: &Self) {
        if self.axes.len() < other.axes.len() {
            let empty = vec![PairCounts::default(); BINS];
            self.axes.resize(other.axes.len(), empty);
        }
        for (mine, theirs) in self.axes.iter_mut().zip(&other.axes) {
            for (a, b) in mine.iter_mut().zip(theirs) {
                *a = a.plus(*b);
            }
        }
    }
}

/// Fitted intra-class correlations: per axis and frequency bin, 0..=0.95.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dispersion {
    rho: Vec<Vec<f64>>,
}

impl Dispersion {
    /// Fits by moments. For n documents placed with shares p and correlation rho,
    /// E[pairs in the same place / all pairs] = S + (1-S)·rho with S = Σp²
    /// (the ANOVA form of the intra-class correlation, J. Fleiss, *Statistical Methods*, ch. 13).
    #[must_use]
    pub fn fit(counts: &DispersionAccumulator, totals: &CorpusTotals) -> Self {
        let axes = counts.axes.iter().zip(&totals.axes);
        let rho = axes.map(|(bins, axis)| {
            let by_chance = chance_of_same_place(axis);
            (0..bins.len()).map(|bin| fit_rho(&pooled(bins, bin), by_chance)).collect()
        });
        Self { rho: rho.collect() }
    }

    /// Correlation for an n-gram with `known` placed documents; 0 on an axis without a fit.
    #[must_use]
    pub fn rho(&self, axis: usize, known: u64) -> f64 {
        let bins = self.rho.get(axis);
        bins.and_then(|bins| bins.get(frequency_bin(known))).copied().unwrap_or(0.0)
    }
}

/// The bin with as many neighbours on both sides as it takes.
fn pooled(bins: &[PairCounts], bin: usize) -> PairCounts {
    let mut sum = PairCounts::default();
    for reach in 0..bins.len() {
        let (low, high) = (bin.saturating_sub(reach), (bin + reach).min(bins.len() - 1));
        sum = bins[low..=high].iter().fold(PairCounts::default(), |sum, part| sum.plus(*part));
        if sum.ngrams >= MIN_NGRAMS_PER_BIN {
            break;
        }
    }
    sum
}

fn chance_of_same_place(axis: &AxisTotals) -> f64 {
    let same = same_place_pairs(axis.localities.iter().copied());
    let all = same_place_pairs([axis.localities.iter().sum()]);
    same as f64 / all.max(1) as f64
}

fn fit_rho(counts: &PairCounts, by_chance: f64) -> f64 {
    if counts.all == 0 || by_chance >= 1.0 {
        return 0.0;
    }
    let observed = counts.same as f64 / counts.all as f64;
    ((observed - by_chance) / (1.0 - by_chance)).clamp(0.0, RHO_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{even_corpus, place_counts, postings, summarise};
    use proptest::prelude::*;

    fn scored(inside: u64, others: u64) -> PlaceScore {
        let totals = even_corpus("host", 100, 100);
        let mut summary = crate::twin::plain_summary(inside + others);
        summary.places = vec![crate::summary::AxisSummary {
            with_value: inside + others,
            distinct: others + 1,
            top: Some(TopPlace { locality: 3, edf: inside, locality_documents: 100 }),
        }];
        place_scores(&summary, &totals, None)[0]
    }

    #[test]
    fn concentrated_and_spread() {
        assert!(scored(20, 0).log10_p < -35.0);
        assert_eq!(scored(1, 19).log10_p, 0.0);
        assert_eq!(scored(101, 0).log10_p, LOG10_P_MIN);
        let entry = scored(20, 0).describe("host", "example.org", -400.0);
        assert_eq!((entry.df, entry.locality_documents, entry.q), (20, 100, 0.0));
        // Two documents in one of 100 equal places: about one in a hundred, not one in 10^4.
        assert!((scored(2, 0).log10_p + 2.0).abs() < 0.01);
    }

    #[test]
    fn rho_is_found_again() {
        let totals = even_corpus("host", 10, 100);
        let mut counts = DispersionAccumulator::new(1);
        // Half of the n-grams lie in one place, half as chance has it: about rho = 1/2.
        for _ in 0..1000 {
            counts.add(0, 10, same_place_pairs([10]));
            counts.add(0, 10, 9);
        }
        let fit = Dispersion::fit(&counts, &totals);
        assert!((fit.rho(0, 10) - 0.5).abs() < 0.01, "{}", fit.rho(0, 10));
        assert_eq!(fit.rho(0, 1_000_000), fit.rho(0, 10));
        assert_eq!(fit.rho(7, 10), 0.0);
        assert_eq!(Dispersion::fit(&DispersionAccumulator::new(1), &totals).rho(0, 10), 0.0);
    }

    #[test]
    fn json_round_trip() {
        let mut counts = DispersionAccumulator::new(2);
        counts.add(1, u64::MAX, u128::MAX >> 1);
        let json = serde_json::to_string(&counts).unwrap_or_default();
        assert_eq!(serde_json::from_str::<DispersionAccumulator>(&json).ok(), Some(counts));
    }

    #[test]
    fn dispersion_explains_what_all_do() {
        let totals = even_corpus("host", 10, 100);
        let mut counts = DispersionAccumulator::new(1);
        (0..200).for_each(|_| counts.add(0, 20, same_place_pairs([18, 1, 1])));
        let fit = Dispersion::fit(&counts, &totals);
        let mut summary = crate::twin::plain_summary(20);
        summary.places = vec![crate::summary::AxisSummary {
            with_value: 20,
            distinct: 3,
            top: Some(TopPlace { locality: 0, edf: 18, locality_documents: 100 }),
        }];
        let place = place_scores(&summary, &totals, Some(&fit))[0];
        assert!(place.log10_p < -14.0);
        assert!(place.log10_p_dispersed > -1.0);
    }

    proptest! {
        #[test]
        fn bound_is_never_exceeded(postings in postings(6), size in 1u64..60) {
            let totals = even_corpus("host", 6, size);
            let summary = summarise(&postings, &totals);
            let exact = concentration(&summary, &totals);
            prop_assert!(exact <= concentration_bound(&summary, &totals));
        }
    }

    proptest! {
        #[test]
        fn pairs_equal_counting_pairs(postings in postings(4)) {
            let known: Vec<u32> = postings.iter().filter_map(|p| p.places[0]).collect();
            let mut same = 0;
            for i in 0..known.len() {
                same += (0..known.len()).filter(|j| i != *j && known[i] == known[*j]).count() as u128;
            }
            prop_assert_eq!(same_place_pairs(place_counts(&postings, 0).into_values()), same);
        }

        #[test]
        fn parts_merge_in_any_order(items in prop::collection::vec((0usize..2, 1u64..100, 0u64..50), 0..40), cut in 0usize..40) {
            let fill = |items: &[(usize, u64, u64)]| {
                let mut counts = DispersionAccumulator::new(2);
                items.iter().for_each(|(axis, n, same)| counts.add(*axis, *n, u128::from(*same)));
                counts
            };
            let (a, b) = items.split_at(cut.min(items.len()));
            let (mut ab, mut ba) = (fill(a), fill(b));
            ab.merge(&fill(b));
            ba.merge(&fill(a));
            prop_assert_eq!(&ab, &fill(&items));
            prop_assert_eq!(ab, ba);
        }

        #[test]
        fn equals_the_twin(postings in postings(4)) {
            let totals = even_corpus("host", 4, 40);
            let counts = place_counts(&postings, 0);
            let known: u64 = counts.values().sum();
            let got = place_scores(&summarise(&postings, &totals), &totals, None);
            prop_assert_eq!(got.len(), usize::from(known >= 2));
            if let Some(place) = got.first() {
                let most = counts.values().max().copied().unwrap_or(0);
                let tail = hypergeometric_upper_log10(160, 40, known, most) + 4f64.log10();
                prop_assert_eq!(place.edf, most);
                let tail = tail.min(0.0);
                prop_assert!(place.log10_p == tail || (place.log10_p - tail).abs() < 1e-12);
            }
        }
    }
}
