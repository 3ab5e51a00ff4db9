//! Numbers as people read them.

/// A count with its thousands marked: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A count of signed type, as reports have them; negative ones do not occur and show as 0.
pub fn signed_count(number: i64) -> String {
    count(u64::try_from(number).unwrap_or(0))
}

/// Bytes in powers of 1000 with three significant digits: `12.3 MB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    // 999.5 would be rounded to 1000.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Megabytes (10^6) per second; 0 where no time passed.
pub fn megabytes_per_second(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { bytes as f64 / 1e6 / seconds } else { 0.0 }
}

/// Seconds in the two units that matter: `9.1 s`, `3 min 20 s`, `2 h 5 min`.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `1 shard`, `2 shards`.
pub fn of(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short() {
        assert_eq!(
            [count(0), count(999), count(1000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [bytes(0), bytes(999), bytes(1000), bytes(999_500)],
            ["0 B", "999 B", "1.00 kB", "1.00 MB"]
        );
        assert_eq!([bytes(12_340_000), bytes(171_000_000)], ["12.3 MB", "171 MB"]);
        assert_eq!(
            [seconds(9.06), seconds(200.0), seconds(7500.0)],
            ["9.1 s", "3 min 20 s", "2 h 5 min"]
        );
        assert_eq!([of(1, "shard"), of(2, "shard")], ["1 shard", "2 shards"]);
        assert!(megabytes_per_second(1, 0.0) == 0.0);
    }
}
