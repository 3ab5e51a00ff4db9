//! Statistic A: everything on one side of the n-gram differs, everything on the other side is
//! the same. A fixed payload dropped into unrelated documents looks like this. What is the same must have come with
//! the n-gram: a context that is in far more documents than it counts as different in each ([`Summary::varied_left`]),
//! or stock phrases of a genre and the furniture of sites would look like this too.

use libm::sqrt;
use serde::{Deserialize, Serialize};

use crate::summary::Summary;

/// Which side of the n-gram is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// What comes before varies, what comes after is the same: the n-gram opens a payload.
    Forward,
    /// What comes before is the same, what comes after varies: the n-gram closes a payload.
    Backward,
}

/// A with its direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Asymmetry {
    /// |left - right|/edf - 1/√edf in -1..=1, whoever published the documents.
    pub unweighted: f64,
    /// The same times the spread factor: what ranks.
    pub weighted: f64,
    /// The side that is fixed.
    pub direction: Direction,
}

/// A of an n-gram whose documents have the spread factor `spread` in 0..=1. 1/√edf is about one
/// standard error of a share, so that few documents need a clearer picture.
#[must_use]
pub fn asymmetry(summary: &Summary, spread: f64) -> Asymmetry {
    let (left, right) = (summary.varied_left, summary.varied_right);
    let direction = if left >= right { Direction::Forward } else { Direction::Backward };
    let n = summary.edf.max(1) as f64;
    let unweighted = (left.abs_diff(right) as f64 / n - 1.0 / sqrt(n)).clamp(-1.0, 1.0);
    Asymmetry { unweighted, weighted: unweighted * spread, direction }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{Posting, even_corpus, plain_summary, postings, summarise};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn fixed_payload_and_its_mirror() {
        let mut summary = plain_summary(100);
        summary.varied_right = 1;
        let forward = asymmetry(&summary, 0.5);
        assert_eq!(forward.direction, Direction::Forward);
        assert!((forward.unweighted - 0.89).abs() < 1e-12);
        assert!((forward.weighted - 0.445).abs() < 1e-12);
        summary.varied_right = 100;
        summary.varied_left = 1;
        let backward = asymmetry(&summary, 0.5);
        assert_eq!(backward.direction, Direction::Backward);
        assert_eq!(backward.weighted, forward.weighted);
    }

    proptest! {
        #[test]
        fn equals_the_twin(postings in postings(5)) {
            let varied = |side: fn(&Posting) -> (u64, bool)| {
                let common = postings.iter().filter(|p| side(p).1).count();
                let rare = postings.iter().map(side).filter(|(_, common)| !common);
                (rare.collect::<BTreeSet<_>>().len() + common) as f64
            };
            let (left, right) = (varied(|p| p.left), varied(|p| p.right));
            let n = postings.len() as f64;
            let forward = (left - right) / n - 1.0 / n.sqrt();
            let backward = (right - left) / n - 1.0 / n.sqrt();
            let got = asymmetry(&summarise(&postings, &even_corpus("host", 5, 10)), 1.0);
            prop_assert!((got.weighted - forward.max(backward)).abs() < 1e-12);
        }
    }
}
