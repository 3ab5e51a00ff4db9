//! Objects of a store, written and read whole with the product's own client: what the network
//! and the server allow.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use taster_storage::Store;
use tokio::runtime::Handle;

use crate::error::BenchError;

/// Objects are read again and again for so long: a single pass may be too short to tell.
const LEAST: Duration = Duration::from_secs(3);

/// What was moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    /// Objects, each counted as often as it was moved.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes the files right in a folder into a store.
///
/// # Errors
/// Trouble with the folder or the store.
pub fn upload(folder: &str, store: &str, runtime: &Handle) -> Result<Transferred, BenchError> {
    let store = Store::open(store, runtime)?;
    let failed = |error| BenchError::file("read", Path::new(folder), error);
    let mut sum = Transferred::default();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".parquet") {
            continue;
        }
        let bytes = std::fs::read(entry.path()).map_err(failed)?;
        sum = Transferred { objects: sum.objects + 1, bytes: sum.bytes + bytes.len() as u64 };
        store.replace(&name, bytes.into())?;
    }
    Ok(sum)
}

/// Reads all objects of a store over `threads` threads, one request after the other on each.
///
/// # Errors
/// Trouble with the store.
pub fn download(store: &str, threads: usize, runtime: &Handle) -> Result<Transferred, BenchError> {
    let store = Store::open(store, runtime)?;
    let keys = store.list("")?;
    let (next, start) = (AtomicUsize::new(0), Instant::now());
    let read = || -> Result<Transferred, BenchError> {
        let mut sum = Transferred::default();
        while start.elapsed() < LEAST && !keys.is_empty() {
            let (key, _) = &keys[next.fetch_add(1, Ordering::Relaxed) % keys.len()];
            let bytes = store.get(key)?.unwrap_or_default().len() as u64;
            sum = Transferred { objects: sum.objects + 1, bytes: sum.bytes + bytes };
        }
        Ok(sum)
    };
    let sums: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(read)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| BenchError::Panicked)).collect()
    });
    let mut sum = Transferred::default();
    for read in sums {
        let read = read??;
        sum.objects += read.objects;
        sum.bytes += read.bytes;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let runtime = crate::machine::runtime().unwrap();
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(from.path().join("a.parquet"), b"123").unwrap();
        std::fs::write(from.path().join("notes.txt"), b"1").unwrap();
        let (from, to) = (from.path().to_str().unwrap(), to.path().to_str().unwrap());
        let up = upload(from, to, runtime.handle()).unwrap();
        assert_eq!(up, Transferred { objects: 1, bytes: 3 });
        let down = download(to, 2, runtime.handle()).unwrap();
        assert_eq!(down.bytes, down.objects * 3);
        assert!(down.objects > 1);
    }
}
