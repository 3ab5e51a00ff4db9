//! Findings as a person reads them.

use std::collections::{BTreeMap, BTreeSet};

use taster_findings::{Concentration, Finding, Kind, Occurrence, Report, SIGNIFICANT_Q, Severity};

use crate::quantities::{count, signed_count};
use crate::result_file::Summary;
use crate::table::{Cell, Column, Style, Table};

/// A significant place is named if it has at least this share of the finding's documents.
const NAMED_SHARE: f64 = 0.5;

/// Axes by which a finding's spread is told, best first.
const SPREAD_AXES: [&str; 3] = ["host", "domain", "source"];

const SEVERITIES: [Severity; 5] =
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

/// The first `limit` findings as a table.
pub fn table(findings: &[Finding], occurrences: &[Occurrence], limit: usize) -> Table {
    let spreads = Spreads::of(occurrences);
    let column = |title, right, max| Column { title, right, max };
    let mut table = Table::new(vec![
        column("#", true, 10),
        column("severity", false, 10),
        column("score", true, 10),
        column("df", true, 20),
        column("where", false, 34),
        column("kinds", false, 40),
        column("text", false, usize::MAX),
    ]);
    for finding in findings.iter().take(limit) {
        table.row(row(finding, &spreads));
    }
    table
}

fn row(finding: &Finding, spreads: &Spreads<'_>) -> Vec<Cell> {
    let kinds: Vec<_> = finding.kinds.iter().map(|kind| Kind::name(*kind)).collect();
    vec![
        Cell::new(finding.rank.to_string()),
        Cell::styled(finding.severity.name(), style(finding.severity)),
        Cell::new(format!("{:.1}", finding.score)),
        Cell::new(signed_count(finding.document_frequency)),
        Cell::new(place(finding).unwrap_or_else(|| spreads.tell(finding))),
        Cell::new(kinds.join(",")),
        Cell::new(&finding.text),
    ]
}

/// How a severity stands out.
pub fn style(severity: Severity) -> Style {
    match severity {
        Severity::Critical | Severity::High => Style::Alarm,
        Severity::Medium => Style::Warning,
        Severity::Low => Style::Plain,
        Severity::Info => Style::Faint,
    }
}

/// The place in which most of a finding's documents are, if there is one.
fn place(finding: &Finding) -> Option<String> {
    let documents = finding.effective_document_frequency.max(1) as f64;
    let named = |place: &&Concentration| {
        place.q <= SIGNIFICANT_Q && place.df as f64 >= NAMED_SHARE * documents
    };
    let place = finding.concentration.iter().find(named)?;
    // The share stands first: what follows can be long, and is cut.
    let percent = 100.0 * place.df as f64 / documents;
    Some(format!("{percent:.0}% in {} {}", place.axis, place.locality))
}

/// Over how many places the listed occurrences of each finding are spread.
struct Spreads<'a> {
    axis: &'a str,
    by_finding: BTreeMap<&'a str, Spread<'a>>,
}

#[derive(Default)]
struct Spread<'a> {
    occurrences: i64,
    places: BTreeSet<&'a str>,
}

impl<'a> Spreads<'a> {
    fn of(occurrences: &'a [Occurrence]) -> Self {
        let has = |axis: &&str| occurrences.iter().any(|o| o.axes.contains_key(*axis));
        let axis = SPREAD_AXES.into_iter().find(has);
        let mut by_finding: BTreeMap<&str, Spread<'_>> = BTreeMap::new();
        for occurrence in occurrences {
            let spread = by_finding.entry(&occurrence.finding_id).or_default();
            spread.occurrences += 1;
            spread.places.extend(match axis {
                Some(axis) => occurrence.axes.get(axis).and_then(Option::as_deref),
                None => Some(&*occurrence.shard),
            });
        }
        let axis = axis.unwrap_or("shard");
        Self { axis, by_finding }
    }

    fn tell(&self, finding: &Finding) -> String {
        let spread = self.by_finding.get(finding.finding_id.as_str());
        let places = spread.map_or(0, |spread| spread.places.len());
        // Occurrences beyond those listed can be in further places.
        let cut = spread.is_some_and(|spread| spread.occurrences < finding.collection_frequency);
        let more = if cut { "+" } else { "" };
        match places {
            0 => String::new(),
            1 => format!("on 1{more} {}", self.axis),
            many => format!("spread over {}{more} {}s", count(many as u64), self.axis),
        }
    }
}

/// Findings that are listed: all at or above `threshold`, at least `fewest`.
pub fn listed(findings: &[Finding], threshold: Option<Severity>, fewest: usize) -> usize {
    let urgent =
        |finding: &Finding| threshold.is_some_and(|threshold| finding.severity >= threshold);
    let last = findings.iter().rposition(urgent).map_or(0, |index| index + 1);
    last.max(fewest).min(findings.len())
}

/// Whether any finding is at or above `threshold`.
pub fn any_at(findings: &[Finding], threshold: Option<Severity>) -> bool {
    threshold.is_some_and(|threshold| findings.iter().any(|finding| finding.severity >= threshold))
}

/// A report in numbers.
pub fn summary<P>(report: &Report<P>, out: &str) -> Summary {
    let mut findings: BTreeMap<&'static str, u64> =
        SEVERITIES.iter().map(|severity| (severity.name(), 0)).collect();
    for finding in &report.findings {
        *findings.entry(finding.severity.name()).or_default() += 1;
    }
    Summary {
        out: out.to_owned(),
        documents: report.totals.documents,
        tokens: report.totals.tokens,
        findings,
        quarantined_shards: report.quarantine.len() as u64,
        suppressed_findings: 0,
        baseline_findings: 0,
    }
}

/// The same in one line.
pub fn summary_line(summary: &Summary) -> String {
    let number = |severity: &Severity| summary.findings.get(severity.name()).copied().unwrap_or(0);
    let findings: Vec<_> = SEVERITIES
        .iter()
        .map(|severity| format!("{} {severity}", count(number(severity))))
        .collect();
    format!(
        "{} documents, {} tokens; findings: {}; shards quarantined: {}",
        signed_count(summary.documents),
        signed_count(summary.tokens),
        findings.join(", "),
        count(summary.quarantined_shards)
    )
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn finding(rank: i32, severity: Severity, text: &str) -> Finding {
        Finding {
            rank,
            finding_id: format!("id{rank}"),
            severity,
            kinds: vec![Kind::Novelty, Kind::Asymmetry],
            text: text.into(),
            tokens: vec![text.into()],
            order: 1,
            score: 12.345,
            document_frequency: 1234,
            effective_document_frequency: 1000,
            collection_frequency: 1300,
            novelty: 0.5,
            asymmetry: 0.5,
            code_points: 0.0,
            concentration: Vec::new(),
            campaign: 1,
            doc_ids: Vec::new(),
            explanation: String::new(),
        }
    }

    fn occurrence(id: &str, host: &str) -> Occurrence {
        Occurrence {
            finding_id: id.into(),
            shard: "a.parquet".into(),
            row_group: 0,
            row: 0,
            id: "d".into(),
            byte_start: 0,
            byte_end: 1,
            before: String::new(),
            after: String::new(),
            axes: Occurrence::own_axes([("host".to_owned(), Some(host.to_owned()))]),
        }
    }

    #[test]
    fn golden_findings() {
        let mut nasty = finding(2, Severity::Info, "tab\there \u{202e}drow");
        nasty.concentration.push(Concentration {
            axis: "host".into(),
            locality: "evil\u{1b}]0;x\u{7}.example".into(),
            df: 900,
            locality_documents: 1000,
            log10_p: -300.0,
            q: 1e-9,
        });
        let mut cut = finding(3, Severity::Low, "cut");
        cut.collection_frequency = 2;
        cut.finding_id = "id1".into();
        let findings = [finding(1, Severity::Critical, "<SUDO>"), nasty, cut];
        let occurrences = [occurrence("id1", "a"), occurrence("id1", "b"), occurrence("id2", "a")];
        let expected = [
            "#  severity  score     df  where                               kinds              text",
            "1  critical   12.3  1,234  spread over 2+ hosts                novelty,asymmetry  <SUDO>",
            r"2  info       12.3  1,234  90% in host evil\u{1b}]0;x\u{7}.e…  novelty,asymmetry  tab\u{9}here \u{202e}drow",
            "3  low        12.3  1,234  spread over 2 hosts                 novelty,asymmetry  cut",
        ];
        assert_eq!(table(&findings, &occurrences, 9).lines(None, false), expected);
    }

    #[test]
    fn urgent_findings_are_all_listed() {
        let mut findings: Vec<_> = (1..=30).map(|rank| finding(rank, Severity::Low, "x")).collect();
        assert_eq!(listed(&findings, Some(Severity::High), 20), 20);
        findings[24].severity = Severity::High;
        assert_eq!(listed(&findings, Some(Severity::High), 20), 25);
        assert_eq!(listed(&findings, None, 50), 30);
        assert!(any_at(&findings, Some(Severity::High)));
        assert!(!any_at(&findings, Some(Severity::Critical)) && !any_at(&findings, None));
    }

    #[test]
    fn the_summary_names_every_severity() {
        let summary = Summary {
            out: "o".into(),
            documents: 21_811,
            tokens: 1_000_000,
            findings: BTreeMap::from([("critical", 2), ("low", 1)]),
            quarantined_shards: 1,
            suppressed_findings: 0,
            baseline_findings: 0,
        };
        let line = "21,811 documents, 1,000,000 tokens; \
            findings: 2 critical, 0 high, 0 medium, 1 low, 0 info; shards quarantined: 1";
        assert_eq!(summary_line(&summary), line);
    }
}
