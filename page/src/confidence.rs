//! How sure an audit is of what it says: what was measured on this very corpus, and what was not.

use taster_findings::Severity;

use crate::quantity::count;

/// What was measured of the audit itself. What is absent was not measured, and the page says so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Confidence {
    /// Canaries: known poisons that were planted in the corpus while it was read.
    pub recall: Option<Recall>,
    /// Findings and decoys at some severities and above, the most urgent first; empty if there were
    /// no decoys.
    pub false_discovery: Vec<Decoys>,
}

/// How many canaries were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recall {
    /// Canary campaigns that were planted.
    pub planted: u64,
    /// Those that became a finding.
    pub found: u64,
}

/// Findings beside decoys, which are findings by chance alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decoys {
    /// The least severity.
    pub severity: Severity,
    /// Findings of it or above.
    pub findings: u64,
    /// Decoys that would have been.
    pub decoys: u64,
    /// Upper bound of the share of findings that are chance, 0..=1; none without findings.
    pub bound: Option<f64>,
}

/// Sentences and a table for the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfidenceView {
    pub recall: String,
    pub false_discovery: &'static str,
    pub rates: Vec<[String; 4]>,
}

impl ConfidenceView {
    pub(crate) fn new(confidence: &Confidence) -> Self {
        Self {
            recall: match confidence.recall {
                Some(recall) => measured(recall),
                None => "Not measured: no canaries were planted in this audit.".into(),
            },
            false_discovery: match confidence.false_discovery.as_slice() {
                [] => "Not measured in this audit.",
                _ => "Measured with decoys, which can be findings by chance alone:",
            },
            rates: confidence.false_discovery.iter().map(rate).collect(),
        }
    }
}

fn measured(recall: Recall) -> String {
    format!(
        "Of {} canaries, known poisons planted in this corpus while it was read, {} were found.",
        count(recall.planted.cast_signed()),
        count(recall.found.cast_signed())
    )
}

fn rate(decoys: &Decoys) -> [String; 4] {
    [
        decoys.severity.name().to_owned(),
        count(decoys.findings.cast_signed()),
        count(decoys.decoys.cast_signed()),
        decoys
            .bound
            .map_or_else(|| "–".to_owned(), |bound| format!("{:.1}\u{202f}%", 100.0 * bound)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_said() {
        let view = ConfidenceView::new(&Confidence::default());
        assert!(view.recall.starts_with("Not measured"));
        assert!(view.false_discovery.starts_with("Not measured") && view.rates.is_empty());
    }

    #[test]
    fn what_was_measured_is_shown() {
        let decoys =
            Decoys { severity: Severity::High, findings: 7, decoys: 0, bound: Some(1.0 / 7.0) };
        let confidence = Confidence {
            recall: Some(Recall { planted: 20, found: 19 }),
            false_discovery: vec![decoys, Decoys { bound: None, ..decoys }],
        };
        let view = ConfidenceView::new(&confidence);
        assert!(
            view.recall.starts_with("Of 20 canaries") && view.recall.ends_with("19 were found.")
        );
        assert_eq!(view.rates[0], ["high", "7", "0", "14.3\u{202f}%"]);
        assert_eq!(view.rates[1][3], "–");
    }
}
