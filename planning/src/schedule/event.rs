//! What a scheduler is told and what it asks for.

use serde::{Deserialize, Serialize};

use super::task::{AuditId, Stage, TaskKey, WorkerId};
use crate::Quarantine;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An audit begins, or continues after a restart of the coordinator.
    Opened {
        /// Which.
        audit: AuditId,
        /// What it consists of and how far it came.
        plan: Plan,
    },
    /// A worker offers slots. A worker that joins again under the same identity has lost its
    /// former conversation: what it was doing is void.
    Joined {
        /// Which.
        worker: WorkerId,
        /// Tasks that it runs at the same time, at least 1.
        slots: u32,
    },
    /// The conversation with a worker ended.
    Left {
        /// Which.
        worker: WorkerId,
    },
    /// A worker finishes what it has and wants no more.
    Draining {
        /// Which.
        worker: WorkerId,
    },
    /// A worker shows that it lives: the leases of all its tasks are renewed.
    Beat {
        /// Which.
        worker: WorkerId,
    },
    /// A worker says how a task ended. A claim: it counts only for the attempt that it was given.
    Finished {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskKey,
        /// The number that came with the assignment.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
    },
    /// An exclusion that [`Command::Exclude`] asked for is committed.
    Excluded {
        /// Whose.
        audit: AuditId,
        /// Exclusions of the audit that are committed now.
        generation: u32,
        /// Whether the cause could be turned into a shard; if not the audit fails with this reason.
        refused: Option<String>,
    },
    /// Somebody wants the audit to end.
    Cancelled {
        /// Which.
        audit: AuditId,
    },
    /// Time passed.
    Tick,
}

/// What an audit consists of and how far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Units of its manifest: tasks of count and of context.
    pub units: u32,
    /// Exclusions that are committed.
    pub generation: u32,
    /// Stages of this generation that were complete, in order, from count on.
    pub complete: Vec<StageRecord>,
}

/// A completed stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    /// In which generation.
    pub generation: u32,
    /// Which.
    pub stage: Stage,
    /// The sum of what its tasks left.
    pub facts: Facts,
}

/// What a task left, as far as later stages are planned by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Run bytes that the next merge will read.
    pub bytes: u64,
    /// Tasks that the next stage has because of this one ([`Stage::Choose`] alone says it).
    pub tasks: u32,
    /// Tasks whose output was there before.
    pub reused: u32,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Its output is committed.
    Done(Facts),
    /// A shard turned bad after it was counted: it has to be excluded.
    BadShard(Quarantine),
    /// The store or the machine has trouble: tried again after a pause, not counted as a failure
    /// of the task.
    Trouble(String),
    /// The task itself failed.
    Failed(String),
    /// Given back by a worker that stops.
    Released,
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Give a task to a worker.
    Assign {
        /// To whom.
        worker: WorkerId,
        /// What.
        task: TaskKey,
        /// Fences earlier attempts; rises with every assignment of the task.
        attempt: u32,
        /// Whether another attempt of this task runs already.
        backup: bool,
    },
    /// Tell a worker to drop a task.
    Revoke {
        /// Whom.
        worker: WorkerId,
        /// What.
        task: TaskKey,
        /// Which attempt.
        attempt: u32,
    },
    /// Commit that a stage is complete, so that a restart skips it. Losing this is harmless.
    Record {
        /// Whose.
        audit: AuditId,
        /// What.
        record: StageRecord,
    },
    /// Commit an exclusion, then answer with [`Event::Excluded`]. No task of the audit is assigned
    /// until then.
    Exclude {
        /// Whose.
        audit: AuditId,
        /// Generation that begins with it.
        generation: u32,
        /// Why.
        cause: Exclusion,
    },
    /// The audit has ended; commit how.
    End {
        /// Which.
        audit: AuditId,
        /// How.
        ending: Ending,
    },
    /// A fact for logs and metrics: a lease lapsed.
    LeaseLapsed {
        /// Whose.
        worker: WorkerId,
        /// Of which task.
        task: TaskKey,
    },
}

/// Why a shard is excluded while an audit runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exclusion {
    /// A worker found it bad.
    Shard(Quarantine),
    /// Working on this unit killed several workers.
    Poison {
        /// Index of the unit.
        unit: u32,
        /// Workers that were lost over it.
        workers: u32,
    },
}

/// How an audit ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ending", content = "reason")]
pub enum Ending {
    /// The report is committed.
    Done,
    /// It cannot be finished; why.
    Failed(String),
    /// Somebody cancelled it.
    Cancelled,
}
