//! An audit whose tasks are run by several processes: what they share in the work store.
//!
//! ```text
//! audits/<id>/audit.json             what was asked for                       SharedRequest
//! audits/<id>/manifest.json          what is read, frozen, and where it is
//! audits/<id>/excluded/00001.json    a shard that turned bad, by generation   Quarantine
//! audits/<id>/stages/00000-01-count.json   a stage that is complete           StageRecord
//! audits/<id>/ended.json             how it ended                             Ending
//! ```
//!
//! Everything else lies under digests, shared by all audits of the store. [`AuditFolder`] reads
//! and writes these records, [`SharedAudit`] runs tasks. Absent on purpose: who runs which task,
//! and when it is tried again; that belongs to a dispatcher.

mod folder;
mod road;
mod specs;

pub use folder::AuditFolder;
pub use specs::{StageSpecs, TaskSpec};

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use taster_planning::Parameters;
use taster_planning::schedule::{AuditId, Facts, Stage};
use taster_storage::Store;
use tokio::runtime::Handle;

use crate::audit::checked;
use crate::error::InObject;
use crate::{Resources, TaskError, WrittenFile};
use road::Road;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedRequest {
    /// Inputs as the user named them.
    pub inputs: Vec<String>,
    /// Folder or URL of the report.
    pub out: String,
    /// What determines the result.
    pub parameters: Parameters,
    /// Tokens after which a segment is counted: the same on all machines, so that they share runs.
    pub segment_tokens: u64,
    /// Largest unit in uncompressed text bytes.
    pub unit_bytes: u64,
    /// Seconds since the Unix epoch at which it was submitted.
    pub submitted_unix_seconds: i64,
}

impl SharedRequest {
    /// With parameters that an audit can use.
    fn checked(&self) -> Result<Self, TaskError> {
        Ok(Self { parameters: checked(&self.parameters)?, ..self.clone() })
    }
}

/// What an audit consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedFacts {
    /// Tasks of the stages by unit.
    pub units: u32,
    /// Shards, unreadable ones included.
    pub shards: u64,
    /// Uncompressed text, as the footers say.
    pub text_bytes: u64,
}

/// What `run.json` of a shared audit says: enough for a verification.
#[derive(Debug, Serialize)]
struct SharedRun<'a> {
    schema_version: u32,
    taster_version: &'static str,
    audit: &'a AuditId,
    inputs: &'a [String],
    outputs: Vec<WrittenFile>,
}

/// An audit as a worker sees it: runs its tasks, and keeps between them what they have in common.
/// Shared by all threads of a worker.
#[derive(Debug)]
pub struct SharedAudit {
    id: AuditId,
    request: SharedRequest,
    folder: AuditFolder,
    work: Store,
    threads: usize,
    runtime: Handle,
    /// The latest generation alone is kept.
    roads: Mutex<BTreeMap<u32, Arc<Road>>>,
}

impl SharedAudit {
    /// Opens audit `id` of the work store at `work` (a folder or URL).
    ///
    /// # Errors
    /// Trouble with the store; an audit that is not there; a memory budget that the audit's
    /// segments do not fit into.
    pub fn open(
        work: &str,
        id: &AuditId,
        resources: &Resources,
        runtime: &Handle,
    ) -> Result<Self, TaskError> {
        let work = Store::open(work, runtime)?;
        let folder = AuditFolder::new(work.clone(), id);
        let request = folder.request()?.ok_or_else(|| {
            TaskError::Parameter(format!("expected audit {id} in {}, got none", work.location()))
        })?;
        let (needed, got) = (request.segment_tokens, resources.segment_tokens() as u64);
        if got < needed {
            let message = format!(
                "expected memory for segments of {needed} tokens in every slot, got {} bytes for \
                 {} slots, enough for {got} tokens: raise --memory or lower the slots",
                resources.memory_bytes, resources.threads
            );
            return Err(TaskError::Parameter(message));
        }
        Ok(Self {
            id: id.clone(),
            request,
            folder,
            work,
            threads: resources.threads,
            runtime: runtime.clone(),
            roads: Mutex::default(),
        })
    }

    /// Runs one task, or finds it done. Blocks; meant for a thread of its own. Ends early with
    /// [`TaskError::Stopped`] soon after `stop` is set. A task beyond the last of its stage, or
    /// of a unit whose shard is left out, is done at once.
    ///
    /// What the task needs of earlier stages is read from their receipts; a receipt that is
    /// missing is made on the way.
    ///
    /// # Errors
    /// [`TaskError::Shard`] if a shard turned bad after it was counted: it has to be excluded and
    /// the audit goes on in the next generation. Trouble with a store, else.
    pub fn run(
        &self,
        generation: u32,
        stage: Stage,
        index: u32,
        stop: &Arc<AtomicBool>,
    ) -> Result<Facts, TaskError> {
        let road = self.road(generation)?;
        if stage == Stage::Report {
            return self.report(&road);
        }
        road.task(stage, index as usize, stop)
    }

    /// Number of tasks of a stage, which is known when the stage before is complete.
    ///
    /// # Errors
    /// As for [`SharedAudit::run`].
    pub fn tasks(&self, generation: u32, stage: Stage) -> Result<usize, TaskError> {
        self.road(generation)?.tasks(stage)
    }

    /// The records of the audit.
    #[must_use]
    pub fn folder(&self) -> &AuditFolder {
        &self.folder
    }

    fn road(&self, generation: u32) -> Result<Arc<Road>, TaskError> {
        let mut roads = self.roads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(road) = roads.get(&generation) {
            return Ok(Arc::clone(road));
        }
        let workspace = self.folder.workspace(&self.request, &self.work, &self.runtime)?;
        let excluded = self.folder.excluded(generation)?;
        let road = Road::new(workspace, self.request.unit_bytes, self.threads, excluded);
        let road = Arc::new(road);
        roads.retain(|known, _| *known > generation);
        roads.insert(generation, Arc::clone(&road));
        Ok(road)
    }

    /// Writes the report from all that is committed.
    fn report(&self, road: &Road) -> Result<Facts, TaskError> {
        let audit = road.audit()?;
        let out = Store::open(&self.request.out, &self.runtime)?;
        let outputs = audit.write(&out)?;
        let run = SharedRun {
            schema_version: 1,
            taster_version: env!("CARGO_PKG_VERSION"),
            audit: &self.id,
            inputs: &self.request.inputs,
            outputs,
        };
        let bytes = serde_json::to_vec_pretty(&run).in_object("run.json")?;
        out.replace("run.json", Bytes::from(bytes))?;
        Ok(Facts::default())
    }
}
