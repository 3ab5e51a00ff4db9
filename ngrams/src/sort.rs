//! Sorting of uniformly hashed keys: one pass into as many bins as there are items, then repair.
//!
//! Fingerprints are uniform, so a bin holds about one item and the final insertion pass moves
//! items by a place or two. Repeated keys (common n-grams) share a bin; large bins are sorted by
//! comparison first, which keeps the worst case at O(n log n).

/// Bins larger than this are sorted by comparison.
const LARGE_BIN: usize = 24;

/// Reusable memory of the sort.
#[derive(Debug, Default)]
pub struct BinSort {
    starts: Vec<u32>,
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
        if out.len() < items.len() {
            out.extend_from_slice(&items[out.len()..]);
        }
        let out = &mut out[..items.len()];
        if items.len() <= LARGE_BIN {
            out.copy_from_slice(items);
            insertion(out, &key);
            return out;
        }
        let bits = items.len().ilog2();
        let shift = 64 - bits;
        self.count(items, bits, |item| (key(item) >> shift) as usize);
        for item in items {
            let start = &mut self.starts[(key(item) >> shift) as usize];
            out[*start as usize] = *item;
            *start += 1;
        }
        self.repair_large_bins(out, &key);
        insertion(out, &key);
        out
    }

    /// Fills `starts` with the first position of every bin.
    fn count<T>(&mut self, items: &[T], bits: u32, bin: impl Fn(&T) -> usize) {
        self.starts.clear();
        self.starts.resize(1 << bits, 0);
        for item in items {
            self.starts[bin(item)] += 1;
        }
        let mut sum = 0;
        for start in &mut self.starts {
            let size = *start;
            *start = sum;
            sum += size;
        }
    }

    /// After the scatter `starts` holds the end of every bin.
    fn repair_large_bins<T>(&self, out: &mut [T], key: &impl Fn(&T) -> u64) {
        let mut start = 0;
        for &end in &self.starts {
            let end = end as usize;
            if end - start > LARGE_BIN {
                out[start..end].sort_by_key(key);
            }
            start = end;
        }
    }
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
