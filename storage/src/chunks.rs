//! The bytes of one column chunk, as the Parquet library asks for them: through a window that
//! moves forward, so that memory does not depend on the size of a row group.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use taster_planning::QuarantineReason;

use crate::ReadError;
use crate::ahead::{ReadAhead, joined};
use crate::page_header::{self, HeaderError};

/// Read at once from a file: small enough to stay in cache until it is decoded.
const LOCAL_WINDOW_BYTES: u64 = 1 << 20;
/// Read at once from a store, where a request has a price.
const REMOTE_WINDOW_BYTES: u64 = 4 << 20;
/// Bytes of a page header looked at first.
const HEADER_BYTES: u64 = 4 << 10;
/// A longer page header is refused. Statistics of long values make headers long.
const HEADER_BYTES_MAX: u64 = 16 << 20;

/// The first thing that went wrong below the Parquet library, whose own errors cannot carry it.
#[derive(Default)]
pub(crate) struct Fault(Mutex<Option<ReadError>>);

impl Fault {
    /// Keeps `error`, unless there is one already, and gives the library something to fail with.
    pub(crate) fn raise(&self, error: ReadError) -> ParquetError {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(error);
        ParquetError::General("reading was stopped".to_owned())
    }

    pub(crate) fn take(&self) -> Option<ReadError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The bytes of one column chunk.
#[derive(Clone)]
pub(crate) struct ColumnBytes {
    inner: Arc<Inner>,
}

struct Inner {
    ahead: Arc<ReadAhead>,
    /// The chunk within the object.
    range: Range<u64>,
    following: Following,
    page_bytes_max: u64,
    window: Mutex<Window>,
    fault: Arc<Fault>,
}

/// What is read after a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Following {
    /// Perhaps nothing: pages may be skipped.
    Unknown,
    /// The rest of the chunk, then nothing.
    Rest,
    /// The rest of the chunk, then this one.
    Chunk(Range<u64>),
}

/// The first bytes of a chunk of a remote object that are read at once.
pub(crate) fn first_window(chunk: &Range<u64>) -> Range<u64> {
    chunk.start..chunk.end.min(chunk.start.saturating_add(REMOTE_WINDOW_BYTES))
}

/// Bytes of the object from `start` on.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Bytes,
}

impl Window {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn slice(&self, range: &Range<u64>) -> Option<Bytes> {
        let within = range.start >= self.start && range.end <= self.end();
        let offset = |at: u64| (at - self.start) as usize;
        within.then(|| self.bytes.slice(offset(range.start)..offset(range.end)))
    }

    /// What the window already has of `range`, from its start.
    fn head_of(&self, range: &Range<u64>) -> Bytes {
        match range.start >= self.start && range.start < self.end() {
            true => self.bytes.slice((range.start - self.start) as usize..),
            false => Bytes::new(),
        }
    }
}

impl ColumnBytes {
    /// The chunk at `range` of an object. Pages that claim more than `page_bytes_max` bytes are
    /// refused.
    pub(crate) fn new(
        ahead: &Arc<ReadAhead>,
        (range, following): (Range<u64>, Following),
        page_bytes_max: u64,
        fault: &Arc<Fault>,
    ) -> Self {
        let inner = Inner {
            ahead: Arc::clone(ahead),
            range,
            following,
            page_bytes_max,
            window: Mutex::default(),
            fault: Arc::clone(fault),
        };
        Self { inner: Arc::new(inner) }
    }
}

impl Inner {
    fn bytes(&self, start: u64, length: u64) -> Result<Bytes, ReadError> {
        let end = start.checked_add(length);
        let range = match end.filter(|end| *end <= self.range.end && start >= self.range.start) {
            Some(end) => start..end,
            None => return Err(self.corrupt("a page reaches outside its column")),
        };
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.slice(&range).is_none() {
            *window = self.moved(&window, &range)?;
            self.read_on(window.end());
        }
        Ok(window.slice(&range).unwrap_or_default())
    }

    /// A window that begins with `range` and reaches further if there is more of the chunk.
    fn moved(&self, window: &Window, range: &Range<u64>) -> Result<Window, ReadError> {
        let (at_once, head) = match self.ahead.object().is_local() {
            // To read a file's bytes again costs less than to put those that are there before others.
            true => (LOCAL_WINDOW_BYTES, Bytes::new()),
            false => (REMOTE_WINDOW_BYTES, window.head_of(range)),
        };
        let end = range.end.max(range.start.saturating_add(at_once)).min(self.range.end);
        let rest = self.ahead.read(range.start + head.len() as u64..end, range.end)?;
        let bytes = if head.is_empty() { rest } else { joined(&head, &rest) };
        Ok(Window { start: range.start, bytes })
    }

    /// Begins to read what follows `end`, where the window ends.
    fn read_on(&self, end: u64) {
        let next = match &self.following {
            Following::Unknown => return,
            _ if end < self.range.end => first_window(&(end..self.range.end)),
            Following::Rest => return,
            Following::Chunk(chunk) => first_window(chunk),
        };
        // What was begun for this chunk and not used was passed over.
        self.ahead.give_up(&self.range);
        self.ahead.begin(next);
    }

    /// Checks the page header at `start` against the limits.
    fn check_header(&self, start: u64) -> Result<(), ReadError> {
        let left = self.range.end.saturating_sub(start);
        let mut length = HEADER_BYTES.min(left);
        loop {
            match page_header::claim(&self.bytes(start, length)?) {
                Ok(claim) => return self.check_claim(&claim, left),
                Err(HeaderError::Invalid(what)) => {
                    return Err(self.corrupt(&format!("page header: {what}")));
                }
                Err(HeaderError::Incomplete) if length == left => {
                    return Err(self.corrupt("page header: cut short"));
                }
                Err(HeaderError::Incomplete) if length >= HEADER_BYTES_MAX => {
                    return Err(self.limit("page header", length, HEADER_BYTES_MAX));
                }
                Err(HeaderError::Incomplete) => length = (length * 4).min(left),
            }
        }
    }

    fn check_claim(&self, claim: &page_header::Claim, left: u64) -> Result<(), ReadError> {
        let sizes = [claim.uncompressed_bytes, claim.compressed_bytes];
        let [Ok(uncompressed), Ok(compressed)] = sizes.map(u64::try_from) else {
            return Err(self.corrupt("page header: a size is negative"));
        };
        if compressed > left {
            return Err(self.corrupt("a page reaches outside its column"));
        }
        match uncompressed.max(compressed) {
            size if size > self.page_bytes_max => {
                Err(self.limit("page", size, self.page_bytes_max))
            }
            _ => Ok(()),
        }
    }

    fn corrupt(&self, detail: &str) -> ReadError {
        ReadError::shard(self.ahead.object().key(), QuarantineReason::Corrupt, detail)
    }

    fn limit(&self, what: &str, found: u64, allowed: u64) -> ReadError {
        let detail = format!("{what}: expected at most {allowed} bytes, got {found}");
        ReadError::shard(self.ahead.object().key(), QuarantineReason::Limit, detail)
    }
}

impl Length for ColumnBytes {
    fn len(&self) -> u64 {
        self.inner.ahead.object().size()
    }
}

impl ChunkReader for ColumnBytes {
    type T = HeaderBytes;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(HeaderBytes {
            column: Arc::clone(&self.inner),
            position: start,
            bytes: Bytes::new(),
            is_checked: false,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.inner.bytes(start, length as u64);
        bytes.map_err(|error| self.inner.fault.raise(error))
    }
}

/// The bytes from which the library reads a page header. It also asks for this reader, and then
/// does not read from it, where a header was read before; so the check waits for the first read.
pub(crate) struct HeaderBytes {
    column: Arc<Inner>,
    position: u64,
    bytes: Bytes,
    is_checked: bool,
}

impl HeaderBytes {
    fn refill(&mut self) -> Result<(), ReadError> {
        if !self.is_checked {
            self.column.check_header(self.position)?;
            self.is_checked = true;
        }
        let left = self.column.range.end.saturating_sub(self.position);
        let length = HEADER_BYTES.min(left);
        self.bytes = self.column.bytes(self.position, length)?;
        self.position += length;
        Ok(())
    }
}

impl Read for HeaderBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty()
            && let Err(error) = self.refill()
        {
            return Err(io::Error::other(self.column.fault.raise(error)));
        }
        let count = buffer.len().min(self.bytes.len());
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        bytes::Buf::advance(&mut self.bytes, count);
        Ok(count)
    }
}
