//! A seeded world around a scheduler: workers, a coordinator, a store and messages between them,
//! all of which go wrong until a moment from which on nothing does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_planning::schedule::{
    AuditId, Command, Ending, Event, Exclusion, Facts, Outcome, ScheduleSettings, Stage, TaskKey,
    WorkerId,
};

use crate::ledger::Ledger;
use crate::store::{Corpus, Effect, Folder, shard_of};
pub use crate::totals::Totals;

/// A process that works.
#[derive(Debug, Default)]
struct Machine {
    slots: u32,
    alive: bool,
    draining: bool,
    /// Number of its latest conversation.
    conversation: u32,
    /// Until then nothing comes in or goes out.
    muted_until: Duration,
    /// Until then nothing happens at all.
    frozen_until: Duration,
    running: BTreeSet<(TaskKey, u32)>,
    /// Comings and goings are heard in order, and so are commands.
    heard_until: Duration,
    told_until: Duration,
}

#[derive(Debug, Clone)]
enum Happening {
    Tick {
        epoch: u32,
    },
    Start,
    /// A message; `conversation` of a worker that joins.
    ToCoordinator {
        epoch: u32,
        event: Event,
        conversation: u32,
    },
    Lie {
        epoch: u32,
        event: Event,
    },
    ToWorker {
        ord: usize,
        conversation: u32,
        command: Command,
    },
    Join {
        ord: usize,
    },
    Beat {
        ord: usize,
        conversation: u32,
    },
    TaskEnds {
        ord: usize,
        task: TaskKey,
        attempt: u32,
    },
    Commit {
        epoch: u32,
        audit: AuditId,
        generation: u32,
        cause: Exclusion,
    },
    Spawn,
    Fault,
}

pub struct World {
    rng: ChaCha8Rng,
    trace: bool,
    now: Duration,
    serial: u64,
    queue: BTreeMap<(Duration, u64), Happening>,
    /// The coordinator, while it runs.
    ledger: Option<Ledger>,
    epoch: u32,
    asleep_until: Duration,
    folders: BTreeMap<AuditId, Folder>,
    machines: Vec<Machine>,
    /// Conversations as the coordinator knows them.
    heard: BTreeMap<WorkerId, u32>,
    calm_at: Duration,
    /// All workers go for ever.
    desert: bool,
    /// Exclusions are refused.
    refuses: bool,
    cancelled: BTreeSet<AuditId>,
    failures: BTreeMap<TaskKey, u32>,
    totals: Totals,
}

fn settings() -> ScheduleSettings {
    ScheduleSettings {
        lease: Duration::from_secs(6),
        worker_grace: Duration::from_secs(120),
        max_failures: 4,
        max_losses: 3,
        trouble_pause: Duration::from_millis(300),
        trouble_limit: Duration::from_secs(1000),
        straggler_factor: 3,
        straggler_least: Duration::from_secs(2),
        straggler_alone: Duration::from_secs(20),
    }
}

fn worker_id(ord: usize) -> WorkerId {
    WorkerId(format!("w{ord}"))
}

fn ord_of(worker: &WorkerId) -> usize {
    worker.0[1..].parse().unwrap()
}

impl World {
    pub fn new(seed: u64, trace: bool) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let calm_at = Duration::from_secs(rng.random_range(10..50));
        let folders = (0..rng.random_range(1..3))
            .map(|audit| (AuditId(format!("a{audit}")), Folder::new(corpus(&mut rng))));
        let folders = folders.collect();
        let mut world = Self {
            trace,
            now: Duration::ZERO,
            serial: 0,
            queue: BTreeMap::new(),
            ledger: None,
            epoch: 0,
            asleep_until: Duration::ZERO,
            folders,
            machines: Vec::new(),
            heard: BTreeMap::new(),
            calm_at,
            desert: seed % 50 == 49,
            refuses: seed % 50 == 48,
            cancelled: BTreeSet::new(),
            failures: BTreeMap::new(),
            totals: Totals { schedules: 1, ..Totals::default() },
            rng,
        };
        world.after(0, Happening::Start);
        for _ in 0..world.rng.random_range(1..6) {
            world.after(0, Happening::Spawn);
        }
        world.after(500, Happening::Fault);
        world
    }

    /// Plays until all audits have ended.
    pub fn play(mut self) -> Totals {
        while self.folders.values().any(|folder| folder.ending.is_none()) {
            let ((at, _), happening) = self.queue.pop_first().unwrap();
            assert!(at < self.calm_at + Duration::from_secs(1500), "an audit does not end");
            self.now = at;
            if self.trace {
                println!("{:9.3} {happening:?}", at.as_secs_f64());
            }
            self.happen(happening);
        }
        self.assert_ends();
        self.count_ledger();
        self.totals.simulated_seconds = self.now.as_secs();
        self.totals
    }

    fn assert_ends(&mut self) {
        for (audit, folder) in &self.folders {
            self.totals.audits += 1;
            match folder.ending.as_ref().unwrap() {
                Ending::Done => {
                    self.totals.done += 1;
                    folder.assert_units_are_accounted_for();
                    assert_eq!(folder.report, Some(folder.expected_report(audit)));
                }
                Ending::Cancelled => {
                    self.totals.cancelled += 1;
                    assert!(self.cancelled.contains(audit));
                }
                // Whether it had to be was looked at when it was said.
                Ending::Failed(reason) if reason == "refused" => self.totals.refused += 1,
                Ending::Failed(reason) if reason.contains(" was lost ") => {
                    self.totals.given_up += 1;
                }
                Ending::Failed(_) => self.totals.deserted += 1,
            }
        }
    }

    fn is_calm(&self) -> bool {
        self.now >= self.calm_at
    }

    /// Whether something goes wrong that does once in a while, until faults stop.
    fn goes_wrong(&mut self, probability: f64) -> bool {
        !self.is_calm() && self.rng.random_bool(probability)
    }

    fn at(&mut self, at: Duration, happening: Happening) {
        self.serial += 1;
        self.queue.insert((at.max(self.now), self.serial), happening);
    }

    fn after(&mut self, millis: u64, happening: Happening) {
        self.at(self.now + Duration::from_millis(millis), happening);
    }

    /// A time to come: up to `millis` while things go wrong.
    fn soon(&mut self, millis: u64) -> Duration {
        let most = if self.is_calm() { 50 } else { millis };
        self.now + Duration::from_millis(self.rng.random_range(1..=most))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tick { epoch } => self.tick(epoch),
            Happening::Start => self.start(),
            Happening::ToCoordinator { epoch, event, conversation } => {
                self.hear(epoch, event, conversation);
            }
            Happening::Lie { epoch, event } => self.hear_lie(epoch, event),
            Happening::ToWorker { ord, conversation, command } => {
                self.obey(ord, conversation, command);
            }
            Happening::Join { ord } => self.join(ord),
            Happening::Beat { ord, conversation } => self.beat(ord, conversation),
            Happening::TaskEnds { ord, task, attempt } => self.task_ends(ord, task, attempt),
            Happening::Commit { epoch, audit, generation, cause } if epoch == self.epoch => {
                self.commit(&audit, generation, &cause);
            }
            Happening::Commit { .. } => {}
            Happening::Spawn => self.spawn(),
            Happening::Fault => self.fault(),
        }
    }
}

/// The coordinator.
impl World {
    fn start(&mut self) {
        self.epoch += 1;
        self.heard.clear();
        self.ledger = Some(Ledger::new(settings()));
        let open: Vec<_> = self.folders.iter().filter(|(_, f)| f.ending.is_none()).collect();
        let opened: Vec<_> = open
            .into_iter()
            .map(|(audit, folder)| Event::Opened { audit: audit.clone(), plan: folder.plan() })
            .collect();
        for event in opened {
            self.tell(event);
        }
        self.after(0, Happening::Tick { epoch: self.epoch });
        for ord in 0..self.machines.len() {
            let at = self.soon(5000);
            self.at(at, Happening::Join { ord });
        }
    }

    fn tick(&mut self, epoch: u32) {
        if epoch != self.epoch || self.ledger.is_none() {
            return;
        }
        if self.now < self.asleep_until {
            return self.at(self.asleep_until, Happening::Tick { epoch });
        }
        self.tell(Event::Tick);
        self.after(1000, Happening::Tick { epoch });
    }

    fn hear(&mut self, epoch: u32, event: Event, conversation: u32) {
        if epoch != self.epoch || self.ledger.is_none() {
            return;
        }
        if self.now < self.asleep_until {
            let at = self.asleep_until;
            return self.at(at, Happening::ToCoordinator { epoch, event, conversation });
        }
        if let Event::Joined { worker, .. } | Event::Left { worker } = &event {
            // The coordinator itself begins and ends conversations: it knows their order.
            let heard = self.heard.entry(worker.clone()).or_default();
            if conversation < *heard {
                return;
            }
            *heard = conversation;
        }
        self.tell(event);
    }

    /// A lie is not one if it happens to be true.
    fn hear_lie(&mut self, epoch: u32, event: Event) {
        if let Some(ledger) = &self.ledger
            && let Event::Finished { worker, task, attempt, .. } = &event
            && !ledger.holders(task).contains(&(worker.clone(), *attempt))
            && self.now >= self.asleep_until
        {
            let before = ledger.view(&task.audit);
            let audit = task.audit.clone();
            // What is due comes first, as it may change what is seen.
            self.tell(Event::Tick);
            let between = self.ledger.as_ref().and_then(|ledger| ledger.view(&audit));
            if before == between {
                self.totals.lies += 1;
                self.hear(epoch, event, 0);
                let after = self.ledger.as_ref().and_then(|ledger| ledger.view(&audit));
                assert_eq!(before, after, "a lie was believed");
            }
        }
    }

    fn tell(&mut self, event: Event) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        self.totals.events += 1;
        let commands = ledger.tell(event, self.now);
        for command in commands {
            if self.trace {
                println!("          {command:?}");
            }
            self.carry_out(command);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match &command {
            Command::Assign { worker, .. } | Command::Revoke { worker, .. } => {
                let ord = ord_of(worker);
                let Some(conversation) = self.heard.get(worker).copied() else {
                    return;
                };
                let soon = self.soon(500);
                let machine = &mut self.machines[ord];
                machine.told_until = machine.told_until.max(soon);
                let at = machine.told_until;
                self.at(at, Happening::ToWorker { ord, conversation, command });
            }
            Command::Record { audit, record } => {
                if self.goes_wrong(0.3) {
                    self.totals.lost_records += 1;
                } else if let Some(folder) = self.folders.get_mut(audit) {
                    folder.record(record.clone());
                }
            }
            Command::Exclude { audit, generation, cause } => {
                let (epoch, audit, generation) = (self.epoch, audit.clone(), *generation);
                let at = self.soon(2000);
                let cause = cause.clone();
                self.at(at, Happening::Commit { epoch, audit, generation, cause });
            }
            Command::End { audit, ending } => self.end(audit, ending),
            Command::LeaseLapsed { .. } => {}
        }
    }

    fn commit(&mut self, audit: &AuditId, generation: u32, cause: &Exclusion) {
        let shard = match cause {
            Exclusion::Shard(shard) => shard.shard.parse().unwrap(),
            Exclusion::Poison { unit, .. } => shard_of(*unit),
        };
        let folder = self.folders.get_mut(audit).unwrap();
        let refused = self.refuses.then(|| "refused".to_owned());
        if refused.is_none() && folder.ending.is_none() && folder.exclude(generation, shard) {
            match cause {
                Exclusion::Shard(_) => self.totals.bad_shards += 1,
                Exclusion::Poison { .. } => self.totals.poisoned += 1,
            }
        }
        let generation = folder.excluded.len() as u32;
        let event = Event::Excluded { audit: audit.clone(), generation, refused };
        self.send(event, 0, self.now, 1000);
    }

    fn end(&mut self, audit: &AuditId, ending: &Ending) {
        if let Ending::Failed(reason) = ending {
            let deserted = self.desert && reason.starts_with("expected a worker");
            let refused = self.refuses && reason == "refused";
            let task = reason.split_once(" was lost ").map(|(task, _)| task);
            let ledger = self.ledger.as_ref().unwrap();
            let lost = task.is_some_and(|task| ledger.lost_too_often(task));
            assert!(deserted || refused || lost, "{audit} failed: {reason}");
        }
        if self.goes_wrong(0.1) {
            // It stops before the ending is committed, and finds it again.
            return self.crash();
        }
        let folder = self.folders.get_mut(audit).unwrap();
        if self.ledger.is_some() {
            assert_eq!(folder.ending, None, "{audit} ended twice");
            folder.ending = Some(ending.clone());
        }
    }

    fn crash(&mut self) {
        if self.ledger.is_none() {
            return;
        }
        self.totals.restarts += 1;
        self.count_ledger();
        self.ledger = None;
        // What was on its way to the store arrives before it starts again, or never.
        let epoch = self.epoch;
        let on_their_way = self.queue.values().filter_map(|happening| match happening {
            Happening::Commit { epoch: of, audit, generation, cause } if *of == epoch => {
                Some((audit.clone(), *generation, cause.clone()))
            }
            _ => None,
        });
        let on_their_way: Vec<_> = on_their_way.collect();
        for (audit, generation, cause) in on_their_way {
            if self.rng.random_bool(0.5) {
                self.commit(&audit, generation, &cause);
            }
        }
        self.epoch += 1;
        let at = self.soon(6000);
        self.at(at, Happening::Start);
    }

    fn count_ledger(&mut self) {
        if let Some(ledger) = &self.ledger {
            self.totals.backups += ledger.backups;
            self.totals.assigned += ledger.assigned;
            self.totals.completed += ledger.completed;
        }
    }

    /// Sends a message to the coordinator, perhaps twice; not before `earliest`.
    fn send(&mut self, event: Event, conversation: u32, earliest: Duration, most_millis: u64) {
        let epoch = self.epoch;
        if self.goes_wrong(0.1) {
            self.totals.repeats += 1;
            let at = self.soon(most_millis).max(earliest);
            let event = event.clone();
            self.at(at, Happening::ToCoordinator { epoch, event, conversation });
        }
        let at = self.soon(most_millis).max(earliest);
        self.at(at, Happening::ToCoordinator { epoch, event, conversation });
    }
}

/// The workers.
impl World {
    fn spawn(&mut self) {
        if self.desert && self.is_calm() {
            return;
        }
        let ord = self.machines.len();
        let slots = self.rng.random_range(1..5);
        self.machines.push(Machine { slots, alive: true, ..Machine::default() });
        self.at(self.now, Happening::Join { ord });
    }

    fn join(&mut self, ord: usize) {
        let machine = &mut self.machines[ord];
        if machine.draining {
            machine.running.clear();
            self.leave_if_drained(ord);
        }
        let machine = &self.machines[ord];
        if !machine.alive {
            return;
        }
        let ready = machine.frozen_until.max(machine.muted_until);
        if self.now < ready {
            return self.at(ready, Happening::Join { ord });
        }
        if self.ledger.is_none() {
            return self.after(1000, Happening::Join { ord });
        }
        // Some drop their work, as they should; others go on with it.
        let drops = self.is_calm() || self.rng.random_bool(0.5);
        let machine = &mut self.machines[ord];
        if drops {
            machine.running.clear();
        }
        machine.conversation += 1;
        let (conversation, slots) = (machine.conversation, machine.slots);
        self.come_or_go(ord, Event::Joined { worker: worker_id(ord), slots });
        self.at(self.now, Happening::Beat { ord, conversation });
    }

    /// Comings and goings are heard in the order in which they happen.
    fn come_or_go(&mut self, ord: usize, event: Event) {
        let soon = self.soon(1000);
        let machine = &mut self.machines[ord];
        machine.heard_until = machine.heard_until.max(soon) + Duration::from_millis(1);
        let (at, conversation, epoch) = (machine.heard_until, machine.conversation, self.epoch);
        self.at(at, Happening::ToCoordinator { epoch, event, conversation });
    }

    fn beat(&mut self, ord: usize, conversation: u32) {
        let machine = &self.machines[ord];
        if !machine.alive || machine.conversation != conversation {
            return;
        }
        let ready = machine.frozen_until.max(machine.muted_until);
        if !self.goes_wrong(0.05) {
            self.send(Event::Beat { worker: worker_id(ord) }, 0, ready, 1000);
        }
        let next = ready.max(self.now) + Duration::from_secs(2);
        self.at(next, Happening::Beat { ord, conversation });
    }

    fn obey(&mut self, ord: usize, conversation: u32, command: Command) {
        let machine = &self.machines[ord];
        if !machine.alive || machine.conversation != conversation {
            return;
        }
        let ready = machine.frozen_until.max(machine.muted_until);
        if self.now < ready {
            return self.at(ready, Happening::ToWorker { ord, conversation, command });
        }
        match command {
            Command::Assign { task, attempt, .. } => {
                let lags = if self.goes_wrong(0.05) { 10 } else { 1 };
                let millis = lags * self.rng.random_range(100..2000);
                self.machines[ord].running.insert((task.clone(), attempt));
                self.after(millis, Happening::TaskEnds { ord, task, attempt });
            }
            Command::Revoke { task, attempt, .. } if !self.goes_wrong(0.2) => {
                self.machines[ord].running.remove(&(task, attempt));
                self.leave_if_drained(ord);
            }
            _ => {}
        }
    }

    fn task_ends(&mut self, ord: usize, task: TaskKey, attempt: u32) {
        let machine = &self.machines[ord];
        if self.now < machine.frozen_until {
            let at = machine.frozen_until;
            return self.at(at, Happening::TaskEnds { ord, task, attempt });
        }
        let running = self.machines[ord].running.remove(&(task.clone(), attempt));
        if !running || !self.machines[ord].alive {
            return;
        }
        let Some(outcome) = self.outcome(ord, &task) else {
            return;
        };
        let worker = worker_id(ord);
        let muted = self.machines[ord].muted_until;
        self.send(Event::Finished { worker, task, attempt, outcome }, 0, muted, 1500);
        self.leave_if_drained(ord);
    }

    /// How a task ends; `None` if its worker does.
    fn outcome(&mut self, ord: usize, task: &TaskKey) -> Option<Outcome> {
        if self.goes_wrong(0.06) {
            self.totals.troubles += 1;
            return Some(Outcome::Trouble("503".into()));
        }
        let failures = self.failures.get(task).copied().unwrap_or(0);
        if failures < 2 && self.goes_wrong(0.02) {
            self.totals.failures += 1;
            self.failures.insert(task.clone(), failures + 1);
            return Some(Outcome::Failed("bad luck".into()));
        }
        if self.goes_wrong(0.01) {
            return Some(Outcome::Released);
        }
        match self.folders.get_mut(&task.audit).unwrap().run(task) {
            Effect::Kills => {
                self.kill(ord);
                None
            }
            Effect::Ends(_) if self.goes_wrong(0.03) => {
                // Committed, but the worker does not know.
                self.totals.lost_answers += 1;
                Some(Outcome::Trouble("timeout".into()))
            }
            Effect::Ends(outcome) => Some(outcome),
        }
    }

    fn leave_if_drained(&mut self, ord: usize) {
        let machine = &self.machines[ord];
        if machine.alive && machine.draining && machine.running.is_empty() {
            self.machines[ord].alive = false;
            self.come_or_go(ord, Event::Left { worker: worker_id(ord) });
            self.after(1000, Happening::Spawn);
        }
    }

    fn kill(&mut self, ord: usize) {
        self.totals.kills += 1;
        self.machines[ord].alive = false;
        // Its connection may look open for as long as the lease.
        if !self.goes_wrong(0.3) {
            self.come_or_go(ord, Event::Left { worker: worker_id(ord) });
        }
        let at = self.soon(8000);
        self.at(at, Happening::Spawn);
    }
}

/// What goes wrong.
impl World {
    fn fault(&mut self) {
        if self.is_calm() {
            if self.desert {
                let alive = (0..self.machines.len()).filter(|ord| self.machines[*ord].alive);
                let alive: Vec<_> = alive.collect();
                alive.into_iter().for_each(|ord| self.kill(ord));
            }
            return;
        }
        let alive = (0..self.machines.len()).filter(|ord| self.machines[*ord].alive);
        let alive: Vec<_> = alive.collect();
        if !alive.is_empty() {
            let ord = alive[self.rng.random_range(0..alive.len())];
            self.worker_fault(ord);
        }
        if self.rng.random_bool(0.05) {
            self.crash();
        } else if self.rng.random_bool(0.05) {
            self.totals.sleeps += 1;
            self.asleep_until = self.now + self.some_seconds(1..10);
        }
        if self.rng.random_bool(0.003) {
            let audit = self.some_audit();
            self.cancelled.insert(audit.clone());
            self.send(Event::Cancelled { audit }, 0, self.now, 1000);
        }
        let millis = self.rng.random_range(100..4000);
        self.after(millis, Happening::Fault);
    }

    fn some_seconds(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_secs(self.rng.random_range(range))
    }

    fn some_audit(&mut self) -> AuditId {
        AuditId(format!("a{}", self.rng.random_range(0..self.folders.len())))
    }

    fn worker_fault(&mut self, ord: usize) {
        match self.rng.random_range(0..7) {
            0 => self.kill(ord),
            1 => {
                self.totals.freezes += 1;
                self.machines[ord].frozen_until = self.now + self.some_seconds(2..15);
            }
            2 => {
                self.totals.partitions += 1;
                self.machines[ord].muted_until = self.now + self.some_seconds(2..15);
            }
            3 => {
                self.totals.flaps += 1;
                self.come_or_go(ord, Event::Left { worker: worker_id(ord) });
                let at = self.soon(3000);
                self.at(at, Happening::Join { ord });
            }
            4 => {
                self.totals.drains += 1;
                self.machines[ord].draining = true;
                let muted = self.machines[ord].muted_until;
                self.send(Event::Draining { worker: worker_id(ord) }, 0, muted, 1000);
                self.leave_if_drained(ord);
            }
            _ => self.lie(ord),
        }
    }

    fn lie(&mut self, ord: usize) {
        let stage = Stage::ALL[self.rng.random_range(0..Stage::ALL.len())];
        let (generation, index) = (self.rng.random_range(0..3), self.rng.random_range(0..12));
        let task = TaskKey { audit: self.some_audit(), generation, stage, index };
        let facts = Facts { bytes: u64::MAX, tasks: 1000, reused: 1 };
        let outcome = match self.rng.random_range(0..3) {
            0 => Outcome::Done(facts),
            1 => Outcome::Failed("a lie".into()),
            _ => crate::desk::bad_shard("0"),
        };
        let attempt = self.rng.random_range(0..4);
        let event = Event::Finished { worker: worker_id(ord), task, attempt, outcome };
        let (epoch, at) = (self.epoch, self.soon(1000));
        self.at(at, Happening::Lie { epoch, event });
    }
}

fn corpus(rng: &mut ChaCha8Rng) -> Corpus {
    let units = rng.random_range(0..12);
    let some = |rng: &mut ChaCha8Rng, among: u32, probability: f64| {
        (0..among).filter(|_| rng.random_bool(probability)).collect()
    };
    Corpus {
        units,
        bytes: rng.random_range(0..5 << 20),
        bad: some(rng, units.div_ceil(2), 0.06),
        poison: some(rng, units, 0.03),
    }
}
