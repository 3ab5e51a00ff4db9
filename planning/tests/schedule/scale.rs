//! The largest audit that a coordinator is made for: 100 000 units, 1 000 workers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_planning::schedule::{
    Command, Ending, Event, Facts, Outcome, Plan, ScheduleSettings, Scheduler, Stage, TaskKey,
    WorkerId,
};

use crate::desk::audit;

const UNITS: u32 = 100_000;
const WORKERS: u32 = 1000;
const SLOTS: u32 = 8;
const ERRANDS: u32 = 5000;

/// How long a task is on a processor is the machine's; how many times the floor is not.
const TIMES_FLOOR_MAX: f64 = 5.0;

/// What comes next, in the order of its time; the number makes the order total.
type Queue = BinaryHeap<Reverse<(Duration, u64, Coming)>>;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Tick,
    Beat(WorkerId),
    Done(WorkerId, TaskKey, u32),
}

struct Cluster {
    rng: ChaCha8Rng,
    queue: Queue,
    serial: u64,
    assigned: u64,
    ending: Option<Ending>,
}

impl Cluster {
    fn push(&mut self, at: Duration, coming: Coming) {
        self.serial += 1;
        self.queue.push(Reverse((at, self.serial, coming)));
    }

    /// All workers join, and beat one after the other.
    fn join(&mut self, scheduler: &mut Scheduler) {
        for ord in 0..WORKERS {
            let worker = WorkerId(format!("0198f1c2-7a5e-7c1f-9b11-{ord:012x}"));
            let joined = Event::Joined { worker: worker.clone(), slots: SLOTS };
            self.obey(scheduler.handle(joined, Duration::ZERO), Duration::ZERO);
            self.push(Duration::from_millis(u64::from(ord)), Coming::Beat(worker));
        }
    }

    /// What comes again and again is due again.
    fn again(&mut self, coming: &Coming, now: Duration) {
        match coming {
            Coming::Tick => self.push(now + Duration::from_secs(1), Coming::Tick),
            Coming::Beat(worker) => {
                self.push(now + Duration::from_secs(5), Coming::Beat(worker.clone()));
            }
            Coming::Done(..) => {}
        }
    }

    fn obey(&mut self, commands: Vec<Command>, now: Duration) {
        for command in commands {
            match command {
                Command::Assign { worker, task, attempt, .. } => {
                    self.assigned += 1;
                    let took = Duration::from_millis(self.rng.random_range(2000..6000));
                    // One in a thousand lags.
                    let took = if self.rng.random_bool(0.001) { took * 20 } else { took };
                    self.push(now + took, Coming::Done(worker, task, attempt));
                }
                Command::End { ending, .. } => self.ending = Some(ending),
                _ => {}
            }
        }
    }
}

fn event_of(coming: Coming) -> Event {
    match coming {
        Coming::Tick => Event::Tick,
        Coming::Beat(worker) => Event::Beat { worker },
        Coming::Done(worker, task, attempt) => {
            let tasks = if task.stage == Stage::Choose { ERRANDS } else { 0 };
            let outcome = Outcome::Done(Facts { bytes: 1 << 20, tasks, reused: 0 });
            Event::Finished { worker, task, attempt, outcome }
        }
    }
}

#[allow(clippy::disallowed_methods)]
fn status(field: &str) -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(field));
    line.map_or("unknown".into(), |line| line[field.len() + 1..].trim().into())
}

/// Time of this thread on a processor, where the system tells it.
#[allow(clippy::disallowed_methods)]
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// What driving an audit took.
struct Driven {
    ending: Option<Ending>,
    tasks: f64,
    attempts: u64,
    events: u64,
    simulated: Duration,
    /// On a processor, the simulated cluster included.
    processor: Duration,
    /// In the scheduler, by the clock.
    spent: Duration,
    longest: Duration,
}

impl Driven {
    fn microseconds_per_task(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.tasks
    }
}

/// An audit of `units` by all workers, from its opening to its end.
#[allow(clippy::disallowed_methods, clippy::disallowed_types)]
fn drive(units: u32) -> Driven {
    let mut scheduler = Scheduler::new(ScheduleSettings::default());
    let rng = ChaCha8Rng::seed_from_u64(1);
    let mut cluster = Cluster { rng, queue: Queue::new(), serial: 0, assigned: 0, ending: None };
    let (mut spent, mut events, mut longest) = (Duration::ZERO, 0_u64, Duration::ZERO);
    let plan = Plan { units, generation: 0, complete: vec![] };
    let opened = Event::Opened { audit: audit("0198f1c2-audit"), plan };
    cluster.obey(scheduler.handle(opened, Duration::ZERO), Duration::ZERO);
    cluster.push(Duration::ZERO, Coming::Tick);
    cluster.join(&mut scheduler);
    let (processor, mut now) = (processor_time(), Duration::ZERO);
    while cluster.ending.is_none() {
        let Reverse((at, _, coming)) = cluster.queue.pop().unwrap();
        now = at;
        cluster.again(&coming, now);
        let event = event_of(coming);
        let begin = std::time::Instant::now();
        let commands = scheduler.handle(event, now);
        let took = begin.elapsed();
        (spent, events, longest) = (spent + took, events + 1, longest.max(took));
        cluster.obey(commands, now);
    }
    let processor = processor_time().zip(processor).map_or(spent, |(after, before)| after - before);
    let tasks = f64::from(2 * units + 256 + 256 + 1 + ERRANDS + 1);
    let (ending, attempts) = (cluster.ending, cluster.assigned);
    Driven { ending, tasks, attempts, events, simulated: now, processor, spent, longest }
}

/// Processor time of what no scheduler can do without, per task in microseconds: each event of an
/// audit as large goes through the queue once, and each task into an ordered map and out again.
#[allow(clippy::disallowed_methods, clippy::disallowed_types)]
fn floor(driven: &Driven) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut queue, mut tasks) = (BinaryHeap::new(), BTreeMap::new());
    let (clock, before) = (std::time::Instant::now(), processor_time());
    for event in 0..driven.events {
        let worker = WorkerId(format!("0198f1c2-7a5e-7c1f-9b11-{:012x}", event % 1000));
        queue.push(Reverse((rng.random_range(0..driven.events), event, worker)));
    }
    while let Some(Reverse((at, event, worker))) = queue.pop() {
        tasks.insert(event, (at, worker));
    }
    while let Some(first) = tasks.pop_first() {
        std::hint::black_box(first);
    }
    let took =
        processor_time().zip(before).map_or(clock.elapsed(), |(after, before)| after - before);
    took.as_secs_f64() * 1e6 / driven.tasks
}

#[test]
fn a_hundred_thousand_units_on_a_thousand_workers() {
    let [(tenth, _), (all, floor)] = [UNITS / 10, UNITS].map(|units| {
        let driven = drive(units);
        let (per_task, floor) = (driven.microseconds_per_task(), floor(&driven));
        println!(
            "scale: {} tasks, {} attempts, {} events in {} simulated s; {per_task:.2} us of \
             processor per task, the simulated cluster included, over a floor of {floor:.2}; \
             {:.2?} in the scheduler by the clock, {:.2?} for the longest event; peak memory of \
             all tests {}",
            driven.tasks,
            driven.attempts,
            driven.events,
            driven.simulated.as_secs(),
            driven.spent,
            driven.longest,
            status("VmHWM"),
        );
        assert_eq!(driven.ending, Some(Ending::Done));
        assert!(driven.attempts as f64 >= driven.tasks);
        (per_task, floor)
    });
    assert!(all < TIMES_FLOOR_MAX * floor, "{all} us per task, floor {floor}");
    // A step that looked at all tasks would cost ten times as much per task.
    assert!(all < 3.0 * tenth, "{tenth} us per task for a tenth of the units, {all} for all");
}
