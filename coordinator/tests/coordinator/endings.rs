//! How coordinators end, and how others go on.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use taster_coordinator::CoordinatorError;
use taster_planning::schedule::Stage;
use taster_process::Ending;
use taster_proto::v1;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{Bench, Worker, eventually};

#[tokio::test]
async fn row_17_a_silent_client_does_not_hold_up_the_end() {
    let bench = Bench::new();
    let mut coordinator = bench.start("--drain-deadline 2s");
    let silent = TcpStream::connect(coordinator.address).unwrap();
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    let mut client = coordinator.client().await;
    client.submit(bench.submission("a")).await.unwrap();
    let request = v1::WatchRequest { audit_id: "a".into() };
    let mut states = client.watch(request).await.unwrap().into_inner();
    let started = Instant::now();
    let ended = tokio::task::spawn_blocking(move || coordinator.terminate()).await.unwrap();
    assert_eq!(ended.unwrap(), Ending::Terminated);
    let took = started.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(4)).contains(&took), "{took:?}");
    while let Ok(Some(_)) = worker.hear().await {}
    let end = loop {
        match states.message().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_eq!(end.unwrap_err().code(), Code::Unavailable);
    drop(silent);
}

#[tokio::test]
async fn row_17_without_silent_clients_the_end_is_quick() {
    let bench = Bench::new();
    let mut coordinator = bench.start("--drain-deadline 60s");
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    let started = Instant::now();
    let ended = tokio::task::spawn_blocking(move || coordinator.terminate());
    assert_eq!(worker.hear().await.unwrap(), None);
    worker.hang_up();
    drop(worker);
    assert_eq!(ended.await.unwrap().unwrap(), Ending::Terminated);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn row_17_health_tells_when_the_end_begins() {
    let bench = Bench::new();
    let mut coordinator = bench.start("");
    let mut health = HealthClient::new(coordinator.channel().await);
    let mut states = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let mut told = Vec::new();
    while told.last() != Some(&ServingStatus::Serving) {
        told.push(states.message().await.unwrap().unwrap().status());
    }
    assert_eq!(coordinator.page("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(coordinator.page("/healthz").0, 200);
    assert_eq!(coordinator.page("/other").0, 404);
    let ended = tokio::task::spawn_blocking(move || coordinator.terminate());
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop(states);
    drop(health);
    assert_eq!(ended.await.unwrap().unwrap().code(), 143);
}

#[tokio::test]
async fn row_09_of_two_coordinators_the_older_ends_and_names_the_younger() {
    let bench = Bench::new();
    let mut older = bench.start("");
    older.client().await.submit(bench.submission("a")).await.unwrap();
    let (_worker, first) = Worker::join(&older, "w").await;
    let younger = bench.start("");
    let ended = tokio::task::spawn_blocking(move || older.wait()).await.unwrap();
    let error = ended.unwrap_err();
    assert!(matches!(error, CoordinatorError::Fenced { ours: 1, theirs: 2 }), "{error}");
    assert_eq!(error.ending().code(), 4);
    let (mut worker, second) = Worker::join(&younger, "w").await;
    assert!(second > first);
    assert_eq!(worker.task().await.0.audit.0, "a");
}

#[tokio::test]
async fn row_08_a_restarted_coordinator_goes_on_with_every_audit() {
    let bench = Bench::new();
    let mut first = bench.start("");
    let mut client = first.client().await;
    for id in ["cancelled", "running"] {
        client.submit(bench.submission(id)).await.unwrap();
    }
    client.cancel(v1::CancelRequest { audit_id: "cancelled".into() }).await.unwrap();
    let (mut worker, _) = Worker::join(&first, "w").await;
    worker.pretend(Stage::Context).await;
    eventually("two stages are recorded", || async {
        bench.has("work/audits/running/stages", "02-screen.json")
    })
    .await;
    tokio::task::spawn_blocking(move || first.terminate()).await.unwrap().unwrap();

    let second = bench.start("");
    let mut client = second.client().await;
    let all = client.list(v1::ListRequest::default()).await.unwrap().into_inner().audits;
    let mut states: Vec<_> = all.iter().map(|a| (a.audit_id.as_str(), a.state())).collect();
    states.sort();
    let expected = [("cancelled", v1::AuditState::Cancelled), ("running", v1::AuditState::Running)];
    assert_eq!(states, expected);
    assert!(all.iter().all(|audit| audit.shards == 1 && audit.text_bytes > 1_000_000));
    let (mut worker, epoch) = Worker::join(&second, "w").await;
    assert_eq!(epoch, 2);
    let (task, _) = worker.task().await;
    assert!(task.stage >= Stage::Context, "{task}");
    worker.hang_up();
    let (mut worker, _) = Worker::join(&second, "w2").await;
    worker.pretend(Stage::Report).await;
    let again = || async {
        let mut client = second.client().await;
        let audit = client.submit(bench.submission("running")).await.unwrap();
        audit.into_inner().audit.unwrap().state() == v1::AuditState::Done
    };
    eventually("a repeated submission finds it done", again).await;
}

#[tokio::test]
async fn damaged_audits_and_those_of_other_engines_are_left_alone() {
    let bench = Bench::new();
    let mut first = bench.start("");
    let mut client = first.client().await;
    for id in ["damaged", "elsewhere", "good"] {
        client.submit(bench.submission(id)).await.unwrap();
    }
    tokio::task::spawn_blocking(move || first.terminate()).await.unwrap().unwrap();
    bench.write("work/audits/damaged/audit.json", "{");
    bench.write("work/audits/elsewhere/specs/01-count/00000.json", "{}");
    let second = bench.start("");
    let mut client = second.client().await;
    let all = client.list(v1::ListRequest::default()).await.unwrap().into_inner().audits;
    let ids: Vec<_> = all.iter().map(|audit| audit.audit_id.as_str()).collect();
    assert_eq!(ids, ["good"]);
}

#[test]
fn a_work_store_that_cannot_be_used_ends_the_start() {
    let bench = Bench::new();
    let file = bench.write("file", "x");
    let mut settings = bench.settings("");
    settings.work = format!("{file}/below");
    let mut coordinator = crate::harness::Coordinator::start(&settings);
    let error = coordinator.wait().unwrap_err();
    assert!(error.to_string().contains("work store"), "{error}");
    assert_eq!(error.ending().code(), 4);
}

#[tokio::test]
async fn row_05_readiness_follows_the_work_store() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    coordinator.client().await;
    let ready = |expected| {
        let coordinator = &coordinator;
        move || async move { coordinator.page("/readyz").0 == expected }
    };
    eventually("ready", ready(200)).await;
    let (work, away) = (bench.path("work"), bench.path("away"));
    std::fs::rename(&work, &away).unwrap();
    eventually("not ready without its store", ready(503)).await;
    let reason = coordinator.page("/readyz").1;
    assert_eq!(reason, "the work store cannot be reached\n");
    let _ = std::fs::remove_dir_all(&work);
    std::fs::rename(&away, &work).unwrap();
    eventually("ready again", ready(200)).await;
    coordinator.client().await.submit(bench.submission("a")).await.unwrap();
}
