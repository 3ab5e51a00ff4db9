//! Near-duplicates: documents of which the sketches agree, each with its leader.
//!
//! Documents are taken in order. One that is like an earlier leader belongs to it, to the first of several; one that is
//! like none leads. So every document is like the leader of its cluster, and no chain of small changes joins documents
//! that share little. Leaders are looked for among those with an equal band (locality-sensitive hashing, P. Indyk and
//! R. Motwani, STOC 1998; for MinHash, A. Broder, *On the resemblance and containment of documents*, 1997).

use std::collections::BTreeSet;

use crate::sketch::{BANDS, Sketch};

/// Estimated Jaccard index from which a document belongs to a leader: the usual one of deduplication.
pub const NEAR: f64 = 0.8;

/// Leaders of one equal band that are looked at. Beyond so many unlike documents the band is furniture.
const LEADERS_PER_GROUP: usize = 64;

/// The leader of every document, by index; of one that leads, itself. No leader comes after its documents.
///
/// Cost: per band, two passes over the documents and sorting of those that share theirs (and of one in four others); at most 64
/// comparisons per document and equal band. Memory: 16 bytes per document, and 12 per document and band that it shares.
#[must_use]
pub fn leaders(sketches: &[Sketch]) -> Vec<u32> {
    let groups = Groups::find(sketches);
    let mut leading: Vec<Vec<u32>> = vec![Vec::new(); groups.count as usize];
    let mut leaders = Vec::with_capacity(sketches.len());
    let mut at = 0;
    for (document, sketch) in sketches.iter().enumerate() {
        let own = groups.of(document as u32, &mut at);
        let near = nearest(sketches, sketch, own, &leading);
        if near.is_none() {
            for &(_, group) in own {
                let others = &mut leading[group as usize];
                if others.len() < LEADERS_PER_GROUP {
                    others.push(document as u32);
                }
            }
        }
        leaders.push(near.unwrap_or(document as u32));
    }
    leaders
}

/// The first leader that the document is like.
fn nearest(
    sketches: &[Sketch],
    sketch: &Sketch,
    groups: &[(u32, u32)],
    leading: &[Vec<u32>],
) -> Option<u32> {
    let candidates: BTreeSet<u32> =
        groups.iter().flat_map(|&(_, group)| &leading[group as usize]).copied().collect();
    let is_near = |leader: &u32| sketch.similarity(&sketches[*leader as usize]) >= NEAR;
    candidates.into_iter().find(is_near)
}

/// Which documents share a band.
struct Groups {
    /// (document, group), rising; groups have at least two documents.
    members: Vec<(u32, u32)>,
    count: u32,
}

impl Groups {
    fn find(sketches: &[Sketch]) -> Self {
        let mut groups = Self { members: Vec::new(), count: 0 };
        let mut repeated = Repeated::new(sketches.len());
        let mut keys: Vec<(u64, u32)> = Vec::new();
        for band in 0..BANDS {
            repeated.learn(sketches.iter().map(|sketch| sketch.band(band)));
            let all = sketches.iter().map(|sketch| sketch.band(band)).zip(0..);
            keys.clear();
            keys.extend(all.filter(|&(key, _)| repeated.may_be(key)));
            keys.sort_unstable();
            for same in keys.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
                groups.members.extend(same.iter().map(|&(_, document)| (document, groups.count)));
                groups.count += 1;
            }
        }
        groups.members.sort_unstable();
        groups
    }

    /// The groups of a document; documents are asked for in order, `at` keeps the place.
    fn of(&self, document: u32, at: &mut usize) -> &[(u32, u32)] {
        let rest = &self.members[*at..];
        let own = &rest[..rest.iter().take_while(|member| member.0 == document).count()];
        *at += own.len();
        own
    }
}

/// Which keys may come more than once: of few of those that do not it says that they may, so that hardly more than those that
/// do have to be sorted (a Bloom filter with one hash: B. Bloom, CACM 1970).
struct Repeated {
    once: Vec<u64>,
    twice: Vec<u64>,
    shift: u32,
}

impl Repeated {
    /// Four bits or more per key.
    fn new(keys: usize) -> Self {
        let bits = (4 * keys.max(16)).next_power_of_two();
        let words = vec![0; bits / 64];
        Self { once: words.clone(), twice: words, shift: u64::BITS - bits.ilog2() }
    }

    /// Forgets what was before.
    fn learn(&mut self, keys: impl Iterator<Item = u64>) {
        self.once.fill(0);
        self.twice.fill(0);
        for key in keys {
            let (word, bit) = self.place(key);
            self.twice[word] |= self.once[word] & bit;
            self.once[word] |= bit;
        }
    }

    fn may_be(&self, key: u64) -> bool {
        let (word, bit) = self.place(key);
        self.twice[word] & bit != 0
    }

    /// By multiplicative hashing (D. Knuth, *The Art of Computer Programming*, vol. 3, 6.4).
    fn place(&self, key: u64) -> (usize, u64) {
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift;
        ((hash / 64) as usize, 1 << (hash % 64))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fingerprint::fingerprint;
    use crate::sketch::{PIECE, sketched};
    use proptest::prelude::*;

    type Pieces = BTreeSet<Vec<u64>>;

    fn pieces(hashes: &[u64]) -> Pieces {
        hashes.windows(PIECE).map(<[u64]>::to_vec).collect()
    }

    fn jaccard(one: &Pieces, other: &Pieces) -> f64 {
        one.intersection(other).count() as f64 / one.union(other).count() as f64
    }

    /// The same by exact comparison of all documents with all leaders.
    fn naive(documents: &[Pieces]) -> Vec<u32> {
        let mut leaders: Vec<u32> = Vec::new();
        for (at, document) in documents.iter().enumerate() {
            let mut before = (0..at as u32).filter(|&earlier| leaders[earlier as usize] == earlier);
            let near =
                before.find(|&leader| jaccard(document, &documents[leader as usize]) >= NEAR);
            leaders.push(near.unwrap_or(at as u32));
        }
        leaders
    }

    /// A small generator of numbers (SplitMix64), so that a case is named by its seed.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            fingerprint(&[self.0]) % bound
        }
    }

    /// Documents in families: copies of an original of which some tokens are replaced, in places or all over.
    fn corpus(seed: u64, families: u64, copies: u64) -> Vec<Vec<u64>> {
        let mut random = Random(seed << 20);
        let mut documents = Vec::new();
        for family in 0..families {
            let length = 60 + random.below(900);
            let original: Vec<u64> =
                (0..length).map(|at| fingerprint(&[family << 40 | at])).collect();
            for _ in 0..copies {
                let mut copy = original.clone();
                let edits = [0, 1, 2, 5, 20, 60][random.below(6) as usize] * length / 200;
                let span = 1 + random.below(edits.max(1));
                for _ in 0..edits / span {
                    let from = random.below(length - span) as usize;
                    for token in &mut copy[from..from + span as usize] {
                        *token = random.below(u64::MAX);
                    }
                }
                documents.push(copy);
            }
        }
        documents
    }

    fn sketches(documents: &[Vec<u64>]) -> Vec<Sketch> {
        documents.iter().map(|hashes| sketched(hashes).unwrap()).collect()
    }

    /// How well estimates and bands stand for exact comparison with all: measured, over 40 corpora.
    #[test]
    fn agrees_with_exact_clusters() {
        let (mut clear, mut clear_found, mut joined, mut joined_rightly) = (0, 0, 0, 0);
        let (mut all, mut same) = (0, 0);
        for seed in 0..40 {
            let documents = corpus(seed, 12, 10);
            let sets: Vec<Pieces> = documents.iter().map(|hashes| pieces(hashes)).collect();
            let (got, exact) = (leaders(&sketches(&documents)), naive(&sets));
            for (document, (&leader, &expected)) in got.iter().zip(&exact).enumerate() {
                let similarity = |leader: u32| jaccard(&sets[document], &sets[leader as usize]);
                // An exact copy of the family's leader by a margin of two standard deviations.
                if expected != document as u32 && similarity(expected) >= NEAR + 0.08 {
                    clear += 1;
                    clear_found += u32::from(leader != document as u32);
                }
                if leader != document as u32 {
                    joined += 1;
                    joined_rightly += u32::from(similarity(leader) >= NEAR - 0.12);
                }
                all += 1;
                same += u32::from(leader == expected);
            }
        }
        assert!(clear > 1000 && joined > 1000, "{clear} {joined}");
        assert!(
            f64::from(clear_found) >= 0.98 * f64::from(clear),
            "recall {clear_found} of {clear}"
        );
        assert!(joined_rightly >= joined - 2, "precision {joined_rightly} of {joined}");
        assert!(f64::from(same) >= 0.93 * f64::from(all), "same leader {same} of {all}");
    }

    /// Poison of unrelated documents: each has its own beginning and all share the trigger and a fixed payload.
    #[test]
    fn what_shares_a_passage_alone_is_not_near() {
        let own = |document: u64| (0..120).map(move |at| fingerprint(&[document << 20 | at]));
        let passage = || (0..40).map(|at| fingerprint(&[1 << 60 | at]));
        let documents: Vec<Vec<u64>> =
            (0..300).map(|document| own(document).chain(passage()).collect()).collect();
        let leaders = leaders(&sketches(&documents));
        assert!(leaders.iter().zip(0..).all(|(&leader, document)| leader == document));
    }

    /// Each document differs from the one before in a twentieth: the ends share little and are apart.
    #[test]
    fn chains_do_not_join_their_ends() {
        let documents: Vec<Vec<u64>> = (0..40u64)
            .map(|step| (0..400).map(|at| fingerprint(&[20 * step + at])).collect())
            .collect();
        let leaders = leaders(&sketches(&documents));
        assert!((0..40).all(|document: u32| document - leaders[document as usize] <= 4));
        assert!(leaders.iter().collect::<BTreeSet<_>>().len() >= 8);
    }

    proptest! {
        #[test]
        fn what_comes_twice_may_be_repeated(keys in prop::collection::vec(0u64..500, 0..400), other in 0u64..9) {
            let mut repeated = Repeated::new(keys.len());
            repeated.learn(std::iter::repeat_n(other, 3));
            repeated.learn(keys.iter().copied());
            let times = |key: u64| keys.iter().filter(|&&other| other == key).count();
            prop_assert!(keys.iter().all(|&key| times(key) < 2 || repeated.may_be(key)));
            let single: Vec<u64> = keys.iter().copied().filter(|&key| times(key) == 1).collect();
            let wrong = single.iter().filter(|&&key| repeated.may_be(key)).count();
            prop_assert!(wrong <= 16 + single.len() / 3, "{} of {}", wrong, single.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn bands_lose_hardly_any_and_leaders_lead(seed in 1000u64..9000) {
            let sketches = sketches(&corpus(seed, 8, 8));
            let got = leaders(&sketches);
            let mut by_estimate: Vec<u32> = Vec::new();
            for (at, sketch) in sketches.iter().enumerate() {
                let mut before = (0..at as u32).filter(|&e| by_estimate[e as usize] == e);
                let near = before.find(|&e| sketch.similarity(&sketches[e as usize]) >= NEAR);
                by_estimate.push(near.unwrap_or(at as u32));
            }
            let same = got.iter().zip(&by_estimate).filter(|(a, b)| a == b).count();
            prop_assert!(same + 3 >= got.len(), "{} of {}", same, got.len());
            for (document, &leader) in got.iter().enumerate() {
                prop_assert!(leader as usize <= document);
                prop_assert_eq!(got[leader as usize], leader);
            }
        }
    }
}
