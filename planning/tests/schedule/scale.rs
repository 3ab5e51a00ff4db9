//! The largest audit that a coordinator is made for: 100 000 units, 1 000 workers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
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

#[test]
#[allow(clippy::disallowed_methods, clippy::disallowed_types)]
fn a_hundred_thousand_units_on_a_thousand_workers() {
    let mut scheduler = Scheduler::new(ScheduleSettings::default());
    let rng = ChaCha8Rng::seed_from_u64(1);
    let mut cluster = Cluster { rng, queue: Queue::new(), serial: 0, assigned: 0, ending: None };
    let (mut spent, mut events, mut longest) = (Duration::ZERO, 0_u64, Duration::ZERO);
    let plan = Plan { units: UNITS, generation: 0, complete: vec![] };
    let opened = Event::Opened { audit: audit("0198f1c2-audit"), plan };
    cluster.obey(scheduler.handle(opened, Duration::ZERO), Duration::ZERO);
    cluster.push(Duration::ZERO, Coming::Tick);
    for ord in 0..WORKERS {
        let worker = WorkerId(format!("0198f1c2-7a5e-7c1f-9b11-{ord:012x}"));
        let joined = Event::Joined { worker: worker.clone(), slots: SLOTS };
        cluster.obey(scheduler.handle(joined, Duration::ZERO), Duration::ZERO);
        cluster.push(Duration::from_millis(u64::from(ord)), Coming::Beat(worker));
    }
    let (cpu, mut now) = (processor_time(), Duration::ZERO);
    while cluster.ending.is_none() {
        let Reverse((at, _, coming)) = cluster.queue.pop().unwrap();
        now = at;
        match &coming {
            Coming::Tick => cluster.push(now + Duration::from_secs(1), Coming::Tick),
            Coming::Beat(worker) => {
                cluster.push(now + Duration::from_secs(5), Coming::Beat(worker.clone()));
            }
            Coming::Done(..) => {}
        }
        let event = event_of(coming);
        let begin = std::time::Instant::now();
        let commands = scheduler.handle(event, now);
        let took = begin.elapsed();
        (spent, events, longest) = (spent + took, events + 1, longest.max(took));
        cluster.obey(commands, now);
    }
    let cpu = processor_time().zip(cpu).map_or(spent, |(after, before)| after - before);
    let tasks = f64::from(2 * UNITS + 256 + 256 + 1 + ERRANDS + 1);
    let per_task = cpu.as_secs_f64() * 1e6 / tasks;
    println!(
        "scale: {tasks} tasks, {} attempts, {events} events in {} simulated s; {per_task:.2} us of \
         processor per task, the simulated cluster included; {spent:.2?} in the scheduler by the \
         clock, {longest:.2?} for the longest event; peak memory of all tests {}",
        cluster.assigned,
        now.as_secs(),
        status("VmHWM"),
    );
    assert_eq!(cluster.ending, Some(Ending::Done));
    assert!(cluster.assigned as f64 >= tasks);
    assert!(per_task < 20.0, "{per_task} us per task");
}
