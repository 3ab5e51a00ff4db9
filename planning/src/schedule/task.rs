//! Names of audits, workers, stages and tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::Facts;
use crate::{MERGE_SLICES, merge_ranges};

/// Identity of an audit on a coordinator; part of keys in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuditId(pub String);

/// Identity of a worker process: fresh for each process, never a host or pod name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub String);

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The stages of an audit in their order; each begins when the one before is complete. The five
/// waves (count and screen in three steps), and the two single steps that belong to the whole corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// One task per unit: exact df and cf.
    Count,
    /// One task per fingerprint range: exact global df.
    Screen,
    /// One task per unit: exact df and cf of triples, where their pairs are frequent.
    CountTriples,
    /// One task per fingerprint range: exact global df of those.
    ScreenTriples,
    /// One task per unit: exact df and cf of longer n-grams, where their triples are frequent.
    CountLonger,
    /// One task per fingerprint range: exact global df of those.
    ScreenLonger,
    /// One task per unit: where the screened n-grams stand.
    Context,
    /// One task per fingerprint range: statistics and candidates.
    Score,
    /// One task: which candidates are worth verifying, and where their documents are.
    Choose,
    /// One task per errand: re-reads what candidates name.
    Evidence,
    /// One task: the report, from everything that is committed.
    Report,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 11] = [
        Self::Count,
        Self::Screen,
        Self::CountTriples,
        Self::ScreenTriples,
        Self::CountLonger,
        Self::ScreenLonger,
        Self::Context,
        Self::Score,
        Self::Choose,
        Self::Evidence,
        Self::Report,
    ];

    /// The stage after this one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let mut after = Self::ALL.into_iter().skip_while(|stage| *stage != self);
        after.nth(1)
    }

    /// Whether its tasks are units of the manifest, by index.
    #[must_use]
    pub fn is_by_unit(self) -> bool {
        matches!(self, Self::Count | Self::CountTriples | Self::CountLonger | Self::Context)
    }

    /// Number of its tasks, in an audit of so many units whose stage before told these facts.
    #[must_use]
    pub fn tasks(self, units: u32, before: Facts) -> u32 {
        match self {
            Self::Count | Self::CountTriples | Self::CountLonger | Self::Context => units,
            Self::Screen | Self::ScreenTriples | Self::ScreenLonger | Self::Score => {
                merge_ranges(before.bytes, MERGE_SLICES).len() as u32
            }
            Self::Choose | Self::Report => 1,
            Self::Evidence => before.tasks,
        }
    }

    /// Its name in output and keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Screen => "screen",
            Self::CountTriples => "count-triples",
            Self::ScreenTriples => "screen-triples",
            Self::CountLonger => "count-longer",
            Self::ScreenLonger => "screen-longer",
            Self::Context => "context",
            Self::Score => "score",
            Self::Choose => "choose",
            Self::Evidence => "evidence",
            Self::Report => "report",
        }
    }

    /// Its name with its number in front, so that names sort as stages follow each other.
    #[must_use]
    pub fn numbered(self) -> String {
        format!("{:02}-{}", self as u32 + 1, self.name())
    }

    /// The stage of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// One task. The same key always means the same pure function of the same inputs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskKey {
    /// Whose task it is.
    pub audit: AuditId,
    /// Number of shards that were excluded while the audit ran: each exclusion starts it over.
    pub generation: u32,
    /// Its stage.
    pub stage: Stage,
    /// Its place in the stage: of a unit, a range or an errand.
    pub index: u32,
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { audit, generation, stage, index } = self;
        write!(f, "{audit}/{generation}/{}/{index}", stage.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_each_other_and_keep_their_names() {
        assert_eq!(Stage::Count.next(), Some(Stage::Screen));
        assert_eq!(Stage::Report.next(), None);
        for stage in Stage::ALL {
            assert_eq!(Stage::named(stage.name()), Some(stage));
        }
        assert_eq!(Stage::named("merge"), None);
        assert_eq!(Stage::CountTriples.numbered(), "03-count-triples");
        assert!(Stage::ALL.map(Stage::numbered).is_sorted());
    }
}
