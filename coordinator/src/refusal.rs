//! What a client is told when something does not work.

use taster_storage::StorageError;
use taster_tasks::TaskError;
use tonic::{Code, Status};

use crate::error::CoordinatorError;

/// The answer to a client whose request met this error: whose fault it is decides whether asking
/// again helps.
pub(crate) fn refusal(error: &CoordinatorError) -> Status {
    Status::new(code(error), error.to_string())
}

fn code(error: &CoordinatorError) -> Code {
    match error {
        CoordinatorError::Task(TaskError::Parameter(_)) => Code::InvalidArgument,
        CoordinatorError::Task(TaskError::Storage(error)) | CoordinatorError::Storage(error) => {
            match error {
                StorageError::Location { .. }
                | StorageError::Input(_)
                | StorageError::NotFound { .. } => Code::InvalidArgument,
                StorageError::Credentials { .. } => Code::FailedPrecondition,
                _ => Code::Unavailable,
            }
        }
        CoordinatorError::Task(_) => Code::DataLoss,
        _ => Code::Internal,
    }
}

/// The answer when this program is at fault.
pub(crate) fn internal(error: impl std::fmt::Display) -> Status {
    tracing::error!(%error, "internal");
    Status::internal("the coordinator failed; its log says why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_whose_fault_it_is() {
        let storage = |error| CoordinatorError::Task(TaskError::Storage(error));
        let key = || "s3://b/k".to_owned();
        let source = || Box::new(std::io::Error::other("x"));
        for (error, code) in [
            (storage(StorageError::Input("no shard".into())), Code::InvalidArgument),
            (storage(StorageError::NotFound { key: key() }), Code::InvalidArgument),
            (CoordinatorError::Task(TaskError::Parameter("x".into())), Code::InvalidArgument),
            (
                storage(StorageError::Credentials { key: key(), reason: "x".into() }),
                Code::FailedPrecondition,
            ),
            (
                storage(StorageError::Io { action: "read", key: key(), source: source() }),
                Code::Unavailable,
            ),
        ] {
            assert_eq!(refusal(&error).code(), code, "{error}");
        }
    }
}
