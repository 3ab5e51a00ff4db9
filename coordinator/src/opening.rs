//! Audits as they are found in the work store, and their summaries.
//!
//! ```text
//! summaries/<id>.json     how much an audit is about, so that nobody has to read its manifest
//! ```

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use taster_planning::schedule::{AuditId, Facts, Plan, StageRecord, StageView};
use taster_storage::{StorageError, Store};
use taster_tasks::{AuditFolder, SharedFacts, SharedRequest, TaskError};

use crate::registry::{AuditState, Origin};

/// An audit that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// As clients see it.
    pub(crate) state: AuditState,
    /// What a scheduler needs to go on; `None` if it has ended.
    pub(crate) plan: Option<Plan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Summary {
    units: u32,
    shards: u64,
    text_bytes: u64,
}

impl From<SharedFacts> for Summary {
    fn from(SharedFacts { units, shards, text_bytes }: SharedFacts) -> Self {
        Self { units, shards, text_bytes }
    }
}

/// Reads the records of an audit; `None` if there is none of this id. Blocks.
///
/// # Errors
/// Trouble with the store; damaged records.
pub(crate) fn find(store: &Store, id: &AuditId) -> Result<Option<Found>, TaskError> {
    let folder = AuditFolder::new(store.clone(), id);
    let Some(request) = folder.request()? else {
        return Ok(None);
    };
    let summary = summary(store, id, &folder)?;
    let generation = folder.generation()?;
    let ending = folder.ending()?;
    let complete = folder.records(generation)?;
    let state = AuditState {
        origin: origin(request, summary).into(),
        generation,
        stages: stages(&complete, summary.units),
        ending: ending.clone(),
    };
    let plan = Plan { units: summary.units, generation, complete };
    Ok(Some(Found { state, plan: ending.is_none().then_some(plan) }))
}

/// Whether another engine runs the tasks of an audit: somebody wrote specs for it. Blocks.
///
/// # Errors
/// Trouble with the store.
pub(crate) fn is_run_elsewhere(store: &Store, id: &AuditId) -> Result<bool, StorageError> {
    Ok(!store.list(&format!("audits/{id}/specs"))?.is_empty())
}

fn origin(request: SharedRequest, summary: Summary) -> Origin {
    Origin {
        inputs: request.inputs,
        out: request.out,
        submitted_unix_seconds: request.submitted_unix_seconds,
        shards: summary.shards,
        text_bytes: summary.text_bytes,
    }
}

/// The complete stages, each as large as the one before it made it.
fn stages(complete: &[StageRecord], units: u32) -> Vec<StageView> {
    let before = std::iter::once(Facts::default()).chain(complete.iter().map(|r| r.facts));
    let view = |(record, before): (&StageRecord, Facts)| {
        let tasks = record.stage.tasks(units, before);
        let reused = record.facts.reused.min(tasks);
        StageView { stage: record.stage, tasks, done: tasks, reused, running: 0 }
    };
    complete.iter().zip(before).map(view).collect()
}

/// A summary that cannot be read or written costs a look at the manifest, no more.
fn summary(store: &Store, id: &AuditId, folder: &AuditFolder) -> Result<Summary, TaskError> {
    let key = format!("summaries/{id}.json");
    if let Ok(Some(bytes)) = store.get(&key)
        && let Ok(summary) = serde_json::from_slice(&bytes)
    {
        return Ok(summary);
    }
    let summary = Summary::from(folder.facts()?);
    if let Ok(bytes) = serde_json::to_vec(&summary) {
        let _ = store.commit(&key, Bytes::from(bytes));
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use taster_planning::MERGE_SLICES;
    use taster_planning::schedule::Stage;

    #[test]
    fn complete_stages_are_as_large_as_they_were() {
        let record = |stage, facts| StageRecord { generation: 0, stage, facts };
        let facts = |bytes, tasks, reused| Facts { bytes, tasks, reused };
        let complete = [
            record(Stage::Count, facts(1, 0, 9)),
            record(Stage::Screen, facts(0, 0, 0)),
            record(Stage::CountTriples, facts(13 << 20, 0, 0)),
            record(Stage::ScreenTriples, facts(0, 0, 0)),
            record(Stage::Context, facts(u64::MAX, 0, 2)),
            record(Stage::Score, facts(0, 0, 0)),
            record(Stage::Choose, facts(0, 5, 0)),
            record(Stage::Evidence, facts(0, 0, 4)),
        ];
        let stages = stages(&complete, 7);
        let tasks: Vec<_> = stages.iter().map(|view| view.tasks).collect();
        assert_eq!(tasks, [7, 1, 7, 4, 7, MERGE_SLICES as u32, 1, 5]);
        let reused: Vec<_> = stages.iter().map(|view| view.reused).collect();
        assert_eq!(reused, [7, 0, 0, 0, 2, 0, 0, 4]);
    }
}
