//! Slices of objects, read into memory that the next task uses again.

use taster_storage::Piece;

use crate::TaskError;
use crate::memory::Lent;
use crate::workspace::{Opened, Workspace};

/// The bytes of some slices of some objects.
#[derive(Debug)]
pub(crate) struct Slices<'a> {
    /// As long as was ever needed: filling more with zeros would cost as much as reading it.
    bytes: Lent<'a, Vec<u8>>,
    /// Where those of each object end.
    ends: Vec<usize>,
}

impl<'a> Slices<'a> {
    /// Reads the slices `from..to` of every object.
    pub(crate) fn read<'o>(
        workspace: &'a Workspace,
        objects: impl Iterator<Item = &'o Opened> + Clone,
        from: usize,
        to: usize,
    ) -> Result<Self, TaskError> {
        let mut bytes = workspace.memory.slices.lend();
        let mut end = 0;
        let ends = objects.clone().map(|object| {
            let range = object.directory.range(from, to);
            end += (range.end - range.start) as usize;
            end
        });
        let ends: Vec<usize> = ends.collect();
        if bytes.len() < end {
            bytes.clear();
            bytes.resize(end, 0);
        }
        let (mut rest, mut start) = (&mut bytes[..end], 0);
        let mut pieces = Vec::with_capacity(ends.len());
        for (object, &end) in objects.zip(&ends) {
            let (bytes, after) = rest.split_at_mut(end - start);
            if !bytes.is_empty() {
                let first = object.directory.range(from, to).start;
                pieces.push(Piece { key: &object.key, start: first, bytes });
            }
            (rest, start) = (after, end);
        }
        workspace.store.read_pieces(pieces)?;
        Ok(Self { bytes, ends })
    }

    /// The bytes of every object, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| &self.bytes[std::mem::replace(&mut start, end)..end])
    }
}
