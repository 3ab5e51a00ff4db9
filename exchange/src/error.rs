//! What cannot be said in a format, and names that mean nothing.

use thiserror::Error;

/// Why findings cannot be handed over as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExchangeError {
    /// A name that is no finding of the audit, or more than one.
    #[error("finding {name:?}: expected a rank or the first digits of an id, {detail}")]
    Finding {
        /// What was given.
        name: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A campaign that the audit does not have.
    #[error("campaign {0}: expected one of 1 to {1}")]
    Campaign(i32, i32),
    /// An id that would be read as several.
    #[error(
        "id {0:?} holds a line break: a list with one id per line cannot hold it; use --format nemo"
    )]
    LineBreak(String),
    /// More rows than the format can number.
    #[error("row {0}: the format numbers rows with 32 bits")]
    Row(u64),
    /// A value that JSON does not have.
    #[error("{0}")]
    Json(String),
}

impl From<serde_json::Error> for ExchangeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}
