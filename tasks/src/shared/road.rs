//! How far one generation of a shared audit is prepared in this process.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use taster_planning::schedule::{Facts, Stage as StageName};
use taster_planning::{LongerStep, Quarantine, Unit, partition};

use crate::audit::Driver;
use crate::passes::passes;
use crate::stages::{
    Chosen, CountedCorpus, Counting, Describing, Lengthening, Looking, Scoring, Screened,
    Screening, Stage, bytes_of,
};
use crate::workspace::Workspace;
use crate::{Audit, Resources, Silent, TaskError};

/// One generation of an audit, with every stage that was prepared for some task. A stage is
/// prepared by the first task that needs it, from the receipts of the stages before.
#[derive(Debug)]
pub(super) struct Road {
    workspace: Workspace,
    units: Vec<Unit>,
    unit_bytes: u64,
    threads: usize,
    excluded: BTreeMap<String, Quarantine>,
    prepared: Mutex<Prepared>,
}

#[derive(Debug, Default)]
struct Prepared {
    /// Shards that are left out once everything is counted.
    excluded: BTreeMap<String, Quarantine>,
    counts: Option<Arc<CountedCorpus>>,
    screening: Option<Arc<Screening>>,
    triples: Step,
    longer: Step,
    describing: Option<Arc<Describing>>,
    scoring: Option<Arc<Scoring>>,
    chosen: Option<Arc<Chosen>>,
    looking: Option<Arc<Looking>>,
}

/// One of the later steps of counting and screening.
#[derive(Debug, Default)]
struct Step {
    lengthening: Option<Arc<Lengthening>>,
    screening: Option<Arc<Screening>>,
}

/// Answers with what is there, or prepares it and keeps it.
fn or_prepare<T>(
    place: &mut Option<Arc<T>>,
    prepare: impl FnOnce() -> Result<T, TaskError>,
) -> Result<Arc<T>, TaskError> {
    if let Some(there) = place {
        return Ok(Arc::clone(there));
    }
    let value = Arc::new(prepare()?);
    *place = Some(Arc::clone(&value));
    Ok(value)
}

impl Road {
    /// `excluded` are the shards left out before anything was counted.
    pub(super) fn new(
        workspace: Workspace,
        unit_bytes: u64,
        threads: usize,
        excluded: BTreeMap<String, Quarantine>,
    ) -> Self {
        let units = partition(&workspace.manifest, unit_bytes);
        Self { workspace, units, unit_bytes, threads, excluded, prepared: Mutex::default() }
    }

    /// The whole audit: what is committed is found, what is missing is made.
    pub(super) fn audit(&self) -> Result<Audit, TaskError> {
        let mut prepared = self.prepared();
        let chosen = prepared.chosen(self)?;
        let excluded = prepared.excluded.clone();
        drop(prepared);
        Driver { excluded, ..self.driver() }.conclude(&chosen)
    }

    /// Number of tasks of a stage.
    pub(super) fn tasks(&self, stage: StageName) -> Result<usize, TaskError> {
        Ok(match stage {
            StageName::Count
            | StageName::CountTriples
            | StageName::CountLonger
            | StageName::Context => self.units.len(),
            StageName::Screen => self.screening()?.tasks(),
            StageName::ScreenTriples => self.screening_longer(LongerStep::Triples)?.tasks(),
            StageName::ScreenLonger => self.screening_longer(LongerStep::Longer)?.tasks(),
            StageName::Score => self.scoring()?.tasks(),
            StageName::Choose | StageName::Report => 1,
            StageName::Evidence => self.looking()?.tasks(),
        })
    }

    /// Runs one task of any stage but the report.
    pub(super) fn task(
        &self,
        stage: StageName,
        index: usize,
        stop: &Arc<AtomicBool>,
    ) -> Result<Facts, TaskError> {
        let workspace = self.workspace.until(stop);
        match stage {
            StageName::Count => self.count(&workspace, index),
            StageName::Screen => run(&*self.screening()?, &workspace, index, |_| 0),
            StageName::CountTriples => self.lengthen(LongerStep::Triples, &workspace, index),
            StageName::ScreenTriples => {
                run(&*self.screening_longer(LongerStep::Triples)?, &workspace, index, |_| 0)
            }
            StageName::CountLonger => self.lengthen(LongerStep::Longer, &workspace, index),
            StageName::ScreenLonger => {
                run(&*self.screening_longer(LongerStep::Longer)?, &workspace, index, |_| 0)
            }
            StageName::Context => self.context(&workspace, index),
            StageName::Score => run(&*self.scoring()?, &workspace, index, |_| 0),
            StageName::Choose | StageName::Report => {
                let tasks = self.looking()?.tasks() as u32;
                Ok(Facts { tasks, ..Facts::default() })
            }
            StageName::Evidence => run(&*self.looking()?, &workspace, index, |_| 0),
        }
    }

    fn count(&self, workspace: &Workspace, index: usize) -> Result<Facts, TaskError> {
        let unit =
            &self.units[index.min(self.units.len())..][..usize::from(index < self.units.len())];
        let counting = Counting::new(workspace, unit, &self.excluded);
        run(&counting, workspace, 0, |receipt| bytes_of(&receipt.runs))
    }

    fn lengthen(
        &self,
        step: LongerStep,
        workspace: &Workspace,
        index: usize,
    ) -> Result<Facts, TaskError> {
        let lengthening = self.prepared().lengthening(self, step)?;
        let task = self.units.get(index).and_then(|unit| lengthening.task_of(unit));
        task.map_or(Ok(Facts::default()), |task| {
            run(&*lengthening, workspace, task, |receipt| bytes_of(&receipt.runs))
        })
    }

    fn context(&self, workspace: &Workspace, index: usize) -> Result<Facts, TaskError> {
        let describing = self.describing()?;
        let task = self.units.get(index).and_then(|unit| describing.task_of(unit));
        task.map_or(Ok(Facts::default()), |task| {
            run(&*describing, workspace, task, |receipt| bytes_of(&receipt.runs))
        })
    }

    fn driver(&self) -> Driver<'static> {
        Driver {
            workspace: self.workspace.clone(),
            threads: self.threads,
            unit_bytes: self.unit_bytes,
            pass_documents: self.pass_documents(),
            progress: &Silent,
            excluded: self.excluded.clone(),
            keeps_evidence: true,
            waves: Vec::new(),
        }
    }

    /// The same in every process, so that each finds what another has looked at.
    fn pass_documents(&self) -> usize {
        Resources::shared_pass_documents(self.workspace.segment_tokens)
    }

    fn screening(&self) -> Result<Arc<Screening>, TaskError> {
        self.prepared().screening(self)
    }

    fn screening_longer(&self, step: LongerStep) -> Result<Arc<Screening>, TaskError> {
        self.prepared().screening_longer(self, step)
    }

    fn describing(&self) -> Result<Arc<Describing>, TaskError> {
        self.prepared().describing(self)
    }

    fn scoring(&self) -> Result<Arc<Scoring>, TaskError> {
        self.prepared().scoring(self)
    }

    fn looking(&self) -> Result<Arc<Looking>, TaskError> {
        self.prepared().looking(self)
    }

    fn prepared(&self) -> std::sync::MutexGuard<'_, Prepared> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each answers from memory or prepares its stage, and so those before it.
impl Prepared {
    fn counts(&mut self, road: &Road) -> Result<Arc<CountedCorpus>, TaskError> {
        let excluded = &mut self.excluded;
        or_prepare(&mut self.counts, || {
            let mut driver = road.driver();
            let counted = driver.count()?;
            *excluded = driver.excluded;
            CountedCorpus::merge(&road.workspace, counted)
        })
    }

    fn screening(&mut self, road: &Road) -> Result<Arc<Screening>, TaskError> {
        let counts = self.counts(road)?;
        or_prepare(&mut self.screening, || Screening::new(&road.workspace, counts))
    }

    fn step(&mut self, step: LongerStep) -> &mut Step {
        match step {
            LongerStep::Triples => &mut self.triples,
            LongerStep::Longer => &mut self.longer,
        }
    }

    fn lengthening(
        &mut self,
        road: &Road,
        step: LongerStep,
    ) -> Result<Arc<Lengthening>, TaskError> {
        let before = match step {
            LongerStep::Triples => self.screening(road)?,
            LongerStep::Longer => self.screening_longer(road, LongerStep::Triples)?,
        };
        or_prepare(&mut self.step(step).lengthening, || {
            let receipts = road.driver().stage(&*before)?;
            let screened = before.collect(&road.workspace, &receipts)?;
            Ok(Lengthening::new(&road.workspace, Arc::new(screened), step))
        })
    }

    fn screening_longer(
        &mut self,
        road: &Road,
        step: LongerStep,
    ) -> Result<Arc<Screening>, TaskError> {
        let lengthening = self.lengthening(road, step)?;
        or_prepare(&mut self.step(step).screening, || {
            let receipts = road.driver().stage(&*lengthening)?;
            Screening::longer(&road.workspace, &lengthening, &receipts)
        })
    }

    fn describing(&mut self, road: &Road) -> Result<Arc<Describing>, TaskError> {
        let screening = self.screening_longer(road, LongerStep::Longer)?;
        or_prepare(&mut self.describing, || {
            let receipts = road.driver().stage(&*screening)?;
            let screened: Screened = screening.collect(&road.workspace, &receipts)?;
            Ok(Describing::new(&road.workspace, Arc::new(screened)))
        })
    }

    fn scoring(&mut self, road: &Road) -> Result<Arc<Scoring>, TaskError> {
        let describing = self.describing(road)?;
        or_prepare(&mut self.scoring, || {
            let contexts = road.driver().stage(&*describing)?;
            Scoring::new(&road.workspace, Arc::clone(&describing.screened), &contexts)
        })
    }

    fn chosen(&mut self, road: &Road) -> Result<Arc<Chosen>, TaskError> {
        let scoring = self.scoring(road)?;
        or_prepare(&mut self.chosen, || {
            let receipts = road.driver().stage(&*scoring)?;
            scoring.collect(&road.workspace, receipts, road.threads)
        })
    }

    fn looking(&mut self, road: &Road) -> Result<Arc<Looking>, TaskError> {
        let chosen = self.chosen(road)?;
        or_prepare(&mut self.looking, || {
            let counts = Arc::clone(&chosen.screened.counts);
            let targets = Arc::clone(&chosen.targets);
            Ok(Looking::new(counts, targets, passes(&chosen.targets, road.pass_documents()), true))
        })
    }
}

/// Runs one task of a prepared stage; none if there is no such task.
fn run<S: Stage>(
    stage: &S,
    workspace: &Workspace,
    task: usize,
    bytes: impl FnOnce(&S::Receipt) -> u64,
) -> Result<Facts, TaskError> {
    if task >= stage.tasks() {
        return Ok(Facts::default());
    }
    let (receipt, reused) = stage.run(workspace, task)?;
    Ok(Facts { bytes: bytes(&receipt), tasks: 0, reused: u32::from(reused) })
}
