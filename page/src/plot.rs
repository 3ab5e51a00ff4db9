//! Drawings: what stands where, in units of the drawing, as the template writes it.

use std::collections::{BTreeMap, BTreeSet};

use crate::dates::Histogram;
use crate::places::Cells;
use crate::quantity::of;
use crate::subject::ShardRow;
use crate::text::line;

/// Width of both drawings, and of the names on their left.
const WIDTH: f64 = 700.0;
const NAMES: f64 = 190.0;
/// Height of a row and of what stands above the first.
const ROW: f64 = 20.0;
const HEAD: f64 = 22.0;
/// Rows and columns at most: what is more is put together.
const MOST_ROWS: usize = 9;
const MOST_COLUMNS: usize = 32;
/// Characters of a name.
const SHOWN_NAME: usize = 26;
/// Radius of a dot for one document, and the largest.
const DOT: f64 = 2.5;
const LARGEST_DOT: f64 = 9.0;
/// Height of the highest bar.
const BARS: f64 = 60.0;

/// Documents by publisher and shard as dots whose areas grow with their number.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    pub axis: String,
    pub height: String,
    /// Where the columns end.
    pub bottom: String,
    /// Names with the height of their baseline.
    pub rows: Vec<(String, String)>,
    pub dots: Vec<Dot>,
    /// Middles of the columns, for a faint line each.
    pub columns: Vec<String>,
    pub first_shard: String,
    pub last_shard: String,
    pub description: String,
}

/// One dot.
#[derive(Debug, Clone)]
pub(crate) struct Dot {
    pub x: String,
    pub y: String,
    pub r: String,
    pub title: String,
}

/// Draws cells over all shards of the corpus; `None` if that would show nothing.
pub(crate) fn matrix(cells: &Cells, shards: &[ShardRow<'_>]) -> Option<Matrix> {
    if cells.counts.is_empty() || shards.len() < 2 {
        return None;
    }
    let rows = rows(cells);
    let columns = shards.len().min(MOST_COLUMNS);
    let step = (WIDTH - NAMES) / columns as f64;
    let middle = |column: usize| format!("{:.1}", NAMES + (column as f64 + 0.5) * step);
    let level = |row: usize| HEAD + (row as f64 + 0.5) * ROW;
    let mut sums: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for ((publisher, shard), documents) in &cells.counts {
        let row = rows.iter().position(|name| name == publisher).unwrap_or(rows.len() - 1);
        let shard = shards.binary_search_by(|known| known.key.cmp(shard)).unwrap_or(0);
        *sums.entry((row, shard * columns / shards.len())).or_default() += documents;
    }
    let dot = |(&(row, column), &documents): (&(usize, usize), &i64)| Dot {
        x: middle(column),
        y: format!("{:.1}", level(row)),
        r: format!("{:.1}", radius(documents).min(step / 2.0)),
        title: format!("{}: {}", line(&rows[row], SHOWN_NAME), of(documents, "document")),
    };
    Some(Matrix {
        axis: cells.axis.clone(),
        height: format!("{:.0}", HEAD + rows.len() as f64 * ROW + 6.0),
        bottom: format!("{:.0}", HEAD + rows.len() as f64 * ROW),
        dots: sums.iter().map(dot).collect(),
        columns: (0..columns).map(middle).collect(),
        first_shard: line(shards[0].key, 30),
        last_shard: line(shards[shards.len() - 1].key, 30),
        description: description(cells, shards.len()),
        rows: named(&rows, level),
    })
}

fn named(rows: &[String], level: impl Fn(usize) -> f64) -> Vec<(String, String)> {
    let row = |(index, name): (usize, &String)| {
        (line(name, SHOWN_NAME), format!("{:.1}", level(index) + 4.0))
    };
    rows.iter().enumerate().map(row).collect()
}

/// Area grows with the number of documents.
fn radius(documents: i64) -> f64 {
    (DOT * libm::sqrt(documents as f64)).min(LARGEST_DOT)
}

/// Publishers with the most documents first; what is beyond the last row is one row.
fn rows(cells: &Cells) -> Vec<String> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for ((publisher, _), documents) in &cells.counts {
        *sums.entry(publisher).or_default() += documents;
    }
    let mut rows: Vec<(&str, i64)> = sums.into_iter().collect();
    rows.sort_by_key(|(_, documents)| std::cmp::Reverse(*documents));
    let more = rows.len().saturating_sub(MOST_ROWS - 1);
    if more <= 1 {
        return rows.into_iter().map(|(name, _)| name.to_owned()).collect();
    }
    let named = rows.iter().take(MOST_ROWS - 1).map(|(name, _)| (*name).to_owned());
    named.chain([format!("{more} others")]).collect()
}

fn description(cells: &Cells, shards: usize) -> String {
    let publishers: BTreeSet<&str> = cells.counts.keys().map(|(name, _)| name.as_str()).collect();
    let held: BTreeSet<&str> = cells.counts.keys().map(|(_, shard)| shard.as_str()).collect();
    format!(
        "In {} of the {} of the corpus, under {} different values of {}.",
        held.len(),
        of(shards as i64, "shard"),
        publishers.len(),
        cells.axis
    )
}

/// Documents over time as bars.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    pub axis: String,
    pub bars: Vec<Bar>,
    pub first: String,
    pub last: String,
    pub description: String,
}

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// Draws a histogram.
pub(crate) fn bars(axis: &str, histogram: &Histogram) -> Option<Bars> {
    let most = *histogram.counts.iter().max()?;
    let step = (WIDTH - NAMES) / histogram.counts.len().max(12) as f64;
    let bar = |(index, &documents): (usize, &i64)| {
        let height = BARS * documents as f64 / most.max(1) as f64;
        Bar {
            x: format!("{:.1}", NAMES + index as f64 * step),
            y: format!("{:.1}", BARS + 8.0 - height),
            width: format!("{:.1}", (step - 1.5).max(1.0)),
            height: format!("{height:.1}"),
        }
    };
    let filled = histogram.counts.iter().enumerate().filter(|(_, documents)| **documents > 0);
    Some(Bars {
        axis: axis.to_owned(),
        bars: filled.map(bar).collect(),
        first: histogram.first.clone(),
        last: histogram.last.clone(),
        description: format!(
            "Documents per {} from {} to {}; at most {} in one.",
            histogram.unit, histogram.first, histogram.last, most
        ),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shard(key: &str) -> ShardRow<'_> {
        ShardRow { key, rows: 1, text_bytes: 1, is_read: true }
    }

    #[test]
    fn many_publishers_and_shards_are_put_together() {
        let keys: Vec<String> = (0..100).map(|index| format!("{index:03}")).collect();
        let shards: Vec<_> = keys.iter().map(|key| shard(key)).collect();
        let counts = (0..50).map(|index| ((format!("host-{index}"), keys[index * 2].clone()), 1));
        let cells = Cells { axis: "host".into(), counts: counts.collect() };
        let matrix = matrix(&cells, &shards).unwrap();
        assert_eq!(matrix.rows.len(), MOST_ROWS);
        assert_eq!(matrix.rows[8].0, "42 others");
        assert_eq!(matrix.columns.len(), MOST_COLUMNS);
        assert!(matrix.dots.len() <= MOST_ROWS * MOST_COLUMNS);
        assert_eq!(
            matrix.description,
            "In 50 of the 100 shards of the corpus, under 50 different values of host."
        );
    }

    #[test]
    fn one_shard_needs_no_drawing() {
        let cells = Cells { axis: "host".into(), counts: [(("a".into(), "b".into()), 1)].into() };
        assert!(matrix(&cells, &[shard("b")]).is_none());
        assert!(matrix(&Cells::default(), &[shard("a"), shard("b")]).is_none());
    }

    #[test]
    fn bars_are_as_high_as_their_counts() {
        let histogram =
            Histogram { unit: "day", counts: vec![1, 0, 2], first: "a".into(), last: "c".into() };
        let bars = bars("date", &histogram).unwrap();
        let heights: Vec<_> = bars.bars.iter().map(|bar| bar.height.as_str()).collect();
        assert_eq!(heights, ["30.0", "60.0"]);
    }
}
