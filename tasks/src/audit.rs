//! Runs the waves of an audit in order, in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use taster_findings::{Finding, FindingDocument, Occurrence, Report};
use taster_page::Shading;
use taster_planning::{LongerStep, Manifest, Parameters, Quarantine, partition};
use taster_storage::{Frozen, Overlay, Store, freeze};
use tokio::runtime::Handle;

use crate::corpus::Counted;
use crate::dispatch::{both, run_wave};
use crate::manifest_lines::{ShardLine, shard_lines};
use crate::outcome::{Outcome, outcome};
use crate::passes::{Seen, evidence};
use crate::rarity::shadings;
use crate::report::report;
use crate::stages::{
    Chosen, CountedCorpus, Counting, Describing, Lengthening, Scoring, Screened, Screening, Stage,
};
use crate::surprisal::unusual_documents;
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
    /// How rare the text around some of them is, for the page.
    pub shadings: Vec<Shading>,
    /// Every document of every finding, by rank, shard and row: what a removal must hold.
    pub finding_documents: Vec<FindingDocument>,
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
    Driver::open_as_is(&request, runtime, progress)?.into_audit()
}

/// The same, with the texts of an overlay read in place of the stored ones. Units of which nothing is
/// overlaid are shared with audits without.
///
/// # Errors
/// As for [`audit`].
pub fn audit_overlaid(
    request: &AuditRequest,
    overlay: &Arc<dyn Overlay>,
    runtime: &Handle,
    progress: &dyn Progress,
) -> Result<Audit, TaskError> {
    let request = AuditRequest { parameters: checked(&request.parameters)?, ..request.clone() };
    let mut driver = Driver::open_as_is(&request, runtime, progress)?;
    driver.workspace.sources = driver.workspace.sources.overlaid(overlay);
    driver.into_audit()
}

/// What the waves of one audit share.
pub(crate) struct Driver<'a> {
    pub workspace: Workspace,
    pub threads: usize,
    pub unit_bytes: u64,
    /// Documents of the targets that one evidence pass holds.
    pub pass_documents: usize,
    pub progress: &'a dyn Progress,
    /// Shards that turned out to be bad, by key.
    pub excluded: BTreeMap<String, Quarantine>,
    /// Whether evidence is committed, for other processes to find.
    pub keeps_evidence: bool,
    pub waves: Vec<WaveFacts>,
}

impl<'a> Driver<'a> {
    /// Freezes the manifest of `request`, whose parameters are taken as they are.
    pub(crate) fn open_as_is(
        request: &AuditRequest,
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
        Ok(Self {
            workspace: workspace.committing_behind(),
            threads: request.resources.threads,
            unit_bytes: request.resources.unit_bytes(),
            pass_documents: request.resources.pass_documents(),
            progress,
            excluded,
            keeps_evidence: false,
            waves: Vec::new(),
        })
    }

    /// Runs all waves, again without a shard that turned out to be bad.
    fn into_audit(mut self) -> Result<Audit, TaskError> {
        loop {
            match self.run() {
                // Bad after it was counted: what was counted of it must not speak, so start over.
                Err(TaskError::Shard(quarantine)) if self.exclude(quarantine.clone()) => {}
                Ok(audit) => return self.workspace.settle().map(|()| audit),
                Err(error) => return Err(error),
            }
        }
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
        let results = run_wave(self.threads, tasks, &bytes, |task| {
            let (result, reused) = work(workspace, task)?;
            progress.task_done(wave, bytes(task), reused);
            Ok((result, reused))
        });
        workspace.memory.free();
        let results = results?;
        workspace.check()?;
        let reused = results.iter().filter(|(_, reused)| *reused).count() as u64;
        self.waves.push(WaveFacts { wave, tasks: tasks.len() as u64, reused });
        Ok(results.into_iter().map(|(result, _)| result).collect())
    }

    /// Runs all tasks of a stage, in one wave.
    pub(crate) fn stage<S: Stage>(&mut self, stage: &S) -> Result<Vec<S::Receipt>, TaskError> {
        let tasks: Vec<usize> = (0..stage.tasks()).collect();
        let run = |workspace: &Workspace, task: &usize| stage.run(workspace, *task);
        self.wave(stage.wave(), &tasks, |&task| stage.bytes(task), run)
    }

    /// Counts every unit of every good shard; shards with a bad unit are left out whole.
    pub(crate) fn count(&mut self) -> Result<Vec<Counted>, TaskError> {
        let units = partition(&self.workspace.manifest, self.unit_bytes);
        let counting = Counting::new(&self.workspace, &units, &self.excluded);
        let receipts = self.stage(&counting)?;
        for quarantine in receipts.iter().filter_map(|receipt| receipt.quarantine.as_ref()) {
            self.exclude(quarantine.clone());
        }
        Ok(counting.collect(&self.workspace, receipts, &self.excluded))
    }

    fn run(&mut self) -> Result<Audit, TaskError> {
        self.waves.clear();
        let counted = self.count()?;
        let counts = Arc::new(CountedCorpus::merge(&self.workspace, counted)?);
        let screening = Screening::new(&self.workspace, counts)?;
        let receipts = self.stage(&screening)?;
        let screened = Arc::new(screening.collect(&self.workspace, &receipts)?);
        let screened = self.lengthen(screened, LongerStep::Triples)?;
        let screened = self.lengthen(screened, LongerStep::Longer)?;
        let describing = Describing::new(&self.workspace, Arc::clone(&screened));
        let contexts = self.stage(&describing)?;
        let scoring = Scoring::new(&self.workspace, screened, &contexts)?;
        let receipts = self.stage(&scoring)?;
        let chosen = scoring.collect(&self.workspace, receipts, self.threads)?;
        self.conclude(&chosen)
    }

    /// Counts and screens the n-grams of a step as well.
    fn lengthen(
        &mut self,
        screened: Arc<Screened>,
        step: LongerStep,
    ) -> Result<Arc<Screened>, TaskError> {
        let lengthening = Lengthening::new(&self.workspace, screened, step);
        let receipts = self.stage(&lengthening)?;
        let screening = Screening::longer(&self.workspace, &lengthening, &receipts)?;
        let receipts = self.stage(&screening)?;
        Ok(Arc::new(screening.collect(&self.workspace, &receipts)?))
    }

    /// Verifies what is chosen, and puts the report together.
    pub(crate) fn conclude(&mut self, chosen: &Chosen) -> Result<Audit, TaskError> {
        let seen = evidence(self, chosen)?;
        self.finish(chosen, seen)
    }

    /// Shards that are left out, by key.
    pub(crate) fn quarantine(&self) -> Vec<Quarantine> {
        self.excluded.values().cloned().collect()
    }

    fn finish(&self, chosen: &Chosen, seen: Seen) -> Result<Audit, TaskError> {
        let Seen { verified, spelled } = seen;
        let CountedCorpus { units, corpus, .. } = &*chosen.screened.counts;
        let most = self.workspace.parameters.max_findings as usize;
        let lists = || {
            let near_duplicates = corpus.resemblance.near_duplicates(self, units)?;
            Ok((near_duplicates, unusual_documents(self, &chosen.surprising)?))
        };
        let judged = || outcome(&chosen.judge, corpus, verified, most, self.threads);
        let (mut outcome, lists): (Outcome, Result<_, TaskError>) = both(judged, lists);
        let listed = std::mem::take(&mut outcome.listed);
        let quarantine = self.quarantine();
        let manifest = Manifest::clone(&self.workspace.manifest);
        let shards = shard_lines(&manifest, units, corpus, &quarantine);
        let (mut report, occurrences, finding_documents) =
            report(&self.workspace, units, corpus, &quarantine, chosen, outcome);
        report.token_spikes = chosen.asides.token_spikes(corpus, &spelled);
        (report.near_duplicates, report.unusual_documents) = lists?;
        report.label_associations = chosen.asides.label_associations(corpus, &spelled);
        let shadings = shadings(self, &chosen.screened, &report, &occurrences, &listed)?;
        let locations = self.workspace.sources.locations();
        Ok(Audit {
            manifest,
            locations,
            report,
            shards,
            occurrences,
            shadings,
            finding_documents,
            quarantine,
            waves: self.waves.clone(),
        })
    }
}

/// Refuses parameters that make no sense together; an audit always counts order 2, by which it
/// knows unseen text.
pub(crate) fn checked(parameters: &Parameters) -> Result<Parameters, TaskError> {
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
