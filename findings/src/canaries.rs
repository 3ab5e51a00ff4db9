//! Recall on the very corpus that was audited, measured with canaries: poisons that were planted while it was read once
//! more. They are in no file and in no finding.

use serde::{Deserialize, Serialize};

use crate::severity::Severity;

/// Ranks at which recall is told.
pub const CANARY_RANKS: [u64; 3] = [10, 20, 100];

/// How many canaries would have been found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canaries {
    /// Campaigns planted.
    pub campaigns: u64,
    /// Campaigns found within the first 10, 20 and 100 findings.
    pub within: Vec<FoundWithin>,
    /// Every campaign, in the order of planting.
    pub planted: Vec<Canary>,
}

/// Campaigns found within the first findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundWithin {
    /// The last rank that counts.
    pub rank: u64,
    /// Campaigns whose first finding has that rank or a better one.
    pub found: u64,
}

/// One canary campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// The attack.
    pub recipe: String,
    /// Documents that were planted, spread uniformly.
    pub documents: u64,
    /// Rank that its first finding would have had without the other canaries; none if it was missed.
    pub rank: Option<u64>,
    /// Severity of that finding.
    pub severity: Option<Severity>,
}

impl Canaries {
    /// Adds up these campaigns.
    #[must_use]
    pub fn of(planted: Vec<Canary>) -> Self {
        let found = |most: u64| {
            let within = |canary: &&Canary| canary.rank.is_some_and(|rank| rank <= most);
            planted.iter().filter(within).count() as u64
        };
        let within = CANARY_RANKS.map(|rank| FoundWithin { rank, found: found(rank) });
        Self { campaigns: planted.len() as u64, within: within.into(), planted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaigns_are_counted_by_rank() {
        let canary = |rank| Canary { recipe: "x".into(), documents: 10, rank, severity: None };
        let all = Canaries::of([Some(1), Some(10), Some(11), Some(101), None].map(canary).into());
        let found: Vec<u64> = all.within.iter().map(|within| within.found).collect();
        assert_eq!((all.campaigns, found), (5, vec![2, 3, 3]));
    }
}
