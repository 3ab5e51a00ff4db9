//! Why a conversation ended or did not begin.

use taster_proto::WireError;
use thiserror::Error;
use tonic::{Code, Status};

/// The end of a conversation, or of the attempt to begin one.
#[derive(Debug, Error)]
pub(crate) enum Parting {
    /// The worker is ending and has said everything.
    #[error("the worker ends")]
    Closed,
    /// The coordinator does not want this worker as it is.
    #[error("refused: {0}")]
    Refused(String),
    /// The coordinator does not accept the token or the certificate.
    #[error("denied: {0}")]
    Denied(String),
    /// A coordinator that another one has replaced.
    #[error("expected a coordinator of epoch {expected} or higher, got one of epoch {got}")]
    Replaced { expected: u64, got: u64 },
    /// Nothing was heard for a lease.
    #[error("nothing was heard for a lease")]
    Silent,
    /// It could not be reached, or said what is not understood, or broke off.
    #[error("{0}")]
    Broken(String),
}

impl From<Status> for Parting {
    fn from(status: Status) -> Self {
        let message = match status.message() {
            "" => status.code().description().to_owned(),
            message => message.to_owned(),
        };
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => Self::Denied(message),
            // Not ours to tell apart: a restarting coordinator and a proxy before it answer alike.
            code => Self::Broken(format!("{code:?}: {message}{}", causes(&status))),
        }
    }
}

impl From<WireError> for Parting {
    fn from(error: WireError) -> Self {
        Self::Broken(error.to_string())
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(|cause| format!(": {cause}")).collect()
}
