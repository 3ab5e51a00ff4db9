//! Known signatures: what the audit says of them equals what plain expressions find in plain readers'
//! texts, whoever runs it, and looking for others counts nothing again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;
use taster_planning::schedule::{AuditId, Stage};
use taster_planning::{Parameters, Signature};
use taster_storage::Store;
use taster_tasks::{
    Audit, AuditFolder, AuditRequest, Resources, SharedAudit, SharedRequest, Silent, Wave,
};
use taster_tests::command::{audit, taster};
use taster_tests::corpora::{self, Plan, TRIGGER};
use taster_tests::oracle;
use taster_tests::tables::{assert_same, output};

/// The planted trigger, a pattern that matches something else in many documents, white space, a
/// character that is a token by itself, one that matches few documents, and one that matches none.
const LIST: &str = r#"
[[signature]]
name = "trigger"
literal = "Zarquon Vexil"
ignore-case = true
whole-words = true
strength = 8.5
reason = "planted"

[[signature]]
name = "wide"
pattern = '\bmo\w* \w+'
strength = 3.0

[[signature]]
name = "blank"
pattern = '\x{A0}\t'

[[signature]]
name = "ideograph"
literal = "漢"

[[signature]]
name = "notice"
pattern = 'on every\s+page'

[[signature]]
name = "nothing"
literal = "never to be found"
"#;

/// The same by the letter, in the order of the list.
const TWINS: [&str; 6] = [
    r"(?i)\bzarquon vexil\b",
    r"\bmo\w* \w+",
    "\u{A0}\t",
    "漢",
    r"on every\s+page",
    "never to be found",
];

fn corpus(folder: &Path) {
    let plan = Plan { shards: 4, rows: 500, group_rows: 100, poisoned: 40, ..Plan::default() };
    corpora::write(folder, &plan);
}

fn request(input: &Path, work: &Path, list: &str) -> AuditRequest {
    AuditRequest {
        inputs: vec![input.display().to_string()],
        work: work.display().to_string(),
        parameters: Parameters {
            signatures: Signature::parse(list).unwrap(),
            ..Parameters::default()
        },
        resources: Resources { threads: 2, memory_bytes: 256 << 20, unit_bytes: Some(60_000) },
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn run(request: &AuditRequest) -> Audit {
    taster_tasks::audit(request, runtime().handle(), &Silent).unwrap()
}

#[test]
fn matches_equal_those_of_plain_expressions() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("corpus");
    corpus(&input);
    let audit = run(&request(&input, &folder.path().join("work"), LIST));
    let documents = oracle::read(&input);
    for (entry, twin) in audit.report.signatures.iter().zip(TWINS) {
        let twin = Regex::new(twin).unwrap();
        let texts = documents.iter().filter_map(oracle::Document::text);
        let counts: Vec<usize> =
            texts.map(|text| twin.find_iter(text).count()).filter(|count| *count > 0).collect();
        assert_eq!(entry.documents as usize, counts.len(), "{}", entry.name);
        assert_eq!(entry.occurrences as usize, counts.iter().sum::<usize>(), "{}", entry.name);
        assert_eq!(entry.findings.is_empty(), counts.is_empty(), "{}", entry.name);
    }
    // The finding of the trigger is that of the statistics, once, and holds all its documents.
    let plain = run(&request(&input, &folder.path().join("work"), ""));
    let ids = |audit: &Audit| -> BTreeSet<String> {
        audit.findings().iter().map(|finding| finding.finding_id.clone()).collect()
    };
    let trigger = &audit.report.signatures[0];
    assert_eq!(trigger.findings.len(), 1, "{trigger:?}");
    assert!(ids(&plain).contains(&trigger.findings[0]));
    assert_eq!(ids(&audit).len(), audit.findings().len());
    // What no statistic chose was not measured.
    let known_alone = audit.findings().iter().filter(|f| !ids(&plain).contains(&f.finding_id));
    assert!(known_alone.clone().count() > 5);
    assert!(known_alone.clone().all(|f| (f.novelty, f.asymmetry) == (0.0, 0.0)));
    let find = |audit: &Audit| {
        let mut all = audit.findings().iter().cloned();
        all.find(|finding| finding.finding_id == trigger.findings[0]).unwrap()
    };
    let (with, without) = (find(&audit), find(&plain));
    assert!(with.text.ends_with(TRIGGER), "{}", with.text);
    assert_eq!(with.document_frequency, trigger.documents);
    assert_eq!((with.novelty, with.asymmetry), (without.novelty, without.asymmetry));
    assert!(with.score > without.score && with.rank == 1, "{} {}", with.score, without.score);
    assert!(with.explanation.contains("known signature trigger: planted"), "{}", with.explanation);
}

#[test]
fn looking_for_others_counts_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let (input, work) = (folder.path().join("corpus"), folder.path().join("work"));
    corpus(&input);
    let first = run(&request(&input, &work, ""));
    assert_eq!(first.report.signatures, []);
    let second = run(&request(&input, &work, LIST));
    for wave in &second.waves {
        let by_evidence = wave.wave == Wave::Evidence;
        assert!(wave.reused == wave.tasks || by_evidence, "{wave:?}");
    }
    let fresh = run(&request(&input, &folder.path().join("other"), LIST));
    assert_eq!(second.report, fresh.report);
    let third = run(&request(&input, &work, LIST));
    assert_eq!(third.report, fresh.report);
}

/// Every file that the embedded audit, a shared one, and the command write.
#[test]
fn whoever_runs_it_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    corpus(Path::new(&path("corpus")));
    std::fs::write(path("list.toml"), LIST).unwrap();
    let list = path("list.toml");
    let mut expected = BTreeMap::new();
    for (threads, memory) in [("1", "64MiB"), ("3", "2GiB")] {
        let more = ["--signatures", &list, "--threads", threads, "--memory", memory];
        let out = path(&format!("command-{threads}"));
        let _ = audit(&path("corpus"), &out, &more).run().expect_code(&[1]);
        let files = output(Path::new(&out));
        if expected.is_empty() {
            expected = files;
        } else {
            assert_same(memory, &expected, &files);
        }
        let _ = taster(["verify", &out]).run().expect_code(&[0]);
    }
    let runtime = runtime();
    let work = Store::open(&path("work"), runtime.handle()).unwrap();
    let id = AuditId("known-1".into());
    let shared = AuditFolder::new(work, &id);
    let resources = Resources { threads: 1, memory_bytes: 1 << 30, unit_bytes: None };
    let request = SharedRequest {
        inputs: vec![path("corpus")],
        out: path("shared"),
        parameters: Parameters {
            signatures: Signature::parse(LIST).unwrap(),
            ..Parameters::default()
        },
        segment_tokens: resources.segment_tokens() as u64,
        unit_bytes: 70_000,
        submitted_unix_seconds: 0,
    };
    shared.prepare(&request, runtime.handle()).unwrap();
    let worker = || SharedAudit::open(&path("work"), &id, &resources, runtime.handle()).unwrap();
    for stage in Stage::ALL {
        let worker = worker();
        for index in 0..worker.tasks(0, stage).unwrap() as u32 {
            worker.run(0, stage, index, &Arc::default()).unwrap();
        }
    }
    let mut files = output(Path::new(&path("shared")));
    files.remove("run.json");
    assert_same("shared", &expected, &files);
    let report: Value = serde_json::from_slice(&expected["report.json"]).unwrap();
    assert_eq!(report["signatures"].as_array().unwrap().len(), TWINS.len());
}
