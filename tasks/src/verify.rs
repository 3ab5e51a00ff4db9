//! `taster verify`: reads the inputs again and confirms what an audit says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use taster_findings::{Finding, Report};
use taster_ngrams::{Sequences, Span, Tokenizer, tokenizer_named};
use taster_planning::{Digest, Parameters, ShardEntry};
use taster_storage::{DocumentBatch, Frozen, Sources, Store, Want, freeze};
use tokio::runtime::Handle;

use crate::dispatch::run_wave;
use crate::finished::{FinishedAudit, RunFacts};
use crate::text_digest::ShardDigest;
use crate::{Progress, ShardLine, TaskError, Wave};

/// Most problems that are listed one by one.
const LISTED_PROBLEMS: usize = 1000;

/// What was confirmed and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Shards whose texts were read and digested again.
    pub checked_shards: u64,
    /// Output files whose checksum was computed again.
    pub checked_outputs: u64,
    /// Findings with at least one occurrence that was looked up.
    pub checked_findings: u64,
    /// Occurrences whose bytes were tokenised and compared again.
    pub checked_occurrences: u64,
    /// Documents of findings in which the finding was looked for again.
    pub checked_documents: u64,
    /// What did not hold, at most 1000 lines.
    pub problems: Vec<String>,
}

/// An occurrence to be looked up.
#[derive(Debug, Clone)]
struct Claim {
    finding: usize,
    byte_start: usize,
    byte_end: usize,
}

/// What is claimed of one row.
#[derive(Debug, Clone, Default)]
struct RowClaims {
    occurrences: Vec<Claim>,
    /// Findings that its document holds.
    holds: BTreeSet<usize>,
}

/// Claims per shard key and row.
type Claims = BTreeMap<Arc<str>, BTreeMap<u64, RowClaims>>;

/// Verifies the audit in `out` against `inputs`, or against the inputs that its `run.json` names.
///
/// # Errors
/// Trouble with a store; an output folder that is not one of an audit.
pub fn verify(
    out: &str,
    inputs: Option<&[String]>,
    threads: usize,
    runtime: &Handle,
    progress: &dyn Progress,
) -> Result<Verification, TaskError> {
    let audit = FinishedAudit::open(out, runtime)?;
    let mut verification = Verification::default();
    check_outputs(audit.store(), &audit.run, &mut verification)?;
    let inputs = inputs.unwrap_or(&audit.run.inputs);
    let Frozen { manifest, sources } = freeze(inputs, &audit.report.parameters, runtime)?;
    let lines = audit.shards()?;
    let shards: Vec<(u32, &ShardEntry)> = (0..).zip(&manifest.shards).collect();
    let claims = read_claims(&audit)?;
    let checker = Checker::new(&sources, &audit.report, &lines, &claims)?;
    progress.wave_started(Wave::Evidence, shards.len() as u64, manifest.text_bytes());
    let bytes = |(_, shard): &(u32, &ShardEntry)| -> u64 {
        shard.row_groups.iter().map(|group| group.text_bytes).sum()
    };
    let parts = run_wave(threads, &shards, bytes, |task| {
        let part = checker.shard(task.0, task.1)?;
        progress.task_done(Wave::Evidence, bytes(task), false);
        Ok(part)
    })?;
    parts.into_iter().for_each(|part| verification.add(part));
    verification.report_missing(&manifest.shards, &lines, &claims);
    let rows = claims.values().flat_map(BTreeMap::values);
    let named: BTreeSet<usize> = rows
        .flat_map(|row| row.occurrences.iter().map(|claim| claim.finding).chain(row.holds.clone()))
        .collect();
    verification.checked_findings = named.len() as u64;
    verification.problems.truncate(LISTED_PROBLEMS);
    Ok(verification)
}

impl Verification {
    fn add(&mut self, part: Self) {
        self.checked_shards += part.checked_shards;
        self.checked_occurrences += part.checked_occurrences;
        self.checked_documents += part.checked_documents;
        self.problems.extend(part.problems);
    }

    fn problem(&mut self, text: String) {
        self.problems.push(text);
    }

    /// Shards that the audit read and the inputs no longer have.
    fn report_missing(&mut self, shards: &[ShardEntry], lines: &[ShardLine], claims: &Claims) {
        let has = |key: &str| shards.binary_search_by(|shard| shard.key.as_str().cmp(key)).is_ok();
        for line in lines.iter().filter(|line| !has(&line.key)) {
            self.problem(format!(
                "{}: expected this shard among the inputs, it is not there",
                line.key
            ));
        }
        for key in claims.keys().filter(|key| !has(key)) {
            self.problem(format!("{key}: occurrences name this shard, it is not there"));
        }
    }
}

fn check_outputs(
    store: &Store,
    run: &RunFacts,
    verification: &mut Verification,
) -> Result<(), TaskError> {
    for file in &run.outputs {
        verification.checked_outputs += 1;
        let found = store.get(&file.name)?.map(|bytes| Digest::of(&bytes));
        if found != Some(file.blake3) {
            let found = found.map_or("no file".to_owned(), |digest| digest.to_string());
            verification
                .problem(format!("{}: expected BLAKE3 {}, found {found}", file.name, file.blake3));
        }
    }
    Ok(())
}

/// What `occurrences.parquet` and `finding_documents.parquet` claim of every row.
fn read_claims(audit: &FinishedAudit) -> Result<Claims, TaskError> {
    let ordinals = ordinals(&audit.report.findings);
    let known = |id: &str, table: &str| {
        let unknown = || TaskError::damaged(table, format!("no finding is called {id}"));
        ordinals.get(id).copied().ok_or_else(unknown)
    };
    let mut claims = Claims::new();
    for occurrence in audit.occurrences()? {
        let claim = Claim {
            finding: known(&occurrence.finding_id, "occurrences.parquet")?,
            byte_start: occurrence.byte_start.max(0) as usize,
            byte_end: occurrence.byte_end.max(0) as usize,
        };
        let rows = claims.entry(occurrence.shard).or_default();
        rows.entry(occurrence.row.cast_unsigned()).or_default().occurrences.push(claim);
    }
    for document in audit.finding_documents()? {
        let finding = known(&document.finding_id, "finding_documents.parquet")?;
        let rows = claims.entry(document.shard).or_default();
        rows.entry(document.row.cast_unsigned()).or_default().holds.insert(finding);
    }
    Ok(claims)
}

fn ordinals(findings: &[Finding]) -> BTreeMap<&str, usize> {
    let numbered = findings.iter().enumerate();
    numbered.map(|(ordinal, finding)| (finding.finding_id.as_str(), ordinal)).collect()
}

struct Checker<'a> {
    sources: &'a Sources,
    report: &'a Report<Parameters>,
    lines: &'a [ShardLine],
    claims: &'a Claims,
    tokenizer: &'static dyn Tokenizer,
    sequences: Sequences,
}

impl<'a> Checker<'a> {
    fn new(
        sources: &'a Sources,
        report: &'a Report<Parameters>,
        lines: &'a [ShardLine],
        claims: &'a Claims,
    ) -> Result<Self, TaskError> {
        let name = &report.parameters.tokenizer;
        let tokenizer = tokenizer_named(name).ok_or_else(|| {
            TaskError::Parameter(format!("expected a tokenizer of this version, got {name}"))
        })?;
        let sequences = Sequences::new(report.findings.iter().map(|f| f.tokens.as_slice()));
        Ok(Self { sources, report, lines, claims, tokenizer, sequences })
    }

    fn shard(&self, ord: u32, shard: &ShardEntry) -> Result<Verification, TaskError> {
        let mut part = Verification::default();
        let Some(line) = self.lines.iter().find(|line| line.key == shard.key) else {
            part.problem(format!("{}: the audit did not read this shard", shard.key));
            return Ok(part);
        };
        if line.blake3.is_none() {
            return Ok(part);
        }
        match self.read(ord, shard, &mut part) {
            Ok(digest) => {
                part.checked_shards = 1;
                if line.blake3.as_deref() != Some(digest.to_string().as_str()) {
                    let expected = line.blake3.as_deref().unwrap_or("none");
                    part.problem(format!(
                        "{}: expected BLAKE3 {expected} of its texts, found {digest}",
                        shard.key
                    ));
                }
            }
            Err(TaskError::Shard(quarantine)) => {
                part.problem(format!(
                    "{}: expected a readable shard, found: {}",
                    shard.key, quarantine.detail
                ));
            }
            Err(other) => return Err(other),
        }
        Ok(part)
    }

    fn read(
        &self,
        ord: u32,
        shard: &ShardEntry,
        part: &mut Verification,
    ) -> Result<Digest, TaskError> {
        let none = BTreeMap::new();
        let claims = self.claims.get(shard.key.as_str()).unwrap_or(&none);
        let groups = 0..shard.row_groups.len() as u32;
        let limits = &self.report.parameters.limits;
        let mut stream = self.sources.documents(ord, shard, groups, Want::default(), limits)?;
        let mut digest = ShardDigest::default();
        while let Some(batch) = stream.next_batch()? {
            for index in 0..batch.len() {
                digest.row(batch.text(index));
                if let Some(claims) = claims.get(&batch.row(index)) {
                    self.check_claims(&batch, index, &claims.occurrences, part);
                    self.check_holds(&batch, index, &claims.holds, part);
                }
            }
        }
        Ok(digest.finish())
    }

    /// Looks for all findings that the document is said to hold.
    fn check_holds(
        &self,
        batch: &DocumentBatch,
        index: usize,
        holds: &BTreeSet<usize>,
        part: &mut Verification,
    ) {
        part.checked_documents += holds.len() as u64;
        let text = batch.text(index).unwrap_or_default();
        let found = self.sequences.find(text, self.tokenizer);
        let found: BTreeSet<usize> = found.into_iter().map(|(finding, _)| finding).collect();
        for missing in holds.difference(&found) {
            let id = &self.report.findings[*missing].finding_id;
            let (shard, row) = (batch.shard(), batch.row(index));
            part.problem(format!("{shard} row {row}: expected finding {id} in it, found none"));
        }
    }

    fn check_claims(
        &self,
        batch: &DocumentBatch,
        index: usize,
        claims: &[Claim],
        part: &mut Verification,
    ) {
        for claim in claims {
            part.checked_occurrences += 1;
            let finding = &self.report.findings[claim.finding];
            let text =
                batch.text(index).and_then(|text| text.get(claim.byte_start..claim.byte_end));
            let found = text.map(|text| self.tokens(text)).unwrap_or_default();
            if found != finding.tokens {
                part.problem(format!(
                    "{} row {}: expected finding {} at bytes {}..{}, found {found:?}",
                    batch.shard(),
                    batch.row(index),
                    finding.finding_id,
                    claim.byte_start,
                    claim.byte_end
                ));
            }
        }
    }

    fn tokens(&self, text: &str) -> Vec<String> {
        let mut spans: Vec<Span> = Vec::new();
        self.tokenizer.spans(text, &mut spans);
        spans.iter().map(|span| text[span.start as usize..span.end as usize].to_owned()).collect()
    }
}
