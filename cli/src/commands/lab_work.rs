//! The work location of a laboratory: what was counted of the clean corpus stays, the rest goes.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// A folder of committed outputs that remembers which of them to keep.
pub struct KeptWork {
    folder: PathBuf,
    kept: BTreeSet<PathBuf>,
}

impl KeptWork {
    /// A folder of which nothing is kept yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, kept: BTreeSet::new() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps every file that is there now.
    pub fn keep(&mut self) -> Result<(), CliError> {
        self.kept = files(&self.folder)?;
        Ok(())
    }

    /// Removes every file that is not kept. Outputs are never changed once they are committed, so this leaves the
    /// folder as it was.
    pub fn restore(&self) -> Result<(), CliError> {
        for path in files(&self.folder)?.difference(&self.kept) {
            std::fs::remove_file(path).map_err(|source| failed("remove", path, source))?;
        }
        Ok(())
    }
}

fn files(folder: &Path) -> Result<BTreeSet<PathBuf>, CliError> {
    let mut found = BTreeSet::new();
    let entries = match std::fs::read_dir(folder) {
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(|source| failed("list", folder, source))?,
    };
    for entry in entries {
        let path = entry.map_err(|source| failed("list", folder, source))?.path();
        if path.is_dir() {
            found.append(&mut files(&path)?);
        } else {
            found.insert(path);
        }
    }
    Ok(found)
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> CliError {
    CliError::File { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_came_later_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = KeptWork::new(folder.path().join("work"));
        work.restore().unwrap();
        let write = |name: &str| {
            let path = work.folder().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        };
        write("count/a");
        work.keep().unwrap();
        let later = work.folder().join("count/b/c");
        std::fs::create_dir_all(later.parent().unwrap()).unwrap();
        std::fs::write(&later, "x").unwrap();
        work.restore().unwrap();
        assert!(work.folder().join("count/a").exists() && !later.exists());
    }
}
