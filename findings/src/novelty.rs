//! Statistic N: what follows the n-gram is unlike anything else in the corpus, what precedes it
//! is not. Gibberish and random bytes look like this.

use libm::sqrt;

use crate::summary::Summary;

/// Bigrams in a window of 32 tokens: the largest possible jump.
const BIGRAMS_PER_WINDOW: f64 = 31.0;

/// One-sided 99 % normal quantile: the bound is wrong once in a hundred n-grams whose jumps are
/// normal, and the empirical null corrects what normality misses.
const CONFIDENCE_Z: f64 = 2.33;

/// Ten equal jumps do not prove that the spread is zero: one bigram is the resolution.
const SMALLEST_SD: f64 = 1.0 / BIGRAMS_PER_WINDOW;

/// N in -1..=1: lower confidence bound of the mean jump, weighted by how varied the left contexts
/// are (copies of one passage share theirs) and by how spread the documents are (`spread`, 0..=1).
#[must_use]
pub fn novelty(summary: &Summary, spread: f64) -> f64 {
    if summary.edf == 0 {
        return 0.0;
    }
    let varied = summary.distinct_left as f64 / summary.edf as f64;
    (novelty_lower_bound(summary) * varied * spread).clamp(-1.0, 1.0)
}

/// Mean jump as a share of 31 bigrams, minus 2.33 standard errors; -1..=1, 0 without postings.
#[must_use]
pub fn novelty_lower_bound(summary: &Summary) -> f64 {
    if summary.edf == 0 {
        return 0.0;
    }
    let n = summary.edf as f64;
    let mean = summary.novelty_sum as f64 / n / BIGRAMS_PER_WINDOW;
    let bound = mean - CONFIDENCE_Z * standard_deviation(summary).max(SMALLEST_SD) / sqrt(n);
    bound.clamp(-1.0, 1.0)
}

/// Sample standard deviation of jump/31; the numerator n·Σx² - (Σx)² is an exact integer.
fn standard_deviation(summary: &Summary) -> f64 {
    if summary.edf < 2 {
        return 1.0;
    }
    let n = i128::from(summary.edf);
    let sum = i128::from(summary.novelty_sum);
    let numerator = (n * i128::from(summary.novelty_sum_squares) - sum * sum).max(0);
    sqrt(numerator as f64 / (n as f64 * (n - 1) as f64)) / BIGRAMS_PER_WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{Posting, even_corpus, plain_summary, postings, summarise};
    use proptest::prelude::*;

    /// Two passes over the jumps in floating point.
    fn naive_bound(postings: &[Posting]) -> f64 {
        let jumps: Vec<f64> = postings.iter().map(|p| p.jump as f64 / 31.0).collect();
        let n = jumps.len() as f64;
        let mean = jumps.iter().sum::<f64>() / n;
        let squares: f64 = jumps.iter().map(|jump| (jump - mean).powi(2)).sum();
        let deviation = if jumps.len() < 2 { 1.0 } else { (squares / (n - 1.0)).sqrt() };
        (mean - 2.33 * deviation.max(1.0 / 31.0) / n.sqrt()).clamp(-1.0, 1.0)
    }

    #[test]
    fn ten_equal_jumps_are_clear() {
        let mut summary = plain_summary(10);
        summary.novelty_sum = 200;
        summary.novelty_sum_squares = 4000;
        let expected = 20.0 / 31.0 - 2.33 / 31.0 / 10f64.sqrt();
        assert!((novelty(&summary, 1.0) - expected).abs() < 1e-12);
        assert!((novelty(&summary, 0.5) - expected / 2.0).abs() < 1e-12);
        summary.distinct_left = 1;
        assert!((novelty(&summary, 1.0) - expected / 10.0).abs() < 1e-12);
    }

    #[test]
    fn no_postings_are_no_novelty() {
        assert_eq!(novelty(&plain_summary(0), 1.0), 0.0);
        assert!(novelty(&plain_summary(1), 1.0) < 0.0);
    }

    proptest! {
        #[test]
        fn equals_the_twin(postings in postings(5)) {
            let summary = summarise(&postings, &even_corpus("host", 5, 10));
            prop_assert!((novelty_lower_bound(&summary) - naive_bound(&postings)).abs() < 1e-9);
        }
    }
}
