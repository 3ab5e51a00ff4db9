//! What follows from the way in which a task ended.

use std::time::Duration;

use super::alarms::Alarm;
use super::event::{Ending, Exclusion, Facts, Outcome};
use super::scheduler::Scheduler;
use super::stage::Run;
use super::task::{TaskKey, WorkerId};

/// Troubles in a row after which a worker gets no task for a while. If the fault is its own, others
/// do the work; if it is the store's, one worker after the other is spared.
const TROUBLES_BEFORE_REST: u32 = 3;

/// Times that a pause doubles.
const DOUBLINGS: u32 = 5;

impl Scheduler {
    /// Takes note of how a task ended, if the worker holds this very attempt.
    pub(super) fn finished(
        &mut self,
        worker: &WorkerId,
        task: &TaskKey,
        attempt: u32,
        outcome: Outcome,
    ) {
        if !self.workers.release(worker, task, attempt) {
            return;
        }
        let Some(run) = self.work(task).and_then(|work| work.stop(task.index, attempt)) else {
            return;
        };
        match outcome {
            Outcome::Done(facts) => self.done(task, facts, &run),
            Outcome::BadShard(shard) => self.exclude(&task.audit, Exclusion::Shard(shard)),
            Outcome::Trouble(message) => self.troubled(worker, task, &message),
            Outcome::Failed(message) => self.failed(worker, task, &message),
            Outcome::Released => self.released(worker, task),
        }
    }

    fn done(&mut self, task: &TaskKey, facts: Facts, run: &Run) {
        self.workers.well(&run.worker);
        let took = self.now.saturating_sub(run.started);
        let Some(work) = self.work(task) else {
            return;
        };
        let others = work.complete(task.index, facts, took);
        let complete = work.is_complete();
        for other in others {
            self.revoke(&other.worker, task.clone(), other.attempt);
        }
        if complete {
            self.advance(&task.audit);
        }
    }

    fn troubled(&mut self, worker: &WorkerId, task: &TaskKey, message: &str) {
        self.rest_after_trouble(worker);
        let now = self.now;
        let Some(work) = self.work(task) else {
            return;
        };
        work.avoid(task.index, worker);
        let troubles = work.trouble(task.index, now);
        let lasted = now.saturating_sub(troubles.since);
        if lasted < self.settings.trouble_limit {
            return self.retry_later(task, troubles.count);
        }
        let reason =
            format!("{task} has been in trouble for {} s, at last: {message}", lasted.as_secs());
        self.end(&task.audit, Ending::Failed(reason));
    }

    fn failed(&mut self, worker: &WorkerId, task: &TaskKey, message: &str) {
        let Some(work) = self.work(task) else {
            return;
        };
        work.avoid(task.index, worker);
        let failures = work.fail(task.index);
        if failures < self.settings.max_failures {
            return self.retry_later(task, failures);
        }
        let reason = format!("{task} failed {failures} times, at last: {message}");
        self.end(&task.audit, Ending::Failed(reason));
    }

    fn released(&mut self, worker: &WorkerId, task: &TaskKey) {
        if let Some(work) = self.work(task) {
            work.avoid(task.index, worker);
        }
        self.requeue(task);
    }

    /// Lets a task wait for a worker, unless another attempt of it runs.
    pub(super) fn requeue(&mut self, task: &TaskKey) {
        if let Some(work) = self.work(task) {
            work.requeue(task.index);
        }
        self.note_waiting(&task.audit);
    }

    /// Tries a task again after the pause that follows the `count`th time.
    fn retry_later(&mut self, task: &TaskKey, count: u32) {
        let at = self.now + self.pause(count);
        self.alarms.set(at, Alarm::Retry(task.clone()));
    }

    fn rest_after_trouble(&mut self, worker: &WorkerId) {
        let troubles = self.workers.trouble(worker);
        if troubles >= TROUBLES_BEFORE_REST {
            let at = self.now + self.pause(troubles + 1 - TROUBLES_BEFORE_REST);
            self.workers.rest(worker, at);
            self.alarms.set(at, Alarm::Rested(worker.clone()));
        }
    }

    /// The pause after something happened for the `count`th time, from 1 on.
    fn pause(&self, count: u32) -> Duration {
        let doublings = count.saturating_sub(1).min(DOUBLINGS);
        self.settings.trouble_pause.saturating_mul(1 << doublings)
    }
}
