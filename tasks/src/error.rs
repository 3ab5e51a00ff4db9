//! What stops an audit. Bad shards do not: they are quarantined.

use taster_ngrams::block::BlockError;
use taster_ngrams::object::ObjectError;
use taster_ngrams::posting::PostingError;
use taster_ngrams::stream::StreamError;
use taster_planning::Quarantine;
use taster_storage::{ReadError, StorageError};
use thiserror::Error;

/// Why a task or an audit could not be finished.
#[derive(Debug, Error)]
pub enum TaskError {
    /// The store has trouble, or an input names nothing.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A parameter that cannot be used.
    #[error("{0}")]
    Parameter(String),
    /// A stored object is not what its key promises. Deleting it makes the task run again.
    #[error("{object} is damaged: {detail}")]
    Damaged {
        /// Key of the object.
        object: String,
        /// What was expected and found.
        detail: String,
    },
    /// A shard turned bad after it was counted; the audit starts over without it.
    #[error("{}: {}", .0.shard, .0.detail)]
    Shard(Quarantine),
    /// The task was told to stop.
    #[error("the task was told to stop")]
    Stopped,
    /// An output could not be written or an earlier one not be read back.
    #[error("{0}")]
    Output(String),
}

impl TaskError {
    pub(crate) fn damaged(object: &str, detail: impl ToString) -> Self {
        Self::Damaged { object: object.to_owned(), detail: detail.to_string() }
    }
}

impl From<ReadError> for TaskError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Shard(quarantine) => Self::Shard(quarantine),
            ReadError::Store(error) => Self::Storage(error),
        }
    }
}

/// Names the object in whose bytes a format error was found.
pub(crate) trait InObject<T> {
    /// Turns the error into [`TaskError::Damaged`].
    fn in_object(self, key: &str) -> Result<T, TaskError>;
}

macro_rules! in_object {
    ($($error:ty),*) => {$(
        impl<T> InObject<T> for Result<T, $error> {
            fn in_object(self, key: &str) -> Result<T, TaskError> {
                self.map_err(|error| TaskError::damaged(key, error))
            }
        }
    )*};
}

in_object!(BlockError, ObjectError, PostingError, StreamError, serde_json::Error);
