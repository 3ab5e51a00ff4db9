//! What is new, gone and changed between two audits of a corpus.

use std::collections::BTreeMap;

use serde::Serialize;
use taster_findings::{Finding, Severity};

/// A finding that is in one audit only, or is judged otherwise in the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FindingChange {
    /// `new`, `gone` or `changed`.
    pub change: Change,
    /// Stable id.
    pub finding_id: String,
    /// Its text, as it stands in the newest audit that has it.
    pub text: String,
    /// Severity before; absent if it is new.
    pub old_severity: Option<Severity>,
    /// Severity now; absent if it is gone.
    pub new_severity: Option<Severity>,
    /// Documents before.
    pub old_documents: Option<i64>,
    /// Documents now.
    pub new_documents: Option<i64>,
}

/// A shard that is in one audit only, or has other texts in the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardChange {
    /// `new`, `gone` or `changed`.
    pub change: Change,
    /// Key relative to the input root.
    pub shard: String,
}

/// A document whose text is another one although its URL (or id) is the same: what whoever
/// controls a page can do between two crawls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentChange {
    /// URL, or id if there is none.
    pub name: String,
    /// Its shard now.
    pub shard: String,
    /// Its row now.
    pub row: i64,
    /// Its id now.
    pub id: String,
}

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// In the new audit only.
    New,
    /// In the old audit only.
    Gone,
    /// In both, and not the same.
    Changed,
}

impl Change {
    /// Its name in output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Changed => "changed",
        }
    }
}

impl FindingChange {
    /// Whether it is a reason to look: at or above `threshold` now, and not before.
    #[must_use]
    pub fn rises_to(&self, threshold: Severity) -> bool {
        let at = |severity: Option<Severity>| severity.is_some_and(|s| s >= threshold);
        at(self.new_severity) && !at(self.old_severity)
    }
}

/// Findings that differ: new ones by rank, then changed ones by rank, then those that are gone by
/// the rank they had. A finding has changed if its severity or its number of documents has.
#[must_use]
pub fn findings(old: &[Finding], new: &[Finding]) -> Vec<FindingChange> {
    let before: BTreeMap<&str, &Finding> = by_id(old);
    let now: BTreeMap<&str, &Finding> = by_id(new);
    let differs = |a: &Finding, b: &Finding| {
        (a.severity, a.document_frequency) != (b.severity, b.document_frequency)
    };
    let mut changes: Vec<FindingChange> = new
        .iter()
        .filter_map(|finding| match before.get(finding.finding_id.as_str()) {
            None => Some(change(Change::New, None, Some(finding))),
            Some(old) if differs(old, finding) => {
                Some(change(Change::Changed, Some(old), Some(finding)))
            }
            Some(_) => None,
        })
        .collect();
    changes.sort_by_key(|change| change.change != Change::New);
    let gone = old.iter().filter(|finding| !now.contains_key(finding.finding_id.as_str()));
    changes.extend(gone.map(|finding| change(Change::Gone, Some(finding), None)));
    changes
}

fn by_id(findings: &[Finding]) -> BTreeMap<&str, &Finding> {
    findings.iter().map(|finding| (finding.finding_id.as_str(), finding)).collect()
}

fn change(change: Change, old: Option<&Finding>, new: Option<&Finding>) -> FindingChange {
    let shown = new.or(old);
    FindingChange {
        change,
        finding_id: shown.map(|finding| finding.finding_id.clone()).unwrap_or_default(),
        text: shown.map(|finding| finding.text.clone()).unwrap_or_default(),
        old_severity: old.map(|finding| finding.severity),
        new_severity: new.map(|finding| finding.severity),
        old_documents: old.map(|finding| finding.document_frequency),
        new_documents: new.map(|finding| finding.document_frequency),
    }
}

/// Shards that differ, by key; each is given as key and digest of its texts, none for one that
/// could not be read.
#[must_use]
pub fn shards<'a>(
    old: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    new: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Vec<ShardChange> {
    let old: BTreeMap<&str, Option<&str>> = old.into_iter().collect();
    let new: BTreeMap<&str, Option<&str>> = new.into_iter().collect();
    let mut changes: BTreeMap<&str, Change> = BTreeMap::new();
    for (key, digest) in &new {
        match old.get(key) {
            None => drop(changes.insert(key, Change::New)),
            Some(before) if before != digest => drop(changes.insert(key, Change::Changed)),
            Some(_) => {}
        }
    }
    changes
        .extend(old.keys().filter(|key| !new.contains_key(*key)).map(|key| (*key, Change::Gone)));
    let change = |(key, change): (&str, Change)| ShardChange { change, shard: key.to_owned() };
    changes.into_iter().map(change).collect()
}

/// What each named document of an audit said, for comparison with another audit. 32 bytes per
/// document: names and texts by 128 bits of BLAKE3 each.
#[derive(Debug, Default)]
pub struct Contents {
    entries: Vec<(u128, u128)>,
    is_sorted: bool,
}

impl Contents {
    /// Notes that a document called `name` has a text with this digest (hexadecimal digits).
    pub fn add(&mut self, name: &str, digest: &str) {
        self.entries.push((number(name), number(digest)));
        self.is_sorted = false;
    }

    /// Makes it ready for questions.
    pub fn sort(&mut self) {
        self.entries.sort_unstable();
        self.entries.dedup();
        self.is_sorted = true;
    }

    /// Whether documents called `name` are known and none of them had the text with this digest.
    /// Asked before [`Contents::sort`] it knows nothing.
    #[must_use]
    pub fn has_changed(&self, name: &str, digest: &str) -> bool {
        if !self.is_sorted {
            return false;
        }
        let (name, digest) = (number(name), number(digest));
        let from = self.entries.partition_point(|entry| entry.0 < name);
        let known = self.entries[from..].iter().take_while(|entry| entry.0 == name);
        let mut known = known.peekable();
        known.peek().is_some() && known.all(|entry| entry.1 != digest)
    }
}

fn number(text: &str) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    u128::from_le_bytes(half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::tests::finding;

    #[test]
    fn findings_are_new_gone_or_changed() {
        let old = [
            finding(1, Severity::High, 1, "same"),
            finding(2, Severity::High, 1, "gone"),
            finding(3, Severity::Low, 1, "risen"),
        ];
        let mut more = finding(3, Severity::High, 1, "same");
        more.document_frequency += 1;
        let new = [
            finding(1, Severity::Critical, 1, "risen"),
            finding(2, Severity::Medium, 1, "new"),
            more,
        ];
        let changes = findings(&old, &new);
        let told: Vec<_> = changes.iter().map(|c| (c.change.name(), c.text.as_str())).collect();
        assert_eq!(
            told,
            [("new", "new"), ("changed", "risen"), ("changed", "same"), ("gone", "gone")]
        );
        let rises: Vec<_> = changes.iter().map(|c| c.rises_to(Severity::High)).collect();
        assert_eq!(rises, [false, true, false, false]);
        assert!(changes[0].rises_to(Severity::Medium));
        assert_eq!(findings(&new, &new), []);
    }

    #[test]
    fn shards_are_compared_by_their_texts() {
        let old = [("a", Some("1")), ("b", Some("2")), ("c", None)];
        let new = [("b", Some("3")), ("c", None), ("d", Some("4"))];
        let told: Vec<_> =
            shards(old, new).into_iter().map(|c| (c.change.name(), c.shard)).collect();
        let expected =
            [("gone", "a".to_owned()), ("changed", "b".to_owned()), ("new", "d".to_owned())];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_document_has_changed_if_none_of_its_name_said_the_same() {
        let mut contents = Contents::default();
        for (name, digest) in [("u", "1"), ("u", "2"), ("v", "3")] {
            contents.add(name, digest);
        }
        assert!(!contents.has_changed("v", "4"), "not sorted yet");
        contents.sort();
        assert!(contents.has_changed("v", "4") && contents.has_changed("u", "3"));
        assert!(!contents.has_changed("u", "2") && !contents.has_changed("new", "1"));
    }
}
