//! Postings: where and how a screened n-gram stands in one document.
//!
//! A record is one n-gram of one segment: its byte length, fingerprint, order, global df and
//! number of postings, then the postings. Records of different segments are merged by putting
//! their postings side by side, which is commutative and associative up to their order.

use thiserror::Error;

use crate::varint;

/// One n-gram in one canonical document, at its first occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Ordinal of the document in its segment.
    pub document: u32,
    /// Hash of the up to four tokens before; equal hashes mean equal contexts but for a chance
    /// of 2⁻³² per pair.
    pub left: u32,
    /// Hash of the up to four tokens after.
    pub right: u32,
    /// Unseen n-grams in the window after minus in the window before.
    pub jump: i8,
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
    axes: usize,
}

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

    #[inline]
    fn get(&self, document: u32) -> &[u32] {
        &self.ordinals[document as usize * self.axes..][..self.axes]
    }
}

/// Appends a record; `rows` holds the localities of all its documents.
///
/// A posting is the gap from the document before (varint), the contexts, the jump, and the
/// localities where they differ from those of the posting before: which axes (varint, one bit
/// each) and their ordinals (varints). Neighbours often share all but the date.
pub fn put_record(
    head: RecordHead,
    postings: impl Iterator<Item = Posting>,
    rows: &LocalityRows,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    scratch.clear();
    scratch.extend_from_slice(&head.fingerprint.to_le_bytes());
    scratch.push(head.order | u8::from(head.unusual) << 7);
    varint::put(scratch, u64::from(head.df));
    varint::put(scratch, u64::from(head.postings));
    let (mut document, mut row) = (0, None);
    for posting in postings {
        varint::put(scratch, u64::from(posting.document - document));
        document = posting.document;
        scratch.extend_from_slice(&fixed(&posting));
        let next = rows.get(document);
        put_differences(row, next, scratch);
        row = Some(next);
    }
    varint::put(out, scratch.len() as u64);
    out.extend_from_slice(scratch);
}

/// What has the same length in every posting.
#[inline]
fn fixed(posting: &Posting) -> [u8; 9] {
    let mut bytes = [0; 9];
    bytes[..4].copy_from_slice(&posting.left.to_le_bytes());
    bytes[4..8].copy_from_slice(&posting.right.to_le_bytes());
    bytes[8] = posting.jump as u8;
    bytes
}

/// Before the first row all ordinals are 0.
#[inline]
fn put_differences(before: Option<&[u32]>, row: &[u32], out: &mut Vec<u8>) {
    let before = |axis: usize| before.map_or(0, |before| before[axis]);
    let mut differs = 0u64;
    for (axis, &ordinal) in row.iter().enumerate() {
        differs |= u64::from(ordinal != before(axis)) << axis;
    }
    varint::put(out, differs);
    while differs != 0 {
        varint::put(out, u64::from(row[differs.trailing_zeros() as usize]));
        differs &= differs - 1;
    }
}

/// A record whose postings are still encoded.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// What the record says of its n-gram.
    pub head: RecordHead,
    body: &'a [u8],
}

/// Takes one record off the front of `bytes`; `None` at the end.
///
/// # Errors
/// If the bytes are no record.
pub fn take_record<'a>(bytes: &mut &'a [u8]) -> Result<Option<Record<'a>>, PostingError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let length = varint::take(bytes).ok_or(PostingError("length"))?;
    let length = usize::try_from(length).map_err(|_| PostingError("length"))?;
    let (record, rest) = bytes.split_at_checked(length).ok_or(PostingError("length"))?;
    *bytes = rest;
    let (fingerprint, record) =
        record.split_first_chunk::<8>().ok_or(PostingError("fingerprint"))?;
    let (&order, mut body) = record.split_first().ok_or(PostingError("order"))?;
    let df = small(&mut body).ok_or(PostingError("df"))?;
    let postings = small(&mut body).ok_or(PostingError("number of postings"))?;
    let (order, unusual) = (order & 0x7f, order & 0x80 != 0);
    let fingerprint = u64::from_le_bytes(*fingerprint);
    let head = RecordHead { fingerprint, order, unusual, df, postings };
    Ok(Some(Record { head, body }))
}

#[inline]
fn small(bytes: &mut &[u8]) -> Option<u32> {
    varint::take(bytes).and_then(|value| u32::try_from(value).ok())
}

impl Record<'_> {
    /// Calls `each` with every posting and its locality ordinals, one per axis.
    ///
    /// # Errors
    /// If the record is damaged or names an axis that `localities` has no place for.
    pub fn postings(
        &self,
        localities: &mut [u32],
        mut each: impl FnMut(Posting, &[u32]),
    ) -> Result<(), PostingError> {
        let mut rest = self.body;
        let mut document = 0u32;
        localities.fill(0);
        for _ in 0..self.head.postings {
            let gap = small(&mut rest).ok_or(PostingError("document"))?;
            document = document.checked_add(gap).ok_or(PostingError("document"))?;
            let (fixed, after) = rest.split_first_chunk::<9>().ok_or(PostingError("contexts"))?;
            rest = after;
            let mut differs = varint::take(&mut rest).ok_or(PostingError("axes"))?;
            while differs != 0 {
                let axis = differs.trailing_zeros() as usize;
                let locality = localities.get_mut(axis).ok_or(PostingError("axes"))?;
                *locality = small(&mut rest).ok_or(PostingError("locality"))?;
                differs &= differs - 1;
            }
            let [l0, l1, l2, l3, r0, r1, r2, r3, jump] = *fixed;
            let left = u32::from_le_bytes([l0, l1, l2, l3]);
            let right = u32::from_le_bytes([r0, r1, r2, r3]);
            each(Posting { document, left, right, jump: jump as i8 }, localities);
        }
        if rest.is_empty() { Ok(()) } else { Err(PostingError("bytes left over")) }
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

    fn encode(head: RecordHead, postings: &[Posting]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rows = LocalityRows::default();
        for document in 0..4096 {
            rows.push(|put| {
                put(document / 7);
                put(document % 3 * 1_000_000);
            });
        }
        put_record(head, postings.iter().copied(), &rows, &mut Vec::new(), &mut out);
        out
    }

    fn decode(mut bytes: &[u8]) -> Result<Vec<(RecordHead, Vec<Posting>)>, PostingError> {
        let mut all = Vec::new();
        while let Some(record) = take_record(&mut bytes)? {
            let mut postings = Vec::new();
            record.postings(&mut [0; 2], |posting, localities| {
                assert_eq!(localities, [posting.document / 7, posting.document % 3 * 1_000_000]);
                postings.push(posting);
            })?;
            all.push((record.head, postings));
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn round_trip_and_truncation(mut postings in prop::collection::vec(posting(), 1..30), fingerprint: u64, df in 1u32..5000) {
            postings.sort_by_key(|p| p.document);
            let head = RecordHead { fingerprint, order: 3, unusual: df % 2 == 0, df, postings: postings.len() as u32 };
            let bytes = encode(head, &postings);
            prop_assert_eq!(decode(&bytes).unwrap(), vec![(head, postings)]);
            for end in 1..bytes.len() {
                prop_assert!(decode(&bytes[..end]).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            bytes.insert(0, bytes.len() as u8);
            let mut rest = bytes.as_slice();
            if let Ok(Some(record)) = take_record(&mut rest) {
                let _ = record.postings(&mut [0; 2], |_, _| ());
            }
        }
    }
}
