//! Puts the report together.

use taster_findings::{
    FalseDiscovery, FindingDocument, LIMITS, Occurrence, QuarantineEntry, Report, SCHEMA_VERSION,
    SignatureEntry, Totals, collision_statement,
};
use taster_planning::{Parameters, Quarantine};

use crate::corpus::{Corpus, Counted};
use crate::outcome::Outcome;
use crate::sought::Rated;
use crate::stages::{Chosen, DecoyFacts};
use crate::workspace::Workspace;

/// Sums over the screen wave.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub distinct_ngrams: u64,
    pub screened_ngrams: u64,
}

/// The report, the occurrences of its findings, and all their documents.
pub(crate) fn report(
    workspace: &Workspace,
    counted: &[Counted],
    corpus: &Corpus,
    quarantine: &[Quarantine],
    chosen: &Chosen,
    outcome: Outcome,
) -> (Report<Parameters>, Vec<Occurrence>, Vec<FindingDocument>) {
    let sums = chosen.screened.sums();
    let DecoyFacts { scored, severities } = &chosen.decoys;
    let false_discovery = FalseDiscovery::measure(*scored, severities, &outcome.findings);
    let (collision_probability, collision_statement) = collision_statement(sums.distinct_ngrams);
    let signatures = signatures(chosen, &outcome);
    let report = Report {
        schema_version: SCHEMA_VERSION,
        parameters: Parameters::clone(&workspace.parameters),
        totals: Totals {
            boilerplate_sequences: outcome.appendix.sequences as i64,
            ..totals(workspace, counted, corpus, quarantine, sums)
        },
        findings: outcome.findings,
        campaigns: outcome.campaigns,
        quarantine: quarantine.iter().map(quarantine_entry).collect(),
        signatures,
        token_spikes: Vec::new(),
        label_associations: Vec::new(),
        near_duplicates: Vec::new(),
        unusual_documents: Vec::new(),
        templates: corpus.resemblance.templates.clone(),
        boilerplate: outcome.appendix.entries,
        false_discovery,
        canaries: None,
        limits: LIMITS.iter().map(ToString::to_string).collect(),
        collision_probability,
        collision_statement,
    };
    (report, outcome.occurrences, outcome.documents)
}

/// What every signature matched.
fn signatures(chosen: &Chosen, outcome: &Outcome) -> Vec<SignatureEntry> {
    let findings = |index: u32| {
        let all = outcome.findings.iter().zip(&outcome.sought);
        let matching = all.filter(|(_, sought)| sought.contains(&index));
        matching.map(|(finding, _)| finding.finding_id.clone()).collect()
    };
    let entry = |(index, rated): (u32, &Rated)| SignatureEntry {
        name: rated.signature.name.clone(),
        documents: rated.documents.cast_signed(),
        occurrences: rated.occurrences.cast_signed(),
        findings: findings(index),
    };
    (0..).zip(&chosen.judge.signatures).map(entry).collect()
}

fn totals(
    workspace: &Workspace,
    counted: &[Counted],
    corpus: &Corpus,
    quarantine: &[Quarantine],
    sums: Sums,
) -> Totals {
    let sum = |value: fn(&Counted) -> u64| counted.iter().map(value).sum::<u64>().cast_signed();
    Totals {
        shards: (workspace.manifest.shards.len() - quarantine.len()) as i64,
        shards_quarantined: quarantine.len() as i64,
        documents: corpus.totals.documents.cast_signed(),
        canonical_documents: corpus.totals.canonical.cast_signed(),
        near_duplicate_clusters: corpus.near.count() as i64,
        near_duplicate_documents: corpus.near.documents().cast_signed(),
        null_documents: sum(|counted| counted.receipt.nulls),
        truncated_documents: sum(|counted| counted.receipt.truncated),
        text_bytes: sum(|counted| counted.receipt.text_bytes),
        tokens: corpus.tokens.cast_signed(),
        distinct_ngrams: sums.distinct_ngrams.cast_signed(),
        screened_ngrams: sums.screened_ngrams.cast_signed(),
        boilerplate_sequences: 0,
    }
}

fn quarantine_entry(quarantine: &Quarantine) -> QuarantineEntry {
    let reason = serde_json::to_value(quarantine.reason).ok();
    let reason = reason.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown");
    QuarantineEntry {
        shard: quarantine.shard.clone(),
        reason: reason.to_owned(),
        detail: quarantine.detail.clone(),
    }
}
