//! What ends a worker early.

use std::path::PathBuf;
use std::time::Duration;

use taster_process::Ending;
use thiserror::Error;

/// Why a worker cannot go on.
#[derive(Debug, Error)]
pub enum WorkerError {
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
    /// The coordinator does not want this worker as it is.
    #[error("the coordinator refused this worker: {0}")]
    Refused(String),
    /// The coordinator did not accept the token or the certificate, at the first contact.
    #[error("the coordinator denied access: {0}")]
    Denied(String),
    /// No conversation for longer than `--give-up-after`.
    #[error("no coordinator at {uri} for {after:?}: {last}")]
    Unreachable {
        /// Where it was expected.
        uri: String,
        /// How long it was tried.
        after: Duration,
        /// What went wrong the last time.
        last: String,
    },
    /// The page of metrics cannot be served.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The machine or this program.
    #[error("{0}")]
    Internal(String),
}

impl WorkerError {
    /// How the process ends.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self {
            Self::CommandLine(error) if error.exit_code() == 0 => Ending::Clean,
            Self::CommandLine(_) | Self::Usage(_) | Self::Configuration { .. } => Ending::Usage,
            _ => Ending::Infrastructure,
        }
    }
}
