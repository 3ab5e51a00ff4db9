//! `taster lab`: poisons of known kind in a corpus, and how well an audit finds them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use taster_findings::{Finding, Kind};
use taster_lab::experiment::halved;
use taster_lab::measurement::CleanCorpus;
use taster_lab::{
    Bed, Experiment, Flagged, GroundTruth, Judgement, LabError, LabReport, Part, PlantPlan, Trial,
    judge,
};
use taster_planning::Parameters;
use taster_storage::Overlay;
use taster_tasks::{Audit, AuditRequest, Resources, Silent};

use crate::commands::lab_tables::{show, trial_line};
use crate::commands::lab_work::KeptWork;
use crate::configuration::{parameters, resources};
use crate::error::CliError;
use crate::exit::Ending;
use crate::lab_arguments::LabArguments;
use crate::locations::refuse_output_among;
use crate::session::Session;
use crate::settings::{CorpusSettings, ScreeningSettings};

/// Folder inside OUT for what comes and goes.
const SCRATCH: &str = ".taster-lab";

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: LabArguments) -> Result<Ending, CliError> {
    refuse_output_among(&arguments.inputs.inputs, &arguments.out.display().to_string())?;
    let experiment = arguments.experiment();
    let machine = session.file.below(arguments.resources)?;
    let part = arguments.split;
    let note = format!("preparing the corpus in {}", arguments.out.display());
    session.log.note(&note);
    let mut laboratory = Laboratory::open(
        session,
        &arguments.inputs.inputs,
        Places { out: arguments.out, keep: arguments.keep },
        part,
        resources(&machine)?,
    )?;
    let clean = laboratory.clean()?;
    let (trials, left_out) = laboratory.trials(&experiment)?;
    let report = LabReport::new(experiment, part, clean, trials, left_out);
    laboratory.close(&report)?;
    show(session, &report)?;
    Ok(Ending::Clean)
}

/// What is written where.
struct Places {
    out: PathBuf,
    /// Whether planted corpora stay.
    keep: bool,
}

impl Places {
    fn scratch(&self, name: &str) -> PathBuf {
        self.out.join(SCRATCH).join(name)
    }

    /// The folder of a planted corpus that stays.
    fn planted(&self, number: usize) -> PathBuf {
        self.out.join(format!("planted-{number:05}"))
    }
}

/// One clean corpus and the audits of what is planted in it.
struct Laboratory<'a> {
    session: &'a Session<'a>,
    places: Places,
    bed: Bed,
    work: KeptWork,
    parameters: Parameters,
    resources: Resources,
}

impl<'a> Laboratory<'a> {
    fn open(
        session: &'a Session<'a>,
        inputs: &[String],
        places: Places,
        part: Part,
        resources: Resources,
    ) -> Result<Self, CliError> {
        remove(&places.out.join(SCRATCH))?;
        let bed = Bed::prepare(inputs, &places.scratch("bed"), part, session.runtime)?;
        let work = KeptWork::new(places.scratch("work"));
        let parameters = parameters(&CorpusSettings::default(), &ScreeningSettings::default())?;
        Ok(Self { session, places, bed, work, parameters, resources })
    }

    /// Audits the corpus as it is; what was counted of it serves all later audits.
    fn clean(&mut self) -> Result<CleanCorpus, CliError> {
        let audit = taster_tasks::audit(&self.request(), self.session.runtime, &Silent)?;
        self.work.keep()?;
        let mut severities = BTreeMap::new();
        for finding in audit.findings() {
            *severities.entry(finding.severity.name().to_owned()).or_insert(0) += 1;
        }
        let alarms: u64 =
            taster_lab::judge::ALARMS.iter().filter_map(|name| severities.get(*name)).sum();
        let documents = self.bed.documents();
        let blake3: String =
            audit.shards.iter().filter_map(|shard| shard.blake3.as_deref()).collect();
        self.session.log.note(&format!("clean corpus: {documents} documents, {alarms} alarms"));
        Ok(CleanCorpus {
            documents,
            blake3: taster_planning::DigestBuilder::new("taster lab corpus 1")
                .text(&blake3)
                .finish()
                .to_string(),
            alarms_per_20000: alarms as f64 * 20_000.0 / documents.max(1) as f64,
            severities,
        })
    }

    /// All trials, and what did not fit in the corpus.
    fn trials(&self, experiment: &Experiment) -> Result<(Vec<Trial>, Vec<String>), CliError> {
        let mut open: Vec<PlantPlan> = experiment.plans().into_iter().rev().collect();
        let (mut trials, mut left_out): (Vec<Trial>, Vec<String>) = (Vec::new(), Vec::new());
        while let Some(plan) = open.pop() {
            match self.trial(trials.len(), plan.clone()) {
                Ok(trial) => {
                    self.session.log.note(&trial_line(&trial, open.len()));
                    trials.push(trial);
                }
                Err(CliError::Lab(error @ LabError::TooFewDocuments { .. })) => match halved(&plan)
                {
                    Some([first, second]) => open.extend([second, first]),
                    None => left_out.push(error.to_string()),
                },
                Err(error) => return Err(error),
            }
        }
        left_out.sort();
        left_out.dedup();
        Ok((trials, left_out))
    }

    fn trial(&self, number: usize, plan: PlantPlan) -> Result<Trial, CliError> {
        if self.places.keep {
            let planted = self.places.planted(number);
            remove(&planted)?;
            self.bed.plant(&plan, &planted, self.session.runtime)?;
        }
        let (view, truth) = self.bed.view(&plan)?;
        let view: Arc<dyn Overlay> = Arc::new(view);
        let audit =
            taster_tasks::audit_overlaid(&self.request(), &view, self.session.runtime, &Silent);
        self.work.restore()?;
        let audit = audit?;
        Ok(Trial { plan, judgement: judged(&truth, &audit) })
    }

    fn request(&self) -> AuditRequest {
        AuditRequest {
            inputs: vec![self.bed.folder().display().to_string()],
            work: self.work.folder().display().to_string(),
            parameters: self.parameters.clone(),
            resources: self.resources.clone(),
        }
    }

    /// Writes the report and its picture, and removes what was needed on the way.
    fn close(&self, report: &LabReport) -> Result<(), CliError> {
        let json = serde_json::to_vec_pretty(report).map_err(LabError::Truth)?;
        write(&self.places.out.join("lab.json"), &json)?;
        write(&self.places.out.join("lab.svg"), taster_lab::plot::plot(report).as_bytes())?;
        remove(&self.places.out.join(SCRATCH))
    }
}

/// An audit's findings held against what was planted.
pub fn judged(truth: &GroundTruth, audit: &Audit) -> Judgement {
    let flagged = audit.findings().iter().map(|finding| Flagged {
        rank: u32::try_from(finding.rank).unwrap_or(u32::MAX),
        text: &finding.text,
        severity: finding.severity.name(),
        kind: kind(finding),
        doc_ids: &finding.doc_ids,
    });
    judge(truth, &flagged.collect::<Vec<_>>())
}

fn kind(finding: &Finding) -> &'static str {
    finding.kinds.first().map_or("agreement", |kind: &Kind| kind.name())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::write(path, bytes).map_err(|source| failed("write", path, source))
}

fn remove(folder: &Path) -> Result<(), CliError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("remove", folder, source))
        }
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> CliError {
    CliError::File { action, path: path.to_owned(), source }
}
