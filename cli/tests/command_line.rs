//! The `taster` binary as scripts meet it: exit codes, precedence, the result file, pipes, signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with the shipped sample in `data`, where commands run.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for (name, bytes) in taster_lab::demo_sample_files() {
        std::fs::write(data.join(name), bytes).unwrap();
    }
    folder
}

fn taster(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taster"));
    command.current_dir(folder).env_clear().args(line.split_whitespace());
    command
}

fn run(folder: &Path, line: &str, environment: &[(&str, &str)]) -> Output {
    taster(folder, line).envs(environment.iter().copied()).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn result(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("r.json")).unwrap()).unwrap()
}

#[test]
fn flags_beat_the_environment_which_beats_the_file_which_beats_the_default() {
    let folder = folder();
    let folder = folder.path();
    let too_little = [("TASTER_MEMORY", "1MiB")];
    let enough = [("TASTER_MEMORY", "64MiB")];
    assert_eq!(code(&run(folder, "plan data", &[])), 0);
    let refused = run(folder, "plan data", &too_little);
    assert_eq!(code(&refused), 2);
    assert_eq!(
        stderr(&refused),
        "taster: error: memory: expected at least 64MiB, got 1048576 bytes\n"
    );
    assert_eq!(code(&run(folder, "plan data --memory 64MiB", &too_little)), 0);
    std::fs::write(folder.join("taster.toml"), "memory = \"2MiB\"").unwrap();
    assert!(stderr(&run(folder, "plan data", &[])).contains("got 2097152 bytes"));
    assert_eq!(code(&run(folder, "plan data", &enough)), 0);
    assert!(stderr(&run(folder, "plan data", &too_little)).contains("got 1048576 bytes"));
    std::fs::write(folder.join("other.toml"), "memory = \"1GiB\"").unwrap();
    assert_eq!(code(&run(folder, "plan data --config other.toml", &[])), 0);
    assert_eq!(code(&run(folder, "plan data", &[("TASTER_CONFIG", "other.toml")])), 0);
}

#[test]
fn every_exit_writes_the_result_file() {
    let folder = folder();
    let folder = folder.path();
    std::fs::write(folder.join("bad.toml"), "flor = 3").unwrap();
    for (line, expected) in [
        ("--help --result-file r.json", 0),
        ("frob --result-file=r.json", 2),
        ("audit data --result-file r.json", 2),
        ("audit data --out data/out --result-file r.json", 2),
        ("audit missing --out o --result-file r.json", 2),
        ("plan data --text-column nothing --result-file r.json", 3),
        ("plan data --axis nothing --result-file r.json", 2),
        ("plan data --memory lots --result-file r.json", 2),
        ("plan data --config bad.toml --result-file r.json", 2),
        ("plan data --result-file r.json", 0),
    ] {
        let output = run(folder, line, &[]);
        assert_eq!(code(&output), expected, "{line}: {}", stderr(&output));
        assert_eq!(result(folder)["exit_code"], expected, "{line}");
        std::fs::remove_file(folder.join("r.json")).unwrap();
    }
    assert_eq!(code(&run(folder, "frob", &[("TASTER_RESULT_FILE", "r.json")])), 2);
    assert_eq!(result(folder)["outcome"], "usage");
    let unwritable = run(folder, "plan data --result-file no/such/folder/r.json", &[]);
    assert_eq!(code(&unwritable), 4);
}

#[test]
fn the_configuration_file_can_name_the_result_file() {
    let folder = folder();
    let folder = folder.path();
    std::fs::write(folder.join("taster.toml"), "result-file = \"r.json\"\noutput = \"json\"")
        .unwrap();
    let output = run(folder, "plan data", &[]);
    assert_eq!(code(&output), 0);
    assert_eq!(result(folder)["command"], "plan");
    assert!(serde_json::from_slice::<Value>(&output.stdout).unwrap().is_object());
}

#[test]
fn a_closed_pipe_ends_nothing() {
    let folder = folder();
    for line in ["plan data", "plan data --output json", "--help"] {
        let mut child = taster(folder.path(), line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""), "{line}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_infrastructure_error() {
    let folder = folder();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = taster(folder.path(), "plan data").stdout(full).output().unwrap();
    assert_eq!(code(&output), 4);
    assert!(stderr(&output).starts_with("taster: error: cannot write to standard output"));
}

/// An audit that waits for its list of inputs, which comes from a pipe that nobody writes to.
fn waiting(folder: &Path) -> Child {
    let pipe = folder.join("list");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let line = "audit @list --out out --quiet --result-file r.json";
    let child = taster(folder, line).stderr(Stdio::piped()).spawn().unwrap();
    // The audit opens its output before it reads the list.
    while !folder.join("out").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    child
}

#[test]
fn signals_end_with_their_code_and_say_how_to_go_on() {
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let folder = folder();
        let child = waiting(folder.path());
        assert!(
            Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), expected);
        assert!(stderr(&output).contains("run the same command again"), "{}", stderr(&output));
        assert_eq!(result(folder.path())["exit_code"], expected);
    }
}

#[test]
fn an_audit_writes_its_report_and_continues_with_what_is_there() {
    let folder = folder();
    let folder = folder.path();
    let line =
        "audit data --out out --output jsonl --fail-on never --result-file r.json --threads 2";
    let first = run(folder, line, &[]);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let summary = result(folder);
    assert!(summary["documents"].as_u64().unwrap() > 100);
    let findings = String::from_utf8(first.stdout.clone()).unwrap();
    for finding in findings.lines() {
        assert!(serde_json::from_str::<Value>(finding).unwrap()["rank"].is_u64());
    }
    for name in [
        "report.json",
        "report.html",
        "findings.parquet",
        "findings.jsonl",
        "occurrences.parquet",
        "manifest.jsonl",
    ] {
        assert!(folder.join("out").join(name).is_file(), "{name}");
    }
    let read = || {
        serde_json::from_slice::<Value>(&std::fs::read(folder.join("out/run.json")).unwrap())
            .unwrap()
    };
    let record = read();
    let data = folder.join("data").display().to_string();
    assert_eq!(record["inputs"], serde_json::json!([data]));
    assert_eq!(record["input_root"], format!("{data}/"));
    assert_eq!(record["etags"].as_object().unwrap().len(), 4);
    assert_eq!(record["tasks_reused"], 0);
    assert!(stderr(&first).contains("taster: count: "));

    let second = run(folder, &format!("{line} --quiet"), &[]);
    assert_eq!((code(&second), stderr(&second).as_str()), (0, ""));
    assert!(second.stdout == first.stdout, "reused outputs gave another report");
    assert!(read()["tasks_reused"].as_u64().unwrap() > 0);
}

#[test]
fn an_unreadable_shard_is_an_incomplete_audit() {
    let folder = folder();
    let folder = folder.path();
    std::fs::write(folder.join("data/broken.parquet"), "PAR1 and then nothing").unwrap();
    let line = "audit data --out out --result-file r.json --fail-on";
    let output = run(folder, &format!("{line} never"), &[]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("quarantined broken.parquet: "));
    assert_eq!(result(folder)["quarantined_shards"], 1);
    assert_eq!(code(&run(folder, &format!("{line} never --max-quarantine 1"), &[])), 0);
    assert_eq!(code(&run(folder, &format!("{line} info --floor 2"), &[])), 1);
}

#[test]
fn the_demonstration_finds_what_it_planted_each_time() {
    let folder = tempfile::tempdir().unwrap();
    for seed in [1, 1, 2] {
        let line = format!("demo --out demo --output jsonl --seed {seed}");
        let output = run(folder.path(), &line, &[]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 5);
        assert!(
            lines.iter().all(|line| line["first_rank"].is_u64() && line["trigger"].is_string())
        );
    }
}

#[test]
fn an_n_gram_table_is_written() {
    let folder = folder();
    let line = "ngrams data --order 2 --min-df 10 --by host --out t.parquet --output json";
    let output = run(folder.path(), line, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let written: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(written["rows"].as_u64().unwrap() > 100);
    assert!(folder.path().join("t.parquet").is_file());
}

#[test]
fn an_audit_is_verified_until_it_is_touched() {
    let folder = folder();
    let folder = folder.path();
    assert_eq!(code(&run(folder, "audit data --out out --fail-on never", &[])), 0);
    let output = run(folder, "verify out", &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    std::fs::write(folder.join("out/findings.jsonl"), "{}\n").unwrap();
    assert_eq!(code(&run(folder, "verify out", &[])), 1);
}

#[test]
fn a_laboratory_measures_what_it_planted_and_leaves_the_corpus_alone() {
    let folder = folder();
    let folder = folder.path();
    let before = std::fs::read(folder.join("data/part-00000.parquet")).unwrap();
    let line = "lab data --out lab --recipes souly --doses 25 --spreads uniform,host --seeds 1 --output json";
    let output = run(folder, line, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: Value =
        serde_json::from_slice(&std::fs::read(folder.join("lab/lab.json")).unwrap()).unwrap();
    assert_eq!(shown, written);
    assert_eq!(written["rows"][0]["ranks"][0], 1, "{}", written["rows"]);
    assert_eq!(written["rows"][0]["documents_found"], 1.0);
    assert_eq!(written["rows"].as_array().unwrap().len(), 2);
    let names = std::fs::read_dir(folder.join("lab")).unwrap().map(|e| e.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["lab.json", "lab.svg"]);
    assert_eq!(std::fs::read(folder.join("data/part-00000.parquet")).unwrap(), before);
    assert_eq!(code(&run(folder, "lab data --out lab --recipes poison", &[])), 2);
    assert_eq!(code(&run(folder, "lab data --out data/lab", &[])), 2);
}
