//! Blocks: sorted fingerprints with two counts each, coded for fast decoding.
//!
//! Layout: number of entries (varint), then, if any: first fingerprint (8 bytes), width of a
//! difference in bytes (1 byte, 0–8), the differences between neighbours (fixed width), one bit
//! per entry that is set where the counts are not (1, 1), and for those entries `low - 1` and
//! `high - low` (varints). A difference of zero is refused: fingerprints strictly ascend.

use thiserror::Error;

use crate::varint;

/// A fingerprint with its counts. In count runs `low` is the df and `high` the cf of a segment;
/// in screened runs both are the global df.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The fingerprint.
    pub fingerprint: u64,
    /// The smaller count, at least 1.
    pub low: u32,
    /// The larger count, at least `low`.
    pub high: u32,
}

/// A block whose bytes no encoder could have written.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BlockError {
    /// The bytes end too early or go on too long.
    #[error("expected a block of {expected} bytes, got {got}")]
    Length {
        /// Bytes needed by what was decoded so far.
        expected: usize,
        /// Bytes present.
        got: usize,
    },
    /// A field has an impossible value.
    #[error("impossible block field: {0}")]
    Field(&'static str),
}

/// Appends the block of `entries`, which must ascend strictly by fingerprint.
pub fn encode(entries: &[Entry], out: &mut Vec<u8>) {
    let mut columns = Columns::default();
    for entry in entries {
        columns.push(entry.fingerprint, entry.low, entry.high);
    }
    columns.encode(out);
}

/// The entries of a block by column, the form in which they are quickest to encode.
#[derive(Debug, Default)]
pub struct Columns {
    fingerprints: Vec<u64>,
    /// Index and counts of the entries whose counts are not (1, 1).
    counts: Vec<(u32, u32, u32)>,
    /// Counts of all entries, while they are being counted.
    tallies: Vec<(u32, u32)>,
}

impl Columns {
    /// Appends an entry; see [`Entry`] for the fields. Fingerprints must ascend strictly.
    #[inline]
    pub fn push(&mut self, fingerprint: u64, low: u32, high: u32) {
        if high != 1 {
            self.counts.push((self.fingerprints.len() as u32, low, high));
        }
        self.fingerprints.push(fingerprint);
    }

    /// Appends those of `entries`, given as fingerprint and count, whose count is `least` or more,
    /// at least 2. Which are is too irregular for a branch: all are written, those are kept.
    #[inline]
    pub fn extend_from(&mut self, entries: impl ExactSizeIterator<Item = (u64, u32)>, least: u32) {
        debug_assert!(least >= 2, "counts of 1 are left out");
        let (mut ordinal, mut at) = (self.fingerprints.len(), self.counts.len());
        self.fingerprints.resize(ordinal + entries.len(), 0);
        self.counts.resize(at + entries.len(), (0, 0, 0));
        for (fingerprint, count) in entries {
            self.fingerprints[ordinal] = fingerprint;
            self.counts[at] = (ordinal as u32, count, count);
            let is_kept = usize::from(count >= least);
            ordinal += is_kept;
            at += is_kept;
        }
        self.fingerprints.truncate(ordinal);
        self.counts.truncate(at);
    }

    /// Replaces the entries by those of sorted keys: `top` and the upper bits of a key are its
    /// fingerprint, the lower `document_bits` a document. Low counts different documents, high all
    /// keys. Which keys repeat is too irregular for a branch: every key writes its entry.
    pub fn count(&mut self, keys: &[u64], document_bits: u32, top: u64) {
        let entries = self.tally(keys, document_bits, top);
        self.fingerprints.truncate(entries);
        self.counts.resize(entries, (0, 0, 0));
        let mut counted = 0;
        for (index, &(low, high)) in self.tallies[..entries].iter().enumerate() {
            self.counts[counted] = (index as u32, low, high);
            counted += usize::from(high != 1);
        }
        self.counts.truncate(counted);
    }

    /// Writes fingerprints and tallies; returns how many.
    fn tally(&mut self, keys: &[u64], document_bits: u32, top: u64) -> usize {
        self.fingerprints.resize(keys.len(), 0);
        if self.tallies.len() < keys.len() {
            self.tallies.resize(keys.len(), (0, 0));
        }
        let tallies = &mut self.tallies[..keys.len()];
        let fingerprints = &mut self.fingerprints[..keys.len()];
        let mut previous = keys.first().map_or(0, |first| !first);
        let (mut next, mut low, mut high) = (0, 0, 0);
        for &key in keys {
            let is_new = (key ^ previous) >> document_bits != 0;
            low = if is_new { 1 } else { low + u32::from(key != previous) };
            high = if is_new { 1 } else { high + 1 };
            next += usize::from(is_new);
            fingerprints[next - 1] = top | key >> document_bits;
            tallies[next - 1] = (low, high);
            previous = key;
        }
        next
    }

    /// The fingerprints, ascending.
    #[must_use]
    pub fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }

    /// Index, low and high of the entries whose counts are not (1, 1), ascending.
    #[must_use]
    pub fn counts(&self) -> &[(u32, u32, u32)] {
        &self.counts
    }

    /// Replaces the entries by those of a block: faster than [`decode`], as what is rare does not
    /// stand in the way of what is not.
    ///
    /// # Errors
    /// If the bytes are not exactly one block; the entries are then of no meaning.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<(), BlockError> {
        self.clear();
        let Some(parts) = Parts::parse(bytes)? else {
            return Ok(());
        };
        let ascend = match parts.width {
            4 => parts.sum_differences::<4>(&mut self.fingerprints),
            5 => parts.sum_differences::<5>(&mut self.fingerprints),
            6 => parts.sum_differences::<6>(&mut self.fingerprints),
            7 => parts.sum_differences::<7>(&mut self.fingerprints),
            _ => return parts.decode(&mut |e: Entry| self.push(e.fingerprint, e.low, e.high)),
        };
        if !ascend {
            return Err(BlockError::Field("difference"));
        }
        self.decode_counts(parts)
    }

    fn decode_counts(&mut self, mut parts: Parts<'_>) -> Result<(), BlockError> {
        for (at, &flags) in parts.flags.iter().enumerate() {
            let mut flags = flags;
            while flags != 0 {
                let index = 8 * at as u32 + flags.trailing_zeros();
                let (low, high) = parts.take_counts().ok_or(BlockError::Field("counts"))?;
                self.counts.push((index, low, high));
                flags &= flags - 1;
            }
        }
        expect_length(0, parts.counts.len())
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }

    /// Forgets all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.fingerprints.clear();
        self.counts.clear();
    }

    /// Appends the block of the entries.
    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.fingerprints.len() as u64);
        if let Some(first) = self.fingerprints.first() {
            out.extend_from_slice(&first.to_le_bytes());
            self.encode_differences(out);
            self.encode_counts(out);
        }
    }

    fn encode_differences(&self, out: &mut Vec<u8>) {
        let gap = |pair: &[u64]| pair[1] - pair[0];
        let pairs = || self.fingerprints.windows(2);
        // All bits of all differences: as wide as the widest.
        let bits = pairs().fold(0, |bits, pair| bits | gap(pair));
        let width = (64 - bits.leading_zeros() as usize).div_ceil(8);
        out.push(width as u8);
        let start = out.len();
        // Written eight bytes at a time; what stands over is cut off or overwritten by the next.
        out.resize(start + width * pairs().len() + 8, 0);
        let room = &mut out[start..];
        for (index, pair) in pairs().enumerate() {
            room[index * width..][..8].copy_from_slice(&gap(pair).to_le_bytes());
        }
        out.truncate(start + width * pairs().len());
    }

    fn encode_counts(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + self.fingerprints.len().div_ceil(8), 0);
        for &(index, ..) in &self.counts {
            out[start + index as usize / 8] |= 1 << (index % 8);
        }
        for &(_, low, high) in &self.counts {
            varint::put(out, u64::from(low - 1));
            varint::put(out, u64::from(high - low));
        }
    }
}

/// Number of entries that the block claims, for reserving memory before [`decode`].
#[must_use]
pub fn entries(mut bytes: &[u8]) -> usize {
    let most = bytes.len();
    varint::take(&mut bytes).map_or(0, |count| usize::try_from(count).unwrap_or(most).min(most * 8))
}

/// Calls `emit` for every entry of the block, in ascending order.
///
/// # Errors
/// If the bytes are not exactly one block.
pub fn decode(bytes: &[u8], mut emit: impl FnMut(Entry)) -> Result<(), BlockError> {
    Parts::parse(bytes)?.map_or(Ok(()), |parts| parts.decode(&mut emit))
}

fn expect_length(expected: usize, got: usize) -> Result<(), BlockError> {
    if expected == got { Ok(()) } else { Err(BlockError::Length { expected, got }) }
}

/// The fields of a block after the number of entries.
struct Parts<'a> {
    first: u64,
    width: usize,
    differences: &'a [u8],
    flags: &'a [u8],
    counts: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The fields of a block; `None` if it has no entries.
    fn parse(bytes: &'a [u8]) -> Result<Option<Self>, BlockError> {
        let mut rest = bytes;
        let count = varint::take(&mut rest).ok_or(BlockError::Field("number of entries"))?;
        if count == 0 {
            return expect_length(bytes.len() - rest.len(), bytes.len()).map(|()| None);
        }
        let count = usize::try_from(count).map_err(|_| BlockError::Field("number of entries"))?;
        Self::split(rest, count).map(Some)
    }

    /// Appends all fingerprints to `out`; whether they ascend. `WIDTH` is the width.
    fn sum_differences<const WIDTH: usize>(&self, out: &mut Vec<u64>) -> bool {
        let (gaps, _) = self.differences.as_chunks::<WIDTH>();
        let (mut fingerprint, mut ascend) = (self.first, true);
        out.push(fingerprint);
        out.extend(gaps.iter().map(|bytes| {
            let mut gap = [0; 8];
            gap[..WIDTH].copy_from_slice(bytes);
            let (next, is_beyond) = fingerprint.overflowing_add(u64::from_le_bytes(gap));
            ascend &= !is_beyond & (next != fingerprint);
            fingerprint = next;
            next
        }));
        ascend
    }

    fn split(bytes: &'a [u8], count: usize) -> Result<Self, BlockError> {
        let too_short = |expected| BlockError::Length { expected, got: bytes.len() };
        let (first, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| too_short(9))?;
        let (&width, rest) = rest.split_first().ok_or_else(|| too_short(9))?;
        let width = usize::from(width);
        if width > 8 {
            return Err(BlockError::Field("width of a difference"));
        }
        let gaps = (count - 1).checked_mul(width).ok_or(BlockError::Field("number of entries"))?;
        let flags = count.div_ceil(8);
        if rest.len() < gaps || rest.len() - gaps < flags {
            return Err(too_short(9 + gaps.saturating_add(flags)));
        }
        let (differences, rest) = rest.split_at(gaps);
        let (flags, counts) = rest.split_at(flags);
        let last = count % 8;
        if last != 0 && flags.last().is_some_and(|byte| byte >> last != 0) {
            return Err(BlockError::Field("flags beyond the last entry"));
        }
        Ok(Self { first: u64::from_le_bytes(*first), width, differences, flags, counts })
    }

    fn decode(mut self, emit: &mut impl FnMut(Entry)) -> Result<(), BlockError> {
        let first = self.first;
        let mut fingerprint = first;
        let entry = self.counted(0, first)?;
        emit(entry);
        let gaps = self.differences.len().checked_div(self.width).unwrap_or(0);
        for index in 0..gaps {
            let gap = load(self.differences, index * self.width, self.width);
            fingerprint = match fingerprint.checked_add(gap) {
                Some(next) if gap > 0 => next,
                _ => return Err(BlockError::Field("difference")),
            };
            let entry = self.counted(index + 1, fingerprint)?;
            emit(entry);
        }
        expect_length(0, self.counts.len())
    }

    /// The entry at `index`, its counts taken off the front of the counts if it has any.
    #[inline(always)]
    fn counted(&mut self, index: usize, fingerprint: u64) -> Result<Entry, BlockError> {
        let is_counted = self.flags[index / 8] >> (index % 8) & 1 == 1;
        let (low, high) = if is_counted {
            self.take_counts().ok_or(BlockError::Field("counts"))?
        } else {
            (1, 1)
        };
        Ok(Entry { fingerprint, low, high })
    }

    /// The next counts, which are not (1, 1): those are left out.
    fn take_counts(&mut self) -> Option<(u32, u32)> {
        let mut next = || varint::take(&mut self.counts).and_then(|v| u32::try_from(v).ok());
        let (less, more) = next().zip(next())?;
        let low = less.checked_add(1)?;
        let high = low.checked_add(more).filter(|&high| high != 1)?;
        Some((low, high))
    }
}

/// The little-endian integer of `width` bytes at `at`.
#[inline]
fn load(bytes: &[u8], at: usize, width: usize) -> u64 {
    if let Some(eight) = bytes[at..].first_chunk::<8>() {
        let mask = u64::MAX >> (64 - 8 * width as u32);
        return u64::from_le_bytes(*eight) & mask;
    }
    let mut eight = [0; 8];
    eight[..width].copy_from_slice(&bytes[at..at + width]);
    u64::from_le_bytes(eight)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let count = (1u32..400, 0u32..5000, any::<bool>());
        prop::collection::btree_map(any::<u64>(), count, 0..70).prop_map(|map| {
            let entry = |(fingerprint, (low, more, one)): (u64, (u32, u32, bool))| {
                if one {
                    Entry { fingerprint, low: 1, high: 1 }
                } else {
                    Entry { fingerprint, low, high: low + more }
                }
            };
            map.into_iter().map(entry).collect()
        })
    }

    /// The same, close enough together for narrow differences.
    fn dense_entries() -> impl Strategy<Value = Vec<Entry>> {
        (entries(), 0u32..40, any::<u64>()).prop_map(|(mut entries, shift, top)| {
            let bits = 64 - shift;
            let top = top.checked_shl(bits).unwrap_or(0);
            entries.iter_mut().for_each(|e| e.fingerprint = e.fingerprint >> shift | top);
            entries.dedup_by_key(|e| e.fingerprint);
            entries
        })
    }

    /// By both ways to decode, which must agree.
    fn decoded(bytes: &[u8]) -> Result<Vec<Entry>, BlockError> {
        let mut out = Vec::new();
        let result = decode(bytes, |entry| out.push(entry)).map(|()| out);
        let mut columns = Columns::default();
        columns.push(7, 7, 7);
        let by_columns = columns.decode(bytes).map(|()| listed(&columns));
        assert_eq!(result.is_ok(), by_columns.is_ok());
        if let (Ok(entries), Ok(listed)) = (&result, by_columns) {
            assert_eq!(*entries, listed);
        }
        result
    }

    fn listed(columns: &Columns) -> Vec<Entry> {
        let one = |&fingerprint: &u64| Entry { fingerprint, low: 1, high: 1 };
        let mut entries: Vec<Entry> = columns.fingerprints().iter().map(one).collect();
        for &(index, low, high) in columns.counts() {
            let entry = &mut entries[index as usize];
            (entry.low, entry.high) = (low, high);
        }
        entries
    }

    proptest! {
        #[test]
        fn round_trip(entries in dense_entries()) {
            let mut bytes = Vec::new();
            encode(&entries, &mut bytes);
            prop_assert_eq!(decoded(&bytes).unwrap(), entries);
        }

        #[test]
        fn every_truncation_is_refused(entries in dense_entries()) {
            let mut bytes = Vec::new();
            encode(&entries, &mut bytes);
            for end in 0..bytes.len() {
                prop_assert!(decoded(&bytes[..end]).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decoded(&bytes);
        }
    }

    #[test]
    fn only_large_counts_are_kept() {
        let mut columns = Columns::default();
        columns.extend_from([(1, 1), (2, 5), (3, 2)].into_iter(), 2);
        columns.extend_from([(4, 4), (5, 5), (6, 1)].into_iter(), 5);
        let entry = |fingerprint, low| Entry { fingerprint, low, high: low };
        assert_eq!(listed(&columns), [entry(2, 5), entry(3, 2), entry(5, 5)]);
    }

    #[test]
    fn neighbours_with_equal_fingerprints_are_refused() {
        let mut bytes = Vec::new();
        let entry = |fingerprint| Entry { fingerprint, low: 1, high: 1 };
        encode(&[entry(5), entry(6)], &mut bytes);
        let at = bytes.iter().rposition(|&b| b == 1).unwrap();
        bytes[at] = 0;
        assert!(decoded(&bytes).is_err());
    }
}
