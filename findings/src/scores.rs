//! From a summary to the statistics that need no other n-gram: N, A, raw C and the spread.

use serde::{Deserialize, Serialize};

use crate::asymmetry::{Asymmetry, asymmetry};
use crate::novelty::novelty;
use crate::payload::{gibberish, payload};
use crate::place::{concentration, concentration_bound};
use crate::spread::Spread;
use crate::summary::{CorpusTotals, Summary};

/// Statistics of one n-gram, before calibration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// N, -1..=1.
    pub novelty: f64,
    /// A, with its direction.
    pub asymmetry: Asymmetry,
    /// Distinct publishers over those expected, 0..=1.
    pub spread: f64,
    /// Largest -log10 p over the axes under random placement, at least 0.
    pub concentration: f64,
    /// How much like a payload it stands, whoever published its documents; 0..=1, see [`payload`].
    pub payload: f64,
    /// How much it is followed by gibberish, whoever published its documents; 0..=1, see [`gibberish`].
    pub gibberish: f64,
    /// Share of its documents, at least, in which it stands inside furniture at a place of its own; 0..=1, see
    /// [`Summary::scattered`].
    pub scattered: f64,
}

/// Scores n-grams of one corpus; what depends on the corpus alone is computed once.
#[derive(Debug, Clone)]
pub struct Scorer {
    totals: CorpusTotals,
    spread: Spread,
}

impl Scorer {
    /// Prepares the tables.
    #[must_use]
    pub fn new(totals: CorpusTotals) -> Self {
        let spread = Spread::new(&totals);
        Self { totals, spread }
    }

    /// The corpus it scores against.
    #[must_use]
    pub fn totals(&self) -> &CorpusTotals {
        &self.totals
    }

    /// Statistics of one n-gram.
    #[must_use]
    pub fn score(&self, summary: &Summary) -> Scores {
        Scores { concentration: self.concentration(summary), ..self.score_contexts(summary) }
    }

    /// Statistics of one n-gram but for its concentration, which costs more than all others and
    /// stays 0.
    #[must_use]
    pub fn score_contexts(&self, summary: &Summary) -> Scores {
        let spread = self.spread.factor(summary);
        Scores {
            novelty: novelty(summary, spread),
            asymmetry: asymmetry(summary, spread),
            spread,
            concentration: 0.0,
            payload: payload(summary),
            gibberish: gibberish(summary),
            scattered: summary.scattered as f64 / summary.edf.max(1) as f64,
        }
    }

    /// Ordinal of the axis that tells the publishers of an n-gram's documents, if one does.
    #[must_use]
    pub fn publisher_axis(&self, summary: &Summary) -> Option<usize> {
        self.spread.publisher_axis(summary)
    }

    /// The concentration of one n-gram.
    #[must_use]
    pub fn concentration(&self, summary: &Summary) -> f64 {
        concentration(summary, &self.totals)
    }

    /// A cheap bound that the concentration does not exceed.
    #[must_use]
    pub fn concentration_bound(&self, summary: &Summary) -> f64 {
        concentration_bound(summary, &self.totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{even_corpus, postings, summarise};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_agree_with_the_whole(postings in postings(6)) {
            let totals = even_corpus("host", 6, 20);
            let summary = summarise(&postings, &totals);
            let scores = Scorer::new(totals.clone()).score(&summary);
            let spread = Spread::new(&totals).factor(&summary);
            prop_assert_eq!(scores.spread, spread);
            prop_assert_eq!(scores.novelty, novelty(&summary, spread));
            prop_assert!((-1.0..=1.0).contains(&scores.asymmetry.weighted));
            prop_assert!(scores.concentration >= 0.0);
        }
    }
}
