//! Naive twins for tests: explicit postings, counted with sets and plain loops.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::summary::{AxisSummary, AxisTotals, CorpusTotals, Summary, TopPlace};

/// One canonical document that contains the n-gram.
#[derive(Debug, Clone)]
pub struct Posting {
    /// A context, and whether it is common.
    pub left: (u64, bool),
    pub right: (u64, bool),
    pub jump: i64,
    pub places: Vec<Option<u32>>,
}

/// Postings on one axis of `localities` equal places, for property tests.
pub fn postings(localities: u32) -> impl Strategy<Value = Vec<Posting>> {
    let one = (0u64..9, 0u64..9, -31i64..=31, prop::option::weighted(0.9, 0..localities));
    let posting = one.prop_map(|(left, right, jump, place)| Posting {
        left: (left, left > 6),
        right: (right, right > 6),
        jump,
        places: vec![place],
    });
    prop::collection::vec(posting, 1..40)
}

/// A corpus with one axis whose places hold `size` documents each.
pub fn even_corpus(axis: &str, localities: u32, size: u64) -> CorpusTotals {
    let documents = u64::from(localities) * size;
    CorpusTotals {
        documents,
        canonical: documents,
        axes: vec![AxisTotals {
            name: axis.into(),
            is_label: false,
            with_value: documents,
            localities: vec![size; localities as usize],
        }],
    }
}

pub fn summarise(postings: &[Posting], totals: &CorpusTotals) -> Summary {
    let set =
        |side: fn(&Posting) -> u64| postings.iter().map(side).collect::<BTreeSet<_>>().len() as u64;
    let varied = |side: fn(&Posting) -> (u64, bool)| {
        let rare: BTreeSet<(u64, bool)> =
            postings.iter().map(side).filter(|side| !side.1).collect();
        (rare.len() + postings.iter().filter(|p| side(p).1).count()) as u64
    };
    let common = |side: fn(&Posting) -> (u64, bool)| {
        postings.iter().map(side).filter(|side| side.1).collect::<BTreeSet<_>>().len() as u64
    };
    Summary {
        order: 3,
        df: postings.len() as u64,
        edf: postings.len() as u64,
        distinct_left: set(|p| p.left.0),
        distinct_right: set(|p| p.right.0),
        varied_left: varied(|p| p.left),
        varied_right: varied(|p| p.right),
        scattered: if varied(|p| p.left) >= varied(|p| p.right) {
            common(|p| p.left)
        } else {
            common(|p| p.right)
        },
        novelty_sum: postings.iter().map(|p| p.jump).sum(),
        novelty_sum_squares: postings.iter().map(|p| (p.jump * p.jump) as u64).sum(),
        places: (0..totals.axes.len())
            .map(|axis| places(postings, &totals.axes[axis], axis))
            .collect(),
    }
}

/// Documents per locality.
pub fn place_counts(postings: &[Posting], axis: usize) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    for place in postings.iter().filter_map(|p| p.places[axis]) {
        *counts.entry(place).or_insert(0) += 1;
    }
    counts
}

fn places(postings: &[Posting], axis: &AxisTotals, ordinal: usize) -> AxisSummary {
    let counts = place_counts(postings, ordinal);
    let top = counts.iter().max_by_key(|(place, count)| (**count, std::cmp::Reverse(**place)));
    AxisSummary {
        with_value: counts.values().sum(),
        distinct: counts.len() as u64,
        top: top.map(|(&locality, &edf)| TopPlace {
            locality,
            edf,
            locality_documents: axis.localities[locality as usize],
        }),
    }
}

/// A summary with nothing remarkable, to be changed by a test.
pub fn plain_summary(edf: u64) -> Summary {
    Summary {
        order: 1,
        df: edf,
        edf,
        distinct_left: edf,
        distinct_right: edf,
        varied_left: edf,
        varied_right: edf,
        scattered: 0,
        novelty_sum: 0,
        novelty_sum_squares: 0,
        places: Vec::new(),
    }
}
