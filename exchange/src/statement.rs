//! An in-toto statement about an audit: which bytes it is about, and what was found
//! (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>). It is signed by
//! whoever has a key, for example with `cosign attest-blob`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use taster_findings::{Report, Severity};

use crate::ExchangeError;

const TYPE: &str = "https://in-toto.io/Statement/v1";

/// Identifies what the predicate means; rises when a reader would have to change.
pub const PREDICATE_TYPE: &str = "urn:taster:audit:v1";

/// One of the files that the statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name in the output folder.
    pub name: String,
    /// SHA-256 of its bytes, as hexadecimal digits.
    pub sha256: String,
}

/// The statement about `subjects`, made by version `version` of this program. It holds no time:
/// the same audit gives the same bytes.
///
/// # Errors
/// Parameters that are not JSON.
pub fn statement<P: Serialize>(
    subjects: &[Subject],
    report: &Report<P>,
    version: &str,
) -> Result<Vec<u8>, ExchangeError> {
    let subject =
        |subject: &Subject| json!({ "name": subject.name, "digest": { "sha256": subject.sha256 } });
    let mut findings: BTreeMap<&str, u64> = BTreeMap::new();
    for severity in
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info]
    {
        let of_it = report.findings.iter().filter(|finding| finding.severity == severity);
        findings.insert(severity.name(), of_it.count() as u64);
    }
    let statement = json!({
        "_type": TYPE,
        "subject": subjects.iter().map(subject).collect::<Vec<_>>(),
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "auditor": { "name": "taster", "version": version },
            "parameters": serde_json::to_value(&report.parameters)?,
            "totals": serde_json::to_value(&report.totals)?,
            "findings": findings,
            "quarantinedShards": report.quarantine.len(),
        },
    });
    let mut bytes = serde_json::to_vec_pretty(&statement)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::selection::tests::finding;
    use taster_findings::{FalseDiscovery, SCHEMA_VERSION, Totals};

    #[test]
    fn a_statement_names_its_subjects_and_what_was_found() {
        let report = Report {
            schema_version: SCHEMA_VERSION,
            parameters: json!({ "floor": 10 }),
            totals: Totals { documents: 7, ..Totals::default() },
            findings: vec![finding(1, Severity::High, 1, "a")],
            campaigns: Vec::new(),
            quarantine: Vec::new(),
            signatures: Vec::new(),
            token_spikes: Vec::new(),
            label_associations: Vec::new(),
            near_duplicates: Vec::new(),
            unusual_documents: Vec::new(),
            templates: Vec::new(),
            boilerplate: Vec::new(),
            limits: Vec::new(),
            collision_probability: 0.0,
            collision_statement: String::new(),
            false_discovery: FalseDiscovery::measure(0, &[], &[]),
            canaries: None,
        };
        let subject = Subject { name: "report.json".into(), sha256: "ab".repeat(32) };
        let bytes = statement(&[subject], &report, "1.2.3").unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["_type"], "https://in-toto.io/Statement/v1");
        assert_eq!(value["subject"][0]["digest"]["sha256"], "ab".repeat(32));
        assert_eq!(
            value["predicate"]["findings"],
            json!({
                "critical": 0, "high": 1, "medium": 0, "low": 0, "info": 0
            })
        );
        assert_eq!(value["predicate"]["totals"]["documents"], 7);
    }
}
