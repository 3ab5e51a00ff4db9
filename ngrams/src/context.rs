//! The context of screened n-grams: what stands before and after them, in how much unseen text.
//!
//! Three steps per document. *Look up*: the slot of every n-gram, order by order; an n-gram can
//! only reach the floor if both n-grams inside it do, which spares most look-ups. *Mark*: an
//! n-gram of which a one-token extension has the same df has the same document set as that
//! extension, hence is not closed; every document that holds it shows this, so all agree. *Emit*:
//! one posting per closed n-gram and document, at its first occurrence.
//!
//! Of the largest order counted no extension is known. There, an n-gram between two neighbours
//! of its own df is taken for the inside of a longer sequence and left to the ends.

use std::ops::RangeInclusive;

use crate::Fingerprinter;
use crate::count::{PARTITION_BITS, PARTITIONS, SLICES, partition_of};
use crate::fingerprint::fingerprint;
use crate::lookup::{Screened, SlotOrd};
use crate::object::{Header, ObjectBuilder};
use crate::posting::{Posting, RecordHead, put_record};
use crate::segment::Segment;
use crate::sort::BinSort;

/// Tokens of the window in which unseen n-grams are counted, on each side.
pub const WINDOW: usize = 32;
/// Tokens of a left or right context.
pub const CONTEXT: usize = 4;

/// What decides which n-grams are described and how.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Orders that were counted.
    pub orders: RangeInclusive<u8>,
    /// Smallest df of interest.
    pub floor: u32,
    /// Largest df of interest.
    pub ceiling: u32,
    /// Order of the n-grams whose df of 1 counts as unseen; one of `orders`. The table must
    /// hold every one of them with df of 2 or more.
    pub novelty_order: u8,
}

/// What is known of a segment's documents beyond their text.
pub trait DocumentFacts {
    /// Whether the document is the first of its exact duplicates.
    fn is_canonical(&self, document: u32) -> bool;
    /// Positions of the document's tokens that have unusual code points, ascending.
    fn unusual(&self, document: u32) -> &[u32];
    /// Passes on the document's locality ordinal on every axis.
    fn localities(&self, document: u32, put: &mut dyn FnMut(u32));
}

/// One document of the segment.
struct Document<'a> {
    ord: u32,
    hashes: &'a [u64],
    unusual: &'a [u32],
}

impl Document<'_> {
    /// Whether one of the tokens `from..to` has unusual code points.
    fn has_unusual(&self, from: usize, to: usize) -> bool {
        let next = self.unusual.partition_point(|&at| (at as usize) < from);
        self.unusual.get(next).is_some_and(|&at| (at as usize) < to)
    }
}

/// A posting on its way to its n-gram's record.
#[derive(Debug, Clone, Copy)]
struct Hit {
    fingerprint: u64,
    df: u32,
    left: u32,
    right: u32,
    document: u16,
    order: u8,
    jump: i8,
    unusual: bool,
}

/// Describes segments; keeps its memory from one to the next.
///
/// Memory: 8 bytes per token and order of the longest document, 48 bytes per posting.
#[derive(Debug, Default)]
pub struct Describer {
    fingerprinter: Fingerprinter,
    found: Vec<Vec<(SlotOrd, u32)>>,
    contexts: Vec<u32>,
    unseen: Vec<u32>,
    hits: Vec<Hit>,
    memory: Vec<Hit>,
    sort: BinSort,
}

impl Describer {
    /// The context run of `segment`: an object of kind [`Context`](crate::object::Kind::Context).
    pub fn describe(
        &mut self,
        segment: &Segment,
        table: &mut Screened,
        facts: &dyn DocumentFacts,
        rules: &Rules,
        header: Header,
    ) -> Vec<u8> {
        self.hits.clear();
        self.found
            .resize(usize::from(*rules.orders.end()) + 1, Vec::new());
        for (ord, hashes) in segment.iter().enumerate() {
            let ord = ord as u32;
            if facts.is_canonical(ord) {
                let unusual = facts.unusual(ord);
                self.document(
                    &Document {
                        ord,
                        hashes,
                        unusual,
                    },
                    table,
                    rules,
                );
            }
        }
        self.assemble(facts, header)
    }

    fn document(&mut self, document: &Document<'_>, table: &mut Screened, rules: &Rules) {
        self.look_up(document.hashes, table, rules);
        self.sum_unseen(usize::from(rules.novelty_order));
        for order in rules.orders.clone() {
            self.mark_extended(usize::from(order), table, rules);
        }
        for order in rules.orders.clone() {
            self.emit(document, usize::from(order), table, rules);
        }
    }

    fn look_up(&mut self, hashes: &[u64], table: &Screened, rules: &Rules) {
        self.fingerprinter.restart();
        let last = usize::from(*rules.orders.end()).max(CONTEXT);
        for order in 1..=last {
            self.fingerprinter.advance(hashes);
            let positions = (hashes.len() + 1).saturating_sub(order);
            if order == CONTEXT {
                self.contexts.clear();
                self.contexts
                    .extend(self.fingerprinter.range(0..positions).map(|f| f as u32));
            }
            if order <= usize::from(*rules.orders.end()) {
                self.look_up_order(order, positions, table, rules);
            }
        }
    }

    fn look_up_order(&mut self, order: usize, positions: usize, table: &Screened, rules: &Rules) {
        let (inside, rest) = self.found.split_at_mut(order);
        let found = &mut rest[0];
        found.clear();
        if !rules.orders.contains(&(order as u8)) {
            return;
        }
        let get = |at: usize| table.get(self.fingerprinter.get(at));
        let below = inside[order - 1].as_slice();
        if below.is_empty() || order == usize::from(rules.novelty_order) {
            found.extend((0..positions).map(get));
            return;
        }
        let may_reach_floor =
            |at: usize| below[at].1 >= rules.floor && below[at + 1].1 >= rules.floor;
        let none = (SlotOrd::NONE, 0);
        found.extend((0..positions).map(|at| if may_reach_floor(at) { get(at) } else { none }));
    }

    /// `unseen[i]` is the number of unseen n-grams that start before position i.
    fn sum_unseen(&mut self, order: usize) {
        self.unseen.clear();
        self.unseen.push(0);
        let mut sum = 0;
        for &(_, df) in &self.found[order] {
            sum += u32::from(df < 2);
            self.unseen.push(sum);
        }
    }

    fn mark_extended(&self, order: usize, table: &mut Screened, rules: &Rules) {
        let Some(longer) = self.found.get(order + 1) else {
            return;
        };
        for (at, &(slot, df)) in self.found[order].iter().enumerate() {
            if df < rules.floor || df > rules.ceiling {
                continue;
            }
            let df_at = |at: usize| longer.get(at).map_or(0, |found| found.1);
            if df_at(at) == df || (at > 0 && df_at(at - 1) == df) {
                table.mark_extended(slot);
            }
        }
    }

    fn emit(&mut self, document: &Document<'_>, order: usize, table: &mut Screened, rules: &Rules) {
        let is_last = order == usize::from(*rules.orders.end());
        let novelty = usize::from(rules.novelty_order);
        for at in 0..self.found[order].len() {
            let (slot, df) = self.found[order][at];
            if df < rules.floor || df > rules.ceiling || (is_last && self.is_inside(order, at)) {
                continue;
            }
            if table.first_in_document(slot, document.ord) {
                let hit = self.hit(document, order, at, df, novelty);
                self.hits.push(hit);
            }
        }
    }

    /// Whether both neighbours have the df of the n-gram at `at`.
    fn is_inside(&self, order: usize, at: usize) -> bool {
        let found = &self.found[order];
        let same = |other: usize| found.get(other).is_some_and(|o| o.1 == found[at].1);
        at > 0 && same(at - 1) && same(at + 1)
    }

    fn hit(
        &self,
        document: &Document<'_>,
        order: usize,
        at: usize,
        df: u32,
        novelty: usize,
    ) -> Hit {
        let (hashes, end) = (document.hashes, at + order);
        let after = self.unseen_between(end, end + WINDOW + 1 - novelty);
        let before =
            self.unseen_between(at.saturating_sub(WINDOW), (at + 1).saturating_sub(novelty));
        Hit {
            fingerprint: fingerprint(&hashes[at..end]),
            df,
            left: self.context(at.saturating_sub(CONTEXT), at, hashes),
            right: self.context(end, (end + CONTEXT).min(hashes.len()), hashes),
            document: document.ord as u16,
            order: order as u8,
            jump: (after as i32 - before as i32) as i8,
            unusual: document.has_unusual(at, end),
        }
    }

    /// Unseen n-grams that start at positions `from..to`, as far as the document goes.
    fn unseen_between(&self, from: usize, to: usize) -> u32 {
        let last = self.unseen.len() - 1;
        let (from, to) = (from.min(last), to.min(last));
        if from < to {
            self.unseen[to] - self.unseen[from]
        } else {
            0
        }
    }

    /// Hash of the tokens `from..to`; the edge of the document is a context like any other.
    fn context(&self, from: usize, to: usize, hashes: &[u64]) -> u32 {
        if to - from == CONTEXT {
            return self.contexts[from];
        }
        fingerprint(&hashes[from..to]) as u32
    }

    fn assemble(&mut self, facts: &dyn DocumentFacts, header: Header) -> Vec<u8> {
        let sorted = self
            .sort
            .sort(&self.hits, &mut self.memory, |hit| hit.fingerprint);
        let mut builder = ObjectBuilder::new(header, SLICES, sorted.len() * 24);
        let (mut scratch, mut payload) = (Vec::new(), Vec::new());
        let mut rest = sorted;
        for partition in 0..PARTITIONS {
            let length = rest.partition_point(|hit| partition_of(hit.fingerprint) <= partition);
            let (hits, after) = rest.split_at(length);
            rest = after;
            payload.clear();
            for hits in hits.chunk_by(|a, b| a.fingerprint == b.fingerprint) {
                put_hits(hits, facts, &mut scratch, &mut payload);
            }
            if !payload.is_empty() {
                builder.frame((partition as u32) << 8, &payload);
            }
            if (partition + 1).is_multiple_of(PARTITIONS / SLICES) {
                builder.end_slice();
            }
        }
        debug_assert!(
            rest.is_empty() && PARTITION_BITS > 0,
            "every hit has a partition"
        );
        builder.finish()
    }
}

fn put_hits(hits: &[Hit], facts: &dyn DocumentFacts, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    let Hit {
        fingerprint,
        df,
        order,
        unusual,
        ..
    } = hits[0];
    let head = RecordHead {
        fingerprint,
        order,
        unusual,
        df,
        postings: hits.len() as u32,
    };
    let postings = hits.iter().map(|hit| Posting {
        document: u32::from(hit.document),
        left: hit.left,
        right: hit.right,
        jump: hit.jump,
    });
    put_record(
        head,
        postings,
        |document, put| facts.localities(document, put),
        scratch,
        out,
    );
}
