//! Sorted chunks of table rows and their merge: the external sort of `taster ngrams`.
//!
//! A row is: length of the n-gram (u32), the n-gram, locality (u32), df (u64), cf (u64).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use taster_storage::Store;

use crate::TaskError;

/// Bytes of a chunk that are read at once.
const WINDOW_BYTES: u64 = 256 << 10;

/// One row, ordered by n-gram bytes, then locality.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub ngram: Vec<u8>,
    pub locality: u32,
    pub df: u64,
    pub cf: u64,
}

impl Row {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.ngram.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.ngram);
        out.extend_from_slice(&self.locality.to_le_bytes());
        out.extend_from_slice(&self.df.to_le_bytes());
        out.extend_from_slice(&self.cf.to_le_bytes());
    }

    /// The row at the front of `bytes` and its length; `None` if it is not all there.
    fn take(bytes: &[u8]) -> Option<(Self, usize)> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (ngram, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (locality, rest) = rest.split_first_chunk::<4>()?;
        let (df, rest) = rest.split_first_chunk::<8>()?;
        let (cf, _) = rest.split_first_chunk::<8>()?;
        let row = Self {
            ngram: ngram.to_vec(),
            locality: u32::from_le_bytes(*locality),
            df: u64::from_le_bytes(*df),
            cf: u64::from_le_bytes(*cf),
        };
        Some((row, 24 + ngram.len()))
    }
}

/// Reads a chunk window by window.
struct Cursor<'a> {
    store: &'a Store,
    key: &'a str,
    size: u64,
    /// Bytes of the chunk that are in `window` or were used up.
    fetched: u64,
    window: Vec<u8>,
    at: usize,
}

impl Cursor<'_> {
    fn next(&mut self) -> Result<Option<Row>, TaskError> {
        loop {
            if let Some((row, length)) = Row::take(&self.window[self.at..]) {
                self.at += length;
                return Ok(Some(row));
            }
            if self.fetched == self.size {
                let rest = self.window.len() - self.at;
                let cut = || {
                    TaskError::damaged(
                        self.key,
                        format!("expected whole rows, got {rest} bytes at the end"),
                    )
                };
                return if rest == 0 { Ok(None) } else { Err(cut()) };
            }
            let end = (self.fetched + WINDOW_BYTES).min(self.size);
            let more = self.store.get_range(self.key, self.fetched..end)?;
            self.window.drain(..self.at);
            self.window.extend_from_slice(&more);
            (self.at, self.fetched) = (0, end);
        }
    }
}

/// Calls `each` for the rows of all sorted chunks in order; rows of the same n-gram and locality
/// are added up.
///
/// Memory: one window per chunk.
pub(crate) fn merge_chunks(
    store: &Store,
    chunks: &[(String, u64)],
    mut each: impl FnMut(Row) -> Result<(), TaskError>,
) -> Result<(), TaskError> {
    let mut cursors: Vec<Cursor<'_>> = chunks
        .iter()
        .map(|(key, size)| Cursor {
            store,
            key,
            size: *size,
            fetched: 0,
            window: Vec::new(),
            at: 0,
        })
        .collect();
    let mut heap = BinaryHeap::new();
    for (index, cursor) in cursors.iter_mut().enumerate() {
        heap.extend(cursor.next()?.map(|row| Reverse((row, index))));
    }
    let mut open: Option<Row> = None;
    while let Some(Reverse((row, index))) = heap.pop() {
        heap.extend(cursors[index].next()?.map(|row| Reverse((row, index))));
        match &mut open {
            Some(sum) if sum.ngram == row.ngram && sum.locality == row.locality => {
                sum.df += row.df;
                sum.cf += row.cf;
            }
            _ => {
                if let Some(done) = open.replace(row) {
                    each(done)?;
                }
            }
        }
    }
    open.map_or(Ok(()), each)
}
