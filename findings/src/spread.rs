//! How far an n-gram's documents are spread: distinct localities over those expected of as many
//! random documents. Near 1 for unrelated documents, near 0 inside one site.

use std::collections::BTreeMap;

use crate::summary::{AxisTotals, CorpusTotals, Summary};
use crate::tails::hypergeometric_upper_log10;

/// Every n up to here has its own entry: most screened n-grams are this rare.
const EXACT_UP_TO: u64 = 256;

/// Beyond, entries per doubling; linear interpolation of so smooth a curve then errs < 1e-3.
const POINTS_PER_DOUBLING: u32 = 8;

/// Axes that say who published a document, best first. Dates and shards do not: unrelated
/// documents share them.
pub(crate) const PUBLISHER_AXES: [&str; 3] = ["host", "domain", "source"];

/// An axis speaks for an n-gram only if it knows at least this share of its documents.
const MIN_KNOWN_SHARE: f64 = 0.5;

/// An axis with one locality, or nearly one document each, would still say something; an axis
/// with fewer localities than this says nothing about who published a document.
const MIN_LOCALITIES: usize = 2;

/// Expected number of distinct localities among n random canonical documents of one axis,
/// precomputed: Σ over localities of 1 - C(N-K, n)/C(N, n), the hypergeometric form of the
/// classical occupancy expectation (S. Hurlbert's rarefaction, Ecology 52, 1971).
#[derive(Debug, Clone, PartialEq)]
pub struct SpreadTable {
    /// Values for n = 0..=EXACT_UP_TO (or fewer).
    exact: Vec<f64>,
    /// (n, value) beyond, rising in both.
    grid: Vec<(u64, f64)>,
}

impl SpreadTable {
    /// Builds the table; work grows with the number of *different* locality sizes.
    #[must_use]
    pub fn new(axis: &AxisTotals) -> Self {
        let sizes = sizes(axis);
        let population: u64 = sizes.iter().map(|(size, times)| size * times).sum();
        let exact = exact_values(&sizes, population);
        let floor = exact.last().copied().unwrap_or(0.0);
        let mut highest = floor;
        let grid = grid_points(population)
            .map(|n| {
                highest = expected_by_tail(&sizes, population, n).max(highest);
                (n, highest)
            })
            .collect();
        Self { exact, grid }
    }

    /// Expected distinct localities among `n` random documents; n above the number of documents
    /// counts as that number.
    #[must_use]
    pub fn expected_distinct(&self, n: u64) -> f64 {
        if let Some(value) = usize::try_from(n).ok().and_then(|i| self.exact.get(i)) {
            return *value;
        }
        let after = self.grid.partition_point(|&(point, _)| point < n);
        let low = after.checked_sub(1).map_or_else(|| self.last_exact(), |i| self.grid[i]);
        match self.grid.get(after) {
            Some(&high) => interpolate(low, high, n),
            None => low.1,
        }
    }

    fn last_exact(&self) -> (u64, f64) {
        let last = self.exact.len().saturating_sub(1);
        (last as u64, self.exact.last().copied().unwrap_or(0.0))
    }
}

/// Locality size -> how many localities have it.
fn sizes(axis: &AxisTotals) -> BTreeMap<u64, u64> {
    let mut sizes = BTreeMap::new();
    for &size in axis.localities.iter().filter(|&&size| size > 0) {
        *sizes.entry(size).or_insert(0) += 1;
    }
    sizes
}

/// The running product Π (N-K-i)/(N-i) is the chance to miss a locality with n draws.
fn exact_values(sizes: &BTreeMap<u64, u64>, population: u64) -> Vec<f64> {
    let last = population.min(EXACT_UP_TO);
    let mut misses: Vec<(u64, f64, f64)> =
        sizes.iter().map(|(&size, &times)| (size, times as f64, 1.0)).collect();
    let mut values = vec![0.0];
    for drawn in 0..last {
        let mut expected = 0.0;
        for (size, times, miss) in &mut misses {
            let others_left = (population - *size).saturating_sub(drawn);
            *miss *= others_left as f64 / (population - drawn) as f64;
            expected += *times * (1.0 - *miss);
        }
        values.push(expected);
    }
    values
}

/// The same expectation for a large n, one tail per size: P[at least one of n in the locality].
fn expected_by_tail(sizes: &BTreeMap<u64, u64>, population: u64, n: u64) -> f64 {
    sizes
        .iter()
        .map(|(&size, &times)| {
            let log10_hit = hypergeometric_upper_log10(population, size, n, 1);
            times as f64 * libm::exp10(log10_hit)
        })
        .sum()
}

/// Geometric points above the exact part, the last one at the population itself.
fn grid_points(population: u64) -> impl Iterator<Item = u64> {
    let step = libm::exp2(1.0 / f64::from(POINTS_PER_DOUBLING));
    let mut next = EXACT_UP_TO;
    std::iter::from_fn(move || {
        if next >= population {
            return None;
        }
        next = ((next as f64 * step).ceil() as u64).min(population);
        Some(next)
    })
}

fn interpolate(low: (u64, f64), high: (u64, f64), n: u64) -> f64 {
    let share = (n - low.0) as f64 / (high.0 - low.0) as f64;
    low.1 + share * (high.1 - low.1)
}

/// Spread factors of n-grams over the publishers of a corpus.
#[derive(Debug, Clone)]
pub struct Spread {
    /// (axis ordinal, table), the axis to ask first in front.
    tables: Vec<(usize, SpreadTable)>,
}

impl Spread {
    /// Precomputes a table for each axis that tells publishers apart.
    #[must_use]
    pub fn new(totals: &CorpusTotals) -> Self {
        let tables = PUBLISHER_AXES
            .iter()
            .filter_map(|name| totals.place_axis(name))
            .filter(|&ordinal| totals.axes[ordinal].localities.len() >= MIN_LOCALITIES)
            .map(|ordinal| (ordinal, SpreadTable::new(&totals.axes[ordinal])))
            .collect();
        Self { tables }
    }

    /// min(1, distinct / expected) on the first publisher axis that knows the n-gram's documents;
    /// 1 when none does: an unknown publisher is no evidence against anything.
    #[must_use]
    pub fn factor(&self, summary: &Summary) -> f64 {
        self.asked(summary).map_or(1.0, |(ordinal, table)| {
            let place = &summary.places[ordinal];
            let expected = table.expected_distinct(place.with_value).max(1.0);
            (place.distinct as f64 / expected).min(1.0)
        })
    }

    /// Ordinal of the axis by which [`Self::factor`] knows the n-gram's publishers.
    #[must_use]
    pub fn publisher_axis(&self, summary: &Summary) -> Option<usize> {
        self.asked(summary).map(|(ordinal, _)| ordinal)
    }

    fn asked(&self, summary: &Summary) -> Option<(usize, &SpreadTable)> {
        let knows = |ordinal: usize| {
            summary.places.get(ordinal).is_some_and(|place| {
                let known = place.with_value as f64;
                place.with_value > 0 && known >= MIN_KNOWN_SHARE * summary.edf as f64
            })
        };
        let (ordinal, table) = self.tables.iter().find(|(ordinal, _)| knows(*ordinal))?;
        Some((*ordinal, table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::AxisSummary;
    use crate::twin::{even_corpus, plain_summary};
    use proptest::prelude::*;

    fn axis(localities: Vec<u64>) -> AxisTotals {
        AxisTotals {
            name: "host".into(),
            is_label: false,
            with_value: localities.iter().sum(),
            localities,
        }
    }

    /// Averages over every subset of n documents.
    fn naive(localities: &[u64], n: u32) -> f64 {
        let owner: Vec<usize> = (0..localities.len())
            .flat_map(|l| std::iter::repeat_n(l, localities[l] as usize))
            .collect();
        let subsets = (0u32..1 << owner.len()).filter(|set| set.count_ones() == n);
        let distinct = subsets.map(|set| {
            let hit = |l: usize| (0..owner.len()).any(|d| set >> d & 1 == 1 && owner[d] == l);
            (0..localities.len()).filter(|l| hit(*l)).count()
        });
        let (sum, count) = distinct.fold((0, 0), |(sum, count), d| (sum + d, count + 1));
        sum as f64 / f64::from(count)
    }

    /// The published formula, product by product.
    fn by_product(localities: &[u64], n: u64) -> f64 {
        let total: u64 = localities.iter().sum();
        let miss = |k: u64| {
            (0..n)
                .map(|i| (total - k).saturating_sub(i) as f64 / (total - i) as f64)
                .product::<f64>()
        };
        localities.iter().map(|k| 1.0 - miss(*k)).sum()
    }

    #[test]
    fn grid_is_near_the_formula() {
        let localities: Vec<u64> = (0..900).map(|l| 1 + 20_000 / (l + 1) / (1 + l % 7)).collect();
        let table = SpreadTable::new(&axis(localities.clone()));
        let total = localities.iter().sum::<u64>();
        for n in [256, 257, 270, 1000, 2000, 4321, total - 1, total, total + 9] {
            let exact = by_product(&localities, n.min(total));
            let got = table.expected_distinct(n);
            assert!((got - exact).abs() < 1e-3 * exact, "{n}: {got} {exact}");
        }
        let values: Vec<f64> = (0..total).map(|n| table.expected_distinct(n)).collect();
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn empty_axis() {
        assert_eq!(SpreadTable::new(&axis(vec![])).expected_distinct(7), 0.0);
        assert_eq!(SpreadTable::new(&axis(vec![0, 3])).expected_distinct(9), 1.0);
    }

    #[test]
    fn factor_asks_publishers_only() {
        let place = |with_value, distinct| vec![AxisSummary { with_value, distinct, top: None }];
        let mut summary = plain_summary(10);
        summary.places = place(10, 1);
        let by_host = Spread::new(&even_corpus("host", 100, 50)).factor(&summary);
        assert!((by_host - 1.0 / 9.56).abs() < 1e-3, "{by_host}");
        assert_eq!(Spread::new(&even_corpus("date", 100, 50)).factor(&summary), 1.0);
        assert_eq!(Spread::new(&even_corpus("host", 1, 50)).factor(&summary), 1.0);
        summary.places = place(10, 10);
        assert_eq!(Spread::new(&even_corpus("host", 100, 50)).factor(&summary), 1.0);
        // Known for too few of them.
        summary.places = place(4, 1);
        assert_eq!(Spread::new(&even_corpus("host", 100, 50)).factor(&summary), 1.0);
    }

    proptest! {
        #[test]
        fn equals_all_subsets(localities in prop::collection::vec(1u64..4, 1..5), n in 0u32..12) {
            let total = localities.iter().sum::<u64>() as u32;
            let got = SpreadTable::new(&axis(localities.clone())).expected_distinct(u64::from(n));
            prop_assert!((got - naive(&localities, n.min(total))).abs() < 1e-9);
        }
    }
}
