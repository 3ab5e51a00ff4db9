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
use crate::fingerprint::{fingerprint, is_number};
use crate::lookup::{Found, Screened, Wanted};
use crate::object::Header;
use crate::posting::LocalityRows;
use crate::segment::Segment;

mod hits;
mod surprisal;
mod surroundings;

use hits::{Hit, Hits};
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
    /// Whether n-grams of this df are described if they are closed.
    #[inline]
    fn describes(&self, df: u32) -> bool {
        (self.floor.max(1) <= df) & (df <= self.ceiling)
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
/// Memory: 8 bytes per token and order of the longest document, 32 bytes per posting.
#[derive(Debug, Default)]
pub struct Describer {
    fingerprinter: Fingerprinter,
    /// Per order the n-grams of the document, position by position, between two empty places.
    found: Vec<Vec<Found>>,
    /// The tokens of the segment, by ordinal, if order 1 was counted.
    tokens: Vec<Found>,
    wanted: Vec<Wanted>,
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
        self.hits.clear();
        self.surprisals.clear();
        self.rows.clear();
        self.found.resize(usize::from(*rules.orders.end()) + 1, Vec::new());
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
        self.rows.pack();
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
        let novelty = usize::from(rules.novelty_order);
        let inner = &self.found[novelty][1..=document.positions(novelty)];
        let ngrams = inner.iter().zip(document.hashes.windows(novelty));
        let unseen = ngrams.map(|(found, tokens)| is_unseen(found.df, tokens));
        self.surroundings.count_unseen(unseen, novelty, document.hashes.len());
        for order in rules.orders.clone() {
            self.describe_order(document, usize::from(order), table, rules);
        }
    }

    fn measure(&mut self, document: &Document<'_>, rules: &Rules) {
        if rules.orders.contains(&1) && rules.orders.contains(&2) {
            let (tokens, pairs) = (&self.found[1], &self.found[2]);
            let measured = self.meter.measure(document.ord, tokens, pairs, rules.documents);
            self.surprisals.extend(measured);
        }
    }

    fn look_up(&mut self, document: &Document<'_>, table: &Screened, rules: &Rules) {
        self.fingerprinter.restart();
        let last = usize::from(*rules.orders.end()).max(CONTEXT);
        for order in 1..=last {
            self.fingerprinter.advance(document.hashes);
            let positions = document.positions(order);
            if order == CONTEXT {
                let inner = self.fingerprinter.range(0..positions);
                self.surroundings.hash(document.hashes, inner);
            }
            if order == 1 && rules.orders.contains(&1) {
                self.place_tokens(document.ordinals);
            } else if rules.orders.contains(&(order as u8)) {
                self.want(order, positions, rules);
                let found = &mut self.found[order];
                found.clear();
                found.resize(positions + 2, Found::default());
                table.look_up(&mut self.wanted, &mut found[1..]);
            }
        }
    }

    /// Order 1: the tokens of the segment have been looked up already.
    fn place_tokens(&mut self, ordinals: &[u32]) {
        let found = &mut self.found[1];
        found.clear();
        found.push(Found::default());
        found.extend(ordinals.iter().map(|&ordinal| self.tokens[ordinal as usize]));
        found.push(Found::default());
    }

    /// Fills `wanted` with the n-grams of one order that may be in the table.
    fn want(&mut self, order: usize, positions: usize, rules: &Rules) {
        let fingerprints = self.fingerprinter.range(0..positions).enumerate();
        let is_first = order == usize::from(*rules.orders.start());
        if is_first || order == usize::from(rules.novelty_order) {
            self.wanted.clear();
            self.wanted.extend(fingerprints.map(wanted));
            return;
        }
        self.wanted.resize(positions, Wanted::default());
        let mut length = 0;
        for (ngram, inside) in fingerprints.zip(self.found[order - 1][1..].windows(2)) {
            self.wanted[length] = wanted(ngram);
            length += usize::from(inside[0].df.min(inside[1].df) >= rules.floor);
        }
        self.wanted.truncate(length);
    }

    /// Finds the closed n-grams of one order and adds their postings.
    fn describe_order(
        &mut self,
        document: &Document<'_>,
        order: usize,
        table: &mut Screened,
        rules: &Rules,
    ) {
        let found = &self.found[order];
        match self.found.get(order + 1) {
            Some(longer) => self.places.fill(found, longer, rules),
            None => self.places.fill_last(found, rules),
        }
        self.places.keep_closed(document.ord, table);
        let surroundings = &self.surroundings;
        let contexts = self.found.get(CONTEXT).map_or(&[][..], Vec::as_slice);
        self.hits.extend(self.places.0.iter().map(|place| {
            let (at, end) = (place.at as usize, place.at as usize + order);
            Hit {
                slot: place.slot,
                left: surroundings.left(at, place.df, contexts),
                right: surroundings.right(end, place.df, contexts),
                place: hits::pack(document.ord, order),
                jump: surroundings.jump(at, end),
                unusual: document.has_unusual(at, end),
            }
        }));
    }
}

#[inline]
fn is_unseen(df: u32, tokens: &[u64]) -> bool {
    (df < 2) & !tokens.iter().any(|&hash| is_number(hash))
}

#[inline]
fn wanted((at, fingerprint): (usize, u64)) -> Wanted {
    let at = at as u32;
    Wanted { at, fingerprint }
}

/// An n-gram whose df is of interest, and where it stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    at: u32,
    slot: u32,
    df: u32,
    /// Whether an extension of it has the same df here.
    is_extended: bool,
}

/// The n-grams of interest of one document and order. Which are is too irregular for branches:
/// the loops write every n-gram and count only those that belong there.
#[derive(Debug, Default)]
struct Places(Vec<Place>);

impl Places {
    /// `found` and `longer` are the n-grams of an order and of the next, each between two empty
    /// places: an n-gram is inside the two longer ones at its place and the one before.
    fn fill(&mut self, found: &[Found], longer: &[Found], rules: &Rules) {
        let ngrams = found[1..found.len() - 1].iter().zip(longer.windows(2));
        self.put(ngrams.map(|(found, longer)| {
            let is_extended = (longer[0].df == found.df) | (longer[1].df == found.df);
            (*found, rules.describes(found.df), is_extended)
        }));
    }

    /// Of the last order no extension is known; what is inside a longer sequence is left out.
    fn fill_last(&mut self, found: &[Found], rules: &Rules) {
        self.put(found.windows(3).map(|three| {
            let [before, found, after] = [three[0], three[1], three[2]];
            let is_inside = (before.df == found.df) & (after.df == found.df);
            (found, rules.describes(found.df) & !is_inside, false)
        }));
    }

    /// Replaces the places: of every n-gram what was found, whether it counts, and whether it is
    /// extended.
    #[inline]
    fn put(&mut self, ngrams: impl ExactSizeIterator<Item = (Found, bool, bool)>) {
        self.0.resize(ngrams.len(), Place::default());
        let mut length = 0;
        for (at, (found, counts, is_extended)) in ngrams.enumerate() {
            self.0[length] = Place { at: at as u32, slot: found.slot, df: found.df, is_extended };
            length += usize::from(counts);
        }
        self.0.truncate(length);
    }

    /// Marks the extended ones and keeps of the others the first of each.
    fn keep_closed(&mut self, document: u32, table: &mut Screened) {
        for place in &self.0 {
            table.mark_extended(place.slot, place.is_extended);
        }
        let mut length = 0;
        for next in 0..self.0.len() {
            let place = self.0[next];
            self.0[length] = place;
            length += usize::from(table.first_in_document(place.slot, document));
        }
        self.0.truncate(length);
    }
}

#[cfg(test)]
mod tests;
