//! Pages of one row group's columns, checked between decompression and decoding: what a page
//! claims about its values must be possible before the library reserves room for them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{Encoding, Type as Physical};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use taster_planning::{Limits, QuarantineReason};

use crate::ahead::ReadAhead;
use crate::chunks::{ColumnBytes, Fault, Following, first_window};
use crate::{ReadError, delta, footer};

/// Pages that one batch may hold, in multiples of the largest page allowed. Batches are cut to
/// about a mebibyte by the footer's word; this holds when the footer lies.
const PAGES_PER_BATCH: u64 = 8;

/// Bytes of pages handed to the decoder since the last batch.
#[derive(Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn add(&self, bytes: usize) -> u64 {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64
    }
}

/// One row group, narrowed to the columns that are read.
pub(crate) struct Group {
    pub ahead: Arc<ReadAhead>,
    pub metadata: Arc<ParquetMetaData>,
    pub ord: usize,
    /// For every narrow column, its place among the leaves of the file's schema.
    pub leaves: Vec<usize>,
    /// Whether all rows are read, and then those of which group.
    pub reads_on: Option<Option<usize>>,
    pub limits: Limits,
    pub fault: Arc<Fault>,
    pub meter: Arc<Meter>,
}

impl Group {
    pub(crate) fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.ord)
    }

    /// Begins to read the first windows of all columns, so that they come at the same time.
    pub(crate) fn begin(&self) {
        let chunks = self.leaves.iter().filter_map(|leaf| self.chunk(self.ord, *leaf));
        let windows: Vec<_> = chunks.map(|chunk| first_window(&chunk)).collect();
        let starts: Vec<_> = windows.iter().map(|window| window.start).collect();
        self.ahead.keep(&starts);
        windows.into_iter().for_each(|window| self.ahead.begin(window));
    }

    /// Where a column of a row group is; `None` if it is not in the file.
    fn chunk(&self, ord: usize, leaf: usize) -> Option<Range<u64>> {
        let chunk = self.metadata.row_groups().get(ord)?.columns().get(leaf)?;
        let (start, length) = footer::chunk_range(chunk)?;
        let end = start.checked_add(length).filter(|end| *end <= self.ahead.object().size())?;
        Some(start..end)
    }

    fn following(&self, leaf: usize) -> Following {
        let Some(next) = self.reads_on else {
            return Following::Unknown;
        };
        let chunk = next.and_then(|ord| self.chunk(ord, leaf));
        chunk.map_or(Following::Rest, Following::Chunk)
    }

    fn pages(&self, column: usize) -> Result<Pages> {
        let corrupt = |detail: &str| {
            let key = self.ahead.object().key();
            self.fault.raise(ReadError::shard(key, QuarantineReason::Corrupt, detail))
        };
        let leaf = self.leaves.get(column).copied().unwrap_or(usize::MAX);
        let chunk = self.row_group().columns().get(leaf);
        let chunk = chunk.ok_or_else(|| corrupt("a row group lacks a column"))?;
        let range = self.chunk(self.ord, leaf);
        let range = range.ok_or_else(|| corrupt("a column lies outside the file"))?;
        let page_bytes = self.limits.page_bytes;
        let place = (range, self.following(leaf));
        let bytes = ColumnBytes::new(&self.ahead, place, page_bytes, &self.fault);
        let rows = self.row_group().num_rows().unsigned_abs();
        Ok(Pages {
            inner: SerializedPageReader::new(Arc::new(bytes), chunk, rows as usize, None)?,
            physical: chunk.column_type(),
            optional: chunk.column_descr().max_def_level() > 0,
            values_left: rows,
            key: self.ahead.object().key().to_owned(),
            page_bytes_max: self.limits.page_bytes,
            fault: Arc::clone(&self.fault),
            meter: Arc::clone(&self.meter),
        })
    }
}

impl RowGroups for Group {
    fn num_rows(&self) -> usize {
        self.row_group().num_rows().unsigned_abs() as usize
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let pages = Box::new(self.pages(column)?) as Box<dyn PageReader>;
        Ok(Box::new(OneChunk(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.row_group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}

/// The pages of one column chunk.
struct Pages {
    inner: SerializedPageReader<ColumnBytes>,
    physical: Physical,
    optional: bool,
    /// Rows of the group that no page has claimed yet. Columns are flat: a value is a row.
    values_left: u64,
    key: String,
    page_bytes_max: u64,
    fault: Arc<Fault>,
    meter: Arc<Meter>,
}

impl Pages {
    fn check(&mut self, page: Page) -> Result<Page> {
        let held = self.meter.add(page.buffer().len());
        let allowed = self.page_bytes_max.saturating_mul(PAGES_PER_BATCH);
        if held > allowed {
            let detail =
                format!("pages of one batch: expected at most {allowed} bytes, got {held}");
            return Err(self.refuse(QuarantineReason::Limit, detail));
        }
        match page.is_dictionary_page() {
            true => self.check_dictionary(&page)?,
            false => self.check_data(&page)?,
        }
        Ok(page)
    }

    fn check_dictionary(&self, page: &Page) -> Result<()> {
        let needed = u64::from(page.num_values()) * least_bytes(self.physical);
        let found = page.buffer().len();
        if needed > found as u64 {
            let detail = format!("dictionary of {} values in {found} bytes", page.num_values());
            return Err(self.refuse(QuarantineReason::Corrupt, detail));
        }
        Ok(())
    }

    fn check_data(&mut self, page: &Page) -> Result<()> {
        let values = u64::from(page.num_values());
        let Some(left) = self.values_left.checked_sub(values) else {
            let detail = "the pages of a column have more values than its row group has rows";
            return Err(self.refuse(QuarantineReason::Corrupt, detail.to_owned()));
        };
        self.values_left = left;
        if !is_delta(page.encoding()) {
            return Ok(());
        }
        let start = values_start(page, self.optional).unwrap_or(usize::MAX);
        let encoded = page.buffer().get(start..).unwrap_or_default();
        if encoded.is_empty() {
            return Ok(());
        }
        let counts = delta::counts(encoded, page.encoding() == Encoding::DELTA_BYTE_ARRAY);
        match counts {
            Some(most) if most <= values => Ok(()),
            _ => {
                let detail = "a delta-coded page has no room for its values".to_owned();
                Err(self.refuse(QuarantineReason::Corrupt, detail))
            }
        }
    }

    fn refuse(&self, reason: QuarantineReason, detail: String) -> ParquetError {
        self.fault.raise(ReadError::shard(&self.key, reason, detail))
    }
}

/// Bytes that one value of a dictionary takes at least.
fn least_bytes(physical: Physical) -> u64 {
    match physical {
        Physical::INT64 | Physical::DOUBLE => 8,
        Physical::INT96 => 12,
        _ => 4,
    }
}

fn is_delta(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::DELTA_BYTE_ARRAY
            | Encoding::DELTA_LENGTH_BYTE_ARRAY
            | Encoding::DELTA_BINARY_PACKED
    )
}

/// Where the values begin, after the levels.
fn values_start(page: &Page, optional: bool) -> Option<usize> {
    match page {
        Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
            (*def_levels_byte_len as usize).checked_add(*rep_levels_byte_len as usize)
        }
        Page::DataPage { buf, def_level_encoding, num_values, .. } if optional => {
            match def_level_encoding {
                Encoding::RLE => {
                    let length = buf.get(..4)?.try_into().ok()?;
                    (u32::from_le_bytes(length) as usize).checked_add(4)
                }
                // One bit for each level.
                _ => Some((*num_values as usize).div_ceil(8)),
            }
        }
        _ => Some(0),
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        page.map(|page| self.check(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.inner.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        let page = self.inner.take_deferred_dictionary()?;
        page.map(|page| self.check(page)).transpose()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}
