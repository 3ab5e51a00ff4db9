//! An independent account of what a scheduler was told and has said, which fails as soon as the
//! two do not go together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use taster_planning::schedule::{
    AuditId, AuditView, Command, Ending, Event, Exclusion, Outcome, ScheduleSettings, Scheduler,
    StageRecord, TaskKey, WorkerId,
};

#[derive(Debug, Default)]
struct Colleague {
    slots: u32,
    draining: bool,
    /// Attempts that count.
    holds: BTreeMap<TaskKey, u32>,
}

/// A scheduler whose every word is checked.
#[derive(Debug)]
pub struct Ledger {
    pub scheduler: Scheduler,
    settings: ScheduleSettings,
    workers: BTreeMap<WorkerId, Colleague>,
    attempts: BTreeMap<TaskKey, u32>,
    /// Workers that were gone while they held a task.
    lost: BTreeMap<TaskKey, BTreeSet<WorkerId>>,
    /// Times that this happened.
    losses: BTreeMap<TaskKey, u32>,
    open: BTreeSet<AuditId>,
    /// Exclusions that were asked for, by their generation.
    excluding: BTreeMap<AuditId, u32>,
    pub ended: BTreeMap<AuditId, Ending>,
    pub records: Vec<StageRecord>,
    pub assigned: u64,
    pub backups: u64,
    /// Tasks that were finished by an attempt that counts.
    pub completed: u64,
}

impl Ledger {
    pub fn new(settings: ScheduleSettings) -> Self {
        Self {
            scheduler: Scheduler::new(settings.clone()),
            settings,
            workers: BTreeMap::new(),
            attempts: BTreeMap::new(),
            lost: BTreeMap::new(),
            losses: BTreeMap::new(),
            open: BTreeSet::new(),
            excluding: BTreeMap::new(),
            ended: BTreeMap::new(),
            records: Vec::new(),
            assigned: 0,
            backups: 0,
            completed: 0,
        }
    }

    /// Tells the scheduler and checks its answer. What is due is asked for before, so that it is
    /// clear which command answers what.
    pub fn tell(&mut self, event: Event, now: Duration) -> Vec<Command> {
        let mut commands = Vec::new();
        if event != Event::Tick && self.scheduler.next_due().is_some_and(|due| due <= now) {
            commands = self.tell(Event::Tick, now);
        }
        self.note_event(&event);
        let answer = self.scheduler.handle(event, now);
        for command in &answer {
            self.note_command(command);
        }
        commands.extend(answer);
        commands
    }

    fn note_event(&mut self, event: &Event) {
        match event {
            Event::Opened { audit, .. } => {
                self.open.insert(audit.clone());
                self.ended.remove(audit);
                self.excluding.remove(audit);
            }
            Event::Joined { worker, slots } => {
                // A new conversation: what was held is void, and is revoked.
                let colleague = self.workers.entry(worker.clone()).or_default();
                colleague.slots = *slots;
                colleague.draining = false;
                for task in colleague.holds.keys() {
                    *self.losses.entry(task.clone()).or_default() += 1;
                }
            }
            Event::Left { worker } => {
                let colleague = self.workers.remove(worker).unwrap_or_default();
                for task in colleague.holds.into_keys() {
                    self.note_loss(task, worker);
                }
            }
            Event::Draining { worker } => {
                if let Some(colleague) = self.workers.get_mut(worker) {
                    colleague.draining = true;
                }
            }
            Event::Finished { worker, task, attempt, outcome } => {
                if let Some(colleague) = self.workers.get_mut(worker)
                    && colleague.holds.get(task) == Some(attempt)
                {
                    colleague.holds.remove(task);
                    self.completed += u64::from(matches!(outcome, Outcome::Done(_)));
                }
            }
            Event::Excluded { audit, generation, .. } => {
                if self.excluding.get(audit).is_some_and(|asked| generation >= asked) {
                    self.excluding.remove(audit);
                }
            }
            Event::Beat { .. } | Event::Cancelled { .. } | Event::Tick => {}
        }
    }

    fn note_loss(&mut self, task: TaskKey, worker: &WorkerId) {
        *self.losses.entry(task.clone()).or_default() += 1;
        self.lost.entry(task).or_default().insert(worker.clone());
    }

    fn note_command(&mut self, command: &Command) {
        match command {
            Command::Assign { worker, task, attempt, .. } => {
                self.note_assignment(worker, task, *attempt)
            }
            Command::Revoke { worker, task, attempt } => {
                let held = self.workers.get_mut(worker).and_then(|w| w.holds.remove(task));
                assert_eq!(held, Some(*attempt), "{worker} does not hold {task}");
            }
            Command::Record { audit, record } => {
                assert!(self.open.contains(audit));
                self.records.push(record.clone());
            }
            Command::Exclude { audit, generation, cause } => {
                let before = self.excluding.insert(audit.clone(), *generation);
                assert_eq!(before, None, "{audit}: two exclusions at once");
                self.assert_nothing_runs(audit);
                if let Exclusion::Poison { unit, workers } = cause {
                    let is_it = |task: &TaskKey| {
                        task.audit == *audit
                            && task.generation + 1 == *generation
                            && task.index == *unit
                            && task.stage.is_by_unit()
                    };
                    let most = self.lost.iter().filter(|(task, _)| is_it(task));
                    let most = most.map(|(_, lost)| lost.len()).max().unwrap_or(0);
                    assert!(most >= *workers as usize, "{most} workers were lost, not {workers}");
                    assert!(*workers >= self.settings.max_losses);
                }
            }
            Command::End { audit, ending } => {
                assert!(self.open.remove(audit), "{audit} ended twice");
                self.assert_nothing_runs(audit);
                self.excluding.remove(audit);
                self.ended.insert(audit.clone(), ending.clone());
            }
            Command::LeaseLapsed { worker, task } => {
                assert!(self.workers[worker].holds.contains_key(task));
                self.note_loss(task.clone(), worker);
            }
        }
    }

    fn note_assignment(&mut self, worker: &WorkerId, task: &TaskKey, attempt: u32) {
        assert!(self.open.contains(&task.audit), "{task} of an audit that is not open");
        assert!(
            !self.excluding.contains_key(&task.audit),
            "{task} while an exclusion is asked for"
        );
        let last = self.attempts.insert(task.clone(), attempt).unwrap_or(0);
        assert!(attempt > last, "{task}: attempt {attempt} after {last}");
        let running = self.holders(task).len();
        assert!(running < 2, "{task} runs {running} times");
        self.backups += running as u64;
        self.assigned += 1;
        let colleague = self.workers.get_mut(worker).unwrap();
        assert!(!colleague.draining, "{worker} drains");
        let before = colleague.holds.insert(task.clone(), attempt);
        assert_eq!(before, None, "{task} runs twice on {worker}");
        assert!(colleague.holds.len() <= colleague.slots as usize, "{worker} is over its slots");
    }

    fn assert_nothing_runs(&self, audit: &AuditId) {
        for (worker, colleague) in &self.workers {
            let mut held = colleague.holds.keys();
            assert!(held.all(|task| task.audit != *audit), "{worker} still runs {audit}");
        }
    }

    /// Workers whose attempt of a task counts, with the attempt.
    pub fn holders(&self, task: &TaskKey) -> Vec<(WorkerId, u32)> {
        let holders = self.workers.iter();
        holders.filter_map(|(id, w)| Some((id.clone(), *w.holds.get(task)?))).collect()
    }

    /// Attempts that count.
    pub fn held(&self, worker: &WorkerId) -> Vec<(TaskKey, u32)> {
        let held = self.workers.get(worker).map(|worker| &worker.holds).into_iter().flatten();
        held.map(|(task, attempt)| (task.clone(), *attempt)).collect()
    }

    /// Whether a task could be given up for the workers that were lost over it.
    pub fn lost_too_often(&self, shown: &str) -> bool {
        let lost = self.lost.iter().find(|(task, _)| task.to_string() == shown);
        let losses = self.losses.iter().find(|(task, _)| task.to_string() == shown);
        let most = |task: &TaskKey| self.settings.losses_of(task.stage) as usize;
        lost.is_some_and(|(task, lost)| lost.len() >= most(task))
            || losses.is_some_and(|(_, times)| *times >= 8 * self.settings.max_losses)
    }

    pub fn view(&self, audit: &AuditId) -> Option<AuditView> {
        self.scheduler.view(audit)
    }
}
