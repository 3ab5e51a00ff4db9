//! The stages of an audit, ready to run: what the tasks of a stage have in common, prepared once
//! from what the stages before have left. Whoever dispatches tasks (threads of one process,
//! workers of a coordinator, the engine of a cluster) runs these.

mod counting;
mod describing;
mod lengthening;
mod looking;
mod scoring;
mod screening;

pub(crate) use counting::{CountedCorpus, Counting};
pub(crate) use describing::Describing;
pub(crate) use lengthening::Lengthening;
pub(crate) use looking::{ByTarget, Looking, by_target};
pub(crate) use scoring::{Chosen, DecoyFacts, Scoring};
pub(crate) use screening::{Screened, Screening};

use taster_planning::DigestBuilder;

use crate::count::{Output, Run};
use crate::workspace::Workspace;
use crate::{TaskError, Wave};

/// A stage that is ready to run.
pub(crate) trait Stage: Sync {
    /// What a task leaves.
    type Receipt: Send;
    /// The wave that it shows as.
    fn wave(&self) -> Wave;

    /// Number of its tasks.
    fn tasks(&self) -> usize;

    /// Work of one task: text or run bytes.
    fn bytes(&self, task: usize) -> u64;

    /// Runs one task, or finds it done. The second value says which.
    fn run(&self, workspace: &Workspace, task: usize) -> Result<(Self::Receipt, bool), TaskError>;
}

fn digest_of<'a>(domain: &str, outputs: impl Iterator<Item = &'a Output>) -> [u8; 32] {
    outputs
        .fold(DigestBuilder::new(domain), |builder, output| builder.digest(&output.digest))
        .finish()
        .0
}

/// Bytes of all runs.
pub(crate) fn bytes_of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> u64 {
    runs.into_iter().map(|run| run.output.bytes).sum()
}
