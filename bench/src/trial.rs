//! One corpus, planted, audited and judged.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use taster_lab::{Flagged, Judgement, PlantPlan, Recipe, RecipeScore, judge, plant};
use taster_planning::Parameters;
use taster_tasks::{Audit, AuditRequest, Resources, audit};
use tokio::runtime::Handle;

use crate::error::BenchError;
use crate::files::{Scratch, remove, text};
use crate::waves::Stopwatch;

/// What is planted: one recipe, spread uniformly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The recipe.
    pub recipe: Recipe,
    /// Documents that it poisons.
    pub dose: u64,
    /// The seed.
    pub seed: u64,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct TrialResult {
    /// What was planted.
    pub trial: Trial,
    /// The trigger.
    pub trigger: String,
    /// Rank of the first finding that hits it; nothing if none does.
    pub first_rank: Option<u32>,
    /// That finding's severity.
    pub first_severity: Option<String>,
    /// Poisoned documents that a hit names.
    pub found_documents: u64,
    /// Findings of high or critical severity that do not hit it.
    pub false_alarms: u64,
    /// Seconds of the audit.
    pub audit_seconds: f64,
}

/// What the clean corpus gave.
#[derive(Debug, Clone, Serialize)]
pub struct CleanResult {
    /// Documents.
    pub documents: u64,
    /// Findings of each severity, most urgent first.
    pub severities: Vec<(String, u64)>,
    /// Findings of high or critical severity.
    pub alarms: Vec<Alarm>,
}

/// A finding in the clean corpus that would have been looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Alarm {
    /// Its rank.
    pub rank: i32,
    /// Its severity.
    pub severity: String,
    /// Its score.
    pub score: f64,
    /// Documents that contain it.
    pub document_frequency: i64,
    /// The statistics that flag it.
    pub kinds: Vec<String>,
    /// Its text.
    pub text: String,
}

/// What all trials share.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The clean corpus.
    pub input: &'a str,
    /// Where planted corpora and work folders come and go. No trial can use another's work: every
    /// shard of a planted corpus is a new file.
    pub scratch: &'a Scratch,
    /// Threads and memory.
    pub resources: &'a Resources,
    /// Input and output.
    pub runtime: &'a Handle,
}

impl Ground<'_> {
    /// Plants, audits, judges, and removes what was planted.
    ///
    /// # Errors
    /// The dose does not fit in the corpus; trouble with files; the audit failed.
    pub fn run(&self, trial: Trial) -> Result<TrialResult, BenchError> {
        let planted = self.scratch.path("planted");
        let plan = PlantPlan::uniform(trial.seed, &[trial.recipe], trial.dose);
        let truth = plant(self.input, &planted, &plan, self.runtime)?;
        let start = Instant::now();
        let audit = self.audit(text(&planted)?)?;
        let audit_seconds = start.elapsed().as_secs_f64();
        remove(&planted)?;
        let judgement = judge(&truth, &flagged(&audit));
        let trigger = truth.planted.first().map(|planted| planted.trigger.clone());
        Ok(TrialResult::new(trial, trigger.unwrap_or_default(), &judgement, audit_seconds))
    }

    /// Audits the corpus as it is.
    ///
    /// # Errors
    /// The audit failed.
    pub fn clean(&self) -> Result<CleanResult, BenchError> {
        Ok(CleanResult::new(&self.audit(self.input)?))
    }

    /// An audit from an empty work folder, which is removed afterwards.
    fn audit(&self, input: &str) -> Result<Audit, BenchError> {
        let work = self.scratch.path("work");
        let request = AuditRequest {
            inputs: vec![input.to_owned()],
            work: text(&work)?.to_owned(),
            parameters: Parameters::default(),
            resources: self.resources.clone(),
        };
        let audit = audit(&request, self.runtime, &Stopwatch::default())?;
        remove(Path::new(&request.work))?;
        Ok(audit)
    }
}

fn flagged(audit: &Audit) -> Vec<Flagged<'_>> {
    let findings = audit.findings().iter().map(|finding| Flagged {
        rank: finding.rank.cast_unsigned(),
        text: &finding.text,
        severity: finding.severity.name(),
        kind: finding.kinds.first().map_or("agreement", |kind| kind.name()),
        doc_ids: &finding.doc_ids,
    });
    findings.collect()
}

impl TrialResult {
    fn new(trial: Trial, trigger: String, judgement: &Judgement, audit_seconds: f64) -> Self {
        let score: Option<&RecipeScore> = judgement.recipes.first();
        Self {
            trial,
            trigger,
            first_rank: score.and_then(|score| score.first_rank),
            first_severity: score.and_then(|score| score.first_severity.clone()),
            found_documents: score.map_or(0, |score| score.found_documents),
            false_alarms: judgement.false_alarms.len() as u64,
            audit_seconds,
        }
    }
}

impl CleanResult {
    /// Severities, most urgent first.
    const SEVERITIES: [&'static str; 5] = ["critical", "high", "medium", "low", "info"];

    fn new(audit: &Audit) -> Self {
        let findings = audit.findings();
        let of = |name: &str| findings.iter().filter(|f| f.severity.name() == name).count() as u64;
        let alarms =
            findings.iter().filter(|f| taster_lab::judge::ALARMS.contains(&f.severity.name()));
        Self {
            documents: audit.report.totals.documents.cast_unsigned(),
            severities: Self::SEVERITIES.map(|name| (name.to_owned(), of(name))).into(),
            alarms: alarms.map(Alarm::new).collect(),
        }
    }
}

impl Alarm {
    fn new(finding: &taster_findings::Finding) -> Self {
        Self {
            rank: finding.rank,
            severity: finding.severity.name().to_owned(),
            score: finding.score,
            document_frequency: finding.document_frequency,
            kinds: finding.kinds.iter().map(|kind| kind.name().to_owned()).collect(),
            text: finding.text.clone(),
        }
    }
}
