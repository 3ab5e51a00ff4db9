//! From the postings of one n-gram to its summary: exact integers only.

use serde::{Deserialize, Serialize};
use taster_findings::{AxisSummary, CorpusTotals, DispersionAccumulator, Summary, TopPlace, same_place_pairs};
use taster_ngrams::posting::{PostingError, Record, RecordHead};

/// A document that holds an n-gram: ordinal of its run, and of the document in the run's segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Posted(pub u32, pub u32);

/// Collects postings; keeps its memory from one n-gram to the next.
#[derive(Debug)]
pub(crate) struct Summarizer {
    pub documents: Vec<Posted>,
    left: Vec<u32>,
    right: Vec<u32>,
    places: Vec<Vec<u32>>,
    row: Vec<u32>,
    jumps: i64,
    squares: u64,
}

impl Summarizer {
    pub(crate) fn new(axes: usize) -> Self {
        Self {
            documents: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
            places: vec![Vec::new(); axes],
            row: vec![0; axes],
            jumps: 0,
            squares: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.documents.clear();
        self.left.clear();
        self.right.clear();
        self.places.iter_mut().for_each(Vec::clear);
        (self.jumps, self.squares) = (0, 0);
    }

    /// Adds the postings of one run.
    pub(crate) fn add(&mut self, run: u32, record: &Record<'_>) -> Result<(), PostingError> {
        let Self { documents, left, right, places, row, jumps, squares } = self;
        record.postings(row, |posting, localities| {
            documents.push(Posted(run, posting.document));
            left.push(posting.left);
            right.push(posting.right);
            let jump = i64::from(posting.jump);
            *jumps += jump;
            *squares += (jump * jump) as u64;
            for (places, &locality) in places.iter_mut().zip(localities) {
                if locality > 0 {
                    places.push(locality - 1);
                }
            }
        })
    }

    /// The summary of what was added since the last [`Summarizer::clear`]; counts its places into
    /// `dispersion`.
    pub(crate) fn summary(
        &mut self,
        head: &RecordHead,
        totals: &CorpusTotals,
        dispersion: &mut DispersionAccumulator,
    ) -> Summary {
        let axes = self.places.iter_mut().zip(&totals.axes).enumerate();
        let places = axes.map(|(axis, (places, sizes))| {
            let (summary, pairs) = axis_summary(places, &sizes.localities);
            dispersion.add(axis, summary.with_value, pairs);
            summary
        });
        Summary {
            order: head.order,
            df: u64::from(head.df),
            places: places.collect(),
            edf: self.documents.len() as u64,
            distinct_left: distinct(&mut self.left),
            distinct_right: distinct(&mut self.right),
            novelty_sum: self.jumps,
            novelty_sum_squares: self.squares,
        }
    }
}

fn distinct(hashes: &mut Vec<u32>) -> u64 {
    hashes.sort_unstable();
    hashes.dedup();
    hashes.len() as u64
}

/// The places of one axis, and the ordered pairs of documents in the same place.
fn axis_summary(places: &mut [u32], sizes: &[u64]) -> (AxisSummary, u128) {
    places.sort_unstable();
    let groups = || places.chunk_by(|a, b| a == b);
    let top = groups().max_by_key(|group| (group.len(), std::cmp::Reverse(group[0])));
    let top = top.map(|group| TopPlace {
        locality: group[0],
        edf: group.len() as u64,
        locality_documents: sizes.get(group[0] as usize).copied().unwrap_or(0),
    });
    let summary = AxisSummary { with_value: places.len() as u64, distinct: groups().count() as u64, top };
    (summary, same_place_pairs(groups().map(|group| group.len() as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_place_and_pairs() {
        let (summary, pairs) = axis_summary(&mut [3, 1, 3, 1, 2], &[9, 8, 7, 6]);
        assert_eq!((summary.with_value, summary.distinct), (5, 3));
        assert_eq!(summary.top, Some(TopPlace { locality: 1, edf: 2, locality_documents: 8 }));
        assert_eq!(pairs, 4);
        assert_eq!(axis_summary(&mut [], &[]).0, AxisSummary::default());
    }
}
