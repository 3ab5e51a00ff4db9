//! Specs: what an engine that is not our coordinator is given to run. Known before anything is
//! counted: spec `part` of `parts` stands for every `parts`-th task of its stage.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use taster_planning::schedule::{AuditId, Exclusion, Stage};
use taster_storage::Store;
use tokio::runtime::Handle;

use super::{AuditFolder, SharedAudit};
use crate::dispatch::run_wave;
use crate::error::InObject;
use crate::{Resources, TaskError};

/// One spec, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Folder or URL of the work store.
    pub work: String,
    /// Whose tasks.
    pub audit: AuditId,
    /// Of which stage.
    pub stage: Stage,
    /// This spec's number, below `parts`.
    pub part: u32,
    /// Specs of the stage.
    pub parts: u32,
}

/// The specs of one stage. Stages are barriers; the specs of a stage are independent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSpecs {
    /// Which stage.
    pub stage: Stage,
    /// Path or URL of every spec.
    pub specs: Vec<String>,
}

impl AuditFolder {
    /// Commits the specs of all stages, `parts` for each whose tasks can be cut.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn write_specs(
        &self,
        work: &str,
        audit: &AuditId,
        parts: u32,
    ) -> Result<Vec<StageSpecs>, TaskError> {
        let write = |stage: Stage| {
            let single = matches!(stage, Stage::Choose | Stage::Report);
            let parts = if single { 1 } else { parts };
            let folder = format!("specs/{}", stage.numbered());
            let spec = |part: u32| {
                let (work, audit) = (work.to_owned(), audit.clone());
                let name = format!("{folder}/{part:05}.json");
                self.create(&name, &TaskSpec { work, audit, stage, part, parts })?;
                Ok(format!("{}/{}", self.location(), name))
            };
            Ok(StageSpecs { stage, specs: (0..parts).map(spec).collect::<Result<_, TaskError>>()? })
        };
        Stage::ALL.into_iter().map(write).collect()
    }
}

impl TaskSpec {
    /// Reads the spec at `location`, a path or URL; with `index`, the spec of this number in the
    /// stage folder at `location`.
    ///
    /// # Errors
    /// Trouble with the store; a spec that is not there or is none.
    pub fn read(location: &str, index: Option<u32>, runtime: &Handle) -> Result<Self, TaskError> {
        let location = location.trim_end_matches('/');
        let (folder, name) = match index {
            Some(index) => (location, format!("{index:05}.json")),
            None => {
                let (folder, name) = location.rsplit_once('/').unwrap_or((".", location));
                (folder, name.to_owned())
            }
        };
        let missing =
            || TaskError::Parameter(format!("expected a task spec at {folder}/{name}, got none"));
        let bytes = Store::open(folder, runtime)?.get(&name)?.ok_or_else(missing)?;
        serde_json::from_slice(&bytes).in_object(&name)
    }

    /// Runs the tasks of the spec that are not done; says how many there were.
    ///
    /// A shard that turns bad is excluded for good; what is left of the spec is then of no use,
    /// and the report does the rest of the audit without the shard, wherever its tasks were run.
    ///
    /// # Errors
    /// Trouble with a store; an audit that is not there.
    pub fn run(&self, resources: &Resources, runtime: &Handle) -> Result<usize, TaskError> {
        let audit = SharedAudit::open(&self.work, &self.audit, resources, runtime)?;
        loop {
            let generation = audit.folder().generation()?;
            let tasks = self.tasks(&audit, generation)?;
            let stop = Arc::new(AtomicBool::new(false));
            let done = run_wave(
                resources.threads,
                &tasks,
                |_| 0,
                |&index| audit.run(generation, self.stage, index, &stop),
            );
            match done {
                Ok(done) => return Ok(done.len()),
                Err(TaskError::Shard(quarantine)) => {
                    audit.folder().exclude(generation + 1, &Exclusion::Shard(quarantine))?;
                }
                Err(other) => return Err(other),
            }
        }
    }

    fn tasks(&self, audit: &SharedAudit, generation: u32) -> Result<Vec<u32>, TaskError> {
        let tasks = match audit.tasks(generation, self.stage) {
            Ok(tasks) => tasks as u32,
            Err(TaskError::Shard(quarantine)) => {
                audit.folder().exclude(generation + 1, &Exclusion::Shard(quarantine))?;
                return self.tasks(audit, generation + 1);
            }
            Err(other) => return Err(other),
        };
        Ok((self.part..tasks).step_by(self.parts.max(1) as usize).collect())
    }
}
