//! What this process has asked of stores and folders so far, for metrics. Counted for the whole
//! process, as what is wanted to be known is whether its stores do well.

use std::sync::atomic::{AtomicU64, Ordering};

/// Operations that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Write,
    List,
    Other,
}

impl Operation {
    /// The operation that messages call so.
    pub(crate) fn of(action: &str) -> Self {
        match action {
            "read" | "open" => Self::Read,
            "write" => Self::Write,
            "list" => Self::List,
            _ => Self::Other,
        }
    }
}

const NAMES: [&str; 4] = ["read", "write", "list", "other"];

#[derive(Debug)]
struct Counts {
    done: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    const fn zero() -> Self {
        Self { done: AtomicU64::new(0), failed: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }
}

static COUNTS: [Counts; 4] = [const { Counts::zero() }; 4];
static DOCUMENTS: AtomicU64 = AtomicU64::new(0);

/// Requests of one kind so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// `read`, `write`, `list` or `other`.
    pub operation: &'static str,
    /// Requests that went well, as seen after retries.
    pub done: u64,
    /// Requests that did not; what is not there counts here as well.
    pub failed: u64,
    /// Bytes moved by those that went well.
    pub bytes: u64,
}

/// What this process has asked of stores and folders so far.
#[must_use]
pub fn traffic() -> [Traffic; 4] {
    let of = |index: usize| {
        let Counts { done, failed, bytes } = &COUNTS[index];
        let [done, failed, bytes] =
            [done, failed, bytes].map(|count| count.load(Ordering::Relaxed));
        Traffic { operation: NAMES[index], done, failed, bytes }
    };
    [of(0), of(1), of(2), of(3)]
}

/// Documents that this process has decoded so far, some of them more than once.
#[must_use]
pub fn documents_decoded() -> u64 {
    DOCUMENTS.load(Ordering::Relaxed)
}

/// A request ended: with so many bytes, or badly.
pub(crate) fn note(operation: Operation, bytes: Option<usize>) {
    let counts = &COUNTS[operation as usize];
    match bytes {
        Some(bytes) => {
            counts.done.fetch_add(1, Ordering::Relaxed);
            counts.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        None => drop(counts.failed.fetch_add(1, Ordering::Relaxed)),
    }
}

/// Documents were decoded.
pub(crate) fn note_documents(documents: usize) {
    DOCUMENTS.fetch_add(documents as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    // Other tests of this process move bytes at the same time: at least so much is there.
    #[test]
    fn what_was_asked_is_counted_by_operation() {
        let before = traffic();
        note(Operation::of("list"), Some(7));
        note(Operation::of("look at"), None);
        note_documents(3);
        let after = traffic();
        assert!(after[2].done > before[2].done && after[2].bytes >= before[2].bytes + 7);
        assert!(after[3].failed > before[3].failed);
        assert_eq!(after.map(|counts| counts.operation), ["read", "write", "list", "other"]);
        assert!(documents_decoded() >= 3);
    }
}
