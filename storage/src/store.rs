//! A place that outputs are written to and read from: a folder or an S3 prefix.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use crate::StorageError;
use crate::location::{self, Buckets, Location};
use crate::traffic::{self, Operation};

/// Objects of this size on are bulk: cheap to make again, and costly to wait for.
const BULK_BYTES: usize = 1 << 20;

/// Requests for pieces at the same time.
const PIECES_UNDER_WAY: usize = 16;

/// A part of an object, and where it goes.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The object.
    pub key: &'a str,
    /// First byte in the object.
    pub start: u64,
    /// Filled from there.
    pub bytes: &'a mut [u8],
}

/// A work or output location. Every call blocks; call it from plain threads, never from inside
/// an async task. Clones share the same connection.
///
/// Keys are relative to the location and `/`-separated. A key is visible only once its object is
/// complete: local files are staged under another name and linked into place, and the leavings
/// of a killed process are neither listed nor read.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    location: String,
    client: Arc<dyn ObjectStore>,
    /// For bulk objects in a folder: not synced to the disk, see [`Store::commit`].
    bulk: Option<Arc<dyn ObjectStore>>,
    prefix: String,
    /// The folder, if the store is local: reads then go straight to the files.
    folder: Option<PathBuf>,
    runtime: Handle,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.inner.location).finish()
    }
}

impl Store {
    /// Opens a folder path, a `file://` URL or an `s3://bucket/prefix`. A folder is created. S3
    /// is configured by the usual `AWS_*` variables; nothing is requested from it yet.
    ///
    /// # Errors
    /// A location that cannot be parsed, or a folder that cannot be made.
    pub fn open(location: &str, runtime: &Handle) -> Result<Self, StorageError> {
        let inner = match location::parse(location)? {
            Location::Local(folder) => open_folder(location, &folder, runtime)?,
            Location::S3 { bucket, prefix } => Inner {
                location: location.to_owned(),
                client: Buckets::default().client(&bucket)?,
                bulk: None,
                prefix,
                folder: None,
                runtime: runtime.clone(),
            },
        };
        let inner = Arc::new(inner);
        Ok(Self { inner })
    }

    /// The location as it was given to [`Store::open`].
    #[must_use]
    pub fn location(&self) -> &str {
        &self.inner.location
    }

    /// The local folder, or `None` on S3.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.inner.folder.as_deref()
    }

    /// A whole object, or `None` if there is none.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn get(&self, key: &str) -> Result<Option<Bytes>, StorageError> {
        absent_is_none(self.fetch(key))
    }

    fn fetch(&self, key: &str) -> Result<Bytes, StorageError> {
        if let Some(path) = self.file(key)? {
            let bytes = counted(std::fs::read(path).map(Bytes::from), Bytes::len);
            return bytes.map_err(|e| self.file_error("read", key, e));
        }
        let path = self.path(key)?;
        let read = async { self.inner.client.get(&path).await?.bytes().await };
        self.read("read", key, read, Bytes::len)
    }

    /// The bytes `range` of an object.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], or trouble with the store; also a range past the end.
    pub fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StorageError> {
        let ranges = self.get_ranges(key, std::slice::from_ref(&range))?;
        Ok(ranges.into_iter().next().unwrap_or_default())
    }

    /// Fills `bytes` with those of an object from `start` on.
    ///
    /// # Errors
    /// As for [`Store::get_range`].
    pub fn read_range(&self, key: &str, start: u64, bytes: &mut [u8]) -> Result<(), StorageError> {
        if let Some(path) = self.file(key)? {
            let file = File::open(path).map_err(|e| self.file_error("open", key, e))?;
            let read = counted(file.read_exact_at(bytes, start), |()| bytes.len());
            return read.map_err(|e| self.file_error("read", key, e));
        }
        let range = start..start + bytes.len() as u64;
        bytes.copy_from_slice(&self.get_range(key, range)?);
        Ok(())
    }

    /// Fills every piece. From a store several come at the same time, so that its distance is felt
    /// once and not for each; their answers are held beside the pieces until they have come.
    ///
    /// # Errors
    /// As for [`Store::get_range`].
    pub fn read_pieces(&self, pieces: Vec<Piece<'_>>) -> Result<(), StorageError> {
        if self.inner.folder.is_some() {
            let mut pieces = pieces.into_iter();
            return pieces
                .try_for_each(|piece| self.read_range(piece.key, piece.start, piece.bytes));
        }
        let requests = pieces.into_iter().map(|piece| self.read_piece(piece));
        let all = futures::stream::iter(requests).buffer_unordered(PIECES_UNDER_WAY);
        self.inner.runtime.block_on(all.try_for_each(|()| futures::future::ready(Ok(()))))
    }

    async fn read_piece(&self, piece: Piece<'_>) -> Result<(), StorageError> {
        let Piece { key, start, bytes } = piece;
        let (path, range) = (self.path(key)?, start..start + bytes.len() as u64);
        let answer = self.inner.client.get_range(&path, range.clone()).await;
        traffic::note(Operation::Read, answer.as_ref().ok().map(Bytes::len));
        let found = answer.map_err(|e| StorageError::store("read", &self.name(key), e))?;
        let found = self.check_lengths(key, &[range], vec![found])?;
        found.iter().for_each(|found| bytes.copy_from_slice(found));
        Ok(())
    }

    /// The bytes of several ranges of one object, in their order. On S3 neighbouring ranges
    /// share a request.
    ///
    /// # Errors
    /// As for [`Store::get_range`].
    pub fn get_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        if let Some(path) = self.file(key)? {
            let file = File::open(path).map_err(|e| self.file_error("open", key, e))?;
            let read = ranges.iter().map(|range| read_range(&file, range));
            return counted(read.collect(), all_bytes).map_err(|e| self.file_error("read", key, e));
        }
        let path = self.path(key)?;
        let bytes = self.inner.client.get_ranges(&path, ranges);
        let bytes = self.read("read", key, bytes, all_bytes)?;
        self.check_lengths(key, ranges, bytes)
    }

    /// A store cuts a range that reaches past the end; callers rely on whole ranges.
    fn check_lengths(
        &self,
        key: &str,
        ranges: &[Range<u64>],
        found: Vec<Bytes>,
    ) -> Result<Vec<Bytes>, StorageError> {
        let whole = |(range, bytes): (&Range<u64>, &Bytes)| length(range) == bytes.len();
        if ranges.iter().zip(&found).all(whole) {
            return Ok(found);
        }
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "range past the end");
        Err(self.file_error("read", key, error))
    }

    /// The size of an object in bytes, or `None` if there is none.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn size(&self, key: &str) -> Result<Option<u64>, StorageError> {
        if let Some(path) = self.file(key)? {
            let metadata = std::fs::metadata(path).map_err(|e| self.file_error("look at", key, e));
            return absent_is_none(metadata.map(|m| m.len()));
        }
        let path = self.path(key)?;
        let found = self.block("look at", key, self.inner.client.head(&path));
        absent_is_none(found.map(|meta| meta.size))
    }

    /// Keys and sizes of all objects below the folder `prefix` (empty for all), sorted by key.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StorageError> {
        let path = self.path(prefix)?;
        let found = self.inner.client.list(Some(&path)).try_collect::<Vec<_>>();
        let found = self.block("list", prefix, found)?;
        let mut keys: Vec<_> =
            found.iter().map(|meta| (self.key_of(&meta.location), meta.size)).collect();
        keys.sort();
        Ok(keys)
    }

    fn key_of(&self, path: &ObjectPath) -> String {
        let path = path.as_ref();
        let below = path.strip_prefix(&self.inner.prefix).unwrap_or(path);
        below.trim_start_matches('/').to_owned()
    }

    /// Deletes an object. One that is not there counts as deleted.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn delete(&self, key: &str) -> Result<(), StorageError> {
        let path = self.path(key)?;
        absent_is_none(self.block("delete", key, self.inner.client.delete(&path))).map(|_| ())
    }

    /// Runs a request to its end; errors name the object with its location.
    pub(crate) fn block<T>(
        &self,
        action: &'static str,
        key: &str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StorageError> {
        self.read(action, key, request, |_| 0)
    }

    /// The same; `bytes` says how many came.
    fn read<T>(
        &self,
        action: &'static str,
        key: &str,
        request: impl Future<Output = object_store::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Result<T, StorageError> {
        let answer = self.inner.runtime.block_on(request);
        traffic::note(Operation::of(action), answer.as_ref().ok().map(bytes));
        answer.map_err(|e| StorageError::store(action, &self.name(key), e))
    }

    pub(crate) fn client(&self) -> &dyn ObjectStore {
        self.inner.client.as_ref()
    }

    /// The client that writes an object of `bytes` bytes.
    pub(crate) fn writer(&self, bytes: usize) -> &dyn ObjectStore {
        if bytes >= BULK_BYTES { self.bulk_writer() } else { self.client() }
    }

    /// The client that does not wait for the disk.
    pub(crate) fn bulk_writer(&self) -> &dyn ObjectStore {
        self.inner.bulk.as_deref().unwrap_or(self.client())
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// The path of `key` within the client, prefix included.
    pub(crate) fn path(&self, key: &str) -> Result<ObjectPath, StorageError> {
        let joined = format!("{}/{key}", self.inner.prefix);
        location::object_path(&self.name(key), joined.trim_matches('/'))
    }

    /// The file behind `key`, if the store is a folder.
    pub(crate) fn file(&self, key: &str) -> Result<Option<PathBuf>, StorageError> {
        let Some(folder) = &self.inner.folder else {
            return Ok(None);
        };
        self.path(key)?;
        Ok(Some(folder.join(key)))
    }

    /// The object with its location, for messages.
    pub(crate) fn name(&self, key: &str) -> String {
        format!("{}/{key}", self.inner.location.trim_end_matches('/'))
    }

    pub(crate) fn file_error(
        &self,
        action: &'static str,
        key: &str,
        error: io::Error,
    ) -> StorageError {
        StorageError::file(action, &self.name(key), error)
    }
}

fn open_folder(location: &str, folder: &Path, runtime: &Handle) -> Result<Inner, StorageError> {
    std::fs::create_dir_all(folder).map_err(|e| StorageError::file("create", location, e))?;
    let folder = folder.canonicalize().map_err(|e| StorageError::file("open", location, e))?;
    let open = |synced: bool| -> Result<Arc<dyn ObjectStore>, StorageError> {
        let client = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|e| StorageError::store("open", location, e))?;
        Ok(Arc::new(client.with_fsync(synced)))
    };
    let (client, bulk) = (open(true)?, open(false)?);
    Ok(Inner {
        location: location.to_owned(),
        client,
        bulk: Some(bulk),
        prefix: String::new(),
        folder: Some(folder),
        runtime: runtime.clone(),
    })
}

/// Takes note of a read of a file.
fn counted<T>(read: io::Result<T>, bytes: impl FnOnce(&T) -> usize) -> io::Result<T> {
    traffic::note(Operation::Read, read.as_ref().ok().map(bytes));
    read
}

#[allow(clippy::ptr_arg, reason = "what a request gives")]
fn all_bytes(pieces: &Vec<Bytes>) -> usize {
    pieces.iter().map(Bytes::len).sum()
}

fn absent_is_none<T>(answer: Result<T, StorageError>) -> Result<Option<T>, StorageError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(StorageError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
}

/// Reads exactly `range` of a file, wherever its cursor is.
pub(crate) fn read_range(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let mut buffer = vec![0; length(range)];
    file.read_exact_at(&mut buffer, range.start)?;
    Ok(Bytes::from(buffer))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixtures::{Folder, runtime};

    fn piece<'a>(key: &'a str, start: u64, bytes: &'a mut [u8]) -> Piece<'a> {
        Piece { key, start, bytes }
    }

    #[test]
    fn objects_are_read_listed_and_deleted() {
        let folder = Folder::new();
        let store = Store::open(&folder.name("new/out"), runtime()).unwrap();
        assert_eq!(store.get("a").unwrap(), None);
        assert_eq!(store.size("a").unwrap(), None);
        store.commit("b/2", Bytes::from_static(b"0123456789")).unwrap();
        store.commit("b/10", Bytes::from_static(b"")).unwrap();
        store.commit("a", Bytes::from_static(b"x")).unwrap();
        assert_eq!(store.size("b/2").unwrap(), Some(10));
        assert_eq!(store.get_range("b/2", 2..5).unwrap(), "234");
        let mut three = *b"xyz";
        store.read_range("b/2", 7, &mut three).unwrap();
        assert_eq!(&three, b"789");
        assert!(store.read_range("b/2", 8, &mut three).is_err());
        let mut filled = [0; 5];
        let (one, two) = filled.split_at_mut(2);
        store.read_pieces(vec![piece("b/2", 8, one), piece("b/2", 0, two)]).unwrap();
        assert_eq!(&filled, b"89012");
        assert!(store.read_pieces(vec![piece("b/2", 9, &mut [0; 2])]).is_err());
        let ranges = store.get_ranges("b/2", &[8..10, 0..1, 3..3]).unwrap();
        assert_eq!(ranges, ["89", "0", ""]);
        let all = [("a", 1), ("b/10", 0), ("b/2", 10)].map(|(k, s)| (k.to_owned(), s));
        assert_eq!(store.list("").unwrap(), all);
        assert_eq!(store.list("b").unwrap(), all[1..]);
        assert_eq!(store.list("nothing/here").unwrap(), []);
        store.delete("a").unwrap();
        store.delete("a").unwrap();
        assert_eq!(store.list("").unwrap().len(), 2);
    }

    #[test]
    fn trouble_names_the_object() {
        let folder = Folder::new();
        let store = Store::open(&folder.name("out"), runtime()).unwrap();
        store.commit("a", Bytes::from_static(b"abc")).unwrap();
        let missing = store.get_range("no/such", 0..1).unwrap_err();
        assert!(matches!(missing, StorageError::NotFound { .. }));
        assert!(missing.to_string().ends_with("out/no/such"), "{missing}");
        let long = store.get_range("a", 1..9).unwrap_err();
        assert!(long.to_string().contains("out/a"), "{long}");
        assert!(store.get("../escape").is_err());
        assert!(store.commit("../escape", Bytes::new()).is_err());
    }

    #[test]
    fn pieces_of_a_remote_store_come_as_those_of_a_folder() {
        let client = Arc::new(object_store::memory::InMemory::new());
        let inner = Inner {
            location: "s3://b/p".to_owned(),
            client,
            bulk: None,
            prefix: "p".to_owned(),
            folder: None,
            runtime: runtime().clone(),
        };
        let store = Store { inner: Arc::new(inner) };
        let keys: Vec<String> = (0..40).map(|number| format!("k{number}")).collect();
        for (number, key) in keys.iter().enumerate() {
            store.commit(key, Bytes::from(vec![number as u8; 100])).unwrap();
        }
        let mut bytes = [0; 400];
        let chunks = bytes.chunks_mut(10).zip(&keys);
        let pieces = chunks.map(|(bytes, key)| Piece { key, start: 90, bytes });
        store.read_pieces(pieces.collect()).unwrap();
        let expected: Vec<u8> = (0..400).map(|at| (at / 10) as u8).collect();
        assert_eq!(bytes[..], expected);
        let missing = store.read_pieces(vec![piece("k", 0, &mut [0; 1])]).unwrap_err();
        assert!(matches!(missing, StorageError::NotFound { .. }), "{missing}");
        let long = store.read_pieces(vec![piece("k1", 99, &mut [0; 2])]).unwrap_err();
        assert!(long.to_string().contains("s3://b/p/k1"), "{long}");
    }

    #[test]
    fn a_url_and_a_path_are_the_same_store() {
        let folder = Folder::new();
        let by_path = Store::open(&folder.name("out"), runtime()).unwrap();
        let url = format!("file://{}", folder.name("out"));
        let by_url = Store::open(&url, runtime()).unwrap();
        by_url.commit("k", Bytes::from_static(b"v")).unwrap();
        assert_eq!(by_path.get("k").unwrap().unwrap(), "v");
    }
}
