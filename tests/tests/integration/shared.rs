//! Tasks of one audit run by several processes, in any order and more than once, give the bytes
//! of the embedded audit. Here without any dispatcher but chance.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::runtime::{Builder, Runtime};

use taster_planning::schedule::{AuditId, Ending, Exclusion, Facts, Stage, StageRecord};
use taster_planning::{Parameters, Signature};
use taster_storage::Store;
use taster_tasks::{
    AuditFolder, AuditRequest, Resources, SharedAudit, SharedRequest, Silent, TaskError,
};
use taster_tests::command::taster;
use taster_tests::corpora::{self, Plan};
use taster_tests::places;
use taster_tests::tables::{assert_same, output};

type Files = BTreeMap<String, Vec<u8>>;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn resources(threads: usize) -> Resources {
    Resources { threads, memory_bytes: 1 << 30, unit_bytes: Some(100_000) }
}

/// Those of the command.
fn parameters() -> Parameters {
    Parameters {
        signatures: Signature::defaults().unwrap(),
        label_column: Some("language".into()),
        ..Parameters::default()
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

struct Scene {
    folder: tempfile::TempDir,
    runtime: Runtime,
    id: AuditId,
}

impl Scene {
    /// A corpus, and an audit of it that is prepared.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { shards: 5, rows: 400, group_rows: 100, poisoned: 60, ..Plan::default() };
        corpora::write(&folder.path().join("corpus"), &plan);
        let scene = Self { folder, runtime: runtime(), id: AuditId("scene-1".into()) };
        scene.folder_of().prepare(&scene.request(), scene.runtime.handle()).unwrap();
        scene
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name))
    }

    fn request(&self) -> SharedRequest {
        SharedRequest {
            inputs: vec![self.path("corpus")],
            out: self.path("out"),
            parameters: parameters(),
            segment_tokens: resources(1).segment_tokens() as u64,
            unit_bytes: 100_000,
            submitted_unix_seconds: 0,
        }
    }

    fn folder_of(&self) -> AuditFolder {
        let store = Store::open(&self.path("work"), self.runtime.handle()).unwrap();
        AuditFolder::new(store, &self.id)
    }

    fn worker(&self) -> SharedAudit {
        let (work, runtime) = (self.path("work"), self.runtime.handle());
        SharedAudit::open(&work, &self.id, &resources(1), runtime).unwrap()
    }

    fn embedded(&self) -> Files {
        let request = AuditRequest {
            inputs: vec![self.path("corpus")],
            work: self.path("embedded-work"),
            parameters: parameters(),
            resources: resources(2),
        };
        let audit = taster_tasks::audit(&request, self.runtime.handle(), &Silent).unwrap();
        let out = self.path("embedded");
        let store = Store::open(&out, self.runtime.handle()).unwrap();
        audit.write(&store).unwrap();
        output(Path::new(&out))
    }

    fn files(&self) -> Files {
        let mut files = output(Path::new(&self.path("out")));
        files.remove("run.json");
        files
    }
}

fn run(worker: &SharedAudit, stage: Stage, index: u32) -> Result<Facts, TaskError> {
    worker.run(0, stage, index, &Arc::default())
}

#[test]
fn any_order_repetition_and_split_of_tasks_gives_the_same_bytes() {
    let scene = Scene::new();
    let mut random = ChaCha8Rng::seed_from_u64(places::seed());
    let workers: Vec<SharedAudit> = (0..3).map(|_| scene.worker()).collect();
    let (mut run_tasks, mut reused) = (0, 0);
    for stage in Stage::ALL {
        let tasks = workers[0].tasks(0, stage).unwrap() as u32;
        assert!(tasks > 0, "{}", stage.name());
        // Some twice, and one beyond the last.
        let mut order: Vec<u32> = (0..=tasks).chain((0..tasks).filter(|i| i % 3 == 0)).collect();
        order.shuffle(&mut random);
        for index in order {
            let worker = &workers[random.random_range(0..workers.len())];
            let facts = run(worker, stage, index).unwrap();
            (run_tasks, reused) = (run_tasks + 1, reused + facts.reused);
        }
    }
    assert!(reused > 0, "no repeated task was found done, of {run_tasks}");
    assert_same("shared", &scene.embedded(), &scene.files());
}

#[test]
fn a_worker_that_comes_late_makes_what_is_missing() {
    let scene = Scene::new();
    let facts = run(&scene.worker(), Stage::Choose, 0).unwrap();
    assert!(facts.tasks > 0);
    run(&scene.worker(), Stage::Report, 0).unwrap();
    assert_same("late", &scene.embedded(), &scene.files());
}

#[test]
fn a_task_that_is_told_to_stop_stops_and_can_be_run_again() {
    let scene = Scene::new();
    let worker = scene.worker();
    let stop = Arc::new(AtomicBool::new(true));
    for stage in [Stage::Count, Stage::Screen, Stage::Context, Stage::Score, Stage::Evidence] {
        let stopped = worker.run(0, stage, 0, &stop);
        assert!(matches!(stopped, Err(TaskError::Stopped)), "{}: {stopped:?}", stage.name());
        run(&worker, stage, 0).unwrap();
    }
}

#[test]
fn row_22_a_shard_that_changed_after_counting_is_excluded_in_the_next_generation() {
    let scene = Scene::new();
    let worker = scene.worker();
    let errands = worker.tasks(0, Stage::Evidence).unwrap() as u32;
    let victim = places::shards(&scene.folder.path().join("corpus")).remove(1);
    std::fs::write(&victim, b"PAR1 no more PAR1").unwrap();
    let bad = (0..errands).find_map(|index| match run(&worker, Stage::Evidence, index) {
        Err(TaskError::Shard(quarantine)) => Some(quarantine),
        other => other.map(|_| None).unwrap(),
    });
    let folder = scene.folder_of();
    folder.exclude(1, &Exclusion::Shard(bad.unwrap())).unwrap();
    assert_eq!(folder.generation().unwrap(), 1);
    let fresh = scene.worker();
    let choose = fresh.run(1, Stage::Choose, 0, &Arc::default()).unwrap();
    assert!(choose.tasks > 0);
    fresh.run(1, Stage::Report, 0, &Arc::default()).unwrap();
    // The embedded audit meets a changed file at once and leaves it out for another reason.
    let counts = |files: &Files| -> serde_json::Value {
        let report: serde_json::Value = serde_json::from_slice(&files["report.json"]).unwrap();
        report["totals"].clone()
    };
    let (shared, embedded) = (counts(&scene.files()), counts(&scene.embedded()));
    assert_eq!(shared, embedded);
    assert_eq!(shared["shards_quarantined"], 1);
}

#[test]
fn records_are_kept_and_the_first_ending_stays() {
    let scene = Scene::new();
    let folder = scene.folder_of();
    let store = Store::open(&scene.path("work"), scene.runtime.handle()).unwrap();
    assert_eq!(AuditFolder::list(&store).unwrap(), std::slice::from_ref(&scene.id));
    assert_eq!(folder.records(0).unwrap(), []);
    let record = |stage, bytes| StageRecord {
        generation: 0,
        stage,
        facts: Facts { bytes, tasks: 0, reused: 0 },
    };
    let (count, screen) = (record(Stage::Count, 7), record(Stage::Screen, 8));
    folder.record(&screen).unwrap();
    assert_eq!(folder.records(0).unwrap(), [], "screen is complete and count is not");
    folder.record(&count).unwrap();
    assert_eq!(folder.records(0).unwrap(), [count, screen]);
    assert_eq!(folder.records(1).unwrap(), []);
    assert_eq!(folder.ending().unwrap(), None);
    folder.end(&Ending::Failed("no workers".into())).unwrap();
    folder.end(&Ending::Done).unwrap();
    assert_eq!(folder.ending().unwrap(), Some(Ending::Failed("no workers".into())));
}

#[test]
fn row_13_a_poisonous_unit_names_its_shard() {
    let scene = Scene::new();
    let folder = scene.folder_of();
    let units = folder.facts().unwrap().units;
    let nothing = folder.exclude(1, &Exclusion::Poison { unit: units, workers: 3 }).unwrap_err();
    assert!(nothing.to_string().contains("expected a unit below"), "{nothing}");
    folder.exclude(1, &Exclusion::Poison { unit: units - 1, workers: 3 }).unwrap();
    scene.worker().run(1, Stage::Report, 0, &Arc::default()).unwrap();
    let quarantine = String::from_utf8(scene.files().remove("quarantine.jsonl").unwrap()).unwrap();
    assert!(quarantine.contains("part-00004") && quarantine.contains("poison"), "{quarantine}");
}

#[test]
fn the_same_submission_twice_is_one_audit_and_another_is_refused() {
    let scene = Scene::new();
    let (folder, handle) = (scene.folder_of(), scene.runtime.handle());
    let later = SharedRequest { submitted_unix_seconds: 9, ..scene.request() };
    let first = folder.facts().unwrap();
    assert_eq!(folder.prepare(&later, handle).unwrap(), first);
    let other = SharedRequest { out: scene.path("elsewhere"), ..scene.request() };
    let refused = folder.prepare(&other, handle).unwrap_err().to_string();
    assert!(refused.contains("the id of another"), "{refused}");
}

#[test]
fn row_15_too_little_memory_for_the_audits_segments_is_refused() {
    let scene = Scene::new();
    let small = Resources { threads: 4, memory_bytes: 64 << 20, unit_bytes: None };
    let work = scene.path("work");
    let refused = SharedAudit::open(&work, &scene.id, &small, scene.runtime.handle()).unwrap_err();
    assert!(refused.to_string().contains("raise --memory"), "{refused}");
}

#[test]
fn specs_are_run_by_the_command_in_any_order() {
    let scene = Scene::new();
    let (corpus, out, work) = (scene.path("corpus"), scene.path("out"), scene.path("work"));
    let plan = ["plan", &corpus, "--write", "--out", &out, "--work", &work, "--tasks", "3"];
    let planned = taster(plan.iter().chain(&["--label-column", "language", "--quiet"]))
        .run()
        .expect_code(&[0]);
    let planned: serde_json::Value = serde_json::from_str(&planned.stdout).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(places::seed());
    for stage in planned["stages"].as_array().unwrap() {
        let mut specs: Vec<&str> =
            stage["specs"].as_array().unwrap().iter().map(|spec| spec.as_str().unwrap()).collect();
        specs.shuffle(&mut random);
        for spec in specs {
            let (folder, name) = spec.rsplit_once('/').unwrap();
            let index = name.trim_start_matches('0').trim_end_matches(".json");
            let index = if index.is_empty() { "0" } else { index };
            let outcome = match random.random_bool(0.5) {
                true => taster(["task", spec]).run(),
                false => taster(["task", folder, "--index", index]).run(),
            };
            let _ = outcome.expect_code(&[0]);
        }
    }
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(Path::new(&out).join("run.json")).unwrap()).unwrap();
    assert_eq!(run["audit"], planned["audit"]);
    assert_same("specs", &scene.embedded(), &scene.files());
    let _ = taster(["verify", &out]).run().expect_code(&[0]);
    let nothing = taster(["task", &work, "--index", "77"]).run().expect_code(&[2]);
    assert!(nothing.stderr.contains("expected a task spec"), "{}", nothing.stderr);
}
