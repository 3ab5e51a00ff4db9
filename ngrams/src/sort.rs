//! Sorting of uniformly hashed keys: one pass into as many bins as there are items, then repair.
//!
//! Fingerprints are uniform, so a bin holds about one item and the final insertion pass moves
//! items by a place or two. Repeated keys (common n-grams) share a bin; large bins are sorted by
//! comparison first, which keeps the worst case at O(n log n).

use crate::room::make_room;

/// Bins larger than this are sorted by comparison.
const LARGE_BIN: usize = 24;

/// A stable scatter of items into bins; keeps its memory.
#[derive(Debug, Default)]
pub struct Scatter {
    ends: Vec<u32>,
}

impl Scatter {
    /// Puts the items into `out`, bin by bin, in their order within each; `out` may be longer
    /// than `items`. `bin` answers below `bins`.
    #[inline]
    pub fn scatter<T: Copy>(
        &mut self,
        items: &[T],
        out: &mut Vec<T>,
        bins: usize,
        bin: impl Fn(&T) -> usize,
    ) {
        if out.len() < items.len() {
            make_room(out, items.len());
            out.extend_from_slice(items);
        }
        let next = &mut self.ends;
        next.clear();
        next.resize(bins, 0);
        for item in items {
            next[bin(item)] += 1;
        }
        let mut sum = 0;
        for next in next.iter_mut() {
            sum += std::mem::replace(next, sum);
        }
        for item in items {
            let next = &mut next[bin(item)];
            out[*next as usize] = *item;
            *next += 1;
        }
    }

    /// Where the items of a bin are since the last scatter.
    #[must_use]
    pub fn range(&self, bin: usize) -> std::ops::Range<usize> {
        let start = bin.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[bin] as usize
    }
}

/// Reusable memory of the sort.
#[derive(Debug, Default)]
pub struct BinSort {
    bins: Scatter,
}

impl BinSort {
    /// The `items` sorted stably by `key`, in the memory of `out`. The bits of `key` should be
    /// uniform from the top; that decides the speed, not the result.
    pub fn sort<'a, T: Copy>(
        &mut self,
        items: &[T],
        out: &'a mut Vec<T>,
        key: impl Fn(&T) -> u64,
    ) -> &'a [T] {
        let bits = items.len().max(2).ilog2();
        let shift = 64 - bits;
        self.bins.scatter(items, out, 1 << bits, |item| (key(item) >> shift) as usize);
        let out = &mut out[..items.len()];
        self.repair_large_bins(out, &key);
        bubble(out, &key);
        insertion(out, &key);
        out
    }

    fn repair_large_bins<T>(&self, out: &mut [T], key: &impl Fn(&T) -> u64) {
        if out.len() <= LARGE_BIN {
            return;
        }
        let mut start = 0;
        for &end in &self.bins.ends {
            let end = end as usize;
            if end - start > LARGE_BIN {
                out[start..end].sort_by_key(key);
            }
            start = end;
        }
    }
}

/// One pass that carries the larger of two neighbours on: no branch to guess, and nearly all bins,
/// which hold two items at most, are in order.
fn bubble<T: Copy>(items: &mut [T], key: &impl Fn(&T) -> u64) {
    let Some(&(mut carried)) = items.first() else {
        return;
    };
    for at in 1..items.len() {
        let next = items[at];
        let is_less = key(&next) < key(&carried);
        items[at - 1] = if is_less { next } else { carried };
        carried = if is_less { carried } else { next };
    }
    let last = items.len() - 1;
    items[last] = carried;
}

/// Insertion sort: linear when nothing is far from its place.
fn insertion<T: Copy>(items: &mut [T], key: &impl Fn(&T) -> u64) {
    for end in 1..items.len() {
        let item = items[end];
        let item_key = key(&item);
        let mut at = end;
        while at > 0 && key(&items[at - 1]) > item_key {
            items[at] = items[at - 1];
            at -= 1;
        }
        items[at] = item;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_stable_sort(keys in prop::collection::vec(any::<u64>(), 0..300), repeat in 1u64..50) {
            let mut items: Vec<(u64, usize)> = keys.iter().enumerate()
                .map(|(i, k)| (if k % 3 == 0 { k % repeat } else { *k }, i)).collect();
            let mut memory = Vec::new();
            let mut sort = BinSort::default();
            sort.sort(&items[..items.len() / 2], &mut memory, |item| item.0);
            let sorted = sort.sort(&items, &mut memory, |item| item.0).to_vec();
            items.sort_by_key(|item| item.0);
            prop_assert_eq!(sorted, items);
        }
    }
}
