//! Postings on their way to their n-grams' records.

use super::ALL_SLICES;
use crate::count::{PARTITIONS, SLICES, partition_of};
use crate::lookup::Screened;
use crate::object::{Header, ObjectBuilder};
use crate::posting::{LocalityRows, Posting, RecordHead, put_record};
use crate::room::make_room;
use crate::segment::Segment;
use crate::sort::Scatter;

/// Bins of the first pass: few enough that the next free place of each stays in the cache.
const COARSE_BITS: u32 = 9;

/// A posting that knows its n-gram by the slot of the table.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hit {
    pub slot: u32,
    pub left: u32,
    pub right: u32,
    /// Document and order, see [`pack`].
    pub place: u16,
    pub jump: i8,
    pub unusual: bool,
}

/// A document ordinal and an order in 16 bits.
pub(super) fn pack(document: u32, order: usize) -> u16 {
    (order as u16) << Segment::DOCUMENT_BITS | document as u16
}

impl Hit {
    fn order(&self) -> u8 {
        (self.place >> Segment::DOCUMENT_BITS) as u8
    }

    fn posting(&self) -> Posting {
        Posting {
            document: u32::from(self.place) & (Segment::MAX_DOCUMENTS as u32 - 1),
            left: self.left,
            right: self.right,
            jump: self.jump,
        }
    }
}

/// The hits of a segment, by document.
#[derive(Debug, Default)]
pub(super) struct Hits {
    hits: Vec<Hit>,
    coarse: Vec<Hit>,
    fine: Vec<Hit>,
    coarse_bins: Scatter,
    fine_bins: Scatter,
    object: Vec<u8>,
}

impl Hits {
    /// Forgets all hits; of a segment with so many tokens about as many are expected.
    pub(super) fn restart(&mut self, tokens: usize) {
        make_room(&mut self.hits, tokens);
    }

    pub(super) fn recycle(&mut self, object: Vec<u8>) {
        self.object = object;
    }

    pub(super) fn extend(&mut self, hits: impl Iterator<Item = Hit>) {
        self.hits.extend(hits);
    }

    /// The object of all postings. Slots ascend as fingerprints do, so two passes over bins, one
    /// by the upper and one by the lower bits of the slot, bring the hits in order.
    pub(super) fn assemble(
        &mut self,
        table: &Screened,
        rows: &LocalityRows,
        header: Header,
    ) -> Vec<u8> {
        let bits = usize::BITS - table.slots().leading_zeros();
        let shift = bits.saturating_sub(COARSE_BITS);
        let bins = (table.slots() >> shift) + 1;
        self.coarse_bins
            .scatter(&self.hits, &mut self.coarse, bins, |hit| (hit.slot >> shift) as usize);
        let memory = std::mem::take(&mut self.object);
        let builder = ObjectBuilder::in_memory(header, ALL_SLICES, self.hits.len() * 16, memory);
        let mut writer = Writer::new(builder, table);
        for bin in 0..bins {
            let hits = &self.coarse[self.coarse_bins.range(bin)];
            let below = (1 << shift) - 1;
            self.fine_bins
                .scatter(hits, &mut self.fine, below + 1, |hit| hit.slot as usize & below);
            let sorted = &self.fine[..hits.len()];
            let records = sorted.chunk_by(|a, b| a.slot == b.slot);
            // That an n-gram is extended may show only after its first hit.
            let closed = records.filter(|hits| !table.is_extended(hits[0].slot));
            closed.for_each(|hits| writer.record(hits));
        }
        writer.finish(rows)
    }
}

/// Writes records, which come in ascending order of fingerprints, as frames of partitions.
struct Writer<'a> {
    builder: ObjectBuilder,
    table: &'a Screened,
    /// Partition of the open frame.
    partition: Option<usize>,
    slices: usize,
}

impl<'a> Writer<'a> {
    fn new(builder: ObjectBuilder, table: &'a Screened) -> Self {
        Self { builder, table, partition: None, slices: 0 }
    }

    /// `hits` are those of one n-gram.
    fn record(&mut self, hits: &[Hit]) {
        let (fingerprint, df) = self.table.entry(hits[0].slot);
        self.enter(partition_of(fingerprint));
        let head = RecordHead {
            fingerprint,
            order: hits[0].order(),
            unusual: hits[0].unusual,
            df,
            postings: hits.len() as u32,
        };
        let postings = hits.iter().map(Hit::posting);
        put_record(head, postings, self.builder.payload());
    }

    /// Makes the frame of `partition` the open one.
    fn enter(&mut self, partition: usize) {
        if self.partition == Some(partition) {
            return;
        }
        self.leave();
        self.end_slices(partition / (PARTITIONS / SLICES));
        self.builder.open_frame((partition as u32) << 8);
        self.partition = Some(partition);
    }

    fn leave(&mut self) {
        if self.partition.take().is_some() {
            self.builder.close_frame();
        }
    }

    fn end_slices(&mut self, before: usize) {
        while self.slices < before {
            self.builder.end_slice();
            self.slices += 1;
        }
    }

    fn finish(mut self, rows: &LocalityRows) -> Vec<u8> {
        self.leave();
        self.end_slices(SLICES);
        self.builder.open_frame(0);
        rows.encode(self.builder.payload());
        self.builder.close_frame();
        self.builder.end_slice();
        self.builder.finish()
    }
}
