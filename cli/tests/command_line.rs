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
    assert_eq!(stderr(&refused), "taster: error: memory: expected at least 64MiB, got 1048576 bytes\n");
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
    std::fs::write(folder.join("taster.toml"), "result-file = \"r.json\"\noutput = \"json\"").unwrap();
    let output = run(folder, "plan data", &[]);
    assert_eq!(code(&output), 0);
    assert_eq!(result(folder)["command"], "plan");
    assert!(serde_json::from_slice::<Value>(&output.stdout).unwrap().is_object());
}

#[test]
fn a_closed_pipe_ends_nothing() {
    let folder = folder();
    for line in ["plan data", "plan data --output json", "--help"] {
        let mut child = taster(folder.path(), line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), expected);
        assert!(stderr(&output).contains("run the same command again"), "{}", stderr(&output));
        assert_eq!(result(folder.path())["exit_code"], expected);
    }
}
