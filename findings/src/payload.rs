//! How much like a payload an n-gram stands, whoever published its documents: what N and A see before they are
//! weighted by spread. Inside one host they are weighted to nothing, since a site's templates look alike there.

use crate::novelty::novelty_lower_bound;
use crate::summary::Summary;

/// A mean jump, as a share of 31 bigrams, from which what follows is unlike anything else even on a site of tables.
const NOVEL_ENOUGH: f64 = 0.4;

/// The larger of two shares, 0..=1: contexts that differ on one side minus those that differ on the other, over the
/// documents; and the lower bound of the novelty jump over 0.4, at most 1, times the share of varied contexts
/// before it. Without the allowance for few documents that A makes: it only selects what is read and verified.
#[must_use]
pub fn payload(summary: &Summary) -> f64 {
    let documents = summary.edf.max(1) as f64;
    let lopsided = summary.varied_left.abs_diff(summary.varied_right) as f64 / documents;
    lopsided.max(gibberish(summary)).clamp(0.0, 1.0)
}

/// The second of the two shares of [`payload`], 0..=1. A context before it that is in far more documents than the n-gram
/// counts in each: poison that is appended to pages stands behind the foot that all pages of a site have.
#[must_use]
pub fn gibberish(summary: &Summary) -> f64 {
    let varied = summary.varied_left as f64 / summary.edf.max(1) as f64;
    (novelty_lower_bound(summary) / NOVEL_ENOUGH).clamp(0.0, 1.0) * varied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{even_corpus, plain_summary, postings, summarise};
    use proptest::prelude::*;

    #[test]
    fn both_kinds_of_payload() {
        let mut summary = plain_summary(25);
        assert_eq!(payload(&summary), 0.0);
        summary.varied_right = 1;
        assert_eq!(payload(&summary), 0.96);
        summary.varied_right = 25;
        (summary.novelty_sum, summary.novelty_sum_squares) = (25 * 20, 25 * 400);
        assert_eq!(payload(&summary), 1.0);
    }

    #[test]
    fn gibberish_behind_the_foot_of_a_site_is_gibberish() {
        let mut summary = plain_summary(25);
        (summary.novelty_sum, summary.novelty_sum_squares) = (25 * 20, 25 * 400);
        // One text before it: a template, unless that text is everywhere.
        (summary.distinct_left, summary.varied_left) = (1, 1);
        assert!(gibberish(&summary) < 0.05);
        summary.varied_left = 25;
        assert_eq!(gibberish(&summary), 1.0);
    }

    proptest! {
        #[test]
        fn equals_the_twin(postings in postings(5)) {
            let n = postings.len() as f64;
            let summary = summarise(&postings, &even_corpus("host", 5, 10));
            let lopsided = (summary.varied_left as f64 - summary.varied_right as f64).abs() / n;
            let novel = (novelty_lower_bound(&summary) / 0.4).clamp(0.0, 1.0) * summary.varied_left as f64 / n;
            prop_assert!((payload(&summary) - lopsided.max(novel)).abs() < 1e-12);
        }
    }
}
