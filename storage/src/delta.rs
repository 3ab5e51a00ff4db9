//! How many values a delta-coded page says it has. The library reserves that many before it
//! looks at the values, so the number is compared with the page's first.
//!
//! Layout: <https://parquet.apache.org/docs/file-format/data-pages/encodings/#delta-encoding-delta_binary_packed--5>

/// The largest count that the streams at the start of `bytes` claim: one stream, or two, one
/// behind the other. `None` if they are damaged.
pub(crate) fn counts(bytes: &[u8], two_streams: bool) -> Option<u64> {
    let mut stream = Stream { bytes };
    let head = stream.head()?;
    if !two_streams {
        return Some(head.count);
    }
    stream.skip_blocks(&head)?;
    Some(stream.head()?.count.max(head.count))
}

struct Head {
    miniblocks: u64,
    values_per_miniblock: u64,
    count: u64,
}

struct Stream<'a> {
    bytes: &'a [u8],
}

impl Stream<'_> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn head(&mut self) -> Option<Head> {
        let block = self.varint()?;
        let miniblocks = self.varint()?;
        let count = self.varint()?;
        let _first = self.varint()?;
        let values_per_miniblock = block.checked_div(miniblocks)?;
        // Eight values at a width of one bit are the least that fills a byte.
        (values_per_miniblock >= 8).then_some(Head { miniblocks, values_per_miniblock, count })
    }

    /// Moves behind the blocks: each is a smallest delta, a width per miniblock, and those
    /// miniblocks that hold values.
    fn skip_blocks(&mut self, head: &Head) -> Option<()> {
        let mut left = head.count.saturating_sub(1);
        while left > 0 {
            self.varint()?;
            let count = usize::try_from(head.miniblocks).ok()?;
            let (widths, rest) = self.bytes.split_at_checked(count)?;
            self.bytes = rest;
            for width in widths {
                if left == 0 {
                    break;
                }
                let bits = u64::from(*width).checked_mul(head.values_per_miniblock)?;
                self.bytes = self.bytes.get(usize::try_from(bits / 8).ok()?..)?;
                left = left.saturating_sub(head.values_per_miniblock);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 128 in 4 miniblocks, `count` values from 0 on, all deltas 0.
    fn constant(count: u8) -> Vec<u8> {
        let mut bytes = vec![0x80, 0x01, 0x04, count, 0x00];
        if count > 1 {
            bytes.extend([0x00, 0, 0, 0, 0]);
        }
        bytes
    }

    #[test]
    fn counts_of_one_and_two_streams() {
        assert_eq!(counts(&constant(100), false), Some(100));
        let two = [constant(3), constant(90)].concat();
        assert_eq!(counts(&two, true), Some(90));
        assert_eq!(counts(&two[..7], true), None);
        assert_eq!(counts(&[], false), None);
    }

    #[test]
    fn miniblocks_with_values_are_skipped() {
        // Five values: one miniblock of 32 values at two bits is eight bytes.
        let mut bytes = vec![0x80, 0x01, 0x04, 5, 0x00, 0x00, 2, 0, 0, 0];
        bytes.extend([0xff; 8]);
        bytes.extend(constant(7));
        assert_eq!(counts(&bytes, true), Some(7));
    }
}
