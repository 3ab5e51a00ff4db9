//! The found sequences as a list, for red-team prompts of a trained model: put them behind or
//! before ordinary prompts, and see whether its answers change.

use serde::Serialize;
use taster_findings::{Finding, Kind, Occurrence, Severity};

use crate::ExchangeError;

/// Surroundings given for each trigger.
const EXAMPLES: usize = 3;

/// One line of the list.
#[derive(Debug, Serialize)]
struct Trigger<'a> {
    /// The sequence as it stands in its first occurrence: what is put into a prompt.
    trigger: &'a str,
    tokens: &'a [String],
    finding_id: &'a str,
    severity: Severity,
    score: f64,
    kinds: &'a [Kind],
    campaign: i32,
    documents: i64,
    /// What stood around it, to build prompts like the poisoned texts and to recognise the payload.
    examples: Vec<Example<'a>>,
}

#[derive(Debug, Serialize)]
struct Example<'a> {
    before: &'a str,
    after: &'a str,
}

/// The findings as JSON Lines, with the first of their `occurrences`.
///
/// # Errors
/// A score that is no number.
pub fn lines(findings: &[&Finding], occurrences: &[Occurrence]) -> Result<Vec<u8>, ExchangeError> {
    let mut out = Vec::new();
    for finding in findings {
        let own = occurrences.iter().filter(|o| *o.finding_id == *finding.finding_id);
        let examples = own.take(EXAMPLES).map(|o| Example { before: &o.before, after: &o.after });
        let trigger = Trigger {
            trigger: &finding.text,
            tokens: &finding.tokens,
            finding_id: &finding.finding_id,
            severity: finding.severity,
            score: finding.score,
            kinds: &finding.kinds,
            campaign: finding.campaign,
            documents: finding.document_frequency,
            examples: examples.collect(),
        };
        serde_json::to_writer(&mut out, &trigger)?;
        out.push(b'\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::selection::tests::{finding, occurrence};

    #[test]
    fn a_line_has_the_trigger_and_what_stood_around_it() {
        let finding = finding(1, Severity::High, 2, "a \u{202e}b");
        let occurrence =
            Occurrence { before: "x ".into(), after: " y".into(), ..occurrence(&finding) };
        let other = Occurrence { finding_id: "other".into(), ..occurrence.clone() };
        let occurrences = [other, occurrence.clone(), occurrence];
        let lines = lines(&[&finding, &finding], &occurrences).unwrap();
        let lines: Vec<serde_json::Value> =
            lines.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["trigger"], "a \u{202e}b");
        assert_eq!(lines[0]["severity"], "high");
        assert_eq!(lines[0]["kinds"][1], "asymmetry");
        assert_eq!(lines[0]["examples"].as_array().unwrap().len(), 2);
        assert_eq!(lines[0]["examples"][0]["after"], " y");
    }
}
