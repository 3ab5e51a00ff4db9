//! Writing objects: create-only for outputs, overwriting for reports.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::executor::block_on;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};

use crate::traffic::{self, Operation};
use crate::{StorageError, Store};

/// Bytes that are written to a file at once. One write of many megabytes asks the page cache for its largest pages, which on
/// a virtual machine are memory that the host has not given yet: 1.4 GB in objects of 25 MB took 3.3 s instead of 0.25.
const PIECE_BYTES: usize = 256 << 10;

/// The same bytes, to be written piece by piece.
fn in_pieces(bytes: Bytes) -> PutPayload {
    let starts = (0..bytes.len()).step_by(PIECE_BYTES);
    starts.map(|start| bytes.slice(start..bytes.len().min(start + PIECE_BYTES))).collect()
}

impl Store {
    /// Creates `key` with `bytes`, or finds it there with the same bytes.
    ///
    /// An output is a pure function of its key, so whoever wrote equal bytes first did the same
    /// work. That also covers a store which answers "exists already" to its own late success, or
    /// an error after the object has landed: what counts is what is read back.
    ///
    /// In a folder, objects below 1 MiB are on the disk when this returns. Larger ones are not
    /// waited for: a power cut (not the end of the process) can leave them short, which their
    /// size and checksums show to whoever reads them.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] if the object exists with other bytes; otherwise the store's
    /// trouble, if the object is not there afterwards.
    pub fn commit(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.create(key, bytes.clone(), self.writer(bytes.len()))
    }

    /// The same for an object whose size and digest will be named in another: the disk is not waited for, whatever the size.
    ///
    /// # Errors
    /// As for [`Store::commit`].
    pub fn commit_named(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.create(key, bytes, self.bulk_writer())
    }

    /// The same for who commits many small objects that nobody waits for: in a folder the contents are on the disk before they have
    /// their name, but the name is not waited for, and a power cut can take it back. Folders are not synced, for on some file
    /// systems nobody finds or makes anything in a folder while it is.
    ///
    /// # Errors
    /// As for [`Store::commit`].
    pub fn commit_unnamed(&self, key: &str, bytes: &Bytes) -> Result<(), StorageError> {
        let Some(path) = self.file(key)? else {
            return self.commit(key, bytes.clone());
        };
        let created = create_file(&path, bytes);
        traffic::note(Operation::Write, created.is_ok().then_some(bytes.len()));
        match created {
            Ok(()) => Ok(()),
            Err(trouble) => self.found_instead(key, bytes, self.file_error("write", key, trouble)),
        }
    }

    fn create(
        &self,
        key: &str,
        bytes: Bytes,
        writer: &dyn ObjectStore,
    ) -> Result<(), StorageError> {
        match self.put(key, bytes.clone(), PutMode::Create, writer) {
            Ok(()) => Ok(()),
            Err(trouble) => self.found_instead(key, &bytes, trouble),
        }
    }

    /// An object that could not be created: fine if it is there with the same bytes, for whatever reason.
    fn found_instead(
        &self,
        key: &str,
        bytes: &Bytes,
        trouble: StorageError,
    ) -> Result<(), StorageError> {
        match self.get(key) {
            Ok(Some(found)) if found == *bytes => Ok(()),
            Ok(Some(found)) => Err(StorageError::Conflict {
                key: self.name(key),
                expected: digest(bytes),
                found: digest(&found),
            }),
            _ => Err(trouble),
        }
    }

    /// Writes `key`, over whatever is there. For report files, never for outputs of tasks.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn replace(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        let writer = self.writer(bytes.len());
        self.put(key, bytes, PutMode::Overwrite, writer)
    }

    /// Removes what a process that was killed while it wrote `key` left beside it in a folder. Only
    /// for who alone writes here: what another process is writing at this moment would be lost.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn clear_leavings(&self, key: &str) -> Result<(), StorageError> {
        let Some(folder) = self.folder() else {
            return Ok(());
        };
        // The library takes the first number that is free.
        for number in 1u32.. {
            let leaving = folder.join(format!("{key}#{number}"));
            match std::fs::remove_file(&leaving) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
                Err(error) => {
                    return Err(StorageError::file("remove", &leaving.to_string_lossy(), error));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn put(
        &self,
        key: &str,
        bytes: Bytes,
        mode: PutMode,
        writer: &dyn ObjectStore,
    ) -> Result<(), StorageError> {
        let path = self.path(key)?;
        let length = bytes.len();
        let is_folder = self.folder().is_some();
        let payload = if is_folder { in_pieces(bytes) } else { bytes.into() };
        let put = writer.put_opts(&path, payload, PutOptions::from(mode));
        // Outside of a runtime the library writes a file on the thread that asks, and nothing waits for another thread.
        let answer = if is_folder { block_on(put) } else { self.runtime().block_on(put) };
        traffic::note(Operation::Write, answer.is_ok().then_some(length));
        answer.map_err(|error| {
            let what = format!("{} ({length} bytes)", self.name(key));
            StorageError::store("write", &what, error)
        })?;
        Ok(())
    }
}

/// Creates a file that has its name once its contents are on the disk.
fn create_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    let (staged, mut file) = stage(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let named = written.and_then(|()| std::fs::hard_link(&staged, path));
    std::fs::remove_file(&staged)?;
    named
}

/// A new file beside the one of this name, named as the library names those that are not whole yet.
fn stage(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 1u32;
    loop {
        let mut staged = path.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        match File::create_new(&staged) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            created => return created.map(|file| (PathBuf::from(staged), file)),
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixtures::{Folder, runtime};

    fn store(folder: &Folder) -> Store {
        Store::open(&folder.name("out"), runtime()).unwrap()
    }

    #[test]
    fn leavings_of_a_killed_writer_are_cleared() {
        let folder = Folder::new();
        let store = Store::open(&folder.name("s"), runtime()).unwrap();
        let names =
            ["report.json", "report.json#1", "report.json#2", "report.json#keep", "other#1"];
        for name in names {
            std::fs::write(store.folder().unwrap().join(name), "x").unwrap();
        }
        store.clear_leavings("report.json").unwrap();
        let left = names.map(|name| store.folder().unwrap().join(name).exists());
        assert_eq!(left, [true, false, false, true, true]);
    }

    #[test]
    fn equal_bytes_commit_twice_and_others_conflict() {
        let folder = Folder::new();
        let store = store(&folder);
        let bytes = Bytes::from_static(b"one");
        store.commit("a/b", bytes.clone()).unwrap();
        store.commit("a/b", bytes).unwrap();
        let error = store.commit("a/b", Bytes::from_static(b"two")).unwrap_err();
        let text = error.to_string();
        let found = blake3::hash(b"one").to_hex().to_string();
        assert!(text.contains("out/a/b") && text.contains(&found), "{text}");
        assert!(matches!(error, StorageError::Conflict { .. }));
        assert_eq!(store.get("a/b").unwrap().unwrap(), "one");
    }

    #[test]
    fn objects_of_any_length_are_whole_whoever_waits_for_the_disk() {
        let folder = Folder::new();
        let store = store(&folder);
        for length in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES] {
            let bytes: Bytes = (0..length).map(|at| (at % 251) as u8).collect();
            store.commit(&format!("waited/{length}"), bytes.clone()).unwrap();
            store.commit_named(&format!("named/{length}"), bytes.clone()).unwrap();
            store.commit_unnamed(&format!("unnamed/{length}"), &bytes).unwrap();
            store.commit_unnamed(&format!("unnamed/{length}"), &bytes).unwrap();
            for key in ["waited", "named", "unnamed"] {
                let found = store.get(&format!("{key}/{length}")).unwrap().unwrap();
                assert!(found == bytes, "{key} {length}");
            }
            let other = Bytes::from_static(b"another");
            let named = store.commit_named(&format!("named/{length}"), other.clone()).unwrap_err();
            let unnamed = store.commit_unnamed(&format!("unnamed/{length}"), &other).unwrap_err();
            for error in [named, unnamed] {
                assert!(matches!(error, StorageError::Conflict { .. }), "{error}");
            }
        }
    }

    #[test]
    fn one_of_many_racers_wins() {
        let folder = Folder::new();
        let store = store(&folder);
        let race = |who: usize| {
            let bytes = Bytes::from(vec![who as u8; 100_000]);
            match who % 2 {
                0 => store.commit("race", bytes).is_ok(),
                _ => store.commit_unnamed("race", &bytes).is_ok(),
            }
        };
        let wins = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|who| scope.spawn(move || race(who))).collect();
            racers
                .into_iter()
                .filter(|_| true)
                .map(|racer| racer.join().unwrap())
                .filter(|won| *won)
                .count()
        });
        assert_eq!(wins, 1);
        let found = store.get("race").unwrap().unwrap();
        assert!(found.len() == 100_000 && found.iter().all(|byte| *byte == found[0]));
        assert_eq!(store.list("").unwrap(), [("race".to_owned(), 100_000)]);
    }

    #[test]
    fn the_leavings_of_a_killed_process_are_not_seen() {
        let folder = Folder::new();
        let store = store(&folder);
        folder.put("out/a/b#1", b"half");
        folder.put("out/a/c#1", b"half");
        assert_eq!(store.list("").unwrap(), []);
        assert_eq!(store.get("a/b").unwrap(), None);
        store.commit_unnamed("a/c", &Bytes::from_static(b"whole")).unwrap();
        assert_eq!(store.get("a/c").unwrap().unwrap(), "whole");
        store.delete("a/c").unwrap();
        store.commit("a/b", Bytes::from_static(b"whole")).unwrap();
        assert_eq!(store.list("a").unwrap(), [("a/b".to_owned(), 5)]);
        assert_eq!(store.get("a/b").unwrap().unwrap(), "whole");
    }

    #[test]
    fn replace_overwrites() {
        let folder = Folder::new();
        let store = store(&folder);
        store.replace("report.json", Bytes::from_static(b"1")).unwrap();
        store.replace("report.json", Bytes::from_static(b"2")).unwrap();
        assert_eq!(store.get("report.json").unwrap().unwrap(), "2");
    }
}
