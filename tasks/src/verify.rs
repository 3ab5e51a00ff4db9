//! `taster verify`: reads the inputs again and confirms what an audit says of them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use taster_findings::{Finding, Report};
use taster_ngrams::{Span, tokenizer_named};
use taster_planning::{Digest, Parameters, ShardEntry};
use taster_storage::{DocumentBatch, Frozen, Sources, Store, Want, freeze};
use tokio::runtime::Handle;

use crate::dispatch::run_wave;
use crate::error::InObject;
use crate::{Progress, ShardLine, TaskError, Wave, WrittenFile};

/// Most problems that are listed one by one.
const LISTED_PROBLEMS: usize = 1000;

/// What `run.json` must say for a verification: the rest of it is for people.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct RunFacts {
    #[serde(default)]
    inputs: Vec<String>,
    #[serde(default)]
    outputs: Vec<WrittenFile>,
}

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

/// Claims per shard key and row.
type Claims = BTreeMap<String, BTreeMap<u64, Vec<Claim>>>;

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
    let store = Store::open(out, runtime)?;
    let run: RunFacts = read_json(&store, "run.json")?;
    let report: Report<Parameters> = read_json(&store, "report.json")?;
    let mut verification = Verification::default();
    check_outputs(&store, &run, &mut verification)?;
    let inputs = inputs.map_or(run.inputs, <[String]>::to_vec);
    let Frozen { manifest, sources } = freeze(&inputs, &report.parameters, runtime)?;
    let lines = read_lines(&store, "manifest.jsonl")?;
    let shards: Vec<(u32, &ShardEntry)> = (0..).zip(&manifest.shards).collect();
    let claims = read_claims(out, &report.findings, runtime)?;
    let checker = Checker { sources: &sources, report: &report, lines: &lines, claims: &claims };
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
    let named: std::collections::BTreeSet<usize> =
        claims.values().flat_map(BTreeMap::values).flatten().map(|claim| claim.finding).collect();
    verification.checked_findings = named.len() as u64;
    verification.problems.truncate(LISTED_PROBLEMS);
    Ok(verification)
}

impl Verification {
    fn add(&mut self, part: Self) {
        self.checked_shards += part.checked_shards;
        self.checked_occurrences += part.checked_occurrences;
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

fn read_json<T: DeserializeOwned>(store: &Store, name: &str) -> Result<T, TaskError> {
    let bytes = store.get(name)?.ok_or_else(|| {
        TaskError::Output(format!(
            "expected an audit's output in {}, found no {name}",
            store.location()
        ))
    })?;
    serde_json::from_slice(&bytes).in_object(name)
}

fn read_lines(store: &Store, name: &str) -> Result<Vec<ShardLine>, TaskError> {
    let bytes = store.get(name)?.unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).in_object(name)).collect()
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

/// Reads `occurrences.parquet` as if it were a shard: its columns are ids and axes.
fn read_claims(out: &str, findings: &[Finding], runtime: &Handle) -> Result<Claims, TaskError> {
    let columns = ["row", "byte_start", "byte_end"];
    let parameters = Parameters {
        text_column: Some("finding_id".to_owned()),
        id_column: Some("shard".to_owned()),
        axes: Some(columns.iter().map(ToString::to_string).collect()),
        ..Parameters::default()
    };
    let file = format!("{}/occurrences.parquet", out.trim_end_matches('/'));
    let Frozen { manifest, sources } = freeze(&[file], &parameters, runtime)?;
    let ordinals: BTreeMap<&str, usize> = findings
        .iter()
        .enumerate()
        .map(|(ordinal, finding)| (finding.finding_id.as_str(), ordinal))
        .collect();
    let mut claims = Claims::new();
    let shard = &manifest.shards[0];
    let want = Want { axes: true, ids: true };
    let mut stream =
        sources.documents(0, shard, 0..shard.row_groups.len() as u32, want, &parameters.limits)?;
    while let Some(batch) = stream.next_batch()? {
        for index in 0..batch.len() {
            let number =
                |axis: usize| batch.axis(axis, index).and_then(|text| text.parse::<u64>().ok());
            let finding = batch.text(index).and_then(|id| ordinals.get(id).copied());
            let (Some(finding), Some(row), Some(start), Some(end)) =
                (finding, number(0), number(1), number(2))
            else {
                return Err(TaskError::damaged(
                    "occurrences.parquet",
                    "a row names no finding or no place",
                ));
            };
            let claim = Claim { finding, byte_start: start as usize, byte_end: end as usize };
            let rows = claims.entry(batch.id(index).into_owned()).or_default();
            rows.entry(row).or_default().push(claim);
        }
    }
    Ok(claims)
}

struct Checker<'a> {
    sources: &'a Sources,
    report: &'a Report<Parameters>,
    lines: &'a [ShardLine],
    claims: &'a Claims,
}

impl Checker<'_> {
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
        let claims = self.claims.get(&shard.key).unwrap_or(&none);
        let groups = 0..shard.row_groups.len() as u32;
        let limits = &self.report.parameters.limits;
        let mut stream = self.sources.documents(ord, shard, groups, Want::default(), limits)?;
        let mut hasher = blake3::Hasher::new();
        while let Some(batch) = stream.next_batch()? {
            for index in 0..batch.len() {
                match batch.text(index) {
                    Some(text) => {
                        hasher.update(&[1]).update(blake3::hash(text.as_bytes()).as_bytes())
                    }
                    None => hasher.update(&[0]),
                };
                if let Some(claims) = claims.get(&batch.row(index)) {
                    self.check_claims(&batch, index, claims, part);
                }
            }
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
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
        if let Some(tokenizer) = tokenizer_named(&self.report.parameters.tokenizer) {
            tokenizer.spans(text, &mut spans);
        }
        spans.iter().map(|span| text[span.start as usize..span.end as usize].to_owned()).collect()
    }
}
