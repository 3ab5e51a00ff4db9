//! Frames: the checked pieces that the slices of an object consist of.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::object::ObjectError;

/// Bytes before the payload: its length, the label, the checksum.
pub(crate) const FRAME: usize = 16;

pub(crate) fn frame_checksum(label: u32, payload: &[u8]) -> u64 {
    xxh3_64_with_seed(payload, u64::from(label) << 32 | payload.len() as u64)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

/// A verified frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub label: u32,
    /// The payload, checked against its checksum.
    pub payload: &'a [u8],
}

/// Takes one frame off the front of a slice; `None` at its end.
///
/// # Errors
/// If the bytes are not an intact frame.
pub fn take_frame<'a>(slice: &mut &'a [u8]) -> Result<Option<Frame<'a>>, ObjectError> {
    if slice.is_empty() {
        return Ok(None);
    }
    let short = |expected: usize, got: usize| {
        Err(ObjectError::Length { what: "frame", expected: expected as u64, got: got as u64 })
    };
    if slice.len() < FRAME {
        return short(FRAME, slice.len());
    }
    let length = u32_at(slice, 0) as usize;
    let (label, expected) = (u32_at(slice, 4), u64_at(slice, 8));
    let rest = &slice[FRAME..];
    if rest.len() < length {
        return short(length, rest.len());
    }
    let (payload, rest) = rest.split_at(length);
    let got = frame_checksum(label, payload);
    if expected != got {
        return Err(ObjectError::Checksum { what: "frame", expected, got });
    }
    *slice = rest;
    Ok(Some(Frame { label, payload }))
}
