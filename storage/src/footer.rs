//! The footer of a Parquet object: two ranged reads at most, checked before it is decoded.

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use taster_planning::{Limits, QuarantineReason};

use crate::ReadError;
use crate::contained::contained;
use crate::object::Pinned;

/// Bytes read from the end of an object at first; most footers are within.
const TAIL_BYTES: u64 = 64 << 10;
/// Length of the footer's length and the closing magic.
const TRAILER_BYTES: u64 = 8;
/// Shortest Parquet file: both magics and the length of an empty footer.
const SHORTEST_BYTES: u64 = 12;

/// Reads and decodes the footer of `object`.
pub(crate) fn read(object: &Pinned, limits: &Limits) -> Result<ParquetMetaData, ReadError> {
    let bytes = fetch(object, limits)?;
    let decoded = contained(|| ParquetMetaDataReader::decode_metadata(&bytes));
    let metadata = decoded
        .map_err(|panic| ReadError::shard(object.key(), QuarantineReason::Panic, panic))?
        .map_err(|error| classify(object.key(), &error))?;
    check(object, &metadata)?;
    Ok(metadata)
}

/// The thrift bytes of the footer.
fn fetch(object: &Pinned, limits: &Limits) -> Result<Bytes, ReadError> {
    let corrupt = |detail| ReadError::shard(object.key(), QuarantineReason::Corrupt, detail);
    let size = object.size();
    if size < SHORTEST_BYTES {
        let detail = format!("expected at least {SHORTEST_BYTES} bytes, got {size}");
        return Err(corrupt(detail));
    }
    let tail_start = size.saturating_sub(TAIL_BYTES);
    let tail = object.read(tail_start..size)?;
    let (body, trailer) = tail.split_at(tail.len() - TRAILER_BYTES as usize);
    let length = trailer_length(object, trailer)?;
    if length > limits.footer_bytes {
        let detail =
            format!("footer: expected at most {} bytes, got {length}", limits.footer_bytes);
        return Err(ReadError::shard(object.key(), QuarantineReason::Limit, detail));
    }
    // The opening magic takes four bytes, which the footer cannot overlap.
    if length + TRAILER_BYTES + 4 > size {
        let detail = format!("footer of {length} bytes does not fit a file of {size}");
        return Err(corrupt(detail));
    }
    let end = size - TRAILER_BYTES;
    let start = end - length;
    match start.checked_sub(tail_start) {
        Some(offset) => Ok(tail.slice(offset as usize..body.len())),
        None => object.read(start..end),
    }
}

fn trailer_length(object: &Pinned, trailer: &[u8]) -> Result<u64, ReadError> {
    let (length, magic) = trailer.split_at(4);
    match magic {
        b"PAR1" => {}
        b"PARE" => {
            let detail = "the footer is encrypted";
            return Err(ReadError::shard(object.key(), QuarantineReason::Unsupported, detail));
        }
        _ => {
            let detail = "not Parquet: expected PAR1 at the end";
            return Err(ReadError::shard(object.key(), QuarantineReason::Corrupt, detail));
        }
    }
    let length = length.iter().rev().fold(0, |sum, &b| sum << 8 | u64::from(b));
    Ok(length)
}

/// What the reader trusts and would panic or loop on.
fn check(object: &Pinned, metadata: &ParquetMetaData) -> Result<(), ReadError> {
    let corrupt = |detail| ReadError::shard(object.key(), QuarantineReason::Corrupt, detail);
    let mut rows = 0_i64;
    for (ord, group) in metadata.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Err(corrupt(format!("row group {ord} has {} rows", group.num_rows())));
        }
        rows = rows.saturating_add(group.num_rows());
        if group.columns().iter().any(|c| chunk_range(c).is_none()) {
            return Err(corrupt(format!("row group {ord} has a column outside the file")));
        }
    }
    let claimed = metadata.file_metadata().num_rows();
    if claimed != rows {
        let detail = format!("footer claims {claimed} rows, its row groups have {rows}");
        return Err(corrupt(detail));
    }
    Ok(())
}

/// Offset and length in bytes of a column chunk, dictionary included; `None` if they are
/// negative or overflow.
pub(crate) fn chunk_range(chunk: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let data = chunk.data_page_offset();
    // A dictionary offset of zero stands for none: the magic is there.
    let start = match chunk.dictionary_page_offset() {
        Some(dictionary) if dictionary > 0 => dictionary.min(data),
        _ => data,
    };
    let start = u64::try_from(start).ok()?;
    let length = u64::try_from(chunk.compressed_size()).ok()?;
    start.checked_add(length)?;
    Some((start, length))
}

/// Names of error kinds that the library puts before its messages, often several.
const KINDS: [&str; 5] =
    ["External: ", "Parquet argument error: ", "Parquet error: ", "Arrow: ", "EOF: "];

/// What an error of the Parquet library says about a shard. The library's messages are kept:
/// they depend on nothing but the bytes.
pub(crate) fn classify(key: &str, error: &ParquetError) -> ReadError {
    let message = error.to_string();
    let mut detail = message.as_str();
    while let Some(rest) = KINDS.iter().find_map(|kind| detail.strip_prefix(kind)) {
        detail = rest;
    }
    // Errors lose their kind on their way through Arrow; these words are what is left of it.
    let unsupported = ["NYI", "ncrypt", "nsupported", "not supported"];
    let reason = match unsupported.iter().any(|word| detail.contains(word)) {
        true => QuarantineReason::Unsupported,
        false => QuarantineReason::Corrupt,
    };
    ReadError::shard(key, reason, detail)
}
