//! What runs here, under which attempt, and whether anybody still wants it.
//!
//! Pure: [`Ledger::handle`] takes what happened and the time, and returns what to do. The time
//! is that since any fixed moment of the worker's own monotonic clock.
//!
//! An attempt is *void* once the conversation in which it was assigned has ended. What is computed
//! goes on for one more lease: outputs are content-addressed, so it does no harm, and the next
//! conversation may assign the same task again, which then *adopts* the computation instead of
//! running it twice. Nothing is ever reported under a void attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use taster_planning::schedule::{Outcome, TaskKey};

/// Outcomes of void attempts that are remembered for as many leases.
const KEPT_LEASES: u32 = 10;
/// Waiting tasks claim the slots of void ones after this part of a lease; until then the void
/// ones may still be assigned again.
const PATIENCE_DIVISOR: u32 = 8;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A conversation began.
    Opened {
        /// Silence after which attempts are void.
        lease: Duration,
        /// Whether tasks mean what they meant in the conversation before.
        same_work: bool,
    },
    /// The conversation ended, or nothing was heard for a lease.
    Lost,
    /// The coordinator wants a task run.
    Assigned(TaskKey, u32),
    /// The coordinator does not want an attempt any more.
    Revoked(TaskKey, u32),
    /// A slot is done with a task.
    Ended(TaskKey, Outcome),
    /// No more tasks are wanted.
    Draining,
    /// What runs has had its time.
    Deadline,
    /// What has not stopped by now is given back as it is.
    Abandoned,
    /// Time passed.
    Tick,
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Give a task to a free slot; there is one.
    Start(TaskKey),
    /// Set a running task's stop flag.
    Stop(TaskKey),
    /// Tell the coordinator.
    Report(TaskKey, u32, Outcome),
}

#[derive(Debug)]
struct Running {
    /// `None` if void.
    attempt: Option<u32>,
    /// When it became void.
    void_since: Duration,
    stopping: bool,
    /// It works on another store than the present conversation: its outcome means nothing.
    foreign: bool,
}

#[derive(Debug)]
struct Waiting {
    task: TaskKey,
    attempt: u32,
    since: Duration,
}

#[derive(Debug)]
struct Kept {
    outcome: Outcome,
    since: Duration,
}

/// Attempts of one worker.
#[derive(Debug)]
pub(crate) struct Ledger {
    slots: usize,
    lease: Duration,
    running: BTreeMap<TaskKey, Running>,
    waiting: Vec<Waiting>,
    kept: BTreeMap<TaskKey, Kept>,
    draining: bool,
}

impl Ledger {
    /// Of a worker with this many slots, which all are free.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            lease: Duration::ZERO,
            running: BTreeMap::new(),
            waiting: Vec::new(),
            kept: BTreeMap::new(),
            draining: false,
        }
    }

    /// Whether no slot is busy.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Slots that are busy.
    pub(crate) fn busy(&self) -> usize {
        self.running.len()
    }

    /// Takes note of what happened at `now` and says what to do, in order.
    pub(crate) fn handle(&mut self, event: Event, now: Duration) -> Vec<Order> {
        match event {
            Event::Opened { lease, same_work } => self.opened(lease, same_work, now),
            Event::Lost => self.lost(now),
            Event::Assigned(task, attempt) => self.assigned(task, attempt, now),
            Event::Revoked(task, attempt) => self.revoked(&task, attempt),
            Event::Ended(task, outcome) => self.ended(task, outcome, now),
            Event::Draining => self.drained(),
            Event::Deadline => self.stop_where(usize::MAX, |_| true),
            Event::Abandoned => self.abandoned(),
            Event::Tick => self.ticked(now),
        }
    }

    fn opened(&mut self, lease: Duration, same_work: bool, now: Duration) -> Vec<Order> {
        self.lease = lease;
        let orders = self.lost(now);
        if same_work {
            return orders;
        }
        self.kept.clear();
        self.running.values_mut().for_each(|running| running.foreign = true);
        self.stop_where(usize::MAX, |_| true)
    }

    fn lost(&mut self, now: Duration) -> Vec<Order> {
        self.waiting.clear();
        for running in self.running.values_mut() {
            if running.attempt.take().is_some() {
                running.void_since = now;
            }
        }
        Vec::new()
    }

    fn assigned(&mut self, task: TaskKey, attempt: u32, now: Duration) -> Vec<Order> {
        if self.draining {
            return vec![Order::Report(task, attempt, Outcome::Released)];
        }
        if let Some(running) = self.running.get_mut(&task).filter(|running| !running.stopping) {
            // A repeated or late assignment never lowers the attempt.
            running.attempt = running.attempt.max(Some(attempt));
            return Vec::new();
        }
        if let Some(kept) = self.kept.remove(&task) {
            return vec![Order::Report(task, attempt, kept.outcome)];
        }
        match self.waiting.iter_mut().find(|waiting| waiting.task == task) {
            Some(waiting) => waiting.attempt = waiting.attempt.max(attempt),
            None => self.waiting.push(Waiting { task, attempt, since: now }),
        }
        self.fill_slots()
    }

    /// Starts what waits, in order. A task whose former run is still stopping waits for its end.
    fn fill_slots(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if self.running.len() >= self.slots || self.running.contains_key(&waiting.task) {
                self.waiting.push(waiting);
                continue;
            }
            orders.push(Order::Start(waiting.task.clone()));
            let running = Running {
                attempt: Some(waiting.attempt),
                void_since: Duration::ZERO,
                stopping: false,
                foreign: false,
            };
            self.running.insert(waiting.task, running);
        }
        orders
    }

    fn revoked(&mut self, task: &TaskKey, attempt: u32) -> Vec<Order> {
        let waits = |waiting: &Waiting| waiting.task == *task && waiting.attempt <= attempt;
        if let Some(at) = self.waiting.iter().position(waits) {
            let waiting = self.waiting.remove(at);
            return vec![Order::Report(waiting.task, waiting.attempt, Outcome::Released)];
        }
        match self.running.get_mut(task) {
            Some(running) if running.attempt.is_some_and(|own| own <= attempt) => {
                running.stopping = true;
                vec![Order::Stop(task.clone())]
            }
            _ => Vec::new(),
        }
    }

    fn ended(&mut self, task: TaskKey, outcome: Outcome, now: Duration) -> Vec<Order> {
        let Some(running) = self.running.remove(&task) else {
            return Vec::new();
        };
        let report = match running.attempt {
            Some(attempt) => Some(Order::Report(task, attempt, outcome)),
            None if running.foreign || !is_final(&outcome) => None,
            None => self.answer_or_keep(task, outcome, now),
        };
        report.into_iter().chain(self.fill_slots()).collect()
    }

    /// The outcome of a void attempt: an answer if the task was assigned again meanwhile.
    fn answer_or_keep(&mut self, task: TaskKey, outcome: Outcome, now: Duration) -> Option<Order> {
        match self.waiting.iter().position(|waiting| waiting.task == task) {
            Some(at) => {
                let attempt = self.waiting.remove(at).attempt;
                Some(Order::Report(task, attempt, outcome))
            }
            None => {
                self.kept.insert(task, Kept { outcome, since: now });
                None
            }
        }
    }

    fn drained(&mut self) -> Vec<Order> {
        self.draining = true;
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        waiting.map(|w| Order::Report(w.task, w.attempt, Outcome::Released)).collect()
    }

    fn abandoned(&mut self) -> Vec<Order> {
        let running = std::mem::take(&mut self.running).into_iter();
        let released = |(task, running): (TaskKey, Running)| {
            running.attempt.map(|attempt| Order::Report(task, attempt, Outcome::Released))
        };
        running.filter_map(released).collect()
    }

    fn ticked(&mut self, now: Duration) -> Vec<Order> {
        let lease = self.lease;
        self.kept.retain(|_, kept| now.saturating_sub(kept.since) < lease * KEPT_LEASES);
        let lapsed = |void_since| now.saturating_sub(void_since) >= lease;
        let mut orders = self.stop_where(usize::MAX, |running| {
            running.attempt.is_none() && lapsed(running.void_since)
        });
        orders.extend(self.make_room(now));
        orders
    }

    /// Stops void runs for which others have waited too long.
    fn make_room(&mut self, now: Duration) -> Vec<Order> {
        let patience = self.lease / PATIENCE_DIVISOR;
        let impatient = |waiting: &&Waiting| now.saturating_sub(waiting.since) >= patience;
        let wanted = self.waiting.iter().filter(impatient).count();
        let stopping = self.running.values().filter(|running| running.stopping).count();
        let most = wanted.saturating_sub(stopping);
        self.stop_where(most, |running| running.attempt.is_none())
    }

    fn stop_where(&mut self, most: usize, condition: impl Fn(&Running) -> bool) -> Vec<Order> {
        let found = self.running.iter_mut().filter(|(_, r)| !r.stopping && condition(r));
        let stop = |(task, running): (&TaskKey, &mut Running)| {
            running.stopping = true;
            Order::Stop(task.clone())
        };
        found.take(most).map(stop).collect()
    }
}

/// Whether running the task again would only find the same: trouble may pass, and a release says
/// nothing.
fn is_final(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done(_) | Outcome::BadShard(_) | Outcome::Failed(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use taster_planning::schedule::{AuditId, Facts, Stage};

    const LEASE: Duration = Duration::from_secs(8);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn task(index: u32) -> TaskKey {
        TaskKey { audit: AuditId("a".into()), generation: 0, stage: Stage::Count, index }
    }

    fn done() -> Outcome {
        Outcome::Done(Facts { bytes: 1, tasks: 0, reused: 0 })
    }

    fn report(index: u32, attempt: u32, outcome: Outcome) -> Vec<Order> {
        vec![Order::Report(task(index), attempt, outcome)]
    }

    fn start(index: u32) -> Vec<Order> {
        vec![Order::Start(task(index))]
    }

    fn stop(index: u32) -> Vec<Order> {
        vec![Order::Stop(task(index))]
    }

    /// A ledger and its clock.
    struct Desk(Ledger, Duration);

    impl Desk {
        fn open(slots: usize) -> Self {
            let mut desk = Self(Ledger::new(slots), Duration::ZERO);
            assert_eq!(desk.reopen(), []);
            desk
        }

        fn at(&mut self, now: u64) -> &mut Self {
            self.1 = seconds(now);
            self
        }

        fn see(&mut self, event: Event) -> Vec<Order> {
            self.0.handle(event, self.1)
        }

        fn reopen(&mut self) -> Vec<Order> {
            self.see(Event::Opened { lease: LEASE, same_work: true })
        }

        fn assign(&mut self, index: u32, attempt: u32) -> Vec<Order> {
            self.see(Event::Assigned(task(index), attempt))
        }

        fn end(&mut self, index: u32, outcome: Outcome) -> Vec<Order> {
            self.see(Event::Ended(task(index), outcome))
        }
    }

    #[test]
    fn tasks_start_while_slots_are_free_and_are_reported_under_their_attempt() {
        let mut desk = Desk::open(2);
        assert_eq!(desk.assign(1, 1), start(1));
        assert_eq!(desk.assign(2, 5), start(2));
        assert_eq!(desk.assign(3, 1), []);
        let ended = desk.end(2, done());
        assert_eq!(ended, [report(2, 5, done()), start(3)].concat());
        assert_eq!(desk.0.busy(), 2);
    }

    #[test]
    fn row_11_a_repeated_assignment_changes_nothing() {
        let mut desk = Desk::open(1);
        assert_eq!(desk.assign(1, 2), start(1));
        assert_eq!(desk.assign(1, 2), []);
        assert_eq!(desk.assign(1, 1), []);
        assert_eq!(desk.assign(2, 1), []);
        assert_eq!(desk.assign(2, 1), []);
        assert_eq!(desk.end(1, done()), [report(1, 2, done()), start(2)].concat());
        assert_eq!(desk.end(2, done()), report(2, 1, done()));
        assert_eq!(desk.end(2, done()), []);
    }

    #[test]
    fn a_higher_attempt_takes_over_what_runs() {
        let mut desk = Desk::open(1);
        desk.assign(1, 1);
        assert_eq!(desk.assign(1, 3), []);
        assert_eq!(desk.end(1, done()), report(1, 3, done()));
    }

    #[test]
    fn a_revoked_task_is_stopped_and_released() {
        let mut desk = Desk::open(1);
        desk.assign(1, 2);
        assert_eq!(desk.see(Event::Revoked(task(1), 1)), []);
        assert_eq!(desk.see(Event::Revoked(task(1), 2)), stop(1));
        assert_eq!(desk.end(1, Outcome::Released), report(1, 2, Outcome::Released));
    }

    #[test]
    fn a_waiting_task_is_released_at_once_when_revoked() {
        let mut desk = Desk::open(1);
        desk.assign(1, 1);
        desk.assign(2, 1);
        assert_eq!(desk.see(Event::Revoked(task(2), 1)), report(2, 1, Outcome::Released));
        assert_eq!(desk.end(1, done()), report(1, 1, done()));
    }

    #[test]
    fn a_task_that_is_assigned_again_while_it_stops_runs_again() {
        let mut desk = Desk::open(2);
        desk.assign(1, 1);
        desk.see(Event::Revoked(task(1), 1));
        assert_eq!(desk.assign(1, 2), []);
        let ended = desk.end(1, Outcome::Released);
        assert_eq!(ended, [report(1, 1, Outcome::Released), start(1)].concat());
        assert_eq!(desk.end(1, done()), report(1, 2, done()));
    }

    #[test]
    fn row_8_what_runs_is_adopted_by_the_next_conversation() {
        let mut desk = Desk::open(2);
        desk.assign(1, 7);
        desk.at(1).see(Event::Lost);
        assert_eq!(desk.at(2).reopen(), []);
        assert_eq!(desk.assign(1, 1), []);
        assert_eq!(desk.at(100).see(Event::Tick), []);
        assert_eq!(desk.end(1, done()), report(1, 1, done()));
    }

    #[test]
    fn row_8_what_ended_meanwhile_is_answered_at_once() {
        let mut desk = Desk::open(2);
        for index in 1..=4 {
            desk.0.slots = 4;
            desk.assign(index, 1);
        }
        desk.see(Event::Lost);
        assert_eq!(desk.end(1, done()), []);
        assert_eq!(desk.end(2, Outcome::Failed("x".into())), []);
        assert_eq!(desk.end(3, Outcome::Trouble("x".into())), []);
        assert_eq!(desk.end(4, Outcome::Released), []);
        desk.reopen();
        assert_eq!(desk.assign(1, 2), report(1, 2, done()));
        assert_eq!(desk.assign(2, 2), report(2, 2, Outcome::Failed("x".into())));
        assert_eq!(desk.assign(3, 2), start(3));
        assert_eq!(desk.assign(4, 2), start(4));
        assert_eq!(desk.assign(1, 3), start(1), "an answer is given once");
    }

    #[test]
    fn answers_are_forgotten_after_a_while() {
        let mut desk = Desk::open(1);
        desk.assign(1, 1);
        desk.see(Event::Lost);
        desk.end(1, done());
        desk.at(79).see(Event::Tick);
        assert_eq!(desk.0.kept.len(), 1);
        desk.at(80).see(Event::Tick);
        desk.reopen();
        assert_eq!(desk.assign(1, 2), start(1));
    }

    #[test]
    fn row_4_what_nobody_adopts_for_a_lease_is_stopped_and_never_reported() {
        let mut desk = Desk::open(2);
        desk.assign(1, 1);
        desk.at(10).see(Event::Lost);
        assert_eq!(desk.at(17).see(Event::Tick), []);
        assert_eq!(desk.at(18).see(Event::Tick), stop(1));
        assert_eq!(desk.at(19).see(Event::Tick), [], "told once");
        assert_eq!(desk.end(1, Outcome::Released), []);
        assert!(desk.0.is_idle());
    }

    #[test]
    fn a_second_loss_does_not_prolong_what_is_void() {
        let mut desk = Desk::open(1);
        desk.assign(1, 1);
        desk.at(10).see(Event::Lost);
        desk.at(12).reopen();
        desk.at(14).see(Event::Lost);
        assert_eq!(desk.at(18).see(Event::Tick), stop(1));
    }

    #[test]
    fn waiting_tasks_get_the_slots_of_void_ones_after_some_patience() {
        let mut desk = Desk::open(2);
        desk.assign(1, 1);
        desk.assign(2, 1);
        desk.see(Event::Lost);
        desk.reopen();
        assert_eq!(desk.assign(3, 1), []);
        assert_eq!(desk.assign(2, 2), [], "adopted");
        assert_eq!(desk.see(Event::Tick), []);
        assert_eq!(desk.at(1).see(Event::Tick), stop(1));
        assert_eq!(desk.at(2).see(Event::Tick), []);
        assert_eq!(desk.end(1, done()), start(3), "and nothing is reported for it");
        assert_eq!(desk.assign(1, 2), report(1, 2, done()));
    }

    #[test]
    fn another_store_makes_everything_meaningless() {
        let mut desk = Desk::open(2);
        desk.assign(1, 1);
        desk.assign(2, 1);
        desk.see(Event::Lost);
        desk.end(2, done());
        let orders = desk.see(Event::Opened { lease: LEASE, same_work: false });
        assert_eq!(orders, stop(1));
        assert_eq!(desk.assign(2, 1), start(2));
        assert_eq!(desk.assign(1, 1), []);
        assert_eq!(desk.end(1, done()), start(1), "it was done in the other store");
    }

    #[test]
    fn row_16_a_draining_worker_takes_nothing_and_gives_back_what_waits() {
        let mut desk = Desk::open(1);
        desk.assign(1, 1);
        desk.assign(2, 1);
        assert_eq!(desk.see(Event::Draining), report(2, 1, Outcome::Released));
        assert_eq!(desk.assign(3, 1), report(3, 1, Outcome::Released));
        assert_eq!(desk.see(Event::Deadline), stop(1));
        assert_eq!(desk.see(Event::Abandoned), report(1, 1, Outcome::Released));
        assert!(desk.0.is_idle());
        assert_eq!(desk.end(1, done()), []);
    }

    /// Whatever comes in whatever order: never more tasks than slots, nothing reported without an
    /// open conversation or under an attempt that it did not assign.
    #[test]
    fn any_sequence_keeps_the_promises() {
        let mut draw = 1_u64;
        let mut next = move |below: u64| {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (draw >> 33) % below
        };
        for _ in 0..500 {
            let mut world = World::default();
            let mut desk = Desk(Ledger::new(3), Duration::ZERO);
            for step in 0..200 {
                let event = world.event(&mut next);
                let orders = desk.at(step).see(event.clone());
                world.check(&event, &orders);
            }
        }
    }

    #[derive(Default)]
    struct World {
        open: bool,
        assigned: std::collections::BTreeSet<(u32, u32)>,
        running: std::collections::BTreeSet<u32>,
        attempt: u32,
    }

    impl World {
        fn event(&mut self, next: &mut impl FnMut(u64) -> u64) -> Event {
            let index = next(6) as u32;
            match next(10) {
                0 if !self.open => Event::Opened { lease: LEASE, same_work: next(4) > 0 },
                1 if self.open => Event::Lost,
                2..=4 if self.open => {
                    self.attempt += 1;
                    Event::Assigned(task(index), self.attempt - next(2).min(1) as u32)
                }
                5 if self.open => Event::Revoked(task(index), self.attempt),
                6..=8 if self.running.contains(&index) => {
                    let outcome = if next(2) == 0 { done() } else { Outcome::Released };
                    Event::Ended(task(index), outcome)
                }
                _ => Event::Tick,
            }
        }

        fn check(&mut self, event: &Event, orders: &[Order]) {
            match event {
                Event::Opened { .. } => self.open = true,
                Event::Lost => {
                    self.open = false;
                    self.assigned.clear();
                }
                Event::Assigned(task, attempt) => {
                    self.assigned.insert((task.index, *attempt));
                }
                Event::Ended(task, _) => assert!(self.running.remove(&task.index)),
                _ => {}
            }
            for order in orders {
                self.check_order(order);
            }
            assert!(self.running.len() <= 3);
        }

        fn check_order(&mut self, order: &Order) {
            match order {
                Order::Start(task) => assert!(self.running.insert(task.index)),
                Order::Stop(task) => assert!(self.running.contains(&task.index)),
                Order::Report(task, attempt, _) => {
                    assert!(self.open && self.assigned.contains(&(task.index, *attempt)));
                }
            }
        }
    }
}
