//! Where things are, and seeds.

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package is in a folder").to_path_buf()
}

/// The shipped sample of real text; it is there in every checkout.
///
/// # Panics
/// If it is not: then the checkout is broken, and tests on it must not pass by themselves.
#[must_use]
pub fn sample() -> PathBuf {
    let folder = repository().join("demo/sample");
    assert!(
        !shards(&folder).is_empty(),
        "expected Parquet shards in {}, found none",
        folder.display()
    );
    folder
}

/// The large corpus of real text, `None` (said aloud) where it is absent: it is not part of the
/// repository. `TASTER_CORPUS` names its folder.
#[must_use]
pub fn corpus() -> Option<PathBuf> {
    let beside = repository().join("../shared/corpus");
    let folder = std::env::var_os("TASTER_CORPUS").map_or(beside, PathBuf::from);
    if shards(&folder).is_empty() {
        eprintln!(
            "SKIPPED: no Parquet shards in {}; set TASTER_CORPUS to run this on a large corpus",
            folder.display()
        );
        return None;
    }
    Some(folder)
}

/// The `*.parquet` files directly in `folder`, sorted; empty if there is no such folder.
#[must_use]
pub fn shards(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a folder entry can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
        .collect();
    files.sort();
    files
}

/// The seed of a test that draws at random: `TASTER_SEED`, else from the clock. It is printed,
/// and the output of a test that fails is shown.
///
/// # Panics
/// If `TASTER_SEED` is no number.
#[must_use]
pub fn seed() -> u64 {
    let seed = match std::env::var("TASTER_SEED") {
        Ok(text) => text.parse().expect("TASTER_SEED is a number"),
        Err(_) => std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs()),
    };
    eprintln!("seed: TASTER_SEED={seed}");
    seed
}
