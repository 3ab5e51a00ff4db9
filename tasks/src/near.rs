//! Near-duplicates of the whole corpus, and how often an n-gram in them counts.
//!
//! What most of a cluster's documents hold is what makes them near-duplicates, so it counts once. What few of them hold
//! was added to these, as a comment is to one of many pages of a template: it counts in each.

use std::collections::BTreeMap;

use taster_findings::NearlySame;
use taster_ngrams::clusters::leaders;
use taster_ngrams::sketch::Sketch;

use crate::corpus::{Counted, DocumentOrd};
use crate::sketches::Sketches;

/// An n-gram in at least this share of a cluster's documents, as a divisor, is part of what they have in common.
const COMMON: u32 = 2;

/// Clusters of canonical documents that are nearly the same.
#[derive(Debug, Default)]
pub(crate) struct NearDuplicates {
    /// Per unit and document the number of its cluster, from 1; 0 for a document that is like no other.
    pub clusters: Vec<Vec<u32>>,
    /// Canonical documents per cluster, at least 2 but for the first, which stands for none.
    pub sizes: Vec<u32>,
}

impl NearDuplicates {
    /// Compares the canonical documents of all units, in unit and document order.
    ///
    /// Memory: 130 bytes per document while it compares, 4 afterwards.
    pub(crate) fn find(units: &[Sketches], canonical: &[Vec<bool>]) -> Self {
        let (mut documents, mut sketches): (Vec<DocumentOrd>, Vec<Sketch>) = Default::default();
        for (unit, (own, canonical)) in units.iter().zip(canonical).enumerate() {
            for (document, (sketch, _)) in
                own.0.iter().zip(canonical).enumerate().filter(|(_, (_, canonical))| **canonical)
            {
                if let Some(sketch) = sketch {
                    documents.push(DocumentOrd { unit: unit as u32, document: document as u32 });
                    sketches.push(*sketch);
                }
            }
        }
        let empty = canonical.iter().map(|unit| vec![0; unit.len()]).collect();
        let mut found = Self { clusters: empty, sizes: vec![0] };
        found.number(&documents, &leaders(&sketches));
        found
    }

    /// Numbers the clusters by their leaders.
    fn number(&mut self, documents: &[DocumentOrd], leaders: &[u32]) {
        let mut sizes = vec![0u32; leaders.len()];
        leaders.iter().for_each(|&leader| sizes[leader as usize] += 1);
        let mut numbers = vec![0u32; leaders.len()];
        for (ord, &leader) in documents.iter().zip(leaders) {
            let leader = leader as usize;
            if sizes[leader] > 1 {
                if numbers[leader] == 0 {
                    numbers[leader] = self.sizes.len() as u32;
                    self.sizes.push(sizes[leader]);
                }
                self.clusters[ord.unit as usize][ord.document as usize] = numbers[leader];
            }
        }
    }

    /// Clusters of at least two documents.
    pub(crate) fn count(&self) -> usize {
        self.sizes.len() - 1
    }

    /// Documents that are in one.
    pub(crate) fn documents(&self) -> u64 {
        self.sizes.iter().map(|&size| u64::from(size)).sum()
    }

    /// Every document that is in a cluster, with its cluster, in unit and document order: the first of each is its leader.
    pub(crate) fn clustered(&self) -> impl Iterator<Item = (DocumentOrd, u32)> {
        let units = (0u32..).zip(&self.clusters);
        let all = units.flat_map(|(unit, clusters)| {
            let documents = (0u32..).zip(clusters);
            documents.map(move |(document, &cluster)| (DocumentOrd { unit, document }, cluster))
        });
        all.filter(|(_, cluster)| *cluster > 0)
    }

    /// The cluster of a document, 0 for none.
    pub(crate) fn of(&self, ord: DocumentOrd) -> u32 {
        self.clusters[ord.unit as usize][ord.document as usize]
    }

    /// How many of an n-gram's canonical documents count.
    pub(crate) fn effective(&self, documents: impl Iterator<Item = DocumentOrd>) -> usize {
        let mut sightings = Sightings::default();
        let clusters: Vec<u32> = documents.map(|ord| self.of(ord)).collect();
        sightings.count(&clusters, &self.sizes);
        clusters.iter().filter(|&&cluster| sightings.takes(cluster)).count()
    }

    /// Those of an n-gram's canonical documents that are in one cluster, if they are more than half of them.
    pub(crate) fn majority(
        &self,
        documents: impl Iterator<Item = DocumentOrd>,
    ) -> Option<NearlySame> {
        let mut clusters: Vec<u32> = documents.map(|ord| self.of(ord)).collect();
        clusters.sort_unstable();
        let same = clusters.chunk_by(|a, b| a == b).filter(|same| same[0] > 0);
        let documents = same.map(<[u32]>::len).max()? as u64;
        let of = clusters.len() as u64;
        (2 * documents > of).then_some(NearlySame { documents, of })
    }
}

/// The clusters of the documents of every run.
#[derive(Debug)]
pub(crate) struct RunClusters<'a> {
    runs: Vec<&'a [u32]>,
    sizes: &'a [u32],
}

impl<'a> RunClusters<'a> {
    /// The runs of the counted units, in order.
    pub(crate) fn new(near: &'a NearDuplicates, counted: &[Counted]) -> Self {
        let mut runs = Vec::new();
        for (counted, clusters) in counted.iter().zip(&near.clusters) {
            let mut rest = clusters.as_slice();
            for run in &counted.receipt.runs {
                let (own, others) = rest.split_at((run.documents as usize).min(rest.len()));
                runs.push(own);
                rest = others;
            }
        }
        Self { runs, sizes: &near.sizes }
    }

    /// Per document of a run, by its ordinal among all runs.
    pub(crate) fn of_run(&self, run: u32) -> &'a [u32] {
        self.runs.get(run as usize).copied().unwrap_or_default()
    }

    /// See [`NearDuplicates::sizes`].
    pub(crate) fn sizes(&self) -> &'a [u32] {
        self.sizes
    }
}

/// Which of an n-gram's documents count; keeps its memory from one n-gram to the next.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    /// Cluster and whether its next document counts, by cluster.
    clusters: BTreeMap<u32, Take>,
    sorted: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    Every,
    One,
    None,
}

impl Sightings {
    /// Learns the clusters of all documents of the next n-gram. Whether any of its documents does not count.
    pub(crate) fn count(&mut self, clusters: &[u32], sizes: &[u32]) -> bool {
        self.clusters.clear();
        self.sorted.clear();
        self.sorted.extend(clusters.iter().filter(|&&cluster| cluster > 0));
        self.sorted.sort_unstable();
        for same in self.sorted.chunk_by(|a, b| a == b).filter(|same| same.len() > 1) {
            let is_common = COMMON * same.len() as u32 >= sizes[same[0] as usize];
            self.clusters.insert(same[0], if is_common { Take::One } else { Take::Every });
        }
        self.clusters.values().any(|take| *take == Take::One)
    }

    /// Whether the next document, which is of this cluster, counts.
    pub(crate) fn takes(&mut self, cluster: u32) -> bool {
        match self.clusters.get_mut(&cluster) {
            None | Some(Take::Every) => true,
            Some(Take::None) => false,
            Some(take) => {
                *take = Take::None;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use taster_ngrams::{Segment, Words};

    fn sketches(texts: &[String]) -> Sketches {
        let mut segment = Segment::default();
        texts.iter().for_each(|text| segment.push(text, &Words, 1));
        let mut sketches = Sketches::default();
        let mut fingerprinter = taster_ngrams::Fingerprinter::default();
        fingerprinter.restart(segment.hashes());
        sketches.push(&segment, &fingerprinter);
        sketches
    }

    /// A page of a site: its template, and one word of its own.
    fn page(site: u32, own: u32) -> String {
        let words: String = (0..200).map(|word| format!("s{site}w{word} ")).collect();
        format!("{words} own{own}")
    }

    #[test]
    fn clusters_reach_over_units_and_leave_copies_out() {
        let units = [
            sketches(&[page(1, 1), page(2, 1), page(3, 1)]),
            sketches(&[page(2, 1), page(2, 2), page(1, 2), "short".into()]),
        ];
        let canonical = [vec![true; 3], vec![false, true, true, true]];
        let near = NearDuplicates::find(&units, &canonical);
        assert_eq!(near.clusters, [vec![1, 2, 0], vec![0, 2, 1, 0]]);
        assert_eq!(near.sizes, [0, 2, 2]);
        assert_eq!((near.count(), near.documents()), (2, 4));
        let all = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3)];
        let all = all.map(|(unit, document)| DocumentOrd { unit, document });
        assert_eq!(near.effective(all.into_iter()), 4);
        assert_eq!(near.majority(all.into_iter()), None);
        let most = [all[1], all[2], all[3]].into_iter();
        assert_eq!(near.majority(most), Some(NearlySame { documents: 2, of: 3 }));
        assert_eq!(near.majority([all[2]].into_iter()), None);
    }

    proptest! {
        /// One by one: a cluster counts once if half of it or more is there, else every document does.
        #[test]
        fn counts_as_said(clusters in prop::collection::vec(0u32..5, 0..40), sizes in prop::collection::vec(2u32..30, 5)) {
            let mut sightings = Sightings::default();
            let drops = sightings.count(&clusters, &sizes);
            let kept: Vec<bool> = clusters.iter().map(|&cluster| sightings.takes(cluster)).collect();
            for (at, &cluster) in clusters.iter().enumerate() {
                let same = clusters.iter().filter(|&&other| other == cluster).count() as u32;
                let is_first = !clusters[..at].contains(&cluster);
                let every = cluster == 0 || 2 * same < sizes[cluster as usize];
                prop_assert_eq!(kept[at], every || is_first);
            }
            prop_assert_eq!(drops, kept.contains(&false));
        }
    }
}
