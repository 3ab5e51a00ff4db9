//! What is done with findings after an audit: removal lists, comparisons, verdicts, provenance.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use taster_ngrams::{Span, Tokenizer, Words};
use taster_planning::Parameters;
use taster_storage::{Frozen, Want, freeze};
use tempfile::TempDir;

/// The demonstration (`sample`, `planted`, `audit`), and audits with digests of documents of the
/// sample (`old`) and of the planted corpus (`new`).
fn demo() -> &'static Path {
    static DEMO: OnceLock<TempDir> = OnceLock::new();
    DEMO.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for line in [
            "demo --out . --quiet",
            "audit sample --out old --documents --fail-on never --quiet",
            "audit planted --out new --documents --fail-on never --quiet",
        ] {
            expect(folder.path(), line, 0);
        }
        folder
    })
    .path()
}

fn run(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taster"));
    command.current_dir(folder).env_clear().args(line.split_whitespace());
    command.output().unwrap()
}

/// Standard output and standard error of a run that ends with `code`.
fn expect(folder: &Path, line: &str, code: i32) -> (String, String) {
    let output = run(folder, line);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}\n{stdout}\n{stderr}");
    (stdout, stderr)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// One document as the inputs have it.
struct Document {
    shard: String,
    id: String,
    text: Option<String>,
}

/// All documents of the planted corpus.
fn planted() -> Vec<Document> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inputs = [demo().join("planted").display().to_string()];
    let parameters = Parameters::default();
    let Frozen { manifest, sources } = freeze(&inputs, &parameters, runtime.handle()).unwrap();
    let mut documents = Vec::new();
    for (ord, shard) in (0..).zip(&manifest.shards) {
        let groups = 0..shard.row_groups.len() as u32;
        let want = Want { axes: false, ids: true };
        let mut stream = sources.documents(ord, shard, groups, want, &parameters.limits).unwrap();
        while let Some(batch) = stream.next_batch().unwrap() {
            documents.extend((0..batch.len()).map(|index| Document {
                shard: shard.key.clone(),
                id: batch.id(index).into_owned(),
                text: batch.text(index).map(str::to_owned),
            }));
        }
    }
    documents
}

/// Whether a text holds the tokens, looked up in the dullest way.
fn holds(text: &str, tokens: &[String]) -> bool {
    let mut spans: Vec<Span> = Vec::new();
    Words.spans(text, &mut spans);
    let own: Vec<&str> =
        spans.iter().map(|span| &text[span.start as usize..span.end as usize]).collect();
    own.windows(tokens.len()).any(|window| window == tokens)
}

fn tokens_of(rank: usize) -> Vec<String> {
    let report = json(&demo().join("audit/report.json"));
    let tokens = report["findings"][rank - 1]["tokens"].as_array().unwrap().clone();
    tokens.into_iter().map(|token| token.as_str().unwrap().to_owned()).collect()
}

#[test]
fn removal_lists_hold_exactly_the_documents_that_hold_the_finding() {
    let folder = demo();
    let documents = planted();
    let report = json(&folder.join("audit/report.json"));
    let last = report["findings"].as_array().unwrap().len();
    for rank in [1, 2, 3, last] {
        let tokens = tokens_of(rank);
        let expected: BTreeSet<&str> = documents
            .iter()
            .filter(|d| d.text.as_deref().is_some_and(|text| holds(text, &tokens)))
            .map(|d| d.id.as_str())
            .collect();
        let (ids, _) = expect(folder, &format!("export audit --format ids --finding {rank}"), 0);
        assert_eq!(ids.lines().collect::<BTreeSet<_>>(), expected, "rank {rank}");
        assert!(expected.len() >= 10);
    }
}

#[test]
fn positions_and_attributes_follow_the_rows() {
    let folder = demo();
    let tokens = tokens_of(1);
    expect(folder, "export audit --format datatrove --finding 1 --to trove", 0);
    expect(folder, "export audit --format dolma --finding 1 --to dolma", 0);
    let mut shards: BTreeMap<String, Vec<Document>> = BTreeMap::new();
    for document in planted() {
        shards.entry(document.shard.clone()).or_default().push(document);
    }
    let paths: String = shards.keys().map(|key| format!("{key}\n")).collect();
    assert_eq!(std::fs::read_to_string(folder.join("trove/paths.txt")).unwrap(), paths);
    let mut removed = 0;
    for (rank, (key, documents)) in shards.iter().enumerate() {
        let with_text = documents.iter().filter_map(|d| d.text.as_deref());
        let with_text = with_text.filter(|text| !text.is_empty());
        let positions = with_text.enumerate().filter(|(_, text)| holds(text, &tokens));
        let expected: Vec<u8> =
            positions.flat_map(|(position, _)| (position as u32).to_le_bytes()).collect();
        let found = std::fs::read(folder.join(format!("trove/{rank:06}.remove"))).unwrap();
        assert_eq!(found, expected, "{key}");
        removed += found.len() / 4;
        let stem = key.trim_end_matches(".parquet");
        let path = folder.join(format!("dolma/attributes/taster/{stem}.jsonl.gz"));
        let file = std::fs::File::open(path).unwrap();
        let lines = std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), documents.len());
        for (line, document) in lines.iter().zip(documents) {
            assert_eq!(line["id"], document.id);
            let text = document.text.as_deref().unwrap_or_default();
            let spans = line["attributes"]["taster__findings__span"].as_array().unwrap();
            assert_eq!(!spans.is_empty(), holds(text, &tokens));
            for span in spans {
                let (start, end) = (span[0].as_u64().unwrap(), span[1].as_u64().unwrap());
                let cut: String =
                    text.chars().skip(start as usize).take((end - start) as usize).collect();
                assert!(holds(&cut, &tokens), "{cut}");
            }
        }
    }
    assert!(removed >= 10);
}

#[test]
fn positions_in_other_texts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("planted");
    std::fs::create_dir(&copy).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(demo().join("planted"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().ends_with(".parquet"))
        .collect();
    names.sort();
    // Each shard is now what another one was.
    for (name, other) in names.iter().zip(names.iter().rev()) {
        std::fs::copy(demo().join("planted").join(other), copy.join(name)).unwrap();
    }
    let audit = demo().join("audit").display().to_string();
    let line = format!("export {audit} --format datatrove --input planted --to trove");
    let (_, stderr) = expect(folder.path(), &line, 2);
    assert!(stderr.contains("expected the shard that was audited"), "{stderr}");
}

#[test]
fn sarif_and_triggers_are_written_to_files_and_streams() {
    let folder = demo();
    let (stdout, stderr) = expect(folder, "export audit --format triggers --severity medium", 0);
    let first: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["tokens"], serde_json::json!(tokens_of(1)));
    assert!(!first["examples"].as_array().unwrap().is_empty());
    assert!(stderr.contains("findings with"), "{stderr}");
    expect(folder, "export audit --format sarif --to out.sarif", 0);
    let sarif = json(&folder.join("out.sarif"));
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["name"], "taster");
    for (line, said) in [
        ("export audit --format nemo", "--to FOLDER"),
        ("export audit --format ids --finding 99999", "99999"),
        ("export audit --format ids --campaign 99999", "99999"),
        ("export nowhere --format ids", "nowhere"),
        ("explain audit zzzz", "zzzz"),
    ] {
        let (_, stderr) = expect(folder, line, 2);
        assert!(stderr.contains(said), "{line}: {stderr}");
    }
    assert!(!folder.join("nowhere").exists(), "looking must not create");
}

#[test]
fn explain_says_why_where_and_what_next() {
    let folder = demo();
    let (shown, _) = expect(folder, "explain audit 1", 0);
    for part in ["why, and what speaks against it", "in context", "taster export audit"] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let (account, _) = expect(folder, "explain audit 1 --output json", 0);
    let account: Value = serde_json::from_str(&account).unwrap();
    let id = account["finding"]["finding_id"].as_str().unwrap();
    let in_shards: u64 =
        account["shards"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(Some(in_shards), account["finding"]["document_frequency"].as_u64());
    let (by_id, _) = expect(folder, &format!("explain audit {} --output json", &id[..6]), 0);
    assert_eq!(serde_json::from_str::<Value>(&by_id).unwrap(), account);
}

#[test]
fn diff_tells_new_findings_and_documents_that_changed() {
    let folder = demo();
    let (same, _) = expect(folder, "diff new new", 0);
    assert!(same.contains("findings: 0 new, 0 gone, 0 changed"), "{same}");
    assert!(same.contains("0 documents with another text"), "{same}");
    let (difference, _) = expect(folder, "diff old new --output json", 1);
    let difference: Value = serde_json::from_str(&difference).unwrap();
    let top = json(&folder.join("new/report.json"))["findings"][0]["finding_id"].clone();
    let changes = difference["findings"].as_array().unwrap();
    assert!(changes.iter().any(|c| c["finding_id"] == top && c["change"] == "new"));
    assert!(!difference["shards"].as_array().unwrap().is_empty());
    // The demonstration poisons documents in place: other texts under the same names.
    assert!(difference["documents"]["changed"].as_u64().unwrap() >= 100, "{difference}");
    expect(folder, "diff old new --fail-on never", 0);
    expect(folder, "diff new old", 0);
    let (without, _) = expect(folder, "diff audit new", 0);
    assert!(without.contains("not compared (audit with --documents)"), "{without}");
}

#[test]
fn baselines_and_suppressions_change_the_verdict_and_no_file() {
    let folder = demo();
    let before = std::fs::read(folder.join("audit/report.json")).unwrap();
    // The demonstration looks for nothing by name.
    let audit = "audit planted --out verdict --quiet --result-file r.json --output jsonl \
                 --signatures none";
    let (all, _) = expect(folder, audit, 1);
    let (none, _) = expect(folder, &format!("{audit} --baseline audit"), 0);
    assert!(!all.is_empty() && none.is_empty(), "{none}");
    let result = json(&folder.join("r.json"));
    assert_eq!(result["baseline_findings"].as_u64().unwrap(), all.lines().count() as u64);
    let ids: Vec<String> = all
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|f| f["severity"] == "high" || f["severity"] == "critical")
        .map(|f| f["finding_id"].as_str().unwrap().to_owned())
        .collect();
    for (expires, code, said) in [("9999-12-31", 0, ""), ("2020-01-01", 1, "expired on 2020-01-01")]
    {
        let entry = |id: &String| {
            format!("[[suppress]]\nid = \"{id}\"\nreason = \"r\"\nexpires = {expires}\n")
        };
        std::fs::write(folder.join("s.toml"), ids.iter().map(entry).collect::<String>()).unwrap();
        let (_, stderr) = expect(folder, &format!("{audit} --suppressions s.toml"), code);
        assert!(stderr.contains(said), "{stderr}");
        let suppressed = json(&folder.join("r.json"))["suppressed_findings"].as_u64().unwrap();
        assert_eq!(suppressed, if code == 0 { ids.len() as u64 } else { 0 });
    }
    assert_eq!(std::fs::read(folder.join("verdict/report.json")).unwrap(), before);
    for (more, said) in [
        ("--baseline nowhere", "nowhere"),
        ("--suppressions nowhere.toml", "nowhere.toml"),
        ("--suppressions r.json", "r.json"),
    ] {
        let output = run(folder, &format!("{audit} {more}"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() != Some(0) && stderr.contains(said), "{more}: {stderr}");
    }
}

#[test]
fn provenance_is_written_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sample = demo().join("sample").display().to_string();
    let line = format!(
        "audit {sample} --out a --quiet --fail-on never --statement s.json --openlineage l.ndjson"
    );
    expect(folder, &line, 0);
    let statement = json(&folder.join("s.json"));
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    let subjects = statement["subject"].as_array().unwrap();
    assert!(subjects.iter().any(|s| s["name"] == "report.json"));
    assert!(subjects.iter().all(|s| s["digest"]["sha256"].as_str().unwrap().len() == 64));
    let missing = format!("audit {sample}/none --out b --quiet --openlineage l.ndjson");
    expect(folder, &missing, 2);
    let events: Vec<Value> = std::fs::read_to_string(folder.join("l.ndjson"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let types: Vec<_> = events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(types, ["START", "COMPLETE", "START", "FAIL"]);
    assert_eq!(events[0]["run"], events[1]["run"]);
    assert_ne!(events[0]["run"], events[2]["run"]);
}

#[test]
fn the_doctor_completions_and_manual_pages() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (checks, _) = expect(folder, "doctor --store work --output json", 0);
    let checks: Value = serde_json::from_str(&checks).unwrap();
    let of = |name: &str| checks.as_array().unwrap().iter().find(|c| c["check"] == name).unwrap();
    for name in ["write", "read", "read a range", "list", "create only", "clock", "delete"] {
        assert_eq!(of(name)["state"], "ok", "{checks}");
    }
    assert_eq!(std::fs::read_dir(folder.join("work")).unwrap().count(), 0, "nothing is left");
    expect(folder, "doctor --store ftp://x/y", 2);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (script, _) = expect(folder, &format!("completions {shell}"), 0);
        assert!(script.contains("suppressions") && script.contains("explain"), "{shell}");
    }
    let (page, _) = expect(folder, "man", 0);
    assert!(page.contains(".TH taster 1"), "{}", &page[..200]);
    expect(folder, "man --out pages", 0);
    let audit = std::fs::read_to_string(folder.join("pages/taster-audit.1")).unwrap();
    assert!(audit.contains("fail\\-on"), "{audit}");
}
