//! The result file: how a command ended, for scripts, on every exit.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use taster_exchange::suppression::ExceptionsOutcome;

use crate::error::CliError;

/// Version of the file's layout; rises when a reader would have to change.
pub const SCHEMA_VERSION: u32 = 1;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultRecord {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of this program.
    pub taster_version: &'static str,
    /// The command, if the command line could be read.
    pub command: Option<&'static str>,
    /// The process's exit code.
    pub exit_code: u8,
    /// The same in a word: clean, findings, usage, incomplete, infrastructure, interrupted,
    /// terminated.
    pub outcome: &'static str,
    /// The error, or how to go on.
    pub message: Option<String>,
    /// From start to end.
    pub seconds: f64,
    /// What an audit found; absent if none was completed.
    #[serde(flatten)]
    pub summary: Option<Summary>,
}

/// What an audit found, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Where the report is.
    pub out: String,
    /// Documents read.
    pub documents: i64,
    /// Tokens in them.
    pub tokens: i64,
    /// Findings by severity; all severities are there.
    pub findings: BTreeMap<&'static str, u64>,
    /// Shards that could not be read.
    pub quarantined_shards: u64,
    /// Findings among them that `--suppressions` excuses from the verdict.
    pub suppressed_findings: u64,
    /// Other findings among them that `--baseline` has.
    pub baseline_findings: u64,
}

impl Summary {
    /// The same with what baselines and suppressions excuse.
    #[must_use]
    pub fn with(mut self, exceptions: &ExceptionsOutcome) -> Self {
        self.suppressed_findings = exceptions.suppressed;
        self.baseline_findings = exceptions.known;
        self
    }
}

/// The file asked for by flag or environment, also where the rest of the command line cannot be
/// read.
pub fn requested(arguments: &[OsString], environment: Option<OsString>) -> Option<PathBuf> {
    let mut options = arguments.iter().skip(1).take_while(|argument| *argument != "--");
    while let Some(argument) = options.next() {
        if argument == "--result-file" {
            return options.next().map(PathBuf::from);
        }
        if let Some(file) = argument.to_str().and_then(|text| text.strip_prefix("--result-file=")) {
            return Some(PathBuf::from(file));
        }
    }
    environment.filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// Writes the file: under another name first, so that nobody reads half of it, except where it
/// is a pipe or a device.
///
/// # Errors
/// The operating system's.
pub fn write(path: &Path, record: &ResultRecord) -> Result<(), CliError> {
    let error = |source| CliError::File { action: "write", path: path.to_owned(), source };
    let mut json =
        serde_json::to_vec_pretty(record).map_err(|e| CliError::Internal(e.to_string()))?;
    json.push(b'\n');
    let special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    if special {
        let file = std::fs::OpenOptions::new().write(true).open(path);
        return file.and_then(|mut file| file.write_all(&json)).map_err(error);
    }
    let mut staged = path.as_os_str().to_owned();
    staged.push(format!(".{}.part", std::process::id()));
    let staged = PathBuf::from(staged);
    let written = std::fs::write(&staged, &json).and_then(|()| std::fs::rename(&staged, path));
    written.map_err(|source| {
        // It may not be there; the first error is the one to tell.
        let _ = std::fs::remove_file(&staged);
        error(source)
    })
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub fn read(path: &Path) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_file_is_found_on_a_broken_command_line() {
        let requested = |line: &str, environment: Option<&str>| {
            let arguments: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            requested(&arguments, environment.map(Into::into))
        };
        assert_eq!(requested("taster frob --result-file r --bad", None), Some("r".into()));
        assert_eq!(requested("taster --result-file=r", Some("e")), Some("r".into()));
        assert_eq!(requested("taster audit", Some("e")), Some("e".into()));
        assert_eq!(requested("taster audit", Some("")), None);
        assert_eq!(requested("taster audit -- --result-file r", None), None);
        assert_eq!(requested("taster audit --result-file", None), None);
    }

    #[test]
    fn the_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        let mut record = ResultRecord {
            schema_version: SCHEMA_VERSION,
            taster_version: "1",
            command: Some("audit"),
            exit_code: 1,
            outcome: "findings",
            message: None,
            seconds: 1.5,
            summary: Some(Summary {
                out: "o".into(),
                documents: 3,
                tokens: 9,
                findings: BTreeMap::from([("high", 2)]),
                quarantined_shards: 0,
                suppressed_findings: 0,
                baseline_findings: 0,
            }),
        };
        write(&path, &record).unwrap();
        assert_eq!(read(&path)["findings"]["high"], 2);
        record.summary = None;
        write(&path, &record).unwrap();
        assert_eq!(read(&path).get("findings"), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write(&folder.path().join("no/such/folder.json"), &record).is_err());
    }
}
