//! The Indexed Jobs, run as plain processes: what each Job says is started once per index, in
//! random order, killed now and then and started again. The bytes are those of `taster audit`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use taster_tests::command::{audit, binary, taster};
use taster_tests::corpora::{self, Plan};
use taster_tests::places;
use taster_tests::tables::{assert_same, output};

use super::documents::{deploy, list, number, text};
use super::overlay::overlay;
use super::pods::{expand, write_program};

pub type Files = BTreeMap<String, Vec<u8>>;

/// The stages in order, as their Jobs and folders are called.
pub const STAGES: [&str; 11] = [
    "01-count",
    "02-screen",
    "03-count-triples",
    "04-screen-triples",
    "05-count-longer",
    "06-screen-longer",
    "07-context",
    "08-score",
    "09-choose",
    "10-evidence",
    "11-report",
];

/// A corpus, a work folder, and what the embedded audit says.
pub struct Scene {
    pub folder: tempfile::TempDir,
    pub expected: Files,
}

impl Scene {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { shards: 6, rows: 300, group_rows: 100, poisoned: 40, ..Plan::default() };
        corpora::write(&folder.path().join("corpus"), &plan);
        let mut scene = Self { folder, expected: Files::new() };
        let expected = scene.path("expected");
        let _ = audit(&scene.path("corpus"), &expected, &[]).run().expect_code(&[0, 1]);
        scene.expected = files(&expected);
        scene
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// What a cluster would say, for this scene.
    fn environment(&self) -> BTreeMap<String, String> {
        let text = |name: &str, value: String| (name.to_owned(), value);
        BTreeMap::from([
            text("CRAWLS", self.path("corpus")),
            text("REPORTS", self.path("reports")),
            text("WORK", self.path("work")),
        ])
    }
}

/// An audit's files, but for the one that may differ.
pub fn files(folder: &str) -> Files {
    let mut files = output(Path::new(folder));
    files.remove("run.json");
    assert!(files.contains_key("report.json") && files.contains_key("occurrences.parquet"));
    files
}

/// Arguments of a Job's container, without the program.
fn arguments(job: &Value, environment: &BTreeMap<String, String>) -> Vec<String> {
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], serde_json::json!(["taster"]));
    let words = list(container, "/args").iter();
    words.map(|word| expand(word.as_str().unwrap(), environment)).collect()
}

fn completions(job: &Value) -> i64 {
    number(job, "/spec/completions").unwrap()
}

/// Runs a command as a Job would: what was killed is started again.
pub fn run_with_kills(random: &mut ChaCha8Rng, arguments: &[String]) -> u32 {
    let mut killed = 0;
    while random.random_ratio(1, 4) {
        let delay = Duration::from_millis(random.random_range(0..25));
        killed += u32::from(taster(arguments).run_and_kill(delay));
    }
    let _ = taster(arguments).run().expect_code(&[0]);
    killed
}

#[test]
fn indexed_jobs_give_the_bytes_of_the_audit() {
    let scene = Scene::new();
    let jobs = overlay("indexed");
    let mut environment = scene.environment();
    let plan = arguments(&jobs["Job/taster-plan"], &environment);
    let planned: Value =
        serde_json::from_str(&taster(&plan).run().expect_code(&[0]).stdout).unwrap();
    let specs = format!("{}/audits/{}/specs", text(&planned, "/work"), text(&planned, "/audit"));
    environment.insert("SPECS".into(), specs);
    let mut random = ChaCha8Rng::seed_from_u64(places::seed());
    let (mut killed, mut lost) = (0, 0);
    for stage in STAGES {
        let job = &jobs[&format!("Job/taster-{stage}")];
        environment.insert("STAGE".into(), stage.into());
        let mut indexes: Vec<_> = (0..completions(job)).collect();
        indexes.extend([0, 0]);
        indexes.shuffle(&mut random);
        for index in indexes {
            environment.insert("JOB_COMPLETION_INDEX".into(), index.to_string());
            // An index that is lost for good holds nothing up.
            if stage != "11-report" && random.random_ratio(1, 10) {
                lost += 1;
                continue;
            }
            killed += run_with_kills(&mut random, &arguments(job, &environment));
        }
    }
    eprintln!("{killed} processes were killed, {lost} indexes lost for good");
    assert!(killed > 0, "nothing was killed: nothing was shown");
    assert_same("indexed jobs", &scene.expected, &files(&scene.path("reports/all")));
}

#[test]
fn jobs_are_as_many_as_the_plan_makes() {
    let jobs = overlay("indexed");
    let scene = Scene::new();
    let plan = arguments(&jobs["Job/taster-plan"], &scene.environment());
    let planned = taster(&plan).run().expect_code(&[0]).stdout;
    assert!(planned.starts_with(r#"{"audit":""#), "the runner reads this: {planned}");
    let planned: Value = serde_json::from_str(&planned).unwrap();
    let stages = list(&planned, "/stages");
    assert_eq!(stages.len(), STAGES.len());
    for (stage, name) in stages.iter().zip(STAGES) {
        let specs = list(stage, "/specs");
        let first = specs[0].as_str().unwrap();
        assert!(first.ends_with(&format!("/specs/{name}/00000.json")), "{first}");
        let job = &jobs[&format!("Job/taster-{name}")];
        assert_eq!(completions(job), specs.len() as i64, "{name}");
        assert!(number(job, "/spec/parallelism").unwrap() <= completions(job), "{name}");
        assert!(number(job, "/spec/maxFailedIndexes").unwrap() <= completions(job), "{name}");
        assert_eq!(job["spec"]["suspend"], true, "{name} would not wait for its turn");
        assert_eq!(
            text(job, "/spec/template/spec/containers/0/env/0/value"),
            name,
            "the Job's stage"
        );
    }
}

/// A stand-in that writes down how it was called, and says what a cluster would.
const KUBECTL: &str = r#"#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
*"logs job/taster-plan"*) cat "$PLAN" ;;
*"get job taster-07-context"*) echo Failed ;;
*"get job"*) echo Complete ;;
*"dry-run"*) echo "kind: ConfigMap" ;;
*"apply --filename"*) cat ;;
esac
"#;

#[test]
fn the_runner_lets_stages_go_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_program(&path("kubectl"), KUBECTL);
    let plan = "{\"audit\":\"a1b2\",\"work\":\"s3://b/w\",\"out\":\"s3://b/o\",\"stages\":[]}\n";
    std::fs::write(path("plan"), plan).unwrap();
    let search = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let status = Command::new("sh")
        .arg(deploy("kustomize/overlays/indexed/run"))
        .env("PATH", search)
        .env("CALLS", path("calls"))
        .env("PLAN", path("plan"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&status.stderr);
    assert!(status.status.success(), "{said}");
    assert!(said.contains("07-context: Failed"), "{said}");
    let calls = std::fs::read_to_string(path("calls")).unwrap();
    let started: Vec<_> = calls
        .lines()
        .filter_map(|call| call.split("patch job taster-").nth(1)?.split(' ').next())
        .collect();
    assert_eq!(started, STAGES);
    assert!(calls.contains("--from-literal=SPECS=s3://b/w/audits/a1b2/specs"), "{calls}");
    for stage in STAGES {
        let waits = format!("get job taster-{stage} ");
        let begins = format!("patch job taster-{stage} ");
        assert!(calls.find(&begins).unwrap() < calls.find(&waits).unwrap(), "{stage}");
    }
    assert!(binary().is_file());
}
