//! Known signatures: triggers and patterns that were looked for by name, in explanations and in the report.

use serde::{Deserialize, Serialize};

use crate::visible::visible;

/// A signature that a finding matches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownSignature<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is known from; may be empty.
    pub reason: &'a str,
    /// It matches fewer canonical documents than the floor.
    pub is_rare: bool,
    /// Documents that match beyond those that were looked at.
    pub unlisted: u64,
}

impl KnownSignature<'_> {
    /// Why a match is suspicious, in words that are safe to print.
    pub(crate) fn told(&self) -> String {
        let (name, reason) = (self.name, visible(self.reason));
        let colon = if reason.is_empty() { "" } else { ": " };
        format!("it matches the known signature {name}{colon}{reason}")
    }
}

/// What one signature matched in the whole corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureEntry {
    /// Its name.
    pub name: String,
    /// Documents with a match, duplicates included.
    pub documents: i64,
    /// Matches.
    pub occurrences: i64,
    /// Listed findings that match it, by rank.
    pub findings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_told_safely() {
        let known = KnownSignature { name: "a-b", reason: "", is_rare: false, unlisted: 0 };
        assert_eq!(known.told(), "it matches the known signature a-b");
        let known = KnownSignature { reason: "x\u{202e}y", ..known };
        assert_eq!(known.told(), "it matches the known signature a-b: x\\u{202e}y");
    }
}
