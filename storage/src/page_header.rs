//! The sizes that a page header claims, read before the Parquet library acts on them.
//!
//! The library reserves what a header claims (arrow-rs#10734), so a claim is checked against the
//! limits while the header is still bytes. A page header is a Thrift struct in the compact
//! protocol (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>);
//! its fields 1, 2 and 3 are type, uncompressed and compressed size of the page, each an i32.

/// Structs nest two deep in a page header; more is an attack on the stack.
const DEPTH: u8 = 8;

/// What a header claims.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub uncompressed_bytes: i64,
    pub compressed_bytes: i64,
}

/// Why a header was not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// It goes on past the bytes given.
    Incomplete,
    /// It is not a page header.
    Invalid(&'static str),
}

type Parsed<T> = Result<T, HeaderError>;

/// Reads the sizes from the page header at the start of `bytes`. A field that comes twice makes
/// the header invalid: the library would believe the second.
pub(crate) fn claim(bytes: &[u8]) -> Parsed<Claim> {
    let mut cursor = Cursor { bytes };
    let mut sizes = [None; 4];
    let mut id = 0_i64;
    while let Some((field, kind)) = cursor.field(id)? {
        id = field;
        match usize::try_from(field).ok().and_then(|id| sizes.get_mut(id)) {
            Some(size) if kind == I32 && size.is_none() => *size = Some(cursor.zigzag()?),
            Some(_) => {
                return Err(HeaderError::Invalid("a size comes twice or has another type"));
            }
            None => cursor.skip(kind, DEPTH)?,
        }
    }
    let missing = HeaderError::Invalid("a size is missing");
    match sizes {
        [None, Some(_), Some(uncompressed_bytes), Some(compressed_bytes)] => {
            Ok(Claim { uncompressed_bytes, compressed_bytes })
        }
        _ => Err(missing),
    }
}

const I32: u8 = 5;

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl Cursor<'_> {
    fn byte(&mut self) -> Parsed<u8> {
        let (first, rest) = self.bytes.split_first().ok_or(HeaderError::Incomplete)?;
        self.bytes = rest;
        Ok(*first)
    }

    fn advance(&mut self, count: u64) -> Parsed<()> {
        let count = usize::try_from(count).map_err(|_| HeaderError::Incomplete)?;
        self.bytes = self.bytes.get(count..).ok_or(HeaderError::Incomplete)?;
        Ok(())
    }

    fn varint(&mut self) -> Parsed<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(HeaderError::Invalid("a number is too long"))
    }

    fn zigzag(&mut self) -> Parsed<i64> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The next field's number and type, or `None` at the end of the struct.
    fn field(&mut self, last: i64) -> Parsed<Option<(i64, u8)>> {
        let head = self.byte()?;
        if head & 0x0f == 0 {
            return Ok(None);
        }
        let id = match head >> 4 {
            0 => self.zigzag()?,
            step => last.saturating_add(i64::from(step)),
        };
        Ok(Some((id, head & 0x0f)))
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Parsed<()> {
        let depth = depth.checked_sub(1).ok_or(HeaderError::Invalid("structs nest too deep"))?;
        match kind {
            1 | 2 => Ok(()),
            3 => self.advance(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.advance(8),
            8 => {
                let length = self.varint()?;
                self.advance(length)
            }
            9 | 10 => self.skip_list(depth),
            12 => self.skip_struct(depth),
            _ => Err(HeaderError::Invalid("a field has an unknown type")),
        }
    }

    fn skip_struct(&mut self, depth: u8) -> Parsed<()> {
        let mut id = 0;
        while let Some((field, kind)) = self.field(id)? {
            id = field;
            self.skip(kind, depth)?;
        }
        Ok(())
    }

    fn skip_list(&mut self, depth: u8) -> Parsed<()> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        for _ in 0..count {
            // In a list, unlike in a struct, a truth value takes a byte.
            match head & 0x0f {
                1 | 2 => self.advance(1)?,
                kind => self.skip(kind, depth)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// type 0, uncompressed 1000, compressed 400, then a data page header {values 7, encoding 0,
    /// levels 3 and 3}.
    const HEADER: [u8; 18] = [
        0x15, 0x00, 0x15, 0xd0, 0x0f, 0x15, 0xa0, 0x06, 0x2c, 0x15, 0x0e, 0x15, 0x00, 0x15, 0x06,
        0x15, 0x06, 0x00,
    ];

    #[test]
    fn sizes_are_read() {
        let mut bytes = HEADER.to_vec();
        bytes.push(0);
        bytes.extend([0xff; 20]);
        let expected = Claim { uncompressed_bytes: 1000, compressed_bytes: 400 };
        assert_eq!(claim(&bytes).unwrap(), expected);
    }

    #[test]
    fn every_prefix_is_incomplete() {
        let whole = [&HEADER[..], &[0]].concat();
        for end in 0..whole.len() {
            assert_eq!(claim(&whole[..end]), Err(HeaderError::Incomplete), "{end}");
        }
    }

    #[test]
    fn a_second_size_is_refused() {
        // Field 2 again, by its full number.
        let again = [&HEADER[..], &[0x05, 0x04, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x00]].concat();
        assert!(matches!(claim(&again), Err(HeaderError::Invalid(_))));
    }

    #[test]
    fn negative_sizes_stay_negative() {
        let bytes = [0x15, 0x00, 0x15, 0x01, 0x15, 0x03, 0x00];
        let claim = claim(&bytes).unwrap();
        assert_eq!((claim.uncompressed_bytes, claim.compressed_bytes), (-1, -2));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let bytes = [0x4c; 100];
        assert!(matches!(claim(&bytes), Err(HeaderError::Invalid(_))));
    }
}
