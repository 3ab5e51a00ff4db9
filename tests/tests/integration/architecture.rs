//! What the packages promise each other, read from their manifests and sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::Table;

use taster_tests::places::repository;

/// Packages of the workspace that each package may depend on.
const ARROWS: [(&str, &[&str]); 15] = [
    ("ngrams", &[]),
    ("findings", &["ngrams"]),
    ("exchange", &["findings"]),
    ("planning", &[]),
    ("storage", &["ngrams", "planning"]),
    ("page", &["findings", "planning"]),
    ("tasks", &["ngrams", "findings", "planning", "page", "storage"]),
    ("process", &[]),
    ("proto", &["planning"]),
    ("coordinator", &["planning", "storage", "process", "proto", "tasks"]),
    ("worker", &["planning", "storage", "process", "proto", "tasks"]),
    ("lab", &["ngrams", "planning", "storage", "tasks"]),
    (
        "cli",
        &[
            "ngrams", "findings", "exchange", "planning", "storage", "tasks", "process", "proto",
            "lab",
        ],
    ),
    ("bench", &["ngrams", "findings", "planning", "storage", "tasks", "lab", "cli"]),
    (
        "tests",
        &[
            "ngrams",
            "findings",
            "exchange",
            "planning",
            "page",
            "storage",
            "tasks",
            "process",
            "proto",
            "coordinator",
            "worker",
            "lab",
            "cli",
        ],
    ),
];

/// Dependencies that do I/O, and who may name them. `tests` may name anything.
const DOORS: [(&str, &[&str]); 5] = [
    ("object_store", &["storage", "tests"]),
    ("parquet", &["storage", "tests"]),
    (
        "tokio",
        &["storage", "tasks", "process", "coordinator", "worker", "lab", "cli", "bench", "tests"],
    ),
    // A server to measure against.
    ("s3s", &["bench", "tests"]),
    ("s3s-fs", &["bench", "tests"]),
];

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 70;

fn manifest(folder: &str) -> Table {
    let path = repository().join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names in the dependency tables called `tables`, for every platform.
fn dependencies(manifest: &Table, tables: &[&str]) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(|t| t.values()).filter_map(|t| t.as_table());
    let owners = std::iter::once(manifest).chain(targets);
    let found = owners.flat_map(|owner| tables.iter().filter_map(|name| owner.get(*name)));
    found.filter_map(toml::Value::as_table).flat_map(|t| t.keys().cloned()).collect()
}

fn members() -> Vec<String> {
    let root = manifest(".");
    let members = root["workspace"]["members"].as_array().unwrap();
    members.iter().map(|m| m.as_str().unwrap().to_owned()).collect()
}

#[test]
fn arrows_between_packages_are_the_allowed_ones() {
    let named: Vec<_> = ARROWS.iter().map(|(package, _)| *package).collect();
    let mut members = members();
    for package in &members {
        assert!(named.contains(&package.as_str()), "say what {package} may depend on");
    }
    members.retain(|package| named.contains(&package.as_str()));
    assert_eq!(members.len(), ARROWS.len());
    for (package, allowed) in ARROWS {
        let tables = ["dependencies", "build-dependencies", "dev-dependencies"];
        for dependency in dependencies(&manifest(package), &tables) {
            if let Some(other) = dependency.strip_prefix("taster-") {
                assert!(allowed.contains(&other), "{package} must not depend on {other}");
            }
        }
    }
}

#[test]
fn only_some_packages_do_input_and_output() {
    for (package, _) in ARROWS {
        let found = dependencies(&manifest(package), &["dependencies", "build-dependencies"]);
        for (dependency, allowed) in DOORS {
            let fine = !found.contains(dependency) || allowed.contains(&package);
            assert!(fine, "{package} must not depend on {dependency}");
        }
    }
}

#[test]
fn versions_are_written_once() {
    for package in members() {
        let manifest = manifest(&package);
        assert!(manifest.contains_key("lints"), "{package} must take the workspace's lints");
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(table).and_then(toml::Value::as_table);
            for (name, value) in table.into_iter().flatten() {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(inherited, Some(true), "{package}: {name} has a version of its own");
            }
        }
    }
}

#[test]
fn there_is_one_version_of_each_base_library() {
    let text = std::fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let lock: Table = text.parse().unwrap();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let text = |key: &str| package[key].as_str().unwrap();
        versions.entry(text("name")).or_default().insert(text("version"));
    }
    for name in
        ["arrow", "arrow-array", "arrow-schema", "parquet", "object_store", "bytes", "tokio"]
    {
        assert_eq!(versions[name].len(), 1, "{name}: {:?}", versions[name]);
    }
    for name in ["tonic", "prost", "hyper", "rustls"] {
        assert!(versions.get(name).is_none_or(|v| v.len() == 1), "{name}: {:?}", versions[name]);
    }
    assert!(!versions.contains_key("openssl"), "TLS is rustls");
}

/// A Rust file of a package, from the root of the repository, with its lines.
struct Source {
    name: String,
    lines: Vec<String>,
    /// Lines before the first test module.
    product_lines: usize,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let opens_tests =
            |at: &usize| lines[*at].trim() == "#[cfg(test)]" && lines[at + 1].ends_with('{');
        let tests = (0..lines.len().saturating_sub(1)).find(opens_tests);
        let name = path.strip_prefix(repository()).unwrap().display().to_string();
        Self { name, product_lines: tests.unwrap_or(lines.len()), lines }
    }

    /// Paths of the modules that this file declares for tests alone, without their ending.
    fn test_modules(&self) -> Vec<String> {
        let path = self.name.trim_end_matches(".rs");
        let folder = match path.rsplit_once('/') {
            Some((folder, "lib" | "main" | "mod")) => folder,
            _ => path,
        };
        let pairs = self.lines.iter().zip(self.lines.iter().skip(1));
        let declared = pairs.filter(|(above, _)| above.trim() == "#[cfg(test)]");
        let names =
            declared.filter_map(|(_, line)| line.trim().strip_suffix(';')?.split("mod ").nth(1));
        names.map(|name| format!("{folder}/{name}")).collect()
    }

    fn product(&self) -> &[String] {
        &self.lines[..self.product_lines]
    }

    /// First line, length and name of every function of the product.
    fn functions(&self) -> Vec<(usize, usize, &str)> {
        let lines = self.product();
        let mut functions = Vec::new();
        for (start, line) in lines.iter().enumerate() {
            let Some(name) = function_name(line) else {
                continue;
            };
            let indent = &line[..line.len() - line.trim_start().len()];
            let ends = |at: &usize| {
                let line = &lines[*at];
                line.starts_with(&format!("{indent}}}"))
                    || line.trim_end() == format!("{indent};")
                    || (*at == start && line.trim_end().ends_with([';', '}']))
            };
            let end = (start..lines.len()).find(ends).unwrap_or(lines.len() - 1);
            functions.push((start + 1, end - start + 1, name));
        }
        functions
    }
}

/// The name of the function that a line opens.
fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let modifier = |word: &str| {
        word.starts_with("pub")
            || ["default", "const", "async", "unsafe", "extern", "in"].contains(&word)
    };
    let word =
        words.find(|word| !modifier(word) && !word.starts_with('"') && !word.ends_with(')'))?;
    let name = (word == "fn").then(|| words.next()).flatten()?;
    name.split(['(', '<']).next()
}

/// All Rust files of the packages but those that are tests as a whole.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for package in members() {
        for folder in ["src", "examples", "benches"] {
            rust_files(&repository().join(&package).join(folder), &mut files);
        }
    }
    files.sort();
    let mut sources: Vec<_> = files.iter().map(|file| Source::read(file)).collect();
    let tests: BTreeSet<_> = sources.iter().flat_map(Source::test_modules).collect();
    sources.retain(|source| !tests.contains(source.name.trim_end_matches(".rs")));
    assert!(sources.len() > 50, "only {} files were found", sources.len());
    sources
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Fails with all of `faults`, so that they can be mended in one go.
fn assert_none(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}:\n{}", faults.join("\n"));
}

#[test]
fn files_and_functions_are_short() {
    let (mut faults, mut lengths) = (Vec::new(), Vec::new());
    for source in sources() {
        if source.product_lines > LONGEST_FILE {
            faults
                .push(format!("{}: {} lines before its tests", source.name, source.product_lines));
        }
        for (line, length, name) in source.functions() {
            lengths.push(length);
            if length > LONGEST_FUNCTION {
                faults.push(format!("{}:{line}: {name} has {length} lines", source.name));
            }
        }
    }
    assert_none("too long", &faults);
    lengths.sort_unstable();
    let (median, p90) = (lengths[lengths.len() / 2], lengths[lengths.len() * 9 / 10]);
    assert!(
        median <= 8 && p90 <= 30,
        "median {median}, 90th percentile {p90} of {}",
        lengths.len()
    );
}

#[test]
fn nothing_is_left_for_later_and_nothing_unwraps() {
    // In pieces, so that this file does not find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let calls = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!(".unw", "rap()")];
    let mut faults = Vec::new();
    for source in sources() {
        let harness = source.name.starts_with("tests/");
        for (at, line) in source.lines.iter().enumerate() {
            let words = || line.split(|c: char| !c.is_alphanumeric());
            let marked = marks.iter().any(|mark| words().any(|word| word == *mark));
            let product = at < source.product_lines && !harness && !line.trim().starts_with("//");
            if marked || (product && calls.iter().any(|call| line.contains(call))) {
                faults.push(format!("{}:{}: {}", source.name, at + 1, line.trim()));
            }
        }
    }
    assert_none("left for later, or unwrapped", &faults);
}

#[test]
fn names_say_what_is_inside() {
    let empty =
        ["utils", "util", "common", "helpers", "helper", "types", "manager", "misc", "core"];
    let named = |source: &Source| {
        let stem = Path::new(&source.name).file_stem().unwrap().to_str().unwrap().to_owned();
        let folders = source.name.split('/').map(str::to_owned);
        folders.chain([stem]).any(|part| empty.contains(&part.as_str()))
    };
    let faults: Vec<_> = sources().iter().filter(|s| named(s)).map(|s| s.name.clone()).collect();
    assert_none("names that say nothing", &faults);
}

#[test]
fn pure_packages_have_their_bans() {
    for package in ["ngrams", "findings", "exchange", "planning", "page"] {
        let path = repository().join(package).join("clippy.toml");
        let bans: Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for list in ["disallowed-types", "disallowed-methods"] {
            let list = bans[list].as_array().unwrap();
            assert!(list.iter().all(|ban| ban.get("reason").is_some()), "{package}");
        }
        let paths = bans["disallowed-types"].as_array().unwrap().iter();
        let paths: Vec<_> = paths.filter_map(|ban| ban["path"].as_str()).collect();
        for banned in [
            "std::time::Instant",
            "std::time::SystemTime",
            "std::collections::HashMap",
            "std::collections::HashSet",
        ] {
            assert!(paths.contains(&banned), "{package} must ban {banned}");
        }
    }
}

/// Files under version control; without git, whatever is there beside build outputs.
fn tracked() -> Vec<PathBuf> {
    let root = repository();
    let list = Command::new("git").args(["ls-files", "-z"]).current_dir(&root).output();
    if let Ok(list) = list
        && list.status.success()
    {
        let names = String::from_utf8(list.stdout).unwrap();
        let names = names.split('\0').filter(|name| !name.is_empty());
        return names.map(|name| root.join(name)).filter(|path| path.is_file()).collect();
    }
    sources().iter().map(|source| root.join(&source.name)).collect()
}

#[test]
fn no_text_names_a_machine_or_a_registry() {
    let foreign = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/fa", "rm/"),
        concat!("/ho", "me/"),
        concat!("/tmp/", "bash_jobs"),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
        concat!("proxy.", "golang.org"),
        concat!("files.", "pythonhosted.org"),
    ];
    let mut faults = Vec::new();
    let files = tracked();
    assert!(files.len() > 50);
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        for (at, line) in text.lines().enumerate() {
            if foreign.iter().any(|part| line.contains(part)) {
                faults.push(format!("{}:{}: {line}", file.display(), at + 1));
            }
        }
    }
    assert_none("paths of one machine or hosts of registries", &faults);
}

#[test]
fn functions_are_measured_as_a_reader_would() {
    let names = [
        ("fn a() {", Some("a")),
        ("    pub(crate) async fn b<T>(", Some("b")),
        ("pub const fn c(self) -> u8 { 1 }", Some("c")),
        ("// fn d() {", None),
        ("let fn_e = 1;", None),
        ("    pub(in crate::x) fn f() {", Some("f")),
    ];
    for (line, name) in names {
        assert_eq!(function_name(line), name, "{line}");
    }
}
