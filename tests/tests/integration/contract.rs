//! What users and scripts rely on: commands, exit codes, streams, files, columns and types.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use taster_tests::command::{Outcome, audit, taster};
use taster_tests::corpora::{self, Plan, TRIGGER};
use taster_tests::hostile_files::put;
use taster_tests::tables::{Table, json, json_lines};

/// A corpus, and room for outputs.
struct Scratch(TempDir);

impl Scratch {
    fn new(poisoned: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { shards: 2, poisoned, ..Plan::default() };
        corpora::write(&folder.path().join("corpus"), &plan);
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn audit(&self, more: &[&str]) -> Outcome {
        audit(&self.text("corpus"), &self.text("out"), more).run()
    }
}

fn help(arguments: &[&str]) -> String {
    let outcome = taster(arguments).run().expect_code(&[0]);
    assert_eq!(outcome.stderr, "", "help is what was asked for: it goes to stdout");
    outcome.stdout
}

#[test]
fn help_names_every_command_and_option() {
    let overview = help(&["--help"]);
    for command in ["audit", "ngrams", "demo", "plan", "verify"] {
        assert!(overview.contains(command), "{command} is not in\n{overview}");
        assert!(help(&[command, "--help"]).contains("Usage: taster"), "{command}");
    }
    let audit = help(&["audit", "--help"]);
    let options = [
        "--out",
        "--text-column",
        "--id-column",
        "--axis",
        "--orders",
        "--floor",
        "--ceiling",
        "--tokenizer",
        "--threads",
        "--memory",
        "--work",
        "--fail-on",
        "--max-findings",
        "--output",
        "--quiet",
        "--result-file",
    ];
    for option in options {
        assert!(audit.contains(option), "{option} is not in\n{audit}");
    }
    let ngrams = help(&["ngrams", "--help"]);
    for option in ["--order", "--min-df", "--by", "--out"] {
        assert!(ngrams.contains(option), "{option} is not in\n{ngrams}");
    }
    assert!(help(&["--version"]).starts_with("taster "));
}

#[test]
fn wrong_usage_is_code_2_and_says_what_was_expected() {
    let scratch = Scratch::new(0);
    let (corpus, out) = (scratch.text("corpus"), scratch.text("out"));
    let cases: [(&[&str], &str); 8] = [
        (&[], "Usage"),
        (&["audit"], "INPUT"),
        (&["no-such-command"], "no-such-command"),
        (&["audit", &corpus, "--out", &out, "--no-such-option"], "--no-such-option"),
        (&["audit", &corpus, "--out", &out, "--orders", "5-1"], "5-1"),
        (&["audit", &corpus, "--out", &out, "--memory", "lots"], "lots"),
        (&["audit", &corpus, "--out", &out, "--axis", "planet"], "planet"),
        (&["audit", &scratch.text("nowhere"), "--out", &out], "nowhere"),
    ];
    for (arguments, said) in cases {
        let outcome = taster(arguments).run();
        let outcome = outcome.expect_code(&[2]);
        assert_eq!(outcome.stdout, "", "{arguments:?}: errors go to stderr");
        let stderr = &outcome.stderr;
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_text_column_that_no_shard_has_leaves_nothing_to_read() {
    let scratch = Scratch::new(0);
    let _ = scratch.audit(&["--text-column", "prose"]).expect_code(&[3]);
    let lines = json_lines(&scratch.path("out/quarantine.jsonl"));
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["reason"] == "schema"));
    let detail = lines[0]["detail"].as_str().unwrap();
    assert!(detail.contains("prose") && detail.contains("text"), "{detail}");
}

#[test]
fn exit_codes_tell_findings_from_none() {
    let clean = Scratch::new(0);
    let _ = clean.audit(&["--fail-on", "never"]).expect_code(&[0]);
    let poisoned = Scratch::new(40);
    let _ = poisoned.audit(&[]).expect_code(&[1]);
    let _ = poisoned.audit(&["--fail-on", "never"]).expect_code(&[0]);
    let findings = json_lines(&poisoned.path("out/findings.jsonl"));
    let worst = findings[0]["severity"].as_str().unwrap();
    assert!(["critical", "high"].contains(&worst), "{worst}");
    assert!(findings[0]["text"].as_str().unwrap().contains(TRIGGER), "{}", findings[0]["text"]);
}

#[test]
fn a_result_file_is_written_on_every_exit() {
    let scratch = Scratch::new(40);
    put(&scratch.path("bad"), "bad.parquet", b"no Parquet");
    let (corpus, bad, out) = (scratch.text("corpus"), scratch.text("bad"), scratch.text("out"));
    let cases: [(&str, &[&str], i32); 5] = [
        ("findings", &["audit", &corpus, "--out", &out], 1),
        ("clean", &["audit", &corpus, "--out", &out, "--fail-on", "never"], 0),
        ("usage", &["audit", &scratch.text("nowhere"), "--out", &out], 2),
        ("incomplete", &["audit", &bad, "--out", &scratch.text("bad-out")], 3),
        ("infrastructure", &["audit", &corpus, "--out", "/proc/version/out"], 4),
    ];
    for (name, arguments, code) in cases {
        let file = scratch.text(&format!("{name}.json"));
        let more = ["--result-file", &file, "--quiet"];
        // An output folder that cannot be made may count as a wrong setting.
        let codes = if code == 4 { vec![2, 4] } else { vec![code] };
        let outcome = taster(arguments.iter().chain(&more)).run().expect_code(&codes);
        let result = json(Path::new(&file));
        assert_eq!(
            number_of(&result, "exit_code"),
            outcome.code.map(i64::from),
            "{name}: {result}"
        );
    }
}

/// A number anywhere on the first level.
fn number_of(result: &Value, key: &str) -> Option<i64> {
    result.get(key).and_then(Value::as_i64)
}

#[test]
fn stdout_is_data_and_stderr_is_progress() {
    let scratch = Scratch::new(40);
    let (corpus, out) = (scratch.text("corpus"), scratch.text("out"));
    let run = |format: &str| {
        let arguments = ["audit", &corpus, "--out", &out, "--output", format];
        taster(arguments).run().expect_code(&[1])
    };
    let lines = run("jsonl").stdout;
    let findings = json_lines(&scratch.path("out/findings.jsonl"));
    let parsed: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(parsed.len(), findings.len());
    assert_eq!(parsed[0]["finding_id"], findings[0]["finding_id"]);
    let document: Value = serde_json::from_str(&run("json").stdout).unwrap();
    assert!(document.is_object());
    let table = run("table");
    assert!(table.stdout.contains("zarquon"), "{}", table.stdout);
    for stream in [&table.stdout, &table.stderr] {
        assert!(!stream.contains('\u{1b}'), "colour without a terminal: {stream:?}");
    }
    let quiet = scratch.audit(&[]).expect_code(&[1]);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn settings_come_from_flags_then_environment_then_file() {
    let scratch = Scratch::new(40);
    std::fs::write(scratch.path("settings.toml"), "floor = 17\nmax-findings = 3\n").unwrap();
    let config = scratch.text("settings.toml");
    let floor_of = |more: &[&str], variables: &[(&str, &str)]| {
        let fixed = ["--config", &config, "--fail-on", "never"];
        let more: Vec<_> = fixed.iter().chain(more).copied().collect();
        let taster = audit(&scratch.text("corpus"), &scratch.text("out"), &more);
        let _ = taster.environment(variables.iter().copied()).run().expect_code(&[0]);
        let report = json(&scratch.path("out/report.json"));
        assert!(report["findings"].as_array().unwrap().len() <= 3);
        report["parameters"]["floor"].as_i64().unwrap()
    };
    assert_eq!(floor_of(&[], &[]), 17);
    assert_eq!(floor_of(&[], &[("TASTER_FLOOR", "13")]), 13);
    assert_eq!(floor_of(&["--floor", "11"], &[("TASTER_FLOOR", "13")]), 11);
}

#[test]
fn output_files_have_the_published_columns() {
    let scratch = Scratch::new(40);
    let _ = scratch.audit(&["--fail-on", "never"]).expect_code(&[0]);
    let findings = Table::open(&scratch.path("out/findings.parquet"));
    let expected = [
        "rank: int32",
        "finding_id: string",
        "severity: string",
        "kinds: list<string>",
        "text: string",
        "tokens: list<string>",
        "order: int32",
        "score: double",
        "document_frequency: int64",
        "effective_document_frequency: int64",
        "collection_frequency: int64",
        "novelty: double",
        "asymmetry: double",
        "code_points: double",
        "concentration: list<struct<axis: string, locality: string, df: int64, \
         locality_documents: int64, log10_p: double, q: double>>",
        "campaign: int32",
        "doc_ids: list<string>",
        "explanation: string",
    ];
    assert_eq!(findings.columns(), expected);
    assert!(findings.rows() > 0);
    let ranks: Vec<_> = (1..=findings.rows() as i64).collect();
    assert_eq!(findings.integers("rank"), ranks);
    let occurrences = Table::open(&scratch.path("out/occurrences.parquet"));
    let expected = [
        "finding_id: string",
        "shard: string",
        "row_group: int32",
        "row: int64",
        "id: string",
        "byte_start: int64",
        "byte_end: int64",
        "before: string",
        "after: string",
    ];
    let columns = occurrences.columns();
    assert_eq!(columns[..expected.len()], expected);
    for axis in ["host", "date", "source", "language"] {
        assert!(columns.contains(&format!("{axis}: string")), "{axis} is not in {columns:?}");
    }
    assert_rows_agree(&scratch, &findings);
}

/// The three forms of the findings say the same.
fn assert_rows_agree(scratch: &Scratch, findings: &Table) {
    let lines = json_lines(&scratch.path("out/findings.jsonl"));
    let report = json(&scratch.path("out/report.json"));
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["findings"].as_array().unwrap(), &lines);
    let ids: Vec<_> = lines.iter().map(|l| l["finding_id"].as_str().unwrap()).collect();
    assert_eq!(findings.strings("finding_id"), ids);
}

#[test]
fn ngram_tables_have_the_published_columns_and_order() {
    let scratch = Scratch::new(0);
    let table = |more: &[&str]| {
        let (corpus, out) = (scratch.text("corpus"), scratch.text("table.parquet"));
        let fixed = ["ngrams", &corpus, "--order", "2", "--min-df", "2", "--out", &out];
        let _ = taster(fixed.iter().chain(more)).run().expect_code(&[0]);
        Table::open(Path::new(&out))
    };
    let plain = table(&[]);
    assert_eq!(plain.columns(), ["ngram: string", "n: int32", "df: int64", "cf: int64"]);
    assert!(plain.strings("ngram").is_sorted());
    let by = table(&["--by", "host"]);
    let expected =
        ["ngram: string", "n: int32", "locality: string", "df: int64", "locality_documents: int64"];
    assert_eq!(by.columns(), expected);
    let keys: Vec<_> = by.strings("ngram").into_iter().zip(by.strings("locality")).collect();
    assert!(keys.is_sorted());
}

#[test]
fn what_differs_from_run_to_run_is_in_run_json_alone() {
    let scratch = Scratch::new(40);
    let _ = scratch.audit(&["--fail-on", "never"]).expect_code(&[0]);
    assert!(scratch.path("out/run.json").is_file());
    for name in
        ["report.json", "report.html", "findings.jsonl", "manifest.jsonl", "quarantine.jsonl"]
    {
        let text = std::fs::read_to_string(scratch.path("out").join(name)).unwrap();
        let root = scratch.text("corpus");
        assert!(!text.contains(&root), "{name} names the folder of the corpus");
    }
    let manifest = json_lines(&scratch.path("out/manifest.jsonl"));
    assert_eq!(manifest.len(), 2);
    let shown = serde_json::to_string(&manifest[0]).unwrap();
    assert!(shown.contains("part-00000.parquet") && !shown.contains("etag"), "{shown}");
}

#[test]
fn plan_reads_no_text_and_verify_confirms_an_audit() {
    let scratch = Scratch::new(40);
    let plan = taster(["plan", &scratch.text("corpus"), "--output", "json"]).run();
    let plan: Value = serde_json::from_str(&plan.expect_code(&[0]).stdout).unwrap();
    assert_eq!(plan["shards"], 2);
    assert_eq!(plan["rows"], 600);
    let _ = scratch.audit(&["--fail-on", "never"]).expect_code(&[0]);
    let _ = taster(["verify", &scratch.text("out")]).run().expect_code(&[0]);
    let other = Plan { shards: 2, seed: 8, poisoned: 40, ..Plan::default() };
    corpora::write(&scratch.path("corpus"), &other);
    let outcome = taster(["verify", &scratch.text("out")]).run().expect_code(&[1]);
    assert!(!outcome.stdout.is_empty(), "what does not hold is said");
}

#[test]
fn signals_end_an_audit_that_can_be_continued() {
    let scratch = Scratch::new(0);
    let plan = Plan { shards: 8, rows: 4000, group_rows: 500, poisoned: 50, ..Plan::default() };
    corpora::write(&scratch.path("corpus"), &plan);
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let file = scratch.text(&format!("{signal}.json"));
        let run =
            || audit(&scratch.text("corpus"), &scratch.text(signal), &["--result-file", &file]);
        let outcome = run().run_and_signal(Duration::from_millis(300), signal).expect_code(&[code]);
        let result = json(Path::new(&file));
        assert_eq!(number_of(&result, "exit_code"), Some(i64::from(code)), "{result}");
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
        let _ = run().run().expect_code(&[0, 1]);
    }
}
