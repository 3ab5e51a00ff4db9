//! The body of a task, as the slots see it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use taster_planning::schedule::{Facts, TaskKey};
use taster_tasks::TaskError;

/// Runs tasks. Shared by all slots.
pub trait TaskRunner: Send + Sync + 'static {
    /// Runs one task over the store at `work` (a folder or URL), or finds it done. Blocks, and
    /// ends early with [`TaskError::Stopped`] soon after `stop` is set.
    ///
    /// # Errors
    /// As [`taster_tasks::SharedAudit::run`].
    fn run(&self, work: &str, task: &TaskKey, stop: &Arc<AtomicBool>) -> Result<Facts, TaskError>;

    /// Called by a slot about every minute while it has nothing to do: a time to let go of what
    /// is not needed any more.
    fn tidy(&self) {}
}
