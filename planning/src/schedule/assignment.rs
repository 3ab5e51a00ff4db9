//! Which waiting task goes to which free worker.

use std::ops::Bound::{Excluded, Unbounded};

use super::audit::Audit;
use super::event::Command;
use super::scheduler::Scheduler;
use super::task::{AuditId, TaskKey, WorkerId};

impl Scheduler {
    /// Gives waiting tasks to free workers, one of each audit in turn.
    pub(super) fn assign_waiting(&mut self) {
        let mut passed_over = 0;
        while self.workers.has_free() && passed_over < self.waiting.len() {
            let Some(id) = self.next_turn() else {
                return;
            };
            let work = self.audits.get(&id).and_then(Audit::assignable);
            match work.and_then(|work| work.place(&self.settings, &self.workers)) {
                Some((index, worker)) => {
                    passed_over = 0;
                    self.assign(&id, index, worker);
                }
                None => passed_over += 1,
            }
            self.last_turn = Some(id);
        }
    }

    /// Gives the slots that are left to second attempts of tasks that run for too long.
    pub(super) fn start_backups(&mut self) {
        let drained: Vec<_> =
            self.audits.keys().filter(|id| !self.waiting.contains(id)).cloned().collect();
        for id in drained {
            while let Some((index, worker)) = self.straggler(&id) {
                self.assign(&id, index, worker);
            }
        }
    }

    fn straggler(&self, id: &AuditId) -> Option<(u32, WorkerId)> {
        if !self.workers.has_free() {
            return None;
        }
        self.audits.get(id)?.assignable()?.straggler(&self.settings, self.now, &self.workers)
    }

    /// The audit with waiting tasks that follows the one that was served last.
    fn next_turn(&self) -> Option<AuditId> {
        let after = self.last_turn.as_ref();
        let after = after.and_then(|last| self.waiting.range((Excluded(last), Unbounded)).next());
        after.or_else(|| self.waiting.first()).cloned()
    }

    fn assign(&mut self, id: &AuditId, index: u32, worker: WorkerId) {
        let Some(audit) = self.audits.get_mut(id) else {
            return;
        };
        let Some(work) = &mut audit.work else {
            return;
        };
        let backup = work.runs(index);
        let held = work.start(index, &worker, self.now);
        let (generation, stage) = (audit.generation, work.stage);
        audit.note_attempt(held.attempt);
        let task = TaskKey { audit: id.clone(), generation, stage, index };
        self.workers.hold(&worker, &task, held);
        self.commands.push(Command::Assign { worker, task, attempt: held.attempt, backup });
        self.note_waiting(id);
    }
}
