//! Findings that share their documents are one campaign.

use std::collections::BTreeMap;

/// Two findings belong together when more than this share of their joint documents is common: half, so that the
/// majority of what either one touches is the other's, and what two campaigns of a size have in common joins neither.
const MIN_JACCARD_NUMERATOR: u64 = 1;
const MIN_JACCARD_DENOMINATOR: u64 = 2;

/// What grouping needs to know of a finding.
#[derive(Debug, Clone, Copy)]
pub struct CampaignMember<'a> {
    /// Sum of 128-bit hashes of its documents: equal sets have equal sums.
    pub signature: u128,
    /// Its documents, rising, without repetition.
    pub documents: &'a [u64],
    /// Its tokens.
    pub tokens: &'a [String],
}

/// A finding that stands for itself and the shorter ones inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// Index of the finding that is shown.
    pub member: usize,
    /// Best (lowest) index among it and those it covers.
    pub rank: usize,
    /// Indices of shorter findings with the same documents that are part of it, rising.
    pub covers: Vec<usize>,
}

/// Findings that share documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// 1, 2, … by the best rank inside.
    pub number: u32,
    /// Its findings, best first; the first leads.
    pub findings: Vec<Folded>,
}

/// Groups findings, given in rank order (index 0 is the best). Equal document sets join at once;
/// then single linkage: sets with a Jaccard index above one half join, transitively.
#[must_use]
pub fn group(members: &[CampaignMember<'_>]) -> Vec<Campaign> {
    let sets = by_signature(members);
    let mut links = Links::new(sets.len());
    for (a, b) in overlapping(members, &sets) {
        links.join(a, b);
    }
    let mut campaigns: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for set in 0..sets.len() {
        campaigns.entry(links.root(set)).or_default().push(set);
    }
    // A root is the lowest set of its campaign and sets are in rank order, so this order is too.
    let numbered = campaigns.into_values().zip(1..);
    numbered
        .map(|(inside, number)| {
            let folded = inside.iter().flat_map(|&set| fold(members, &sets[set]));
            let mut findings: Vec<Folded> = folded.collect();
            findings.sort_by_key(|finding| finding.rank);
            Campaign { number, findings }
        })
        .collect()
}

/// Indices per document set, sets in order of their best member.
fn by_signature(members: &[CampaignMember<'_>]) -> Vec<Vec<usize>> {
    let mut sets: BTreeMap<u128, Vec<usize>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        sets.entry(member.signature).or_default().push(index);
    }
    let mut sets: Vec<Vec<usize>> = sets.into_values().collect();
    sets.sort_by_key(|set| set[0]);
    sets
}

/// Pairs of sets with a Jaccard index above one half. Counts common documents through an
/// inverted index, so that sets without any common document cost nothing.
fn overlapping(members: &[CampaignMember<'_>], sets: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let documents = |set: usize| members[sets[set][0]].documents;
    let holding = |set: usize| documents(set).iter().map(move |&document| (document, set));
    let mut holdings: Vec<(u64, usize)> = (0..sets.len()).flat_map(holding).collect();
    holdings.sort_unstable();
    // Per set, who holds each of its documents that others hold as well.
    let mut holders: Vec<Vec<&[(u64, usize)]>> = vec![Vec::new(); sets.len()];
    for same in holdings.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        same.iter().for_each(|&(_, set)| holders[set].push(same));
    }
    let (mut common, mut others, mut pairs) = (vec![0u64; sets.len()], Vec::new(), Vec::new());
    for (set, holders) in holders.iter().enumerate() {
        for &(_, other) in holders.iter().flat_map(|same| same.iter().take_while(|h| h.1 < set)) {
            if common[other] == 0 {
                others.push(other);
            }
            common[other] += 1;
        }
        for other in others.drain(..) {
            let shared = std::mem::take(&mut common[other]);
            let union = (documents(other).len() + documents(set).len()) as u64 - shared;
            if shared * MIN_JACCARD_DENOMINATOR > union * MIN_JACCARD_NUMERATOR {
                pairs.push((other, set));
            }
        }
    }
    pairs
}

/// Folds members of one document set into the longest that contain them.
fn fold(members: &[CampaignMember<'_>], set: &[usize]) -> Vec<Folded> {
    let mut longest_first = set.to_vec();
    longest_first.sort_by_key(|&index| (std::cmp::Reverse(members[index].tokens.len()), index));
    let mut folded: Vec<Folded> = Vec::new();
    for index in longest_first {
        let inside =
            |shown: &&mut Folded| contains(members[shown.member].tokens, members[index].tokens);
        match folded.iter_mut().find(inside) {
            Some(shown) => {
                shown.rank = shown.rank.min(index);
                shown.covers.push(index);
            }
            None => folded.push(Folded { member: index, rank: index, covers: Vec::new() }),
        }
    }
    for shown in &mut folded {
        shown.covers.sort_unstable();
    }
    folded
}

/// Whether `part` stands in `whole` as consecutive tokens.
fn contains(whole: &[String], part: &[String]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

/// Union–find whose root is always the lowest element.
struct Links(Vec<usize>);

impl Links {
    fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    fn root(&mut self, mut element: usize) -> usize {
        while self.0[element] != element {
            self.0[element] = self.0[self.0[element]];
            element = self.0[element];
        }
        element
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    struct Owned {
        documents: Vec<u64>,
        tokens: Vec<String>,
    }

    fn owned(documents: impl IntoIterator<Item = u64>, text: &str) -> Owned {
        Owned {
            documents: documents.into_iter().collect(),
            tokens: text.split(' ').map(String::from).collect(),
        }
    }

    /// A sum over documents, injective on the small sets of these tests.
    fn signature(documents: &[u64]) -> u128 {
        documents.iter().map(|d| 1u128 << d).sum()
    }

    fn members(owned: &[Owned]) -> Vec<CampaignMember<'_>> {
        owned
            .iter()
            .map(|o| CampaignMember {
                signature: signature(&o.documents),
                documents: &o.documents,
                tokens: &o.tokens,
            })
            .collect()
    }

    #[test]
    fn shorter_ones_fold_into_the_longest() {
        let all = [
            owned(0..10, "b c"),
            owned(20..30, "x"),
            owned(0..10, "a b c d"),
            owned(0..9, "c d e"),
        ];
        let campaigns = group(&members(&all));
        assert_eq!(campaigns.len(), 2);
        assert_eq!(campaigns[0].number, 1);
        assert_eq!(
            campaigns[0].findings,
            [
                Folded { member: 2, rank: 0, covers: vec![0] },
                Folded { member: 3, rank: 3, covers: vec![] },
            ]
        );
        assert_eq!(campaigns[1].findings[0].member, 1);
    }

    #[test]
    fn links_are_transitive_and_half_is_not_enough() {
        let all = [
            owned([1, 2, 3, 4], "a"),
            owned([3, 4, 5, 6], "b"),
            owned([2, 3, 4, 5], "c"),
            owned([9], "d"),
            owned([9, 10], "e"),
        ];
        let campaigns = group(&members(&all));
        let listed: Vec<Vec<usize>> =
            campaigns.iter().map(|c| c.findings.iter().map(|f| f.member).collect()).collect();
        assert_eq!(listed, [vec![0, 1, 2], vec![3], vec![4]]);
        assert!(group(&[]).is_empty());
    }

    /// All pairs, sets, repeated until nothing changes.
    fn naive(members: &[CampaignMember<'_>]) -> Vec<usize> {
        let sets: Vec<BTreeSet<u64>> =
            members.iter().map(|m| m.documents.iter().copied().collect()).collect();
        let joined = |a: usize, b: usize| {
            sets[a] == sets[b]
                || 2 * sets[a].intersection(&sets[b]).count() > sets[a].union(&sets[b]).count()
        };
        let mut label: Vec<usize> = (0..members.len()).collect();
        for _ in 0..members.len() {
            for a in 0..members.len() {
                for b in 0..members.len() {
                    if joined(a, b) {
                        label[a] = label[a].min(label[b]);
                    }
                }
            }
        }
        label
    }

    proptest! {
        #[test]
        fn equals_the_twin(sets in prop::collection::vec(prop::collection::btree_set(0u64..8, 1..5), 0..10)) {
            let all: Vec<Owned> = sets.iter().enumerate().map(|(i, set)| owned(set.iter().copied(), &format!("t{i}"))).collect();
            let members = members(&all);
            let label = naive(&members);
            let campaigns = group(&members);
            let mut seen = 0;
            for campaign in &campaigns {
                let first = campaign.findings[0].member;
                let inside: Vec<usize> = campaign.findings.iter().map(|f| f.member).collect();
                let expected: Vec<usize> = (0..label.len()).filter(|i| label[*i] == label[first]).collect();
                prop_assert_eq!(inside, expected);
                seen += campaign.findings.len();
            }
            prop_assert_eq!(seen, members.len());
            let leads: Vec<usize> = campaigns.iter().map(|c| c.findings[0].rank).collect();
            prop_assert!(leads.is_sorted());
        }
    }
}
