//! What goes wrong between a worker and its coordinator.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use taster_proto::v1::finished::Outcome;
use taster_worker::WorkerError;

use crate::scripted::Coordinator;
use crate::workbench::{STUBBORN, TROUBLE, Worker, until};

const LEASE: Duration = Duration::from_secs(5);

fn start(coordinator: &Coordinator) -> Worker {
    Worker::start(&format!("--coordinator {} --slots 2", coordinator.url()))
}

#[test]
fn row_14_a_refusal_ends_the_worker_with_its_reason() {
    let coordinator = Coordinator::start();
    let mut worker = start(&coordinator);
    coordinator.accept().refuse("protocol: expected 2, got 1");
    let error = worker.join().unwrap_err();
    assert_eq!(error.ending().code(), 4);
    let text = error.to_string();
    assert_eq!(text, "the coordinator refused this worker: protocol: expected 2, got 1");
}

#[test]
fn row_9_a_coordinator_of_a_lower_epoch_is_refused() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator);
    coordinator.welcome(5, LEASE).hang_up();
    let mut old = coordinator.welcome(4, LEASE);
    old.assign(1, 1);
    assert!(old.next().is_none(), "the worker leaves");
    let mut new = coordinator.accept();
    assert_eq!(new.hello.epoch, 5);
    assert_eq!(worker.get("/readyz").0, 503);
    assert_eq!(worker.tasks.starts(1), 0);
    new.welcome(5, LEASE);
    new.assign(2, 1);
    worker.tasks.release(2);
    assert_eq!(new.finished().task.unwrap().index, 2);
}

#[test]
fn row_5_readiness_is_lost_after_trouble_in_a_row_and_comes_back() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator);
    assert_eq!(worker.get("/readyz").0, 503);
    let mut conversation = coordinator.welcome(1, LEASE);
    until("it is ready", || worker.get("/readyz").0 == 200);
    for attempt in 1..=5 {
        conversation.assign(TROUBLE, attempt);
        assert!(matches!(conversation.finished().outcome, Some(Outcome::Trouble(_))));
    }
    let (status, reason) = worker.get("/readyz");
    assert_eq!((status, reason.contains("trouble")), (503, true), "{reason}");
    conversation.assign(1, 1);
    worker.tasks.release(1);
    assert!(matches!(conversation.finished().outcome, Some(Outcome::Done(_))), "it goes on");
    assert_eq!(worker.get("/readyz").0, 200);
}

/// Fact 9: work that uses every core must not delay a beat.
#[test]
fn beats_come_on_time_while_all_slots_spin() {
    let lease = Duration::from_millis(1500);
    let slots = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    let coordinator = Coordinator::start();
    let line = format!("--coordinator {} --slots {slots}", coordinator.url());
    let worker = Worker::start(&line);
    let mut conversation = coordinator.welcome(1, lease);
    let spinning = STUBBORN..STUBBORN + slots as u32;
    spinning.for_each(|index| conversation.assign(index, 1));
    until("all spin", || worker.tasks.started().len() == slots);
    let began = Instant::now();
    conversation.only_beats(Duration::from_secs(4));
    let beats: Vec<_> = conversation.beats.iter().filter(|at| **at >= began).collect();
    let longest = beats.windows(2).map(|pair| *pair[1] - *pair[0]).max().unwrap();
    println!("{slots} slots spinning: {} beats in 4 s, longest gap {longest:?}", beats.len());
    assert!(beats.len() >= 8, "{} beats in 4 s", beats.len());
    assert!(longest < lease / 2, "{longest:?} without a beat, lease {lease:?}");
    assert_eq!(worker.metric("taster_worker_lease_expirations_total"), 0);
}

/// A wire that can be held: what is on it stays there, and connections stay open.
struct Wire {
    address: SocketAddr,
    held: Arc<AtomicBool>,
}

impl Wire {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self { address: listener.local_addr().unwrap(), held: Arc::default() };
        let held = Arc::clone(&wire.held);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let ends =
                    [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)];
                for (from, to) in ends {
                    let held = Arc::clone(&held);
                    std::thread::spawn(move || pass(from, to, &held));
                }
            }
        });
        wire
    }

    fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, held: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        while held.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn row_4_a_silent_coordinator_is_left_by_the_workers_own_clock() {
    let lease = Duration::from_secs(1);
    let coordinator = Coordinator::start();
    let wire = Wire::to(coordinator.address);
    let worker = Worker::start(&format!("--coordinator http://{} --slots 2", wire.address));
    let mut old = coordinator.welcome(1, lease);
    old.assign(1, 1);
    old.assign(2, 1);
    until("they run", || worker.tasks.started().len() == 2);
    old.only_beats(2 * lease);
    assert_eq!(worker.metric("taster_worker_connected"), 1, "an idle lease is no silence");

    wire.hold(true);
    let held = Instant::now();
    until("it notices", || worker.metric("taster_worker_connected") == 0);
    let noticed = held.elapsed();
    assert!(noticed > lease * 6 / 10 && noticed < lease * 16 / 10, "{noticed:?}");
    assert_eq!(worker.metric("taster_worker_lease_expirations_total"), 1);
    worker.tasks.release(2);
    until("it stops what nobody adopts", || worker.tasks.ended(1).is_some());
    let stopped = worker.tasks.ended(1).unwrap() - held;
    assert!(stopped > noticed + lease * 8 / 10 && stopped < noticed + lease * 18 / 10);
    println!("lease {lease:?}: left after {noticed:?}, stopped after {stopped:?}");

    wire.hold(false);
    let mut new = coordinator.welcome(2, lease);
    new.only_beats(Duration::from_millis(300));
    assert!(old.next().is_none(), "nothing is reported under the old attempts");
    new.assign(2, 2);
    let finished = new.finished();
    assert_eq!((finished.task.unwrap().index, finished.attempt), (2, 2));
    assert_eq!(worker.tasks.starts(2), 1, "what had ended is not done twice");
}

#[test]
fn a_coordinator_that_does_not_greet_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It accepts connections and never speaks.
    let mut worker = Worker::start(&format!("--coordinator {url} --give-up-after 1s"));
    let began = Instant::now();
    let error = worker.join().unwrap_err();
    assert!(error.to_string().contains("no answer within"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn patience_with_an_absent_coordinator_can_end() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = format!("--coordinator http://{free} --give-up-after 1s");
    let began = Instant::now();
    let error = Worker::start(&line).join().unwrap_err();
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(3), "{took:?}");
    assert!(matches!(error, WorkerError::Unreachable { .. }), "{error}");
    assert_eq!(error.ending().code(), 4);
    let text = error.to_string();
    assert!(text.starts_with(&format!("no coordinator at http://{free}/ for 1s: ")), "{text}");
}

#[test]
fn a_worker_waits_for_its_coordinator_and_comes_back_to_it() {
    let coordinator = Coordinator::start();
    let wire = Wire::to(coordinator.address);
    wire.hold(true);
    let worker = Worker::start(&format!("--coordinator http://{} --slots 1", wire.address));
    coordinator.stays_alone(Duration::from_millis(500));
    wire.hold(false);
    for epoch in 1..=4 {
        let conversation = coordinator.welcome(epoch, LEASE);
        assert_eq!(conversation.hello.epoch, epoch - 1);
        conversation.hang_up();
    }
    drop(coordinator.accept());
    assert_eq!(worker.metric("taster_worker_reconnects_total"), 3);
}
