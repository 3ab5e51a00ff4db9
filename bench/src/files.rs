//! Folders that are left clean, and files of results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::BenchError;

/// A folder of this process, removed with all it holds when dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Makes `taster-bench-<process id>` in `parent`, or in the system's folder for such files.
    ///
    /// # Errors
    /// It exists or cannot be made.
    pub fn create(parent: Option<&Path>) -> Result<Self, BenchError> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = parent.join(format!("taster-bench-{}", std::process::id()));
        let made = std::fs::create_dir_all(&parent).and_then(|()| std::fs::create_dir(&folder));
        made.map_err(|error| BenchError::file("make folder", &folder, error))?;
        Ok(Self { folder })
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("left behind: {} ({error})", self.folder.display());
        }
    }
}

/// The path as text.
///
/// # Errors
/// It is no UTF-8.
pub fn text(path: &Path) -> Result<&str, BenchError> {
    path.to_str().ok_or_else(|| BenchError::Path(path.to_owned()))
}

/// Removes a folder that is there.
///
/// # Errors
/// Trouble with the file system.
pub fn remove(folder: &Path) -> Result<(), BenchError> {
    std::fs::remove_dir_all(folder).map_err(|error| BenchError::file("remove", folder, error))
}

/// Writes a value as JSON.
///
/// # Errors
/// Trouble with the file system.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), BenchError> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    std::fs::write(path, json).map_err(|error| BenchError::file("write", path, error))
}

/// Name and BLAKE3 of every file right in a folder.
///
/// # Errors
/// Trouble with the file system.
pub fn digests(folder: &Path) -> Result<BTreeMap<String, String>, BenchError> {
    let failed = |error| BenchError::file("read", folder, error);
    let mut digests = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_file() {
            let bytes = std::fs::read(entry.path()).map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            digests.insert(name, blake3::hash(&bytes).to_hex().to_string());
        }
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_scratch_folder_goes_with_all_it_holds() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(Some(parent.path())).unwrap();
        let folder = scratch.path("out");
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        std::fs::write(folder.join("a"), b"12").unwrap();
        std::fs::write(folder.join("deep/b"), b"345").unwrap();
        assert_eq!(digests(&folder).unwrap().len(), 1);
        drop(scratch);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
