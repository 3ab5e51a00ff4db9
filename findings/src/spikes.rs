//! Frequency spikes of single tokens: those that stand in one place far more often than their peers do.
//!
//! The statistic is the document frequency in the place that holds most of a token's documents. Null model: the
//! over-dispersed one of C (beta-binomial, its correlation fitted to the n-grams of this corpus that are about as
//! frequent, see `place`), times the number of places. A list beside the findings, as words of one site do that too.

use serde::{Deserialize, Serialize};

use crate::place::{Dispersion, PlaceScore, place_scores};
use crate::summary::{AxisTotals, CorpusTotals, Summary};

/// Log10 of the chance from which a spike is listed at most.
const LISTED_FROM: f64 = -2.0;

/// A single token and the place in which it spikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenSpike {
    /// The token.
    pub token: String,
    /// Name of the axis.
    pub axis: String,
    /// The place on it.
    pub locality: String,
    /// Canonical documents with the token in this place.
    pub df: i64,
    /// Canonical documents with the token in any place of the axis.
    pub documents: i64,
    /// Canonical documents of the place.
    pub locality_documents: i64,
    /// Those of `documents` that random placement would put there, on average.
    pub expected: f64,
    /// Log10 of the chance of so many or more under the over-dispersed null, at most 0.
    pub log10_p: f64,
    /// False discovery rate at which it would just be reported, among all single tokens and axes, 0..=1.
    pub q: f64,
}

/// The place in which a token spikes most, if the over-dispersed null does not explain it; of equals the first axis.
#[must_use]
pub fn spike(
    summary: &Summary,
    totals: &CorpusTotals,
    dispersion: &Dispersion,
) -> Option<PlaceScore> {
    let places = place_scores(summary, totals, Some(dispersion)).into_iter();
    let least = places.min_by(|a, b| a.log10_p_dispersed.total_cmp(&b.log10_p_dispersed))?;
    (least.log10_p_dispersed <= LISTED_FROM).then_some(least)
}

impl TokenSpike {
    /// The entry of a report, with names for the ordinals.
    #[must_use]
    pub fn describe(
        token: String,
        place: &PlaceScore,
        axis: &AxisTotals,
        locality: &str,
        log10_q: f64,
    ) -> Self {
        let share = place.locality_documents as f64 / axis.with_value.max(1) as f64;
        Self {
            token,
            axis: axis.name.clone(),
            locality: locality.to_owned(),
            df: place.edf.cast_signed(),
            documents: place.known.cast_signed(),
            locality_documents: place.locality_documents.cast_signed(),
            expected: place.known as f64 * share,
            log10_p: place.log10_p_dispersed,
            q: libm::exp10(log10_q.min(0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{DispersionAccumulator, same_place_pairs};
    use crate::summary::{AxisSummary, TopPlace};
    use crate::twin::{even_corpus, plain_summary};

    fn spread_or_not(inside: u64) -> Summary {
        let mut summary = plain_summary(20);
        let top = TopPlace { locality: 3, edf: inside, locality_documents: 100 };
        summary.places = vec![AxisSummary { with_value: 20, distinct: 2, top: Some(top) }];
        summary
    }

    #[test]
    fn a_spike_is_more_than_what_its_peers_do() {
        let totals = even_corpus("host", 10, 100);
        let fit = |counts: [u64; 3]| {
            let mut pairs = DispersionAccumulator::new(1);
            (0..200).for_each(|_| pairs.add(0, 20, same_place_pairs(counts)));
            Dispersion::fit(&pairs, &totals)
        };
        let even = fit([2, 2, 2]);
        let place = spike(&spread_or_not(18), &totals, &even);
        let told = place.map(|place| {
            TokenSpike::describe("token".into(), &place, &totals.axes[0], "example.org", -3.0)
        });
        let told = told.into_iter().next();
        assert!(told.as_ref().is_some_and(|told| told.log10_p < -10.0), "{told:?}");
        assert!(told.is_some_and(|told| {
            (told.df, told.documents, told.locality_documents) == (18, 20, 100)
                && told.expected == 2.0
                && (told.q - 1e-3).abs() < 1e-12
        }));
        assert_eq!(spike(&spread_or_not(4), &totals, &even), None);
        // Where all are as concentrated none spikes.
        assert_eq!(spike(&spread_or_not(18), &totals, &fit([18, 1, 1])), None);
    }
}
