//! The workers that are known, what each of them runs, and who has a free slot.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::task::{TaskKey, WorkerId};

/// An attempt that a worker was given and that still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub attempt: u32,
    /// Whether workers were lost over the task before.
    pub suspect: bool,
}

/// One worker.
#[derive(Debug)]
struct Worker {
    slots: u32,
    draining: bool,
    /// Whether it joined or beat within its lease.
    alive: bool,
    /// Until when it gets no task because it only had trouble.
    rests_until: Option<Duration>,
    /// Troubles since its last task that went well.
    troubles: u32,
    beat: Duration,
    held: BTreeMap<TaskKey, Held>,
    suspects: u32,
}

/// Where a worker stands in the indexes. All of them are derived from it, in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    /// Tasks that it runs, if it may have one more.
    free: Option<u32>,
    /// Whether it runs no suspect.
    clean: bool,
    /// Whether something may still come from it.
    usable: bool,
}

impl Worker {
    fn new(slots: u32, now: Duration) -> Self {
        Self {
            slots: slots.max(1),
            draining: false,
            alive: true,
            rests_until: None,
            troubles: 0,
            beat: now,
            held: BTreeMap::new(),
            suspects: 0,
        }
    }

    fn standing(&self) -> Standing {
        let running = self.held.len() as u32;
        let takes =
            self.alive && !self.draining && self.rests_until.is_none() && running < self.slots;
        Standing {
            free: takes.then_some(running),
            clean: self.suspects == 0,
            usable: self.alive && (!self.draining || running > 0),
        }
    }

    fn give_up(&mut self) -> BTreeMap<TaskKey, Held> {
        self.suspects = 0;
        std::mem::take(&mut self.held)
    }
}

/// All workers. Every operation costs O(log n) of the workers.
#[derive(Debug, Default)]
pub(super) struct Workers {
    known: BTreeMap<WorkerId, Worker>,
    /// Those with a free slot, least loaded first.
    free: BTreeSet<(u32, WorkerId)>,
    /// Those of `free` that run no suspect.
    clean: BTreeSet<(u32, WorkerId)>,
    usable: usize,
}

impl Workers {
    /// Adds a worker, or begins a new conversation with it; returns what it held.
    pub(super) fn join(
        &mut self,
        id: &WorkerId,
        slots: u32,
        now: Duration,
    ) -> BTreeMap<TaskKey, Held> {
        let held = self.change(id, Worker::give_up).unwrap_or_default();
        self.leave(id);
        let worker = Worker::new(slots, now);
        self.enter(id, worker.standing());
        self.known.insert(id.clone(), worker);
        held
    }

    /// Forgets a worker; returns what it held.
    pub(super) fn leave(&mut self, id: &WorkerId) -> BTreeMap<TaskKey, Held> {
        let Some(mut worker) = self.known.remove(id) else {
            return BTreeMap::new();
        };
        self.exit(id, worker.standing());
        worker.give_up()
    }

    /// Renews the lease of a worker, and takes it back if it was gone. Whether it was.
    pub(super) fn beat(&mut self, id: &WorkerId, now: Duration) -> bool {
        let was_alive = self.change(id, |worker| {
            worker.beat = now;
            std::mem::replace(&mut worker.alive, true)
        });
        was_alive == Some(false)
    }

    pub(super) fn drain(&mut self, id: &WorkerId) {
        self.change(id, |worker| worker.draining = true);
    }

    /// Until when a living worker may be silent.
    pub(super) fn silent_until(&self, id: &WorkerId, lease: Duration) -> Option<Duration> {
        self.known.get(id).filter(|worker| worker.alive).map(|worker| worker.beat + lease)
    }

    /// Treats a worker as gone; returns what it held.
    pub(super) fn lapse(&mut self, id: &WorkerId) -> BTreeMap<TaskKey, Held> {
        let held = self.change(id, |worker| {
            worker.alive = false;
            worker.give_up()
        });
        held.unwrap_or_default()
    }

    /// Gives an attempt to a worker.
    pub(super) fn hold(&mut self, id: &WorkerId, task: &TaskKey, held: Held) {
        self.change(id, |worker| {
            worker.suspects += u32::from(held.suspect);
            worker.held.insert(task.clone(), held);
        });
    }

    /// Takes an attempt from a worker. `false` if it does not hold this very attempt: the one
    /// place where claims are checked.
    pub(super) fn release(&mut self, id: &WorkerId, task: &TaskKey, attempt: u32) -> bool {
        let holds = |worker: &Worker| worker.held.get(task).is_some_and(|h| h.attempt == attempt);
        if !self.known.get(id).is_some_and(holds) {
            return false;
        }
        self.change(id, |worker| {
            let held = worker.held.remove(task);
            worker.suspects -= u32::from(held.is_some_and(|held| held.suspect));
        });
        true
    }

    /// Takes note that a worker had trouble; how often in a row.
    pub(super) fn trouble(&mut self, id: &WorkerId) -> u32 {
        let troubles = self.change(id, |worker| {
            worker.troubles = worker.troubles.saturating_add(1);
            worker.troubles
        });
        troubles.unwrap_or(0)
    }

    /// Takes note that a task of a worker went well.
    pub(super) fn well(&mut self, id: &WorkerId) {
        self.change(id, |worker| worker.troubles = 0);
    }

    /// Gives no task to a worker for a while.
    pub(super) fn rest(&mut self, id: &WorkerId, until: Duration) {
        self.change(id, |worker| worker.rests_until = worker.rests_until.max(Some(until)));
    }

    /// Gives tasks to a worker again, if it has rested for long enough.
    pub(super) fn rested(&mut self, id: &WorkerId, now: Duration) {
        self.change(id, |worker| worker.rests_until = worker.rests_until.filter(|at| *at > now));
    }

    /// The least loaded worker with a free slot that `avoided` does not name, and that runs no
    /// suspect if it has to be `clean`: if it is lost, it is clear over which suspect.
    pub(super) fn pick(&self, clean: bool, avoided: &[&WorkerId]) -> Option<&WorkerId> {
        let mut free = if clean { self.clean.iter() } else { self.free.iter() };
        free.find(|(_, id)| !avoided.contains(&id)).map(|(_, id)| id)
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Whether there is a worker of whom something may still come.
    pub(super) fn any_usable(&self) -> bool {
        self.usable > 0
    }

    /// Changes a worker and keeps the indexes.
    fn change<T>(&mut self, id: &WorkerId, change: impl FnOnce(&mut Worker) -> T) -> Option<T> {
        let worker = self.known.get_mut(id)?;
        let before = worker.standing();
        let result = change(worker);
        let after = worker.standing();
        if before != after {
            self.exit(id, before);
            self.enter(id, after);
        }
        Some(result)
    }

    fn enter(&mut self, id: &WorkerId, standing: Standing) {
        self.usable += usize::from(standing.usable);
        if let Some(running) = standing.free {
            self.free.insert((running, id.clone()));
            if standing.clean {
                self.clean.insert((running, id.clone()));
            }
        }
    }

    fn exit(&mut self, id: &WorkerId, standing: Standing) {
        self.usable -= usize::from(standing.usable);
        if let Some(running) = standing.free {
            let place = (running, id.clone());
            self.free.remove(&place);
            self.clean.remove(&place);
        }
    }
}
