//! What is in a folder or below a prefix.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore};
use tokio::runtime::Handle;

use crate::StorageError;
use crate::object::{Version, version_of};

/// Ending of the names that are taken from folders and prefixes.
const ENDING: &str = ".parquet";

/// Whether a step below an input is looked at: writers hide what is not data behind `.` or `_`.
pub(crate) fn is_shown(step: &str) -> bool {
    !step.starts_with(['.', '_'])
}

/// All `*.parquet` files below `folder`, with what the file system says of them, in order of
/// path. Links are followed; a folder reached twice is read once.
pub(crate) fn folder(folder: &Path) -> Result<Vec<(PathBuf, Version)>, StorageError> {
    let mut found = Vec::new();
    walk(folder, &mut BTreeSet::new(), &mut found)?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

type Seen = BTreeSet<(u64, u64)>;

fn walk(
    folder: &Path,
    seen: &mut Seen,
    found: &mut Vec<(PathBuf, Version)>,
) -> Result<(), StorageError> {
    let metadata = look_at(folder)?;
    if !seen.insert((metadata.dev(), metadata.ino())) {
        return Ok(());
    }
    for path in entries(folder)? {
        let metadata = look_at(&path)?;
        if metadata.is_dir() {
            walk(&path, seen, found)?;
        } else if path.to_string_lossy().ends_with(ENDING) {
            found.push((path, version_of(&metadata)));
        }
    }
    Ok(())
}

/// The shown entries of a folder, sorted, so that links are met in the same order everywhere.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let name = folder.display().to_string();
    let fail = |e| StorageError::file("list", &name, e);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if is_shown(&entry.file_name().to_string_lossy()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn look_at(path: &Path) -> Result<Metadata, StorageError> {
    let name = path.display().to_string();
    std::fs::metadata(path).map_err(|e| StorageError::file("look at", &name, e))
}

/// All `*.parquet` objects below `prefix`, in order of key. `name` is the prefix for messages.
pub(crate) fn prefix(
    name: &str,
    client: &Arc<dyn ObjectStore>,
    prefix: &ObjectPath,
    runtime: &Handle,
) -> Result<Vec<ObjectMeta>, StorageError> {
    let wanted = |meta: &ObjectMeta| {
        let below = meta.location.prefix_match(prefix);
        let shown = below.is_some_and(|mut steps| steps.all(|step| is_shown(step.as_ref())));
        shown && meta.location.as_ref().ends_with(ENDING)
    };
    let listed = client
        .list(Some(prefix))
        .try_filter(|meta| futures::future::ready(wanted(meta)))
        .try_collect::<Vec<_>>();
    let mut found = runtime.block_on(listed).map_err(|e| StorageError::store("list", name, e))?;
    found.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(found)
}
