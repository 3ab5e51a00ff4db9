//! The median of values that come one by one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Keeps the lower and the upper half apart. Inserting costs O(log n), asking O(1).
#[derive(Debug, Default)]
pub(super) struct Median {
    /// Has as many values as `upper` or one more; all are at most the least of `upper`.
    lower: BinaryHeap<Duration>,
    upper: BinaryHeap<Reverse<Duration>>,
}

impl Median {
    pub(super) fn insert(&mut self, value: Duration) {
        self.lower.push(value);
        if let Some(greatest) = self.lower.pop() {
            self.upper.push(Reverse(greatest));
        }
        if self.upper.len() > self.lower.len()
            && let Some(Reverse(least)) = self.upper.pop()
        {
            self.lower.push(least);
        }
    }

    /// The lower median; `None` before the first value.
    pub(super) fn get(&self) -> Option<Duration> {
        self.lower.peek().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_middle_of_the_sorted_values() {
        let (mut median, mut all) = (Median::default(), Vec::new());
        assert_eq!(median.get(), None);
        for step in 0..200_u64 {
            let value = Duration::from_millis(step * 7919 % 101);
            median.insert(value);
            all.push(value);
            all.sort();
            assert_eq!(median.get(), Some(all[(all.len() - 1) / 2]));
        }
    }
}
