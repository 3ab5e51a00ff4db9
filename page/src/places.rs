//! Where the documents of a campaign sit, by the occurrences that are listed.

use std::collections::BTreeMap;

use taster_findings::Occurrence;

use crate::dates::{Date, Histogram, histogram};
use crate::quantity::{count, of};
use crate::selection::document;
use crate::text::line;

/// Names of axes that say who published a document, the most telling first.
const PUBLISHERS: [&str; 5] = ["host", "domain", "source", "author", "language"];
/// Localities of an axis that are named.
const SHOWN: usize = 3;
/// Characters of a name.
const SHOWN_NAME: usize = 60;
/// Share of an axis' values that must be dates for it to be an axis of time, as a divisor.
const DATES: usize = 2;

/// Where a campaign sits.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// What was counted.
    pub basis: String,
    pub axes: Vec<Axis>,
    /// Documents by publisher and shard.
    pub cells: Cells,
    /// Documents over time, and the axis that says so.
    pub dates: Option<(String, Histogram)>,
}

/// The localities of one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    pub name: String,
    pub different: String,
    /// The most frequent ones with their documents.
    pub most: Vec<(String, String)>,
}

/// Documents by publisher and shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cells {
    /// Name of the axis of publishers; empty if there is none.
    pub axis: String,
    /// Publisher, shard key, documents.
    pub counts: BTreeMap<(String, String), i64>,
}

/// The places of documents: one occurrence each. `documents` is how many there are in truth.
pub(crate) fn places<'a>(
    occurrences: impl Iterator<Item = &'a Occurrence>,
    documents: i64,
) -> Option<Places> {
    let by_document: BTreeMap<_, _> = occurrences.map(|o| (document(o), o)).collect();
    let listed: Vec<&Occurrence> = by_document.into_values().collect();
    let first = listed.first()?;
    let names = std::iter::once("shard").chain(first.axes.keys().map(String::as_str));
    let axes: Vec<Axis> = names.filter_map(|name| axis(&listed, name)).collect();
    Some(Places {
        basis: basis(listed.len() as i64, documents),
        axes,
        cells: cells(&listed),
        dates: dates(&listed),
    })
}

fn basis(listed: i64, documents: i64) -> String {
    if listed >= documents {
        return format!("All {}.", of(listed, "document"));
    }
    format!("The {} of {} whose occurrences are listed.", count(listed), of(documents, "document"))
}

/// The value of an occurrence on an axis.
fn value<'a>(occurrence: &'a Occurrence, axis: &str) -> Option<&'a str> {
    if axis == "shard" {
        return Some(&occurrence.shard);
    }
    occurrence.axes.get(axis)?.as_deref()
}

fn axis(listed: &[&Occurrence], name: &str) -> Option<Axis> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for value in listed.iter().filter_map(|occurrence| value(occurrence, name)) {
        *counts.entry(value).or_default() += 1;
    }
    let mut most: Vec<(&str, i64)> = counts.iter().map(|(value, count)| (*value, *count)).collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    most.truncate(SHOWN);
    (!counts.is_empty()).then(|| Axis {
        name: line(name, SHOWN_NAME),
        different: count(counts.len() as i64),
        most: most
            .into_iter()
            .map(|(value, documents)| (line(value, SHOWN_NAME), count(documents)))
            .collect(),
    })
}

fn cells(listed: &[&Occurrence]) -> Cells {
    let tells = |axis: &&str| listed.iter().any(|occurrence| value(occurrence, axis).is_some());
    let Some(axis) = PUBLISHERS.into_iter().find(tells) else {
        return Cells::default();
    };
    let mut counts = BTreeMap::new();
    for occurrence in listed {
        let publisher = value(occurrence, axis).unwrap_or("(none)").to_owned();
        *counts.entry((publisher, occurrence.shard.as_ref().to_owned())).or_insert(0) += 1;
    }
    Cells { axis: axis.to_owned(), counts }
}

/// The first axis most of whose values are dates, with the documents over time.
fn dates(listed: &[&Occurrence]) -> Option<(String, Histogram)> {
    let on = |axis: &str| -> Vec<Date> {
        listed.iter().filter_map(|o| value(o, axis).and_then(Date::parse)).collect()
    };
    let axes = listed.first()?.axes.keys();
    let dated = axes.map(|axis| (axis, on(axis)));
    let (axis, dates) = dated.into_iter().find(|(_, dates)| dates.len() * DATES > listed.len())?;
    Some((line(axis, SHOWN_NAME), histogram(&dates)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::occurrence::tests::occurrence;

    fn at(shard: &str, row: i64, host: Option<&str>, date: &str) -> Occurrence {
        let mut occurrence = occurrence("", "");
        (occurrence.shard, occurrence.row) = (shard.into(), row);
        let axes = [("host", host.map(str::to_owned)), ("date", Some(date.to_owned()))];
        occurrence.axes = Occurrence::own_axes(axes.map(|(name, value)| (name.to_owned(), value)));
        occurrence
    }

    #[test]
    fn documents_are_counted_once() {
        let all = [
            at("a", 0, Some("x.org"), "2026-01-02"),
            at("a", 0, Some("x.org"), "2026-01-02"),
            at("a", 1, Some("y.org"), "2026-01-03"),
            at("b", 0, Some("x.org"), ""),
        ];
        let places = places(all.iter(), 7).unwrap();
        assert_eq!(places.basis, "The 3 of 7 documents whose occurrences are listed.");
        let names: Vec<_> = places.axes.iter().map(|axis| axis.name.as_str()).collect();
        assert_eq!(names, ["shard", "date", "host"]);
        assert_eq!(places.axes[2].different, "2");
        assert_eq!(places.axes[2].most[0], ("x.org".to_owned(), "2".to_owned()));
        assert_eq!(places.cells.axis, "host");
        assert_eq!(places.cells.counts[&("x.org".to_owned(), "a".to_owned())], 1);
        assert_eq!(places.dates.unwrap().1.counts, [1, 1]);
    }

    #[test]
    fn without_axes_there_is_the_shard() {
        let mut one = at("a", 0, None, "");
        one.axes = Occurrence::own_axes([]);
        let places = places([one].iter(), 1).unwrap();
        assert_eq!((places.axes.len(), places.cells.counts.len()), (1, 0));
        assert!(places.dates.is_none());
        assert!(super::places([].iter(), 1).is_none());
    }
}
