//! A worker in this process whose tasks do what a test wants.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use taster_planning::schedule::{Facts, TaskKey};
use taster_planning::{Quarantine, QuarantineReason};
use taster_process::{Ending, Trigger};
use taster_storage::StorageError;
use taster_tasks::TaskError;
use taster_worker::{CommandLine, Settings, TaskRunner, WorkerError};

use crate::scripted::PATIENCE;

/// Tasks by index: below 100 they wait until they may end or are stopped; the others follow.
pub const BAD_SHARD: u32 = 100;
pub const TROUBLE: u32 = 101;
pub const FAILED: u32 = 102;
pub const PANIC: u32 = 103;
/// From here on they use a whole core and ignore their stop flag until they may end.
pub const STUBBORN: u32 = 1000;

/// The tasks of a test.
#[derive(Default)]
pub struct Tasks {
    released: Mutex<BTreeSet<u32>>,
    started: Mutex<Vec<(u32, String)>>,
    ended: Mutex<Vec<(u32, Instant)>>,
}

impl Tasks {
    /// Lets a task end well.
    pub fn release(&self, index: u32) {
        self.released.lock().unwrap().insert(index);
    }

    /// Tasks that were started, and over which store.
    pub fn started(&self) -> Vec<(u32, String)> {
        self.started.lock().unwrap().clone()
    }

    /// How often a task was started.
    pub fn starts(&self, index: u32) -> usize {
        self.started().iter().filter(|(started, _)| *started == index).count()
    }

    /// When a task ended.
    pub fn ended(&self, index: u32) -> Option<Instant> {
        self.ended.lock().unwrap().iter().find(|(ended, _)| *ended == index).map(|e| e.1)
    }

    fn is_released(&self, index: u32) -> bool {
        self.released.lock().unwrap().contains(&index)
    }

    fn body(&self, index: u32, stop: &AtomicBool) -> Result<Facts, TaskError> {
        match index {
            BAD_SHARD => Err(TaskError::Shard(Quarantine {
                shard: "s.parquet".into(),
                reason: QuarantineReason::Changed,
                detail: "gone".into(),
            })),
            TROUBLE => Err(TaskError::Storage(StorageError::NotFound { key: "k".into() })),
            FAILED => Err(TaskError::Parameter("no such thing".into())),
            PANIC => panic!("as the test wants"),
            STUBBORN.. => self.spin(index),
            _ => self.wait(index, stop),
        }
    }

    fn wait(&self, index: u32, stop: &AtomicBool) -> Result<Facts, TaskError> {
        while !self.is_released(index) {
            if stop.load(Ordering::Relaxed) {
                return Err(TaskError::Stopped);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(facts(index))
    }

    fn spin(&self, index: u32) -> Result<Facts, TaskError> {
        while !self.is_released(index) {
            black_box((0..1_000_000_u64).fold(0, |sum, n| black_box(sum ^ n)));
        }
        Ok(facts(index))
    }
}

pub fn facts(index: u32) -> Facts {
    Facts { bytes: index.into(), tasks: 2, reused: 1 }
}

impl TaskRunner for Tasks {
    fn run(&self, work: &str, task: &TaskKey, stop: &Arc<AtomicBool>) -> Result<Facts, TaskError> {
        self.started.lock().unwrap().push((task.index, work.to_owned()));
        let result = self.body(task.index, stop);
        self.ended.lock().unwrap().push((task.index, Instant::now()));
        result
    }
}

/// A running worker. Dropping it lets all its tasks end.
pub struct Worker {
    pub tasks: Arc<Tasks>,
    pub page: SocketAddr,
    trigger: Trigger,
    thread: Option<JoinHandle<Result<Ending, WorkerError>>>,
}

pub fn settings(line: &str) -> Settings {
    let line = ["taster-worker"].into_iter().chain(line.split_whitespace());
    taster_worker::settings(CommandLine::read(line.map(Into::into)).unwrap()).unwrap()
}

impl Worker {
    /// Starts a worker with these arguments.
    pub fn start(line: &str) -> Self {
        let settings = settings(line);
        let page = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = page.local_addr().unwrap();
        let (trigger, shutdown) = taster_process::shutdown();
        let tasks = Arc::new(Tasks::default());
        let runner = Arc::clone(&tasks);
        let run = move || taster_worker::run_with(&settings, runner, Some(page), shutdown);
        let thread = Some(std::thread::spawn(run));
        Self { tasks, page: address, trigger, thread }
    }

    /// Asks it to end, as a signal does.
    pub fn end(&self, ending: Ending) {
        assert!(self.trigger.fire(ending));
    }

    /// Waits until it has ended.
    pub fn join(&mut self) -> Result<Ending, WorkerError> {
        let thread = self.thread.take().unwrap();
        until("the worker ends", || thread.is_finished());
        thread.join().unwrap()
    }

    /// Status and body of a page.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(self.page, path)
    }

    /// The value of a metric without labels.
    pub fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} in\n{text}")).parse().unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let started = self.tasks.started();
        started.iter().for_each(|(index, _)| self.tasks.release(*index));
        self.trigger.fire(Ending::Terminated);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Status and body of a page.
pub fn get(page: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(page).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Waits for something that must come true.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
