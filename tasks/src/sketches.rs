//! The sketches of a unit's documents: an object of one slice with two frames, one byte per document that says whether it
//! has a sketch, and the sketches of those that have.
//!
//! An object of its own beside the documents table: the corpus is the same however documents are compared.

use taster_ngrams::object::{Header, Kind, ObjectBuilder, take_frame};
use taster_ngrams::sketch::{BINS, PIECE, Sketch, sketch};
use taster_ngrams::{Fingerprinter, Segment};

use crate::TaskError;
use crate::count::CountReceipt;
use crate::error::InObject;
use crate::workspace::Workspace;

const PRESENT: u32 = 0;
const SKETCHES: u32 = 1;

/// A sketch per document of a unit; `None` for what is too short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sketches(pub Vec<Option<Sketch>>);

impl Sketches {
    /// Adds the documents of a segment; `fingerprinter` has been started with it.
    pub(crate) fn push(&mut self, segment: &Segment, fingerprinter: &Fingerprinter) {
        let (ngrams, mut pieces) = (fingerprinter.of(PIECE), Vec::new());
        self.0.extend(segment.ngram_ranges(PIECE).map(|range| {
            pieces.clear();
            ngrams.append(range, &mut pieces);
            sketch(&pieces)
        }));
    }

    pub(crate) fn encode(&self, header: Header) -> Vec<u8> {
        let bytes: Vec<u8> = self.0.iter().flatten().flat_map(|sketch| sketch.0).collect();
        let present: Vec<u8> = self.0.iter().map(|sketch| u8::from(sketch.is_some())).collect();
        let mut builder = ObjectBuilder::new(header, 1, bytes.len() + present.len() + 32);
        builder.frame(PRESENT, &present);
        builder.frame(SKETCHES, &bytes);
        builder.end_slice();
        builder.finish()
    }

    /// Reads the sketches back from the object's only slice.
    pub(crate) fn decode(mut slice: &[u8], key: &str) -> Result<Self, TaskError> {
        let damaged = |what: &str| TaskError::damaged(key, what.to_owned());
        let present = take_frame(&mut slice).in_object(key)?;
        let sketches = take_frame(&mut slice).in_object(key)?;
        let (Some(present), Some(sketches)) = (present, sketches) else {
            return Err(damaged("expected two frames"));
        };
        let (bytes, rest) = sketches.payload.as_chunks::<BINS>();
        let count = present.payload.iter().filter(|&&flag| flag != 0).count();
        if count != bytes.len() || !rest.is_empty() {
            return Err(damaged("expected a sketch for each document that has one"));
        }
        let mut next = bytes.iter().map(|bytes| Sketch(*bytes));
        let document = |&flag: &u8| if flag == 0 { None } else { next.next() };
        Ok(Self(present.payload.iter().map(document).collect()))
    }

    /// That there is an entry for each of a unit's `rows` documents: one less, and all others would
    /// be those of their neighbours.
    pub(crate) fn check(&self, rows: usize, receipt: &CountReceipt) -> Result<(), TaskError> {
        if self.0.len() == rows {
            return Ok(());
        }
        let key = receipt.sketches.as_ref().map_or("sketches", |output| output.key.as_str());
        let what = format!("expected sketches of {rows} documents, got {}", self.0.len());
        Err(TaskError::damaged(key, what))
    }

    /// Those of a counted unit; none of a quarantined one.
    pub(crate) fn read(workspace: &Workspace, receipt: &CountReceipt) -> Result<Self, TaskError> {
        let Some(output) = &receipt.sketches else {
            return Ok(Self::default());
        };
        let opened = workspace.open(&output.key, Kind::Sketches, 1, output.bytes)?;
        Self::decode(&workspace.slices(&opened, 0, 1)?, &output.key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use taster_ngrams::Words;
    use taster_ngrams::object::Directory;

    #[test]
    fn round_trip_and_damage() {
        let mut segment = Segment::default();
        let long: String = (0..90).map(|word| format!("w{word} ")).collect();
        for text in ["too short", &long, "", &long] {
            segment.push(text, &Words, 1);
        }
        let (mut sketches, mut fingerprinter) = (Sketches::default(), Fingerprinter::default());
        fingerprinter.restart(segment.hashes());
        sketches.push(&segment, &fingerprinter);
        assert_eq!(sketches.0[1], sketches.0[3]);
        assert_eq!((sketches.0[0], sketches.0[2]), (None, None));
        let receipt = CountReceipt::default();
        assert!(sketches.check(4, &receipt).is_ok());
        let refused = sketches.check(5, &receipt).unwrap_err().to_string();
        assert!(refused.contains("expected sketches of 5 documents, got 4"), "{refused}");
        let header =
            Header { kind: Kind::Sketches, seed: 1, config: [0; 32], documents: 4, tokens: 182 };
        let bytes = sketches.encode(header);
        let directory = Directory::parse(&bytes, bytes.len() as u64).unwrap();
        let range = directory.range(0, 1);
        let slice = &bytes[range.start as usize..range.end as usize];
        assert_eq!(Sketches::decode(slice, "s").unwrap(), sketches);
        for end in 0..slice.len() {
            assert!(Sketches::decode(&slice[..end], "s").is_err(), "{end}");
        }
    }
}
