//! Which places a client may name.
//!
//! Workers read and write what a submission names with *their* credentials, so a name is compared
//! with the prefixes that the operator allowed, step by step, before anything is asked of a store.
//! What could be read in two ways is refused: other schemes, hosts and ports, credentials, `..`,
//! escapes, lists (`@…`), relative paths. Links inside an allowed folder are followed.

use url::Url;

use crate::error::CoordinatorError;

/// Longest place, in bytes.
const PLACE_BYTES: usize = 2048;

/// Prefixes of places that may be read and written.
#[derive(Debug, Clone)]
pub struct AllowList {
    allowed: Vec<Place>,
    /// Records of audits lie here; a report must not.
    work: Option<Place>,
}

/// A root (`s3://bucket` or `file://`) and the steps below it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    bucket: Option<String>,
    steps: Vec<String>,
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > PLACE_BYTES {
            return Err(format!("expected 1 to {PLACE_BYTES} bytes, got {}", text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err("expected no control characters".to_owned());
        }
        match text.split_once("://") {
            Some(("s3" | "s3a", rest)) => Self::object(rest),
            Some(("file", _)) => Self::file(text),
            Some((scheme, _)) => {
                Err(format!("expected s3:// or an allowed folder, got {scheme:?}"))
            }
            None => Self::path(text),
        }
    }

    fn object(rest: &str) -> Result<Self, String> {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let starts = bucket.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || bucket.len() > 255 || !bucket.bytes().all(plain) || bucket.contains("..") {
            return Err("expected the name of a bucket, without user, host or port".to_owned());
        }
        // Asked for in a query, a place would be another one for some readers.
        if key.contains("?X-Amz") || key.contains("&X-Amz") {
            return Err("expected no signed query".to_owned());
        }
        Ok(Self { bucket: Some(bucket.to_owned()), steps: steps(key)? })
    }

    fn file(text: &str) -> Result<Self, String> {
        if text.contains('%') {
            return Err("expected a file:// URL without escapes".to_owned());
        }
        // A parser would resolve dots before anybody sees them.
        steps(text.trim_start_matches("file://"))?;
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        let path = url.to_file_path().map_err(|()| "expected file:///absolute/path")?;
        Self::path(path.to_str().ok_or("expected a path in UTF-8")?)
    }

    fn path(text: &str) -> Result<Self, String> {
        let below = text.strip_prefix('/').ok_or("expected a URL or an absolute path")?;
        Ok(Self { bucket: None, steps: steps(below)? })
    }

    fn is_below(&self, prefix: &Self) -> bool {
        self.bucket == prefix.bucket && self.steps.starts_with(&prefix.steps)
    }
}

/// The steps of a path or key. Slashes at the ends do not count.
fn steps(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim_matches('/');
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let step = |step: &str| match step {
        "" | "." | ".." => Err(format!("expected no {step:?} between slashes")),
        other => Ok(other.to_owned()),
    };
    text.split('/').map(step).collect()
}

impl AllowList {
    /// What lies below `prefixes`; if none are given, the bucket of the work store (nothing, if
    /// that is a folder).
    ///
    /// # Errors
    /// A prefix that is no place.
    pub fn new(work: &str, prefixes: Option<&[String]>) -> Result<Self, CoordinatorError> {
        let work = Place::parse(work).ok();
        let usage = |prefix: &str, reason: String| {
            CoordinatorError::Usage(format!("allow: {reason}, in {prefix:?}"))
        };
        let allowed = match prefixes {
            Some(prefixes) => {
                let place = |text: &String| Place::parse(text).map_err(|e| usage(text, e));
                prefixes.iter().map(place).collect::<Result<_, _>>()?
            }
            None => {
                let bucket = work.as_ref().and_then(|work| work.bucket.clone());
                let root = |bucket| Place { bucket: Some(bucket), steps: Vec::new() };
                bucket.map(root).into_iter().collect()
            }
        };
        Ok(Self { allowed, work })
    }

    /// Whether an input may be read.
    ///
    /// # Errors
    /// Why not. Names the input, shortened and escaped.
    pub fn input(&self, text: &str) -> Result<(), String> {
        self.place(text).map(|_| ()).map_err(|reason| told("input", text, &reason))
    }

    /// Whether a report may be written.
    ///
    /// # Errors
    /// Why not.
    pub fn output(&self, text: &str) -> Result<(), String> {
        let error = |reason: &str| told("out", text, reason);
        let place = self.place(text).map_err(|reason| error(&reason))?;
        if place.steps.iter().any(|step| step.contains(['*', '?', '['])) {
            return Err(error("expected one place, got a pattern"));
        }
        if self.work.as_ref().is_some_and(|work| place.is_below(work)) {
            return Err(error("expected a place outside of the work store"));
        }
        Ok(())
    }

    fn place(&self, text: &str) -> Result<Place, String> {
        if text.starts_with('@') {
            return Err("expected no list: name what is in it".to_owned());
        }
        let place = Place::parse(text)?;
        if self.allowed.iter().any(|prefix| place.is_below(prefix)) {
            return Ok(place);
        }
        Err("expected a place that the coordinator's --allow covers".to_owned())
    }
}

/// Queries may hold signatures and users passwords: neither is repeated.
fn told(what: &str, text: &str, reason: &str) -> String {
    let after_user = text.rsplit_once('@').map_or(text, |(_, after)| after);
    let shown: String = after_user.chars().take_while(|c| *c != '?').take(120).collect();
    format!("{what} {shown:?}: {reason}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(prefixes: &[&str]) -> AllowList {
        let prefixes: Vec<_> = prefixes.iter().map(ToString::to_string).collect();
        AllowList::new("s3://bucket/taster/runs", Some(&prefixes)).unwrap()
    }

    #[test]
    fn row_46_only_what_is_allowed_may_be_named() {
        let list = list(&["s3://crawls/2026/", "file:///srv/corpus", "/mnt/data"]);
        let table = [
            ("s3://crawls/2026", true),
            ("s3://crawls/2026/", true),
            ("s3://crawls/2026/a.parquet", true),
            ("s3a://crawls/2026/x/y", true),
            ("s3://crawls/2026/*/[ab]?.parquet", true),
            ("s3://crawls/2026/a%2fb", true),
            ("/srv/corpus/a.parquet", true),
            ("file:///srv/corpus/a", true),
            ("/mnt/data", true),
            ("s3://crawls", false),
            ("s3://crawls/", false),
            ("s3://crawls/20267", false),
            ("s3://crawls/*/a", false),
            ("s3://crawls2/2026/a", false),
            ("s3://*/2026/a", false),
            ("s3://crawls/2026/../secret", false),
            ("s3://crawls/2026/./a", false),
            ("s3://crawls/2026//a", false),
            ("s3://crawls/2026/..", false),
            ("s3://crawls/%2e%2e/2026", false),
            ("s3://user:hunter2@crawls/2026/a", false),
            ("s3://crawls:9000/2026/a", false),
            ("s3://169.254.169.254/latest/meta-data", false),
            ("s3:///2026/a", false),
            ("S3://crawls/2026/a", false),
            ("s3://crawls/2026/a?X-Amz-Signature=hunter2", false),
            ("http://169.254.169.254/latest/meta-data/iam", false),
            ("https://crawls.s3.amazonaws.com/2026/a", false),
            ("https://crawls/2026/a", false),
            ("ftp://crawls/2026", false),
            ("gs://crawls/2026", false),
            ("data://text/plain,x", false),
            ("file:///etc/passwd", false),
            ("file:///srv/corpus/../../etc/passwd", false),
            ("file:///srv/corpus/%2e%2e/x", false),
            ("file:///srv/corpus/%2E%2E%2Fx", false),
            ("file://host/srv/corpus/a", false),
            ("file:///srv/corpus2", false),
            ("/srv/corpus/../x", false),
            ("/etc/passwd", false),
            ("srv/corpus/a", false),
            ("../srv/corpus", false),
            ("@/srv/corpus/list.txt", false),
            ("@s3://crawls/2026/list.txt", false),
            ("", false),
            ("s3://crawls/2026/a\0b", false),
            ("s3://crawls/2026/a\nb", false),
            ("\\\\host\\share", false),
        ];
        assert!(table.len() >= 30);
        for (place, fine) in table {
            let answer = list.input(place);
            assert_eq!(answer.is_ok(), fine, "{place}: {answer:?}");
            assert!(!answer.err().is_some_and(|reason| reason.contains("hunter2")), "{place}");
        }
        assert!(list.input(&format!("s3://crawls/2026/{}", "a".repeat(PLACE_BYTES))).is_err());
    }

    #[test]
    fn row_46_without_a_list_the_bucket_of_the_work_store_counts() {
        let bucket = AllowList::new("s3://bucket/taster/runs", None).unwrap();
        assert!(bucket.input("s3://bucket/any/where").is_ok());
        assert!(bucket.input("s3://other/any").is_err());
        assert!(bucket.input("/srv/a").is_err() && bucket.input("file:///srv/a").is_err());
        let folder = AllowList::new("/srv/runs", None).unwrap();
        assert!(folder.input("/srv/runs/a").is_err() && folder.input("s3://b/a").is_err());
    }

    #[test]
    fn row_46_reports_go_to_one_place_outside_of_the_work_store() {
        let list = list(&["s3://bucket"]);
        assert!(list.output("s3://bucket/reports/1").is_ok());
        assert!(list.output("s3://bucket/taster/runsheet").is_ok());
        for out in [
            "s3://bucket/taster/runs",
            "s3://bucket/taster/runs/audits/other",
            "s3://bucket/*/x",
            "s3://other/x",
            "@x",
        ] {
            assert!(list.output(out).is_err(), "{out}");
        }
    }

    #[test]
    fn prefixes_that_are_no_places_are_refused() {
        for prefix in ["", "data", "ftp://a", "s3://", "s3://a/../b"] {
            let error = AllowList::new("s3://b", Some(&[prefix.to_owned()])).unwrap_err();
            assert_eq!(error.ending().code(), 2, "{error}");
        }
    }
}
