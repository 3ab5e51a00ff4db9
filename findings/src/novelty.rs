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
