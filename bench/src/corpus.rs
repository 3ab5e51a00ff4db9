//! The corpus that speed is measured on.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::runtime::Handle;

use crate::arguments::SpeedArguments;
use crate::error::BenchError;
use crate::files::{Scratch, text};

/// Where the large corpus of real text is, from the repository.
const REAL: &str = "../shared/corpus";

/// Names the folder of another real corpus, as it does for the tests.
const REAL_VARIABLE: &str = "TASTER_CORPUS";

/// A corpus and how it came about.
#[derive(Debug, Clone, Serialize)]
pub struct Corpus {
    /// Its folder.
    pub folder: String,
    /// What it is.
    pub origin: String,
}

impl Corpus {
    /// The corpus that is named, or one of the size that is named, built in `scratch`.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn prepare(
        arguments: &SpeedArguments,
        scratch: &Scratch,
        runtime: &Handle,
    ) -> Result<Self, BenchError> {
        if let Some(folder) = &arguments.input {
            let folder = text(folder)?.to_owned();
            return Ok(Self { origin: folder.clone(), folder });
        }
        let text_bytes = arguments.text_mb.unwrap_or(1) * 1_000_000;
        let (real, name) = real(scratch)?;
        eprintln!("building a corpus of {} MB from {name}", text_bytes / 1_000_000);
        let folder = scratch.path("corpus");
        let real = text(&real)?;
        let made = taster_lab::enlarge(real, &folder, text_bytes, arguments.seed, runtime)?;
        let copies = made.copies;
        let seed = arguments.seed;
        Ok(Self {
            folder: text(&folder)?.to_owned(),
            origin: format!("{name}, enlarged (seed {seed}, copies begun: {copies})"),
        })
    }
}

/// The corpus to enlarge, and its name: the large one, or else the shipped sample.
fn real(scratch: &Scratch) -> Result<(PathBuf, String), BenchError> {
    let folder = std::env::var_os(REAL_VARIABLE).map_or_else(beside_repository, PathBuf::from);
    if shards(&folder) > 0 {
        let name = format!("the real corpus at {}", folder.display());
        return Ok((folder, name));
    }
    eprintln!("no corpus at {}: taking the shipped sample", folder.display());
    let folder = scratch.path("sample");
    std::fs::create_dir(&folder)
        .map_err(|error| BenchError::file("make folder", &folder, error))?;
    for (name, bytes) in taster_lab::demo_sample_files() {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| BenchError::file("write", &path, error))?;
    }
    Ok((folder, "the shipped sample".to_owned()))
}

fn beside_repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).join(REAL)
}

/// Parquet files right in a folder; 0 if it cannot be read.
pub fn shards(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".parquet")).count()
}
