//! What clients may not do to a coordinator.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use taster_planning::schedule::Outcome;
use taster_proto::FromWorker;
use taster_proto::v1;
use tonic::Code;

use crate::harness::{Bench, Worker};

#[tokio::test]
async fn row_45_oversized_messages_are_refused() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    let parameters_json = " ".repeat(5 << 20);
    let request = v1::SubmitRequest { parameters_json, ..bench.submission("a") };
    let error = client.submit(request).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange, "{error}");
    client.list(v1::ListRequest::default()).await.unwrap();
}

#[tokio::test]
async fn row_45_an_oversized_message_of_a_worker_ends_its_conversation() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    coordinator.client().await.submit(bench.submission("a")).await.unwrap();
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    let (task, attempt) = worker.task().await;
    worker.finish(&task, attempt, Outcome::Failed("x".repeat(1 << 20)));
    let end = loop {
        match worker.hear().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_eq!(end.unwrap_err().code(), Code::OutOfRange);
    let (mut other, _) = Worker::join(&coordinator, "other").await;
    assert!(other.task().await.1 > attempt || task.index > 0);
}

#[tokio::test]
async fn row_45_too_many_streams_on_one_connection_wait() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    client.submit(bench.submission("a")).await.unwrap();
    let request = || v1::WatchRequest { audit_id: "a".into() };
    let mut streams = Vec::new();
    for _ in 0..128 {
        streams.push(client.watch(request()).await.unwrap());
    }
    let mut late = client.clone();
    let one_more = tokio::time::timeout(Duration::from_millis(500), late.watch(request())).await;
    assert!(one_more.is_err(), "the 129th waits");
    // Others are not hindered.
    coordinator.client().await.list(v1::ListRequest::default()).await.unwrap();
    drop(streams);
    client.watch(request()).await.unwrap();
}

#[tokio::test]
async fn row_45_a_client_that_never_speaks_is_let_go() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    coordinator.client().await;
    let waits = |first: &'static [u8]| {
        let mut stream = TcpStream::connect(coordinator.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(first).unwrap();
        std::thread::spawn(move || {
            let started = Instant::now();
            let mut rest = Vec::new();
            let end = stream.read_to_end(&mut rest);
            let timed_out = end.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock);
            (timed_out, started.elapsed())
        })
    };
    let (silent, slow) = (waits(b""), waits(b"PRI * HTTP"));
    for client in [silent, slow] {
        let (timed_out, took) =
            tokio::task::spawn_blocking(move || client.join().unwrap()).await.unwrap();
        assert!(!timed_out && took < Duration::from_secs(15), "{took:?}");
        assert!(took > Duration::from_secs(8), "{took:?}");
    }
}

#[tokio::test]
async fn row_45_a_flood_of_beats_does_not_hinder_others() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let (flooding, _) = Worker::join(&coordinator, "flooding").await;
    for _ in 0..50_000 {
        flooding.say(FromWorker::Beat);
    }
    let started = Instant::now();
    coordinator.client().await.submit(bench.submission("a")).await.unwrap();
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    worker.task().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn row_45_garbage_on_the_wire_is_survived() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for garbage in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 100], &[preface, &[0xff; 60][..]].concat()]
    {
        let mut stream = TcpStream::connect(coordinator.address).unwrap();
        let _ = stream.write_all(garbage);
    }
    coordinator.client().await.list(v1::ListRequest::default()).await.unwrap();
}
