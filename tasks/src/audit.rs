//! Runs the waves of an audit in order, in this process.

use std::collections::BTreeMap;

use taster_findings::{Finding, Occurrence, Report};
use taster_planning::{Manifest, Parameters, Quarantine, Unit, partition};
use taster_storage::{Frozen, Store, freeze};
use tokio::runtime::Handle;

use crate::corpus::{Corpus, Counted};
use crate::count::count;
use crate::dispatch::run_wave;
use crate::manifest_lines::{ShardLine, shard_lines};
use crate::outcome::Outcome;
use crate::report::{Sums, report};
use crate::waves::Merged;
use crate::workspace::Workspace;
use crate::{AuditRequest, Progress, Resources, TaskError, Wave};

/// A finished audit.
#[derive(Debug)]
pub struct Audit {
    /// What was read. Entity tags and origins belong to the store, not to the result.
    pub manifest: Manifest,
    /// Path or URL of every shard of the manifest.
    pub locations: Vec<String>,
    /// The report.
    pub report: Report<Parameters>,
    /// One line per shard: `manifest.jsonl`.
    pub shards: Vec<ShardLine>,
    /// Where the findings stand.
    pub occurrences: Vec<Occurrence>,
    /// Shards that could not be read, by key.
    pub quarantine: Vec<Quarantine>,
    /// How much of every wave was done and how much was found done.
    pub waves: Vec<WaveFacts>,
}

/// What became of one wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaveFacts {
    /// Which.
    pub wave: Wave,
    /// Its tasks.
    pub tasks: u64,
    /// Those whose output was there before.
    pub reused: u64,
}

impl Audit {
    /// The findings, best first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.report.findings
    }
}

/// Audits the inputs of `request`. Committed outputs in its work location are used; new ones are
/// left there for the next audit.
///
/// # Errors
/// Trouble with a store, an input that names nothing, a parameter that cannot be used. A shard
/// that cannot be read is not an error.
pub fn audit(
    request: &AuditRequest,
    runtime: &Handle,
    progress: &dyn Progress,
) -> Result<Audit, TaskError> {
    let request = AuditRequest { parameters: checked(&request.parameters)?, ..request.clone() };
    let mut driver = Driver::open_as_is(&request, runtime, progress)?;
    loop {
        match driver.run() {
            // Bad after it was counted: what was counted of it must not speak, so start over.
            Err(TaskError::Shard(quarantine)) if driver.exclude(quarantine.clone()) => {}
            other => return other,
        }
    }
}

/// What the waves of one audit share.
pub(crate) struct Driver<'a> {
    pub workspace: Workspace,
    pub resources: &'a Resources,
    pub progress: &'a dyn Progress,
    /// Shards that turned out to be bad, by key.
    excluded: BTreeMap<String, Quarantine>,
    pub waves: Vec<WaveFacts>,
}

impl<'a> Driver<'a> {
    /// Freezes the manifest of `request`, whose parameters are taken as they are.
    pub(crate) fn open_as_is(
        request: &'a AuditRequest,
        runtime: &Handle,
        progress: &'a dyn Progress,
    ) -> Result<Self, TaskError> {
        let parameters = request.parameters.clone();
        check_resources(&request.resources)?;
        progress.wave_started(Wave::Manifest, 1, 0);
        let Frozen { manifest, sources } = freeze(&request.inputs, &parameters, runtime)?;
        progress.task_done(Wave::Manifest, 0, false);
        let store = Store::open(&request.work, runtime)?;
        let excluded = manifest.quarantined().map(|q| (q.shard.clone(), q.clone())).collect();
        for quarantine in manifest.quarantined() {
            progress.quarantined(&quarantine.shard, &quarantine.detail);
        }
        let segment_tokens = request.resources.segment_tokens();
        let workspace = Workspace::new(store, sources, manifest, parameters, segment_tokens)?;
        let resources = &request.resources;
        Ok(Self { workspace, resources, progress, excluded, waves: Vec::new() })
    }

    /// Remembers that a shard is bad; false if that was known.
    fn exclude(&mut self, quarantine: Quarantine) -> bool {
        self.progress.quarantined(&quarantine.shard, &quarantine.detail);
        self.excluded.insert(quarantine.shard.clone(), quarantine).is_none()
    }

    /// Runs the tasks of one wave and tells the progress.
    pub(crate) fn wave<T: Sync, R: Send>(
        &mut self,
        wave: Wave,
        tasks: &[T],
        bytes: impl Fn(&T) -> u64 + Sync,
        work: impl Fn(&Workspace, &T) -> Result<(R, bool), TaskError> + Sync,
    ) -> Result<Vec<R>, TaskError> {
        let progress = self.progress;
        progress.wave_started(wave, tasks.len() as u64, tasks.iter().map(&bytes).sum());
        let workspace = &self.workspace;
        let results = run_wave(self.resources.threads, tasks, |task| {
            let (result, reused) = work(workspace, task)?;
            progress.task_done(wave, bytes(task), reused);
            Ok((result, reused))
        });
        workspace.memory.free();
        let results = results?;
        let reused = results.iter().filter(|(_, reused)| *reused).count() as u64;
        self.waves.push(WaveFacts { wave, tasks: tasks.len() as u64, reused });
        Ok(results.into_iter().map(|(result, _)| result).collect())
    }

    fn run(&mut self) -> Result<Audit, TaskError> {
        self.waves.clear();
        let counted = self.count()?;
        let corpus = Corpus::merge(&self.workspace, &counted)?;
        let merged = Merged::screen(self, &counted, &corpus)?;
        let judged = merged.judge(self, &counted, &corpus)?;
        Ok(self.finish(&counted, &corpus, judged.sums, judged.outcome))
    }

    /// Counts every unit of every good shard; shards with a bad unit are left out whole.
    pub(crate) fn count(&mut self) -> Result<Vec<Counted>, TaskError> {
        let mut units = partition(&self.workspace.manifest, self.resources.unit_bytes());
        units.retain(|unit| !self.excluded.contains_key(self.key(unit)));
        let receipts = self.wave(Wave::Count, &units, |unit| unit.text_bytes, count)?;
        for receipt in &receipts {
            if let Some(quarantine) = &receipt.quarantine {
                self.exclude(quarantine.clone());
            }
        }
        let counted =
            units.into_iter().zip(receipts).map(|(unit, receipt)| Counted { unit, receipt });
        Ok(counted.filter(|counted| !self.excluded.contains_key(self.key(&counted.unit))).collect())
    }

    fn key(&self, unit: &Unit) -> &str {
        &self.workspace.manifest.shards[unit.shard_ord as usize].key
    }

    /// Shards that are left out, by key.
    pub(crate) fn quarantine(&self) -> Vec<Quarantine> {
        self.excluded.values().cloned().collect()
    }

    fn finish(&self, counted: &[Counted], corpus: &Corpus, sums: Sums, outcome: Outcome) -> Audit {
        let quarantine = self.quarantine();
        let manifest = self.workspace.manifest.clone();
        let shards = shard_lines(&manifest, counted, corpus, &quarantine);
        let (report, occurrences) =
            report(&self.workspace, counted, corpus, &quarantine, sums, outcome);
        let locations = self.workspace.sources.locations();
        Audit {
            manifest,
            locations,
            report,
            shards,
            occurrences,
            quarantine,
            waves: self.waves.clone(),
        }
    }
}

/// Refuses parameters that make no sense together; an audit always counts order 2, by which it
/// knows unseen text.
fn checked(parameters: &Parameters) -> Result<Parameters, TaskError> {
    let mut parameters = parameters.clone();
    if parameters.floor < 2 {
        return Err(TaskError::Parameter(format!(
            "expected a floor of at least 2, got {}",
            parameters.floor
        )));
    }
    if parameters.ceiling.is_some_and(|ceiling| ceiling < parameters.floor) {
        let message = format!(
            "expected a ceiling of at least the floor {}, got {:?}",
            parameters.floor, parameters.ceiling
        );
        return Err(TaskError::Parameter(message));
    }
    parameters.orders.first = parameters.orders.first.min(2);
    parameters.orders.last = parameters.orders.last.max(2);
    Ok(parameters)
}

fn check_resources(resources: &Resources) -> Result<(), TaskError> {
    if resources.threads == 0 {
        return Err(TaskError::Parameter("expected at least 1 thread, got 0".to_owned()));
    }
    if resources.memory_bytes < Resources::MIN_MEMORY_BYTES {
        let (least, got) = (Resources::MIN_MEMORY_BYTES, resources.memory_bytes);
        return Err(TaskError::Parameter(format!(
            "expected a memory budget of at least {least} bytes, got {got}"
        )));
    }
    Ok(())
}
