//! The worker as a process over a real audit: it gives the bytes of the embedded one.

use std::path::Path;
use std::time::Duration;

use taster_planning::Parameters;
use taster_planning::schedule::{AuditId, Stage};
use taster_proto::v1::converse_response::Message as Heard;
use taster_proto::v1::finished::Outcome;
use taster_proto::v1::{Assign, Facts, Task};
use taster_storage::Store;
use taster_tasks::{
    AuditFolder, AuditRequest, Resources, SharedAudit, SharedRequest, Silent, audit,
};
use tokio::runtime::{Handle, Runtime};

use crate::process::Process;
use crate::scripted::{Conversation, Coordinator};

const LEASE: Duration = Duration::from_secs(30);

fn sample() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/sample").display().to_string()
}

fn resources() -> Resources {
    Resources { threads: 2, memory_bytes: 512 << 20, unit_bytes: Some(4 << 20) }
}

/// Enrols the sample's audit in `folder`.
fn enrol(folder: &Path, runtime: &Handle) -> AuditId {
    let work = Store::open(&folder.join("work").display().to_string(), runtime).unwrap();
    let request = SharedRequest {
        inputs: vec![sample()],
        out: folder.join("out").display().to_string(),
        parameters: Parameters::default(),
        segment_tokens: resources().segment_tokens() as u64,
        unit_bytes: resources().unit_bytes(),
        submitted_unix_seconds: 0,
    };
    AuditFolder::enrol(work, &request, runtime).unwrap().1
}

/// Has all tasks of a stage run, and adds up what they left.
fn drive(conversation: &mut Conversation, audit: &AuditId, stage: Stage, tasks: u32) -> Facts {
    let task = |index| {
        let stage = stage.name().into();
        Some(Task { audit_id: audit.0.clone(), generation: 0, stage, index })
    };
    for index in 0..tasks {
        conversation.say(Heard::Assign(Assign { task: task(index), attempt: 1 }));
    }
    let mut sum = Facts::default();
    for _ in 0..tasks {
        let finished = conversation.finished();
        let Some(Outcome::Done(facts)) = finished.outcome else { panic!("{finished:?}") };
        sum.reused += facts.reused;
        sum.bytes += facts.bytes;
    }
    sum
}

fn embedded_report(folder: &Path, runtime: &Handle) -> Vec<u8> {
    let request = AuditRequest {
        inputs: vec![sample()],
        work: folder.join("embedded-work").display().to_string(),
        parameters: Parameters::default(),
        resources: resources(),
    };
    let out = folder.join("embedded-out");
    let store = Store::open(&out.display().to_string(), runtime).unwrap();
    audit(&request, runtime, &Silent).unwrap().write(&store).unwrap();
    std::fs::read(out.join("report.json")).unwrap()
}

#[test]
fn all_stages_on_a_worker_give_the_report_of_the_embedded_audit() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let id = enrol(folder.path(), runtime.handle());
    let work = folder.path().join("work").display().to_string();
    let shared = SharedAudit::open(&work, &id, &resources(), runtime.handle()).unwrap();

    let coordinator = Coordinator::start();
    let url = coordinator.url();
    let worker = Process::start(&[
        "--coordinator",
        &url,
        "--metrics-listen",
        "off",
        "--slots",
        "2",
        "--memory",
        "512MiB",
    ]);
    let mut conversation = coordinator.accept();
    conversation.welcome_at(1, LEASE, &work);
    let mut counted = Facts::default();
    for stage in Stage::ALL {
        let tasks = shared.tasks(0, stage).unwrap() as u32;
        let facts = drive(&mut conversation, &id, stage, tasks);
        println!("{}: {tasks} tasks, {facts:?}", stage.name());
        if stage == Stage::Count {
            assert_eq!((tasks > 1, facts.reused), (true, 0));
            counted = drive(&mut conversation, &id, stage, tasks);
            assert_eq!(counted.reused, tasks, "what is done is found done");
        }
    }
    assert!(counted.bytes > 0);
    worker.signal("-TERM");
    assert_eq!(worker.end().status.code(), Some(143));
    let report = std::fs::read(folder.path().join("out/report.json")).unwrap();
    assert!(report == embedded_report(folder.path(), runtime.handle()), "reports differ");
}
