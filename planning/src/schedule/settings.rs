//! The patience of a scheduler. Nothing here changes a byte of an audit's output.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::task::Stage;

/// Bounds of waiting and trying again. All times are on the coordinator's monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleSettings {
    /// Silence after which a worker's tasks are given to others.
    pub lease: Duration,
    /// How long audits wait without any worker before they fail.
    pub worker_grace: Duration,
    /// Failures of one task, over all workers, after which its audit fails.
    pub max_failures: u32,
    /// Workers lost over one unit after which its shard is excluded; see
    /// [`ScheduleSettings::losses_of`] for tasks that are not of a unit.
    pub max_losses: u32,
    /// First pause after trouble; doubles up to 32 times as long.
    pub trouble_pause: Duration,
    /// How long one task may be in trouble, from its first trouble on, before its audit fails.
    pub trouble_limit: Duration,
    /// A task that runs longer than this many times the median of its stage gets a second attempt
    /// beside the first, once no other task of the stage waits. At least 2.
    pub straggler_factor: u32,
    /// Shorter tasks never get a second attempt.
    pub straggler_least: Duration,
    /// The same for a task of a stage of which nothing is done yet, so that there is no median: it may
    /// hang, or the stage may be one long task. The two attempts do each other no harm.
    pub straggler_alone: Duration,
}

impl ScheduleSettings {
    /// Workers that may be lost over one task of a stage before it is given up. Nothing can be left
    /// out of a merge, so its audit fails with it: where machines come and go, three that went over
    /// the same task are more often chance than the task's fault, and nine are not.
    #[must_use]
    pub fn losses_of(&self, stage: Stage) -> u32 {
        let most = self.max_losses.max(1);
        if stage.is_by_unit() { most } else { most.saturating_mul(3) }
    }
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            worker_grace: Duration::from_secs(600),
            max_failures: 4,
            max_losses: 3,
            trouble_pause: Duration::from_secs(1),
            trouble_limit: Duration::from_secs(900),
            straggler_factor: 3,
            straggler_least: Duration::from_secs(10),
            straggler_alone: Duration::from_secs(600),
        }
    }
}
