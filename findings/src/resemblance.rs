//! Lists of what a corpus repeats with small changes: its largest clusters of near-duplicates, and the publishers most of
//! whose documents are in one. Lists beside the findings: mirrors, templates and terms of service, mostly, and copied poison.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::spread::PUBLISHER_AXES;
use crate::summary::CorpusTotals;

/// A publisher with fewer canonical documents says little by its share of near-duplicates.
pub const LEAST_DOCUMENTS: u64 = 20;

/// Canonical documents that are nearly the same as their first, the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearDuplicateCluster {
    /// Key of the leader's shard, relative to the input root.
    pub shard: String,
    /// Row of the leader in the shard.
    pub row: i64,
    /// Document id of the leader.
    pub id: String,
    /// Canonical documents in the cluster, at least 2.
    pub documents: i64,
    /// Name of the axis that tells publishers; none if no axis does.
    pub axis: Option<String>,
    /// Different publishers of these documents; 0 without an axis.
    pub localities: i64,
    /// The publisher of most of them; of equal ones the first by name.
    pub locality: Option<String>,
    /// First characters of the leader's text, at most 200.
    pub excerpt: String,
}

/// How many documents of one publisher are nearly the same as others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateCoverage {
    /// Name of the axis that tells publishers.
    pub axis: String,
    /// The publisher.
    pub locality: String,
    /// Its documents, copies included.
    pub documents: i64,
    /// Its canonical documents, at least [`LEAST_DOCUMENTS`].
    pub canonical_documents: i64,
    /// Those of its canonical documents that are in a cluster of near-duplicates.
    pub near_duplicate_documents: i64,
    /// The clusters that they are in.
    pub clusters: i64,
    /// `near_duplicate_documents` over `canonical_documents`, 0..=1.
    pub coverage: f64,
}

impl TemplateCoverage {
    /// The order of the list: the highest coverage first, exactly compared, then by name.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        let cross = |one: &Self, other: &Self| {
            i128::from(one.near_duplicate_documents) * i128::from(other.canonical_documents)
        };
        cross(other, self).cmp(&cross(self, other)).then_with(|| self.locality.cmp(&other.locality))
    }
}

/// Ordinal of the axis that tells the publishers of a corpus: the first of `host`, `domain` and `source` that knows at
/// least half of the canonical documents.
#[must_use]
pub fn publisher_axis(totals: &CorpusTotals) -> Option<usize> {
    let known = |axis: &usize| totals.axes[*axis].with_value;
    let mut axes = PUBLISHER_AXES.iter().filter_map(|name| totals.place_axis(name));
    axes.find(|axis| known(axis) > 0 && 2 * known(axis) >= totals.canonical)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::even_corpus;

    #[test]
    fn publishers_are_told_by_the_first_axis_that_knows_them() {
        let mut totals = even_corpus("source", 2, 10);
        totals.axes.extend(even_corpus("host", 3, 3).axes);
        assert_eq!(publisher_axis(&totals), Some(0));
        totals.axes[1].with_value = 10;
        assert_eq!(publisher_axis(&totals), Some(1));
        totals.axes[1].is_label = true;
        assert_eq!(publisher_axis(&totals), Some(0));
        assert_eq!(publisher_axis(&even_corpus("date", 2, 10)), None);
    }

    #[test]
    fn the_most_covered_come_first() {
        let publisher =
            |locality: &str, near_duplicate_documents, canonical_documents| TemplateCoverage {
                axis: "host".into(),
                locality: locality.into(),
                documents: canonical_documents,
                canonical_documents,
                near_duplicate_documents,
                clusters: 1,
                coverage: 0.0,
            };
        let mut all = [
            publisher("c", 10, 30),
            publisher("b", 20, 20),
            publisher("a", 40, 40),
            publisher("d", 21, 60),
        ];
        all.sort_by(TemplateCoverage::order);
        assert_eq!(all.map(|one| one.locality), ["a", "b", "d", "c"]);
    }
}
