//! The tasks of the stage that runs: which wait, which run where, and what befell them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::event::Facts;
use super::median::Median;
use super::settings::ScheduleSettings;
use super::task::{Stage, WorkerId};
use super::view::StageView;
use super::workers::{Held, Workers};

/// Waiting tasks that are looked at before the first of them goes to any worker at all: bounds
/// the search when many tasks went wrong on the same worker.
const LOOKED_AT: usize = 8;

/// Workers that a task remembers to avoid.
const AVOIDED: usize = 8;

/// An attempt that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub worker: WorkerId,
    pub attempt: u32,
    pub started: Duration,
}

/// A task that was assigned and is not done.
#[derive(Debug, Default)]
struct Task {
    /// Number of its last attempt.
    attempt: u32,
    /// At most two.
    runs: Vec<Run>,
    /// Workers on which it went wrong, the latest last.
    avoided: Vec<WorkerId>,
    failures: u32,
    troubles: u32,
    troubled_since: Option<Duration>,
    /// Workers that were lost over it.
    lost: BTreeSet<WorkerId>,
    losses: u32,
}

impl Task {
    fn avoid(&mut self, worker: &WorkerId) {
        self.avoided.retain(|other| other != worker);
        if self.avoided.len() == AVOIDED {
            self.avoided.remove(0);
        }
        self.avoided.push(worker.clone());
    }
}

/// How long a task has been in trouble.
#[derive(Debug, Clone, Copy)]
pub(super) struct Troubles {
    pub since: Duration,
    pub count: u32,
}

/// How often a task lost its worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Losses {
    /// Different workers that ended.
    pub workers: u32,
    /// Times in all, workers that came back included.
    pub times: u32,
}

/// A stage that runs. Tasks that were never assigned and tasks that are done take no memory, so a
/// wrong claim of how many there are costs nothing but time.
#[derive(Debug)]
pub(super) struct StageWork {
    pub stage: Stage,
    pub tasks: u32,
    pub facts: Facts,
    done: u32,
    running: u32,
    /// The number from which attempts rise.
    attempt_floor: u32,
    /// From here on no task was ever assigned.
    fresh: u32,
    /// Assigned before, and waiting to be assigned again.
    waiting: BTreeSet<u32>,
    /// As `waiting`, and workers were lost over them.
    suspects: BTreeSet<u32>,
    open: BTreeMap<u32, Task>,
    /// When single attempts began, with their tasks.
    lone: BTreeSet<(Duration, u32)>,
    durations: Median,
}

impl StageWork {
    pub(super) fn new(stage: Stage, tasks: u32, attempt_floor: u32) -> Self {
        Self {
            stage,
            tasks,
            facts: Facts::default(),
            done: 0,
            running: 0,
            attempt_floor,
            fresh: 0,
            waiting: BTreeSet::new(),
            suspects: BTreeSet::new(),
            open: BTreeMap::new(),
            lone: BTreeSet::new(),
            durations: Median::default(),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.done == self.tasks
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.fresh < self.tasks || !self.waiting.is_empty() || !self.suspects.is_empty()
    }

    /// The next task and a free worker for it: one on which it did not go wrong, and that runs no
    /// other suspect beside a suspect, as long as there is a task that has such a worker.
    pub(super) fn place(
        &self,
        settings: &ScheduleSettings,
        workers: &Workers,
    ) -> Option<(u32, WorkerId)> {
        let fitting = |task| workers.pick(self.suspect(task), &self.avoided(task));
        let shared = |task| workers.pick(self.last_chance(task, settings), &self.avoided(task));
        let any = |task| workers.pick(self.last_chance(task, settings), &[]);
        let found = self.first_placed(fitting);
        let found = found.or_else(|| self.first_placed(shared));
        found.or_else(|| self.first_placed(any)).map(|(task, worker)| (task, worker.clone()))
    }

    /// The first of the next tasks for which there is a worker.
    fn first_placed<'a>(
        &self,
        worker_for: impl Fn(u32) -> Option<&'a WorkerId>,
    ) -> Option<(u32, &'a WorkerId)> {
        let suspects = self.suspects.iter().take(LOOKED_AT);
        let waiting = self.waiting.iter().take(LOOKED_AT);
        let fresh = (self.fresh < self.tasks).then_some(&self.fresh);
        let mut tasks = suspects.chain(waiting).chain(fresh).copied();
        tasks.find_map(|task| Some((task, worker_for(task)?)))
    }

    /// A task that runs for too long in a single attempt, the oldest first, and a free worker for
    /// a second one.
    pub(super) fn straggler(
        &self,
        settings: &ScheduleSettings,
        now: Duration,
        workers: &Workers,
    ) -> Option<(u32, WorkerId)> {
        let patience = self.patience(settings)?;
        let overdue = self.lone.iter().take_while(|(started, _)| *started + patience <= now);
        let second = |task: u32| {
            let runs = &self.open.get(&task)?.runs;
            let runs: Vec<_> = runs.iter().map(|run| &run.worker).collect();
            let avoided = [runs.clone(), self.avoided(task)].concat();
            let suspect = self.suspect(task);
            workers.pick(suspect, &avoided).or_else(|| workers.pick(suspect, &runs))
        };
        let mut found = overdue.map(|(_, task)| (*task, second(*task)));
        found.find_map(|(task, worker)| Some((task, worker?.clone())))
    }

    /// When the oldest single attempt has run for too long.
    pub(super) fn straggler_due(&self, settings: &ScheduleSettings) -> Option<Duration> {
        let (started, _) = self.lone.first()?;
        Some(*started + self.patience(settings)?)
    }

    /// How long a task runs before it gets a second attempt; `None` as long as none does.
    fn patience(&self, settings: &ScheduleSettings) -> Option<Duration> {
        if self.has_waiting() {
            return None;
        }
        let Some(median) = self.durations.get() else {
            return Some(settings.straggler_alone.max(settings.straggler_least));
        };
        let factor = settings.straggler_factor.max(2);
        Some(median.saturating_mul(factor).max(settings.straggler_least))
    }

    /// Begins an attempt of a task on a worker.
    pub(super) fn start(&mut self, index: u32, worker: &WorkerId, now: Duration) -> Held {
        if index == self.fresh {
            self.fresh += 1;
        }
        self.waiting.remove(&index);
        self.suspects.remove(&index);
        let floor = self.attempt_floor;
        let task = self.open.entry(index).or_insert(Task { attempt: floor, ..Task::default() });
        task.attempt += 1;
        let attempt = task.attempt;
        let run = Run { worker: worker.clone(), attempt, started: now };
        self.change_runs(index, |runs| runs.push(run));
        Held { attempt, suspect: self.suspect(index) }
    }

    /// Ends an attempt, however it went.
    pub(super) fn stop(&mut self, index: u32, attempt: u32) -> Option<Run> {
        self.change_runs(index, |runs| {
            let at = runs.iter().position(|run| run.attempt == attempt)?;
            Some(runs.remove(at))
        })?
    }

    /// Ends all attempts; returns them with their tasks.
    pub(super) fn stop_all(&mut self) -> Vec<(u32, Run)> {
        let tasks: Vec<_> = self.open.keys().copied().collect();
        let mut stopped = Vec::new();
        for index in tasks {
            let runs = self.change_runs(index, std::mem::take).unwrap_or_default();
            stopped.extend(runs.into_iter().map(|run| (index, run)));
        }
        stopped
    }

    /// A task is done; returns its other attempt.
    pub(super) fn complete(&mut self, index: u32, facts: Facts, took: Duration) -> Vec<Run> {
        let others = self.change_runs(index, std::mem::take).unwrap_or_default();
        self.open.remove(&index);
        self.done += 1;
        self.durations.insert(took);
        self.facts.bytes = self.facts.bytes.saturating_add(facts.bytes);
        self.facts.tasks = self.facts.tasks.saturating_add(facts.tasks);
        // What a worker says is a claim: one task cannot have been there twice.
        self.facts.reused += facts.reused.min(1);
        others
    }

    /// Lets a task wait for a worker, unless it runs or is done.
    pub(super) fn requeue(&mut self, index: u32) {
        if self.open.get(&index).is_none_or(|task| !task.runs.is_empty()) {
            return;
        }
        let queue = if self.suspect(index) { &mut self.suspects } else { &mut self.waiting };
        queue.insert(index);
    }

    /// A task went wrong on a worker: it goes to another one if possible.
    pub(super) fn avoid(&mut self, index: u32, worker: &WorkerId) {
        if let Some(task) = self.open.get_mut(&index) {
            task.avoid(worker);
        }
    }

    /// Counts a failure of a task; how many there were.
    pub(super) fn fail(&mut self, index: u32) -> u32 {
        self.open.get_mut(&index).map_or(0, |task| {
            task.failures = task.failures.saturating_add(1);
            task.failures
        })
    }

    /// Counts trouble of a task.
    pub(super) fn trouble(&mut self, index: u32, now: Duration) -> Troubles {
        let Some(task) = self.open.get_mut(&index) else {
            return Troubles { since: now, count: 1 };
        };
        task.troubles = task.troubles.saturating_add(1);
        Troubles { since: *task.troubled_since.get_or_insert(now), count: task.troubles }
    }

    /// Counts the loss of a worker over a task; against the task only if it `counts`.
    pub(super) fn lose(&mut self, index: u32, worker: &WorkerId, counts: bool) -> Losses {
        let Some(task) = self.open.get_mut(&index) else {
            return Losses { workers: 0, times: 0 };
        };
        task.losses = task.losses.saturating_add(1);
        if counts {
            task.lost.insert(worker.clone());
        }
        Losses { workers: task.lost.len() as u32, times: task.losses }
    }

    pub(super) fn view(&self) -> StageView {
        StageView {
            stage: self.stage,
            tasks: self.tasks,
            done: self.done,
            reused: self.facts.reused,
            running: self.running,
        }
    }

    /// Whether an attempt of this task runs.
    pub(super) fn runs(&self, index: u32) -> bool {
        self.open.get(&index).is_some_and(|task| !task.runs.is_empty())
    }

    fn suspect(&self, index: u32) -> bool {
        self.open.get(&index).is_some_and(|task| !task.lost.is_empty())
    }

    /// Whether the next loss is the last: then it must be clear over which task it was.
    fn last_chance(&self, index: u32, settings: &ScheduleSettings) -> bool {
        let lost = self.open.get(&index).map_or(0, |task| task.lost.len());
        lost > 0 && lost + 1 >= settings.losses_of(self.stage) as usize
    }

    fn avoided(&self, index: u32) -> Vec<&WorkerId> {
        self.open.get(&index).map(|task| task.avoided.iter().collect()).unwrap_or_default()
    }

    /// Changes the attempts of a task that run, and keeps what is derived from them.
    fn change_runs<T>(&mut self, index: u32, change: impl FnOnce(&mut Vec<Run>) -> T) -> Option<T> {
        let runs = &mut self.open.get_mut(&index)?.runs;
        if let [only] = runs.as_slice() {
            self.lone.remove(&(only.started, index));
        }
        self.running -= u32::from(!runs.is_empty());
        let result = change(runs);
        self.running += u32::from(!runs.is_empty());
        if let [only] = runs.as_slice() {
            self.lone.insert((only.started, index));
        }
        Some(result)
    }
}
