//! How audits begin, go on, start over and end.

use super::alarms::Alarm;
use super::audit::Audit;
use super::event::{Command, Ending, Exclusion, Plan};
use super::scheduler::Scheduler;
use super::task::{AuditId, TaskKey};

impl Scheduler {
    /// Begins an audit from its plan. One that is open under this name starts over from there; its
    /// attempts go on rising, so that what was running cannot be taken for what runs now.
    pub(super) fn open(&mut self, id: AuditId, plan: &Plan) {
        let before = self.audits.remove(&id);
        let floor = before.map_or(0, |mut audit| {
            self.revoke_all(&id, &mut audit);
            audit.highest_attempt()
        });
        self.alarms.set(self.now + self.settings.worker_grace, Alarm::Deserted);
        self.audits.insert(id.clone(), Audit::open(plan, floor, self.now));
        self.advance(&id);
    }

    /// Goes on to the next stages if the one that runs is complete.
    pub(super) fn advance(&mut self, id: &AuditId) {
        let Some(audit) = self.audits.get_mut(id) else {
            return;
        };
        for record in audit.advance() {
            self.commands.push(Command::Record { audit: id.clone(), record });
        }
        if audit.work.is_none() {
            return self.end(id, Ending::Done);
        }
        self.note_waiting(id);
    }

    /// Keeps note of whether tasks of an audit wait.
    pub(super) fn note_waiting(&mut self, id: &AuditId) {
        let work = self.audits.get(id).and_then(Audit::assignable);
        let waits = work.is_some_and(|work| work.has_waiting());
        if !waits {
            self.waiting.remove(id);
        } else if !self.waiting.contains(id) {
            self.waiting.insert(id.clone());
        }
    }

    /// Asks for an exclusion and lets the audit wait for it. What else was found bad meanwhile is
    /// not kept: the next generation finds it again, as the same tasks run over the same shards.
    pub(super) fn exclude(&mut self, id: &AuditId, cause: Exclusion) {
        let Some(mut audit) = self.audits.remove(id) else {
            return;
        };
        audit.excluding = true;
        self.revoke_all(id, &mut audit);
        let generation = audit.generation + 1;
        self.audits.insert(id.clone(), audit);
        self.note_waiting(id);
        self.commands.push(Command::Exclude { audit: id.clone(), generation, cause });
        let at = self.now + self.settings.trouble_limit;
        self.alarms.set(at, Alarm::Exclusion(id.clone(), generation));
    }

    /// An exclusion is committed, or cannot be.
    pub(super) fn excluded(&mut self, id: &AuditId, generation: u32, refused: Option<String>) {
        let Some(audit) = self.audits.get_mut(id).filter(|audit| audit.excluding) else {
            return;
        };
        if let Some(reason) = refused {
            return self.end(id, Ending::Failed(reason));
        }
        if generation > audit.generation {
            audit.restart(generation);
            self.advance(id);
        }
    }

    /// Nobody answered for too long whether an exclusion is committed.
    pub(super) fn exclusion_overdue(&mut self, id: &AuditId, generation: u32) {
        let waits = |audit: &Audit| audit.excluding && audit.generation + 1 == generation;
        if self.audits.get(id).is_some_and(waits) {
            let limit = self.settings.trouble_limit.as_secs_f64();
            let reason = format!(
                "expected exclusion {generation} to be committed within {limit} s, got no answer"
            );
            self.end(id, Ending::Failed(reason));
        }
    }

    /// Ends the audits that have been waiting for a worker for too long.
    pub(super) fn end_deserted(&mut self) {
        let Some(since) = self.deserted_since else {
            return;
        };
        let grace = self.settings.worker_grace;
        let audits = self.audits.iter();
        let over = audits.filter(|(_, audit)| audit.opened.max(since) + grace <= self.now);
        let over: Vec<_> = over.map(|(id, _)| id.clone()).collect();
        for id in over {
            let reason = format!(
                "expected a worker, got none for {} s: no worker is joined",
                grace.as_secs_f64()
            );
            self.end(&id, Ending::Failed(reason));
        }
    }

    /// Ends an audit and forgets it. Unknown audits have ended: nothing happens.
    pub(super) fn end(&mut self, id: &AuditId, ending: Ending) {
        let Some(mut audit) = self.audits.remove(id) else {
            return;
        };
        self.revoke_all(id, &mut audit);
        self.waiting.remove(id);
        self.commands.push(Command::End { audit: id.clone(), ending });
    }

    /// Tells all workers to drop what they run of an audit.
    fn revoke_all(&mut self, id: &AuditId, audit: &mut Audit) {
        let generation = audit.generation;
        let Some(work) = &mut audit.work else {
            return;
        };
        let stage = work.stage;
        for (index, run) in work.stop_all() {
            let task = TaskKey { audit: id.clone(), generation, stage, index };
            self.revoke(&run.worker, task, run.attempt);
        }
    }

    /// Tells a worker to drop a task, if it still holds it.
    pub(super) fn revoke(&mut self, worker: &super::WorkerId, task: TaskKey, attempt: u32) {
        if self.workers.release(worker, &task, attempt) {
            self.commands.push(Command::Revoke { worker: worker.clone(), task, attempt });
        }
    }
}
