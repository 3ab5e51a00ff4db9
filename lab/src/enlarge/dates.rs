//! Days before a date, in the proleptic Gregorian calendar.

/// A date of the form `YYYY-MM-DD…` as many days earlier; what stands behind the day stays. Any other text as it is.
pub(super) fn earlier(date: &str, days: i64) -> String {
    match parse(date) {
        Some((day, rest)) => format!("{}{rest}", written(day - days)),
        None => date.to_owned(),
    }
}

fn parse(date: &str) -> Option<(i64, &str)> {
    let day = date.get(..10)?;
    let mut parts = day.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let valid = parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
    valid.then(|| (day_number(year, month, day), &date[10..]))
}

/// Days since 1970-01-01 (H. Hinnant, `chrono`-compatible low-level date algorithms, `days_from_civil`).
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`day_number`] (`civil_from_days`), written out.
fn written(day_number: i64) -> String {
    let shifted = day_number + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn months_and_leap_years_are_crossed() {
        assert_eq!(earlier("2024-03-01", 1), "2024-02-29");
        assert_eq!(earlier("2023-03-01T10:00:00Z", 1), "2023-02-28T10:00:00Z");
        assert_eq!(earlier("1970-01-01", 31), "1969-12-01");
        assert_eq!(earlier("yesterday", 31), "yesterday");
        assert_eq!(earlier("2024-13-01", 31), "2024-13-01");
    }

    proptest! {
        #[test]
        fn no_days_change_nothing(year in 1i64..9999, month in 1i64..=12, day in 1i64..=28) {
            let date = format!("{year:04}-{month:02}-{day:02}");
            prop_assert_eq!(earlier(&date, 0), date);
        }
    }
}
