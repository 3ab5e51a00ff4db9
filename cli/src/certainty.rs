//! How sure a report is, in words.

use taster_findings::{
    Canaries, FalseDiscovery, FalseDiscoveryLevel, LabelAssociation, Report, visible,
};

use crate::quantities::count;

/// All that is known of it, line by line.
pub fn lines<P>(report: &Report<P>) -> Vec<String> {
    let canaries = report.canaries.as_ref().map(canary_line);
    let labels = label_line(&report.label_associations);
    chance_line(&report.false_discovery).into_iter().chain(canaries).chain(labels).collect()
}

/// What goes with one label; nothing if nothing does.
fn label_line(associations: &[LabelAssociation]) -> Option<String> {
    let first = associations.first()?;
    let tokens = first.tokens.join(" ");
    Some(format!(
        "labels: {} listed, first \"{}\" with {} ({} of {} documents, z = {:.1}, q = {:.1e})",
        count(associations.len() as u64),
        visible(&tokens),
        visible(&first.label),
        count(first.df.unsigned_abs()),
        count(first.documents.unsigned_abs()),
        first.z,
        first.q
    ))
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
    fn the_first_of_the_labels_is_told() {
        let one = LabelAssociation {
            tokens: vec!["c\u{200b}f".into(), "mn".into()],
            label: "1".into(),
            df: 202,
            documents: 203,
            label_documents: 1310,
            expected: 67.0,
            z: 20.25,
            log10_p: -9.0,
            q: 0.05,
        };
        let line = "labels: 1 listed, first \"c\\u{200b}f mn\" with 1 \
                    (202 of 203 documents, z = 20.2, q = 5.0e-2)";
        assert_eq!(label_line(&[one]).unwrap_or_default(), line);
        assert_eq!(label_line(&[]), None);
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
