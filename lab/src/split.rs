//! Two halves of a corpus by host, so that nothing is chosen on the part that it is reported on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::seeding::mix;

/// With fewer hosts than this a hash would make lopsided halves; then they are balanced by their documents.
const MANY_HOSTS: usize = 200;

/// Which documents of a corpus are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All.
    #[default]
    Whole,
    /// The half on which parameters may be chosen.
    Choose,
    /// The half on which results are reported.
    Report,
}

impl Part {
    /// Whether this part holds the documents of a host that belongs to the half `half`.
    pub fn holds(self, half: Self) -> bool {
        self == Self::Whole || self == half
    }

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Choose => "choose",
            Self::Report => "report",
        }
    }
}

/// The half, [`Part::Choose`] or [`Part::Report`], of every host, given its documents.
///
/// Of many hosts by a fixed hash of the name. Of few, the largest first (equal ones by that hash), each to the half
/// that has fewer documents so far. Documents without a host are those of the host with an empty name.
pub fn halves(hosts: &BTreeMap<String, u64>) -> BTreeMap<String, Part> {
    let hash = |host: &str| mix(0, host.as_bytes());
    if hosts.len() >= MANY_HOSTS {
        let half = |host: &String| if hash(host) & 1 == 0 { Part::Choose } else { Part::Report };
        return hosts.keys().map(|host| (host.clone(), half(host))).collect();
    }
    let mut largest_first: Vec<(&String, u64)> = hosts.iter().map(|(h, n)| (h, *n)).collect();
    largest_first.sort_by_key(|(host, documents)| (std::cmp::Reverse(*documents), hash(host)));
    let (mut choose, mut report) = (0, 0);
    let mut halves = BTreeMap::new();
    for (host, documents) in largest_first {
        let to_choose = choose <= report;
        *(if to_choose { &mut choose } else { &mut report }) += documents;
        halves.insert(host.clone(), if to_choose { Part::Choose } else { Part::Report });
    }
    halves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents_of(part: Part, hosts: &BTreeMap<String, u64>) -> u64 {
        let halves = halves(hosts);
        hosts.iter().filter(|(host, _)| part.holds(halves[*host])).map(|(_, n)| n).sum()
    }

    #[test]
    fn few_hosts_are_balanced_and_many_are_hashed() {
        let few = BTreeMap::from(
            [("a", 50), ("b", 30), ("c", 20), ("", 7)].map(|(h, n)| (h.to_owned(), n)),
        );
        assert_eq!(documents_of(Part::Choose, &few), 50 + 7);
        assert_eq!(documents_of(Part::Report, &few), 30 + 20);
        let many: BTreeMap<String, u64> = (0..1000).map(|i| (format!("h{i}"), 1)).collect();
        let choose = documents_of(Part::Choose, &many);
        assert!((400..600).contains(&choose), "{choose}");
        assert_eq!(choose + documents_of(Part::Report, &many), documents_of(Part::Whole, &many));
    }
}
