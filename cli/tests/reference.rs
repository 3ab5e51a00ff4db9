//! `docs/reference.md` is what the program says of itself: this test makes it from the help of every
//! command, from the files of a small audit and from the metrics that the servers register, and
//! compares. `TASTER_REGENERATE=1 cargo test -p taster-cli --test reference` writes it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::datatypes::DataType;
use serde_json::Value;
use taster_storage::{Store, TableReader};
use tempfile::TempDir;

const INTRODUCTION: &str = "\
# Reference

Generated from the program: `TASTER_REGENERATE=1 cargo test -p taster-cli --test reference` writes this page, and a test
fails where it says something else than the code. [guide.md](guide.md) leads through a first audit.

";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn taster(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taster"));
    let output = command.current_dir(folder).env_clear().args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// An audit of the shipped sample with everything that can be asked for.
fn audit() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    for (name, bytes) in taster_lab::demo_sample_files() {
        std::fs::write(folder.path().join("data").join(name), bytes).unwrap();
    }
    let line = "audit data --out out --documents --fail-on never --quiet --result-file result.json";
    taster(folder.path(), &line.split(' ').collect::<Vec<_>>());
    folder
}

/// Names of the commands, as the overview has them.
fn commands(overview: &str) -> Vec<&str> {
    let listed = overview.split("Commands:\n").nth(1).unwrap();
    let listed = listed.lines().take_while(|line| line.starts_with("  "));
    // What is indented deeper goes on with the line before.
    listed
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

fn help(page: &mut String, folder: &Path) {
    let overview = taster(folder, &["--help"]);
    writeln!(page, "## Commands\n\n```text\n{overview}```\n").unwrap();
    for name in commands(&overview) {
        let help = taster(folder, &[name, "--help"]);
        writeln!(page, "### taster {name}\n\n```text\n{help}```\n").unwrap();
    }
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        DataType::Float64 => "double".into(),
        DataType::List(item) => format!("list of {}", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields =
                fields.iter().map(|f| format!("{} {}", f.name(), type_name(f.data_type())));
            format!("struct of {}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string().to_lowercase(),
    }
}

fn tables(page: &mut String, out: &Store) {
    writeln!(page, "## Tables\n\nAll open unchanged in DuckDB, Polars and pandas.\n").unwrap();
    for (name, what) in [
        ("findings.parquet", "one row per finding, by rank; `findings.jsonl` says the same"),
        ("occurrences.parquet", "up to 250 places of each finding, and the axes of this corpus"),
        ("finding_documents.parquet", "every document of every finding: what a removal goes by"),
        ("documents.parquet", "every document with a text, on request (`--documents`)"),
    ] {
        writeln!(page, "### {name}\n\n{what}\n\n| column | type |\n|---|---|").unwrap();
        let batch = TableReader::open(out, name).unwrap().unwrap().next().unwrap().unwrap();
        for field in batch.schema().fields() {
            let optional = if field.is_nullable() { " or null" } else { "" };
            let kind = type_name(field.data_type());
            writeln!(page, "| `{}` | {kind}{optional} |", field.name()).unwrap();
        }
        page.push('\n');
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null or string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

fn keys(page: &mut String, title: &str, what: &str, value: &Value) {
    writeln!(page, "### {title}\n\n{what}\n\n| key | type |\n|---|---|").unwrap();
    for (key, value) in value.as_object().unwrap() {
        writeln!(page, "| `{key}` | {} |", kind(value)).unwrap();
    }
    page.push('\n');
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(text.lines().next().filter(|l| l.len() > 1).unwrap_or(&text)).unwrap()
}

fn files(page: &mut String, folder: &Path) {
    page.push_str("## JSON files\n\n");
    let out = folder.join("out");
    let report = "the whole report; its schema is `findings/schema/report-v1.json`";
    keys(page, "report.json", report, &json(&out.join("report.json")));
    keys(page, "manifest.jsonl", "one line per shard", &json(&out.join("manifest.jsonl")));
    let run = "what differs from run to run, and nothing else does; no other file names a machine";
    keys(page, "run.json", run, &json(&out.join("run.json")));
    let result = "written by `--result-file` on every exit; keys from `out` on only if an audit was completed";
    keys(page, "result file", result, &json(&folder.join("result.json")));
}

/// Name and meaning of the metrics that a program registers, from its source.
fn metrics(program: &str) -> Vec<(String, String)> {
    let source = repository().join(program).join("src/metrics.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let product = source.split("#[cfg(test)]").next().unwrap();
    let mut found = Vec::new();
    let mut before = "";
    for call in product.split(".register(") {
        if !before.is_empty() {
            let mut quoted = call.split('"').skip(1).step_by(2);
            let name = quoted.next().unwrap().to_owned();
            // The help stands in the call, or in the variable before it.
            let arguments = call.split(");").next().unwrap();
            let help = match arguments.contains(", help,") {
                true => before.rsplit("let help =").next().unwrap().split('"').nth(1).unwrap(),
                false => quoted.next().unwrap(),
            };
            found.push((name, help.to_owned()));
        }
        before = call;
    }
    found
}

fn all_metrics(page: &mut String) {
    page.push_str("## Metrics\n\nCounters end in `_total`, facts in `_info`.\n\n");
    for (program, other) in [("coordinator", ""), ("worker", WORKER_STORES)] {
        writeln!(page, "### taster-{program}\n\n| metric | meaning |\n|---|---|").unwrap();
        for (name, help) in metrics(program) {
            writeln!(page, "| `taster_{name}` | {help} |").unwrap();
        }
        writeln!(page, "{other}").unwrap();
    }
}

/// What a worker collects when it is asked, checked below to stand in its source.
const WORKER_STORES: &str = "\
| `taster_store_requests` | Requests to stores and folders, by operation and outcome after retries |
| `taster_bytes_read` | Bytes read from stores and folders |
| `taster_bytes_written` | Bytes written to stores and folders |
| `taster_documents` | Documents decoded, some more than once |
| `taster_tokens` | Tokens cut for counting, some more than once |
";

#[test]
fn the_reference_says_what_the_program_says() {
    let audited = audit();
    let folder = audited.path();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let out = Store::open(&folder.join("out").display().to_string(), runtime.handle()).unwrap();
    let mut page = INTRODUCTION.to_owned();
    help(&mut page, folder);
    tables(&mut page, &out);
    files(&mut page, folder);
    all_metrics(&mut page);
    let page = format!("{}\n", page.trim_end());
    let path = repository().join("docs/reference.md");
    if std::env::var_os("TASTER_REGENERATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(page.lines()).position(|(a, b)| a != b);
    assert!(
        committed == page,
        "docs/reference.md differs from what the program says (first at line {differs:?}); \
         TASTER_REGENERATE=1 cargo test -p taster-cli --test reference writes it anew"
    );
}

#[test]
fn metrics_that_are_collected_on_demand_are_named_in_the_source() {
    let source = std::fs::read_to_string(repository().join("worker/src/metrics.rs")).unwrap();
    for line in WORKER_STORES.lines() {
        let (name, help) = line.split_once("` | ").unwrap();
        let (name, help) = (name.trim_start_matches("| `taster_"), help.trim_end_matches(" |"));
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
        assert!(source.contains(&format!("\"{help}\"")), "{help}");
    }
}
