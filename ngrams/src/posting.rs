//! Postings: where and how a screened n-gram stands in one document.
//!
//! A record is one n-gram of one segment: its fingerprint, order, global df and number of
//! postings, then the postings. Records of different segments are merged by putting
//! their postings side by side, which is commutative and associative up to their order. Where a document stands on every
//! axis is told once per segment, in its rows, and not in each of its postings.

use thiserror::Error;

use crate::varint;

/// One n-gram in one canonical document, at its first occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Ordinal of the document in its segment.
    pub document: u32,
    /// Hash of the up to four tokens before; equal hashes mean equal contexts but for a chance
    /// of 2⁻³¹ per pair. Its lowest bit says whether the context is [`is_common`].
    pub left: u32,
    /// Hash of the up to four tokens after, likewise.
    pub right: u32,
    /// Unseen n-grams in the window after minus in the window before.
    pub jump: i8,
}

/// Whether a context is in far more documents than the n-gram beside which it stands, so that it is
/// nothing that came with it.
#[inline]
#[must_use]
pub fn is_common(context: u32) -> bool {
    context & 1 == 1
}

/// The context of a posting: a hash, and whether it is common.
#[inline]
pub(crate) fn context(hash: u32, common: bool) -> u32 {
    hash & !1 | u32::from(common)
}

/// What a record says of its n-gram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    /// The fingerprint.
    pub fingerprint: u64,
    /// Number of tokens.
    pub order: u8,
    /// Whether a token of it has unusual code points.
    pub unusual: bool,
    /// Documents of the corpus that contain it, duplicates included.
    pub df: u32,
    /// Postings in this record.
    pub postings: u32,
}

/// Bytes that are no record.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("damaged posting record: {0}")]
pub struct PostingError(&'static str);

/// Most axes that a posting can have localities on.
pub const MAX_AXES: usize = 64;

/// The locality ordinals of the documents of a segment, one row per document.
#[derive(Debug, Default)]
pub struct LocalityRows {
    ordinals: Vec<u32>,
    /// Ordinals of a row.
    axes: usize,
}

/// Bytes of a posting.
const POSTING: usize = 11;

impl LocalityRows {
    /// Appends the next document, whose ordinal on every axis `each` passes on: as many as for
    /// every other document, [`MAX_AXES`] at most.
    pub fn push(&mut self, each: impl FnOnce(&mut dyn FnMut(u32))) {
        let before = self.ordinals.len();
        each(&mut |locality| self.ordinals.push(locality));
        self.axes = self.ordinals.len() - before;
    }

    /// Forgets all documents and keeps the memory.
    pub fn clear(&mut self) {
        self.ordinals.clear();
    }

    /// Appends all rows in as few bytes as the axes need: number of axes, of every axis the bytes and the least
    /// ordinal, and of every document what its ordinals are beyond these. [`Rows::decode`] reads it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let rows = || self.ordinals.chunks_exact(self.axes.max(1));
        let range = |axis: usize| {
            let column = || rows().map(|row| row[axis]);
            let (least, most) = (column().min().unwrap_or(0), column().max().unwrap_or(0));
            (least, (u32::BITS - (most - least).leading_zeros()).div_ceil(8) as usize)
        };
        let axes: Vec<(u32, usize)> = (0..self.axes).map(range).collect();
        out.push(axes.len() as u8);
        for &(least, width) in &axes {
            out.push(width as u8);
            out.extend_from_slice(&least.to_le_bytes());
        }
        for row in rows() {
            for (ordinal, (least, width)) in row.iter().zip(&axes) {
                out.extend_from_slice(&(ordinal - least).to_le_bytes()[..*width]);
            }
        }
    }
}

/// Where the documents of a segment stand: rows that were read back.
///
/// Memory: a few bytes per document, as stored.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    axes: Vec<Axis>,
    /// Bytes of a row.
    width: usize,
    /// All rows, and some bytes more, so that four can be read anywhere.
    packed: Vec<u8>,
}

/// Where the ordinals of an axis are in a row.
#[derive(Debug, Clone, Copy)]
struct Axis {
    /// First byte.
    at: usize,
    /// The bits of as many bytes as it has.
    mask: u32,
    least: u32,
}

impl Rows {
    /// Reads what [`LocalityRows::encode`] wrote of so many documents.
    ///
    /// # Errors
    /// If the bytes are no rows, or not those of as many.
    pub fn decode(bytes: &[u8], documents: u64) -> Result<Self, PostingError> {
        let (&axes, rest) = bytes.split_first().ok_or(PostingError("axes"))?;
        let layout = 5 * usize::from(axes);
        let (layout, packed) = rest.split_at_checked(layout).ok_or(PostingError("axes"))?;
        let (layout, _) = layout.as_chunks::<5>();
        if layout.len() > MAX_AXES || layout.iter().any(|axis| axis[0] > 4) {
            return Err(PostingError("axes"));
        }
        let mut width = 0;
        let axis = |&[bytes, ref least @ ..]: &[u8; 5]| {
            let at = width;
            width += usize::from(bytes);
            let mask = u32::MAX.checked_shr(u32::BITS - 8 * u32::from(bytes)).unwrap_or(0);
            Axis { at, mask, least: u32::from_le_bytes(*least) }
        };
        let axes = layout.iter().map(axis).collect();
        if documents.checked_mul(width as u64) != Some(packed.len() as u64) {
            return Err(PostingError("rows"));
        }
        Ok(Self { axes, width, packed: [packed, &[0; 4]].concat() })
    }

    /// The ordinal of a document; of one beyond the last, the least of the axis.
    #[inline]
    fn locality(&self, document: u32, axis: Axis) -> u32 {
        let at = document as usize * self.width + axis.at;
        let four = self.packed.get(at..).and_then(|rest| rest.first_chunk());
        axis.least.wrapping_add(u32::from_le_bytes(four.copied().unwrap_or_default()) & axis.mask)
    }
}

/// Appends a record.
///
/// A posting is the document (2 bytes), the contexts and the jump: all of the
/// same length, so that nothing has to be read before the next can be found.
pub fn put_record(head: RecordHead, postings: impl Iterator<Item = Posting>, out: &mut Vec<u8>) {
    out.extend_from_slice(&head.fingerprint.to_le_bytes());
    out.push(head.order | u8::from(head.unusual) << 7);
    varint::put(out, u64::from(head.df));
    varint::put(out, u64::from(head.postings));
    let start = out.len();
    out.resize(start + POSTING * head.postings as usize, 0);
    let (rooms, _) = out[start..].as_chunks_mut::<POSTING>();
    let mut put = 0;
    for (room, posting) in rooms.iter_mut().zip(postings) {
        *room = encoded(&posting);
        put += 1;
    }
    debug_assert_eq!(put, head.postings, "as many postings as announced");
}

#[inline]
fn encoded(posting: &Posting) -> [u8; POSTING] {
    let mut bytes = [0; POSTING];
    bytes[..2].copy_from_slice(&(posting.document as u16).to_le_bytes());
    bytes[2..6].copy_from_slice(&posting.left.to_le_bytes());
    bytes[6..10].copy_from_slice(&posting.right.to_le_bytes());
    bytes[10] = posting.jump as u8;
    bytes
}

#[inline]
fn posting(bytes: &[u8; POSTING]) -> Posting {
    let [d0, d1, l0, l1, l2, l3, r0, r1, r2, r3, jump] = *bytes;
    Posting {
        document: u32::from(u16::from_le_bytes([d0, d1])),
        left: u32::from_le_bytes([l0, l1, l2, l3]),
        right: u32::from_le_bytes([r0, r1, r2, r3]),
        jump: jump as i8,
    }
}

/// The records of a frame.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rows: &'a Rows,
    rest: &'a [u8],
}

/// A record whose postings are still encoded.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// What the record says of its n-gram.
    pub head: RecordHead,
    rows: &'a Rows,
    postings: &'a [[u8; POSTING]],
}

impl<'a> Records<'a> {
    /// The records of a frame's payload; `rows` are those of its segment.
    #[must_use]
    pub fn new(payload: &'a [u8], rows: &'a Rows) -> Self {
        Self { rows, rest: payload }
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// If the bytes are no record.
    pub fn take(&mut self) -> Result<Option<Record<'a>>, PostingError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (fingerprint, record) =
            self.rest.split_first_chunk::<8>().ok_or(PostingError("fingerprint"))?;
        let (&order, mut rest) = record.split_first().ok_or(PostingError("order"))?;
        let df = small(&mut rest).ok_or(PostingError("df"))?;
        let postings = small(&mut rest).ok_or(PostingError("number of postings"))?;
        let (body, rest) = POSTING
            .checked_mul(postings as usize)
            .and_then(|length| rest.split_at_checked(length))
            .ok_or(PostingError("postings"))?;
        self.rest = rest;
        let (order, unusual) = (order & 0x7f, order & 0x80 != 0);
        let fingerprint = u64::from_le_bytes(*fingerprint);
        let head = RecordHead { fingerprint, order, unusual, df, postings };
        Ok(Some(Record { head, rows: self.rows, postings: body.as_chunks().0 }))
    }
}

#[inline]
fn small(bytes: &mut &[u8]) -> Option<u32> {
    varint::take(bytes).and_then(|value| u32::try_from(value).ok())
}

impl<'a> Record<'a> {
    /// All postings, in document order.
    pub fn postings(&self) -> impl ExactSizeIterator<Item = Posting> + use<'a> {
        self.postings.iter().map(posting)
    }

    /// Number of axes.
    #[must_use]
    pub fn axes(&self) -> usize {
        self.rows.axes.len()
    }

    /// The locality ordinal that all documents of the record's segment have on an axis, one of
    /// [`Record::axes`]; `None` if there are several.
    #[must_use]
    pub fn only_locality(&self, axis: usize) -> Option<u32> {
        let Axis { mask, least, .. } = self.rows.axes[axis];
        (mask == 0).then_some(least)
    }

    /// Locality ordinals of all postings on an axis, one of [`Record::axes`].
    pub fn localities(&self, axis: usize) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        let (rows, axis) = (self.rows, self.rows.axes[axis]);
        let document = |bytes: &[u8; POSTING]| u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        self.postings.iter().map(move |bytes| rows.locality(document(bytes), axis))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn posting() -> impl Strategy<Value = Posting> {
        (0u32..4096, any::<u32>(), any::<u32>(), -31i8..=31)
            .prop_map(|(document, left, right, jump)| Posting { document, left, right, jump })
    }

    fn encoded_rows(axes: usize) -> Vec<u8> {
        let mut rows = LocalityRows::default();
        for document in 0..4096 {
            rows.push(|put| expected(document, axes).iter().for_each(|&locality| put(locality)));
        }
        let mut bytes = Vec::new();
        rows.encode(&mut bytes);
        bytes
    }

    fn expected(document: u32, axes: usize) -> Vec<u32> {
        let scattered = document.wrapping_mul(0x9e37_79b9);
        let all = [document / 7, 300 + document % 3, 5, document % 3 * 1_000_000, scattered];
        all.into_iter().cycle().take(axes).collect()
    }

    fn encode(head: RecordHead, postings: &[Posting]) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..2 {
            put_record(head, postings.iter().copied(), &mut out);
        }
        out
    }

    fn decode(bytes: &[u8], axes: usize) -> Result<Vec<(RecordHead, Vec<Posting>)>, PostingError> {
        let mut all = Vec::new();
        let rows = Rows::decode(&encoded_rows(axes), 4096).unwrap();
        let mut records = Records::new(bytes, &rows);
        while let Some(record) = records.take()? {
            let postings: Vec<Posting> = record.postings().collect();
            assert_eq!(record.axes(), axes);
            for axis in 0..axes {
                let localities: Vec<u32> = record.localities(axis).collect();
                if let Some(only) = record.only_locality(axis) {
                    assert!(localities.iter().all(|&locality| locality == only));
                }
                let known = postings.iter().map(|p| expected(p.document, axes)[axis]);
                assert_eq!(localities, known.collect::<Vec<_>>());
            }
            all.push((record.head, postings));
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn round_trip_and_truncation(mut postings in prop::collection::vec(posting(), 1..30), fingerprint: u64, df in 1u32..5000, axes in prop_oneof![0usize..9, Just(MAX_AXES)]) {
            postings.sort_by_key(|p| p.document);
            let head = RecordHead { fingerprint, order: 3, unusual: df % 2 == 0, df, postings: postings.len() as u32 };
            let bytes = encode(head, &postings);
            let record = (head, postings);
            prop_assert_eq!(decode(&bytes, axes).unwrap(), vec![record.clone(), record]);
            let half = bytes.len() / 2;
            for end in (1..bytes.len()).filter(|end| *end != half) {
                prop_assert!(decode(&bytes[..end], 0).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), axes in prop::collection::vec((0u8..5, any::<u32>()), 0..4), documents in 0usize..9, cell: u8) {
            let mut rows = vec![axes.len() as u8];
            axes.iter().for_each(|(width, least)| {
                rows.push(*width);
                rows.extend_from_slice(&least.to_le_bytes());
            });
            let width: usize = axes.iter().map(|(width, _)| usize::from(*width)).sum();
            rows.resize(rows.len() + documents * width, cell);
            let rows = Rows::decode(&rows, documents as u64).unwrap();
            // Documents beyond the last among them.
            let mut records = Records::new(&bytes, &rows);
            while let Ok(Some(record)) = records.take() {
                record.postings().for_each(drop);
                (0..record.axes()).for_each(|axis| record.localities(axis).for_each(drop));
            }
        }
    }

    #[test]
    fn rows_that_are_cut_off_are_refused() {
        let bytes = encoded_rows(4);
        let (layout, width) = (1 + 4 * 5, 2 + 1 + 3);
        assert_eq!(bytes.len(), layout + 4096 * width);
        Rows::decode(&bytes, 4096).unwrap();
        for end in (0..layout + 3 * width).chain([bytes.len() - 1]) {
            Rows::decode(&bytes[..end], 4096).unwrap_err();
        }
        Rows::decode(&bytes, 4095).unwrap_err();
        Rows::decode(&[1, 5, 0, 0, 0, 0], 0).unwrap_err();
        Rows::decode(&[1, 0, 9, 0, 0, 0, 7], 1).unwrap_err();
        Rows::decode(&[1, 0, 9, 0, 0, 0], 7).unwrap();
    }
}
