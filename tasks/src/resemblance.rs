//! What the corpus repeats with small changes: the largest clusters of near-duplicates, and the publishers most of whose
//! documents are in one.

use std::collections::BTreeMap;

use taster_findings::{LEAST_DOCUMENTS, NearDuplicateCluster, TemplateCoverage, publisher_axis};
use taster_storage::Want;

use crate::TaskError;
use crate::audit::Driver;
use crate::corpus::{Corpus, Counted, DocumentOrd};
use crate::documents::{DocumentsTable, NO_VALUE};
use crate::named_rows::read_rows;

/// Clusters and publishers in the report.
const LISTED: usize = 20;
/// Characters of the text of a cluster's leader.
const EXCERPT: usize = 200;

/// The clusters and publishers that are listed.
#[derive(Debug, Default)]
pub(crate) struct Resemblance {
    clusters: Vec<Cluster>,
    pub templates: Vec<TemplateCoverage>,
}

/// One of the largest clusters.
#[derive(Debug)]
struct Cluster {
    leader: DocumentOrd,
    /// Row of the leader in its shard.
    row: u64,
    documents: u32,
    axis: Option<String>,
    localities: usize,
    locality: Option<String>,
}

/// Publisher of every document that has one: an ordinal on the axis, per unit and document.
struct Publishers<'a> {
    axis: usize,
    tables: Vec<Vec<Option<u32>>>,
    corpus: &'a Corpus,
}

impl Resemblance {
    /// Measures both lists while the documents tables are held; `corpus` has its clusters and places.
    ///
    /// Memory: 4 bytes per document and 8 per near-duplicate, given back at the end.
    pub(crate) fn measure(corpus: &Corpus, tables: &[DocumentsTable]) -> Self {
        let publishers =
            publisher_axis(&corpus.totals).map(|axis| Publishers::new(corpus, axis, tables));
        Self {
            clusters: largest(corpus, tables, publishers.as_ref()),
            templates: publishers.map(|publishers| publishers.templates()).unwrap_or_default(),
        }
    }

    /// The clusters in words: reads the text and the id of every leader.
    ///
    /// # Errors
    /// As for [`crate::audit`]; a shard that turned bad since it was counted.
    pub(crate) fn near_duplicates(
        &self,
        driver: &Driver<'_>,
        counted: &[Counted],
    ) -> Result<Vec<NearDuplicateCluster>, TaskError> {
        let workspace = &driver.workspace;
        let place =
            |cluster: &Cluster| (counted[cluster.leader.unit as usize].unit.shard_ord, cluster.row);
        let want = Want { axes: false, ids: true };
        let leaders =
            read_rows(driver, self.clusters.iter().map(place), want, |batch, index, _| {
                let text = batch.text(index).unwrap_or_default();
                let excerpt = text.chars().take(EXCERPT).collect();
                Leader { id: batch.id(index).into_owned(), excerpt }
            })?;
        let told = |cluster: &Cluster| {
            let place = place(cluster);
            let key = workspace.manifest.shards[place.0 as usize].key.clone();
            leaders.get(&place).map(|leader| cluster.described(key, leader))
        };
        Ok(self.clusters.iter().filter_map(told).collect())
    }
}

/// What is read of a leader.
struct Leader {
    id: String,
    excerpt: String,
}

impl Cluster {
    fn described(&self, shard: String, leader: &Leader) -> NearDuplicateCluster {
        NearDuplicateCluster {
            shard,
            row: self.row.cast_signed(),
            id: leader.id.clone(),
            documents: i64::from(self.documents),
            axis: self.axis.clone(),
            localities: self.localities as i64,
            locality: self.locality.clone(),
            excerpt: leader.excerpt.clone(),
        }
    }
}

/// The clusters with most documents; of equal ones those whose leader comes first.
fn largest(
    corpus: &Corpus,
    tables: &[DocumentsTable],
    publishers: Option<&Publishers<'_>>,
) -> Vec<Cluster> {
    let mut numbers: Vec<u32> = (1..corpus.near.sizes.len() as u32).collect();
    // Clusters are numbered by their leaders, and the sort is stable.
    numbers.sort_by_key(|&number| std::cmp::Reverse(corpus.near.sizes[number as usize]));
    numbers.truncate(LISTED);
    let mut members: BTreeMap<u32, Vec<DocumentOrd>> =
        numbers.iter().map(|&number| (number, Vec::new())).collect();
    for (ord, cluster) in corpus.near.clustered() {
        if let Some(members) = members.get_mut(&cluster) {
            members.push(ord);
        }
    }
    let cluster = |number: &u32| {
        let members = &members[number];
        let leader = *members.first()?;
        let (localities, locality) =
            publishers.map_or((0, None), |publishers| publishers.of_all(members));
        Some(Cluster {
            leader,
            row: tables[leader.unit as usize].rows[leader.document as usize],
            documents: corpus.near.sizes[*number as usize],
            axis: publishers.map(|publishers| publishers.name().to_owned()),
            localities,
            locality,
        })
    };
    numbers.iter().filter_map(cluster).collect()
}

impl<'a> Publishers<'a> {
    fn new(corpus: &'a Corpus, axis: usize, tables: &[DocumentsTable]) -> Self {
        let of_unit = |table: &DocumentsTable| {
            let column = &table.axes[axis];
            let ordinals: Vec<Option<u32>> =
                column.values.iter().map(|value| corpus.locality(axis, value)).collect();
            let ordinal = |index: &u32| match *index {
                NO_VALUE => None,
                index => ordinals[index as usize],
            };
            column.indices.iter().map(ordinal).collect()
        };
        Self { axis, tables: tables.iter().map(of_unit).collect(), corpus }
    }

    fn name(&self) -> &str {
        &self.corpus.totals.axes[self.axis].name
    }

    fn of(&self, ord: DocumentOrd) -> Option<u32> {
        self.tables[ord.unit as usize][ord.document as usize]
    }

    /// Different publishers of some documents, and the one of most.
    fn of_all(&self, documents: &[DocumentOrd]) -> (usize, Option<String>) {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for publisher in documents.iter().filter_map(|&ord| self.of(ord)) {
            *counts.entry(publisher).or_default() += 1;
        }
        // Of equal ones the last is taken: the first by name.
        let most = counts.iter().rev().max_by_key(|(_, count)| **count);
        let name = |publisher: u32| self.corpus.values[self.axis][publisher as usize].clone();
        (counts.len(), most.map(|(&publisher, _)| name(publisher)))
    }

    /// The publishers of whose documents most are near-duplicates.
    fn templates(&self) -> Vec<TemplateCoverage> {
        let near = self.corpus.near.clustered();
        let mut pairs: Vec<(u32, u32)> =
            near.filter_map(|(ord, cluster)| Some((self.of(ord)?, cluster))).collect();
        pairs.sort_unstable();
        let mut all: Vec<TemplateCoverage> =
            pairs.chunk_by(|a, b| a.0 == b.0).filter_map(|same| self.coverage(same)).collect();
        all.sort_by(TemplateCoverage::order);
        all.truncate(LISTED);
        all
    }

    /// Of the near-duplicates of one publisher, each with its cluster, ascending; none for a publisher of few documents.
    fn coverage(&self, near: &[(u32, u32)]) -> Option<TemplateCoverage> {
        let publisher = near.first()?.0 as usize;
        let canonical = self.corpus.totals.axes[self.axis].localities[publisher];
        (canonical >= LEAST_DOCUMENTS).then(|| TemplateCoverage {
            axis: self.name().to_owned(),
            locality: self.corpus.values[self.axis][publisher].clone(),
            documents: self.corpus.documents_by_locality[self.axis][publisher].cast_signed(),
            canonical_documents: canonical.cast_signed(),
            near_duplicate_documents: near.len() as i64,
            clusters: near.chunk_by(|a, b| a == b).count() as i64,
            coverage: near.len() as f64 / canonical as f64,
        })
    }
}
