//! Conversations with workers.

use std::time::Duration;

use taster_planning::schedule::{AuditId, Facts, Outcome, Stage, TaskKey, WorkerId};
use taster_proto::v1::converse_request::Message;
use taster_proto::v1::{ConverseRequest, Finished, Task};
use taster_proto::{FORMATS, FromWorker, Hello, PROTOCOL, ToWorker};
use tonic::Code;

use crate::harness::{Bench, Coordinator, Worker, hello};

/// The end of a conversation that begins with `message`.
async fn answer(coordinator: &Coordinator, message: FromWorker) -> Code {
    let mut worker = Worker::open(coordinator).await;
    worker.say(message);
    worker.hear().await.unwrap_err().code()
}

#[tokio::test]
async fn row_14_other_versions_are_refused_with_both_named() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    for (protocol, formats) in [(PROTOCOL + 1, FORMATS), (PROTOCOL, FORMATS + 7), (0, 0)] {
        let mut worker = Worker::open(&coordinator).await;
        worker.say(FromWorker::Hello(Hello { protocol, formats, ..hello("w") }));
        let Some(ToWorker::Refused(reason)) = worker.hear().await.unwrap() else {
            panic!("expected a refusal");
        };
        for part in [
            format!("expected protocol {PROTOCOL} and formats {FORMATS}"),
            format!("got protocol {protocol} and formats {formats} of taster-worker 9.8.7"),
        ] {
            assert!(reason.contains(&part), "{reason}");
        }
        assert_eq!(worker.hear().await.unwrap(), None, "the conversation ends");
    }
}

#[tokio::test]
async fn row_44_a_conversation_begins_with_one_hello() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    assert_eq!(answer(&coordinator, FromWorker::Beat).await, Code::FailedPrecondition);
    let nobody = Hello { worker: WorkerId("../x".into()), ..hello("w") };
    assert_eq!(answer(&coordinator, FromWorker::Hello(nobody)).await, Code::InvalidArgument);
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    worker.say(FromWorker::Hello(hello("w")));
    assert_eq!(worker.hear().await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn row_44_hostile_messages_end_their_conversation_alone() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let (mut honest, _) = Worker::join(&coordinator, "honest").await;
    let task = |stage: &str| Task { stage: stage.into(), audit_id: "a".into(), ..Task::default() };
    for message in [
        None,
        Some(Message::Finished(Finished { task: Some(task("merge")), ..Finished::default() })),
        Some(Message::Finished(Finished { task: None, ..Finished::default() })),
    ] {
        let (mut hostile, _) = Worker::join(&coordinator, "hostile").await;
        hostile.say_wire(ConverseRequest { message });
        assert_eq!(hostile.hear().await.unwrap_err().code(), Code::InvalidArgument);
    }
    let mut client = coordinator.client().await;
    client.submit(bench.submission("a")).await.unwrap();
    let (task, attempt) = honest.task().await;
    assert_eq!((task.audit, task.stage), (AuditId("a".into()), Stage::Count));
    assert!(attempt > 0);
}

#[tokio::test]
async fn row_44_claims_about_tasks_of_others_change_nothing() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    client.submit(bench.submission("a")).await.unwrap();
    let (mut owner, _) = Worker::join(&coordinator, "owner").await;
    let (task, attempt) = owner.task().await;
    let (liar, _) = Worker::join(&coordinator, "liar").await;
    let done = || Outcome::Done(Facts::default());
    for stage in Stage::ALL {
        for index in [0, 1, u32::MAX] {
            let task = TaskKey { stage, index, ..task.clone() };
            liar.finish(&task, attempt + 1, done());
            liar.finish(&TaskKey { audit: AuditId("b".into()), ..task }, attempt, done());
        }
    }
    tokio::time::sleep(Duration::from_millis(800)).await;
    let request = || taster_proto::v1::GetRequest { audit_id: "a".into() };
    let audit = client.get(request()).await.unwrap().into_inner().audit.unwrap();
    assert_eq!(audit.stages.len(), 1);
    assert_eq!(audit.stages[0].done, 0);
}

#[tokio::test]
async fn row_01_tasks_of_a_lost_worker_are_given_to_another() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    coordinator.client().await.submit(bench.submission("a")).await.unwrap();
    let (mut first, _) = Worker::join(&coordinator, "first").await;
    let (lost, attempt) = first.task().await;
    drop(first);
    let (mut second, _) = Worker::join(&coordinator, "second").await;
    loop {
        let (task, later) = second.task().await;
        if task == lost {
            assert!(later > attempt, "{later} after {attempt}");
            return;
        }
        second.finish(&task, later, Outcome::Done(Facts::default()));
    }
}

#[tokio::test]
async fn row_02_a_silent_worker_loses_its_tasks_and_its_conversation() {
    let bench = Bench::new();
    let coordinator = bench.start("--lease 500ms");
    coordinator.client().await.submit(bench.submission("a")).await.unwrap();
    let (mut frozen, _) = Worker::join(&coordinator, "frozen").await;
    let (lost, attempt) = frozen.task().await;
    let (mut other, _) = Worker::join(&coordinator, "other").await;
    loop {
        let (task, later) = other.task().await;
        if task == lost {
            assert!(later > attempt);
            break;
        }
        other.finish(&task, later, Outcome::Done(Facts::default()));
    }
    let end = loop {
        match frozen.hear().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_eq!(end.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn row_18_a_worker_that_is_back_ends_its_former_conversation() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let (mut first, epoch) = Worker::join(&coordinator, "w").await;
    let (mut second, same) = Worker::join(&coordinator, "w").await;
    assert_eq!(epoch, same);
    assert_eq!(first.hear().await.unwrap(), None);
    // The end of the former conversation is not the end of the worker.
    coordinator.client().await.submit(bench.submission("a")).await.unwrap();
    assert_eq!(second.task().await.0.stage, Stage::Count);
}

#[tokio::test]
async fn row_16_a_draining_worker_gets_no_more_tasks() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let (mut draining, _) = Worker::join(&coordinator, "draining").await;
    draining.say(FromWorker::Draining);
    tokio::time::sleep(Duration::from_millis(300)).await;
    coordinator.client().await.submit(bench.submission("a")).await.unwrap();
    let (mut other, _) = Worker::join(&coordinator, "other").await;
    other.task().await;
    draining.hang_up();
    assert_eq!(draining.hear().await.unwrap(), None, "no task came");
}

#[tokio::test]
async fn row_09_a_worker_that_heard_a_higher_epoch_does_not_stay() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let message = FromWorker::Hello(Hello { epoch: 99, ..hello("w") });
    assert_eq!(answer(&coordinator, message).await, Code::Unavailable);
}
