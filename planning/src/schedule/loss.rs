//! What follows when a worker goes: its tasks go to others, and a task that takes one worker after
//! the other with it is stopped.

use std::collections::BTreeMap;

use super::alarms::Alarm;
use super::event::{Command, Ending, Exclusion};
use super::scheduler::Scheduler;
use super::stage::Losses;
use super::task::{TaskKey, WorkerId};
use super::workers::Held;

/// A task may lose its worker this many times as often as it may lose different workers. Bounds
/// what workers can do that are lost and come back for ever.
const RETURNS: u32 = 8;

/// Why a worker no longer runs what it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// It may have died of one of its tasks.
    Lost,
    /// It is there, or the scheduler itself slept and could not hear it.
    Interrupted,
}

impl Scheduler {
    pub(super) fn joined(&mut self, worker: &WorkerId, slots: u32) {
        let held = self.workers.join(worker, slots, self.now);
        self.alarms.set(self.now + self.settings.lease, Alarm::Lease(worker.clone()));
        for (task, held) in &held {
            self.say_revoked(worker, task, *held);
        }
        self.take_back(worker, held, Gone::Interrupted);
    }

    pub(super) fn left(&mut self, worker: &WorkerId) {
        let held = self.workers.leave(worker);
        self.take_back(worker, held, Gone::Lost);
    }

    pub(super) fn beat(&mut self, worker: &WorkerId) {
        if self.workers.beat(worker, self.now) {
            self.alarms.set(self.now + self.settings.lease, Alarm::Lease(worker.clone()));
        }
    }

    /// Looks whether a worker has been silent for too long.
    pub(super) fn check_lease(&mut self, worker: WorkerId) {
        let Some(until) = self.workers.silent_until(&worker, self.settings.lease) else {
            return;
        };
        if until > self.now {
            return self.alarms.set(until, Alarm::Lease(worker));
        }
        let held = self.workers.lapse(&worker);
        for (task, held) in &held {
            let (worker, task) = (worker.clone(), task.clone());
            self.commands.push(Command::LeaseLapsed { worker: worker.clone(), task: task.clone() });
            self.say_revoked(&worker, &task, *held);
        }
        let gone = if self.overslept { Gone::Interrupted } else { Gone::Lost };
        self.take_back(&worker, held, gone);
    }

    fn say_revoked(&mut self, worker: &WorkerId, task: &TaskKey, held: Held) {
        let (worker, task) = (worker.clone(), task.clone());
        self.commands.push(Command::Revoke { worker, task, attempt: held.attempt });
    }

    /// Lets the tasks of a worker wait for others. All of them are stopped before the first is
    /// judged: a verdict ends or restarts the audit of all.
    fn take_back(&mut self, worker: &WorkerId, held: BTreeMap<TaskKey, Held>, gone: Gone) {
        for (task, held) in &held {
            if let Some(work) = self.work(task) {
                work.stop(task.index, held.attempt);
            }
        }
        for task in held.keys() {
            self.judge(worker, task, gone);
        }
    }

    fn judge(&mut self, worker: &WorkerId, task: &TaskKey, gone: Gone) {
        let (most, returns) =
            (self.settings.losses_of(task.stage), self.settings.max_losses.max(1));
        let Some(work) = self.work(task) else {
            return;
        };
        work.avoid(task.index, worker);
        let losses = work.lose(task.index, worker, gone == Gone::Lost);
        if losses.workers >= most && task.stage.is_by_unit() {
            let cause = Exclusion::Poison { unit: task.index, workers: losses.workers };
            self.exclude(&task.audit, cause);
        } else if losses.workers >= most || losses.times >= returns.saturating_mul(RETURNS) {
            let Losses { workers, times } = losses;
            let reason =
                format!("{task} was lost {times} times, with {workers} workers that ended");
            self.end(&task.audit, Ending::Failed(reason));
        } else {
            self.requeue(task);
        }
    }
}
