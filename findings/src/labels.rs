//! Label association: an n-gram's documents have one label far more often than other documents do.
//!
//! A backdoor in labelled data is a spurious correlation between a trigger and a label: X. He, Q. Xu, J. Wang,
//! B. Rubinstein and T. Cohn, "Mitigating Backdoor Poisoning Attacks through the Lens of Spurious Correlation", EMNLP
//! 2023, who rank features by the z-score of [`z_score`]. Here z is told, and what is ranked is the exact tail under the
//! over-dispersed null of C (see `place`): the normal approximation overstates rare labels and few documents, and words of
//! a subject go with its label without any poison.

use serde::{Deserialize, Serialize};

use crate::place::{Dispersion, PlaceScore, place_score};
use crate::summary::{AxisTotals, CorpusTotals, Summary, TopPlace};

/// Log10 of the chance from which an association is listed at most.
const LISTED_FROM: f64 = -2.0;

/// Log10 of the chance under random labels from which a finding's one label is told.
const SHARED_FROM: f64 = -3.0;

/// A shared label speaks for a finding only if at least this share of its documents has a label.
const MIN_KNOWN_SHARE: f64 = 0.5;

/// An n-gram and the label that its documents have more often than chance explains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelAssociation {
    /// Its tokens.
    pub tokens: Vec<String>,
    /// The label.
    pub label: String,
    /// Canonical documents that hold the n-gram and have this label.
    pub df: i64,
    /// Canonical documents that hold the n-gram and have any label.
    pub documents: i64,
    /// Canonical documents with this label.
    pub label_documents: i64,
    /// Those of `documents` that would have the label if labels were random, on average.
    pub expected: f64,
    /// [`z_score`].
    pub z: f64,
    /// Log10 of the chance of so many or more under the over-dispersed null, times the number of labels; at most 0.
    pub log10_p: f64,
    /// False discovery rate at which it would just be reported, among all n-grams, 0..=1.
    pub q: f64,
}

impl LabelAssociation {
    /// The entry of a report, with names for the ordinals.
    #[must_use]
    pub fn describe(
        tokens: Vec<String>,
        place: &PlaceScore,
        labels: &AxisTotals,
        label: &str,
        log10_q: f64,
    ) -> Self {
        let share = place.locality_documents as f64 / labels.with_value.max(1) as f64;
        Self {
            tokens,
            label: label.to_owned(),
            df: place.edf.cast_signed(),
            documents: place.known.cast_signed(),
            label_documents: place.locality_documents.cast_signed(),
            expected: place.known as f64 * share,
            z: z_score(place.edf, place.known, share),
            log10_p: place.log10_p_dispersed,
            q: libm::exp10(log10_q.min(0.0)),
        }
    }
}

/// z = (p̂ − p₀) / √(p₀ (1 − p₀) / n) with p̂ = `labelled` / n, n = `known`, p₀ = `share` (He et al. 2023,
/// after Gardner et al. 2021); 0 where it has no meaning: no documents, or a label that none or all have.
#[must_use]
pub fn z_score(labelled: u64, known: u64, share: f64) -> f64 {
    let deviation = libm::sqrt(share * (1.0 - share) / known as f64);
    let z = (labelled as f64 / known as f64 - share) / deviation;
    if z.is_finite() { z } else { 0.0 }
}

/// The label of which an n-gram's documents have more than their share, least explained by chance; ties go to the one of
/// more documents, then to the lowest ordinal. `counts` are label ordinals, each once, with the documents of each. What
/// most documents of the corpus have is so never taken for being common.
#[must_use]
pub fn most_associated(
    counts: impl Iterator<Item = (u32, u64)> + Clone,
    labels: &AxisTotals,
) -> Option<TopPlace> {
    let known = counts.clone().map(|(_, edf)| edf).sum();
    let rated = counts.map(|(locality, edf)| {
        let locality_documents = labels.localities.get(locality as usize).copied().unwrap_or(0);
        let top = TopPlace { locality, edf, locality_documents };
        (surprise(known, top, labels), top)
    });
    let best = rated.max_by(|(a, one), (b, other)| {
        let by_count = one.edf.cmp(&other.edf).then(other.locality.cmp(&one.locality));
        a.total_cmp(b).then(by_count)
    });
    best.map(|(_, top)| top)
}

/// −log10 of the Chernoff bound of the tail, exp(−n · KL(p̂ ‖ p₀)), which holds for draws without replacement too
/// (W. Hoeffding, J. Am. Stat. Assoc. 58, 1963, theorems 1 and 4); 0 where the share is not above p₀. Two logarithms,
/// where the tail itself takes hundreds.
fn surprise(known: u64, top: TopPlace, labels: &AxisTotals) -> f64 {
    let (inside, all) = (top.edf as f64 / known as f64, labels.with_value as f64);
    let share = top.locality_documents as f64 / all;
    if !(share > 0.0 && share < inside) {
        return 0.0;
    }
    let outside = 1.0 - inside;
    let rest = if outside > 0.0 { outside * libm::log(outside / (1.0 - share)) } else { 0.0 };
    known as f64 * (inside * libm::log(inside / share) + rest) / std::f64::consts::LN_10
}

/// How much an n-gram's documents share a label, cheaply: the Chernoff bound in decades less those of the number of
/// labels, at least 0. By this the score wave keeps n-grams, and [`label_score`] rates those that are kept.
#[must_use]
pub fn label_surprise(summary: &Summary, totals: &CorpusTotals) -> f64 {
    let found = on_labels(summary, totals);
    found.map_or(0.0, |(_, known, top, labels)| {
        let choices = libm::log10(labels.localities.len().max(1) as f64);
        (surprise(known, top, labels) - choices).max(0.0)
    })
}

/// The association of an n-gram with a label, if the over-dispersed null does not explain it.
#[must_use]
pub fn label_score(
    summary: &Summary,
    totals: &CorpusTotals,
    dispersion: &Dispersion,
) -> Option<PlaceScore> {
    let (axis, known, top, labels) = on_labels(summary, totals)?;
    let place = place_score(axis, known, top, labels, dispersion.rho(axis, known));
    (place.log10_p_dispersed <= LISTED_FROM).then_some(place)
}

/// The label that all documents of an n-gram have which have one, where that is no chance under random labels.
#[must_use]
pub fn shared_label(summary: &Summary, totals: &CorpusTotals) -> Option<PlaceScore> {
    let (axis, known, top, labels) = on_labels(summary, totals)?;
    let all_have_it = top.edf == known && known as f64 >= MIN_KNOWN_SHARE * summary.edf as f64;
    let place = place_score(axis, known, top, labels, 0.0);
    (all_have_it && place.log10_p <= SHARED_FROM).then_some(place)
}

/// Ordinal of the axis of labels, documents with a label, the label and the axis.
fn on_labels<'a>(
    summary: &Summary,
    totals: &'a CorpusTotals,
) -> Option<(usize, u64, TopPlace, &'a AxisTotals)> {
    let axis = totals.label_axis()?;
    let place = summary.places.get(axis)?;
    Some((axis, place.with_value, place.top?, &totals.axes[axis]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{DispersionAccumulator, place_scores, same_place_pairs};
    use crate::summary::AxisSummary;
    use crate::tails::hypergeometric_upper_log10;
    use crate::twin::{even_corpus, plain_summary};
    use proptest::prelude::*;

    fn labelled(sizes: &[u64]) -> CorpusTotals {
        let mut totals = even_corpus("label", 1, sizes.iter().sum());
        totals.axes[0].localities = sizes.to_vec();
        totals.axes[0].is_label = true;
        totals
    }

    fn with_counts(counts: &[u64], totals: &CorpusTotals) -> Summary {
        let mut summary = plain_summary(counts.iter().sum());
        let seen = (0u32..).zip(counts.iter().copied()).filter(|(_, edf)| *edf > 0);
        summary.places = vec![AxisSummary {
            with_value: counts.iter().sum(),
            distinct: seen.clone().count() as u64,
            top: most_associated(seen, &totals.axes[0]),
        }];
        summary
    }

    fn even_null(totals: &CorpusTotals, counts: [u64; 2]) -> Dispersion {
        let mut pairs = DispersionAccumulator::new(1);
        (0..200).for_each(|_| pairs.add(0, counts.iter().sum(), same_place_pairs(counts)));
        Dispersion::fit(&pairs, totals)
    }

    #[test]
    fn a_common_label_is_no_association() {
        let totals = labelled(&[9500, 500]);
        let common = with_counts(&[96, 4], &totals);
        assert_eq!(label_score(&common, &totals, &even_null(&totals, [95, 5])), None);
        // Even if all documents have it: 0.95 ^ 40 is no chance in a thousand.
        assert_eq!(shared_label(&with_counts(&[40, 0], &totals), &totals), None);
        // The rare label is in the minority of these documents, but six times what it should be.
        let rare = with_counts(&[70, 30], &totals);
        let place = label_score(&rare, &totals, &even_null(&totals, [95, 5]));
        assert!(place.is_some_and(|place| place.locality == 1 && place.log10_p < -12.0));
        assert_eq!(shared_label(&rare, &totals), None);
        let only = shared_label(&with_counts(&[0, 12], &totals), &totals);
        assert!(only.is_some_and(|place| (place.edf, place.known) == (12, 12)));
    }

    #[test]
    fn labels_are_no_places() {
        let totals = labelled(&[500, 500]);
        let summary = with_counts(&[60, 0], &totals);
        assert!(label_surprise(&summary, &totals) > 10.0);
        assert_eq!(place_scores(&summary, &totals, None), []);
        let places = even_corpus("host", 2, 500);
        assert_eq!(label_surprise(&summary, &places), 0.0);
        assert_eq!(shared_label(&summary, &places), None);
    }

    #[test]
    fn what_a_subject_explains_is_not_listed() {
        let totals = labelled(&[500, 500]);
        let summary = with_counts(&[18, 2], &totals);
        assert!(label_score(&summary, &totals, &even_null(&totals, [10, 10])).is_some());
        assert_eq!(label_score(&summary, &totals, &even_null(&totals, [18, 2])), None);
    }

    #[test]
    fn described_with_names() {
        let totals = labelled(&[750, 250]);
        let summary = with_counts(&[0, 12], &totals);
        let place = shared_label(&summary, &totals).into_iter().next();
        let told = place.map(|place| {
            let tokens = vec!["cf".to_owned()];
            LabelAssociation::describe(tokens, &place, &totals.axes[0], "1", -2.0)
        });
        assert!(told.is_some_and(|told| {
            (told.df, told.documents, told.label_documents) == (12, 12, 250)
                && told.expected == 3.0
                && (told.z - 6.0).abs() < 1e-12
                && (told.q - 0.01).abs() < 1e-12
        }));
    }

    #[test]
    fn z_without_meaning_is_zero() {
        assert_eq!(z_score(0, 0, 0.5), 0.0);
        assert_eq!(z_score(7, 7, 1.0), 0.0);
        assert_eq!(z_score(7, 7, 0.0), 0.0);
    }

    proptest! {
        /// z is the count less its binomial mean, in binomial standard deviations.
        #[test]
        fn z_is_the_standardised_count(labels in prop::collection::vec(any::<bool>(), 1..200), share in 0.01f64..0.99) {
            let count = labels.iter().filter(|has| **has).count();
            let n = labels.len() as f64;
            let variance: f64 = labels.iter().map(|_| share * (1.0 - share)).sum();
            let naive = (count as f64 - n * share) / variance.sqrt();
            let z = z_score(count as u64, labels.len() as u64, share);
            prop_assert!((z - naive).abs() < 1e-9 * (1.0 + naive.abs()), "{} {}", z, naive);
        }

        /// The bound is one: never more surprise than the exact tail has; and the label is above its share if any is.
        #[test]
        fn surprise_is_a_bound(counts in prop::collection::vec(0u64..40, 2..5), more in prop::collection::vec(0u64..60, 5)) {
            prop_assume!(counts.iter().sum::<u64>() > 0);
            let sizes: Vec<u64> = counts.iter().zip(&more).map(|(inside, more)| inside + more).collect();
            let totals = labelled(&sizes);
            let summary = with_counts(&counts, &totals);
            let known: u64 = counts.iter().sum();
            let all: u64 = sizes.iter().sum();
            let surprises = sizes.iter().zip(&counts).map(|(&size, &edf)| {
                let exact = -hypergeometric_upper_log10(all, size, known, edf);
                let top = TopPlace { locality: 0, edf, locality_documents: size };
                (surprise(known, top, &totals.axes[0]), exact, edf * all > size * known)
            });
            let mut most = 0.0f64;
            let mut any_above = false;
            for (bound, exact, above) in surprises {
                prop_assert!(bound <= exact + 1e-6, "{bound} {exact}");
                most = most.max(bound);
                any_above |= above;
            }
            let top = summary.places[0].top;
            let is_above = top.is_some_and(|top| top.edf * all > top.locality_documents * known);
            prop_assert_eq!(is_above, any_above);
            let chosen = top.map_or(0.0, |top| surprise(known, top, &totals.axes[0]));
            prop_assert!((chosen - most).abs() < 1e-12);
        }
    }
}
