//! Sizes as people write them.

use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// A number of bytes: `1000`, `512MiB`, `64 MiB`, `1.5GB`, `4g`.
///
/// `KiB`, `MiB`, … and single letters are powers of 1024, `kB`, `MB`, … powers of 1000; case
/// does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("expected a size such as 4GiB, 512MB or 1000, got {text:?}");
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let unit = unit_bytes(unit.trim()).ok_or_else(error)?;
        bytes(number, unit).map(Self).ok_or_else(error)
    }
}

fn unit_bytes(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let power = |letter: &str| "kmgt".find(letter).map(|power| power as u32 + 1);
    match unit.as_str() {
        "" | "b" => Some(1),
        _ if unit.len() == 1 => Some(1024_u64.pow(power(&unit)?)),
        _ if unit.len() == 2 => Some(1000_u64.pow(power(unit.strip_suffix('b')?)?)),
        _ if unit.len() == 3 => Some(1024_u64.pow(power(unit.strip_suffix("ib")?)?)),
        _ => None,
    }
}

fn bytes(number: &str, unit: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let product = number.parse::<f64>().ok()? * unit as f64;
    // Beyond 2^53 a fraction has no meaning any more.
    (product < (1_u64 << 53) as f64).then_some(product as u64)
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("1000", 1000),
            ("0", 0),
            ("12B", 12),
            ("4GiB", 4 << 30),
            ("64 MiB", 64 << 20),
            (" 64mib ", 64 << 20),
            ("2k", 2048),
            ("3T", 3 << 40),
            ("1.5GB", 1_500_000_000),
            ("0.5KiB", 512),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_given() {
        for text in [
            "",
            "GiB",
            "-1",
            "4 XB",
            "1..2",
            "4GiBB",
            "99999999999T",
            "1e9",
            "四",
            "9e99GiB",
            "1.5.1k",
        ] {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert!(error.ends_with(&format!("got {text:?}")), "{error}");
        }
    }
}
