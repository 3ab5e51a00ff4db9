//! The state machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::alarms::{Alarm, Alarms};
use super::audit::Audit;
use super::event::{Command, Ending, Event};
use super::settings::ScheduleSettings;
use super::stage::StageWork;
use super::task::{AuditId, TaskKey};
use super::view::AuditView;
use super::workers::Workers;

/// Drives all audits of a coordinator over all its workers.
///
/// An event costs O(log n) of tasks and workers, and one step per audit at most; no event looks at
/// all tasks. Memory is that of tasks that run or went wrong, and of 16 bytes per task that is
/// done in a stage that runs.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) settings: ScheduleSettings,
    /// Time of the event that is handled, or was handled last.
    pub(super) now: Duration,
    /// Whether so much time passed since the event before that silence says little of a worker.
    pub(super) overslept: bool,
    pub(super) workers: Workers,
    pub(super) audits: BTreeMap<AuditId, Audit>,
    /// Audits with tasks that could be assigned.
    pub(super) waiting: BTreeSet<AuditId>,
    /// The audit whose task was assigned last.
    pub(super) last_turn: Option<AuditId>,
    pub(super) alarms: Alarms,
    /// Since when there is no worker of whom something may come.
    pub(super) deserted_since: Option<Duration>,
    /// What the event that is handled asks for so far.
    pub(super) commands: Vec<Command>,
}

impl Scheduler {
    /// A scheduler without audits and workers.
    #[must_use]
    pub fn new(settings: ScheduleSettings) -> Self {
        Self {
            settings,
            now: Duration::ZERO,
            overslept: false,
            workers: Workers::default(),
            audits: BTreeMap::new(),
            waiting: BTreeSet::new(),
            last_turn: None,
            alarms: Alarms::default(),
            deserted_since: None,
            commands: Vec::new(),
        }
    }

    /// Takes note of what happened at `now` (time since any fixed moment, never earlier than
    /// before) and says what to do, in order.
    ///
    /// What became due since the last event is done first, whatever the event is. Backup attempts
    /// alone begin with [`Event::Tick`], which should come about every second. Leases that lapse
    /// in a gap of more than half a lease between two events are not held against the tasks: the
    /// caller may have slept, not the workers.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Command> {
        let now = now.max(self.now);
        self.overslept = now - self.now > self.settings.lease / 2;
        self.now = now;
        let is_tick = event == Event::Tick;
        self.ring();
        self.note(event);
        self.note_desertion();
        self.assign_waiting();
        if is_tick {
            self.start_backups();
        }
        std::mem::take(&mut self.commands)
    }

    /// How far an audit is; `None` if it is unknown or has ended.
    #[must_use]
    pub fn view(&self, audit: &AuditId) -> Option<AuditView> {
        self.audits.get(audit).map(Audit::view)
    }

    /// The earliest time at which [`Event::Tick`] may have an effect, if nothing else happens
    /// before; `None` if nothing is waited for. It may have none after all; then the time that is
    /// said next is later.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        let works = self.audits.values().filter_map(Audit::assignable);
        let stragglers = works.filter_map(|work| work.straggler_due(&self.settings));
        let stragglers = stragglers.filter(|due| *due > self.now);
        stragglers.chain(self.alarms.first()).min()
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Opened { audit, plan } => self.open(audit, &plan),
            Event::Joined { worker, slots } => self.joined(&worker, slots),
            Event::Left { worker } => self.left(&worker),
            Event::Draining { worker } => self.workers.drain(&worker),
            Event::Beat { worker } => self.beat(&worker),
            Event::Finished { worker, task, attempt, outcome } => {
                self.finished(&worker, &task, attempt, outcome);
            }
            Event::Excluded { audit, generation, refused } => {
                self.excluded(&audit, generation, refused);
            }
            Event::Cancelled { audit } => self.end(&audit, Ending::Cancelled),
            Event::Tick => {}
        }
    }

    /// Does what has become due.
    fn ring(&mut self) {
        while let Some(alarm) = self.alarms.take_due(self.now) {
            match alarm {
                Alarm::Lease(worker) => self.check_lease(worker),
                Alarm::Rested(worker) => self.workers.rested(&worker, self.now),
                Alarm::Retry(task) => self.requeue(&task),
                Alarm::Deserted => self.end_deserted(),
                Alarm::Exclusion(audit, generation) => self.exclusion_overdue(&audit, generation),
            }
        }
    }

    fn note_desertion(&mut self) {
        if self.workers.any_usable() {
            self.deserted_since = None;
        } else if self.deserted_since.is_none() {
            self.deserted_since = Some(self.now);
            self.alarms.set(self.now + self.settings.worker_grace, Alarm::Deserted);
        }
    }

    /// The stage that a task belongs to, if it runs and its tasks count.
    pub(super) fn work(&mut self, task: &TaskKey) -> Option<&mut StageWork> {
        let audit = self.audits.get_mut(&task.audit)?;
        if audit.excluding || audit.generation != task.generation {
            return None;
        }
        audit.work.as_mut().filter(|work| work.stage == task.stage)
    }
}
