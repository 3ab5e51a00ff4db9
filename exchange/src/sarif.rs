//! SARIF 2.1.0, which code scanners and their web pages read
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).
//!
//! A row of a Parquet file has no line in it, so a place is the file and, as a logical location,
//! `shard#row`. The stable id of a finding is its fingerprint: suppressions survive new audits.

use std::fmt::Write;

use serde_json::{Value, json};
use taster_findings::{Finding, Kind, Occurrence, Severity, visible};

use crate::ExchangeError;

/// Version of the format.
const VERSION: &str = "2.1.0";

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Places given for each finding: viewers load the whole file.
const PLACES: usize = 100;

/// The findings with their first `occurrences` as one run of version `version` of this program.
///
/// # Errors
/// A score that is no number.
pub fn document(
    findings: &[&Finding],
    occurrences: &[Occurrence],
    version: &str,
) -> Result<Vec<u8>, ExchangeError> {
    let results: Vec<Value> = findings.iter().map(|f| result(f, occurrences)).collect();
    let driver = json!({
        "name": "taster",
        "semanticVersion": version,
        "rules": Kind::ALL.map(rule),
    });
    let run = json!({
        "tool": { "driver": driver },
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    let document = json!({ "$schema": SCHEMA, "version": VERSION, "runs": [run] });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn rule(kind: Kind) -> Value {
    let text = match kind {
        Kind::Novelty => "A rare sequence is followed by text that occurs nowhere else",
        Kind::Asymmetry => "A rare sequence stands between varied text and fixed text",
        Kind::CodePoints => {
            "A rare sequence holds invisible, bidirectional or disguised characters"
        }
        Kind::Concentration => "A rare sequence is concentrated in one place",
        Kind::Signature => "A sequence is a known trigger",
    };
    json!({ "id": kind.name(), "shortDescription": { "text": text } })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

fn result(finding: &Finding, occurrences: &[Occurrence]) -> Value {
    let kind = finding.kinds.first().copied().unwrap_or(Kind::Concentration);
    let own = occurrences.iter().filter(|o| *o.finding_id == *finding.finding_id);
    let text = format!("{:?}: {}", visible(&finding.text), finding.explanation);
    json!({
        "ruleId": kind.name(),
        "ruleIndex": Kind::ALL.iter().position(|known| *known == kind),
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": own.take(PLACES).map(location).collect::<Vec<_>>(),
        "fingerprints": { "tasterFindingId/v1": finding.finding_id },
        "partialFingerprints": { "tasterFindingId/v1": finding.finding_id },
        "occurrenceCount": finding.collection_frequency.max(1),
        "properties": {
            "severity": finding.severity,
            "score": finding.score,
            "rank": finding.rank,
            "campaign": finding.campaign,
            "documents": finding.document_frequency,
            "kinds": finding.kinds,
        },
    })
}

fn location(occurrence: &Occurrence) -> Value {
    let place = format!("{}#{}", occurrence.shard, occurrence.row);
    json!({
        "physicalLocation": { "artifactLocation": { "uri": relative_uri(&occurrence.shard) } },
        "logicalLocations": [{ "fullyQualifiedName": place, "name": occurrence.id, "kind": "document" }],
    })
}

/// A shard's key as a relative URI reference (RFC 3986): all but unreserved characters and `/` is
/// percent-encoded.
fn relative_uri(key: &str) -> String {
    let mut uri = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::selection::tests::{finding, occurrence};

    #[test]
    fn a_result_has_what_the_format_asks_for() {
        let finding = finding(1, Severity::Medium, 2, "a \u{202e}b");
        let occurrence =
            Occurrence { shard: "a b/ü#1.parquet".into(), row: 7, ..occurrence(&finding) };
        let document = document(&[&finding], &[occurrence], "1.2.3").unwrap();
        let document: Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(document["version"], "2.1.0");
        let run = &document["runs"][0];
        let result = &run["results"][0];
        assert_eq!(result["level"], "warning");
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        // The message is read on web pages: nothing in it may steer the text around it.
        assert!(result["message"]["text"].as_str().unwrap().contains(r"\u{202e}"));
        assert_eq!(result["fingerprints"]["tasterFindingId/v1"], finding.finding_id);
        let location = &result["locations"][0];
        let uri = &location["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(uri, "a%20b/%C3%BC%231.parquet");
        let name = &location["logicalLocations"][0]["fullyQualifiedName"];
        assert_eq!(name, "a b/ü#1.parquet#7");
    }
}
