//! Documents of a shard, decoded batch by batch.
//!
//! Whatever a file claims, memory is bounded by the largest page allowed (times a small number)
//! for each column, text by [`Limits::expansion_allowance_bytes`] and
//! [`Limits::expansion_ratio`], and time by the rows that the footer states.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection};
use parquet::file::metadata::ParquetMetaData;
use taster_planning::{Limits, QuarantineReason, ShardEntry};

use crate::ahead::ReadAhead;
use crate::batch::{DocumentBatch, Rows};
use crate::chunks::Fault;
use crate::contained::contained;
use crate::layout::Layout;
use crate::object::{Pinned, Version};
use crate::pages::{Group, Meter};
use crate::{Overlay, ReadError, Sources, footer, overlay, traffic};

/// Text that a batch is meant to hold: it stays in cache while it is worked on.
const BATCH_BYTES: u64 = 1 << 20;
/// Most documents of a batch.
const BATCH_ROWS_MAX: u64 = 256;

/// What is decoded besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Want {
    /// The columns that axes come from.
    pub axes: bool,
    /// The id column.
    pub ids: bool,
}

/// Documents in row order. Memory does not depend on the size of the shard.
pub struct DocumentStream {
    reader: ShardReader,
    groups: VecDeque<GroupRows>,
    current: Option<OpenGroup>,
}

/// What all row groups of a shard share.
struct ShardReader {
    key: Arc<str>,
    object: Arc<Pinned>,
    ahead: Arc<ReadAhead>,
    metadata: Arc<ParquetMetaData>,
    layout: Layout,
    overlay: Option<Arc<dyn Overlay>>,
    limits: Limits,
    /// Text that one row group may decode to.
    budget_bytes: u64,
}

/// Rows of one row group that are wanted.
struct GroupRows {
    ord: usize,
    /// Row of the shard at which the group begins.
    first_row: u64,
    /// Rows of the shard, sorted; `None` for all.
    listed: Option<Vec<u64>>,
}

impl Sources {
    /// All documents of the row groups `row_groups` of the shard with ordinal `shard_ord`.
    ///
    /// # Errors
    /// [`ReadError::Shard`] if the shard is not what was planned or cannot be decoded. Each row
    /// group may decode to `expansion_allowance_bytes + expansion_ratio · size of the shard`
    /// bytes of text, which depends on the shard alone and not on how it is cut into units.
    pub fn documents(
        &self,
        shard_ord: u32,
        shard: &ShardEntry,
        row_groups: Range<u32>,
        want: Want,
        limits: &Limits,
    ) -> Result<DocumentStream, ReadError> {
        let mut groups = group_starts(shard);
        groups.retain(|group| row_groups.contains(&(group.ord as u32)));
        self.stream(shard_ord, shard, groups, want, limits)
    }

    /// The documents at `rows` of the shard, which are sorted and distinct. Only pages that hold
    /// them are decoded.
    ///
    /// # Errors
    /// As for [`Sources::documents`]; a row that the shard does not have is
    /// [`QuarantineReason::Changed`].
    pub fn rows(
        &self,
        shard_ord: u32,
        shard: &ShardEntry,
        rows: &[u64],
        want: Want,
        limits: &Limits,
    ) -> Result<DocumentStream, ReadError> {
        if !rows.is_sorted_by(|a, b| a < b) || rows.last().is_some_and(|row| *row >= shard.rows) {
            return Err(ReadError::changed(&shard.key));
        }
        let mut groups = group_starts(shard);
        for group in &mut groups {
            let end =
                shard.row_groups.get(group.ord).map_or(0, |entry| group.first_row + entry.rows);
            let first = rows.partition_point(|row| *row < group.first_row);
            let last = rows.partition_point(|row| *row < end);
            group.listed = Some(rows.get(first..last).unwrap_or_default().to_vec());
        }
        groups.retain(|group| group.listed.as_ref().is_some_and(|rows| !rows.is_empty()));
        self.stream(shard_ord, shard, groups, want, limits)
    }

    fn stream(
        &self,
        shard_ord: u32,
        shard: &ShardEntry,
        groups: VecDeque<GroupRows>,
        want: Want,
        limits: &Limits,
    ) -> Result<DocumentStream, ReadError> {
        if let Some(quarantine) = &shard.quarantine {
            return Err(ReadError::Shard(quarantine.clone()));
        }
        let reader = ShardReader::open(self, shard_ord, shard, want, limits)?;
        Ok(DocumentStream { reader, groups, current: None })
    }
}

fn group_starts(shard: &ShardEntry) -> VecDeque<GroupRows> {
    let mut first_row = 0;
    let mut groups = VecDeque::with_capacity(shard.row_groups.len());
    for (ord, entry) in shard.row_groups.iter().enumerate() {
        groups.push_back(GroupRows { ord, first_row, listed: None });
        first_row += entry.rows;
    }
    groups
}

impl ShardReader {
    fn open(
        sources: &Sources,
        shard_ord: u32,
        shard: &ShardEntry,
        want: Want,
        limits: &Limits,
    ) -> Result<Self, ReadError> {
        let place = sources.place(shard_ord)?;
        let version = Version { size: shard.size, etag: shard.etag.clone() };
        let object = Pinned::open(&shard.key, place, &version, sources.runtime())?;
        let metadata = footer::read(&object, limits)?;
        check_plan(shard, &metadata)?;
        let columns = shard.columns.as_ref();
        let columns = columns.ok_or_else(|| ReadError::changed(&shard.key))?;
        let schema = metadata.file_metadata().schema_descr();
        let layout = Layout::new(&shard.key, schema, columns, want)?;
        let ratio = limits.expansion_ratio.saturating_mul(shard.size);
        let object = Arc::new(object);
        Ok(Self {
            key: Arc::from(shard.key.as_str()),
            ahead: Arc::new(ReadAhead::new(&object)),
            object,
            metadata: Arc::new(metadata),
            layout,
            overlay: sources.overlay().cloned(),
            limits: limits.clone(),
            budget_bytes: limits.expansion_allowance_bytes.saturating_add(ratio),
        })
    }

    /// Opens a row group; `next` is the one that is read after it.
    fn open_group(&self, rows: GroupRows, next: Option<usize>) -> Result<OpenGroup, ReadError> {
        let fault = Arc::new(Fault::default());
        let meter = Arc::new(Meter::default());
        let group = Group {
            ahead: Arc::clone(&self.ahead),
            metadata: Arc::clone(&self.metadata),
            ord: rows.ord,
            leaves: self.layout.leaves(),
            reads_on: rows.listed.is_none().then_some(next),
            limits: self.limits.clone(),
            fault: Arc::clone(&fault),
            meter: Arc::clone(&meter),
        };
        group.begin();
        let total = group.row_group().num_rows().unsigned_abs();
        let selection = rows.listed.as_ref().map(|listed| selection(listed, rows.first_row, total));
        let batch_rows = self.batch_rows(&group);
        let reader = contained(|| self.layout.reader(&group, batch_rows, selection));
        let reader = self.settle(&fault, reader)?;
        let expected = rows.listed.as_ref().map_or(total, |listed| listed.len() as u64);
        Ok(OpenGroup { rows, reader, fault, meter, expected, delivered: 0, decoded_bytes: 0 })
    }

    /// Documents per batch, from the footer's word for the average document.
    fn batch_rows(&self, group: &Group) -> usize {
        let leaf = self.layout.leaves().get(self.layout.text).copied().unwrap_or(0);
        let bytes = group.row_group().columns().get(leaf).map_or(0, |c| c.uncompressed_size());
        let rows = group.row_group().num_rows().unsigned_abs().max(1);
        let average = bytes.unsigned_abs() / rows;
        (BATCH_BYTES / average.max(1)).clamp(1, BATCH_ROWS_MAX) as usize
    }

    /// The outcome of a call into the library: what stopped it below, or its panic, or its error.
    fn settle<T>(
        &self,
        fault: &Fault,
        outcome: Result<Result<T, parquet::errors::ParquetError>, String>,
    ) -> Result<T, ReadError> {
        let error = match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => footer::classify(&self.key, &error),
            Err(panic) => ReadError::shard(&self.key, QuarantineReason::Panic, panic),
        };
        Err(fault.take().unwrap_or(error))
    }
}

/// The footer is read again; it must be the one that was planned.
fn check_plan(shard: &ShardEntry, metadata: &ParquetMetaData) -> Result<(), ReadError> {
    let found = metadata.row_groups().iter().map(|group| group.num_rows().unsigned_abs());
    let planned = shard.row_groups.iter().map(|group| group.rows);
    match found.eq(planned) {
        true => Ok(()),
        false => Err(ReadError::changed(&shard.key)),
    }
}

fn selection(listed: &[u64], first_row: u64, total: u64) -> RowSelection {
    let rows = listed.iter().map(|row| (row - first_row) as usize);
    RowSelection::from_consecutive_ranges(rows.map(|row| row..row + 1), total as usize)
}

/// A row group that is being decoded.
struct OpenGroup {
    rows: GroupRows,
    reader: ParquetRecordBatchReader,
    fault: Arc<Fault>,
    meter: Arc<Meter>,
    /// Documents that must come.
    expected: u64,
    /// Documents that came.
    delivered: u64,
    decoded_bytes: u64,
}

impl OpenGroup {
    fn next(&mut self, shard: &ShardReader) -> Result<Option<DocumentBatch>, ReadError> {
        self.meter.reset();
        let decoded = contained(|| self.reader.next().transpose().map_err(Into::into));
        let Some(decoded) = shard.settle(&self.fault, decoded)? else {
            return self.finish(shard);
        };
        let rows = self.take_rows(decoded.num_rows() as u64);
        let rows = rows.ok_or_else(|| self.miscounted(shard, "more"))?;
        let ord = self.rows.ord as u32;
        let limit = shard.limits.document_bytes;
        let batch =
            contained(|| DocumentBatch::new(&shard.key, ord, rows, &shard.layout, &decoded, limit));
        let batch =
            batch.map_err(|panic| ReadError::shard(&shard.key, QuarantineReason::Panic, panic))?;
        let mut batch = batch.ok_or_else(|| ReadError::changed(&shard.key))?;
        self.charge(shard, batch.decoded_bytes())?;
        if let Some(overlay) = &shard.overlay {
            overlay::lay(overlay.as_ref(), &mut batch);
        }
        traffic::note_documents(batch.len());
        Ok(Some(batch))
    }

    /// The rows of the next `count` documents; `None` if that is more than there can be.
    fn take_rows(&mut self, count: u64) -> Option<Rows> {
        let (start, end) = (self.delivered, self.delivered.checked_add(count)?);
        if count == 0 || end > self.expected {
            return None;
        }
        self.delivered = end;
        let Some(listed) = &self.rows.listed else {
            return Some(Rows::From(self.rows.first_row + start));
        };
        let rows = listed.get(start as usize..end as usize)?;
        Some(Rows::Listed(rows.to_vec()))
    }

    fn charge(&mut self, shard: &ShardReader, bytes: u64) -> Result<(), ReadError> {
        self.decoded_bytes = self.decoded_bytes.saturating_add(bytes);
        if self.decoded_bytes <= shard.budget_bytes {
            return Ok(());
        }
        let detail = format!(
            "text of row group {}: expected at most {} bytes in a file of {}, got more",
            self.rows.ord,
            shard.budget_bytes,
            shard.object.size()
        );
        Err(ReadError::shard(&shard.key, QuarantineReason::Limit, detail))
    }

    fn finish(&self, shard: &ShardReader) -> Result<Option<DocumentBatch>, ReadError> {
        shard.object.check_file()?;
        match self.delivered == self.expected {
            true => Ok(None),
            false => Err(self.miscounted(shard, "fewer")),
        }
    }

    fn miscounted(&self, shard: &ShardReader, how: &str) -> ReadError {
        let detail =
            format!("row group {}: expected {} documents, got {how}", self.rows.ord, self.expected);
        ReadError::shard(&shard.key, QuarantineReason::Corrupt, detail)
    }
}

impl DocumentStream {
    /// The next documents, or `None` after the last. After an error there are no more.
    ///
    /// # Errors
    /// As for [`Sources::documents`].
    pub fn next_batch(&mut self) -> Result<Option<DocumentBatch>, ReadError> {
        let outcome = self.advance();
        if outcome.is_err() {
            self.groups.clear();
            self.current = None;
        }
        outcome
    }

    fn advance(&mut self) -> Result<Option<DocumentBatch>, ReadError> {
        loop {
            let mut group = match (self.current.take(), self.groups.pop_front()) {
                (Some(group), waiting) => {
                    waiting.into_iter().for_each(|rows| self.groups.push_front(rows));
                    group
                }
                (None, Some(rows)) => {
                    let next = self.groups.front().map(|next| next.ord);
                    self.reader.open_group(rows, next)?
                }
                (None, None) => return Ok(None),
            };
            if let Some(batch) = group.next(&self.reader)? {
                self.current = Some(group);
                return Ok(Some(batch));
            }
        }
    }
}

#[cfg(test)]
mod remote;
#[cfg(test)]
mod tests;
