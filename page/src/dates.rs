//! Documents over time.

/// Longest span that is shown day by day, and month by month; beyond that year by year.
const MOST_DAYS: i64 = 62;
const MOST_MONTHS: i64 = 60;
/// Years beyond which values are no dates.
const MOST_YEARS: i64 = 120;

/// A calendar date; month and day are 1 where a value leaves them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// The date at the start of a value such as `2026-11-30T10:00` or `2026-11`; `None` without.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.get(..text.len().min(10)).unwrap_or(text).split(['-', '/', 'T', ' ']);
        let year = number(parts.next()?, 4).filter(|year| (1000..3000).contains(year))?;
        let month = number(parts.next()?, 2).filter(|month| (1..=12).contains(month))?;
        let day = parts.next().and_then(|day| number(day, 2));
        Some(Self { year, month, day: day.filter(|day| (1..=31).contains(day)).unwrap_or(1) })
    }

    /// Days since 1970-01-01 in the Gregorian calendar (Hinnant, chrono-compatible low-level date
    /// algorithms, `days_from_civil`).
    fn days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    fn months(self) -> i64 {
        self.year * 12 + self.month - 1
    }
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Documents per day, month or year, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Histogram {
    pub unit: &'static str,
    pub counts: Vec<i64>,
    /// The first and the last of the units.
    pub first: String,
    pub last: String,
}

/// Counts dates; `None` without any, or if they span centuries.
pub(crate) fn histogram(dates: &[Date]) -> Option<Histogram> {
    let (first, last) = (*dates.iter().min()?, *dates.iter().max()?);
    let filled = |unit, key: fn(Date) -> i64, label: fn(Date) -> String| {
        let mut counts = vec![0; (key(last) - key(first) + 1) as usize];
        dates.iter().for_each(|date| counts[(key(*date) - key(first)) as usize] += 1);
        Histogram { unit, counts, first: label(first), last: label(last) }
    };
    if last.days() - first.days() < MOST_DAYS {
        let label = |date: Date| format!("{}-{:02}-{:02}", date.year, date.month, date.day);
        return Some(filled("day", Date::days, label));
    }
    if last.months() - first.months() < MOST_MONTHS {
        let label = |date: Date| format!("{}-{:02}", date.year, date.month);
        return Some(filled("month", Date::months, label));
    }
    let is_short = last.year - first.year < MOST_YEARS;
    is_short.then(|| filled("year", |date| date.year, |date| date.year.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn histogram_of(texts: &[&str]) -> Option<Histogram> {
        let dates: Vec<_> = texts.iter().filter_map(|text| Date::parse(text)).collect();
        histogram(&dates)
    }

    #[test]
    fn dates_are_read() {
        for (text, days) in [("1970-01-01", 0), ("2000-03-01T10", 11_017), ("2026-11-26", 20_783)] {
            assert_eq!(Date::parse(text).unwrap().days(), days, "{text}");
        }
        assert_eq!(Date::parse("2026-11").unwrap().days(), 20_758);
        for text in ["", "2026", "CC-MAIN-2026-05", "26-11-01", "2026-13-01", "漢字漢字漢字漢字"]
        {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn units_follow_the_span() {
        let days = histogram_of(&["2026-02-27", "2026-03-01", "2026-03-01"]).unwrap();
        assert_eq!((days.unit, days.counts), ("day", vec![1, 0, 2]));
        let months = histogram_of(&["2025-11-27", "2026-02-01"]).unwrap();
        assert_eq!((months.counts, months.first.as_str()), (vec![1, 0, 0, 1], "2025-11"));
        let years = histogram_of(&["2001-01-01", "2026-02-01"]).unwrap();
        assert_eq!((years.unit, years.counts.len()), ("year", 26));
        assert_eq!(histogram_of(&["1001-01-01", "2026-02-01"]), None);
        assert_eq!(histogram_of(&[]), None);
    }
}
