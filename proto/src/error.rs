//! A message that cannot be understood.

use thiserror::Error;

/// Characters of a value that are repeated in an error.
const SHOWN_CHARS: usize = 80;

/// A field of a message does not hold what it must. Nothing of the message was used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: expected {expected}, got {got}")]
pub struct WireError {
    /// The field, with its message: `task.stage`.
    pub field: &'static str,
    /// What may stand there.
    pub expected: &'static str,
    /// What stands there: shortened, control characters escaped.
    pub got: String,
}

impl WireError {
    /// An error about a text, which is escaped and shortened.
    pub(crate) fn text(field: &'static str, expected: &'static str, got: &str) -> Self {
        let shown: String = got.chars().take(SHOWN_CHARS).collect();
        let more = if shown.len() < got.len() { "…" } else { "" };
        Self { field, expected, got: format!("{shown:?}{more}") }
    }

    /// An error about a number.
    pub(crate) fn number(field: &'static str, expected: &'static str, got: u64) -> Self {
        Self { field, expected, got: got.to_string() }
    }

    /// An error about a field that is not there.
    pub(crate) fn nothing(field: &'static str, expected: &'static str) -> Self {
        Self { field, expected, got: "nothing".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_51_what_was_got_is_escaped_and_shortened() {
        let error = WireError::text("task.stage", "a stage", "\u{1b}[2J\u{202e}");
        assert_eq!(error.to_string(), "task.stage: expected a stage, got \"\\u{1b}[2J\\u{202e}\"");
        let long = WireError::text("f", "x", &"é".repeat(5000)).to_string();
        assert!(long.chars().count() < 120 && long.ends_with('…'), "{long}");
    }
}
