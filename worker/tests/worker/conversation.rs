//! What is said, and in which order.

use std::time::Duration;

use taster_proto::v1::converse_response::Message as Heard;
use taster_proto::v1::finished::Outcome;
use taster_proto::v1::{Assign, Task, Welcome};

use crate::scripted::{Conversation, Coordinator, task};
use crate::workbench::{BAD_SHARD, FAILED, PANIC, TROUBLE, Worker, facts, until};

const LEASE: Duration = Duration::from_secs(5);

fn start(coordinator: &Coordinator, more: &str) -> Worker {
    Worker::start(&format!("--coordinator {} --slots 2 {more}", coordinator.url()))
}

fn is_done(outcome: Option<Outcome>, index: u32) -> bool {
    let facts = facts(index);
    matches!(outcome, Some(Outcome::Done(told))
        if (told.bytes, told.tasks, told.reused) == (facts.bytes, facts.tasks, facts.reused))
}

fn expect_done(conversation: &mut Conversation, index: u32, attempt: u32) {
    let finished = conversation.finished();
    assert_eq!((finished.task, finished.attempt), (Some(task(index)), attempt));
    assert!(is_done(finished.outcome.clone(), index), "{:?}", finished.outcome);
}

#[test]
fn an_assigned_task_runs_and_its_end_is_told() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator, "");
    let mut conversation = coordinator.accept();
    let hello = conversation.hello.clone();
    assert_eq!((hello.protocol, hello.slots, hello.epoch), (taster_proto::PROTOCOL, 2, 0));
    assert_eq!(hello.version, env!("CARGO_PKG_VERSION"));
    conversation.welcome(1, LEASE);
    conversation.assign(1, 3);
    until("it is busy", || worker.metric("taster_worker_slots_busy") == 1);
    worker.tasks.release(1);
    expect_done(&mut conversation, 1, 3);
    assert_eq!(worker.tasks.started(), [(1, "work".to_owned())]);
    let line = "taster_attempts_total{stage=\"count\",outcome=\"done\"} 1";
    assert!(worker.get("/metrics").1.contains(line));
}

#[test]
fn every_way_to_end_is_told_as_it_is() {
    let coordinator = Coordinator::start();
    let _worker = start(&coordinator, "");
    let mut conversation = coordinator.welcome(1, LEASE);
    let mut outcome = |index| {
        conversation.assign(index, 1);
        conversation.finished().outcome.unwrap()
    };
    let Outcome::BadShard(bad) = outcome(BAD_SHARD) else { panic!("not a bad shard") };
    assert_eq!((bad.shard.as_str(), bad.reason.as_str()), ("s.parquet", "changed"));
    assert_eq!(bad.detail, "gone");
    assert_eq!(outcome(TROUBLE), Outcome::Trouble("not found: k".into()));
    assert_eq!(outcome(FAILED), Outcome::Failed("no such thing".into()));
    let Outcome::Failed(panic) = outcome(PANIC) else { panic!("not a failure") };
    assert!(panic.starts_with("panicked at ") && panic.contains("as the test wants"), "{panic}");
    let Outcome::Failed(_) = outcome(PANIC) else { panic!("a slot survives a panic") };
}

#[test]
fn a_revoked_task_is_stopped_and_released() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator, "");
    let mut conversation = coordinator.welcome(1, LEASE);
    conversation.assign(1, 1);
    until("it runs", || worker.tasks.starts(1) == 1);
    conversation.revoke(1, 1);
    let finished = conversation.finished();
    assert_eq!((finished.task, finished.attempt), (Some(task(1)), 1));
    assert!(matches!(finished.outcome, Some(Outcome::Released(_))));
}

#[test]
fn row_11_a_repeated_assignment_runs_once() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator, "");
    let mut conversation = coordinator.welcome(1, LEASE);
    (0..3).for_each(|_| conversation.assign(1, 1));
    until("it runs", || worker.tasks.starts(1) == 1);
    worker.tasks.release(1);
    expect_done(&mut conversation, 1, 1);
    conversation.only_beats(Duration::from_millis(300));
    assert_eq!(worker.tasks.starts(1), 1);
}

#[test]
fn row_8_a_running_task_is_adopted_after_the_coordinator_came_back() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator, "");
    let first = coordinator.welcome(1, LEASE);
    first.assign(1, 4);
    until("it runs", || worker.tasks.starts(1) == 1);
    let id = first.hello.worker_id.clone();
    first.hang_up();
    let mut second = coordinator.welcome(2, LEASE);
    assert_eq!((&second.hello.worker_id, second.hello.epoch), (&id, 1));
    second.assign(1, 1);
    worker.tasks.release(1);
    expect_done(&mut second, 1, 1);
    assert_eq!(worker.tasks.starts(1), 1, "it ran once");
    assert_eq!(worker.metric("taster_worker_reconnects_total"), 1);
}

#[test]
fn row_8_what_ended_while_nobody_listened_is_answered_at_once() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator, "");
    let first = coordinator.welcome(1, LEASE);
    first.assign(1, 1);
    until("it runs", || worker.tasks.starts(1) == 1);
    first.hang_up();
    let mut second = coordinator.accept();
    worker.tasks.release(1);
    until("it ended", || worker.metric("taster_worker_slots_busy") == 0);
    second.welcome(1, LEASE);
    second.only_beats(Duration::from_millis(300));
    second.assign(1, 2);
    expect_done(&mut second, 1, 2);
    assert_eq!(worker.tasks.starts(1), 1, "it ran once");
}

#[test]
fn another_store_is_another_task() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator, "");
    let first = coordinator.welcome(1, LEASE);
    first.assign(1, 1);
    until("it runs", || worker.tasks.starts(1) == 1);
    first.hang_up();
    let mut second = coordinator.accept();
    second.welcome_at(2, LEASE, "elsewhere");
    second.assign(1, 1);
    until("it runs again", || worker.tasks.starts(1) == 2);
    worker.tasks.release(1);
    expect_done(&mut second, 1, 1);
    assert_eq!(worker.tasks.started(), [(1, "work".into()), (1, "elsewhere".into())]);
}

#[test]
fn the_worker_may_know_better_where_the_store_is() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator, "--work mounted/here");
    let mut conversation = coordinator.welcome(1, LEASE);
    conversation.assign(1, 1);
    worker.tasks.release(1);
    expect_done(&mut conversation, 1, 1);
    assert_eq!(worker.tasks.started(), [(1, "mounted/here".to_owned())]);
}

#[test]
fn row_18_every_worker_has_an_identity_of_its_own() {
    let coordinator = Coordinator::start();
    let _workers = [start(&coordinator, ""), start(&coordinator, "")];
    let (one, two) = (coordinator.accept(), coordinator.accept());
    assert_ne!(one.hello.worker_id, two.hello.worker_id);
}

#[test]
fn a_message_without_its_parts_ends_the_conversation_and_not_the_worker() {
    let coordinator = Coordinator::start();
    let _worker = start(&coordinator, "");
    for message in [
        Heard::Assign(Assign { task: None, attempt: 1 }),
        Heard::Assign(Assign { task: Some(Task { stage: "x".into(), ..task(1) }), attempt: 1 }),
        Heard::Welcome(Welcome { epoch: 1, lease_millis: 1000, work: "again".into() }),
    ] {
        let mut conversation = coordinator.welcome(1, LEASE);
        conversation.say(message);
        assert!(conversation.next().is_none(), "the worker leaves");
    }
    let first = coordinator.accept();
    first.say(Heard::Welcome(Welcome { epoch: 1, lease_millis: 0, work: "w".into() }));
    drop(coordinator.accept());
}

#[test]
fn pages_say_what_they_are() {
    let coordinator = Coordinator::start();
    let worker = start(&coordinator, "");
    assert_eq!(worker.get("/healthz"), (200, "ok\n".into()));
    assert_eq!(worker.get("/readyz"), (503, "no conversation with a coordinator\n".into()));
    assert_eq!(worker.get("/").0, 404);
    assert!(worker.get("/metrics").1.ends_with("# EOF\n"));
}
