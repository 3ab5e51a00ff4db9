//! The false-discovery rate, measured with decoys.
//!
//! Every n-gram that is scored has one decoy: the same documents in the same places, changed so that the null of a
//! statistic is true, and judged by the same [`combine`](crate::combine()). What decoys reach, findings reach by chance
//! (target–decoy search: J. Elias and S. Gygi, *Nature Methods* 4, 2007). The decoy of
//!
//! * **N** is the n-gram in its documents read backwards, as reversed proteins are decoys of proteins: what stands
//!   before it takes the place of what stands after. Null: text that repeats is not followed by unseen text more than
//!   it is preceded by it. Frequency, places, copies and the novelty of the documents themselves stay as they are.
//! * **A** has its left and right contexts exchanged in the documents of every other publisher, by a coin that the
//!   fingerprint throws. Null: within a publisher, the sides can be exchanged. A permutation within strata of
//!   n-gram and publisher, as documents of one publisher are not independent.
//!
//! Not covered: what is flagged by code points, a signature or its place alone. Harmless phrases that really are fixed on
//! one side and spread over publishers are no chance finding, so decoys do not count them either.

use serde::{Deserialize, Serialize};

use crate::report::{Finding, Kind};
use crate::severity::Severity;
use crate::summary::Summary;

/// Severities for which the rate is stated: below them decoys are not kept.
pub const DECOY_LEVELS: [Severity; 3] = [Severity::Critical, Severity::High, Severity::Medium];

/// N, and A, below which nothing ends at medium: the ramps of the common scale leave less than a third of a strength
/// that hardly exceeds 14.
pub const LEAST_DECOY: (f64, f64) = (0.1, 0.3);

/// The n-gram in its documents read backwards. Twice is the n-gram itself.
pub fn mirror(summary: &mut Summary) {
    std::mem::swap(&mut summary.distinct_left, &mut summary.distinct_right);
    summary.novelty_sum = -summary.novelty_sum;
}

/// Exchanges left and right contexts in the documents of some publishers, `None` being a publisher of this document
/// alone; where all would be exchanged or none, in some of the documents. The same for the same documents in any order.
///
/// All slices are of one length: one place per document.
pub fn exchange_sides(
    fingerprint: u64,
    publishers: &[Option<u32>],
    left: &mut [u32],
    right: &mut [u32],
) {
    let by_document = |at: usize, left: &[u32], right: &[u32]| {
        coin(fingerprint, 1 << 63 | u64::from(left[at]) << 31 ^ u64::from(right[at]))
    };
    let by_publisher = |at: usize, left: &[u32], right: &[u32]| match publishers[at] {
        Some(publisher) => coin(fingerprint, u64::from(publisher)),
        None => by_document(at, left, right),
    };
    let exchanged = (0..left.len()).filter(|&at| by_publisher(at, left, right)).count();
    let whole = exchanged == 0 || exchanged == left.len();
    for at in 0..left.len() {
        let exchange =
            if whole { by_document(at, left, right) } else { by_publisher(at, left, right) };
        if exchange {
            std::mem::swap(&mut left[at], &mut right[at]);
        }
    }
}

/// A bit that looks random (finaliser of SplitMix64, G. Steele and others, 2014).
fn coin(fingerprint: u64, unit: u64) -> bool {
    let mut z = fingerprint ^ unit.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ z >> 31) & 1 == 1
}

/// Largest |left - right| that [`exchange_sides`] can leave of these distinct contexts, those of the two sides taken for
/// different: all of them are somewhere, and a side holds at most one per document.
#[must_use]
pub fn exchangeable(summary: &Summary) -> u64 {
    (2 * summary.edf).saturating_sub(summary.varied_left + summary.varied_right)
}

/// How many findings are expected by chance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FalseDiscovery {
    /// Decoys that were scored: one per n-gram.
    pub decoys: u64,
    /// By severity, the most urgent first.
    pub levels: Vec<FalseDiscoveryLevel>,
    /// What decoys are, in words.
    pub statement: String,
}

/// Findings and decoys at one severity or above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FalseDiscoveryLevel {
    /// The severity.
    pub severity: Severity,
    /// Findings that novelty or asymmetry flags.
    pub findings: u64,
    /// Decoys; those with the same documents count once, as sequences of the same documents are one finding.
    pub decoys: u64,
    /// Decoys over findings, at most 1; none without findings.
    pub rate: Option<f64>,
    /// (decoys + 1) / findings, at most 1: keeping the rate below a level by this one controls it (K. He and others,
    /// *A theoretical foundation of the target-decoy search strategy*, 2015). Never small for few findings.
    pub bound: Option<f64>,
}

impl FalseDiscovery {
    /// Compares findings with the severities of decoys, of which `scored` were made.
    #[must_use]
    pub fn measure(scored: u64, decoys: &[Severity], findings: &[Finding]) -> Self {
        let flagged: Vec<Severity> =
            findings.iter().filter(|finding| by_context(finding)).map(|f| f.severity).collect();
        let above =
            |all: &[Severity], least| all.iter().filter(|one| **one >= least).count() as u64;
        let level = |severity: Severity| {
            FalseDiscoveryLevel::new(severity, above(&flagged, severity), above(decoys, severity))
        };
        Self {
            decoys: scored,
            levels: DECOY_LEVELS.into_iter().map(level).collect(),
            statement: STATEMENT.to_owned(),
        }
    }
}

const STATEMENT: &str = "each n-gram has a decoy: for novelty the n-gram in its documents read backwards, for asymmetry \
    with left and right context exchanged publisher by publisher; findings by code points, signatures or place alone \
    have none";

fn by_context(finding: &Finding) -> bool {
    finding.kinds.iter().any(|kind| matches!(kind, Kind::Novelty | Kind::Asymmetry))
}

impl FalseDiscoveryLevel {
    fn new(severity: Severity, findings: u64, decoys: u64) -> Self {
        let over = |decoys: u64| (findings > 0).then(|| (decoys as f64 / findings as f64).min(1.0));
        Self { severity, findings, decoys, rate: over(decoys), bound: over(decoys + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{plain_summary, postings};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn distinct(contexts: &[u32]) -> u64 {
        contexts.iter().collect::<BTreeSet<_>>().len() as u64
    }

    /// `documents` documents of `publishers` publishers with different text before and the same after.
    fn payload(documents: u32, publishers: u32) -> (Vec<Option<u32>>, Vec<u32>, Vec<u32>) {
        let publisher = |at: u32| Some(at % publishers);
        (
            (0..documents).map(publisher).collect(),
            (1000..1000 + documents).collect(),
            vec![7; documents as usize],
        )
    }

    #[test]
    fn a_payload_is_not_its_own_decoy() {
        for publishers in [1, 2, 3, 12] {
            let mut largest = 0;
            for fingerprint in 0..200u64 {
                let (places, mut left, mut right) = payload(60, publishers);
                exchange_sides(
                    fingerprint.wrapping_mul(0x9e37_79b9),
                    &places,
                    &mut left,
                    &mut right,
                );
                largest = largest.max(distinct(&left).abs_diff(distinct(&right)));
            }
            assert!(largest < 59, "{publishers} publishers: {largest}");
        }
    }

    #[test]
    fn the_mean_decoy_of_a_payload_has_no_side() {
        let mut difference = 0i64;
        for fingerprint in 0..2000u64 {
            let (places, mut left, mut right) = payload(60, 12);
            exchange_sides(
                fingerprint.wrapping_mul(0x9e37_79b9_7f4a),
                &places,
                &mut left,
                &mut right,
            );
            difference += distinct(&left).cast_signed() - distinct(&right).cast_signed();
        }
        // The standard error of the mean is about 17/√2000.
        assert!((difference as f64 / 2000.0).abs() < 2.0, "{difference}");
    }

    #[test]
    fn rates_say_how_many_there_are() {
        let level = FalseDiscoveryLevel::new(Severity::High, 4, 1);
        assert_eq!((level.rate, level.bound), (Some(0.25), Some(0.5)));
        let none = FalseDiscoveryLevel::new(Severity::High, 0, 3);
        assert_eq!((none.rate, none.bound), (None, None));
        assert_eq!(FalseDiscoveryLevel::new(Severity::High, 2, 9).rate, Some(1.0));
        let all = FalseDiscovery::measure(9, &[Severity::High, Severity::Medium], &[]);
        let counts: Vec<u64> = all.levels.iter().map(|level| level.decoys).collect();
        assert_eq!((all.decoys, counts), (9, vec![0, 1, 2]));
    }

    proptest! {
        #[test]
        fn mirrored_twice_is_the_same(left in 0u64..50, jump in -900i64..900) {
            let mut summary = plain_summary(50);
            (summary.distinct_left, summary.novelty_sum) = (left, jump);
            let before = summary.clone();
            mirror(&mut summary);
            prop_assert_eq!((summary.distinct_right, summary.novelty_sum), (left, -jump));
            mirror(&mut summary);
            prop_assert_eq!(summary, before);
        }

        #[test]
        fn contexts_stay_with_their_document_and_order_does_not_matter(fingerprint: u64, postings in postings(4)) {
            let places: Vec<Option<u32>> = postings.iter().map(|p| p.places[0]).collect();
            let left: Vec<u32> = postings.iter().map(|p| p.left.0 as u32).collect();
            let right: Vec<u32> = postings.iter().map(|p| 100 + p.right.0 as u32).collect();
            let (mut new_left, mut new_right) = (left.clone(), right.clone());
            exchange_sides(fingerprint, &places, &mut new_left, &mut new_right);
            for at in 0..left.len() {
                let kept = (new_left[at], new_right[at]) == (left[at], right[at]);
                prop_assert!(kept || (new_right[at], new_left[at]) == (left[at], right[at]));
            }
            let most = 2 * left.len() as u64 - distinct(&left) - distinct(&right);
            prop_assert!(distinct(&new_left).abs_diff(distinct(&new_right)) <= most);
            let backwards = |values: &[u32]| values.iter().rev().copied().collect::<Vec<u32>>();
            let (mut other_left, mut other_right) = (backwards(&left), backwards(&right));
            let places: Vec<Option<u32>> = places.into_iter().rev().collect();
            exchange_sides(fingerprint, &places, &mut other_left, &mut other_right);
            prop_assert_eq!((other_left, other_right), (backwards(&new_left), backwards(&new_right)));
        }
    }
}
