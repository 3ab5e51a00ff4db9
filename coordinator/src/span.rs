//! Durations as people write them.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Longer spans are typing errors: a hundred days.
const LONGEST: Duration = Duration::from_secs(100 * 24 * 3600);

/// A duration: `20s`, `500ms`, `5m`, `2h`; a number alone is seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("expected a duration such as 20s, 500ms, 5m or 2h, got {text:?}");
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(end);
        let millis = unit_millis(unit.trim()).ok_or_else(error)?;
        let millis = number.parse::<u64>().ok().and_then(|n| n.checked_mul(millis));
        let span = millis.map(Duration::from_millis).filter(|span| *span <= LONGEST);
        span.map(Self).ok_or_else(error)
    }
}

fn unit_millis(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "" | "s" => Some(1000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(seconds) => seconds.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, millis) in
            [("20s", 20_000), ("500ms", 500), (" 5 m ", 300_000), ("2h", 7_200_000), ("7", 7000)]
        {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_given() {
        for text in ["", "s", "-1s", "1.5s", "3 days", "99999999999999999999", "2401h"] {
            let error = text.parse::<Span>().unwrap_err();
            assert!(error.ends_with(&format!("got {text:?}")), "{error}");
        }
    }
}
