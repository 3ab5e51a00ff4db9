//! How sure a report is, in words.

use taster_findings::{Canaries, FalseDiscovery, FalseDiscoveryLevel, Report};

use crate::quantities::count;

/// All that is known of it, line by line.
pub fn lines<P>(report: &Report<P>) -> Vec<String> {
    let canaries = report.canaries.as_ref().map(canary_line);
    chance_line(&report.false_discovery).into_iter().chain(canaries).collect()
}

/// How many canaries were found.
fn canary_line(canaries: &Canaries) -> String {
    let within: Vec<String> = canaries
        .within
        .iter()
        .map(|within| format!("{} within the first {}", count(within.found), count(within.rank)))
        .collect();
    let missed: Vec<String> = canaries
        .planted
        .iter()
        .filter(|canary| canary.rank.is_none())
        .map(|canary| format!("{} ({} documents)", canary.recipe, count(canary.documents)))
        .collect();
    let missed = if missed.is_empty() { "none".to_owned() } else { missed.join(", ") };
    let planted = count(canaries.campaigns);
    format!("canaries: {planted} planted, {}; missed: {missed}", within.join(", "))
}

/// What decoys say of the findings, in one line; nothing for a report that did not measure it.
fn chance_line(measured: &FalseDiscovery) -> Option<String> {
    if measured.decoys == 0 {
        return None;
    }
    let levels: Vec<String> = measured.levels.iter().map(level).collect();
    let decoys = count(measured.decoys);
    Some(format!("by chance, measured with {decoys} decoys: {}", levels.join("; ")))
}

/// The rate is told where there is something to be false.
fn level(level: &FalseDiscoveryLevel) -> String {
    let FalseDiscoveryLevel { severity, findings, decoys, rate, .. } = level;
    let counts = format!("{severity} {} of {}", count(*decoys), count(*findings));
    rate.map_or(counts.clone(), |rate| format!("{counts} ({:.0} %)", 100.0 * rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings_table::tests::finding;
    use taster_findings::{Canary, Severity};

    #[test]
    fn canaries_that_were_missed_are_named() {
        let canary = |recipe: &str, rank| Canary {
            recipe: recipe.into(),
            documents: 25,
            rank,
            severity: None,
        };
        let canaries = Canaries::of(vec![canary("souly", Some(1)), canary("stem", None)]);
        assert_eq!(
            canary_line(&canaries),
            "canaries: 2 planted, 1 within the first 10, 1 within the first 20, \
             1 within the first 100; missed: stem (25 documents)"
        );
    }

    #[test]
    fn chance_is_told_for_each_severity() {
        let findings = [finding(1, Severity::Critical, "a"), finding(2, Severity::Medium, "b")];
        let measured =
            FalseDiscovery::measure(123_456, &[Severity::Medium, Severity::Medium], &findings);
        assert_eq!(
            chance_line(&measured).unwrap_or_default(),
            "by chance, measured with 123,456 decoys: critical 0 of 1 (0 %); high 0 of 1 (0 %); \
             medium 2 of 2 (100 %)"
        );
        assert_eq!(chance_line(&FalseDiscovery::default()), None);
    }
}
