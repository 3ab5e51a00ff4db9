//! How a worker ends.

use std::time::{Duration, Instant};

use taster_process::Ending;
use taster_proto::v1::converse_request::Message as Said;
use taster_proto::v1::finished::Outcome;

use crate::scripted::Coordinator;
use crate::workbench::{STUBBORN, Worker, until};

const LEASE: Duration = Duration::from_secs(5);

fn start(coordinator: &Coordinator, deadline: &str) -> Worker {
    let url = coordinator.url();
    Worker::start(&format!("--coordinator {url} --slots 2 --drain-deadline {deadline}"))
}

#[test]
fn row_16_running_tasks_finish_within_the_deadline() {
    let coordinator = Coordinator::start();
    let mut worker = start(&coordinator, "10s");
    let mut conversation = coordinator.welcome(1, LEASE);
    conversation.assign(1, 1);
    until("it runs", || worker.tasks.starts(1) == 1);
    worker.end(Ending::Terminated);
    assert!(matches!(conversation.next(), Some(Said::Draining(_))));
    assert_eq!(worker.get("/readyz"), (503, "draining\n".into()));
    assert_eq!(worker.get("/healthz").0, 200);
    conversation.assign(2, 1);
    let refused = conversation.finished();
    assert_eq!(refused.task.unwrap().index, 2);
    assert!(matches!(refused.outcome, Some(Outcome::Released(_))));
    worker.tasks.release(1);
    assert!(matches!(conversation.finished().outcome, Some(Outcome::Done(_))));
    assert!(conversation.next().is_none(), "the worker ends its side");
    let ending = worker.join().unwrap();
    assert_eq!((ending, ending.code()), (Ending::Terminated, 143));
}

#[test]
fn row_16_after_the_deadline_tasks_are_stopped_and_given_back() {
    let coordinator = Coordinator::start();
    let mut worker = start(&coordinator, "500ms");
    let mut conversation = coordinator.welcome(1, LEASE);
    conversation.assign(1, 1);
    conversation.assign(STUBBORN, 7);
    until("they run", || worker.tasks.started().len() == 2);
    let began = Instant::now();
    worker.end(Ending::Interrupted);
    assert!(matches!(conversation.next(), Some(Said::Draining(_))));
    for (index, attempt) in [(1, 1), (STUBBORN, 7)] {
        let finished = conversation.finished();
        assert_eq!((finished.task.unwrap().index, finished.attempt), (index, attempt));
        assert!(matches!(finished.outcome, Some(Outcome::Released(_))));
    }
    let ending = worker.join().unwrap();
    let took = began.elapsed();
    assert_eq!((ending, ending.code()), (Ending::Interrupted, 130));
    assert!(took >= Duration::from_millis(500), "{took:?}");
    assert!(took < Duration::from_millis(1500), "{took:?}");
    println!("ended {took:?} after the signal, deadline 500 ms, one task ignored its flag");
}

#[test]
fn an_idle_worker_ends_at_once() {
    let coordinator = Coordinator::start();
    let mut worker = start(&coordinator, "10s");
    let mut conversation = coordinator.welcome(1, LEASE);
    until("it hears", || worker.get("/readyz").0 == 200);
    let began = Instant::now();
    worker.end(Ending::Terminated);
    assert!(matches!(conversation.next(), Some(Said::Draining(_))));
    assert_eq!(worker.join().unwrap(), Ending::Terminated);
    assert!(began.elapsed() < Duration::from_millis(800), "{:?}", began.elapsed());
}

#[test]
fn without_a_coordinator_there_is_nobody_to_finish_for() {
    let coordinator = Coordinator::start();
    let mut worker = start(&coordinator, "30s");
    let conversation = coordinator.welcome(1, LEASE);
    conversation.assign(1, 1);
    until("it runs", || worker.tasks.starts(1) == 1);
    drop(coordinator);
    drop(conversation);
    until("it notices", || worker.metric("taster_worker_connected") == 0);
    let began = Instant::now();
    worker.end(Ending::Terminated);
    assert_eq!(worker.join().unwrap(), Ending::Terminated);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
