//! The threads on which tasks run: one per slot, without any runtime.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use taster_planning::schedule::{Outcome, TaskKey};
use tokio::sync::mpsc::UnboundedSender;

use crate::error::WorkerError;
use crate::outcome;
use crate::runner::TaskRunner;

/// How long a slot is idle before it tidies.
const TIDY_AFTER: Duration = Duration::from_secs(60);

/// How a task ended in a slot.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) task: TaskKey,
    pub(crate) outcome: Outcome,
    /// How long it ran.
    pub(crate) took: Duration,
}

struct Job {
    task: TaskKey,
    work: Arc<str>,
    stop: Arc<AtomicBool>,
}

/// The slots of a worker. The threads end when this is dropped and their task is over; nobody
/// waits for a task that ignores its stop flag.
pub(crate) struct Slots {
    jobs: Sender<Job>,
    stops: BTreeMap<TaskKey, Arc<AtomicBool>>,
}

impl Slots {
    /// Starts `count` threads that run tasks with `runner` and tell `ended`.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub(crate) fn open(
        count: usize,
        runner: &Arc<dyn TaskRunner>,
        ended: &UnboundedSender<Ended>,
    ) -> Result<Self, WorkerError> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for slot in 0..count {
            let slot_loop = Slot {
                jobs: Arc::clone(&waiting),
                runner: Arc::clone(runner),
                ended: ended.clone(),
            };
            std::thread::Builder::new()
                .name(format!("slot-{slot}"))
                .spawn(move || slot_loop.run())
                .map_err(|e| WorkerError::Internal(format!("cannot start a thread: {e}")))?;
        }
        Ok(Self { jobs, stops: BTreeMap::new() })
    }

    /// Gives a task to a free slot.
    pub(crate) fn start(&mut self, task: TaskKey, work: Arc<str>) {
        let stop = Arc::new(AtomicBool::new(false));
        self.stops.insert(task.clone(), Arc::clone(&stop));
        // The receiver lives as long as any slot, and slots outlive this sender.
        let _ = self.jobs.send(Job { task, work, stop });
    }

    /// Sets a task's stop flag.
    pub(crate) fn stop(&self, task: &TaskKey) {
        if let Some(stop) = self.stops.get(task) {
            stop.store(true, Ordering::Relaxed);
        }
    }

    /// Forgets a task that has ended.
    pub(crate) fn forget(&mut self, task: &TaskKey) {
        self.stops.remove(task);
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        self.stops.values().for_each(|stop| stop.store(true, Ordering::Relaxed));
    }
}

struct Slot {
    jobs: Arc<Mutex<Receiver<Job>>>,
    runner: Arc<dyn TaskRunner>,
    ended: UnboundedSender<Ended>,
}

impl Slot {
    fn run(self) {
        loop {
            match self.next() {
                Ok(job) => self.work(job),
                Err(RecvTimeoutError::Timeout) => self.runner.tidy(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// One idle slot waits for the next job, the others wait for its place.
    fn next(&self) -> Result<Job, RecvTimeoutError> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TIDY_AFTER)
    }

    fn work(&self, job: Job) {
        let began = Instant::now();
        let outcome = outcome::of(|| self.runner.run(&job.work, &job.task, &job.stop));
        // Nobody listens any more when the worker is ending.
        let _ = self.ended.send(Ended { task: job.task, outcome, took: began.elapsed() });
    }
}
