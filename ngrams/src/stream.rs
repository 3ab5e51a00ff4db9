//! Token streams: the stored form of a segment, so that the context wave need not read and cut
//! its text again.
//!
//! An object of one slice with four frames: tokens of every document (u32 each); hashes of the
//! different tokens (u64 each) in the order of their ordinals; the ordinal of every token, in as
//! few bytes as the largest needs; positions of the tokens with unusual code points (u32 each).
//! About 3 bytes per token.

use thiserror::Error;

use crate::object::{Header, Kind, ObjectBuilder, ObjectError, take_frame};
use crate::room::make_room;
use crate::segment::Segment;

const LENGTHS: u32 = 0;
const VOCABULARY: u32 = 1;
const ORDINALS: u32 = 2;
const UNUSUAL: u32 = 3;

/// A stream whose bytes no encoder could have written.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StreamError {
    /// A frame is damaged.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A frame is missing, or does not fit the others.
    #[error("impossible token stream: {0}")]
    Field(&'static str),
}

/// The stream of `segment` as an object in the memory of `bytes`, whose contents are lost;
/// `unusual` are ascending positions in the segment.
pub fn encode(segment: &Segment, unusual: &[u32], header: Header, bytes: Vec<u8>) -> Vec<u8> {
    debug_assert_eq!(header.kind, Kind::Tokens, "kind of a stream");
    let vocabulary = segment.vocabulary();
    let width = width_of(vocabulary.len());
    let room = (width + 1) * segment.tokens() + 8 * vocabulary.len();
    let mut builder = ObjectBuilder::in_memory(header, 1, room, bytes);
    let lengths = segment.ranges().map(|range| range.len() as u32);
    put(&mut builder, LENGTHS, lengths.map(u32::to_le_bytes));
    put(&mut builder, VOCABULARY, vocabulary.iter().map(|hash| hash.to_le_bytes()));
    builder.open_frame(ORDINALS);
    put_ordinals(segment.ordinals(), width, builder.payload());
    builder.close_frame();
    put(&mut builder, UNUSUAL, unusual.iter().map(|at| at.to_le_bytes()));
    builder.end_slice();
    builder.finish()
}

fn put<const N: usize>(
    builder: &mut ObjectBuilder,
    label: u32,
    items: impl Iterator<Item = [u8; N]>,
) {
    builder.open_frame(label);
    items.for_each(|item| builder.payload().extend_from_slice(&item));
    builder.close_frame();
}

/// Bytes of an ordinal below `vocabulary`.
fn width_of(vocabulary: usize) -> usize {
    let bits = usize::BITS - vocabulary.saturating_sub(1).leading_zeros();
    bits.div_ceil(8).max(1) as usize
}

fn put_ordinals(ordinals: &[u32], width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let end = start + width * ordinals.len();
    // Written four bytes at a time; what stands over is overwritten by the next or cut off.
    out.resize(end + 4, 0);
    let room = &mut out[start..];
    for (index, ordinal) in ordinals.iter().enumerate() {
        room[index * width..][..4].copy_from_slice(&ordinal.to_le_bytes());
    }
    out.truncate(end);
}

/// Reads the only slice of a stream back into `segment`, whose contents are lost, and into
/// `unusual`. Nothing can be pushed to the segment before it is cleared.
///
/// # Errors
/// If the slice is damaged or is none of a stream; the segment is then of no meaning.
pub fn decode(
    mut slice: &[u8],
    segment: &mut Segment,
    unusual: &mut Vec<u32>,
) -> Result<(), StreamError> {
    let mut frame = |label: u32| match take_frame(&mut slice)? {
        Some(frame) if frame.label == label => Ok(frame.payload),
        _ => Err(StreamError::Field("frames")),
    };
    let lengths = words(frame(LENGTHS)?, u32::from_le_bytes)?;
    let vocabulary = words(frame(VOCABULARY)?, u64::from_le_bytes)?;
    let ordinals = frame(ORDINALS)?;
    let positions = words(frame(UNUSUAL)?, u32::from_le_bytes)?;
    if !slice.is_empty() {
        return Err(StreamError::Field("bytes left over"));
    }
    let width = width_of(vocabulary.len());
    let expected = ordinals.len() / width;
    let is_whole = segment.restore(lengths, vocabulary, |out| take_ordinals(ordinals, width, out));
    if !is_whole || !ordinals.len().is_multiple_of(width) || segment.tokens() != expected {
        return Err(StreamError::Field("tokens"));
    }
    unusual.clear();
    unusual.extend(positions);
    let inside = unusual.last().is_none_or(|&last| (last as usize) < segment.tokens());
    let fits = inside && unusual.is_sorted_by(|a, b| a < b);
    fits.then_some(()).ok_or(StreamError::Field("unusual tokens"))
}

fn words<const N: usize, T>(
    payload: &[u8],
    word: fn([u8; N]) -> T,
) -> Result<impl ExactSizeIterator<Item = T>, StreamError> {
    let (words, rest) = payload.as_chunks::<N>();
    rest.is_empty()
        .then(|| words.iter().map(move |&bytes| word(bytes)))
        .ok_or(StreamError::Field("length of a frame"))
}

fn take_ordinals(bytes: &[u8], width: usize, out: &mut Vec<u32>) {
    match width {
        1 => take_narrow::<1>(bytes, out),
        2 => take_narrow::<2>(bytes, out),
        3 => take_narrow::<3>(bytes, out),
        _ => take_narrow::<4>(bytes, out),
    }
}

fn take_narrow<const WIDTH: usize>(bytes: &[u8], out: &mut Vec<u32>) {
    let (ordinals, _) = bytes.as_chunks::<WIDTH>();
    make_room(out, ordinals.len());
    out.extend(ordinals.iter().map(|ordinal| {
        let mut four = [0; 4];
        four[..WIDTH].copy_from_slice(ordinal);
        u32::from_le_bytes(four)
    }));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Words;
    use crate::object::Directory;
    use proptest::prelude::*;

    fn header() -> Header {
        Header { kind: Kind::Tokens, seed: 1, config: [2; 32], documents: 0, tokens: 0 }
    }

    fn slice(object: &[u8]) -> &[u8] {
        let range = Directory::parse(object, object.len() as u64).unwrap().range(0, 1);
        &object[range.start as usize..range.end as usize]
    }

    fn segment(texts: &[String]) -> Segment {
        let mut segment = Segment::default();
        texts.iter().for_each(|text| segment.push(text, &Words, 1));
        segment
    }

    proptest! {
        #[test]
        fn round_trip(texts in prop::collection::vec("[a-e漢 ]{0,30}|([a-z]{1,3} ){0,200}", 0..9), step in 1usize..5) {
            let segment = segment(&texts);
            let unusual: Vec<u32> = (0..segment.tokens() as u32).step_by(step).collect();
            let object = encode(&segment, &unusual, header(), vec![7; 100]);
            let (mut got, mut positions) = (Segment::default(), vec![9]);
            got.push("left over from before", &Words, 1);
            decode(slice(&object), &mut got, &mut positions).unwrap();
            prop_assert_eq!(got.hashes(), segment.hashes());
            prop_assert_eq!(got.ordinals(), segment.ordinals());
            prop_assert_eq!(got.vocabulary(), segment.vocabulary());
            prop_assert_eq!(got.ranges().collect::<Vec<_>>(), segment.ranges().collect::<Vec<_>>());
            prop_assert_eq!(positions, unusual);
        }
    }

    #[test]
    fn every_truncation_and_flipped_bit_is_refused() {
        let texts = ["a b c a".to_owned(), String::new(), "b \u{200b} d".to_owned()];
        let object = encode(&segment(&texts), &[5], header(), Vec::new());
        let slice = slice(&object);
        let decoded = |bytes: &[u8]| decode(bytes, &mut Segment::default(), &mut Vec::new());
        decoded(slice).unwrap();
        for end in 0..slice.len() {
            decoded(&slice[..end]).unwrap_err();
        }
        for bit in 0..8 * slice.len() {
            let mut flipped = slice.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            decoded(&flipped).unwrap_err();
        }
    }

    #[test]
    fn fields_that_do_not_fit_are_refused() {
        let whole = |lengths: &[u32], vocabulary: &[u64], ordinals: &[u8], unusual: &[u32]| {
            let mut builder = ObjectBuilder::new(header(), 1, 0);
            put(&mut builder, LENGTHS, lengths.iter().map(|n| n.to_le_bytes()));
            put(&mut builder, VOCABULARY, vocabulary.iter().map(|n| n.to_le_bytes()));
            builder.frame(ORDINALS, ordinals);
            put(&mut builder, UNUSUAL, unusual.iter().map(|n| n.to_le_bytes()));
            builder.end_slice();
            let object = builder.finish();
            decode(slice(&object), &mut Segment::default(), &mut Vec::new())
        };
        whole(&[1, 1], &[5, 6], &[0, 1], &[1]).unwrap();
        whole(&[1, 2], &[5, 6], &[0, 1], &[]).unwrap_err();
        whole(&[u32::MAX, 3], &[5, 6], &[0, 1], &[]).unwrap_err();
        whole(&[1, 1], &[5, 6], &[0, 2], &[]).unwrap_err();
        whole(&[1, 1], &[5, 6], &[0, 1], &[2]).unwrap_err();
        whole(&[1, 1], &[5, 6], &[0, 1], &[1, 0]).unwrap_err();
        whole(&[0; Segment::MAX_DOCUMENTS + 1], &[], &[], &[]).unwrap_err();
    }
}
