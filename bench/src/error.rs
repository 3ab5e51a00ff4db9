//! What can stop a measurement.

use std::path::{Path, PathBuf};

use taster_lab::LabError;
use taster_storage::{ReadError, StorageError};
use taster_tasks::TaskError;
use thiserror::Error;

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The corpus or a folder has trouble.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A shard of the corpus cannot be read; a figure without it would be about something else.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An audit failed.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A corpus could not be made.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A file or folder has trouble.
    #[error("{action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A path that cannot be handed on.
    #[error("path {0}: expected UTF-8")]
    Path(PathBuf),
    /// A measurement in a process of its own failed.
    #[error("measuring {what}: {detail}")]
    Child {
        /// The measurement.
        what: &'static str,
        /// How it ended, or what it printed.
        detail: String,
    },
    /// A figure could not be written or read as JSON.
    #[error("JSON of a measurement: {0}")]
    Json(#[from] serde_json::Error),
    /// A thread of a measurement panicked.
    #[error("a reading thread panicked")]
    Panicked,
}

impl BenchError {
    /// A failure of the operating system while doing `action` to `path`.
    pub fn file(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::File { action, path, source }
    }
}
