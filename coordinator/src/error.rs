//! What ends a coordinator early.

use std::net::SocketAddr;
use std::path::PathBuf;

use taster_process::Ending;
use taster_storage::StorageError;
use taster_tasks::TaskError;
use thiserror::Error;

/// Why a coordinator cannot go on.
#[derive(Debug, Error)]
pub enum CoordinatorError {
    /// The command line cannot be read, or asks for help.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// Settings that cannot be used.
    #[error("{0}")]
    Usage(String),
    /// A file that the settings name cannot be used.
    #[error("{}: {detail}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The work store cannot be used.
    #[error("work store: {0}")]
    Storage(#[from] StorageError),
    /// The records of an audit cannot be used.
    #[error("work store: {0}")]
    Task(#[from] TaskError),
    /// Another coordinator took over the work store.
    #[error(
        "fenced: epoch {theirs} has taken over the work store from this coordinator's epoch {ours}"
    )]
    Fenced {
        /// This coordinator's.
        ours: u64,
        /// The one that took over.
        theirs: u64,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The machine or this program.
    #[error("{0}")]
    Internal(String),
}

impl CoordinatorError {
    /// How the process ends.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self {
            Self::CommandLine(error) if error.exit_code() == 0 => Ending::Clean,
            Self::CommandLine(_) | Self::Usage(_) | Self::File { .. } => Ending::Usage,
            Self::Storage(StorageError::Location { .. }) => Ending::Usage,
            _ => Ending::Infrastructure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_usage_and_trouble_is_infrastructure() {
        let location =
            StorageError::Location { location: "ftp://x".into(), reason: "scheme".into() };
        let refused = StorageError::Credentials { key: "s3://b".into(), reason: "denied".into() };
        let fenced = CoordinatorError::Fenced { ours: 1, theirs: 2 };
        assert!(fenced.to_string().contains("epoch 2"), "{fenced}");
        for (error, code) in [
            (CoordinatorError::Usage("x".into()), 2),
            (CoordinatorError::File { path: "t".into(), detail: "x".into() }, 2),
            (location.into(), 2),
            (refused.into(), 4),
            (fenced, 4),
            (CoordinatorError::Internal("x".into()), 4),
        ] {
            assert_eq!(error.ending().code(), code, "{error}");
        }
    }
}
