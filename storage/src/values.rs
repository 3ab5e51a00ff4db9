//! Values of axis and id columns as text.

use arrow::array::{Array, AsArray, BinaryViewArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType};

use crate::columns::{Column, Kind, Unit};

/// Longest value of an axis or id in bytes; a longer one is cut at a character border. Enough
/// for any URL, and a bound on what a hostile file can make a table of localities hold.
pub(crate) const VALUE_BYTES_MAX: usize = 4096;

/// Texts or nulls in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    buffer: String,
    /// End of each value in the buffer, and whether it is one.
    ends: Vec<(usize, bool)>,
}

impl Texts {
    fn push(&mut self, value: Option<&str>) {
        self.buffer.push_str(value.unwrap_or_default());
        self.ends.push((self.buffer.len(), value.is_some()));
    }

    /// The value at `index`, or `None` for null or past the end.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        let (end, is_value) = *self.ends.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |(end, _)| *end);
        self.buffer.get(start..end).filter(|_| is_value)
    }
}

/// The values of the narrow column `index` of a batch, each rewritten by `rewrite`, which may
/// refuse one.
pub(crate) fn texts(
    batch: &RecordBatch,
    columns: &[Column],
    index: usize,
    rewrite: impl Fn(&str) -> Option<String>,
) -> Texts {
    let mut texts = Texts::default();
    let (Some(column), Some(array)) = (columns.get(index), batch.columns().get(index)) else {
        return texts;
    };
    for row in 0..array.len() {
        let value = (!array.is_null(row)).then(|| shown(column, array.as_ref(), row)).flatten();
        texts.push(value.and_then(|value| rewrite(&value)).as_deref());
    }
    texts
}

fn shown(column: &Column, array: &dyn Array, row: usize) -> Option<String> {
    let number = || integer(array, row);
    match column.kind {
        Kind::Text => array.as_binary_view_opt().map(|array| text(array, row)),
        Kind::Integer { signed: true } => number().map(|value| value.to_string()),
        Kind::Integer { signed: false } => number().map(|value| unsigned(array, value)),
        Kind::Boolean => array.as_boolean_opt().map(|array| array.value(row).to_string()),
        Kind::Date => number().map(day),
        Kind::Timestamp(unit) => number().map(|value| instant(value, unit)),
        Kind::Other => None,
    }
}

fn text(array: &BinaryViewArray, row: usize) -> String {
    let bytes = array.value(row);
    let cut = &bytes[..char_floor(bytes, VALUE_BYTES_MAX)];
    String::from_utf8_lossy(cut).into_owned()
}

/// The largest border of a character that is at most `most`, if `bytes` are UTF-8; in any case
/// within three bytes of it.
pub(crate) fn char_floor(bytes: &[u8], most: usize) -> usize {
    if bytes.len() <= most {
        return bytes.len();
    }
    let is_border = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let lowest = most.saturating_sub(3);
    (lowest..=most).rev().find(is_border).unwrap_or(most)
}

fn integer(array: &dyn Array, row: usize) -> Option<i64> {
    if let Some(array) = array.as_primitive_opt::<Int32Type>() {
        return Some(i64::from(array.value(row)));
    }
    if let Some(array) = array.as_primitive_opt::<Int64Type>() {
        return Some(array.value(row));
    }
    let array: &PrimitiveArray<TimestampNanosecondType> = array.as_primitive_opt()?;
    Some(array.value(row))
}

fn unsigned(array: &dyn Array, value: i64) -> String {
    match array.as_primitive_opt::<Int32Type>() {
        Some(_) => (value as i32).cast_unsigned().to_string(),
        None => value.cast_unsigned().to_string(),
    }
}

/// Days since 1970-01-01 as YYYY-MM-DD.
///
/// The algorithm is `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms" (<https://howardhinnant.github.io/date_algorithms.html>).
pub(crate) fn day(days: i64) -> String {
    let shifted = i128::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here, so that a leap day is the last.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A timestamp as YYYY-MM-DDTHH:MM:SS, with a fraction where there is one.
fn instant(value: i64, unit: Unit) -> String {
    let (per_second, digits) = match unit {
        Unit::Millis => (1_000, 3),
        Unit::Micros => (1_000_000, 6),
        Unit::Nanos | Unit::Int96 => (1_000_000_000, 9),
    };
    let (seconds, fraction) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let time = format!("{}T{hour:02}:{minute:02}:{second:02}", day(days));
    match fraction {
        0 => time,
        _ => format!("{time}.{fraction:0digits$}"),
    }
}

/// Cuts what looks like an ISO timestamp to its day; anything else stays as it is.
pub(crate) fn cut_to_day(value: &str) -> String {
    let bytes = value.as_bytes();
    let matches = |(at, byte): (usize, &u8)| match at {
        4 | 7 => *byte == b'-',
        10 => matches!(byte, b'T' | b't' | b' '),
        _ => byte.is_ascii_digit(),
    };
    let looks_like = bytes.len() > 10 && bytes.iter().take(11).enumerate().all(matches);
    match value.get(..10) {
        Some(day) if looks_like => day.to_owned(),
        _ => value.to_owned(),
    }
}

/// The host of a URL, in lower case and without port; also of one without a scheme.
pub(crate) fn host(value: &str) -> Option<String> {
    let value = value.trim();
    let with_scheme = match value.contains("://") {
        true => url::Url::parse(value),
        false => url::Url::parse(&format!("http://{}", value.trim_start_matches("//"))),
    };
    let url = with_scheme.ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_lowercase();
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_the_calendar() {
        let cases = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (-719_528, "0000-01-01"),
        ];
        for (days, expected) in cases {
            assert_eq!(day(days), expected);
        }
        // Whatever a file says, it is only text.
        assert!(!day(i64::MAX).is_empty() && !day(i64::MIN).is_empty());
    }

    #[test]
    fn instants_keep_their_fraction() {
        let cases = [
            (0, Unit::Millis, "1970-01-01T00:00:00"),
            (-1, Unit::Millis, "1969-12-31T23:59:59.999"),
            (1_500, Unit::Micros, "1970-01-01T00:00:00.001500"),
            (86_400_000_000_001, Unit::Nanos, "1970-01-02T00:00:00.000000001"),
        ];
        for (value, unit, expected) in cases {
            assert_eq!(instant(value, unit), expected);
        }
    }

    #[test]
    fn only_timestamps_are_cut() {
        let cases = [
            ("2024-05-06T07:08:09Z", "2024-05-06"),
            ("2024-05-06 07:08", "2024-05-06"),
            ("2024-05-06", "2024-05-06"),
            ("2024-05-06x", "2024-05-06x"),
            ("May 2024, the 6th", "May 2024, the 6th"),
            ("2024-05-0６T00", "2024-05-0６T00"),
        ];
        for (value, expected) in cases {
            assert_eq!(cut_to_day(value), expected);
        }
    }

    #[test]
    fn hosts_of_urls() {
        let cases = [
            ("https://user:pw@WWW.Example.org:8080/a?b#c", Some("www.example.org")),
            ("example.org/path", Some("example.org")),
            ("//cdn.example.org/x", Some("cdn.example.org")),
            ("http://example.org./", Some("example.org")),
            ("http://[::1]/", Some("[::1]")),
            ("not a url at all", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(host(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn cuts_fall_on_characters() {
        let text = "aé漢😀".as_bytes();
        let floors: Vec<_> = (0..=text.len()).map(|most| char_floor(text, most)).collect();
        assert_eq!(floors, [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]);
    }
}
