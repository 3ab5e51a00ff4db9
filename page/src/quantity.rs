//! Numbers as people write them.

/// Stands between groups of three digits: narrow, and no line is broken there.
const GROUP: char = '\u{202f}';

/// A count with its digits in groups of three.
pub(crate) fn count(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut shown = String::from(if value < 0 { "−" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(GROUP);
        }
        shown.push(digit);
    }
    shown
}

/// A count and its noun, which takes an s unless it is one.
pub(crate) fn of(value: i64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(value))
}

/// A number of bytes in units of a thousand.
pub(crate) fn bytes(value: i64) -> String {
    let mut size = value as f64;
    for unit in ["bytes", "kB", "MB", "GB", "TB"] {
        if size < 1000.0 {
            let digits = usize::from(size < 10.0 && unit != "bytes");
            return format!("{size:.digits$} {unit}");
        }
        size /= 1000.0;
    }
    format!("{size:.0} PB")
}

/// A share of a whole in percent, with two digits that say something; "0 %" of nothing.
pub(crate) fn percent(part: i64, whole: i64) -> String {
    if part <= 0 || whole <= 0 {
        return format!("0{GROUP}%");
    }
    let share = 100.0 * part as f64 / whole as f64;
    let digits = match share {
        share if share >= 10.0 => 0,
        share if share >= 1.0 => 1,
        share if share >= 0.1 => 2,
        share if share >= 0.01 => 3,
        _ => return format!("less than 0.01{GROUP}%"),
    };
    format!("{share:.digits$}{GROUP}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(42_594), "42\u{202f}594");
        assert_eq!(count(-1_234_567), "−1\u{202f}234\u{202f}567");
        assert_eq!(of(1, "shard"), "1 shard");
        assert_eq!(of(2, "shard"), "2 shards");
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(171_000_000), "171 MB");
        assert_eq!(percent(1, 4), "25\u{202f}%");
        assert_eq!(percent(25, 6500), "0.38\u{202f}%");
        assert_eq!(percent(1, 1_000_000), "less than 0.01\u{202f}%");
        assert_eq!(percent(3, 0), "0\u{202f}%");
    }
}
