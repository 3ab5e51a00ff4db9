//! Audits from submission to report, as clients see them.

use taster_planning::schedule::{Outcome, Stage};
use taster_proto::v1;
use tonic::Code;

use crate::harness::{Bench, Worker, eventually};

fn get(id: &str) -> v1::GetRequest {
    v1::GetRequest { audit_id: id.into() }
}

#[tokio::test]
async fn an_audit_goes_through_its_stages_and_is_watched_to_its_end() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    let audit = client.submit(bench.submission("a")).await.unwrap().into_inner().audit.unwrap();
    assert_eq!((audit.audit_id.as_str(), audit.state()), ("a", v1::AuditState::Running));
    assert_eq!(audit.shards, 1);
    assert!(audit.text_bytes > 1_000_000 && audit.submitted_unix_seconds > 0);
    let request = v1::WatchRequest { audit_id: "a".into() };
    let mut states = client.watch(request).await.unwrap().into_inner();
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    worker.pretend(Stage::Report).await;
    let (mut last, mut stages) = (v1::Audit::default(), 0);
    while let Some(state) = states.message().await.unwrap() {
        last = state.audit.unwrap();
        assert!(last.stages.len() >= stages, "stages only grow");
        stages = last.stages.len();
    }
    assert_eq!(last.state(), v1::AuditState::Done);
    let names: Vec<_> = last.stages.iter().map(|stage| stage.stage.as_str()).collect();
    assert_eq!(names, Stage::ALL.map(Stage::name));
    assert!(last.stages.iter().all(|stage| stage.done == stage.tasks && stage.running == 0));
    let text = coordinator.page("/metrics").1;
    assert!(text.contains("taster_attempts_total{stage=\"report\",outcome=\"done\"} 1"), "{text}");
}

#[tokio::test]
async fn row_11_a_repeated_submission_is_the_same_audit() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    let mut other = client.clone();
    let (first, second) =
        tokio::join!(client.submit(bench.submission("a")), other.submit(bench.submission("a")));
    let first = first.unwrap().into_inner().audit.unwrap();
    assert_eq!(first.inputs, second.unwrap().into_inner().audit.unwrap().inputs);
    let all = client.list(v1::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!((all.audits.len(), all.next_page_token.as_str()), (1, ""));
    let otherwise = v1::SubmitRequest { out: bench.path("elsewhere"), ..bench.submission("a") };
    let error = client.submit(otherwise).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
}

#[tokio::test]
async fn row_46_only_allowed_places_are_accepted() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    let good = bench.submission("a");
    for (inputs, out) in [
        (vec!["/etc".into()], good.out.clone()),
        (vec![format!("{}/../..", good.inputs[0])], good.out.clone()),
        (vec!["http://169.254.169.254/latest".into()], good.out.clone()),
        (good.inputs.clone(), "s3://elsewhere/out".into()),
        (good.inputs.clone(), bench.path("work/audits/x")),
        (vec![], good.out.clone()),
    ] {
        let request = v1::SubmitRequest { inputs, out, ..good.clone() };
        let error = client.submit(request).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
    let missing = v1::SubmitRequest { inputs: vec![bench.path("none")], ..good };
    let error = client.submit(missing).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert!(client.list(v1::ListRequest::default()).await.unwrap().into_inner().audits.is_empty());
}

#[tokio::test]
async fn a_cancelled_audit_ends_and_its_tasks_are_revoked() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    client.submit(bench.submission("a")).await.unwrap();
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    let (task, _) = worker.task().await;
    for _ in 0..2 {
        let request = v1::CancelRequest { audit_id: "a".into() };
        let audit = client.cancel(request).await.unwrap().into_inner().audit.unwrap();
        assert_eq!(audit.state(), v1::AuditState::Cancelled);
    }
    loop {
        match worker.hear().await.unwrap() {
            Some(taster_proto::ToWorker::Revoke { task: revoked, .. }) if revoked == task => break,
            Some(_) => {}
            None => panic!("expected a revocation"),
        }
    }
    let nobody = v1::CancelRequest { audit_id: "b".into() };
    assert_eq!(client.cancel(nobody).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_report_is_read_from_where_it_was_written() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    client.submit(bench.submission("a")).await.unwrap();
    let request = || v1::ReportRequest { audit_id: "a".into() };
    let early = client.report(request()).await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    worker.pretend(Stage::Report).await;
    eventually("done", || {
        let mut client = client.clone();
        async move {
            let audit = client.get(get("a")).await.unwrap().into_inner().audit.unwrap();
            audit.state() == v1::AuditState::Done
        }
    })
    .await;
    assert_eq!(client.report(request()).await.unwrap_err().code(), Code::NotFound);
    bench.write("out/report.json", "{\"x\":1}");
    let report = client.report(request()).await.unwrap().into_inner().report_json;
    assert_eq!(report, b"{\"x\":1}");
}

#[tokio::test]
async fn row_10_without_workers_an_audit_fails_with_the_reason() {
    let bench = Bench::new();
    let coordinator = bench.start("--worker-grace 1s");
    let mut client = coordinator.client().await;
    client.submit(bench.submission("a")).await.unwrap();
    let request = v1::WatchRequest { audit_id: "a".into() };
    let mut states = client.watch(request).await.unwrap().into_inner();
    let mut last = v1::Audit::default();
    while let Some(state) = states.message().await.unwrap() {
        last = state.audit.unwrap();
    }
    assert_eq!(last.state(), v1::AuditState::Failed);
    assert!(last.reason.contains("worker"), "{}", last.reason);
}

#[tokio::test]
async fn row_13_a_bad_shard_is_left_out_and_a_false_one_fails_the_audit() {
    use taster_planning::{Quarantine, QuarantineReason};
    let bench = Bench::new();
    let shard = bench.path("in/part-00000.parquet");
    std::fs::copy(&shard, bench.path("in/part-00001.parquet")).unwrap();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    let (mut worker, _) = Worker::join(&coordinator, "w").await;
    let bad = |shard: &str| {
        let (shard, detail) = (shard.to_owned(), "why".to_owned());
        Outcome::BadShard(Quarantine { shard, reason: QuarantineReason::Changed, detail })
    };
    client.submit(bench.submission("a")).await.unwrap();
    worker.pretend(Stage::Screen).await;
    let (task, attempt) = worker.task().await;
    worker.finish(&task, attempt, bad("part-00001.parquet"));
    loop {
        let (task, attempt) = worker.task().await;
        if task.generation == 1 {
            worker.finish(&task, attempt, bad("no-such-shard"));
            break;
        }
        worker.finish(&task, attempt, Outcome::Released);
    }
    let request = v1::WatchRequest { audit_id: "a".into() };
    let mut states = client.watch(request).await.unwrap().into_inner();
    let mut last = v1::Audit::default();
    while let Some(state) = states.message().await.unwrap() {
        last = state.audit.unwrap();
    }
    assert_eq!((last.state(), last.generation), (v1::AuditState::Failed, 1));
    assert!(last.reason.contains("no-such-shard"), "{}", last.reason);
}

#[tokio::test]
async fn row_45_listings_are_paged() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    for id in ["a", "b", "c"] {
        client.submit(bench.submission(id)).await.unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListRequest { page_size: 2, page_token };
        let page = client.list(request).await.unwrap().into_inner();
        seen.extend(page.audits.into_iter().map(|audit| audit.audit_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
    let wrong = v1::ListRequest { page_size: 0, page_token: "x".into() };
    assert_eq!(client.list(wrong).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn names_of_audits_are_checked() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let mut client = coordinator.client().await;
    for (id, code) in
        [("../x", Code::InvalidArgument), ("", Code::InvalidArgument), ("x", Code::NotFound)]
    {
        assert_eq!(client.get(get(id)).await.unwrap_err().code(), code, "{id}");
        let request = v1::WatchRequest { audit_id: id.into() };
        assert_eq!(client.watch(request).await.unwrap_err().code(), code, "{id}");
    }
}
