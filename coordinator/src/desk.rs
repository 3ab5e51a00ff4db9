//! Owns the scheduler: tells it what happens, one thing after the other, and carries out what it
//! decides.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use taster_planning::schedule::{
    AuditId, Command, Event, ScheduleSettings, Scheduler, TaskKey, WorkerId,
};
use taster_proto::{ToWorker, v1};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;

use crate::clerk::Clerk;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::registry::Registry;

/// Pause between two looks at the clock.
const TICK: Duration = Duration::from_millis(250);
/// Ticks between two looks at all audits, for the metrics.
const TICKS_PER_TALLY: u32 = 3;
/// News that may wait for the desk; who brings more waits.
pub(crate) const NEWS: usize = 4096;

/// What the desk is told.
#[derive(Debug)]
pub(crate) enum Note {
    /// Something that has no worker.
    Event(Event),
    /// A worker is there.
    Seated {
        /// Which.
        worker: WorkerId,
        /// Its conversation: what comes from an earlier one of this worker does not count.
        session: u64,
        /// Tasks that it runs at the same time.
        slots: u32,
        /// How it is spoken to.
        voice: Voice,
    },
    /// A worker said something.
    Said {
        /// Which.
        worker: WorkerId,
        /// In which conversation.
        session: u64,
        /// What.
        event: Event,
    },
    /// A conversation ended.
    Gone {
        /// Whose.
        worker: WorkerId,
        /// Which.
        session: u64,
    },
    /// The coordinator is about to end: nothing more is assigned, and conversations end.
    Close,
}

/// The coordinator's side of a conversation. Dropping it ends the conversation.
#[derive(Debug)]
pub(crate) struct Voice {
    pub(crate) out: mpsc::Sender<Result<v1::ConverseResponse, Status>>,
    /// Its end is heard by whoever listens to the worker.
    pub(crate) _kept: oneshot::Sender<()>,
}

struct Seat {
    session: u64,
    slots: u32,
    voice: Voice,
}

/// The one who schedules.
pub(crate) struct Desk {
    scheduler: Scheduler,
    clock: Clock,
    seats: BTreeMap<WorkerId, Seat>,
    pending: VecDeque<Event>,
    /// Audits whose progress is to be told before the next tick.
    advanced: BTreeSet<AuditId>,
    clerk: Clerk,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
}

impl Desk {
    /// A desk without audits and workers.
    pub(crate) fn new(settings: ScheduleSettings, clerk: Clerk) -> Self {
        Self {
            scheduler: Scheduler::new(settings),
            clock: Clock::new(),
            seats: BTreeMap::new(),
            pending: VecDeque::new(),
            advanced: BTreeSet::new(),
            registry: Arc::clone(&clerk.registry),
            metrics: Arc::clone(&clerk.metrics),
            clerk,
        }
    }

    /// Schedules until it is told to close.
    pub(crate) async fn run(mut self, mut notes: mpsc::Receiver<Note>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut until_tally = 0;
        loop {
            tokio::select! {
                note = notes.recv() => match note {
                    None | Some(Note::Close) => return,
                    Some(note) => self.note(note),
                },
                _ = ticks.tick() => {
                    self.pending.push_back(Event::Tick);
                    until_tally = u32::checked_sub(until_tally, 1).unwrap_or(TICKS_PER_TALLY);
                }
            }
            let ticked = self.pending.contains(&Event::Tick);
            self.work();
            if ticked {
                self.tell(until_tally == 0);
            }
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Event(event) => self.pending.push_back(event),
            Note::Seated { worker, session, slots, voice } => {
                tracing::info!(worker = worker.0, session, slots, "worker joined");
                self.seats.insert(worker.clone(), Seat { session, slots, voice });
                self.pending.push_back(Event::Joined { worker, slots });
            }
            Note::Said { worker, session, event } if self.is_seated(&worker, session) => {
                if let Event::Finished { task, outcome, .. } = &event {
                    self.metrics.attempt(task.stage, outcome);
                }
                self.pending.push_back(event);
            }
            Note::Gone { worker, session } if self.is_seated(&worker, session) => {
                self.seats.remove(&worker);
                tracing::info!(worker = worker.0, session, "worker left");
                self.pending.push_back(Event::Left { worker });
            }
            // An earlier conversation of a worker that is back.
            Note::Said { .. } | Note::Gone { .. } | Note::Close => {}
        }
    }

    fn is_seated(&self, worker: &WorkerId, session: u64) -> bool {
        self.seats.get(worker).is_some_and(|seat| seat.session == session)
    }

    /// Lets the scheduler decide on everything that happened.
    fn work(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            // What begins anew is worth telling at once.
            if let Event::Opened { audit, .. } | Event::Excluded { audit, .. } = &event {
                self.advanced.insert(audit.clone());
            }
            let now = self.clock.now();
            for command in self.scheduler.handle(event, now) {
                self.carry_out(command);
            }
            for audit in std::mem::take(&mut self.advanced) {
                self.advance(&audit);
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Assign { worker, task, attempt, backup } => {
                tracing::debug!(worker = worker.0, %task, attempt, backup, "assigned");
                self.metrics.started(task.stage, backup);
                self.say(worker, ToWorker::Assign { task, attempt });
            }
            Command::Revoke { worker, task, attempt } => {
                tracing::debug!(worker = worker.0, %task, attempt, "revoked");
                self.say(worker, ToWorker::Revoke { task, attempt });
            }
            Command::Record { audit, record } => {
                self.advanced.insert(audit.clone());
                self.clerk.record(audit, record);
            }
            Command::Exclude { audit, generation, cause } => {
                self.clerk.exclude(audit, generation, cause);
            }
            Command::End { audit, ending } => self.clerk.end(audit, ending),
            Command::LeaseLapsed { worker, task } => self.lapsed(&worker, &task),
        }
    }

    fn lapsed(&self, worker: &WorkerId, task: &TaskKey) {
        self.metrics.lapsed();
        tracing::warn!(worker = worker.0, %task, "a lease lapsed");
    }

    /// Says something to a worker; one that does not listen is taken for lost.
    fn say(&mut self, worker: WorkerId, message: ToWorker) {
        let Some(seat) = self.seats.get(&worker) else { return };
        if seat.voice.out.try_send(Ok(message.into())).is_err() {
            tracing::warn!(worker = worker.0, session = seat.session, "worker does not listen");
            self.seats.remove(&worker);
            self.pending.push_back(Event::Left { worker });
        }
    }

    /// Tells those who watch how far the audits are.
    fn tell(&self, tally: bool) {
        for audit in self.registry.running() {
            self.advance(&audit);
        }
        let slots = self.seats.values().map(|seat| u64::from(seat.slots)).sum();
        self.metrics.workers(self.seats.len(), slots);
        if tally {
            self.metrics.audits(&self.registry);
        }
    }

    fn advance(&self, audit: &AuditId) {
        if let Some(view) = self.scheduler.view(audit) {
            self.registry.advance(audit, &view);
        }
    }
}
