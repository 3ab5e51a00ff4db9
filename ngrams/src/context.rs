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
use crate::count::SLICES;
use crate::fingerprint::{Ngrams, fingerprint, is_number};
use crate::lookup::{Found, Screened};
use crate::object::Header;
use crate::posting::LocalityRows;
use crate::segment::Segment;

mod hits;
mod level;
mod surprisal;
mod surroundings;

use hits::{Hit, Hits};
use level::{Level, Place};
use surprisal::Meter;
pub use surprisal::{STEPS, STRETCH, Surprisal};
use surroundings::Surroundings;

/// Tokens of the window in which unseen n-grams are counted, on each side.
pub const WINDOW: usize = 32;
/// Tokens of a left or right context.
pub const CONTEXT: usize = 4;
/// Times as many documents as the n-gram from which a context of four tokens counts as common: a
/// payload is in about as many as its trigger, what a site says everywhere in many more.
const COMMON_FROM: u32 = 4;

/// Slices of a context run: those of a count run, and one frame with the [`Rows`](crate::posting::Rows) of its documents.
pub const ALL_SLICES: usize = SLICES + 1;

/// What decides which n-grams are described and how.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Orders that were counted.
    pub orders: RangeInclusive<u8>,
    /// Smallest df of interest.
    pub floor: u32,
    /// Largest df of interest.
    pub ceiling: u32,
    /// Order of the n-grams whose df of 1 counts as unseen, unless they hold a number: numbers meet others for the first
    /// time in every table. One of `orders`; the table must hold every one of them with df of 2 or more.
    pub novelty_order: u8,
    /// Documents of the corpus.
    pub documents: u32,
}

impl Rules {
    /// Whether all n-grams of an order are looked up, whatever is known of those inside them.
    fn is_whole(&self, order: u8) -> bool {
        order == *self.orders.start() || order == self.novelty_order
    }

    /// The df of the n-grams of an order that are listed: those of interest, and all above where longer ones are sought by them.
    fn listed(&self, order: u8) -> RangeInclusive<u32> {
        let longer = order + 1;
        let are_sought = self.orders.contains(&longer) && !self.is_whole(longer);
        self.floor..=if are_sought { u32::MAX } else { self.ceiling }
    }
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
    /// Of its tokens in the segment's vocabulary.
    ordinals: &'a [u32],
    unusual: &'a [u32],
}

impl Document<'_> {
    /// Number of its n-grams of an order.
    fn positions(&self, order: usize) -> usize {
        (self.hashes.len() + 1).saturating_sub(order)
    }

    /// Whether one of the tokens `from..to` has unusual code points.
    #[inline]
    fn has_unusual(&self, from: usize, to: usize) -> bool {
        if self.unusual.is_empty() {
            return false;
        }
        let next = self.unusual.partition_point(|&at| (at as usize) < from);
        self.unusual.get(next).is_some_and(|&at| (at as usize) < to)
    }
}

/// Describes segments; keeps its memory from one to the next.
///
/// Memory: 16 bytes per token and order of the longest document, 32 bytes per posting.
#[derive(Debug, Default)]
pub struct Describer {
    fingerprinter: Fingerprinter,
    /// Per order the n-grams of the document.
    levels: Vec<Level>,
    /// The tokens of the segment, by ordinal, if order 1 was counted.
    tokens: Vec<Found>,
    search: Search,
    surroundings: Surroundings,
    meter: Meter,
    surprisals: Vec<Surprisal>,
    places: Places,
    hits: Hits,
    rows: LocalityRows,
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
        self.hits.restart(segment.tokens());
        self.surprisals.clear();
        self.rows.clear();
        self.levels.resize_with(usize::from(*rules.orders.end()) + 1, Level::default);
        if rules.orders.contains(&1) {
            let token = |&hash: &u64| table.get(fingerprint(&[hash]));
            self.tokens.clear();
            self.tokens.extend(segment.vocabulary().iter().map(token));
        }
        for (ord, range) in segment.ranges().enumerate() {
            let ord = ord as u32;
            let (hashes, ordinals) = (&segment.hashes()[range.clone()], &segment.ordinals()[range]);
            self.rows.push(|put| facts.localities(ord, put));
            if facts.is_canonical(ord) {
                let unusual = facts.unusual(ord);
                let document = Document { ord, hashes, ordinals, unusual };
                self.document(&document, table, rules);
            }
        }
        self.hits.assemble(table, &self.rows, header)
    }

    /// The canonical documents of the segment that was described, those of at least [`STRETCH`] tokens, ascending; none
    /// if orders 1 and 2 were not both counted.
    #[must_use]
    pub fn surprisals(&self) -> &[Surprisal] {
        &self.surprisals
    }

    /// Takes back the memory of an object that was made here.
    pub fn recycle(&mut self, object: Vec<u8>) {
        self.hits.recycle(object);
    }

    fn document(&mut self, document: &Document<'_>, table: &mut Screened, rules: &Rules) {
        self.look_up(document, table, rules);
        self.measure(document, rules);
        let common = self.levels.get(CONTEXT).filter(|_| rules.orders.contains(&(CONTEXT as u8)));
        let ngrams = self.fingerprinter.of(CONTEXT);
        self.surroundings.hash(document.hashes, ngrams, common.map_or(&[], Level::df));
        let novelty = usize::from(rules.novelty_order);
        let df = &self.levels[novelty].df()[1..=document.positions(novelty)];
        let ngrams = df.iter().zip(document.hashes.windows(novelty));
        let unseen = ngrams.map(|(&df, tokens)| is_unseen(df, tokens));
        self.surroundings.count_unseen(unseen, novelty, document.hashes.len());
        for order in rules.orders.clone() {
            self.describe_order(document, usize::from(order), table, rules);
        }
    }

    fn measure(&mut self, document: &Document<'_>, rules: &Rules) {
        if rules.orders.contains(&1) && rules.orders.contains(&2) {
            let (tokens, pairs) = (self.levels[1].df(), self.levels[2].df());
            let measured = self.meter.measure(document.ord, tokens, pairs, rules.documents);
            self.surprisals.extend(measured);
        }
    }

    fn look_up(&mut self, document: &Document<'_>, table: &Screened, rules: &Rules) {
        self.fingerprinter.restart(document.hashes);
        for order in rules.orders.clone() {
            let positions = document.positions(order.into());
            let (shorter, level) = self.levels.split_at_mut(order.into());
            let listed = rules.listed(order);
            if order == 1 {
                // The tokens of the segment have been looked up already.
                let found = document.ordinals.iter().map(|&token| self.tokens[token as usize]);
                level[0].fill(positions, 0.., found, listed);
                continue;
            }
            let ngrams = self.fingerprinter.of(order.into());
            if rules.is_whole(order) {
                let found = self.search.all(ngrams, positions, table);
                level[0].fill(positions, 0.., found, listed);
            } else {
                let (at, found) = self.search.longer(ngrams, &shorter[shorter.len() - 1], table);
                level[0].fill(positions, at, found, listed);
            }
        }
    }

    /// Finds the closed n-grams of one order and adds their postings.
    fn describe_order(
        &mut self,
        document: &Document<'_>,
        order: usize,
        table: &mut Screened,
        rules: &Rules,
    ) {
        let level = &self.levels[order];
        match self.levels.get(order + 1) {
            Some(longer) => self.places.note(level.extended(longer), document.ord, table, rules),
            None => self.places.note_ends(level.inside(), document.ord, table, rules),
        }
        let surroundings = &self.surroundings;
        self.hits.extend(self.places.0.iter().map(|place| {
            let (at, end) = (place.at as usize, place.at as usize + order);
            Hit {
                slot: place.slot,
                left: surroundings.left(at, place.df),
                right: surroundings.right(end, place.df),
                place: hits::pack(document.ord, order),
                jump: surroundings.jump(at, end),
                unusual: document.has_unusual(at, end),
            }
        }));
    }
}

/// Looks up the n-grams of a document; keeps its memory.
#[derive(Debug, Default)]
struct Search {
    at: Vec<u32>,
    fingerprints: Vec<u64>,
    found: Vec<Found>,
    unfinished: Vec<u32>,
}

impl Search {
    /// The answers for the n-grams at all positions.
    fn all(
        &mut self,
        ngrams: Ngrams<'_>,
        positions: usize,
        table: &Screened,
    ) -> impl ExactSizeIterator<Item = Found> {
        self.fingerprints.clear();
        ngrams.append(0..positions, &mut self.fingerprints);
        table.look_up(&self.fingerprints, &mut self.found, &mut self.unfinished);
        self.found.iter().copied()
    }

    /// The positions and the answers for those of which both n-grams inside, which are of the level `shorter`, reach the
    /// floor: no other can.
    fn longer(
        &mut self,
        ngrams: Ngrams<'_>,
        shorter: &Level,
        table: &Screened,
    ) -> (impl Iterator<Item = u32>, impl ExactSizeIterator<Item = Found>) {
        shorter.longer(&mut self.at);
        self.fingerprints.clear();
        ngrams.append_at(self.at.iter().map(|&at| at as usize), &mut self.fingerprints);
        table.look_up(&self.fingerprints, &mut self.found, &mut self.unfinished);
        (self.at.iter().copied(), self.found.iter().copied())
    }
}

#[inline]
fn is_unseen(df: u32, tokens: &[u64]) -> bool {
    (df < 2) & !tokens.iter().any(|&hash| is_number(hash))
}

/// The n-grams of one document and order that may get a posting: of each the first that is not extended. Which these are is too
/// irregular for a branch: every n-gram is written, and kept or overwritten.
#[derive(Debug, Default)]
struct Places(Vec<Place>);

impl Places {
    /// Replaces them; the places say whether they are extended.
    fn note(
        &mut self,
        places: impl ExactSizeIterator<Item = (Place, bool)>,
        document: u32,
        table: &mut Screened,
        rules: &Rules,
    ) {
        self.0.resize(places.len(), Place::default());
        let mut length = 0;
        for (place, is_extended) in places {
            self.0[length] = place;
            let is_first = table.note(place.slot, document, is_extended);
            length += usize::from((place.df <= rules.ceiling) & is_first);
        }
        self.0.truncate(length);
    }

    /// The same where no longer n-grams were counted; the places say whether they are inside a longer sequence, and then do not
    /// count.
    fn note_ends(
        &mut self,
        places: impl Iterator<Item = (Place, bool)>,
        document: u32,
        table: &mut Screened,
        rules: &Rules,
    ) {
        self.0.clear();
        let ends = places.filter(|(place, is_inside)| (place.df <= rules.ceiling) & !is_inside);
        let first = ends.filter(|(place, _)| table.note(place.slot, document, false));
        self.0.extend(first.map(|(place, _)| place));
    }
}

#[cfg(test)]
mod tests;
