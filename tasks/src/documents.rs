//! The documents table of a unit: row, content digest and axis values of every document.
//!
//! An object of one slice with these frames: rows (u64 each), digests (32 bytes each), and per
//! axis a dictionary (JSON list of distinct values, sorted) and one dictionary index per document
//! (u32, [`NO_VALUE`] for none).

use std::collections::BTreeMap;

use taster_ngrams::object::{Header, ObjectBuilder, take_frame};

use crate::TaskError;
use crate::error::InObject;

/// Index of a document without a value on an axis.
pub(crate) const NO_VALUE: u32 = u32::MAX;

const ROWS: u32 = 0;
const DIGESTS: u32 = 1;
const AXES: u32 = 2;

/// Documents of one unit in row order; documents are the rows with a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DocumentsTable {
    /// Row in the shard.
    pub rows: Vec<u64>,
    /// BLAKE3 of the text as it was read.
    pub digests: Vec<[u8; 32]>,
    /// One column per axis of the manifest.
    pub axes: Vec<AxisColumn>,
}

/// Values of one axis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AxisColumn {
    /// Distinct values, sorted.
    pub values: Vec<String>,
    /// Index into `values` per document.
    pub indices: Vec<u32>,
}

impl AxisColumn {
    /// Of every value the documents that have it: those that are canonical, a flag per document, and all.
    pub(crate) fn sizes(&self, canonical: &[bool]) -> Vec<(u64, u64)> {
        let mut sizes = vec![(0, 0); self.values.len()];
        for (&index, &is_canonical) in self.indices.iter().zip(canonical) {
            if index != NO_VALUE {
                let (own, all): &mut (u64, u64) = &mut sizes[index as usize];
                *own += u64::from(is_canonical);
                *all += 1;
            }
        }
        sizes
    }
}

/// Collects a documents table row by row.
#[derive(Debug, Default)]
pub(crate) struct DocumentsBuilder {
    rows: Vec<u64>,
    digests: Vec<[u8; 32]>,
    axes: Vec<(BTreeMap<String, u32>, Vec<u32>)>,
}

impl DocumentsBuilder {
    pub(crate) fn new(axes: usize) -> Self {
        Self { axes: vec![Default::default(); axes], ..Self::default() }
    }

    pub(crate) fn push<'a>(
        &mut self,
        row: u64,
        text: &str,
        axis: impl Fn(usize) -> Option<&'a str>,
    ) {
        self.rows.push(row);
        self.digests.push(*blake3::hash(text.as_bytes()).as_bytes());
        for (ordinal, (seen, indices)) in self.axes.iter_mut().enumerate() {
            let next = seen.len() as u32;
            indices.push(match axis(ordinal) {
                None => NO_VALUE,
                Some(value) => match seen.get(value) {
                    Some(&index) => index,
                    None => *seen.entry(value.to_owned()).or_insert(next),
                },
            });
        }
    }

    /// The table, its dictionaries sorted.
    pub(crate) fn finish(self) -> DocumentsTable {
        let axes = self.axes.into_iter().map(|(seen, indices)| sorted_column(seen, indices));
        DocumentsTable { rows: self.rows, digests: self.digests, axes: axes.collect() }
    }
}

fn sorted_column(seen: BTreeMap<String, u32>, mut indices: Vec<u32>) -> AxisColumn {
    let mut place = vec![0; seen.len()];
    for (sorted, &met) in seen.values().enumerate() {
        place[met as usize] = sorted as u32;
    }
    for index in indices.iter_mut().filter(|index| **index != NO_VALUE) {
        *index = place[*index as usize];
    }
    AxisColumn { values: seen.into_keys().collect(), indices }
}

impl DocumentsTable {
    /// The table as an object.
    pub(crate) fn encode(&self, header: Header) -> Result<Vec<u8>, TaskError> {
        let mut builder = ObjectBuilder::new(header, 1, 0);
        let rows: Vec<u8> = self.rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        builder.frame(ROWS, &rows);
        builder.frame(DIGESTS, self.digests.as_flattened());
        for axis in &self.axes {
            let values = serde_json::to_vec(&axis.values).in_object("documents table")?;
            builder.frame(AXES, &values);
            let indices: Vec<u8> = axis.indices.iter().flat_map(|i| i.to_le_bytes()).collect();
            builder.frame(AXES, &indices);
        }
        builder.end_slice();
        Ok(builder.finish())
    }

    /// Reads the table back from the object's only slice.
    pub(crate) fn decode(mut slice: &[u8], key: &str) -> Result<Self, TaskError> {
        let mut table = Self::default();
        let mut values = None;
        while let Some(frame) = take_frame(&mut slice).in_object(key)? {
            match (frame.label, values.take()) {
                (ROWS, _) => table.rows = words(frame.payload).map(u64::from_le_bytes).collect(),
                (DIGESTS, _) => table.digests = words(frame.payload).collect(),
                (_, None) => values = Some(serde_json::from_slice(frame.payload).in_object(key)?),
                (_, Some(values)) => {
                    let indices = words(frame.payload).map(u32::from_le_bytes).collect();
                    table.axes.push(AxisColumn { values, indices });
                }
            }
        }
        table.check(key)?;
        Ok(table)
    }

    fn check(&self, key: &str) -> Result<(), TaskError> {
        let documents = self.rows.len();
        let fits = |axis: &AxisColumn| {
            let known = |&index: &u32| index == NO_VALUE || (index as usize) < axis.values.len();
            axis.indices.len() == documents && axis.indices.iter().all(known)
        };
        if self.digests.len() == documents && self.axes.iter().all(fits) {
            return Ok(());
        }
        Err(TaskError::damaged(key, "columns of different lengths or unknown indices"))
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use taster_ngrams::object::{Directory, Kind};

    #[test]
    fn round_trip_with_sorted_dictionaries() {
        let mut builder = DocumentsBuilder::new(2);
        let rows = [(0, "b", Some("z")), (2, "a", Some("y")), (3, "b", None)];
        for (row, text, host) in rows {
            builder.push(row, text, |axis| if axis == 0 { Some("k") } else { host });
        }
        let table = builder.finish();
        assert_eq!(table.axes[1].values, ["y", "z"]);
        assert_eq!(table.axes[1].indices, [1, 0, NO_VALUE]);
        assert_eq!(table.axes[1].sizes(&[true, false, true]), [(0, 1), (1, 1)]);
        assert_eq!(table.digests[0], table.digests[2]);
        let header =
            Header { kind: Kind::Documents, seed: 1, config: [0; 32], documents: 3, tokens: 0 };
        let bytes = table.encode(header).unwrap();
        let directory = Directory::parse(&bytes, bytes.len() as u64).unwrap();
        let range = directory.range(0, 1);
        let slice = &bytes[range.start as usize..range.end as usize];
        assert_eq!(DocumentsTable::decode(slice, "t").unwrap(), table);
    }
}
