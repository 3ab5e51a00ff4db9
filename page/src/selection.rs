//! Which occurrences are shown.

use std::collections::BTreeMap;
use std::ops::Range;

use taster_findings::{Occurrence, Report, Severity};

/// Findings, best first, whose examples are shaded: a lookup in the counts of one run for each.
const SHADED_FINDINGS: usize = 40;
/// Examples of a finding of high severity or of one that is shaded.
const MOST_EXAMPLES: usize = 3;

/// Where the occurrences of every finding are.
pub(crate) fn ranges(occurrences: &[Occurrence]) -> BTreeMap<&str, Range<usize>> {
    let mut start = 0;
    let same = occurrences.chunk_by(|a, b| a.finding_id == b.finding_id);
    same.map(|chunk| {
        let range = start..start + chunk.len();
        start = range.end;
        (&*chunk[0].finding_id, range)
    })
    .collect()
}

/// The occurrences whose surroundings should be looked up before a page is rendered: indices into
/// `occurrences`, ascending, at most 120. Equal arguments give equal choices.
#[must_use]
pub fn shaded<P>(report: &Report<P>, occurrences: &[Occurrence]) -> Vec<usize> {
    let ranges = ranges(occurrences);
    let first = report.findings.iter().take(SHADED_FINDINGS);
    let mut chosen: Vec<usize> = first
        .filter_map(|finding| ranges.get(finding.finding_id.as_str()))
        .flat_map(|range| examples(occurrences, range, MOST_EXAMPLES))
        .collect();
    chosen.sort_unstable();
    chosen
}

/// How many examples a finding has, by its index and severity.
pub(crate) fn examples_of(index: usize, severity: Severity) -> usize {
    match severity {
        _ if index < SHADED_FINDINGS => MOST_EXAMPLES,
        Severity::Critical | Severity::High => MOST_EXAMPLES,
        Severity::Medium => 2,
        Severity::Low | Severity::Info => 1,
    }
}

/// The first occurrence, the last, and some between, each of another document.
pub(crate) fn examples(
    occurrences: &[Occurrence],
    range: &Range<usize>,
    most: usize,
) -> Vec<usize> {
    let is_first = |&index: &usize| {
        index == range.start || document(&occurrences[index]) != document(&occurrences[index - 1])
    };
    let firsts: Vec<usize> = range.clone().filter(is_first).collect();
    let wanted = most.min(firsts.len());
    (0..wanted).map(|place| firsts[place * (firsts.len() - 1) / (wanted - 1).max(1)]).collect()
}

/// What tells documents apart.
pub(crate) fn document(occurrence: &Occurrence) -> (&str, i64) {
    (&occurrence.shard, occurrence.row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occurrence(finding: &str, row: i64) -> Occurrence {
        Occurrence {
            finding_id: finding.into(),
            shard: "s".into(),
            row_group: 0,
            row,
            id: "".into(),
            byte_start: 0,
            byte_end: 1,
            before: String::new(),
            after: String::new(),
            axes: Occurrence::own_axes([]),
        }
    }

    #[test]
    fn examples_are_spread_over_documents() {
        let rows = [0, 0, 1, 2, 3, 4, 4];
        let all: Vec<_> = rows.iter().map(|&row| occurrence("a", row)).collect();
        assert_eq!(examples(&all, &(0..7), 3), [0, 3, 5]);
        assert_eq!(examples(&all, &(0..7), 1), [0]);
        assert_eq!(examples(&all, &(0..2), 3), [0]);
        assert_eq!(examples(&all, &(0..0), 3), [0; 0]);
    }

    #[test]
    fn every_finding_has_its_range() {
        let all = [occurrence("a", 0), occurrence("a", 1), occurrence("b", 0)];
        let expected = BTreeMap::from([("a", 0..2), ("b", 2..3)]);
        assert_eq!(ranges(&all), expected);
    }
}
