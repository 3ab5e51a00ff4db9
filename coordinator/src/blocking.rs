//! Calls that block, such as every call of a store, on threads that may.

use crate::error::CoordinatorError;

/// Runs `work` on a thread that may block.
///
/// # Errors
/// What `work` says; a panic in it.
pub(crate) async fn blocking<T: Send + 'static, E: Into<CoordinatorError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, CoordinatorError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(error) => Err(CoordinatorError::Internal(format!("a call of the store: {error}"))),
    }
}
