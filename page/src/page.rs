//! The page as a whole.

use askama::Template;
use taster_findings::{QuarantineEntry, Severity, SignatureEntry, Totals};
use thiserror::Error;

use crate::beside::{association, boilerplate, cluster, labels, spike, template, unusual};
use crate::campaign::{Group, Indices, groups, severities};
use crate::confidence::ConfidenceView;
use crate::dose::{Known, Scale, known, scale};
use crate::frameworks::{MAPPINGS, Mapping};
use crate::policy::{SCRIPT, STYLE, policy};
use crate::quantity::{bytes, count, of};
use crate::subject::{ShardRow, Subject};
use crate::text::line;
use crate::verdict::{Verdict, verdict};

/// Shards and quarantined shards that are listed; all are in `manifest.jsonl` and
/// `quarantine.jsonl`.
const LISTED: usize = 60;

/// A page that could not be written.
#[derive(Debug, Error)]
#[error("expected a page, got: {0}")]
pub struct PageError(#[from] askama::Error);

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    policy: String,
    style: &'static str,
    script: &'static str,
    verdict: Verdict,
    tallies: Vec<(&'static str, String)>,
    scale: Option<Scale>,
    known: Vec<Known>,
    groups: Vec<Group>,
    facts: Vec<(&'static str, String)>,
    settings: Vec<(&'static str, String)>,
    signatures: Vec<[String; 3]>,
    spikes: Vec<[String; 4]>,
    associations: Vec<[String; 6]>,
    clusters: Vec<[String; 4]>,
    templates: Vec<[String; 5]>,
    unusual: Vec<[String; 6]>,
    boilerplate: Vec<[String; 5]>,
    all_boilerplate: String,
    shards: Vec<ShardLine>,
    more_shards: String,
    quarantine: Vec<QuarantineLine>,
    more_quarantine: String,
    collisions: String,
    confidence: ConfidenceView,
    limits: Vec<String>,
    mappings: &'static [Mapping],
    floor: u64,
    ten_floors: u64,
}

struct ShardLine {
    key: String,
    rows: String,
    text: String,
    status: &'static str,
}

struct QuarantineLine {
    shard: String,
    reason: String,
    detail: String,
}

/// The bytes of `report.html`. Cost: linear in findings, about 5 kB each, at most some megabytes.
///
/// # Errors
/// The template failed, which no argument is known to cause.
pub fn render(subject: &Subject<'_>) -> Result<String, PageError> {
    let report = subject.report;
    let indices: Indices<'_> = report
        .findings
        .iter()
        .enumerate()
        .map(|(index, finding)| (finding.finding_id.as_str(), index))
        .collect();
    let severities = severities(subject, &indices);
    let page = Page {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        verdict: verdict(&severities, &report.totals),
        tallies: tallies(subject),
        scale: scale(&severities),
        known: known(&report.totals),
        groups: groups(subject, &indices, &severities),
        facts: facts(&report.totals),
        settings: settings(subject),
        signatures: signatures(subject),
        spikes: report.token_spikes.iter().map(spike).collect(),
        associations: report.label_associations.iter().map(association).collect(),
        clusters: report.near_duplicates.iter().map(cluster).collect(),
        templates: report.templates.iter().map(template).collect(),
        unusual: report.unusual_documents.iter().map(unusual).collect(),
        boilerplate: report.boilerplate.iter().map(boilerplate).collect(),
        all_boilerplate: of(report.totals.boilerplate_sequences, "sequence"),
        shards: subject.shards.iter().take(LISTED).map(shard_line).collect(),
        more_shards: beyond(subject.shards.len()),
        quarantine: report.quarantine.iter().take(LISTED).map(quarantine_line).collect(),
        more_quarantine: beyond(report.quarantine.len()),
        confidence: ConfidenceView::new(subject.confidence),
        collisions: sentence(&report.collision_statement),
        limits: report.limits.clone(),
        mappings: &MAPPINGS,
        floor: report.parameters.floor,
        ten_floors: report.parameters.floor * 10,
    };
    Ok(page.render()?)
}

/// How many findings there are of every severity, the worst first.
fn tallies(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    let findings = &subject.report.findings;
    let all = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];
    let tally = |severity: Severity| {
        let many = findings.iter().filter(|finding| finding.severity == severity).count();
        (severity.name(), count(many as i64))
    };
    all.into_iter().map(tally).collect()
}

fn facts(totals: &Totals) -> Vec<(&'static str, String)> {
    vec![
        ("Shards read", count(totals.shards)),
        ("Shards not read", count(totals.shards_quarantined)),
        ("Documents", count(totals.documents)),
        ("Without exact copies", count(totals.canonical_documents)),
        ("Nearly the same as others", count(totals.near_duplicate_documents)),
        ("Rows without text", count(totals.null_documents)),
        ("Documents cut at the limit", count(totals.truncated_documents)),
        ("Text", bytes(totals.text_bytes)),
        ("Tokens", count(totals.tokens)),
        ("Different n-grams counted", count(totals.distinct_ngrams)),
        ("Rare and repeated n-grams examined", count(totals.screened_ngrams)),
    ]
}

fn settings(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    let parameters = &subject.report.parameters;
    let documents = subject.report.totals.documents.max(0).cast_unsigned();
    let ceiling = parameters.ceiling_for(documents);
    let named = |name: &Option<String>, otherwise: &str| match name {
        Some(name) => line(name, 80),
        None => otherwise.to_owned(),
    };
    vec![
        ("Documents of a finding", format!("{} to {}", parameters.floor, ceiling)),
        ("Lengths that were counted", format!("{} tokens", parameters.orders)),
        ("Tokenizer", line(&parameters.tokenizer, 80)),
        ("Text column", named(&parameters.text_column, "text, content or raw_content")),
        ("Id column", named(&parameters.id_column, "id or doc_id, else shard and row")),
        (
            "Label column",
            labels(parameters.label_column.as_deref(), &subject.report.label_associations),
        ),
        ("Findings at most", count(i64::from(parameters.max_findings))),
        ("Known signatures", looked_for(&subject.report.signatures)),
    ]
}

/// How many signatures there were to match.
fn looked_for(signatures: &[SignatureEntry]) -> String {
    let matched = signatures.iter().filter(|entry| entry.documents > 0).count();
    format!("{} looked for, {} matched", count(signatures.len() as i64), count(matched as i64))
}

/// Name, documents and matches of the signatures that matched, those in most documents first.
fn signatures(subject: &Subject<'_>) -> Vec<[String; 3]> {
    let all = subject.report.signatures.iter();
    let mut matched: Vec<_> = all.filter(|entry| entry.documents > 0).collect();
    matched.sort_by_key(|entry| std::cmp::Reverse(entry.documents));
    let row = |entry: &&SignatureEntry| {
        [line(&entry.name, 80), count(entry.documents), count(entry.occurrences)]
    };
    matched.iter().take(LISTED).map(row).collect()
}

fn shard_line(shard: &ShardRow<'_>) -> ShardLine {
    ShardLine {
        key: line(shard.key, 120),
        rows: count(shard.rows.cast_signed()),
        text: bytes(shard.text_bytes.cast_signed()),
        status: if shard.is_read { "read" } else { "quarantined" },
    }
}

fn quarantine_line(entry: &QuarantineEntry) -> QuarantineLine {
    QuarantineLine {
        shard: line(&entry.shard, 120),
        reason: line(&entry.reason, 40),
        detail: line(&entry.detail, 400),
    }
}

/// The text with its first letter in upper case.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// How many are not listed, in words; empty if all are.
fn beyond(all: usize) -> String {
    let more = all.saturating_sub(LISTED) as i64;
    if more > 0 { of(more, "more shard") } else { String::new() }
}
