//! What ends a command early, and with which exit code.

use std::path::PathBuf;

use taster_lab::LabError;
use taster_storage::StorageError;
use taster_tasks::TaskError;
use thiserror::Error;

use crate::exit::Ending;

/// Why a command could not do its work.
#[derive(Debug, Error)]
pub enum CliError {
    /// The command line cannot be read, or asks for help.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// Settings that cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The configuration file cannot be used.
    #[error("configuration file {path}: {detail}")]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// An audit's task failed.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A location cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A planted corpus could not be made.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// Standard output does not take what is written; a closed pipe is no error.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] std::io::Error),
    /// A local file.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A coordinator refused a request, or cannot be reached.
    #[error("{coordinator}: {detail}")]
    Remote {
        /// Its URL.
        coordinator: String,
        /// What it says.
        detail: String,
        /// Whether the request is wrong: asking again would not help.
        is_request: bool,
    },
    /// The machine or this program.
    #[error("{0}")]
    Internal(String),
}

impl CliError {
    /// Whether a coordinator found the request wrong.
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Remote { is_request: true, .. })
    }

    /// What to do next, where the error itself does not say it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Task(TaskError::Storage(error)) | Self::Storage(error) => match error {
                StorageError::Credentials { .. } => Some(
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (profiles of ~/.aws are not \
                     read), then `taster doctor --store URL` tells what is allowed",
                ),
                StorageError::NotFound { .. } => Some(
                    "an input is a Parquet file, a folder, a glob, s3://bucket/prefix, file://… or \
                     @list.txt; an output is a folder that can be made",
                ),
                _ => None,
            },
            Self::Remote { is_request: false, .. } => {
                Some("is the coordinator there? --coordinator URL names another")
            }
            _ => None,
        }
    }

    /// How the command ends.
    pub fn ending(&self) -> Ending {
        match self {
            Self::CommandLine(error) if error.exit_code() == 0 => Ending::Clean,
            Self::CommandLine(_) | Self::Usage(_) | Self::Configuration { .. } => Ending::Usage,
            Self::Task(error) => of_task(error),
            Self::Storage(error) => of_storage(error),
            Self::Remote { is_request: true, .. } => Ending::Usage,
            Self::Remote { .. } => Ending::Infrastructure,
            Self::Lab(_) | Self::Output(_) | Self::File { .. } | Self::Internal(_) => {
                Ending::Infrastructure
            }
        }
    }
}

fn of_task(error: &TaskError) -> Ending {
    match error {
        TaskError::Parameter(_) => Ending::Usage,
        TaskError::Storage(error) => of_storage(error),
        _ => Ending::Infrastructure,
    }
}

/// What the user wrote is wrong where a location cannot be read or an input names nothing;
/// objects that vanish while an audit runs are quarantined and never come here.
fn of_storage(error: &StorageError) -> Ending {
    match error {
        StorageError::Location { .. } | StorageError::Input(_) | StorageError::NotFound { .. } => {
            Ending::Usage
        }
        _ => Ending::Infrastructure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> StorageError {
        StorageError::Input("no input was given".into())
    }

    fn refused() -> StorageError {
        StorageError::Credentials { key: "s3://b".into(), reason: "denied".into() }
    }

    #[test]
    fn what_the_user_wrote_is_usage_and_trouble_is_infrastructure() {
        let usage = [
            CliError::Usage("x".into()),
            CliError::Storage(input()),
            CliError::Task(TaskError::Storage(input())),
            CliError::Task(TaskError::Storage(StorageError::NotFound { key: "x".into() })),
            CliError::Task(TaskError::Parameter("x".into())),
            CliError::Configuration { path: "taster.toml".into(), detail: "x".into() },
        ];
        assert!(usage.iter().all(|error| error.ending() == Ending::Usage));
        let trouble = [
            CliError::Storage(refused()),
            CliError::Task(TaskError::Storage(refused())),
            CliError::Task(TaskError::Damaged { object: "x".into(), detail: "y".into() }),
            CliError::Output(std::io::ErrorKind::StorageFull.into()),
            CliError::Internal("x".into()),
        ];
        assert!(trouble.iter().all(|error| error.ending() == Ending::Infrastructure));
    }
}
