//! What becomes due when nobody says anything.

use std::collections::BTreeSet;
use std::time::Duration;

use super::task::{AuditId, TaskKey, WorkerId};

/// A reason to look again at a later time. Whoever is rung looks at the state as it is then: an
/// alarm that has lost its reason does nothing, so none has to be taken back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// The lease of a worker may have lapsed.
    Lease(WorkerId),
    /// A worker that only had trouble has rested.
    Rested(WorkerId),
    /// The pause of a task is over.
    Retry(TaskKey),
    /// There may have been no worker for too long.
    Deserted,
    /// The exclusion that begins this generation may have been waited for too long.
    Exclusion(AuditId, u32),
}

/// Alarms in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Alarms(BTreeSet<(Duration, Alarm)>);

impl Alarms {
    pub(super) fn set(&mut self, at: Duration, alarm: Alarm) {
        self.0.insert((at, alarm));
    }

    /// Takes the next alarm that is due at `now`.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<Alarm> {
        let due = self.0.first().is_some_and(|(at, _)| *at <= now);
        due.then(|| self.0.pop_first()).flatten().map(|(_, alarm)| alarm)
    }

    pub(super) fn first(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }
}
