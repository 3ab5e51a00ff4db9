//! Cutting the merge waves into tasks: which slices of every run one task reads.

/// Run bytes that one task of a merge wave reads, about: enough to be worth a task, little enough
/// for the smallest memory budget.
const TASK_BYTES: u64 = 6 << 20;

/// Slices of every run: a merge wave has at most as many tasks.
pub const MERGE_SLICES: usize = 256;

/// Slices `from..to` of every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeRange {
    /// First slice.
    pub from: usize,
    /// One past the last slice.
    pub to: usize,
}

/// Cuts `slices` slices into ranges of about 6 MiB of runs each, in ascending order and without a
/// gap; `total_bytes` is that of all runs. There is at least one range, unless there is no slice.
///
/// Widths are powers of two, so a corpus that grows a little keeps its ranges.
#[must_use]
pub fn merge_ranges(total_bytes: u64, slices: usize) -> Vec<MergeRange> {
    let wanted = total_bytes.div_ceil(TASK_BYTES).clamp(1, slices.max(1) as u64) as usize;
    let width = slices.div_ceil(wanted.next_power_of_two()).max(1);
    let range = |from| MergeRange { from, to: slices.min(from + width) };
    (0..slices).step_by(width).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_all_slices_once() {
        for slices in [1, 2, 100, MERGE_SLICES] {
            for bytes in [0, 1, TASK_BYTES, 10 * TASK_BYTES, 300 * TASK_BYTES, u64::MAX] {
                let ranges = merge_ranges(bytes, slices);
                assert_eq!(ranges[0].from, 0);
                assert!(ranges.iter().all(|range| range.from < range.to));
                assert!(ranges.windows(2).all(|pair| pair[0].to == pair[1].from));
                assert_eq!(ranges.last().map(|range| range.to), Some(slices));
            }
        }
        assert!(merge_ranges(1, 0).is_empty());
    }

    #[test]
    fn there_are_as_many_ranges_as_the_bytes_ask_for() {
        let count = |bytes| merge_ranges(bytes, MERGE_SLICES).len();
        assert_eq!(count(0), 1);
        assert_eq!(count(TASK_BYTES), 1);
        assert_eq!(count(TASK_BYTES + 1), 2);
        assert_eq!(count(5 * TASK_BYTES), 8);
        assert_eq!(count(1000 * TASK_BYTES), MERGE_SLICES);
    }
}
