//! Postings: where and how a screened n-gram stands in one document.
//!
//! A record is one n-gram of one segment: its fingerprint, order, global df and number of
//! postings, then the postings. A frame holds the layout of its postings, then records. Records of different segments are merged by putting
//! their postings side by side, which is commutative and associative up to their order.

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
    /// Least ordinal and bytes of the difference from it, per axis.
    axes: Vec<(u32, usize)>,
    /// All rows in as few bytes as the axes need, with some to spare.
    packed: Vec<u8>,
    width: usize,
}

/// Bytes of a row that are copied without asking for its length.
const ROW: usize = 8;
/// Bytes of a posting after its row.
const FIXED: usize = 11;

impl LocalityRows {
    /// Appends the next document, whose ordinal on every axis `each` passes on: as many as for
    /// every other document, [`MAX_AXES`] at most.
    pub fn push(&mut self, each: impl FnOnce(&mut dyn FnMut(u32))) {
        let before = self.ordinals.len();
        each(&mut |locality| self.ordinals.push(locality));
        self.axes.resize(self.ordinals.len() - before, (0, 0));
    }

    /// Forgets all documents and keeps the memory.
    pub fn clear(&mut self) {
        self.ordinals.clear();
    }

    /// Packs the rows for [`put_record`]: all documents are there.
    pub fn pack(&mut self) {
        let rows = || self.ordinals.chunks_exact(self.axes.len().max(1));
        let range = |axis: usize| {
            let column = || rows().map(|row| row[axis]);
            let (least, most) = (column().min().unwrap_or(0), column().max().unwrap_or(0));
            (least, (u32::BITS - (most - least).leading_zeros()).div_ceil(8) as usize)
        };
        let axes: Vec<(u32, usize)> = (0..self.axes.len()).map(range).collect();
        self.packed.clear();
        for row in rows() {
            for (ordinal, (least, width)) in row.iter().zip(&axes) {
                self.packed.extend_from_slice(&(ordinal - least).to_le_bytes()[..*width]);
            }
        }
        self.packed.resize(self.packed.len() + ROW, 0);
        self.width = axes.iter().map(|(_, width)| width).sum();
        self.axes = axes;
    }

    /// Appends what a reader of records must know of the rows: what [`Records::open`] expects at
    /// the front of a frame.
    pub fn put_layout(&self, out: &mut Vec<u8>) {
        out.push(self.axes.len() as u8);
        for &(least, width) in &self.axes {
            out.push(width as u8);
            out.extend_from_slice(&least.to_le_bytes());
        }
    }

    /// Copies the row of a document to the front of `out`; what is behind it there is lost.
    #[inline]
    fn put(&self, document: u32, out: &mut [u8]) {
        let row = &self.packed[document as usize * self.width..];
        let length = if self.width <= ROW { ROW } else { self.width };
        out[..length].copy_from_slice(&row[..length]);
    }
}

/// Appends a record; `rows` holds the packed localities of all its documents.
///
/// A posting is its document's row, the document (2 bytes), the contexts and the jump: all of the
/// same length, so that nothing has to be read before the next can be found.
pub fn put_record(
    head: RecordHead,
    postings: impl Iterator<Item = Posting>,
    rows: &LocalityRows,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(&head.fingerprint.to_le_bytes());
    out.push(head.order | u8::from(head.unusual) << 7);
    varint::put(out, u64::from(head.df));
    varint::put(out, u64::from(head.postings));
    let start = out.len();
    let stride = rows.width + FIXED;
    let end = start + stride * head.postings as usize;
    out.resize(end + ROW, 0);
    let mut at = start;
    for posting in postings {
        rows.put(posting.document, &mut out[at..]);
        out[at + rows.width..][..FIXED].copy_from_slice(&fixed(&posting));
        at += stride;
    }
    debug_assert_eq!(at, end, "as many postings as announced");
    out.truncate(end);
}

/// What stands in every posting after the row.
#[inline]
fn fixed(posting: &Posting) -> [u8; FIXED] {
    let mut bytes = [0; FIXED];
    bytes[..2].copy_from_slice(&(posting.document as u16).to_le_bytes());
    bytes[2..6].copy_from_slice(&posting.left.to_le_bytes());
    bytes[6..10].copy_from_slice(&posting.right.to_le_bytes());
    bytes[10] = posting.jump as u8;
    bytes
}

#[inline]
fn posting(bytes: &[u8; FIXED]) -> Posting {
    let [d0, d1, l0, l1, l2, l3, r0, r1, r2, r3, jump] = *bytes;
    Posting {
        document: u32::from(u16::from_le_bytes([d0, d1])),
        left: u32::from_le_bytes([l0, l1, l2, l3]),
        right: u32::from_le_bytes([r0, r1, r2, r3]),
        jump: jump as i8,
    }
}

/// How the rows of a frame are packed: of every axis the bytes and the least ordinal.
#[derive(Debug, Clone, Copy)]
struct Layout<'a> {
    axes: &'a [[u8; 5]],
    width: usize,
}

/// The records of a frame.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    layout: Layout<'a>,
    rest: &'a [u8],
}

/// A record whose postings are still encoded.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// What the record says of its n-gram.
    pub head: RecordHead,
    layout: Layout<'a>,
    body: &'a [u8],
}

impl<'a> Records<'a> {
    /// Reads the layout at the front of a frame's payload.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(payload: &'a [u8]) -> Result<Self, PostingError> {
        let (&axes, rest) = payload.split_first().ok_or(PostingError("axes"))?;
        let bytes = 5 * usize::from(axes);
        let (axes, rest) = rest.split_at_checked(bytes).ok_or(PostingError("axes"))?;
        let (axes, _) = axes.as_chunks::<5>();
        if axes.len() > MAX_AXES || axes.iter().any(|axis| axis[0] > 4) {
            return Err(PostingError("axes"));
        }
        let width = axes.iter().map(|axis| usize::from(axis[0])).sum();
        Ok(Self { layout: Layout { axes, width }, rest })
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
        let length = (self.layout.width + FIXED).checked_mul(postings as usize);
        let (body, rest) = length
            .and_then(|length| rest.split_at_checked(length))
            .ok_or(PostingError("postings"))?;
        self.rest = rest;
        let (order, unusual) = (order & 0x7f, order & 0x80 != 0);
        let fingerprint = u64::from_le_bytes(*fingerprint);
        let head = RecordHead { fingerprint, order, unusual, df, postings };
        Ok(Some(Record { head, layout: self.layout, body }))
    }
}

#[inline]
fn small(bytes: &mut &[u8]) -> Option<u32> {
    varint::take(bytes).and_then(|value| u32::try_from(value).ok())
}

impl<'a> Record<'a> {
    /// All postings, in document order.
    pub fn postings(&self) -> impl ExactSizeIterator<Item = Posting> + use<'a> {
        let stride = self.layout.width + FIXED;
        self.body
            .chunks_exact(stride)
            .map(|bytes| bytes.last_chunk().map_or_else(|| posting(&[0; FIXED]), posting))
    }

    /// Number of axes.
    #[must_use]
    pub fn axes(&self) -> usize {
        self.layout.axes.len()
    }

    /// The locality ordinal that all documents of the record's segment have on an axis, one of
    /// [`Record::axes`]; `None` if there are several.
    #[must_use]
    pub fn only_locality(&self, axis: usize) -> Option<u32> {
        let [width, least @ ..] = self.layout.axes[axis];
        (width == 0).then(|| u32::from_le_bytes(least))
    }

    /// Locality ordinals of all postings on an axis, one of [`Record::axes`].
    pub fn localities(&self, axis: usize) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        let [width, least @ ..] = self.layout.axes[axis];
        let before = self.layout.axes[..axis].iter().map(|axis| usize::from(axis[0]));
        let at: usize = before.sum();
        let least = u32::from_le_bytes(least);
        let mask = u32::MAX.checked_shr(u32::BITS - 8 * u32::from(width)).unwrap_or(0);
        // What follows a row is longer than what is read beyond its end.
        self.body.chunks_exact(self.layout.width + FIXED).map(move |bytes| {
            let four = bytes[at..].first_chunk().copied().unwrap_or_default();
            least.wrapping_add(u32::from_le_bytes(four) & mask)
        })
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

    fn rows(axes: usize) -> LocalityRows {
        let mut rows = LocalityRows::default();
        for document in 0..4096 {
            rows.push(|put| expected(document, axes).iter().for_each(|&locality| put(locality)));
        }
        rows.pack();
        rows
    }

    fn expected(document: u32, axes: usize) -> Vec<u32> {
        let scattered = document.wrapping_mul(0x9e37_79b9);
        let all = [document / 7, 300 + document % 3, 5, document % 3 * 1_000_000, scattered];
        all.into_iter().cycle().take(axes).collect()
    }

    fn encode(head: RecordHead, postings: &[Posting], axes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let rows = rows(axes);
        rows.put_layout(&mut out);
        for _ in 0..2 {
            put_record(head, postings.iter().copied(), &rows, &mut out);
        }
        out
    }

    fn decode(bytes: &[u8], axes: usize) -> Result<Vec<(RecordHead, Vec<Posting>)>, PostingError> {
        let mut all = Vec::new();
        let mut records = Records::open(bytes)?;
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
            let bytes = encode(head, &postings, axes);
            let record = (head, postings);
            prop_assert_eq!(decode(&bytes, axes).unwrap(), vec![record.clone(), record]);
            let empty = 1 + 5 * axes;
            let half = empty + (bytes.len() - empty) / 2;
            for end in (0..bytes.len()).filter(|end| ![empty, half].contains(end)) {
                prop_assert!(decode(&bytes[..end], axes).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..100), axes in 0u8..4) {
            bytes.insert(0, axes);
            bytes.iter_mut().skip(1).step_by(5).take(usize::from(axes)).for_each(|width| *width %= 5);
            if let Ok(mut records) = Records::open(&bytes) {
                while let Ok(Some(record)) = records.take() {
                    record.postings().for_each(drop);
                    (0..record.axes()).for_each(|axis| record.localities(axis).for_each(drop));
                }
            }
        }
    }
}
