//! Where a command reads and writes.

use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Where task outputs are kept if nothing is said: hidden, so that it is never taken for input.
const LOCAL_WORK: &str = ".taster-work";
const URL_WORK: &str = ".work";

fn is_url(location: &str) -> bool {
    location.contains("://")
}

/// The work location that belongs to an output location.
pub fn default_work(out: &str) -> String {
    if is_url(out) {
        return format!("{}/{URL_WORK}", out.trim_end_matches('/'));
    }
    Path::new(out).join(LOCAL_WORK).display().to_string()
}

/// The folder that a location names; `None` for a store.
pub fn local_folder(location: &str) -> Option<PathBuf> {
    local(location).ok()
}

/// An input as it reads from any folder: local paths, also those of lists, are made absolute.
pub fn absolute_input(input: &str) -> String {
    let absolute = |path: &str| match std::path::absolute(path) {
        Ok(absolute) => absolute.display().to_string(),
        Err(_) => path.to_owned(),
    };
    match input.strip_prefix('@') {
        _ if is_url(input) => input.to_owned(),
        Some(list) => format!("@{}", absolute(list)),
        None => absolute(input),
    }
}

/// How a shard is reached: `file`, `s3`, …
pub fn scheme(location: &str) -> &str {
    location.split_once("://").map_or("file", |(scheme, _)| scheme)
}

/// Refuses an output that the next audit of the same inputs would take for a part of them.
///
/// # Errors
/// `out` is inside a folder or prefix that is an input.
pub fn refuse_output_among(inputs: &[String], out: &str) -> Result<(), CliError> {
    match inputs.iter().find(|input| holds(input, out)) {
        None => Ok(()),
        Some(input) => Err(CliError::Usage(format!(
            "out: expected a place outside of the inputs, got {out:?} in {input:?}, where the next audit would read it"
        ))),
    }
}

fn holds(input: &str, out: &str) -> bool {
    let (input, out) = (local(input), local(out));
    match (input, out) {
        (Ok(input), Ok(out)) if input.is_dir() => below(&resolved(&input), &resolved(&out)),
        (Err(input), Err(out)) => below(Path::new(input), Path::new(out)),
        _ => false,
    }
}

/// Whether `out` is `folder` or in it, where an audit looks: not behind `.` or `_`.
fn below(folder: &Path, out: &Path) -> bool {
    let Ok(rest) = out.strip_prefix(folder) else {
        return false;
    };
    let hidden = |step: std::path::Component<'_>| {
        let step = step.as_os_str().to_string_lossy();
        step.starts_with('.') || step.starts_with('_')
    };
    !rest.components().any(hidden)
}

fn local(location: &str) -> Result<PathBuf, &str> {
    match location.strip_prefix("file://") {
        Some(path) => Ok(path.into()),
        None if is_url(location) => Err(location),
        None => Ok(location.into()),
    }
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        _ => absolute,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn work_is_hidden_beside_the_output() {
        assert_eq!(default_work("out/"), "out/.taster-work");
        assert_eq!(default_work("s3://b/audit/"), "s3://b/audit/.work");
    }

    #[test]
    fn inputs_become_absolute() {
        let here = std::env::current_dir().unwrap().display().to_string();
        assert_eq!(absolute_input("data/*.parquet"), format!("{here}/data/*.parquet"));
        assert_eq!(absolute_input("@list.txt"), format!("@{here}/list.txt"));
        assert_eq!(absolute_input("s3://b/x"), "s3://b/x");
        assert_eq!(
            [scheme("/data/a.parquet"), scheme("s3://b/a"), scheme("file:///d")],
            ["file", "s3", "file"]
        );
    }

    #[test]
    fn outputs_inside_inputs_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("data");
        std::fs::create_dir_all(&input).unwrap();
        let input = input.display().to_string();
        let refused = |out: &str| refuse_output_among(std::slice::from_ref(&input), out).is_err();
        assert!(refused(&input));
        assert!(refused(&format!("{input}/new/out")));
        assert!(refused(&format!("file://{input}/out")));
        assert!(refused(&format!("{input}/../data/out")));
        assert!(!refused(&format!("{input}/.out")));
        assert!(!refused(&format!("{input}-out")));
        assert!(!refused("s3://bucket/out"));
        let s3 = ["s3://b/c/".to_owned()];
        assert!(refuse_output_among(&s3, "s3://b/c/audit").is_err());
        assert!(refuse_output_among(&s3, "s3://b/caudit").is_ok());
    }
}
