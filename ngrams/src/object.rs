//! Objects: the stored form of runs. A header names what the bytes are and where each slice
//! starts; slices consist of frames; everything is covered by a checksum.
//!
//! ```text
//! magic "TASTERUN" · format u32 · header length u32 · kind u32 · seed u64 · config 32 bytes
//! documents u64 · tokens u64 · slices u32 · slice offsets u64 × (slices + 1) · checksum u64
//! frames: payload length u32 · label u32 · checksum u64 · payload
//! ```
//!
//! All integers are little-endian, checksums are XXH3-64. The last slice offset is the object's
//! length, so that a truncated object is refused by its size alone. A reader who wants one slice
//! reads the header and that slice, nothing else.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::frame::{FRAME, frame_checksum, u32_at, u64_at};
pub use crate::frame::{Frame, take_frame};
use crate::room::make_room;

/// Version of the layout; readers refuse any other.
pub const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"TASTERUN";
const FIXED: usize = 8 + 4 + 4 + 4 + 8 + 32 + 8 + 8 + 4;
const MAX_SLICES: usize = 1 << 20;

/// What an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Fingerprints of a segment with df and cf (count wave); a slice is a fingerprint range.
    Count = 1,
    /// Fingerprints that matter with global df (screen wave); a slice is a run.
    Screened = 2,
    /// Postings of screened n-grams (context wave); a slice is a fingerprint range.
    Context = 3,
    /// Rows, digests and axis values of a unit's documents (count wave); one slice.
    Documents = 4,
    /// Tokens of a segment (count wave); one slice.
    Tokens = 5,
    /// Sketches of a unit's documents (count wave); one slice.
    Sketches = 6,
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the object holds.
    pub kind: Kind,
    /// Seed of its fingerprints.
    pub seed: u64,
    /// Digest of the parameters under which it was made; objects of different ones never mix.
    pub config: [u8; 32],
    /// Documents behind the object.
    pub documents: u64,
    /// Tokens behind the object.
    pub tokens: u64,
}

/// An object that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ObjectError {
    /// Not an object of this program.
    #[error("expected magic \"TASTERUN\", got {0:02x?}")]
    Magic(Vec<u8>),
    /// Written by another version.
    #[error("expected format {FORMAT}, got {0}")]
    Format(u32),
    /// The header is for other contents than asked for.
    #[error("expected {field} {expected}, got {got}")]
    Mismatch {
        /// Which field.
        field: &'static str,
        /// What the reader needs.
        expected: String,
        /// What the header says.
        got: String,
    },
    /// Bytes are missing or left over.
    #[error("expected {expected} bytes of {what}, got {got}")]
    Length {
        /// Of what.
        what: &'static str,
        /// Bytes needed.
        expected: u64,
        /// Bytes present.
        got: u64,
    },
    /// The checksum does not fit the bytes.
    #[error("checksum of {what} does not match: expected {expected:016x}, got {got:016x}")]
    Checksum {
        /// Of what.
        what: &'static str,
        /// As stored.
        expected: u64,
        /// As computed.
        got: u64,
    },
    /// The slice offsets do not ascend.
    #[error("slice offsets do not ascend from the header's end to the object's end")]
    Offsets,
}

/// Builds an object slice by slice.
#[derive(Debug)]
pub struct ObjectBuilder {
    header: Header,
    bytes: Vec<u8>,
    offsets: Vec<u64>,
    frame_start: usize,
}

impl ObjectBuilder {
    /// An object that will have exactly `slices` slices; room for `capacity` bytes of frames is
    /// reserved.
    #[must_use]
    pub fn new(header: Header, slices: usize, capacity: usize) -> Self {
        Self::in_memory(header, slices, capacity, Vec::new())
    }

    /// The same, in the memory of `bytes`, whose contents are lost.
    #[must_use]
    pub fn in_memory(header: Header, slices: usize, capacity: usize, mut bytes: Vec<u8>) -> Self {
        let length = header_length(slices);
        make_room(&mut bytes, length + capacity);
        bytes.resize(length, 0);
        Self { header, bytes, offsets: vec![length as u64], frame_start: length }
    }

    /// Appends a frame to the open slice; `label` says what the payload is.
    pub fn frame(&mut self, label: u32, payload: &[u8]) {
        self.open_frame(label);
        self.bytes.extend_from_slice(payload);
        self.close_frame();
    }

    /// Begins a frame in the open slice, whose payload is appended to [`Self::payload`] until
    /// [`Self::close_frame`].
    pub fn open_frame(&mut self, label: u32) {
        self.frame_start = self.bytes.len();
        let mut head = [0; FRAME];
        head[4..8].copy_from_slice(&label.to_le_bytes());
        self.bytes.extend_from_slice(&head);
    }

    /// Where the payload of the frame begun last is appended; nothing else may be done to it.
    pub fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends the frame begun last.
    pub fn close_frame(&mut self) {
        let (head, payload) = self.bytes[self.frame_start..].split_at_mut(FRAME);
        let checksum = frame_checksum(u32_at(head, 4), payload);
        head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        head[8..].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Closes the open slice and opens the next.
    pub fn end_slice(&mut self) {
        self.offsets.push(self.bytes.len() as u64);
    }

    /// The object's bytes. Every slice announced at the start must have been closed.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let length = header_length(self.offsets.len() - 1);
        debug_assert_eq!(self.offsets.first(), Some(&(length as u64)), "all slices are closed");
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&(length as u32).to_le_bytes());
        out.extend_from_slice(&(self.header.kind as u32).to_le_bytes());
        out.extend_from_slice(&self.header.seed.to_le_bytes());
        out.extend_from_slice(&self.header.config);
        out.extend_from_slice(&self.header.documents.to_le_bytes());
        out.extend_from_slice(&self.header.tokens.to_le_bytes());
        out.extend_from_slice(&(self.offsets.len() as u32 - 1).to_le_bytes());
        for offset in &self.offsets {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        let checksum = xxh3_64_with_seed(&out, 0);
        out.extend_from_slice(&checksum.to_le_bytes());
        self.bytes[..length].copy_from_slice(&out);
        self.bytes
    }
}

/// Bytes of a header with this many slices: what a reader fetches first.
#[must_use]
pub fn header_length(slices: usize) -> usize {
    FIXED + 8 * (slices + 1) + 8
}

/// A parsed header with its slice table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// What the header says.
    pub header: Header,
    offsets: Vec<u64>,
}

impl Directory {
    /// Parses the header at the front of `bytes`. `object_bytes` is the size of the whole object.
    ///
    /// # Errors
    /// If the bytes are not an intact header of an object of that size.
    pub fn parse(bytes: &[u8], object_bytes: u64) -> Result<Self, ObjectError> {
        let length = checked_length(bytes)?;
        let head = &bytes[..length];
        let (head, stored) = head.split_at(length - 8);
        let (expected, got) = (u64_at(stored, 0), xxh3_64_with_seed(head, 0));
        if expected != got {
            return Err(ObjectError::Checksum { what: "header", expected, got });
        }
        let directory = Self { header: parse_fields(head)?, offsets: parse_offsets(head) };
        directory.check(length as u64, object_bytes)?;
        Ok(directory)
    }

    fn check(&self, header_bytes: u64, object_bytes: u64) -> Result<(), ObjectError> {
        let ascending = self.offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if !ascending || self.offsets.first() != Some(&header_bytes) {
            return Err(ObjectError::Offsets);
        }
        let expected = self.offsets.last().copied().unwrap_or(header_bytes);
        if expected != object_bytes {
            return Err(ObjectError::Length { what: "object", expected, got: object_bytes });
        }
        Ok(())
    }

    /// Refuses an object of another kind, seed or configuration.
    ///
    /// # Errors
    /// Names the first field that differs.
    pub fn expect(&self, kind: Kind, seed: u64, config: &[u8; 32]) -> Result<(), ObjectError> {
        let header = &self.header;
        let mismatch = |field, expected, got| Err(ObjectError::Mismatch { field, expected, got });
        if header.kind != kind {
            return mismatch("kind", format!("{kind:?}"), format!("{:?}", header.kind));
        }
        if header.seed != seed {
            return mismatch("seed", seed.to_string(), header.seed.to_string());
        }
        if header.config != *config {
            return mismatch(
                "configuration",
                format!("{config:02x?}"),
                format!("{:02x?}", header.config),
            );
        }
        Ok(())
    }

    /// Number of slices.
    #[must_use]
    pub fn slices(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Byte range of the slices `from..to` in the object.
    #[must_use]
    pub fn range(&self, from: usize, to: usize) -> std::ops::Range<u64> {
        self.offsets[from]..self.offsets[to]
    }
}

/// The header's length, after checking magic, version and that all of it is there.
fn checked_length(bytes: &[u8]) -> Result<usize, ObjectError> {
    let got = bytes.len() as u64;
    let short =
        |expected: usize| ObjectError::Length { what: "header", expected: expected as u64, got };
    if bytes.len() < 16 {
        return Err(short(16));
    }
    if bytes[..8] != MAGIC {
        return Err(ObjectError::Magic(bytes[..8].to_vec()));
    }
    let format = u32_at(bytes, 8);
    if format != FORMAT {
        return Err(ObjectError::Format(format));
    }
    let length = u32_at(bytes, 12) as usize;
    let slices = length.wrapping_sub(header_length(0)) / 8;
    if length < header_length(0) || slices > MAX_SLICES || header_length(slices) != length {
        return Err(ObjectError::Offsets);
    }
    if bytes.len() < length {
        return Err(short(length));
    }
    if u32_at(bytes, FIXED - 4) as usize != slices {
        return Err(ObjectError::Offsets);
    }
    Ok(length)
}

fn parse_fields(head: &[u8]) -> Result<Header, ObjectError> {
    let kind = match u32_at(head, 16) {
        1 => Kind::Count,
        2 => Kind::Screened,
        3 => Kind::Context,
        4 => Kind::Documents,
        5 => Kind::Tokens,
        6 => Kind::Sketches,
        other => {
            let expected = "1 to 6".to_owned();
            return Err(ObjectError::Mismatch { field: "kind", expected, got: other.to_string() });
        }
    };
    let mut config = [0; 32];
    config.copy_from_slice(&head[28..60]);
    let (documents, tokens) = (u64_at(head, 60), u64_at(head, 68));
    Ok(Header { kind, seed: u64_at(head, 20), config, documents, tokens })
}

fn parse_offsets(head: &[u8]) -> Vec<u64> {
    let (chunks, _) = head[FIXED..].as_chunks::<8>();
    chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header { kind: Kind::Count, seed: 9, config: [7; 32], documents: 3, tokens: 40 }
    }

    fn build(slices: &[Vec<(u32, Vec<u8>)>]) -> Vec<u8> {
        let mut builder = ObjectBuilder::new(header(), slices.len(), 0);
        for slice in slices {
            for (label, payload) in slice {
                builder.frame(*label, payload);
            }
            builder.end_slice();
        }
        builder.finish()
    }

    /// The frames of one slice.
    type Labelled = Vec<(u32, Vec<u8>)>;

    fn read(bytes: &[u8]) -> Result<Vec<Labelled>, ObjectError> {
        let directory = Directory::parse(bytes, bytes.len() as u64)?;
        directory.expect(Kind::Count, 9, &[7; 32])?;
        let slice = |i: usize| {
            let range = directory.range(i, i + 1);
            let mut rest = &bytes[range.start as usize..range.end as usize];
            let mut frames = Vec::new();
            while let Some(frame) = take_frame(&mut rest)? {
                frames.push((frame.label, frame.payload.to_vec()));
            }
            Ok(frames)
        };
        (0..directory.slices()).map(slice).collect()
    }

    fn slices() -> impl Strategy<Value = Vec<Vec<(u32, Vec<u8>)>>> {
        let frame = (any::<u32>(), prop::collection::vec(any::<u8>(), 0..20));
        prop::collection::vec(prop::collection::vec(frame, 0..4), 0..5)
    }

    proptest! {
        #[test]
        fn round_trip(slices in slices()) {
            prop_assert_eq!(read(&build(&slices)).unwrap(), slices);
        }

        #[test]
        fn every_truncation_and_every_bit_flip_is_refused(slices in slices()) {
            let bytes = build(&slices);
            for end in 0..bytes.len() {
                prop_assert!(read(&bytes[..end]).is_err(), "truncated to {}", end);
            }
            for bit in 0..8 * bytes.len() {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(read(&flipped).is_err(), "bit {} flipped", bit);
            }
        }
    }

    #[test]
    fn other_configurations_are_refused() {
        let bytes = build(&[]);
        let directory = Directory::parse(&bytes, bytes.len() as u64).unwrap();
        assert!(directory.expect(Kind::Context, 9, &[7; 32]).is_err());
        assert!(directory.expect(Kind::Count, 8, &[7; 32]).is_err());
        assert!(directory.expect(Kind::Count, 9, &[6; 32]).is_err());
    }
}
