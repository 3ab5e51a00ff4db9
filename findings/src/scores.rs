//! From a summary to the statistics that need no other n-gram: N, A, raw C and the spread.

use serde::{Deserialize, Serialize};

use crate::asymmetry::{Asymmetry, asymmetry};
use crate::novelty::novelty;
use crate::place::place_scores;
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
        let spread = self.spread.factor(summary);
        let places = place_scores(summary, &self.totals, None);
        Scores {
            novelty: novelty(summary, spread),
            asymmetry: asymmetry(summary, spread),
            spread,
            concentration: places
                .iter()
                .fold(0.0, |most, place| most.max(-place.log10_p)),
        }
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
