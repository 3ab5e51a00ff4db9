//! One object that is read: where it is, and the version that was planned.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use object_store as os;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::store::read_range;
use crate::traffic::{self, Operation};
use crate::{ReadError, StorageError};

/// Where one object is.
#[derive(Clone)]
pub(crate) enum Place {
    File(PathBuf),
    Object { client: Arc<dyn ObjectStore>, bucket: String, path: ObjectPath },
}

/// What a listing says of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Size in bytes.
    pub size: u64,
    /// The store's entity tag.
    pub etag: Option<String>,
}

impl Place {
    /// The path or URL of the object.
    pub(crate) fn location(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object { bucket, path, .. } => format!("s3://{bucket}/{path}"),
        }
    }

    /// The object's present version, or `None` if it is not there.
    pub(crate) fn version(&self, runtime: &Handle) -> Result<Option<Version>, StorageError> {
        match self {
            Self::File(path) => file_version(path),
            Self::Object { client, path, .. } => match runtime.block_on(client.head(path)) {
                Ok(meta) => Ok(Some(Version { size: meta.size, etag: meta.e_tag })),
                Err(os::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(StorageError::store("look at", &self.location(), error)),
            },
        }
    }
}

fn file_version(path: &std::path::Path) -> Result<Option<Version>, StorageError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(version_of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::file("look at", &path.display().to_string(), error)),
    }
}

/// A file's version. The tag follows Apache's `FileETag`: inode, modification time, size.
pub(crate) fn version_of(metadata: &Metadata) -> Version {
    let (inode, size) = (metadata.ino(), metadata.len());
    let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Version { size, etag: Some(format!("\"{inode:x}-{modified:x}-{size:x}\"")) }
}

/// An object opened at the version that was planned. Every read is of that version or fails
/// with [`QuarantineReason::Changed`](taster_planning::QuarantineReason::Changed).
pub(crate) struct Pinned {
    key: String,
    place: Place,
    version: Version,
    /// The open file, if the object is one: its bytes stay the same object's when the path is
    /// replaced.
    file: Option<File>,
    runtime: Handle,
}

impl Pinned {
    /// Opens `place` as `version`, for messages about the shard `key`.
    pub(crate) fn open(
        key: &str,
        place: &Place,
        version: &Version,
        runtime: &Handle,
    ) -> Result<Self, ReadError> {
        let file = match place {
            Place::File(path) => Some(open_file(key, path)?),
            Place::Object { .. } => None,
        };
        let pinned = Self {
            key: key.to_owned(),
            place: place.clone(),
            version: version.clone(),
            file,
            runtime: runtime.clone(),
        };
        pinned.check_file()?;
        Ok(pinned)
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Size of the object in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.version.size
    }

    /// Whether reads are fast enough that small windows are best.
    pub(crate) fn is_local(&self) -> bool {
        self.file.is_some()
    }

    /// Reads exactly `range`, which must lie within the object.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Bytes, ReadError> {
        match (&self.file, &self.place) {
            (Some(file), _) => noted(self.read_file(file, &range)),
            (None, Place::Object { client, path, .. }) => self.read_remote(client, path, range),
            (None, Place::File(_)) => Err(ReadError::changed(&self.key)),
        }
    }

    fn read_file(&self, file: &File, range: &Range<u64>) -> Result<Bytes, ReadError> {
        read_range(file, range).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                return ReadError::changed(&self.key);
            }
            StorageError::file("read", &self.place.location(), error).into()
        })
    }

    fn read_remote(
        &self,
        client: &Arc<dyn ObjectStore>,
        path: &ObjectPath,
        range: Range<u64>,
    ) -> Result<Bytes, ReadError> {
        let wanted = range.end - range.start;
        let answer = ask(Arc::clone(client), path.clone(), self.options(range));
        noted(self.check(wanted, self.runtime.block_on(answer)))
    }

    /// Begins to read `range`, which must lie within the object; `None` if that is not worth it,
    /// as the object is a file.
    pub(crate) fn begin(&self, range: &Range<u64>) -> Option<Underway> {
        let Place::Object { client, path, .. } = &self.place else {
            return None;
        };
        let answer = ask(Arc::clone(client), path.clone(), self.options(range.clone()));
        Some(Underway { wanted: range.end - range.start, answer: self.runtime.spawn(answer) })
    }

    /// Waits for what was begun; as [`Pinned::read`] would have gone.
    pub(crate) fn finish(&self, mut begun: Underway) -> Result<Bytes, ReadError> {
        let answer = self.runtime.block_on(&mut begun.answer).map_err(|error| {
            StorageError::file("read", &self.place.location(), io::Error::other(error))
        })?;
        noted(self.check(begun.wanted, answer))
    }

    fn check(&self, wanted: u64, answer: os::Result<(Version, Bytes)>) -> Result<Bytes, ReadError> {
        let (version, bytes) = answer.map_err(|error| self.classify(error))?;
        if !self.is_version(&version) {
            return Err(ReadError::changed(&self.key));
        }
        if bytes.len() as u64 != wanted {
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, "short answer");
            return Err(StorageError::file("read", &self.place.location(), error).into());
        }
        Ok(bytes)
    }

    /// The tag is sent as a condition and compared in the answer as well: some stores ignore
    /// the condition and return whatever is there.
    fn options(&self, range: Range<u64>) -> GetOptions {
        GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: self.version.etag.as_deref().map(quoted),
            ..GetOptions::default()
        }
    }

    /// A change while a body is resumed surfaces as a nameless error, so the version is asked
    /// for once more before the store is blamed.
    fn classify(&self, error: os::Error) -> ReadError {
        match error {
            os::Error::NotFound { .. } | os::Error::Precondition { .. } => {
                ReadError::changed(&self.key)
            }
            error => match self.place.version(&self.runtime) {
                Ok(now) if now.as_ref().is_none_or(|now| !self.is_version(now)) => {
                    ReadError::changed(&self.key)
                }
                _ => StorageError::store("read", &self.place.location(), error).into(),
            },
        }
    }

    fn is_version(&self, now: &Version) -> bool {
        now.size == self.version.size && same_tag(now.etag.as_deref(), self.version.etag.as_deref())
    }

    /// Compares an open file with the version that was planned; remote objects are compared on
    /// every read.
    pub(crate) fn check_file(&self) -> Result<(), ReadError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let now = file
            .metadata()
            .map_err(|e| StorageError::file("look at", &self.place.location(), e))?;
        match self.is_version(&version_of(&now)) {
            true => Ok(()),
            false => Err(ReadError::changed(&self.key)),
        }
    }
}

/// A request of which the answer has not been asked for. Dropping it gives it up.
pub(crate) struct Underway {
    /// Bytes that must come.
    wanted: u64,
    answer: JoinHandle<os::Result<(Version, Bytes)>>,
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.answer.abort();
    }
}

/// Reads what `options` say, and the version that it belongs to.
async fn ask(
    client: Arc<dyn ObjectStore>,
    path: ObjectPath,
    options: GetOptions,
) -> os::Result<(Version, Bytes)> {
    let answer = client.get_opts(&path, options).await?;
    let version = Version { size: answer.meta.size, etag: answer.meta.e_tag.clone() };
    Ok((version, answer.bytes().await?))
}

/// Takes note of a read.
fn noted(read: Result<Bytes, ReadError>) -> Result<Bytes, ReadError> {
    traffic::note(Operation::Read, read.as_ref().ok().map(Bytes::len));
    read
}

fn open_file(key: &str, path: &std::path::Path) -> Result<File, ReadError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::changed(key),
        _ => StorageError::file("open", &path.display().to_string(), error).into(),
    })
}

/// Whether two tags name the same version. One that is unknown contradicts nothing.
pub(crate) fn same_tag(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => bare(one) == bare(other),
        _ => true,
    }
}

fn bare(tag: &str) -> &str {
    tag.trim_start_matches("W/").trim_matches('"')
}

/// The form that HTTP wants, whatever a list of inputs wrote.
fn quoted(tag: &str) -> String {
    format!("\"{}\"", bare(tag))
}
